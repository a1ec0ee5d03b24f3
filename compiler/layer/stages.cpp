#include "stages.h"

#include <stdexcept>

#include "finish.h"
#include "gather.h"
#include "pack.h"
#include "schedule.h"
#include "stage.h"

namespace tconv::compiler {

using namespace Halide;
using generators::Curve;
using generators::Lanes;

namespace {

// Eight by eight floats are transposed in about 60 shuffles with AVX2 and AVX-512; sixteen by sixteen takes 194, all on
// one port.
int edge_of(const Target &target) {
    return std::min(vector_of(target), 8);
}

RawFunction lower_stage(bool planar, const std::string &name, const Target &target) {
    generators::Stage stage(planar);
    schedules::cpu_stage(stage, planar, vector_of(target));
    return RawFunction(stage.staged, "staged", stage.arguments(), name, target);
}

RawFunction lower_transposed(bool planar, const std::string &name, const Target &target) {
    generators::Stage stage(planar);
    schedules::cpu_stage_transposed(stage, planar, edge_of(target));
    return RawFunction(stage.staged, "staged", stage.arguments(), name, target);
}

RawFunction lower_clear(const std::string &name, const Target &target) {
    generators::Clear clear;
    schedules::cpu_clear(clear, vector_of(target));
    return RawFunction(clear.staged, "staged", clear.arguments(), name, target);
}

RawFunction lower_repeat(const std::string &vector, const std::string &name, const Target &target) {
    generators::Repeat repeat;
    schedules::cpu_repeat(repeat, vector_of(target));
    return RawFunction(repeat.lanes, vector, repeat.arguments(), name, target);
}

RawFunction lower_fill(const std::string &vector, const std::string &name, const Target &target) {
    generators::Fill fill;
    schedules::cpu_fill(fill, vector_of(target));
    return RawFunction(fill.lanes, vector, fill.arguments(), name, target);
}

RawFunction lower_finish(const std::string &name, const Target &target) {
    generators::Finish finish;
    schedules::cpu_finish(finish, vector_of(target));
    return RawFunction(finish.output, "output", finish.arguments(), name, target);
}

RawFunction lower_finish_rows(const std::string &name, const Target &target) {
    generators::FinishRows finish;
    schedules::cpu_finish_rows(finish, edge_of(target));
    return RawFunction(finish.output, "output", finish.arguments(), name, target);
}

RawFunction lower_finish_interleaved(int stride, const std::string &prefix, const Target &target) {
    generators::FinishInterleaved finish(stride);
    schedules::cpu_finish_interleaved(finish, edge_of(target));
    return RawFunction(finish.output, "output", finish.arguments(),
                       prefix + "_finish_interleaved_" + std::to_string(stride), target);
}

RawFunction lower_activate(std::optional<Curve> curve, const std::string &name, const Target &target) {
    generators::Activate activate(curve);
    schedules::cpu_activate(activate, vector_of(target));
    return RawFunction(activate.sums, "sums", activate.arguments(), name, target);
}

RawFunction lower_add_to_sums(const std::string &name, const Target &target) {
    generators::AddToSums add;
    schedules::cpu_add_to_sums(add, vector_of(target));
    return RawFunction(add.sums, "sums", add.arguments(), name, target);
}

RawFunction lower_add_to_output(const std::string &name, const Target &target) {
    generators::AddToOutput add;
    schedules::cpu_add_to_output(add, vector_of(target));
    return RawFunction(add.output, "output", add.arguments(), name, target);
}

RawFunction lower_peak(const std::string &name, const Target &target) {
    generators::SoftmaxPeak peak;
    schedules::default_softmax_peak(peak);
    return RawFunction(peak.peak, "peak", peak.arguments(), name, target);
}

RawFunction lower_exponentiate(const std::string &name, const Target &target) {
    generators::SoftmaxExponentiate exponentiate;
    schedules::cpu_softmax_exponentiate(exponentiate, vector_of(target));
    return RawFunction(exponentiate.sums, "sums", exponentiate.arguments(), name, target);
}

RawFunction lower_total(const std::string &name, const Target &target) {
    generators::SoftmaxTotal total;
    schedules::default_softmax_total(total);
    return RawFunction(total.total, "total", total.arguments(), name, target);
}

RawFunction lower_scale(const std::string &name, const Target &target) {
    generators::SoftmaxScale scale;
    schedules::cpu_softmax_scale(scale, vector_of(target));
    return RawFunction(scale.sums, "sums", scale.arguments(), name, target);
}

const char *curve_name(Curve curve) {
    switch (curve) {
        case Curve::sigmoid:
            return "sigmoid";
        case Curve::tanh:
            return "tanh";
        case Curve::elu:
            return "elu";
        case Curve::gelu:
            return "gelu";
        case Curve::gelu_tanh:
            return "gelu_tanh";
        case Curve::silu:
            return "silu";
        case Curve::hard_swish:
            return "hard_swish";
        case Curve::hard_sigmoid:
            return "hard_sigmoid";
        case Curve::softplus:
            return "softplus";
    }
    return "";
}

}  // namespace

Lanes Variant::multiply_lanes() const {
    if (lanes == "channels" || lanes == "merged")
        return Lanes::channels;
    if (lanes == "pixels")
        return Lanes::pixels;
    if (lanes == "depthwise")
        return Lanes::depthwise;
    throw std::invalid_argument(name + ": lanes '" + lanes + "' is none of channels, merged, pixels, depthwise");
}

std::string Variant::multiply_key() const {
    return (merged() ? "channels" : lanes) + std::to_string(tile_a) + "x" + std::to_string(tile_m);
}

int vector_of(const Target &target) {
    return target.natural_vector_size<float>();
}

SharedStages::SharedStages(const std::string &prefix, const Target &target)
    : edge(edge_of(target)),
      stage_channels(lower_stage(false, prefix + "_stage_channels", target)),
      stage_planar(lower_stage(true, prefix + "_stage_planar", target)),
      transposed_channels(lower_transposed(false, prefix + "_transposed_channels", target)),
      transposed_planar(lower_transposed(true, prefix + "_transposed_planar", target)),
      clear(lower_clear(prefix + "_clear", target)),
      finish(lower_finish(prefix + "_finish", target)),
      finish_rows(lower_finish_rows(prefix + "_finish_rows", target)),
      activate_piecewise(lower_activate(std::nullopt, prefix + "_piecewise", target)),
      add_to_sums(lower_add_to_sums(prefix + "_add_to_sums", target)),
      add_to_output(lower_add_to_output(prefix + "_add_to_output", target)),
      softmax_peak(lower_peak(prefix + "_softmax_peak", target)),
      softmax_exponentiate(lower_exponentiate(prefix + "_softmax_exponentiate", target)),
      softmax_total(lower_total(prefix + "_softmax_total", target)),
      softmax_scale(lower_scale(prefix + "_softmax_scale", target)) {
    for (int stride : generators::FinishInterleaved::strides) {
        finish_interleaved.emplace(stride, lower_finish_interleaved(stride, prefix, target));
    }
    for (const char *vector : {"bias", "slope"}) {
        repeat.emplace(vector, lower_repeat(vector, prefix + "_repeat_" + vector, target));
    }
    for (const char *vector : {"bias", "slope", "peak", "total"}) {
        fill.emplace(vector, lower_fill(vector, prefix + "_fill_" + vector, target));
    }
    for (Curve curve : generators::all_curves) {
        activate.emplace(curve, lower_activate(curve, prefix + "_" + curve_name(curve), target));
    }
}

std::vector<const RawFunction *> SharedStages::all() const {
    std::vector<const RawFunction *> stages = {
        &stage_channels, &stage_planar,         &transposed_channels, &transposed_planar, &clear,
        &finish,         &finish_rows,          &activate_piecewise,  &add_to_sums,       &add_to_output,
        &softmax_peak,   &softmax_exponentiate, &softmax_total,       &softmax_scale};
    for (const auto &[stride, function] : finish_interleaved) {
        stages.push_back(&function);
    }
    for (const auto &[name, function] : repeat) {
        stages.push_back(&function);
    }
    for (const auto &[name, function] : fill) {
        stages.push_back(&function);
    }
    for (const auto &[curve, function] : activate) {
        stages.push_back(&function);
    }
    return stages;
}

int MultiplyTiles::step_of(const Variant &variant, const Target &target) {
    return variant.multiply_lanes() == Lanes::pixels ? vector_of(target) : 1;
}

MultiplyTiles::MultiplyTiles(const Variant &variant, const std::string &prefix, const Target &target,
                             const NeededTiles &needed)
    : lanes(variant.multiply_lanes()),
      width(variant.tile_a),
      step(step_of(variant, target)),
      widths(variant.tile_m / step) {
    for (int unroll = 1; unroll <= (lanes == Lanes::depthwise ? 1 : 2); unroll++) {
        std::map<int, RawFunction> &by_width = tiles[unroll];
        const bool called =
            !needed.channels || lanes == Lanes::depthwise || (*needed.channels % 2 == 0) == (unroll == 2);
        for (int steps = 1; steps <= widths; steps++) {
            if (!called || (!needed.widths.empty() && needed.widths.count(steps) == 0)) {
                continue;
            }
            generators::Multiply multiply(lanes, width, unroll);
            schedules::cpu_multiply(multiply, {width, steps * step, vector_of(target)});
            const std::string name = prefix + "_" + variant.multiply_key() + "_multiply_" +
                                     std::to_string(steps * step) + (unroll == 1 ? "" : "_by" + std::to_string(unroll));
            by_width.try_emplace(steps, multiply.sums, "sums", multiply.arguments(), name, target);
        }
    }
}

std::vector<const RawFunction *> MultiplyTiles::all() const {
    std::vector<const RawFunction *> functions;
    for (const auto &[unroll, by_width] : tiles) {
        for (const auto &[steps, tile] : by_width) {
            functions.push_back(&tile);
        }
    }
    return functions;
}

RawFunction gather_stage(const std::string &prefix, const Target &target) {
    generators::Gather gather;
    schedules::default_gather(gather);
    return RawFunction(gather.sums, "sums", gather.arguments(), prefix + "_gather", target);
}

RawFunction pack_stage(const std::string &prefix, const Target &target) {
    generators::Pack pack;
    schedules::default_pack(pack);
    return RawFunction(pack.packed, "packed", pack.arguments(), prefix + "_pack", target);
}

}  // namespace tconv::compiler
