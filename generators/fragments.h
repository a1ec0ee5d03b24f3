// Fragments: small matrices spread over the 32 lanes of a warp, which a tensor core multiplies.
//
// An instruction (PTX's mma.sync.aligned, m16n8k16 of half types or m16n8k8 of TF32) multiplies 16 rows by 8 columns. Rows
// are positions, columns outputs. A register of a lane is a word, two numbers of half types or one of TF32, and the depth
// of a product is 8 words. Lane 4 * group + quad has, for r, w and e of 0 and 1,
//
//   word 2 * w + r of the first factor:   row group + 8 * r,  depth quad + 4 * w
//   word w of the second:                 depth quad + 4 * w, column group
//   number 2 * r + e of the sums:         row group + 8 * r,  column 2 * quad + e
//
// Which channel lies at which depth is free, as long as both factors agree, and so is the output of a column. A step of the
// reduction is two products, i of 0 and 1: word w of product i is word 2 * i + w of four that lie side by side, so that a lane
// reads 16 bytes. Column 2 * quad + e of fragment f is output 2 * f + e of the lane, whose outputs lie side by side too.
#pragma once

#include <string>

#include "Halide.h"
#include "dense_phases.h"
#include "element.h"

namespace tconv::generators {

struct FragmentForm {
    static constexpr int groups = 8, quads = 4, words = 4;  // groups and quads of lanes, words of a step
    static constexpr int columns = 8;
    int numbers;        // of a word
    int step_channels;  // of a step of the reduction

    explicit FragmentForm(Element element);
    static int step_words(int outputs) { return outputs * quads * words; }  // of weights
};

// The calls that stand for instructions; compiler/device/tensor_cores.h puts those in their place. Sums are four floats in
// 128 bits.
struct FragmentCalls {
    static constexpr const char *zero = "tconv_fragment_zero";   // (lane) -> sums; of a lane, so that it stays on the device
    static constexpr const char *sum = "tconv_fragment_sum";      // (sums, constant number) -> float
    static constexpr const char *round = "tconv_fragment_tf32";   // (word) -> word, to nearest, ties away from zero
    static constexpr const char *multiply = "tconv_fragment_mma_";  // + f16, bf16 or tf32: (4 words, 2 words, sums) -> sums

    static std::string multiply_of(Element element);
};

// packed[word, step, kx, ky, block, group]: word % 4 of lane word / 4 % 32 of fragment word / 128 of the block's; zero past
// the layer's channels and outputs. TF32 is rounded here, to nearest, ties away from zero.
DevicePack pack_fragments(Element element, int tile_a);

}  // namespace tconv::generators
