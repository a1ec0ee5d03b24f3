// The gradient of the filter. A task multiplies a block of input positions, of one or several images, with the outputs
// that each tap joins them to, for a unit: some lane blocks and some narrow channels of a group. It stores or adds to the
// unit's partial sums, [lane block][narrow channel][ky][kx][lane]. As for the gradient of the input, the phases of the
// output's gradient are staged apart, so that neighbouring positions meet neighbouring columns.
//
// A call stages one image of the block, as `image` says; the one for the last, which knows how many there are (`images`),
// multiplies.
#include "layer_function.h"
#include "phase_axis.h"
#include "stage_block.h"

namespace tconv::compiler {

using namespace Halide;

namespace {

// Which lane blocks and narrow channels of which group the unit is.
struct FilterUnit {
    Expr group, first_block, blocks, first_channel, channels;

    FilterUnit(Statements &body, const Parameters &p, const Expr &number) {
        Expr of_group = body.let("of_group", p.at("group_units") * p.at("channel_units"));
        group = body.let("group", number / of_group);
        Expr in_group = body.let("in_group", number % of_group);
        first_block = body.let("first_block", in_group / p.at("channel_units") * p.at("unit_blocks"));
        blocks = body.let("blocks", min(p.at("unit_blocks"), p.at("lane_blocks") - first_block));
        first_channel = body.let("first_channel", in_group % p.at("channel_units") * p.at("unit_channels"));
        channels = body.let("channels", min(p.at("unit_channels"), p.at("channels") - first_channel));
    }
};

// Where the sums of a tap lie: strides of narrow channels and lane blocks.
struct TapSums {
    Expr host, channel, block;
};

// Calls the tiles for `channels` narrow channels: the widest for all panels, and for what the last panel has less a
// narrower one. (Tiles that differ by one would be more even, but they are slower: 64 x 5 loads for nine cycles of ten.)
void correlate_channels(Statements &body, const CorrelateTiles &tiles, const Expr &channels, const Expr &panel_channels,
                        const TapSums &sums, const BufferArgument &wide, const BufferArgument &narrow,
                        const Expr &blocks, const std::map<std::string, Expr> &scalars) {
    Expr panels = body.let("whole_panels", channels / panel_channels);
    Expr rest = body.let("rest_channels", channels % panel_channels);
    Expr odd = body.let("odd_channels", rest % tiles.widths);
    auto call = [&](int width, const Expr &panel, const Expr &first, const Expr &count, const Expr &panel_count) {
        body.when(count > 0 && panel_count > 0, [&](Statements &then) {
            BufferArgument part = narrow;
            if (!tiles.depthwise) {
                part.host = address_of(tiles.computed, narrow.host, panel * narrow.stride[4] + first);
            }
            const BufferArgument to = {
                address_of(tiles.computed, sums.host, (panel * panel_channels + first) * sums.channel),
                {tiles.width, count, panel_count, blocks},
                {1, sums.channel, panel_channels * sums.channel, sums.block}};
            then.add(tiles.tiles.at(width).call({{"wide", wide}, {"narrow", part}, {"sums", to}}, scalars));
        });
    };
    call(tiles.widths, 0, 0, panel_channels, panels);
    call(tiles.widths, panels, 0, rest - odd, 1);
    for (int width = 1; width < tiles.widths; width++) {
        call(width, panels, rest - odd, select(odd == width, width, 0), 1);
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
        Expr block = body.let("block", task / p.at("units"));
        const FilterUnit unit(body, p, task % p.at("units"));
        Expr row_begin = body.let("row_begin", block / w.blocks * h.block);
        Expr row_end = body.let("row_end", end_of_block(row_begin, h.block, h.in));
        Expr column_begin = body.let("column_begin", block % w.blocks * w.block);
        Expr columns = body.let("columns", min(w.block, w.in - column_begin));
        Expr first_lane = body.let("first_lane", unit.first_block * width);
        Expr lanes = body.let("unit_lanes", min(p.at("outputs") - first_lane, unit.blocks * width));

        // Channels of the two tensors. Those along the lanes are staged in panels of a lane block, so that what a
        // register tile reads of them is contiguous.
        struct Channels {
            Expr first, count, panel_channels;
        };
        const Channels wide = {unit.group * p.at("outputs") + first_lane, lanes, width};
        const Channels narrow = depthwise ? wide
                                          : Channels{unit.group * p.at("channels") + unit.first_channel, unit.channels,
                                                     p.at("narrow_panel")};
        auto channels_of = [&](const std::string &name, const Expr &lanes_are_these) {
            return Channels{
                body.let(name + "_first", select(lanes_are_these, wide.first, narrow.first)),
                body.let(name + "_count", select(lanes_are_these, wide.count, narrow.count)),
                body.let(name + "_panel", select(lanes_are_these, wide.panel_channels, narrow.panel_channels))};
        };
        const Channels of_x = channels_of("x", swapped), of_gy = channels_of("gy", !swapped);

        Expr x_at = address_of(computed, pointers.scratch, p.at("staged_at"));
        Expr origin =
            int64(of_x.first) * p.at("in_c") + int64(row_begin) * p.at("in_row") + int64(column_begin) * p.at("in_col");
        stage_block(
            body, shared, false,
            {address_of(stored, pointers.input, origin), p.at("in_c"), p.at("in_col"), p.at("in_row"),
             address_of(computed, x_at, p.at("image") * p.at("staged_image")), p.at("staged_minor"), p.at("staged_row"),
             p.at("staged_panel"), of_x.count, of_x.panel_channels, columns, row_end - row_begin, 0, columns});

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
                        Expr from = int64(of_gy.first) * p.at("out_c") + y * p.at("out_row") + x * p.at("out_col");
                        Expr begin =
                            each.let("inside_begin", within_block(first_quotient(w, rx), column_begin, 0, gy_columns));
                        Expr end = each.let("inside_end", within_block(end_quotient(w, w.out, rx), column_begin, begin,
                                                                       gy_columns));
                        Expr count = each.let("gy_rows", rows.end - rows.begin);
                        each.when(count > 0, [&](Statements &then) {
                            Expr to = gy_place(number_h, number_w) + p.at("image") * p.at("gy_image");
                            stage_block(
                                then, shared, false,
                                {address_of(stored, pointers.packed, from), p.at("out_c"),
                                 int64(w.stride) * p.at("out_col"), int64(h.stride) * p.at("out_row"),
                                 address_of(computed, pointers.scratch, to), p.at("gy_minor"), p.at("gy_row"),
                                 p.at("gy_panel"), of_gy.count, of_gy.panel_channels, gy_columns, count, begin, end});
                        });
                    });
            });

        Expr channel_pitch = body.let("channel_pitch", width * w.kernel * h.kernel);
        Expr block_pitch = body.let("block_pitch", channel_pitch * p.at("unit_channels"));
        Expr first = p.at("first") != 0;
        auto correlate_tap = [&](Statements &each, const Expr &tap, const Expr &x_host, const Expr &gy_host,
                                 const Expr &rows) {
            const BufferArgument x = {
                x_host,
                {0, 0, 0, 0, 0},
                {1, p.at("staged_minor"), p.at("staged_row"), p.at("staged_image"), p.at("staged_panel")}};
            const BufferArgument gy = {
                gy_host, {0, 0, 0, 0, 0}, {1, p.at("gy_minor"), p.at("gy_row"), p.at("gy_image"), p.at("gy_panel")}};
            auto either = [&](const BufferArgument &if_swapped, const BufferArgument &otherwise) {
                BufferArgument chosen = {select(swapped, if_swapped.host, otherwise.host), {0, 0, 0, 0, 0}, {}};
                for (int d = 0; d < 5; d++) {
                    chosen.stride.push_back(select(swapped, if_swapped.stride[d], otherwise.stride[d]));
                }
                return chosen;
            };
            for (size_t tile = 0; tile < tiles.size(); tile++) {
                each.when(p.at("tile") == static_cast<int>(tile), [&](Statements &then) {
                    correlate_channels(
                        then, *tiles[tile], depthwise ? Expr(1) : unit.channels, p.at("narrow_panel"),
                        {address_of(computed, pointers.output, tap * width), channel_pitch, block_pitch}, either(x, gy),
                        either(gy, x), unit.blocks,
                        {{"columns", columns}, {"rows", rows}, {"images", p.at("images")}, {"first", p.at("first")}});
                });
            }
        };
        auto multiply = [&](Statements &multiplied) {
            each_tapped_phase(
                multiplied, "ry", h, 0, 0,
                [&](Statements &outer, const Expr &number_h, const Expr &ry, const PhaseParameters &vertical) {
                    outer.loop("jy", vertical.taps, [&](Statements &of_row, const Expr &jy) {
                        Expr ky = vertical.first_tap + jy * vertical.tap_step;
                        Expr offset_y = of_row.let("offset_y", vertical.offset - jy * vertical.offset_step);
                        const Rows staged = gy_rows(ry);
                        Expr begin = of_row.let("tap_begin", max(row_begin, staged.begin - offset_y));
                        // The first call stores zeros for taps that meet no output.
                        Expr rows = of_row.let("tap_rows", max(0, min(row_end, staged.end - offset_y) - begin));
                        of_row.when(rows > 0 || first, [&](Statements &inside) {
                            Expr x_host = address_of(computed, x_at, (begin - row_begin) * p.at("staged_row"));
                            Expr gy_row = (begin + offset_y - staged.begin) * p.at("gy_row");
                            each_tapped_phase(
                                inside, "rx", w, 0, 0,
                                [&](Statements &phase, const Expr &number_w, const Expr &,
                                    const PhaseParameters &horizontal) {
                                    phase.loop("jx", horizontal.taps, [&](Statements &each, const Expr &jx) {
                                        Expr kx = horizontal.first_tap + jx * horizontal.tap_step;
                                        Expr offset_x = horizontal.offset - jx * horizontal.offset_step;
                                        Expr gy_host = address_of(
                                            computed, pointers.scratch,
                                            gy_place(number_h, number_w) + gy_row + offset_x * p.at("gy_minor"));
                                        correlate_tap(each, ky * w.kernel + kx, x_host, gy_host, rows);
                                    });
                                });
                        });
                    });
                });
        };
        body.when(p.at("images") > 0, multiply);
    };
}

LayerBuilder unpack_layer(const SharedStages &shared, const RawFunction &unpack,
                          const std::optional<RawFunction> &unpack_squares) {
    return [&shared, &unpack, &unpack_squares](Statements &body, const Parameters &p, const Expr &task,
                                               const Pointers &pointers) {
        const Type stored = generators::stored_type(shared.element);
        const Type computed = generators::computed_type(shared.element);
        Expr width = p.at("tile_a");
        Expr in_unit = body.let("in_unit", task % p.at("unit_blocks"));
        const FilterUnit unit(body, p, task / p.at("unit_blocks"));
        Expr first_lane = body.let("first_lane", (unit.first_block + in_unit) * width);
        Expr lanes = body.let("lanes", min(width, p.at("outputs") - first_lane));
        Expr taps_w = p.at("kernel_w"), taps_h = p.at("kernel_h");
        Expr row = body.let("row", width * taps_w), pitch = body.let("channel_pitch", row * taps_h);
        Expr partial = address_of(computed, pointers.input, int64(in_unit) * (pitch * p.at("unit_channels")));
        Expr from = int64(unit.group) * p.at("filter_group") + int64(first_lane) * p.at("filter_co") +
                    int64(unit.first_channel) * p.at("filter_ci");
        Expr filter = address_of(stored, pointers.output, from);

        struct Dimension {
            Expr count, partial, filter;  // how many, strides of the partial sums and of the filter
        };
        const Dimension channel = {unit.channels, pitch, p.at("filter_ci")};
        const Dimension tap_x = {taps_w, width, p.at("filter_kx")}, tap_y = {taps_h, row, p.at("filter_ky")};
        const Dimension none = {1, 0, 0};
        // All taps of a channel one after the other, as in a filter of the frameworks, and all its channels.
        const Dimension taps = {taps_w * taps_h, width, select(taps_w > 1, p.at("filter_kx"), p.at("filter_ky"))};
        const Dimension all = {channel.count * taps.count, width, select(taps.count > 1, taps.filter, channel.filter)};
        Expr joined =
            body.let("joined", taps_w == 1 || taps_h == 1 || int64(tap_y.filter) == int64(tap_x.filter) * taps_w);
        Expr all_joined = joined && (channel.count == 1 || taps.count == 1 ||
                                     int64(channel.filter) == int64(taps.filter) * taps.count);
        // `lane_count` and `t_count` of them from the given ones on, for one u and all v.
        auto unpack_part = [&](Statements &then, const RawFunction &stage, const Expr &lane, const Expr &lane_count,
                               const Expr &t_begin, const Expr &t_count, const Dimension &t, const Expr &u_begin,
                               const Expr &u_count, const Dimension &u, const Dimension &v) {
            const BufferArgument sums = {
                address_of(computed, partial, lane + t_begin * t.partial + u_begin * u.partial),
                {0, 0, 0, 0, 0},
                {1, t.partial, u.partial, v.partial, p.at("split_pitch")}};
            const BufferArgument to = {
                address_of(stored, filter,
                           int64(lane) * p.at("filter_co") + int64(t_begin) * t.filter + int64(u_begin) * u.filter),
                {lane_count, t_count, u_count, v.count},
                {p.at("filter_co"), t.filter, u.filter, v.filter}};
            then.add(stage.call({{"partial", sums}, {"filter", to}}, {{"splits", p.at("splits")}}));
        };
        const int edge = shared.squares;
        // Whole squares; the last overlap those before.
        auto by_squares = [&](const Expr &condition, const Dimension &t, const Dimension &u, const Dimension &v) {
            body.when(condition, [&](Statements &then) {
                then.loop("of_u", u.count, [&](Statements &each, const Expr &number) {
                    Expr whole_lanes = each.let("whole_lanes", lanes / edge * edge);
                    Expr whole_t = each.let("whole_t", t.count / edge * edge);
                    for (bool last_lanes : {false, true}) {
                        for (bool last_t : {false, true}) {
                            Expr needed = (last_lanes ? whole_lanes < lanes : Internal::const_true()) &&
                                          (last_t ? whole_t < t.count : Internal::const_true());
                            each.when(needed, [&](Statements &part) {
                                unpack_part(part, *unpack_squares, last_lanes ? lanes - edge : Expr(0),
                                            last_lanes ? Expr(edge) : whole_lanes, last_t ? t.count - edge : Expr(0),
                                            last_t ? Expr(edge) : whole_t, t, number, 1, u, v);
                            });
                        }
                    }
                });
            });
        };
        auto by_lanes = [&](const Expr &condition, const Dimension &t, const Dimension &u, const Dimension &v) {
            body.when(condition,
                      [&](Statements &then) { unpack_part(then, unpack, 0, lanes, 0, t.count, t, 0, u.count, u, v); });
        };
        // In squares where something else than the lanes is contiguous, else vectors of lanes.
        Expr stored_already = Internal::const_false();
        auto squares_if = [&](const Expr &condition, const Dimension &t, const Dimension &u, const Dimension &v) {
            Expr now = body.let("squares", p.at("filter_co") != 1 && lanes >= edge && !stored_already && condition &&
                                               t.filter == 1 && t.count >= edge);
            by_squares(now, t, u, v);
            stored_already = stored_already || now;
        };
        if (edge > 0) {
            squares_if(all_joined, all, none, none);
            squares_if(joined, taps, channel, none);
            squares_if(Internal::const_true(), channel, tap_x, tap_y);
        }
        Expr rest = body.let("by_lanes", lanes > 0 && !stored_already);
        by_lanes(rest && joined, taps, channel, none);
        by_lanes(rest && !joined, tap_x, tap_y, channel);
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
