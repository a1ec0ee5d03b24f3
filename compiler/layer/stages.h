// The lowered stages of layer functions: those every layer shares, and the multiply tiles of one variant.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "activation.h"
#include "element.h"
#include "multiply.h"
#include "raw_function.h"

namespace tconv::compiler {

// A row of schedules/variants.csv, for one of its dtypes.
struct Variant {
    std::string name;  // of the generated function
    std::string dtype, family, lanes, isa;
    int tile_a = 0, tile_m = 0;  // register tile: lanes or outputs, pixels

    generators::Element element() const;
    generators::Lanes multiply_lanes() const;  // merged phases multiply as channels do
    bool merged() const { return lanes == "merged"; }
    bool merges() const { return merged() || lanes == "pixels"; }
    bool planes() const { return lanes == "planes" || woven(); }
    bool woven() const { return lanes == "woven"; }  // planes of one tap each
    bool depthwise() const { return lanes == "depthwise"; }
    bool overlap() const { return family == "overlap"; }
    int winograd_outputs() const;  // of a tile along each axis; 0 for other families
    // Of the input: it has no x-phases to lay side by side, as merged lanes and planes do.
    bool has_input_gradient() const { return family == "phase" && !merged() && !planes(); }
    // Pairs lie along the reduction, which in the gradient of the filter is over pixels.
    bool has_filter_gradient() const {
        return family == "phase" && (lanes == "channels" || depthwise()) &&
               element() != generators::Element::bf16_pairs;
    }
    // Numbers from one staged pixel to the next, where the loop of so many channels a step relies on them.
    std::optional<int> staged_pitch(int unroll) const;
    // Cache lines that a step of so many channels of the multiply loops fetches for what is multiplied next; 0: none.
    int lines_ahead(int channels) const;
    // What the multiply loops depend on: variants with one key share them. Those that fetch ahead are loops of their own.
    std::string multiply_key() const;
};

// Computed numbers of a vector.
int vector_of(const Halide::Target &target, generators::Element element);

class StageLowering;

// Everything but the multiply loops. One set serves all layer functions of a module.
struct SharedStages {
    SharedStages(generators::Element element, const std::string &prefix, const Halide::Target &target);

    std::vector<const RawFunction *> all() const;

    const RawFunction &stage(bool planar) const { return planar ? stage_planar : stage_channels; }
    const RawFunction &stage_transposed(bool planar) const { return planar ? transposed_planar : transposed_channels; }

    generators::Element element;
    int edge;  // of the square tiles that the transposing stages work in: they want at least that many of either axis
    int squares;  // edge of larger ones, which take whole squares only; 0 where the target has none
    RawFunction stage_channels, stage_planar, stage_groups, transposed_channels, transposed_planar, clear, finish,
        finish_rows, activate_piecewise, add_to_sums, add_to_output, softmax_peak, softmax_exponentiate, softmax_total,
        softmax_scale;
    std::map<bool, RawFunction> stage_squares;  // by planar
    std::optional<RawFunction> finish_squares;
    std::optional<RawFunction> stage_unpaired;      // where operands are pairs
    std::map<int, RawFunction> finish_interleaved;  // by number of streams
    std::map<std::string, RawFunction> repeat;      // by the vector they write: bias, slope
    std::map<std::string, RawFunction> fill;        // bias, slope, peak, total
    std::map<generators::Curve, RawFunction> activate;

private:
    explicit SharedStages(const StageLowering &lower);
};

// Which multiply loops a layer calls; the catalogue has them all.
struct NeededTiles {
    std::set<int> widths;             // in steps; empty: all
    std::optional<int> channel_step;  // channels of one step
};

// The multiply loops of one variant, for every number of pixels (or pixel vectors) up to the tile's.
struct MultiplyTiles {
    MultiplyTiles(const Variant &variant, const std::string &prefix, const Halide::Target &target,
                  const NeededTiles &needed = {});

    static int step_of(const Variant &variant, const Halide::Target &target);

    generators::Lanes lanes;
    int pair;    // numbers of an operand (generators/element.h)
    int width;   // lanes or outputs of a block
    int step;    // pixels by which the tiles grow: 1, or a vector
    int widths;  // of the widest, in steps
    // By the number of channels that one step of the inner loop takes, then by width in steps. Two channels a step
    // save a tenth of the instructions, and take an even number of channels.
    std::map<int, std::map<int, RawFunction>> tiles;
    Halide::Type computed;

    std::vector<const RawFunction *> all() const;
};

// The correlation loops of one variant, for every number of narrow channels up to the tile's.
struct CorrelateTiles {
    CorrelateTiles(const Variant &variant, const std::string &prefix, const Halide::Target &target);

    bool depthwise;
    int width;   // lanes of a block
    int widths;  // of the widest
    std::map<int, RawFunction> tiles;
    Halide::Type computed;
};

RawFunction gather_stage(generators::Element element, const std::string &prefix, const Halide::Target &target);
RawFunction pack_stage(generators::Element element, const std::string &prefix, const Halide::Target &target);
RawFunction unpack_stage(generators::Element element, const std::string &prefix, const Halide::Target &target);
// For views that have another dimension than the lanes contiguous; only where SharedStages have squares.
std::optional<RawFunction> unpack_squares_stage(generators::Element element, const std::string &prefix,
                                                const Halide::Target &target);
RawFunction position_sums_stage(generators::Element element, bool planar, const std::string &prefix,
                                const Halide::Target &target);

}  // namespace tconv::compiler
