#include "weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <stdexcept>

namespace tconv::compiler {

namespace {

constexpr std::array known = {"weight", "bias", "slope", "bn_gamma", "bn_beta", "bn_mean", "bn_var", "bn_eps"};

std::string shape_text(const std::vector<int64_t> &shape) {
    std::string text = "(";
    for (size_t i = 0; i < shape.size(); i++) {
        text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
    }
    return text + ")";
}

std::string found_text(const std::map<std::string, Array> &arrays) {
    std::string text;
    for (const auto &[name, array] : arrays) {
        text += (text.empty() ? "" : ", ") + name + " " + shape_text(array.shape);
    }
    return text.empty() ? "nothing" : text;
}

class Taker {
public:
    Taker(const std::map<std::string, Array> &arrays, std::string prefix) : arrays(arrays), prefix(std::move(prefix)) {}

    const Array *find(const std::string &name) const {
        auto found = arrays.find(prefix + name);
        return found == arrays.end() ? nullptr : &found->second;
    }

    const Array &take(const std::string &name, const std::vector<int64_t> &shape) const {
        const Array *array = find(name);
        if (array == nullptr) {
            throw std::runtime_error("weights: '" + prefix + name + "' is missing; found " + found_text(arrays));
        }
        if (array->shape != shape) {
            throw std::runtime_error("weights: '" + prefix + name + "' has shape " + shape_text(array->shape) +
                                     ", the layer needs " + shape_text(shape));
        }
        return *array;
    }

private:
    const std::map<std::string, Array> &arrays;
    std::string prefix;
};

std::string number_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return text;
}

// Of numbers to be baked into a layer that computes in float.
void check_range(const std::string &what, const std::vector<double> &values, const tconv_spec &spec) {
    for (size_t i = 0; i < values.size() && spec.dtype != TCONV_F64; i++) {
        if (std::isfinite(values[i]) && std::abs(values[i]) > std::numeric_limits<float>::max()) {
            throw std::runtime_error("weights: " + what + ": element " + std::to_string(i) + " is " + number_text(values[i]) +
                                     ", which float32 does not hold");
        }
    }
}

}  // namespace

bool named_by_layer(const std::map<std::string, Array> &arrays, const std::vector<std::string> &ids) {
    constexpr const char *kWanted = "weight, bias, slope, bn_gamma, bn_beta, bn_mean, bn_var, bn_eps";
    const std::string *bare = nullptr, *owned = nullptr;
    for (const auto &[name, array] : arrays) {
        const auto is_key = [&name = name](const std::string &prefix) {
            return std::any_of(known.begin(), known.end(), [&](const char *key) { return name == prefix + key; });
        };
        if (is_key("")) {
            bare = &name;
        } else if (std::any_of(ids.begin(), ids.end(), [&](const std::string &id) { return is_key(id + "."); })) {
            owned = &name;
        } else {
            throw std::runtime_error("weights: '" + name + "' belongs to no layer here; found " + found_text(arrays) +
                                     "; wanted " + kWanted + ", with '<id>.' before them where there are several layers");
        }
    }
    if (bare != nullptr && ids.size() > 1) {
        throw std::runtime_error("weights: '" + *bare + "' does not say which of the " + std::to_string(ids.size()) +
                                 " layers it is of; found " + found_text(arrays) + "; wanted " + kWanted +
                                 ", with '<id>.' before each");
    }
    if (bare != nullptr && owned != nullptr) {
        throw std::runtime_error("weights: '" + *bare + "' and '" + *owned +
                                 "' name arrays of one layer in two ways, of which only one is read; found " +
                                 found_text(arrays));
    }
    return owned != nullptr || ids.size() > 1;
}

Weights take_weights(const std::map<std::string, Array> &arrays, const std::string &prefix, tconv_spec &spec) {
    const Taker taker(arrays, prefix);
    const int64_t outputs = spec.out_channels, per_group = spec.out_channels / spec.groups;
    Weights weights;
    weights.filter = taker.take("weight", {spec.in_channels, per_group, spec.kernel_h, spec.kernel_w}).values;
    if (spec.has_bias || taker.find("bias") != nullptr) {
        weights.bias = taker.take("bias", {outputs}).values;
    }
    if (spec.activation == TCONV_ACT_PRELU) {
        weights.slope = taker.take("slope", {outputs}).values;
    } else if (taker.find("slope") != nullptr) {
        throw std::runtime_error("weights: '" + prefix + "slope' is given, but the layer's activation is not prelu");
    }

    const bool normalised =
        std::any_of(known.begin() + 3, known.end(), [&](const char *key) { return taker.find(key) != nullptr; });
    if (normalised) {
        // y = gamma * (x - mean) / sqrt(var + eps) + beta
        const std::vector<double> &gamma = taker.take("bn_gamma", {outputs}).values,
                                  &beta = taker.take("bn_beta", {outputs}).values;
        const std::vector<double> &mean = taker.take("bn_mean", {outputs}).values,
                                  &var = taker.take("bn_var", {outputs}).values;
        const Array *eps = taker.find("bn_eps");
        if (eps == nullptr || eps->values.size() != 1) {
            throw std::runtime_error("weights: '" + prefix + "bn_eps' must be one number; found " + found_text(arrays));
        }
        std::vector<double> bias(static_cast<size_t>(outputs));
        std::vector<double> scale(static_cast<size_t>(outputs));
        for (size_t o = 0; o < bias.size(); o++) {
            if (!(var[o] + eps->values[0] > 0)) {
                throw std::runtime_error("weights: '" + prefix + "bn_var' of output channel " + std::to_string(o) + " is " +
                                         number_text(var[o]) + ", with 'bn_eps' " + number_text(eps->values[0]) +
                                         "; their sum, of which the square root is taken, must be above 0");
            }
            scale[o] = gamma[o] / std::sqrt(var[o] + eps->values[0]);
            bias[o] = ((weights.bias.empty() ? 0.0 : weights.bias[o]) - mean[o]) * scale[o] + beta[o];
        }
        weights.bias = bias;
        const size_t taps = static_cast<size_t>(spec.kernel_h) * static_cast<size_t>(spec.kernel_w);
        const size_t inputs_per_group = static_cast<size_t>(spec.in_channels / spec.groups);
        for (size_t i = 0; i < weights.filter.size(); i++) {
            const size_t input = i / taps / static_cast<size_t>(per_group);
            const size_t output =
                input / inputs_per_group * static_cast<size_t>(per_group) + i / taps % static_cast<size_t>(per_group);
            weights.filter[i] *= scale[output];
        }
    }
    spec.has_bias = !weights.bias.empty();
    const std::string folded = normalised ? ", with the batch norm folded in" : "";
    check_range("'" + prefix + "weight'" + folded, weights.filter, spec);
    check_range("'" + prefix + "bias'" + folded, weights.bias, spec);
    check_range("'" + prefix + "slope'", weights.slope, spec);
    return weights;
}

}  // namespace tconv::compiler
