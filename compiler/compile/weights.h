// Weights that `tconv compile` bakes into a layer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "npz.h"
#include "tconv/tconv.h"

namespace tconv::compiler {

struct Weights {                 // rounded to the layer's dtype when they are baked
    std::vector<double> filter;  // [C_in, C_out/groups, kH, kW]
    std::vector<double> bias;    // [C_out]; empty without
    std::vector<double> slope;   // [C_out]; empty without
};

// The arrays of one layer: weight, bias, slope, and bn_gamma, bn_beta, bn_mean, bn_var, bn_eps, which are folded into
// weight and bias in double (and give the layer a bias if it had none). `prefix` is "" or "<id>.". Unknown, missing
// and misshapen arrays are errors that list what was found. May set spec.has_bias.
Weights take_weights(const std::map<std::string, Array> &arrays, const std::string &prefix, tconv_spec &spec);

// Whether arrays have '<id>.' before their names, as those of several layers must. Throws if one belongs to none of the ids,
// or some have it and others do not: none may be left unread.
bool named_by_layer(const std::map<std::string, Array> &arrays, const std::vector<std::string> &ids);

}  // namespace tconv::compiler
