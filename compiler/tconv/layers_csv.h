// Tables of layers: the columns of bench/shapes/layers.csv, found by their names in the header row.
//
// Needed: id N C_in H_in W_in C_out kH kW stride_h stride_w pad_top pad_left pad_bottom pad_right out_pad_h out_pad_w
//         dil_h dil_w groups
// Read if there: bias (1), activation (none), norm (none), tier, H_out and W_out (must agree with the rest), layout
//         (nchw), dtype (f32), residual (none | before | after), act_alpha, act_beta.
// Any other column is left alone.
#pragma once

#include <string>
#include <vector>

#include "failure.h"
#include "tconv/tconv.h"

namespace tconv::tool {

struct Layer {
    std::string id;    // for a layer given as text, that text
    std::string tier;  // empty where there is none
    std::string norm;  // none, bn, ...: what the model has between the layer and its activation
    tconv_spec spec;
    std::string note;  // what of the row is not part of the spec; empty if nothing
};

// Failure (kBadInput) names the file, line, column and value of the first mistake.
std::vector<Layer> read_layers_csv(const std::string &path);

}  // namespace tconv::tool
