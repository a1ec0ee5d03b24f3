// tconv itself, through its C ABI; and what this machine could do for the layer, as `tconv bench` measures it.
#include "tconv/tconv.h"

#include <algorithm>
#include <optional>

#include "geometry.h"
#include "machine.h"
#include "peer.h"
#include "plan.h"
#include "roof.h"
#include "trial.h"

namespace peers {

namespace {

namespace tool = tconv::tool;

class Tconv : public Peer {
public:
    explicit Tconv(int threads) : threads_(threads) {}
    ~Tconv() override { tconv_plan_destroy(plan_); }
    Tconv(const Tconv &) = delete;
    Tconv &operator=(const Tconv &) = delete;

    std::string version() const override {
        return std::to_string(TCONV_VERSION_MAJOR) + "." + std::to_string(TCONV_VERSION_MINOR) + "." +
               std::to_string(TCONV_VERSION_PATCH);
    }

    Json prepare(const Problem &problem) override {
        const Layer &layer = problem.layer;
        tconv_spec spec;
        tconv_spec_init(&spec, sizeof spec);
        char message[512] = "";
        if (tconv_spec_parse(layer.text.c_str(), &spec, message, sizeof message) != TCONV_OK)
            throw Unsupported(layer.text + ": " + message);
        release();
        if (tconv_plan_create(&spec, nullptr, &threads_.hooks(), &plan_) != TCONV_OK)
            throw Unsupported(threads_.log());
        work_ = tconv::work_of(spec);
        output_.emplace(layer.output_count());
        tconv_requirements need;
        tconv_requirements_init(&need, sizeof need);
        tconv_plan_requirements(plan_, &need);
        packed_.emplace(need.packed_filter_bytes);
        workspace_.emplace(need.workspace_bytes);
        tconv_view filter;
        tconv_view_filter(&spec, TCONV_IOHW, problem.filter.data(), &filter);
        if (tconv_pack_filter(plan_, &filter, packed_->data(), packed_->bytes()) != TCONV_OK)
            throw std::runtime_error("packing: " + threads_.log());
        tconv_tensors_init(&tensors_, sizeof tensors_);
        tconv_view_input(&spec, spec.layout, problem.input.data(), &tensors_.input);
        tconv_view_output(&spec, spec.layout, output_->data(), &tensors_.output);
        tensors_.packed_filter = packed_->data();
        tensors_.bias = problem.bias_or_null();
        tensors_.workspace = workspace_->data();
        tensors_.workspace_bytes = workspace_->bytes();
        return {{"kernel", plan_->choice.kernel->name},
                {"isa", tconv::isa_name(plan_->choice.kernel->isa)},
                {"flops_executed", plan_->choice.cost.flops_executed},
                {"commit", tool::build_commit()},
                {"cpu", tool::cpu_name()}};
    }

    void run() override {
        if (tconv_run(plan_, &tensors_) != TCONV_OK)
            throw std::runtime_error("running: " + threads_.log());
    }

    void read_output(float *to) override { std::copy_n(output_->data(), output_->size(), to); }

    void release() override {
        tconv_plan_destroy(plan_);
        plan_ = nullptr;
        output_.reset();
        packed_.reset();
        workspace_.reset();
    }

    Json rates() override {
        const tconv::Kernel &kernel = *plan_->choice.kernel;
        const double bytes = tool::compulsory_bytes(work_);
        return {{"fma_gflops", tool::measure_fma_gflops(kernel.isa, kernel.dtype, threads_)},
                {"copy_gbs", tool::measure_copy_gbs(bytes, threads_)},
                {"bytes", bytes}};
    }

private:
    tool::Threads threads_;
    tconv_plan *plan_ = nullptr;
    std::optional<Floats> output_;
    std::optional<tool::Memory> packed_, workspace_;
    tconv_tensors tensors_;
    tconv::Work work_;
};

}  // namespace

std::unique_ptr<Peer> make_peer(int threads) {
    return std::make_unique<Tconv>(threads);
}

}  // namespace peers
