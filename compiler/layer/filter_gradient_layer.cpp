// The gradient of the filter. A task multiplies a block of input positions, of one image, with the outputs that each tap
// joins them to, for some lane blocks of a group, and adds to partial sums that lie as a packed filter does:
// [group][lane block][ky][kx][narrow channel][lane]. As for the gradient of the input, the phases of the output's
// gradient are staged apart, so that neighbouring positions meet neighbouring columns.
#include "layer_function.h"
#include "phase_axis.h"
#include "stage_block.h"

namespace tconv::compiler {

using namespace Halide;

namespace {

// Calls the tiles that make up `channels` narrow channels, differing by one in width.
void correlate_rows(Statements &body, const CorrelateTiles &tiles, const Expr &channels, const Expr &sums,
                    const BufferArgument &wide, const BufferArgument &narrow, const Expr &blocks,
                    const Expr &block_pitch, const Expr &columns, const Expr &rows) {
    Expr count_all = body.let("tiles", (channels + tiles.widths - 1) / tiles.widths);
    Expr least = body.let("narrow", channels / max(count_all, 1));
    Expr wider = body.let("wide", channels % max(count_all, 1));
    for (const auto &[i, tile] : tiles.tiles) {
        Expr count = body.let("tile_count", select(least + 1 == i, wider, select(least == i, count_all - wider, 0)));
        Expr start = body.let("tile_start", select(least == i, wider * (i + 1), 0));
        body.when(count > 0, [&](Statements &then) {
            BufferArgument part = narrow;
            part.host = address_of(tiles.computed, narrow.host, start);
            if (tiles.depthwise) {
                part = narrow;
            }
            BufferArgument to = {address_of(tiles.computed, sums, start * tiles.width),
                                 {tiles.width, count * i, blocks},
                                 {1, tiles.width, block_pitch}};
            then.add(
                tile.call({{"wide", wide}, {"narrow", part}, {"sums", to}}, {{"columns", columns}, {"rows", rows}}));
        });
    }
}

}  // namespace

LayerBuilder filter_gradient_layer(const SharedStages &shared, const std::vector<const CorrelateTiles *> &tiles) {
    return [&shared, tiles](Statements &body, const Parameters &p, const Expr &task, const Pointers &pointers) {
        const Type stored = generators::stored_type(shared.element);
        const Type computed = generators::computed_type(shared.element);
        const bool depthwise = tiles.front()->depthwise;
        const AxisParameters h(p, "h"), w(p, "w");
        Expr width = p.at("tile_a"), swapped = p.at("swapped") != 0;
        Expr unit = body.let("unit", task % p.at("units")), block = body.let("block", task / p.at("units"));
        Expr row_begin = body.let("row_begin", block / w.blocks * h.block);
        Expr row_end = body.let("row_end", min(h.in, row_begin + h.block));
        Expr column_begin = body.let("column_begin", block % w.blocks * w.block);
        Expr columns = body.let("columns", min(w.in, column_begin + w.block) - column_begin);
        Expr group = body.let("group", unit / p.at("group_units"));
        Expr first_block = body.let("first_block", unit % p.at("group_units") * p.at("unit_blocks"));
        Expr blocks = body.let("blocks", min(p.at("unit_blocks"), p.at("lane_blocks") - first_block));
        Expr first_lane = body.let("first_lane", first_block * width);
        Expr lanes = body.let("unit_lanes", min(p.at("outputs") - first_lane, blocks * width));

        // Channels of the two tensors: the unit's where they lie along the lanes, else all of the group.
        Expr wide_first = group * p.at("outputs") + first_lane;
        Expr narrow_first = depthwise ? wide_first : group * p.at("channels");
        Expr narrow_count = depthwise ? lanes : p.at("channels");
        Expr x_first = body.let("x_first", select(swapped, wide_first, narrow_first));
        Expr gy_first = body.let("gy_first", select(swapped, narrow_first, wide_first));
        Expr x_count = body.let("x_count", select(swapped, lanes, narrow_count));
        Expr gy_count = body.let("gy_count", select(swapped, narrow_count, lanes));

        Expr x_at = address_of(computed, pointers.scratch, p.at("staged_at"));
        Expr origin =
            int64(x_first) * p.at("in_c") + int64(row_begin) * p.at("in_row") + int64(column_begin) * p.at("in_col");
        stage_block(
            body, shared, false,
            {address_of(stored, pointers.input, origin), p.at("in_c"), p.at("in_col"), p.at("in_row"), x_at,
             p.at("staged_minor"), p.at("staged_row"), 0, x_count, x_count, columns, row_end - row_begin, 0, columns});

        // Phases of the output's gradient, from the block's first row that exists on.
        Expr phases_w = body.let("phases_w", min(w.kernel, w.stride / w.gcd));
        Expr gy_columns = body.let("gy_columns", columns + w.nearest);
        struct Rows {
            Expr begin, end;
        };
        auto gy_rows = [&](const Expr &ry) {
            Expr begin = max(first_quotient(h, ry), row_begin);
            return Rows{begin, max(begin, min(end_quotient(h, h.out, ry), row_end + h.nearest))};
        };
        auto gy_place = [&](const Expr &number_h, const Expr &number_w) {
            return p.at("gy_at") + (number_h * phases_w + number_w) * p.at("gy_phase");
        };
        each_tapped_phase(
            body, "ry", h, 0, 0, [&](Statements &outer, const Expr &number_h, const Expr &ry, const PhaseParameters &) {
                each_tapped_phase(
                    outer, "rx", w, 0, 0,
                    [&](Statements &each, const Expr &number_w, const Expr &rx, const PhaseParameters &) {
                        const Rows rows = gy_rows(ry);
                        Expr y = int64(h.stride) * rows.begin + ry - h.crop;
                        Expr x = int64(w.stride) * column_begin + rx - w.crop;
                        Expr from = int64(gy_first) * p.at("out_c") + y * p.at("out_row") + x * p.at("out_col");
                        Expr begin =
                            each.let("inside_begin", clamp(first_quotient(w, rx) - column_begin, 0, gy_columns));
                        Expr end =
                            each.let("inside_end", clamp(end_quotient(w, w.out, rx) - column_begin, begin, gy_columns));
                        Expr count = each.let("gy_rows", rows.end - rows.begin);
                        each.when(count > 0, [&](Statements &then) {
                            stage_block(
                                then, shared, false,
                                {address_of(stored, pointers.packed, from), p.at("out_c"),
                                 int64(w.stride) * p.at("out_col"), int64(h.stride) * p.at("out_row"),
                                 address_of(computed, pointers.scratch, gy_place(number_h, number_w)), p.at("gy_minor"),
                                 p.at("gy_row"), 0, gy_count, gy_count, gy_columns, count, begin, end});
                        });
                    });
            });

        Expr tap_pitch = body.let("tap_pitch", p.at("channels") * width);
        Expr block_pitch = body.let("block_pitch", tap_pitch * w.kernel * h.kernel);
        Expr sums = body.let("sums", address_of(computed, pointers.output,
                                                int64(block_pitch) * (group * p.at("lane_blocks") + first_block)));
        auto correlate_tap = [&](Statements &each, const Expr &tap, const Expr &x_host, const Expr &gy_host,
                                 const Expr &rows) {
            const BufferArgument x = {x_host, {0, 0, 0}, {1, p.at("staged_minor"), p.at("staged_row")}};
            const BufferArgument gy = {gy_host, {0, 0, 0}, {1, p.at("gy_minor"), p.at("gy_row")}};
            auto either = [&](const BufferArgument &if_swapped, const BufferArgument &otherwise) {
                BufferArgument chosen = {select(swapped, if_swapped.host, otherwise.host), {0, 0, 0}, {}};
                for (int d = 0; d < 3; d++) {
                    chosen.stride.push_back(select(swapped, if_swapped.stride[d], otherwise.stride[d]));
                }
                return chosen;
            };
            for (size_t tile = 0; tile < tiles.size(); tile++) {
                each.when(p.at("tile") == static_cast<int>(tile), [&](Statements &then) {
                    correlate_rows(then, *tiles[tile], p.at("channels"),
                                   address_of(computed, sums, int64(tap) * tap_pitch), either(x, gy), either(gy, x),
                                   blocks, block_pitch, columns, rows);
                });
            }
        };
        each_tapped_phase(
            body, "ry", h, 0, 0,
            [&](Statements &outer, const Expr &number_h, const Expr &ry, const PhaseParameters &vertical) {
                outer.loop("jy", vertical.taps, [&](Statements &of_row, const Expr &jy) {
                    Expr ky = vertical.first_tap + jy * vertical.tap_step;
                    Expr offset_y = of_row.let("offset_y", vertical.offset - jy * vertical.offset_step);
                    const Rows staged = gy_rows(ry);
                    Expr begin = of_row.let("tap_begin", max(row_begin, staged.begin - offset_y));
                    Expr rows = of_row.let("tap_rows", min(row_end, staged.end - offset_y) - begin);
                    of_row.when(rows > 0, [&](Statements &inside) {
                        Expr x_host = address_of(computed, x_at, (begin - row_begin) * p.at("staged_row"));
                        Expr gy_row = (begin + offset_y - staged.begin) * p.at("gy_row");
                        each_tapped_phase(inside, "rx", w, 0, 0,
                                          [&](Statements &phase, const Expr &number_w, const Expr &,
                                              const PhaseParameters &horizontal) {
                                              phase.loop("jx", horizontal.taps, [&](Statements &each, const Expr &jx) {
                                                  Expr kx = horizontal.first_tap + jx * horizontal.tap_step;
                                                  Expr offset_x = horizontal.offset - jx * horizontal.offset_step;
                                                  Expr gy_host = address_of(computed, pointers.scratch,
                                                                            gy_place(number_h, number_w) + gy_row +
                                                                                offset_x * p.at("gy_minor"));
                                                  correlate_tap(each, ky * w.kernel + kx, x_host, gy_host, rows);
                                              });
                                          });
                    });
                });
            });
    };
}

LayerBuilder unpack_layer(const SharedStages &shared, const RawFunction &unpack) {
    return [&shared, &unpack](Statements &body, const Parameters &p, const Expr &task, const Pointers &pointers) {
        const Type stored = generators::stored_type(shared.element);
        const Type computed = generators::computed_type(shared.element);
        Expr width = p.at("tile_a"), channels = p.at("channels");
        Expr group = body.let("group", task / p.at("lane_blocks")),
             number = body.let("number", task % p.at("lane_blocks"));
        Expr lanes = min(width, p.at("outputs") - number * width);
        Expr tap = body.let("tap", channels * width), row = body.let("row", tap * p.at("kernel_w"));
        Expr block = body.let("block", row * p.at("kernel_h"));
        BufferArgument partial = {address_of(computed, pointers.input, int64(block) * task),
                                  {0, 0, 0, 0, 0},
                                  {1, width, tap, row, p.at("split_pitch")}};
        Expr from = int64(group) * p.at("filter_group") + int64(number * width) * p.at("filter_co");
        BufferArgument filter = {address_of(stored, pointers.output, from),
                                 {lanes, channels, p.at("kernel_w"), p.at("kernel_h")},
                                 {p.at("filter_co"), p.at("filter_ci"), p.at("filter_kx"), p.at("filter_ky")}};
        body.add(unpack.call({{"partial", partial}, {"filter", filter}}, {{"splits", p.at("splits")}}));
    };
}

LayerBuilder bias_gradient_layer(const SharedStages &shared, const RawFunction &sums_of_channels,
                                 const RawFunction &sums_of_planes) {
    return [&shared, &sums_of_channels, &sums_of_planes](Statements &body, const Parameters &p, const Expr &task,
                                                         const Pointers &pointers) {
        Expr y = body.let("y", task * p.at("block_h"));
        Expr rows = body.let("rows", min(p.at("block_h"), p.at("out_h") - y));
        Expr from = int64(y) * p.at("out_row");
        BufferArgument gradient = {address_of(generators::stored_type(shared.element), pointers.input, from),
                                   {0, 0, 0},
                                   {p.at("out_c"), p.at("out_col"), p.at("out_row")}};
        BufferArgument sums = {pointers.output, {p.at("outputs")}, {1}};
        Expr planar = p.at("out_col") == 1 && p.at("out_c") != 1;
        for (bool planes : {false, true}) {
            body.when(planes ? planar : !planar, [&](Statements &then) {
                then.add(
                    (planes ? sums_of_planes : sums_of_channels)
                        .call({{"gradient", gradient}, {"sums", sums}}, {{"columns", p.at("out_w")}, {"rows", rows}}));
            });
        }
    };
}

}  // namespace tconv::compiler
