#include "frameworks.h"

#include <algorithm>
#include <cmath>

namespace tconv::testing {
namespace {

// Python's // and numpy's, for any signs.
int64_t floor_of(int64_t a, int64_t b) {
    return static_cast<int64_t>(std::floor(static_cast<double>(a) / static_cast<double>(b)));
}
int64_t ceil_of(int64_t a, int64_t b) {
    return static_cast<int64_t>(std::ceil(static_cast<double>(a) / static_cast<double>(b)));
}

Values reversed(Values values) {
    std::reverse(values.begin(), values.end());
    return values;
}

Values with_zeros_between(const Values &values, int64_t zeros) {
    Values spread;
    for (size_t i = 0; i < values.size(); ++i) {
        spread.insert(spread.end(), i == 0 ? 0 : static_cast<size_t>(zeros), 0);
        spread.push_back(values[i]);
    }
    return spread;
}

// Zeros at both ends, or elements taken away where a pad is negative.
Values padded(Values values, Pads pads) {
    values.insert(values.begin(), static_cast<size_t>(std::max<int64_t>(pads.first, 0)), 0);
    values.insert(values.end(), static_cast<size_t>(std::max<int64_t>(pads.second, 0)), 0);
    const auto size = static_cast<int64_t>(values.size());
    const int64_t head = std::min(std::max<int64_t>(-pads.first, 0), size);
    const int64_t tail = std::min(std::max<int64_t>(-pads.second, 0), size - head);
    return Values(values.begin() + head, values.end() - tail);
}

// A convolution as frameworks mean it, stride 1 and the taps not turned, where they lie wholly inside.
Outputs convolved(const Values &x, const Values &taps) {
    if (x.size() < taps.size())
        return std::nullopt;
    Values y(x.size() - taps.size() + 1);
    for (size_t o = 0; o < y.size(); ++o) {
        for (size_t k = 0; k < taps.size(); ++k)
            y[o] += x[o + k] * taps[k];
    }
    return y;
}

// The gradient of a convolution over `out` elements and `before` zeros with respect to those elements.
Outputs gradient_of_convolution(const Line &line, int64_t out, int64_t before) {
    if (out < 1)
        return std::nullopt;
    Values y(static_cast<size_t>(out));
    for (int64_t i = 0; i < line.in(); ++i) {
        for (int64_t k = 0; k < line.kernel(); ++k) {
            const int64_t read = i * line.stride + k * line.dilation - before;
            if (read >= 0 && read < out)
                y[static_cast<size_t>(read)] += line.x[static_cast<size_t>(i)] * line.w[static_cast<size_t>(k)];
        }
    }
    return y;
}

// Everything that any tap reaches.
Values scattered(const Line &line) {
    return *gradient_of_convolution(line, line.stride * (line.in() - 1) + line.extent(), 0);
}

Outputs unless_empty(Values values) {
    return values.empty() ? Outputs() : Outputs(std::move(values));
}

Values zero_inserted(const Line &line) {
    return with_zeros_between(line.x, line.stride - 1);
}

// dilation * (kernel - 1) - padding zeros on both sides, output_padding more at the end, over the zero-inserted input:
// the note in torch's documentation.
Outputs torch_layer(const Line &line, int64_t padding, int64_t output_padding) {
    const int64_t border = line.dilation * (line.kernel() - 1) - padding;
    const int64_t out = (line.in() - 1) * line.stride - 2 * padding + line.extent() + output_padding;
    if (out < 1)
        return std::nullopt;
    return convolved(padded(zero_inserted(line), {border, border + output_padding}),
                     with_zeros_between(reversed(line.w), line.dilation - 1));
}

}  // namespace

Outputs torch(const Line &line, int64_t padding, int64_t output_padding, std::optional<int64_t> output_size) {
    if (padding < 0 || output_padding < 0)
        return std::nullopt;
    if (output_size) {
        const int64_t least = (line.in() - 1) * line.stride - 2 * padding + line.dilation * (line.kernel() - 1) + 1;
        if (*output_size < least || *output_size > least + line.stride - 1)
            return std::nullopt;
        output_padding = *output_size - least;
    }
    if (output_padding >= line.stride && output_padding >= line.dilation)
        return std::nullopt;
    return torch_layer(line, padding, output_padding);
}

Outputs chainer(const Line &line, int64_t pad, std::optional<int64_t> outsize) {
    const int64_t s = line.stride, dk = line.kernel() + (line.kernel() - 1) * (line.dilation - 1);
    if (outsize) {  // check_type_forward, with conv.get_conv_outsize twice
        const int64_t lower = floor_of(*outsize + 2 * pad - dk, s) + 1;
        const int64_t upper = floor_of(*outsize + 2 * pad - dk + s - 1, s) + 1;
        if (lower > line.in() || line.in() > upper)
            return std::nullopt;
    }
    const int64_t out = outsize ? *outsize : s * (line.in() - 1) + dk - 2 * pad;
    if (out <= 0 || pad < 0)
        return std::nullopt;
    Values image(static_cast<size_t>(out + 2 * pad + s - 1));  // col2im_cpu
    for (int64_t k = 0; k < line.kernel(); ++k) {
        for (int64_t i = 0; i < line.in(); ++i)
            image.at(static_cast<size_t>(k * line.dilation + i * s)) +=
                line.x[static_cast<size_t>(i)] * line.w[static_cast<size_t>(k)];
    }
    return Values(image.begin() + pad, image.begin() + pad + out);
}

Outputs paddle(const Line &given, Rule rule, Pads pads, int64_t output_padding, std::optional<int64_t> output_size) {
    Line line = given;
    if (rule == Rule::kSame) {  // UpdatePaddingAndDilation, over the input of this layer
        const int64_t sum =
            std::max<int64_t>((ceil_of(line.in(), line.stride) - 1) * line.stride + line.kernel() - line.in(), 0);
        pads = {floor_of(sum, 2), sum - floor_of(sum, 2)};
        line.dilation = 1;
    } else if (rule == Rule::kValid) {
        pads = {0, 0};
    }
    if (pads.first < 0 || pads.second < 0)
        return std::nullopt;
    const int64_t inferred = (line.in() - 1) * line.stride - pads.first - pads.second + line.extent();
    if (output_size) {
        if (*output_size < inferred || *output_size >= inferred + line.stride || output_padding != 0)
            return std::nullopt;
        return gradient_of_convolution(line, *output_size, pads.first);
    }
    if (output_padding < 0 || output_padding >= std::max(line.stride, line.dilation))
        return std::nullopt;
    return gradient_of_convolution(line, inferred + output_padding, pads.first);
}

Outputs tensorflow(const Line &line, Rule rule, Pads pads, int64_t output_shape) {
    int64_t windows, before = 0;  // of the convolution whose gradient this is
    if (rule == Rule::kSame) {
        windows = ceil_of(output_shape, line.stride);
        before = floor_of(std::max<int64_t>((windows - 1) * line.stride + line.extent() - output_shape, 0), 2);
    } else {
        if (rule == Rule::kValid)
            pads = {0, 0};
        windows = floor_of(output_shape + pads.first + pads.second - line.extent(), line.stride) + 1;
        before = pads.first;
    }
    if (windows != line.in() || pads.first < 0 || pads.second < 0)
        return std::nullopt;
    return gradient_of_convolution(line, output_shape, before);
}

Outputs jax(const Line &line, Rule rule, Pads pads, bool consistent, bool transpose_kernel) {
    const int64_t k = line.extent(), s = line.stride;
    if (rule != Rule::kExplicit) {  // _conv_transpose_padding
        const bool same = rule == Rule::kSame;
        const int64_t all = same ? k + s - 2 : k + s - 2 + std::max<int64_t>(k - s, 0);
        const int64_t low = same && s <= k - 1 ? ceil_of(k + s - 2, 2) : k - 1;
        pads = {low, all - low};
    } else if (consistent) {
        pads = {k - 1 - pads.first, k - 1 - pads.second};
    }
    if (s * (line.in() - 1) + 1 + pads.first + pads.second < k)
        return std::nullopt;
    return convolved(padded(zero_inserted(line), pads),
                     with_zeros_between(transpose_kernel ? reversed(line.w) : line.w, line.dilation - 1));
}

// backend_utils' arguments for the JAX backend, which all backends agreed on in 2026.
Outputs keras(const Line &line, Rule rule, std::optional<int64_t> output_padding) {
    const int64_t k = line.extent(), s = line.stride;
    if (output_padding && *output_padding >= s)
        return std::nullopt;
    Pads pads;
    if (rule == Rule::kValid) {
        pads = {k - 1, k - 1 + (output_padding ? *output_padding : std::max(k, s) - k)};
    } else {
        const int64_t all = output_padding ? k + k % 2 - 2 + *output_padding : s + k - 2;
        pads.first = std::min(floor_of(all, 2) + (all - 2 * floor_of(all, 2)), k - 1);
        pads.second = all - pads.first;
    }
    return jax(line, Rule::kExplicit, pads, false, true);
}

Outputs keras_on_torch(const Line &line, Rule rule, std::optional<int64_t> output_padding) {
    const int64_t k = line.extent(), s = line.stride;
    if (output_padding && *output_padding >= s)
        return std::nullopt;
    int64_t padding = 0, added = 0;
    if (rule == Rule::kValid) {
        added = output_padding ? *output_padding : std::max(k, s) - k;
    } else {
        const int64_t wanted = output_padding ? *output_padding : s - k % 2;
        padding = std::max<int64_t>(-floor_of(k % 2 - k + wanted, 2), 0);
        added = 2 * padding + k % 2 - k + wanted;
    }
    if (added >= s)
        return std::nullopt;
    return torch_layer(line, padding, added);
}

Outputs numpy_ml(const Line &line, std::optional<Pads> pads) {
    const Values x = zero_inserted(line);
    const auto in = static_cast<int64_t>(x.size()), extent = line.extent();
    // calc_pad_dims_2D for stride 1: pads such that `rows` inputs give `out` outputs; int() cuts towards zero.
    const auto pads_for = [extent](int64_t rows, int64_t out) -> std::optional<Pads> {
        Pads found;
        found.first = found.second = static_cast<int64_t>(std::trunc(static_cast<double>(out - 1 + extent - rows) / 2));
        const int64_t reached = 1 + rows + 2 * found.first - extent;
        if (reached == out - 1)
            ++found.second;
        else if (reached != out)
            return std::nullopt;  // AssertionError
        if (found.first < 0 || found.second < 0)
            return std::nullopt;  // ValueError
        return found;
    };
    if (!pads)
        pads = pads_for(in, in);
    if (!pads || pads->first < 0 || pads->second < 0)
        return std::nullopt;
    const Values once = padded(x, *pads);
    const auto rows = static_cast<int64_t>(once.size());
    const std::optional<Pads> more = pads_for(rows, rows - 1 - pads->first - pads->second + extent);
    if (!more)
        return std::nullopt;
    const Outputs z = convolved(padded(once, *more), with_zeros_between(reversed(line.w), line.dilation - 1));
    if (!z)
        return std::nullopt;
    return unless_empty(padded(*z, {-pads->first, -pads->second}));  // Z[pr1:-pr2]
}

namespace {

// Padding cuts the full scatter; output_padding is part of what it is cut from.
Outputs cut(const Line &line, int64_t output_padding, Pads pads) {
    return unless_empty(padded(padded(scattered(line), {0, output_padding}), {-pads.first, -pads.second}));
}

Pads halves(int64_t total, bool smaller_first) {
    const int64_t small = total / 2;
    return smaller_first ? Pads{small, total - small} : Pads{total - small, small};
}

int64_t total_padding(const Line &line, int64_t output_padding, int64_t out) {
    return line.stride * (line.in() - 1) + output_padding + line.extent() - out;
}

}  // namespace

Outputs onnx(const Line &line, const Onnx &a) {
    const bool numbers = a.auto_pad == AutoPad::kNotSet;
    if (a.output_padding < 0 || a.output_padding >= std::max(line.stride, line.dilation) || a.pads.first < 0 ||
        a.pads.second < 0 || (!numbers && a.pads != Pads{0, 0})) {
        return std::nullopt;
    }
    const bool same = a.auto_pad == AutoPad::kUpper || a.auto_pad == AutoPad::kLower;
    if (!a.output_shape && !same)
        return cut(line, a.output_padding, a.pads);
    const int64_t out = a.output_shape ? *a.output_shape : line.in() * line.stride;
    if (out < 1)
        return std::nullopt;
    const int64_t total = total_padding(line, a.output_padding, out);
    if (total < 0)  // the text gives no start: all that is missing goes to the end
        return cut(line, a.output_padding, {0, total});
    return cut(line, a.output_padding, halves(total, a.auto_pad == AutoPad::kUpper));
}

Outputs onnx_runtime(const Line &line, const Onnx &a) {
    const bool same = a.auto_pad == AutoPad::kUpper || a.auto_pad == AutoPad::kLower;
    if (a.output_padding < 0 || a.output_padding >= line.stride || a.pads.first < 0 || a.pads.second < 0 ||
        (a.auto_pad != AutoPad::kNotSet && a.pads != Pads{0, 0})) {
        return std::nullopt;
    }
    Pads pads = a.pads;
    if (a.output_shape || same) {  // ComputeTransposePadAndOutputShape
        const int64_t out = a.output_shape ? *a.output_shape : line.in() * line.stride;
        pads = halves(std::max<int64_t>(total_padding(line, a.output_padding, out), 0), a.auto_pad == AutoPad::kUpper);
    }
    if (!a.output_shape)
        return cut(line, a.output_padding, pads);
    // Measured with 1.31.1 on 3,000 layers: refused where the shape has room for one more input.
    const int64_t full = line.stride * (line.in() - 1) + line.extent();
    if (*a.output_shape < 1 || *a.output_shape - full >= line.stride)
        return std::nullopt;
    return gradient_of_convolution(line, *a.output_shape, pads.first);
}

Outputs openvino(const Line &line, const Onnx &a) {
    if (a.output_padding < 0 || a.pads.first < 0 || a.pads.second < 0)
        return std::nullopt;
    if (!a.output_shape)
        return cut(line, a.output_padding, a.auto_pad == AutoPad::kNotSet ? a.pads : Pads{0, 0});
    if (*a.output_shape < 1)
        return std::nullopt;
    const int64_t total = total_padding(line, a.output_padding, *a.output_shape);
    if (total < 0)
        return cut(line, a.output_padding, {0, total});
    return cut(line, a.output_padding, halves(total, a.auto_pad != AutoPad::kUpper));
}

}  // namespace tconv::testing
