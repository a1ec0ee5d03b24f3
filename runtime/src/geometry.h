// The mathematics of one axis. Every layer is y[o] = F[o + crop] for o in [0, out), where
//     F[u] = sum over i, k with stride*i + dilation*k = u of x[i]*w[k]      (the full scatter; 0 elsewhere)
// so padding, output padding and every framework's SAME rule are just two integers per axis: crop and out.
//
// As a gather, output o has phase r = (o + crop) mod stride and quotient q = floor((o + crop) / stride), and
// with g = gcd(stride, dilation) it reads taps
//     k = first_tap + j*tap_step          tap_step    = stride / g
// at inputs
//     i = q + offset - j*offset_step      offset_step = dilation / g,  offset = (r - dilation*first_tap) /
//     stride
// for j in [0, taps). A phase that g does not divide has no tap: those outputs are bias only.
#pragma once

#include <cstdint>

#include "tconv/tconv.h"

namespace tconv {

// C's / and % round towards zero, which is wrong for the negative positions that crops produce.
constexpr int64_t floor_div(int64_t a, int64_t b) {
    return a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0);
}
constexpr int64_t floor_mod(int64_t a, int64_t b) {
    return a - floor_div(a, b) * b;
}

// The inverse of a modulo m for coprime positive a and m, in [0, m); 0 for m = 1.
int64_t inverse_mod(int64_t a, int64_t m);

struct Axis {
    int64_t in, kernel, stride, dilation;
    int64_t crop;  // first position of the full scatter that is kept; may be negative
    int64_t out;   // may run past the end of the full scatter

    int64_t full() const { return stride * (in - 1) + dilation * (kernel - 1) + 1; }
};

struct Geometry {
    Axis h, w;
};

// The spec's arithmetic only; meaningful sizes need a valid spec. No product here can overflow: each factor
// is an int32, so full() is below 2^63 - 3*2^31 and leaves room for two pads and an output padding.
Geometry geometry_of(const tconv_spec &spec);

// Whether positions of an axis may be added to and subtracted from each other in int32, with a few strides, blocks and
// extents of the kernel beside them. The kernels of layers do, all but gather, which needs no more than the spec promises.
bool counts_in_int32(const Geometry &geometry);

struct Phase {
    int64_t taps;         // 0: bias only, and then first_tap and offset are 0
    int64_t first_tap;    // k of j = 0
    int64_t tap_step;     // k from one j to the next
    int64_t offset;       // input index of j = 0, relative to the quotient
    int64_t offset_step;  // input index falls by this from one j to the next
    int64_t first_out;    // smallest output of this phase; may be >= out, then count is 0
    int64_t count;        // outputs of this phase: first_out, first_out + stride, ...
    int64_t first_q;      // quotient of first_out; the next outputs have first_q + 1, first_q + 2, ...
};

// r in [0, axis.stride).
Phase phase_of(const Axis &axis, int64_t r);

// The same layer in its one spelling: no output padding, pads that express (crop, out), and parameters that
// the activation does not read cleared. What tuned tables are keyed by; needs a valid spec.
tconv_spec canonical_of(const tconv_spec &spec);

// Bytes of one element; 0 for an unknown type.
int64_t dtype_bytes(int32_t dtype);

// Bytes of the numbers that tensors of this type are computed with, which packed filters and scratch hold: double for
// f64, else float.
int64_t computed_bytes(int32_t dtype);

// Pairs (input, tap) of one axis whose product lands in [0, out).
double pairs_in_bounds(const Axis &axis);

// What a layer costs, counted in this one place for bench, plan and explain.
struct Work {
    double flops_nominal;    // 2*N*C_in*C_out/groups*kH*kW*H*W: every input times every tap
    double flops_in_bounds;  // the same, only for products that land inside the output
    int64_t input_bytes, filter_bytes, bias_bytes, output_bytes, residual_bytes;  // dense; residual 0 if none
};

Work work_of(const tconv_spec &spec);

}  // namespace tconv
