// The kernels compiled into this library, in the order of schedules/variants.csv.
#pragma once

#include <cstdint>
#include <span>

#include "cpu_features.h"
#include "layer_params.h"
#include "message.h"

namespace tconv {

enum class Family { gather, phase, overlap, winograd2, winograd3, winograd4 };

// Of a tile of Winograd's families along each axis; 0 for the others.
constexpr int32_t outputs_of_tile(Family family) {
    return family == Family::winograd2 ? 2 : family == Family::winograd3 ? 3 : family == Family::winograd4 ? 4 : 0;
}

// What lies along the vector lanes of a register tile (generators/multiply.h).
// In merged kernels it is the channels of all x-phases of a row, side by side; woven ones are planes of one tap each.
enum class Lanes { none, channels, merged, pixels, depthwise, planes, fragments, woven };

// Generated functions; compiler/layer/layer_function.h describes them.
using LayerFunction = int (*)(const int32_t *params, int32_t task, const void *input, const void *packed,
                              const void *bias, const void *slope, const void *residual, void *output, void *scratch);
using PackFunction = int (*)(const int32_t *params, const void *filter, void *packed);

struct Kernel {
    const char *name;
    int32_t dtype;  // tconv_dtype
    Family family;
    Lanes lanes;
    Isa isa;
    int32_t tile;            // its number among those that `run` knows: kernels of one form share their functions
    int32_t tile_a, tile_m;  // register tile: lanes or outputs, by pixels
    int32_t vector;          // computed numbers of a vector
    LayerFunction run;
    PackFunction pack;  // of run's filter and of input_gradient's: the parameters tell which
    LayerFunction input_gradient, filter_gradient;  // NULL where this kernel does not compute it
    LayerFunction unpack, bias_gradient;            // the same for all kernels of a dtype and ISA
};

// Channels of what its multiply loops read as one number: pairs of bfloat16 (generators/element.h).
constexpr int32_t channels_of_operand(const Kernel &kernel) {
    return kernel.isa == Isa::avx512bf16 ? 2 : 1;
}

// Pixels of a plane in the lanes, all phases of a row at once (generators/multiply_planes.h).
constexpr bool computes_planes(const Kernel &kernel) {
    return kernel.lanes == Lanes::planes || kernel.lanes == Lanes::woven;
}

// What a kernel computes of a layer. The gradient of the input reads that of the output and writes input positions.
enum class Direction { output, input_gradient };

std::span<const Kernel> kernels();

const Kernel *kernel_by_name(const char *name);  // NULL if there is none

// The kernels to choose from: all, or the named one; UNSUPPORTED if there is none of that name, UNSUPPORTED_CPU if its
// instruction set may not be used.
tconv_status candidate_kernels(const char *name, Isa usable, std::span<const Kernel> *candidates, Message &message);

}  // namespace tconv
