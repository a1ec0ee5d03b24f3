// What a kernel's name says about it, and which layers it may refuse. Kept apart from the library's own rules on
// purpose: a kernel that began to refuse a layer it used to compute fails the tests.
#pragma once

#include <string>
#include <vector>

#include "problem.h"
#include "tconv/tconv_gradients.h"

namespace tconv::testing {

struct KernelName {  // tconv_<dtype>_<family>[_<lanes><a>x<m>]_<isa>
    std::string dtype, family, lanes, isa;
    int tile_a = 0, tile_m = 0;  // 0 where the name has no tile

    // Of a tile of Winograd's filtering along each axis; 0 for kernels that add up the products themselves.
    int winograd_outputs() const;
};

// False if the name does not follow the grammar.
bool parse_kernel_name(const std::string &name, KernelName *parsed);

// The layers a kernel is documented not to compute: all but gather those whose positions, strides or taps are 2^25 or
// more apart or near 2^31, which no layer here is (correctness.far_positions); depthwise kernels those of one group,
// of groups of more than 32 channels or outputs, and of so many lanes and taps that the channels of all lanes would
// not fit a thread's 2 MiB; planes stride_w > 4 or more phases than a tile has vectors, softmax, more than 32
// channels or outputs a group, and outputs that are no multiple of the tile's; woven kernels the same but for at most
// 256 channels and any outputs, and phases of a row that have not one tap each, of the same column; merged kernels
// stride_w = 1, softmax along a row, and under STRICT those whose merged phases would multiply padding weights;
// Winograd's STRICT, groups, dilation beside a stride, large ones, softmax along a row or over many residues, and
// phases of no tap, of more than 7 - outputs, or all of one; those of family overlap STRICT, groups, dilation,
// softmax along a row, kernels below the stride or equal to it along both axes, and so many products that those of a
// few inputs would not fit a thread's 2 MiB.
bool may_refuse(const KernelName &kernel, const tconv_spec &spec);

// Whether the kernel multiplies pairs of bfloat16, which takes subnormal numbers for zero.
bool multiplies_pairs(const std::string &kernel);

// Whether the kernel adds up channels first, then taps: another order of sums than the canonical one.
bool adds_overlaps(const std::string &kernel);

// The gradients (tconv_gradient) of layers that a kernel is documented not to compute: of the bias none; of the input
// those that gather, merged ones and planes; of the filter all but those whose lanes are channels; of both Winograd's and
// those of family overlap; and depthwise kernels again the layers above, of the filter all that are not depthwise.
bool may_refuse_gradient(const KernelName &kernel, const tconv_spec &spec, int32_t which);

// Of the family that computes what all others refuse. A library may be built without it.
bool is_gather(const std::string &kernel);
bool has_gather();

// The element type that a kernel of this name computes; the program ends if the name has none.
int32_t dtype_of(const std::string &kernel);

// Names of all kernels in the library, usable on this processor or not.
std::vector<std::string> all_kernels();

// Names of the kernels that this processor, under TCONV_ISA, can run; with TCONV_TEST_DTYPE=bf16 in the environment only
// those of that type, so that tests keep to it.
std::vector<std::string> usable_kernels();

// The element types that usable kernels compute, in the order of the enum. Tests that draw layers take turns:
// dtypes()[case % dtypes().size()].
const std::vector<int32_t> &dtypes();
int32_t dtype_of_case(uint64_t index);

std::string dtype_text(int32_t dtype);  // as in kernel names

// How a run of a kernel may differ from its easiest case. A ragged layer fills no whole number of tiles.
struct CaseKind {
    bool ragged, strided_view, asymmetric;
};
CaseKind kind_of(const KernelName &kernel, const tconv_spec &spec, Placement placement);

}  // namespace tconv::testing
