// oneDNN: one deconvolution primitive. Weights are reordered beforehand into the layout that the primitive asks for; for
// NCHW that is left to it for input and output too, and their reorders are not timed: the most that it can be given.
#include <dnnl.hpp>

#include <algorithm>

#include "peer.h"

namespace peers {

namespace {

using dnnl::memory;

memory::dim dim(int value) {
    return value;
}

class OneDnn : public Peer {
public:
    std::string version() const override {
        const dnnl_version_t *v = dnnl::version();
        return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
    }

    Json prepare(const Problem &problem) override {
        const Layer &layer = problem.layer;
        const memory::dims input_dims = {layer.batch, layer.in_channels, layer.in_size[0], layer.in_size[1]};
        const memory::dims output_dims = {layer.batch, layer.out_channels, layer.size[0], layer.size[1]};
        const auto plain = layer.nhwc ? memory::format_tag::nhwc : memory::format_tag::nchw;
        const auto wanted = layer.nhwc ? memory::format_tag::nhwc : memory::format_tag::any;
        const memory::desc plain_input(input_dims, memory::data_type::f32, plain);
        plain_output_ = memory::desc(output_dims, memory::data_type::f32, plain);
        const memory::desc bias_desc =
            layer.bias ? memory::desc({layer.out_channels}, memory::data_type::f32, memory::format_tag::a)
                       : memory::desc();
        memory::dims strides, dilates, begin, end;
        for (size_t axis = 0; axis < 2; axis++) {
            strides.push_back(layer.stride[axis]);
            dilates.push_back(layer.dilation[axis] - 1);
            begin.push_back(layer.pad_begin[axis]);
            end.push_back(layer.pad_end[axis] - layer.output_padding[axis]);
        }
        const memory::desc plain_filter = filter_desc(layer, false), any_filter = filter_desc(layer, true);
        dnnl::deconvolution_forward::primitive_desc chosen;
        try {
            chosen = dnnl::deconvolution_forward::primitive_desc(
                engine_, dnnl::prop_kind::forward_inference, dnnl::algorithm::deconvolution_direct,
                memory::desc(input_dims, memory::data_type::f32, wanted), any_filter, bias_desc,
                memory::desc(output_dims, memory::data_type::f32, wanted), strides, dilates, begin, end);
        } catch (const dnnl::error &error) {
            throw Unsupported(error.message);
        }
        const memory input = reordered(plain_input, problem.input.data(), chosen.src_desc());
        const memory filter = reordered(plain_filter, problem.filter.data(), chosen.weights_desc());
        output_ = memory(chosen.dst_desc(), engine_);
        arguments_ = {{DNNL_ARG_SRC, input}, {DNNL_ARG_WEIGHTS, filter}, {DNNL_ARG_DST, output_}};
        if (layer.bias)
            arguments_.emplace(DNNL_ARG_BIAS, reordered(bias_desc, problem.bias.data(), bias_desc));
        primitive_ = dnnl::deconvolution_forward(chosen);
        return {{"detail", chosen.impl_info_str()}};
    }

    void run() override {
        primitive_.execute(stream_, arguments_);
        stream_.wait();
    }

    void read_output(float *to) override {
        memory plain(plain_output_, engine_);
        dnnl::reorder(output_, plain).execute(stream_, output_, plain);
        stream_.wait();
        const auto *from = static_cast<const float *>(plain.map_data());
        std::copy_n(from, plain_output_.get_size() / sizeof(float), to);
        plain.unmap_data(const_cast<float *>(from));
    }

    void release() override {
        arguments_.clear();
        output_ = memory();
        primitive_ = dnnl::deconvolution_forward();
    }

private:
    // Logical (O, I, kH, kW), with a leading G if there are groups; ours lie as (G*I, O, kH, kW).
    static memory::desc filter_desc(const Layer &layer, bool any) {
        const memory::dim o = layer.out_channels / layer.groups, i = layer.in_channels / layer.groups;
        const memory::dim h = layer.kernel[0], w = layer.kernel[1];
        memory::dims dims = {dim(layer.groups), o, i, h, w}, strides = {i * o * h * w, h * w, o * h * w, w, 1};
        if (layer.groups == 1) {
            dims.erase(dims.begin());
            strides.erase(strides.begin());
        }
        return any ? memory::desc(dims, memory::data_type::f32, memory::format_tag::any)
                   : memory::desc(dims, memory::data_type::f32, strides);
    }

    memory reordered(const memory::desc &plain, const float *values, const memory::desc &wanted) {
        memory source(plain, engine_);
        auto *to = static_cast<float *>(source.map_data());
        std::copy_n(values, plain.get_size() / sizeof(float), to);
        source.unmap_data(to);
        if (plain == wanted)
            return source;
        memory target(wanted, engine_);
        dnnl::reorder(source, target).execute(stream_, source, target);
        stream_.wait();
        return target;
    }

    dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream_{engine_};
    dnnl::deconvolution_forward primitive_;
    std::unordered_map<int, memory> arguments_;
    memory output_;
    memory::desc plain_output_;
};

}  // namespace

std::unique_ptr<Peer> make_peer(int) {
    return std::make_unique<OneDnn>();
}

}  // namespace peers
