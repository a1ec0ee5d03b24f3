// XNNPACK: the NHWC deconvolution operator, which packs its weights when it is made.
#include <xnnpack.h>

#include <algorithm>
#include <limits>

#include "peer.h"

namespace peers {

namespace {

const char *name_of(xnn_status status) {
    switch (status) {
        case xnn_status_success:
            return "success";
        case xnn_status_uninitialized:
            return "uninitialized";
        case xnn_status_invalid_parameter:
            return "invalid parameter";
        case xnn_status_unsupported_parameter:
            return "unsupported parameter";
        case xnn_status_unsupported_hardware:
            return "unsupported hardware";
        default:
            return "out of memory, or another failure";
    }
}

void expect_success(xnn_status status, const char *call) {
    if (status != xnn_status_success)
        throw Unsupported(std::string(call) + ": " + name_of(status));
}

uint32_t u32(int value) {
    return static_cast<uint32_t>(value);
}

size_t at(int value) {
    return static_cast<size_t>(value);
}

// (groups * C_in/group, C_out/group, kH, kW) as XNNPACK wants it: [group][C_out/group][kH][kW][C_in/group].
std::vector<float> kernel_of(const Problem &problem) {
    const Layer &layer = problem.layer;
    const size_t inputs = at(layer.in_channels / layer.groups), outputs = at(layer.out_channels / layer.groups);
    const size_t taps = at(layer.kernel[0]) * at(layer.kernel[1]);
    std::vector<float> kernel(problem.filter.size());
    float *to = kernel.data();
    for (size_t group = 0; group < at(layer.groups); group++) {
        for (size_t o = 0; o < outputs; o++) {
            for (size_t tap = 0; tap < taps; tap++) {
                for (size_t i = 0; i < inputs; i++)
                    *to++ = problem.filter.data()[((group * inputs + i) * outputs + o) * taps + tap];
            }
        }
    }
    return kernel;
}

class Xnnpack : public Peer {
public:
    explicit Xnnpack(int threads) {
        if (xnn_initialize(nullptr) != xnn_status_success)
            throw std::runtime_error("xnn_initialize failed");
        if (threads > 1)
            pool_.reset(pthreadpool_create(at(threads)));
    }

    std::string version() const override { return PEERS_XNNPACK_VERSION; }

    Json prepare(const Problem &problem) override {
        const Layer &layer = problem.layer;
        const std::vector<float> kernel = kernel_of(problem);
        output_ = std::make_unique<Floats>(layer.output_count());
        constexpr float kInfinity = std::numeric_limits<float>::infinity();
        xnn_operator_t made = nullptr;
        expect_success(
            xnn_create_deconvolution2d_nhwc_f32(
                u32(layer.pad_begin[0]), u32(layer.pad_end[1]), u32(layer.pad_end[0]), u32(layer.pad_begin[1]),
                u32(layer.kernel[0]), u32(layer.kernel[1]), u32(layer.stride[0]), u32(layer.stride[1]),
                u32(layer.dilation[0]), u32(layer.dilation[1]), u32(layer.groups), at(layer.in_channels / layer.groups),
                at(layer.out_channels / layer.groups), at(layer.in_channels), at(layer.out_channels), kernel.data(),
                problem.bias_or_null(), -kInfinity, kInfinity, 0, &made),
            "xnn_create_deconvolution2d_nhwc_f32");
        operator_.reset(made);
        expect_success(
            xnn_setup_deconvolution2d_nhwc_f32(made, at(layer.batch), at(layer.in_size[0]), at(layer.in_size[1]),
                                               u32(layer.output_padding[0]), u32(layer.output_padding[1]),
                                               problem.input.data(), output_->data(), pool_.get()),
            "xnn_setup_deconvolution2d_nhwc_f32");
        return Json::object();
    }

    void run() override { expect_success(xnn_run_operator(operator_.get(), pool_.get()), "xnn_run_operator"); }

    void read_output(float *to) override { std::copy_n(output_->data(), output_->size(), to); }

    void release() override {
        operator_.reset();
        output_.reset();
    }

private:
    struct DeletePool {
        void operator()(pthreadpool_t pool) const { pthreadpool_destroy(pool); }
    };
    struct DeleteOperator {
        void operator()(xnn_operator_t made) const { xnn_delete_operator(made); }
    };
    std::unique_ptr<pthreadpool, DeletePool> pool_;
    std::unique_ptr<xnn_operator, DeleteOperator> operator_;
    std::unique_ptr<Floats> output_;
};

}  // namespace

std::unique_ptr<Peer> make_peer(int threads) {
    return std::make_unique<Xnnpack>(threads);
}

}  // namespace peers
