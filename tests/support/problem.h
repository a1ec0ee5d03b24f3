// Data for one layer, filled so that sums are exact, and the oracle's answer for them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tconv/tconv.h"
#include "random.h"
#include "tensor.h"

namespace tconv::testing {

struct DataRules {
    bool integers = true;         // else uniform reals in [-1, 1)
    double density = 0.75;        // of non-zero input values
    int32_t filter_multiple = 1;  // weights are multiples of this (winograd_rules)
    int64_t largest = 0;          // magnitude of the integers in input and filter; 0: what the type and the sums allow
};

DataRules reals();  // without integers

// Products of an output of the layer that has the most.
int64_t products_of_an_output(const tconv_spec &spec);

// The rules under which Winograd's tiles are exact as well, whatever their size: along an axis with phases of two taps
// the transformed weights have the denominator 3 and powers of two, with three taps 15. What is transformed is larger
// than the sums, by up to 2^7 and counted in quarters; it stays below 2^24 quarters because sums of as many products as
// these are far smaller than their bound, which small values keep (largest_factor).
DataRules winograd_rules(const tconv_spec &spec, DataRules rules = {});

// Integer data is bounded so that every partial sum of products, bias and residual, in any order, is an integer that
// the arithmetic holds: of at most 2^20 in magnitude in float, 2^50 in double, with bits to spare for slopes that are
// powers of two. The only rounding is the last, to the storage type. The data of f64 are so large that hardly any
// product or sum is a float, and those of f16 and bf16 such that many sums are no number of theirs. Weights, bias and
// residual of f16, and with them sums, count in sixteenths: so they stay below 2^16, where f16 ends.
struct Magnitudes {
    int64_t value, sum, added;  // of input and filter; of the sum of products; of bias and residual
    double unit;                // in which weights and all that is added up count
};
Magnitudes magnitudes_of(int32_t dtype);

// The largest magnitude of both factors, up to `most`, with which so many products stay below the sum's and each
// factor times the multiple is a number of the type.
int64_t largest_factor(int32_t dtype, int64_t most, int64_t products, int64_t multiple = 1);

class Problem {
public:
    Problem(const tconv_spec &spec, uint64_t seed, Placement placement = Placement::kDense, DataRules rules = {});

    const tconv_spec spec;
    Tensor input, filter, residual, output;  // output poisoned
    Tensor bias, slope;                      // [C_out]

    // The oracle's output in logical order.
    std::vector<double> expected() const { return expected_of(spec); }

    // The same for another activation or residual on this data.
    std::vector<double> expected_of(const tconv_spec &variation) const;

    // The argument of the activation, its result before a residual behind it, and the output.
    struct Steps {
        std::vector<double> argument, activated, result;
    };
    Steps expected_steps() const;

    // Integer sums would saturate every curve: a power of two on weights, bias and residual brings the activation's largest
    // argument down to 8 and keeps every sum exact.
    void scale_arguments();

    // Data that strain sums: of input and filter the magnitudes; a fiftieth of the input 64 times as large.
    void take_magnitudes();
    void enlarge_some(Random &random);
    void strain(int64_t kind, Random &random);  // 1: the former, 2: the latter, else neither

    // What a bound on the error of sums is relative to: the oracle's output for the magnitudes.
    std::vector<double> expected_magnitudes() const;

    // Views and vectors; packed filter and workspace are left NULL for the caller.
    tconv_tensors tensors() const;

    // What is wrong with the output; empty if nothing.
    std::string compare(const std::vector<double> &expected, double absolute = 0, double relative = 0) const {
        return testing::compare(output, expected, absolute, relative);
    }

    // The same where output number `at` may lack error_of_sum(at) before it is rounded on the store. `worst` is raised to the
    // largest share of that.
    std::string compare_sums(const std::vector<double> &expected, const std::function<double(size_t at)> &error_of_sum,
                             double *worst) const;
};

}  // namespace tconv::testing
