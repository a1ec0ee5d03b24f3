// What each framework does to one axis, step by step as its own code or documentation does it, and not as a crop of the
// full scatter: zeros are inserted, borders padded, convolutions slid, images cut. Nothing of the library is used.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace tconv::testing {

using Values = std::vector<double>;
using Pads = std::pair<int64_t, int64_t>;  // begin, end

// One axis of a layer with one channel. The filter of JAX's default is this one, not turned.
struct Line {
    Values x, w;
    int64_t stride, dilation;

    int64_t in() const { return static_cast<int64_t>(x.size()); }
    int64_t kernel() const { return static_cast<int64_t>(w.size()); }
    int64_t extent() const { return dilation * (kernel() - 1) + 1; }
};

// The outputs, or nothing where the framework refuses or has no output.
using Outputs = std::optional<Values>;

Outputs torch(const Line &line, int64_t padding, int64_t output_padding, std::optional<int64_t> output_size);
Outputs chainer(const Line &line, int64_t pad, std::optional<int64_t> outsize);

enum class Rule { kExplicit, kSame, kValid };
Outputs paddle(const Line &line, Rule rule, Pads pads, int64_t output_padding, std::optional<int64_t> output_size);
Outputs tensorflow(const Line &line, Rule rule, Pads pads, int64_t output_shape);
Outputs jax(const Line &line, Rule rule, Pads pads, bool consistent, bool transpose_kernel);
Outputs keras(const Line &line, Rule rule, std::optional<int64_t> output_padding);
Outputs keras_on_torch(const Line &line, Rule rule, std::optional<int64_t> output_padding);

// line.dilation is the library's, one more than numpy-ml's. No pads: 'same'.
Outputs numpy_ml(const Line &line, std::optional<Pads> pads);

enum class AutoPad { kNotSet, kUpper, kLower, kValid };
struct Onnx {
    AutoPad auto_pad;
    Pads pads;
    int64_t output_padding;
    std::optional<int64_t> output_shape;
};
Outputs onnx(const Line &line, const Onnx &attributes);
Outputs onnx_runtime(const Line &line, const Onnx &attributes);
Outputs openvino(const Line &line, const Onnx &attributes);

}  // namespace tconv::testing
