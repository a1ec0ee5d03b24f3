// A task of the gather family: a block of output rows and columns for some channels of a group, straight from the
// input view. `block_h`, `block_w` count outputs here, and a lane block is one output channel.
#include "epilogue.h"
#include "layer_function.h"

namespace tconv::compiler {

using namespace Halide;

LayerBuilder gather_layer(const SharedStages &shared, const RawFunction &gather) {
    return [&shared, &gather](Statements &body, const Parameters &p, const Expr &task, const Pointers &pointers) {
        Expr unit_task = body.let("unit_task", task % p.at("unit_tasks"));
        Expr block = body.let("block", task / p.at("unit_tasks"));
        Expr y = body.let("y", (block / p.at("blocks_w")) * p.at("block_h"));
        Expr x = body.let("x", (block % p.at("blocks_w")) * p.at("block_w"));
        Expr rows = body.let("rows", min(p.at("block_h"), p.at("out_h") - y));
        Expr columns = body.let("columns", min(p.at("block_w"), p.at("out_w") - x));
        Expr unit_begin = body.let("unit_begin", unit_task * p.at("task_units"));
        Expr unit_count = body.let("unit_count", min(p.at("task_units"), p.at("units") - unit_begin));
        Expr pitch = p.at("sums_pitch"), sums_row = body.let("sums_row", pitch * p.at("block_w"));
        Expr sums_unit = body.let("sums_unit", sums_row * p.at("block_h"));
        const Type stored = generators::stored_type(shared.element),
                   computed = generators::computed_type(shared.element);
        Expr channels = p.at("channels"), outputs = p.at("outputs");

        prepare_lanes(body, shared, p, pointers, 1);

        auto box_of = [&](Statements &each, const Expr &index) {
            Expr number = unit_begin + index;
            Expr group = each.let("group", number / p.at("group_units"));
            Expr co = each.let("co", (number % p.at("group_units")) * p.at("unit_blocks"));
            Expr channel = group * outputs + co;
            Box box;
            box.lanes = each.let("lanes", min(p.at("unit_blocks"), outputs - co));
            box.pixels = columns;
            box.rows = rows;
            box.sums = address_of(computed, pointers.scratch,
                                  p.at("sums_at") + select(p.at("sums_units") > 1, index * sums_unit, 0));
            box.stride_a = 1;
            box.stride_m = pitch;
            box.stride_row = sums_row;
            box.first_lane = channel;
            box.output_a = p.at("out_c");
            box.output_m = p.at("out_col");
            box.output_row = p.at("out_row");
            box.output =
                address_of(stored, pointers.output,
                           int64(channel) * p.at("out_c") + int64(y) * p.at("out_row") + int64(x) * p.at("out_col"));
            box.residual_a = p.at("res_c");
            box.residual_m = p.at("res_col");
            box.residual_row = p.at("res_row");
            box.residual =
                address_of(stored, pointers.residual,
                           int64(channel) * p.at("res_c") + int64(y) * p.at("res_row") + int64(x) * p.at("res_col"));
            // Channel softmax keeps [row][pixel], softmax along the row keeps [row][channel].
            Expr over_channels = p.at("softmax") == 1;
            Expr at = select(over_channels, 0, channel);
            box.statistic = 1;
            box.statistic_row = select(over_channels, p.at("block_w"), p.at("groups") * outputs);
            box.peak = address_of(computed, pointers.scratch, p.at("peak_at") + at);
            box.total = address_of(computed, pointers.scratch, p.at("total_at") + at);
            return box;
        };

        body.loop("unit", unit_count, [&](Statements &each, const Expr &index) {
            Box box = box_of(each, index);
            Expr group = (unit_begin + index) / p.at("group_units");
            Expr co = ((unit_begin + index) % p.at("group_units")) * p.at("unit_blocks");
            Expr tap = each.let("tap", channels * outputs);
            Expr row_of_taps = each.let("row_of_taps", tap * p.at("kernel_w"));
            Expr weights = int64(group) * int64(row_of_taps * p.at("kernel_h")) + co;
            BufferArgument input = {address_of(stored, pointers.input, int64(group * channels) * p.at("in_c")),
                                    {0, 0, 0},
                                    {p.at("in_c"), p.at("in_col"), p.at("in_row")}};
            BufferArgument packed = {
                address_of(computed, pointers.packed, weights), {0, 0, 0, 0}, {1, outputs, tap, row_of_taps}};
            BufferArgument sums = {box.sums, {box.lanes, columns, rows}, {1, pitch, sums_row}};
            Expr step = p.at("channel_block");
            each.loop("channel_block", (channels + step - 1) / step, [&](Statements &inner, const Expr &number) {
                Expr begin = inner.let("ci_begin", number * step);
                inner.add(gather.call({{"input", input}, {"packed", packed}, {"sums", sums}},
                                      {{"channels", min(step, channels - begin)},
                                       {"channels_before", begin},
                                       {"width", p.at("in_w")},
                                       {"height", p.at("in_h")},
                                       {"kernel_x", p.at("kernel_w")},
                                       {"kernel_y", p.at("kernel_h")},
                                       {"stride_x", p.at("stride_w")},
                                       {"stride_y", p.at("stride_h")},
                                       {"dilation_x", p.at("dilation_w")},
                                       {"dilation_y", p.at("dilation_h")},
                                       {"crop_x", p.at("crop_w") + x},
                                       {"crop_y", p.at("crop_h") + y},
                                       {"first", begin == 0}}));
            });
            each.when(p.at("softmax") == 0,
                      [&](Statements &then) { finish_box(then, shared, p, pointers, box, Internal::const_false()); });
        });
        body.when(p.at("softmax") != 0, [&](Statements &then) {
            auto each_box = [&](Statements &sweep, const BoxVisitor &visit) {
                sweep.loop("unit", unit_count,
                           [&](Statements &each, const Expr &index) { visit(each, box_of(each, index)); });
            };
            Expr statistics = p.at("block_h") * select(p.at("softmax") == 1, p.at("block_w"), p.at("groups") * outputs);
            finish_softmax(then, shared, p, pointers, each_box, statistics);
        });
    };
}

}  // namespace tconv::compiler
