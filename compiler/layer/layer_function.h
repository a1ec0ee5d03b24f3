// Layer functions: stages joined, in IR, into the one function that computes a task of a layer.
//
//   int NAME(const int32_t *params, int32_t task, const void *input, const void *packed, const void *bias,
//            const void *slope, const void *residual, void *output, void *scratch)
//
// Pointers are to one image; a task is a block of its rows and columns, for some of its channels. Tasks are
// independent of one another and of the order and thread in which they run. The same builder serves the catalogue
// (parameters are loaded) and compiled layers (parameters are constants, and what they rule out disappears).
#pragma once

#include <functional>
#include <map>
#include <string>

#include "Halide.h"
#include "ir.h"
#include "overlap_stages.h"
#include "plane_tiles.h"
#include "stages.h"
#include "tile_row.h"
#include "winograd_stages.h"

namespace tconv::compiler {

// Parameter values by name (runtime/src/layer_params.h): loads, or constants.
using Parameters = std::map<std::string, Halide::Expr>;

struct Pointers {
    Halide::Expr input, packed, bias, slope, residual, output, scratch;  // UInt(64) addresses
};

// The names of the parameters, in the order of the block.
const std::vector<std::string> &parameter_names();

Parameters parameters_from_memory(Statements &body, const Halide::Expr &params);

// Appends the computation of `task` to `body`.
using LayerBuilder =
    std::function<void(Statements &body, const Parameters &, const Halide::Expr &task, const Pointers &)>;

// What a layer function of the phase family is made for, but for its register tile.
struct PhaseForm {
    generators::Lanes lanes;
    bool merges;  // phases may lie side by side in the lanes, as the layer's parameters say
    // Appends the multiplication of a row of tiles, by `unroll` channels a step.
    std::function<void(Statements &, const Parameters &, int unroll, const TileRow &)> multiply_row;
};

LayerBuilder phase_layer(const SharedStages &shared, const PhaseForm &form);
// The gradient of the input: `input` and `output` are the gradients of output and input.
LayerBuilder input_gradient_layer(const SharedStages &shared, const PhaseForm &form);

// Of planes, in vectors of so many pixels. Appends the multiplication of a line.
using MultiplyLine = std::function<void(Statements &, const Parameters &, const PlaneLine &)>;
LayerBuilder planes_layer(const SharedStages &shared, int vector, const MultiplyLine &multiply_line);

// The same by Winograd's tiles: positions are sets of `stride` outputs.
LayerBuilder winograd_layer(const SharedStages &shared, const PhaseForm &form, const WinogradStages &stages);

// The same by products of whole inputs, which are added up where they overlap: positions are quotients again.
LayerBuilder overlap_layer(const SharedStages &shared, const PhaseForm &form, const OverlapStages &stages);

// The gradient of the filter, in partial sums: `input` and `packed` are the input and the output's gradient, `output` a
// unit's sums. The tiles are those that the layer functions of one form know.
LayerBuilder filter_gradient_layer(const SharedStages &shared, const std::vector<const CorrelateTiles *> &tiles);
// From a unit's partial sums (`input`) to the filter's view (`output`): one of its lane blocks a task.
LayerBuilder unpack_layer(const SharedStages &shared, const RawFunction &unpack,
                          const std::optional<RawFunction> &unpack_squares);
// The gradient of the bias, added to [C_out] partial sums (`output`): a block of rows of one image a task.
LayerBuilder bias_gradient_layer(const SharedStages &shared, const RawFunction &sums_of_channels,
                                 const RawFunction &sums_of_planes);

LayerBuilder gather_layer(const SharedStages &shared, const RawFunction &gather);

// Packs the whole filter for a variant.
void pack_filter(Statements &body, const Parameters &parameters, const RawFunction &pack, const Variant &variant,
                 const Halide::Expr &filter, const Halide::Expr &packed);
// The same for overlap-add, whose lanes are all taps of all outputs: [lane block][ci][ky][kx][co], blocks cut from the last
// three.
void pack_overlap_filter(Statements &body, const Parameters &parameters, const RawFunction &pack,
                         const Variant &variant, const Halide::Expr &filter, const Halide::Expr &packed);
// The same for Winograd's tiles: [phase][lane block][point][ci][lane], phases by their row, then column.
void pack_winograd_filter(Statements &body, const Parameters &parameters, const WinogradStages &stages,
                          const Halide::Expr &filter, const Halide::Expr &packed);

// The catalogue's functions, with the signature above, and
//   int NAME(const int32_t *params, const void *filter, void *packed).
Halide::Internal::LoweredFunc catalogue_layer(const std::string &name, const LayerBuilder &builder);
// Appends the packing of `filter` to `body`.
using PackBuilder =
    std::function<void(Statements &body, const Parameters &, const Halide::Expr &filter, const Halide::Expr &packed)>;
Halide::Internal::LoweredFunc catalogue_pack(const std::string &name, const PackBuilder &builder);

}  // namespace tconv::compiler
