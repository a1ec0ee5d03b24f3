// Random layers for property tests: legal ones over the whole space of shapes, and illegal ones that know what must
// be said about them.
#pragma once

#include <string>

#include "random.h"
#include "tconv/tconv.h"

namespace tconv::testing {

struct SpecLimits {
    int32_t dtype = TCONV_F32;
    double most_flops = 20e6;       // of the full count, all images
    int64_t most_outputs = 400000;  // all images
    int32_t largest_size = 40, largest_kernel = 11, largest_stride = 6, largest_dilation = 4;
    bool activations = true;    // false: none
    bool depthwise = false;     // groups = in_channels = out_channels in every layer, not now and then
    bool winograd = false;      // FAST, one group, dilation without stride and phases of few taps, likewise
    bool woven = false;         // kernels as wide as their stride, crops of whole columns and whole tiles of outputs
    int32_t winograd_taps = 0;  // the most of a phase; 0: mostly three, which all such kernels compute, else up to five
    bool exact_only = false;    // only activations whose result on integers is exact (see is_exact)
};

// Valid, FAST or STRICT.
tconv_spec random_legal_spec(Random &random, const SpecLimits &limits = {});

// The activation maps the integer data of Problem to numbers of the arithmetic without rounding.
bool is_exact(const tconv_spec &spec);

struct IllegalSpec {
    tconv_spec spec;
    tconv_status status;  // what validation must return
    std::string field;    // what its message must name
    std::string value;    // and, unless empty, the value it must show
};

// A legal spec with exactly one thing wrong.
IllegalSpec random_illegal_spec(Random &random);

// Field by field, floats by their bits; the bytes between fields do not count.
bool same_spec(const tconv_spec &a, const tconv_spec &b);

// The spec as a layer text, for messages; an illegal one too.
std::string text_of(const tconv_spec &spec);

}  // namespace tconv::testing
