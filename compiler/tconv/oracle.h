// The right answer, in double and from the definition, for chosen pixels of the output: a whole scatter in double would
// take minutes on the largest layers. Compare with tests/reference, against which this one is tested.
#pragma once

#include <cstdint>
#include <vector>

#include "exact_data.h"
#include "tconv/tconv.h"

namespace tconv::tool {

struct Pixel {
    int64_t n, h, w;  // one position of the output, all channels
};

// A deterministic choice: every pixel if they cost at most `flops`, else corners, borders and as many others as fit.
// Whole rows where a softmax runs along them.
std::vector<Pixel> sample_of(const tconv_spec &spec, double flops);

// How far a result may be from the oracle's value, in ULPs of the layer's type: 0 (==) if the layer is exact, else by
// activation; the table is in docs/tool.md.
double tolerance_of(const tconv_spec &spec);

struct Expected {
    double value;
    double magnitude;  // of the terms of the last operation: one ULP is that of the larger of the two
};

class Oracle {
public:
    Oracle(const tconv_spec &spec, const ExactData &data);

    // The values of all output channels at each of the pixels, pixel after pixel. For a softmax along rows the pixels
    // must be whole rows, in order.
    std::vector<Expected> at(const std::vector<Pixel> &pixels) const;

private:
    void sums_at(const Pixel &pixel, std::vector<double> &sums) const;

    const tconv_spec &spec_;
    const ExactData &data_;
    int64_t out_h_, out_w_;
    std::vector<double> filter_;  // [kH, kW, C_in, C_out/groups]: the innermost loop runs over channels
};

// |actual - expected| in ULPs of the type: 0 for the expected value, rounded once; infinite for a NaN.
double error_in_ulps(int32_t dtype, double actual, const Expected &expected);

}  // namespace tconv::tool
