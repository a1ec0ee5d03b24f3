#include "stages.h"

#include <stdexcept>

#include "correlate.h"
#include "finish.h"
#include "gather.h"
#include "layer_params.h"
#include "pack.h"
#include "position_sums.h"
#include "prefetch.h"
#include "schedule.h"
#include "stage.h"

namespace tconv::compiler {

using namespace Halide;
using generators::Curve;
using generators::Element;
using generators::Lanes;

namespace {

// Eight by eight floats are transposed in about 60 shuffles with AVX2 and AVX-512; sixteen by sixteen takes 194, all on
// one port.
int edge_of(const Target &target, Element element) {
    return std::min(vector_of(target, element), 8);
}

// Two registers are permuted into one by one instruction from AVX-512 on; elsewhere these squares are no faster than the
// small ones.
int squares_of(const Target &target, Element element) {
    return target.has_feature(Target::AVX512) ? vector_of(target, element) : 0;
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
    if (planes())
        return Lanes::planes;
    throw std::invalid_argument(name + ": lanes '" + lanes +
                                "' is none of channels, merged, pixels, depthwise, planes, woven");
}

int Variant::winograd_outputs() const {
    for (int outputs = 2; outputs <= 4; outputs++) {
        if (family == "winograd" + std::to_string(outputs))
            return outputs;
    }
    return 0;
}

std::optional<int> Variant::staged_pitch(int unroll) const {
    if (depthwise()) {
        return tile_a;
    }
    const bool panels = lanes != "pixels" && unroll == 2;
    return panels ? std::optional(kPanelBytes / generators::factor_type(element()).bytes()) : std::nullopt;
}

Element Variant::element() const {
    if (isa == "avx512bf16") {
        if (dtype != "bf16" || family != "phase" || multiply_lanes() != Lanes::channels)
            throw std::invalid_argument("isa avx512bf16 is for dtype bf16, family phase, lanes channels or merged");
        return Element::bf16_pairs;
    }
    for (const auto &[known, element] : {std::pair{"f32", Element::f32}, std::pair{"f64", Element::f64},
                                         std::pair{"f16", Element::f16}, std::pair{"bf16", Element::bf16}}) {
        if (dtype == known)
            return element;
    }
    throw std::invalid_argument("dtype '" + dtype + "' is none of f32, f64, f16, bf16");
}

int vector_of(const Target &target, Element element) {
    return target.natural_vector_size(generators::computed_type(element));
}

// Lowers the stages of one kind of element for one target.
class StageLowering {
public:
    StageLowering(Element element, const std::string &prefix, const Target &target)
        : element(element),
          vector(vector_of(target, element)),
          edge(edge_of(target, element)),
          squares(squares_of(target, element)),
          prefix(prefix + "_"),
          target(target) {}

    RawFunction stage(bool planar, const std::string &name) const {
        generators::Stage stage(element, planar);
        schedules::cpu_stage(stage, planar, vector, kPanelBytes / generators::computed_type(element).bytes());
        return lowered(stage, stage.staged, "staged", name);
    }
    RawFunction stage_groups() const {
        generators::StageGroups stage(element);
        schedules::cpu_stage_groups(stage, vector);
        return lowered(stage, stage.staged, "staged", "stage_groups");
    }
    RawFunction transposed(bool planar, const std::string &name) const {
        generators::Stage stage(element, planar);
        schedules::cpu_stage_transposed(stage, planar, edge);
        return lowered(stage, stage.staged, "staged", name);
    }
    RawFunction stage_squares(bool planar, const std::string &name) const {
        generators::Stage stage(element, planar, squares);
        schedules::cpu_stage_squares(stage, planar);
        return lowered(stage, stage.staged, "staged", name);
    }
    RawFunction stage_unpaired() const {
        generators::StageUnpaired stage(element);
        schedules::cpu_stage_unpaired(stage);
        return lowered(stage, stage.staged, "staged", "stage_unpaired");
    }
    RawFunction finish_squares() const {
        generators::FinishRows finish(element, squares);
        schedules::cpu_finish_squares(finish);
        return lowered(finish, finish.output, "output", "finish_squares");
    }
    RawFunction clear() const {
        generators::Clear clear(element);
        schedules::cpu_clear(clear, vector);
        return lowered(clear, clear.staged, "staged", "clear");
    }
    RawFunction repeat(const std::string &lanes) const {
        generators::Repeat repeat(element);
        schedules::cpu_repeat(repeat, vector);
        return lowered(repeat, repeat.lanes, lanes, "repeat_" + lanes);
    }
    RawFunction fill(const std::string &lanes) const {
        generators::Fill fill(element);
        schedules::cpu_fill(fill, vector);
        return lowered(fill, fill.lanes, lanes, "fill_" + lanes);
    }
    RawFunction finish() const {
        generators::Finish finish(element);
        schedules::cpu_finish(finish, vector);
        return lowered(finish, finish.output, "output", "finish");
    }
    RawFunction finish_rows() const {
        generators::FinishRows finish(element);
        schedules::cpu_finish_rows(finish, edge);
        return lowered(finish, finish.output, "output", "finish_rows");
    }
    RawFunction finish_interleaved(int streams) const {
        generators::FinishInterleaved finish(element, streams);
        schedules::cpu_finish_interleaved(finish, edge);
        return lowered(finish, finish.output, "output", "finish_interleaved_" + std::to_string(streams));
    }
    RawFunction activate(std::optional<Curve> curve, const std::string &name) const {
        generators::Activate activate(element, curve);
        schedules::cpu_activate(activate, vector);
        return lowered(activate, activate.sums, "sums", name);
    }
    RawFunction add_to_sums() const {
        generators::AddToSums add(element);
        schedules::cpu_add_to_sums(add, vector);
        return lowered(add, add.sums, "sums", "add_to_sums");
    }
    RawFunction add_to_output() const {
        generators::AddToOutput add(element);
        schedules::cpu_add_to_output(add, vector);
        return lowered(add, add.output, "output", "add_to_output");
    }
    RawFunction softmax_peak() const {
        generators::SoftmaxPeak peak(element);
        schedules::default_softmax_peak(peak);
        return lowered(peak, peak.peak, "peak", "softmax_peak");
    }
    RawFunction softmax_exponentiate() const {
        generators::SoftmaxExponentiate exponentiate(element);
        schedules::cpu_softmax_exponentiate(exponentiate, vector);
        return lowered(exponentiate, exponentiate.sums, "sums", "softmax_exponentiate");
    }
    RawFunction softmax_total() const {
        generators::SoftmaxTotal total(element);
        schedules::default_softmax_total(total);
        return lowered(total, total.total, "total", "softmax_total");
    }
    RawFunction softmax_scale() const {
        generators::SoftmaxScale scale(element);
        schedules::cpu_softmax_scale(scale, vector);
        return lowered(scale, scale.sums, "sums", "softmax_scale");
    }

    const Element element;
    const int vector, edge, squares;

private:
    template<typename Definition>
    RawFunction lowered(const Definition &definition, const Func &output, const std::string &output_name,
                        const std::string &name) const {
        return RawFunction(output, output_name, definition.arguments(), prefix + name, target);
    }

    std::string prefix;
    const Target &target;
};

SharedStages::SharedStages(Element element, const std::string &prefix, const Target &target)
    : SharedStages(StageLowering(element, prefix, target)) {}

SharedStages::SharedStages(const StageLowering &lower)
    : element(lower.element),
      edge(lower.edge),
      squares(lower.squares),
      stage_channels(lower.stage(false, "stage_channels")),
      stage_planar(lower.stage(true, "stage_planar")),
      stage_groups(lower.stage_groups()),
      transposed_channels(lower.transposed(false, "transposed_channels")),
      transposed_planar(lower.transposed(true, "transposed_planar")),
      clear(lower.clear()),
      finish(lower.finish()),
      finish_rows(lower.finish_rows()),
      activate_piecewise(lower.activate(std::nullopt, "piecewise")),
      add_to_sums(lower.add_to_sums()),
      add_to_output(lower.add_to_output()),
      softmax_peak(lower.softmax_peak()),
      softmax_exponentiate(lower.softmax_exponentiate()),
      softmax_total(lower.softmax_total()),
      softmax_scale(lower.softmax_scale()) {
    if (squares > 0) {
        stage_squares.emplace(false, lower.stage_squares(false, "squares_channels"));
        stage_squares.emplace(true, lower.stage_squares(true, "squares_planar"));
        finish_squares.emplace(lower.finish_squares());
    }
    if (generators::channels_of_operand(element) > 1) {
        stage_unpaired.emplace(lower.stage_unpaired());
    }
    for (int streams : generators::FinishInterleaved::streams_compiled) {
        finish_interleaved.emplace(streams, lower.finish_interleaved(streams));
    }
    for (const char *lanes : {"bias", "slope"}) {
        repeat.emplace(lanes, lower.repeat(lanes));
    }
    for (const char *lanes : {"bias", "slope", "peak", "total"}) {
        fill.emplace(lanes, lower.fill(lanes));
    }
    for (Curve curve : generators::all_curves) {
        activate.emplace(curve, lower.activate(curve, curve_name(curve)));
    }
}

std::vector<const RawFunction *> SharedStages::all() const {
    std::vector<const RawFunction *> stages = {
        &stage_channels, &stage_planar, &stage_groups,         &transposed_channels, &transposed_planar,
        &clear,          &finish,       &finish_rows,          &activate_piecewise,  &add_to_sums,
        &add_to_output,  &softmax_peak, &softmax_exponentiate, &softmax_total,       &softmax_scale};
    for (const auto &[planar, function] : stage_squares) {
        stages.push_back(&function);
    }
    for (const std::optional<RawFunction> *some : {&finish_squares, &stage_unpaired}) {
        if (*some) {
            stages.push_back(&**some);
        }
    }
    for (const auto &[streams, function] : finish_interleaved) {
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
    return variant.multiply_lanes() == Lanes::pixels ? vector_of(target, variant.element()) : 1;
}

MultiplyTiles::MultiplyTiles(const Variant &variant, const std::string &prefix, const Target &target,
                             const NeededTiles &needed)
    : lanes(variant.multiply_lanes()),
      pair(generators::channels_of_operand(variant.element())),
      width(variant.tile_a),
      step(step_of(variant, target)),
      widths(variant.tile_m / step),
      computed(generators::computed_type(variant.element())) {
    for (int unroll = 1; unroll <= (lanes == Lanes::depthwise ? 1 : 2); unroll++) {
        std::map<int, RawFunction> &by_width = tiles[unroll];
        const bool called = !needed.channel_step || lanes == Lanes::depthwise || *needed.channel_step == unroll;
        for (int steps = 1; steps <= widths; steps++) {
            if (!called || (!needed.widths.empty() && needed.widths.count(steps) == 0)) {
                continue;
            }
            generators::Multiply multiply(variant.element(), lanes, width, variant.staged_pitch(unroll), unroll);
            // Depthwise tiles are short, so that a pass over their sums would take as long as they do.
            // The condition by which runtime/src/blocking.cpp lets such tiles store blocks that lack lanes. Not a feature of
            // the target: avx512_skylake may be given without avx512.
            const bool masked = lanes == Lanes::depthwise && variant.isa == "avx512";
            schedules::cpu_multiply(multiply, {width, steps * step, vector_of(target, variant.element()), masked});
            const std::string name = prefix + "_" + variant.multiply_key() + "_multiply_" +
                                     std::to_string(steps * step) + (unroll == 1 ? "" : "_by" + std::to_string(unroll));
            const auto added = by_width.try_emplace(steps, multiply.sums, "sums", multiply.arguments(), name, target,
                                                    multiply.partial.name());
            if (const int lines = variant.lines_ahead(unroll); lines > 0) {
                prefetch_ahead(added.first->second, lines, variant.overlap() && lanes == Lanes::pixels);
            }
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

RawFunction gather_stage(Element element, const std::string &prefix, const Target &target) {
    generators::Gather gather(element);
    schedules::default_gather(gather);
    return RawFunction(gather.sums, "sums", gather.arguments(), prefix + "_gather", target);
}

RawFunction pack_stage(Element element, const std::string &prefix, const Target &target) {
    generators::Pack pack(element);
    schedules::default_pack(pack);
    return RawFunction(pack.packed, "packed", pack.arguments(), prefix + "_pack_filter", target);
}

CorrelateTiles::CorrelateTiles(const Variant &variant, const std::string &prefix, const Target &target)
    : depthwise(variant.depthwise()),
      width(variant.tile_a),
      widths(depthwise ? 1 : variant.tile_m),
      computed(generators::computed_type(variant.element())) {
    for (int m = 1; m <= widths; m++) {
        generators::Correlate correlate(variant.element(), depthwise);
        schedules::cpu_correlate(correlate, {width, m, vector_of(target, variant.element())});
        tiles.try_emplace(m, correlate.sums, "sums", correlate.arguments(),
                          prefix + "_" + variant.multiply_key() + "_correlate_" + std::to_string(m), target, "partial");
    }
}

RawFunction unpack_stage(Element element, const std::string &prefix, const Target &target) {
    generators::Unpack unpack(element, std::nullopt);
    schedules::cpu_unpack(unpack, vector_of(target, element));
    return RawFunction(unpack.filter, "filter", unpack.arguments(), prefix + "_unpack", target);
}

std::optional<RawFunction> unpack_squares_stage(Element element, const std::string &prefix, const Target &target) {
    const int edge = squares_of(target, element);
    if (edge == 0)
        return std::nullopt;
    generators::Unpack unpack(element, edge);
    schedules::cpu_unpack(unpack, edge);
    return RawFunction(unpack.filter, "filter", unpack.arguments(), prefix + "_unpack_squares", target);
}

RawFunction position_sums_stage(Element element, bool planar, const std::string &prefix, const Target &target) {
    const int vector = vector_of(target, element);
    generators::PositionSums sums(element, vector);
    schedules::cpu_position_sums(sums, planar, vector);
    return RawFunction(sums.sums, "sums", sums.arguments(), prefix + (planar ? "_sums_of_planes" : "_sums_of_channels"),
                       target);
}

}  // namespace tconv::compiler
