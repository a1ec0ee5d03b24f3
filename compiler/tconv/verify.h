// Compares what a kernel computed with the oracle.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oracle.h"
#include "registry.h"
#include "trial.h"

namespace tconv::tool {

struct Comparison {
    int64_t compared = 0, wrong = 0;
    double max_err = 0;  // ULPs
    std::string first;   // the first wrong output, in words
};

// How a kernel forms its sums, and so the data that it is exact on.
Sums sums_of(const Kernel &kernel);

// Of the oracle, before a kernel is timed.
constexpr double kFlopsBeforeTiming = 5e7;

// The oracle's answer for one layer, computed once and compared with any number of outputs.
class Answer {
public:
    // All outputs if they cost at most `flops`, else a sample.
    Answer(const tconv_spec &spec, const ExactData &data, double flops);

    bool whole() const { return whole_; }  // all outputs
    Comparison compare(Tensors &tensors) const;

private:
    tconv_spec spec_;
    std::vector<Pixel> pixels_;
    std::vector<Expected> expected_;
    bool whole_;
};

// One kernel's outputs, in logical order, against another's: == where the layer is exact.
Comparison compare_outputs(const tconv_spec &spec, const std::vector<double> &actual,
                           const std::vector<double> &other);

}  // namespace tconv::tool
