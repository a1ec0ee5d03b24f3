#include "device_stages.h"

#include <bit>

#include "converging_products.h"
#include "fragments.h"
#include "loop_conditions.h"

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;

namespace {

// Halide writes constants of OpenCL as float32, doubles too. Their bits it writes as they are.
class DoublesByBits : public IRMutator {
    using IRMutator::visit;

    Expr visit(const FloatImm *op) override {
        if (op->type != Float(64))
            return op;
        return reinterpret<double>(UIntImm::make(UInt(64), std::bit_cast<uint64_t>(op->value)));
    }
};

// Numbers in the place of variables. Loops are made by now; which of them are partitioned, unrolled and vectorized, and with
// that the order of each sum, is the same as for any sizes.
class Fixed : public IRMutator {
public:
    Fixed(const DeviceConstants &constants, const std::string &output) {
        for (const auto &[name, value] : constants) {
            const bool of_output = name.rfind("output.", 0) == 0;
            values_[of_output ? output + name.substr(name.find('.')) : name] = value;
        }
    }

    using IRMutator::mutate;
    Stmt mutate(const Stmt &s) override {
        const bool outermost = !inside_;
        inside_ = true;
        const Stmt fixed = IRMutator::mutate(s);
        inside_ = !outermost;
        return outermost ? simplify(fixed) : fixed;
    }

private:
    using IRMutator::visit;

    Expr visit(const Variable *op) override {
        const auto found = values_.find(op->name);
        if (found == values_.end())
            return op;
        return op->type.is_float() ? make_const(op->type, double{std::bit_cast<float>(found->second)})
                                   : make_const(op->type, found->second);
    }
    Stmt visit(const LetStmt *op) override {
        return values_.count(op->name) > 0 ? mutate(op->body) : IRMutator::visit(op);
    }

    DeviceConstants values_;
    bool inside_ = false;
};

}  // namespace

std::string device_stage_name(const std::string &stage, const std::string &dtype, const std::string &api) {
    return "tconv_" + dtype + "_" + stage + "_" + api;
}

std::string pack_name(const DeviceVariant &variant, const std::string &api) {
    const std::string form = variant.lanes == generators::Lanes::fragments ? "pack_fragments" : "pack";
    return device_stage_name(form + std::to_string(variant.tile.a), variant.factors, api);
}

DeviceStage dense_phases_stage(const DeviceVariant &variant, const std::string &api) {
    // OpenCL has no instructions for fragments.
    const auto products = api == "cuda" ? generators::Products::called : generators::Products::written_out;
    generators::DensePhases dense(variant.of, variant.element, variant.lanes, variant.tile, variant.sums, products);
    schedules::cuda_dense_phases(dense, variant.schedule);
    return {variant.name, dense.output, dense.arguments()};
}

generators::DevicePack pack_definition(const DeviceVariant &variant) {
    const bool fragments = variant.lanes == generators::Lanes::fragments;
    return fragments ? generators::pack_fragments(variant.element, variant.tile.a)
                     : generators::pack_blocks(variant.element, variant.tile.a);
}

DeviceStage pack_stage(const DeviceVariant &variant, const std::string &api) {
    generators::DevicePack pack = pack_definition(variant);
    schedules::cuda_pack(pack.from, pack.packed, pack.row);
    return {pack_name(variant, api), pack.packed, pack.from.arguments()};
}

DeviceStage activate_stage(const DeviceVariant &variant, const std::string &api) {
    generators::ActivateAll all(variant.element);
    schedules::cuda_activate(all);
    return {device_stage_name("activate", variant.dtype, api), all.output, all.arguments()};
}

DeviceStage softmax_stage(const DeviceVariant &variant, const std::string &api) {
    generators::SoftmaxAll all(variant.element);
    schedules::cuda_softmax(all);
    return {device_stage_name("softmax", variant.dtype, api), all.output, all.arguments()};
}

DeviceStage phase_table_stage(const std::string &api) {
    generators::PhaseTable table;
    schedules::cuda_phase_table(table);
    return {"tconv_phase_table_" + api, table.table, table.arguments()};
}

DeviceStage correlate_stage(const DeviceGradientVariant &variant) {
    generators::DeviceCorrelate correlate(variant.element, variant.lanes, variant.tile);
    schedules::cuda_correlate(correlate);
    return {variant.name, correlate.sums, correlate.arguments()};
}

DeviceStage bias_sums_stage(const DeviceGradientVariant &variant, const std::string &api) {
    generators::DeviceBiasSums sums(variant.element);
    schedules::cuda_bias_sums(sums);
    return {device_stage_name("bias_sums", variant.dtype, api), sums.sums, sums.arguments()};
}

DeviceStage total_stage(const DeviceGradientVariant &variant, const std::string &api) {
    generators::DeviceTotal total(variant.element);
    schedules::cuda_total(total);
    return {device_stage_name("total", variant.dtype, api), total.filter, total.arguments()};
}

Target device_host() {
    return Target(get_host_target().arch == Target::ARM ? "arm-64-linux-no_runtime" : "x86-64-linux-sse41-no_runtime");
}

// Architectures that a PTX of this capability runs on are 80 and later.
Target device_target(const std::string &api) {
    return Target(device_host().to_string() + "-user_context-no_asserts-no_bounds_query-" +
                  (api == "cuda" ? "cuda-cuda_capability_80" : "opencl-cl_doubles"));
}

Module lower_device_stage(const DeviceStage &stage, const std::string &api, const DeviceConstants &constants) {
    Pipeline pipeline(stage.output);
    if (!constants.empty())
        pipeline.add_custom_lowering_pass(new Fixed(constants, stage.output.name()));  // which deletes it
    if (api == "opencl") {
        pipeline.add_custom_lowering_pass(new DoublesByBits);
    } else {
        pipeline.add_custom_lowering_pass(new ConditionsBeforeLoops);
        pipeline.add_custom_lowering_pass(new ConvergingProducts);
    }
    return pipeline.compile_to_module(stage.arguments, stage.name, device_target(api));
}

}  // namespace tconv::compiler
