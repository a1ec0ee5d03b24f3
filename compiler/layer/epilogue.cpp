#include "epilogue.h"

#include <limits>

#include "finish.h"

namespace tconv::compiler {

using namespace Halide;
using generators::Curve;

namespace {

constexpr int residual_before = 1, residual_after = 2;
constexpr int softmax_channel = 1;

Expr from_bits(const Expr &bits) {
    return reinterpret<float>(bits);
}

BufferArgument sums_of(const Box &box) {
    return {box.sums, {box.lanes, box.pixels, box.rows}, {box.stride_a, box.stride_m, box.stride_row}};
}
BufferArgument output_of(const Box &box) {
    return {box.output, {box.lanes, box.pixels, box.rows}, {box.output_a, box.output_m, box.output_row}};
}
BufferArgument residual_of(const Box &box) {
    return {box.residual, {box.lanes, box.pixels, box.rows}, {box.residual_a, box.residual_m, box.residual_row}};
}

struct LaneVectors {
    BufferArgument bias, slope;
};

Expr scratch_at(const SharedStages &shared, const Pointers &pointers, const Expr &elements) {
    return address_of(generators::computed_type(shared.element), pointers.scratch, elements);
}

LaneVectors lane_vectors(const SharedStages &shared, const Parameters &p, const Pointers &pointers, const Box &box) {
    return {{scratch_at(shared, pointers, box.first_lane), {box.lanes}, {1}},
            {scratch_at(shared, pointers, p.at("slope_at") + box.first_lane), {box.lanes}, {1}}};
}

// sums = activation(sums + bias + residual before), in place.
void activate_in_place(Statements &body, const SharedStages &shared, const Parameters &p, const Pointers &pointers,
                       const Box &box) {
    auto [bias, slope] = lane_vectors(shared, p, pointers, box);
    const std::map<std::string, BufferArgument> buffers = {{"sums", sums_of(box)}, {"bias", bias}, {"slope", slope}};
    const std::map<std::string, Expr> scalars = {{"alpha", from_bits(p.at("alpha_bits"))},
                                                 {"low", from_bits(p.at("low_bits"))},
                                                 {"high", from_bits(p.at("high_bits"))}};
    body.when(p.at("curve") == 0,
              [&](Statements &then) { then.add(shared.activate_piecewise.call(buffers, scalars)); });
    for (const auto &[curve, function] : shared.activate) {
        body.when(p.at("curve") == static_cast<int>(curve),
                  [&](Statements &then) { then.add(function.call(buffers, scalars)); });
    }
}

void add_residual_before(Statements &body, const SharedStages &shared, const Parameters &p, const Box &box) {
    body.when(p.at("residual") == residual_before, [&](Statements &then) {
        then.add(shared.add_to_sums.call({{"sums", sums_of(box)}, {"residual", residual_of(box)}}, {}));
    });
}

// Stores finished values, with the residual after the activation if there is one.
void store(Statements &body, const SharedStages &shared, const Parameters &p, const Pointers &pointers,
           const Box &box) {
    auto [bias, slope] = lane_vectors(shared, p, pointers, box);
    Expr after = p.at("residual") == residual_after;
    body.when(after, [&](Statements &then) {
        then.add(shared.add_to_output.call(
            {{"sums", sums_of(box)}, {"residual", residual_of(box)}, {"output", output_of(box)}}, {}));
    });
    body.when(!after, [&](Statements &then) {
        then.add(
            shared.finish.call({{"sums", sums_of(box)}, {"output", output_of(box)}, {"bias", bias}, {"slope", slope}},
                               {{"kind", generators::Finish::copy}, {"low", 0.0f}, {"high", 0.0f}}));
    });
}

}  // namespace

void prepare_lanes(Statements &body, const SharedStages &shared, const Parameters &p, const Pointers &pointers,
                   const Expr &phases) {
    Expr channels = p.at("outputs"), groups = p.at("groups"), lanes = channels * phases;
    auto fill = [&](Statements &then, const std::string &vector, const Expr &at, const Expr &value) {
        then.add(shared.fill.at(vector).call({{vector, {scratch_at(shared, pointers, at), {lanes * groups}, {1}}}},
                                             {{"value", value}}));
    };
    auto repeat = [&](Statements &then, const std::string &vector, const Expr &at, const Expr &source) {
        then.loop("group", groups, [&](Statements &each, const Expr &group) {
            each.add(shared.repeat.at(vector).call(
                {{vector, {scratch_at(shared, pointers, at + group * lanes), {channels, phases}, {1, channels}}},
                 {"channels",
                  {address_of(generators::stored_type(shared.element), source, group * channels), {channels}, {1}}}},
                {}));
        });
    };
    Expr has_bias = p.at("has_bias") != 0, has_slope = p.at("has_slope") != 0, slope_at = p.at("slope_at");
    body.when(has_bias, [&](Statements &then) { repeat(then, "bias", 0, pointers.bias); });
    body.when(!has_bias, [&](Statements &then) { fill(then, "bias", 0, 0.0f); });
    body.when(has_slope, [&](Statements &then) { repeat(then, "slope", slope_at, pointers.slope); });
    body.when(!has_slope, [&](Statements &then) { fill(then, "slope", slope_at, from_bits(p.at("slope_bits"))); });
}

void activate_box(Statements &body, const SharedStages &shared, const Parameters &p, const Pointers &pointers,
                  const Box &box) {
    body.when(box.lanes > 0 && box.pixels > 0 && box.rows > 0,
              [&](Statements &inside) { activate_in_place(inside, shared, p, pointers, box); });
}

void finish_box(Statements &body, const SharedStages &shared, const Parameters &p, const Pointers &pointers,
                const Box &box, const Expr &activated) {
    body.when(box.lanes > 0 && box.pixels > 0 && box.rows > 0, [&](Statements &inside) {
        add_residual_before(inside, shared, p, box);
        inside.when(p.at("in_place") != 0, [&](Statements &then) {
            then.when(!activated, [&](Statements &first) { activate_in_place(first, shared, p, pointers, box); });
            store(then, shared, p, pointers, box);
        });
        inside.when(p.at("in_place") == 0, [&](Statements &then) {
            auto [bias, slope] = lane_vectors(shared, p, pointers, box);
            then.add(shared.finish.call(
                {{"sums", sums_of(box)}, {"output", output_of(box)}, {"bias", bias}, {"slope", slope}},
                {{"kind", p.at("finish_kind")},
                 {"low", from_bits(p.at("low_bits"))},
                 {"high", from_bits(p.at("high_bits"))}}));
        });
    });
}

void finish_softmax(Statements &body, const SharedStages &shared, const Parameters &p, const Pointers &pointers,
                    const EachBox &each_box, const Expr &statistics) {
    auto fill = [&](const std::string &vector, float value) {
        BufferArgument all = {scratch_at(shared, pointers, p.at(vector + "_at")), {statistics}, {1}};
        body.add(shared.fill.at(vector).call({{vector, all}}, {{"value", value}}));
    };
    fill("peak", -std::numeric_limits<float>::infinity());
    fill("total", 0.0f);
    Expr over_channels = p.at("softmax") == softmax_channel;
    // The box with the reduced axis first.
    auto reduced = [&](const Box &box) {
        return BufferArgument{
            box.sums,
            {select(over_channels, box.lanes, box.pixels), select(over_channels, box.pixels, box.lanes), box.rows},
            {select(over_channels, box.stride_a, box.stride_m), select(over_channels, box.stride_m, box.stride_a),
             box.stride_row}};
    };
    auto statistic = [&](const Box &box, const Expr &at) {
        return BufferArgument{
            at, {select(over_channels, box.pixels, box.lanes), box.rows}, {box.statistic, box.statistic_row}};
    };
    auto length = [&](const Box &box) { return select(over_channels, box.lanes, box.pixels); };

    auto sweep = [&](const BoxVisitor &visit) {
        each_box(body, [&](Statements &each, const Box &box) {
            each.when(box.lanes > 0 && box.pixels > 0, [&](Statements &inside) { visit(inside, box); });
        });
    };
    sweep([&](Statements &each, const Box &box) {
        add_residual_before(each, shared, p, box);
        activate_in_place(each, shared, p, pointers, box);
        each.add(shared.softmax_peak.call({{"sums", reduced(box)}, {"peak", statistic(box, box.peak)}},
                                          {{"length", length(box)}}));
    });
    sweep([&](Statements &each, const Box &box) {
        each.add(shared.softmax_exponentiate.call({{"sums", reduced(box)}, {"peak", statistic(box, box.peak)}}, {}));
        each.add(shared.softmax_total.call({{"sums", reduced(box)}, {"total", statistic(box, box.total)}},
                                           {{"length", length(box)}}));
    });
    sweep([&](Statements &each, const Box &box) {
        each.add(shared.softmax_scale.call({{"sums", reduced(box)}, {"total", statistic(box, box.total)}}, {}));
        store(each, shared, p, pointers, box);
    });
}

}  // namespace tconv::compiler
