#include "layer_function.h"

#include "layer_params.h"

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;

namespace {

Expr handle(const std::string &name) {
    return Variable::make(Handle(), name);
}

Expr address(const std::string &name) {
    return reinterpret(UInt(64), handle(name));
}

LoweredArgument handle_argument(const std::string &name) {
    return LoweredArgument(name, Argument::InputScalar, Handle(), 0, ArgumentEstimates{});
}

}  // namespace

const std::vector<std::string> &parameter_names() {
    static const std::vector<std::string> names = {
#define X(name) #name,
        TCONV_LAYER_PARAMS(X)
#undef X
    };
    return names;
}

Parameters parameters_from_memory(Statements &body, const Expr &params) {
    Parameters parameters;
    const std::string array = params.as<Variable>()->name;
    int index = 0;
    for (const std::string &name : parameter_names()) {
        Expr value = Load::make(Int(32), array, index++, Buffer<>(), Parameter(), const_true(), ModulusRemainder());
        parameters[name] = body.let(name, value);
    }
    return parameters;
}

void pack_filter(Statements &body, const Parameters &p, const RawFunction &pack, const Variant &variant,
                 const Expr &filter, const Expr &packed) {
    // Planes count all groups as one, of as many panels (runtime/src/plane_blocking.cpp).
    const Expr groups = variant.planes() ? p.at("panels") : p.at("groups");
    const Expr once = variant.planes() ? p.at("panels") : Expr(1);
    const Expr lane_blocks = p.at("lane_blocks") / once;
    const Type stored = generators::stored_type(variant.element());
    const Type computed = generators::computed_type(variant.element());
    const Expr width = p.at("tile_a");
    Expr channels = p.at("channels") / once, reduction = p.at("reduction");
    Expr tap = body.let("tap", reduction * width);
    Expr row = body.let("row", tap * p.at("taps_w"));
    Expr block = row * p.at("taps_h");
    auto call = [&](const Expr &from, const Expr &to, const Expr &lanes, const Expr &first_lane, const Expr &outputs,
                    const Expr &of_group) {
        return pack.call(
            {{"filter",
              {from, {0, 0, 0, 0}, {p.at("filter_co"), p.at("filter_ci"), p.at("filter_kx"), p.at("filter_ky")}}},
             {"packed", {to, {lanes, reduction, p.at("taps_w"), p.at("taps_h")}, {1, width, tap, row}}}},
            {{"out_channels", outputs},
             {"first_lane", first_lane},
             {"channels", of_group},
             {"phases_x", p.at("merged_w")},
             {"stride_x", p.at("stride_w")},
             {"dilation_x", p.at("dilation_w")},
             {"kernel_x", p.at("kernel_w")},
             {"nearest_x", p.at("nearest_w")},
             {"phases_y", p.at("merged_h")},
             {"stride_y", p.at("stride_h")},
             {"dilation_y", p.at("dilation_h")},
             {"kernel_y", p.at("kernel_h")},
             {"nearest_y", p.at("nearest_h")}});
    };
    if (variant.depthwise()) {
        // Lane by lane, each of its own group; those past the last are zero, as outputs past the only one.
        Expr of_group = body.let("lanes_of_group", p.at("lanes") / (channels / reduction));
        body.loop("lane", lane_blocks * width, [&](Statements &each, const Expr &number) {
            Expr lane = each.let("some_lane", min(number, p.at("lanes") - 1));
            Expr place = int64(lane / of_group) * p.at("filter_group") + int64(lane % of_group) * p.at("filter_co");
            Expr to = int64(block) * int64(number / width) + number % width;
            each.add(call(address_of(stored, filter, place), address_of(computed, packed, to), 1,
                          select(number < p.at("lanes"), 0, 1), 1, reduction));
        });
        return;
    }
    body.loop("group", groups, [&](Statements &each, const Expr &group) {
        Expr from = address_of(stored, filter, int64(group) * p.at("filter_group"));
        Expr to = address_of(computed, packed, int64(block) * int64(group) * lane_blocks);
        each.loop("lane_block", lane_blocks, [&](Statements &inner, const Expr &number) {
            // One block a call keeps every index within a block far below 2^31.
            Expr at = address_of(computed, to, int64(block) * int64(number));
            inner.add(call(from, at, width, number * width, p.at("outputs") / once, channels));
        });
    });
}

LoweredFunc catalogue_layer(const std::string &name, const LayerBuilder &builder) {
    Statements body;
    Parameters parameters = parameters_from_memory(body, handle("params"));
    Pointers pointers = {address("input"),    address("packed"), address("bias"),   address("slope"),
                         address("residual"), address("output"), address("scratch")};
    builder(body, parameters, Variable::make(Int(32), "task"), pointers);
    std::vector<LoweredArgument> arguments = {
        handle_argument("params"), LoweredArgument("task", Argument::InputScalar, Int(32), 0, ArgumentEstimates{})};
    for (const char *pointer : {"input", "packed", "bias", "slope", "residual", "output", "scratch"}) {
        arguments.push_back(handle_argument(pointer));
    }
    return LoweredFunc(name, arguments, body.build(), LinkageType::External, NameMangling::C);
}

LoweredFunc catalogue_pack(const std::string &name, const PackBuilder &builder) {
    Statements body;
    Parameters parameters = parameters_from_memory(body, handle("params"));
    builder(body, parameters, address("filter"), address("packed"));
    const std::vector<LoweredArgument> arguments = {handle_argument("params"), handle_argument("filter"),
                                                    handle_argument("packed")};
    return LoweredFunc(name, arguments, body.build(), LinkageType::External, NameMangling::C);
}

}  // namespace tconv::compiler
