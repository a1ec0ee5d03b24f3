// Layers of one channel whose input and filter are outer products: the result is the outer product of the results of
// the two axes, so that a framework's rule for one axis foretells the whole output of a kernel.
#pragma once

#include <string>

#include "frameworks.h"
#include "random.h"
#include "tconv/tconv_profiles.h"

namespace tconv::testing {

struct Lines {
    Line h, w;
};

// Sizes to 6, kernels to 5, strides to 4, dilations to 3, each axis on its own; small integers.
Lines random_lines(Random &random);

// An initialised spec with the sizes of the lines, one channel, and a bias; strides and all else at their defaults.
tconv_spec sizes_of(const Lines &lines);

// Plans, packs the filter through tconv_profile_filter with these weights, runs, and compares with `h` times `w` plus
// the bias. Empty if equal, else what is wrong.
std::string compare_run(const tconv_spec &spec, const Lines &lines, int32_t weights, const Values &h, const Values &w);

}  // namespace tconv::testing
