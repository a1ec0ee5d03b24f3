#include "layers_csv.h"

#include <algorithm>
#include <set>

#include "csv_table.h"
#include "layer_text.h"

namespace tconv::tool {

namespace {

struct IntegerColumn {
    const char *name;
    int32_t tconv_spec::*field;
};

constexpr IntegerColumn kNeeded[] = {{"N", &tconv_spec::batch},
                                     {"C_in", &tconv_spec::in_channels},
                                     {"H_in", &tconv_spec::in_h},
                                     {"W_in", &tconv_spec::in_w},
                                     {"C_out", &tconv_spec::out_channels},
                                     {"kH", &tconv_spec::kernel_h},
                                     {"kW", &tconv_spec::kernel_w},
                                     {"stride_h", &tconv_spec::stride_h},
                                     {"stride_w", &tconv_spec::stride_w},
                                     {"pad_top", &tconv_spec::pad_top},
                                     {"pad_left", &tconv_spec::pad_left},
                                     {"pad_bottom", &tconv_spec::pad_bottom},
                                     {"pad_right", &tconv_spec::pad_right},
                                     {"out_pad_h", &tconv_spec::output_padding_h},
                                     {"out_pad_w", &tconv_spec::output_padding_w},
                                     {"dil_h", &tconv_spec::dilation_h},
                                     {"dil_w", &tconv_spec::dilation_w},
                                     {"groups", &tconv_spec::groups}};

// Slope of a leaky ReLU whose row gives none: the default of PyTorch's LeakyReLU.
constexpr float kLeakySlope = 0.01f;

void read_choice(const CsvRow &row, const char *column, const char *(*name_of)(int32_t), int32_t last, int32_t *field) {
    const std::string &cell = row.text(column);
    std::string known;
    for (int32_t value = 1; value <= last; value++) {
        if (cell == name_of(value)) {
            *field = value;
            return;
        }
        known += std::string(known.empty() ? "" : ", ") + name_of(value);
    }
    row.reject(column, "is none of " + known);
}

void read_activation(const CsvRow &row, const std::string &word, tconv_spec *spec) {
    const bool alpha = !row.text("act_alpha").empty(), beta = !row.text("act_beta").empty();
    if (word == "none") {
        if (alpha || beta)
            row.reject(alpha ? "act_alpha" : "act_beta", "does not go with the activation 'none'");
        return;
    }
    if (word == "clip01") {
        if (alpha || beta)
            row.reject(alpha ? "act_alpha" : "act_beta", "does not go with clip01, which is clip with bounds 0 and 1");
        spec->activation = TCONV_ACT_CLIP;
        spec->act_beta = 1;
        return;
    }
    spec->activation = TCONV_ACT_NONE;
    const std::string name = word == "leaky" ? "leaky_relu" : word == "softmax_last" ? "softmax" : word;
    std::string known = "none, leaky, clip01, softmax_last";
    for (int32_t value = TCONV_ACT_RELU; value <= TCONV_ACT_SOFTMAX; value++) {
        known += std::string(", ") + activation_name(value);
        if (name == activation_name(value))
            spec->activation = value;
    }
    if (spec->activation == TCONV_ACT_NONE)
        row.reject("activation", "is none of " + known);
    if (word == "softmax_last")
        spec->softmax_axis = TCONV_AXIS_LAST;

    switch (spec->activation) {
        case TCONV_ACT_LEAKY_RELU:
            spec->act_alpha = alpha ? row.number("act_alpha") : kLeakySlope;
            break;
        case TCONV_ACT_ELU:
            spec->act_alpha = alpha ? row.number("act_alpha") : 1.0f;
            break;
        case TCONV_ACT_CLIP:
            if (!alpha || !beta)
                row.reject(alpha ? "act_beta" : "act_alpha", "does not give a bound, which clip needs");
            spec->act_alpha = row.number("act_alpha");
            spec->act_beta = row.number("act_beta");
            return;
        default:
            if (alpha)
                row.reject("act_alpha", "does not go with the activation '" + word + "'");
            break;
    }
    if (beta)
        row.reject("act_beta", "does not go with the activation '" + word + "'");
}

// Only what stands directly behind the layer can be fused: nothing else in between, or a batch norm, which inference
// folds into filter and bias.
void read_epilogue(const CsvRow &row, Layer *layer) {
    const std::string activation = row.text("activation").empty() ? "none" : row.text("activation");
    layer->norm = row.text("norm").empty() ? "none" : row.text("norm");
    tconv_spec fused = layer->spec;
    read_activation(row, activation, &fused);  // also where it is left out, so that a misspelt word is found
    if (layer->norm == "none" || layer->norm == "bn")
        layer->spec = fused;
    else if (activation != "none")
        layer->note = "activation " + activation + " left out: norm " + layer->norm + " stands before it";
    const std::string &residual = row.text("residual");
    if (residual == "before")
        layer->spec.residual = TCONV_RESIDUAL_BEFORE;
    else if (residual == "after")
        layer->spec.residual = TCONV_RESIDUAL_AFTER;
    else if (!residual.empty() && residual != "none")
        row.reject("residual", "is none of none, before, after");
}

void check_size(const CsvRow &row, const char *column, int32_t size) {
    if (!row.text(column).empty() && row.integer(column) != size)
        row.reject(column, "disagrees with the other columns, which give " + std::to_string(size));
}

Layer layer_of(const CsvRow &row) {
    Layer layer;
    layer.id = row.text("id");
    if (layer.id.empty())
        row.reject("id", "is empty");
    layer.tier = row.text("tier");
    tconv_spec_init(&layer.spec, sizeof layer.spec);
    for (const IntegerColumn &column : kNeeded)
        layer.spec.*column.field = row.integer(column.name);
    if (!row.text("bias").empty()) {
        layer.spec.has_bias = row.integer("bias");
        if (layer.spec.has_bias != 0 && layer.spec.has_bias != 1)
            row.reject("bias", "is neither 0 nor 1");
    }
    if (!row.text("layout").empty())
        read_choice(row, "layout", layout_name, TCONV_NHWC, &layer.spec.layout);
    if (!row.text("dtype").empty())
        read_choice(row, "dtype", dtype_name, TCONV_S32, &layer.spec.dtype);
    read_epilogue(row, &layer);

    char message[512];
    if (tconv_spec_validate(&layer.spec, message, sizeof message) != TCONV_OK)
        row.reject("layer " + layer.id + ": " + message);
    int32_t out_h = 0, out_w = 0;
    tconv_spec_output_size(&layer.spec, &out_h, &out_w);
    check_size(row, "H_out", out_h);
    check_size(row, "W_out", out_w);
    return layer;
}

}  // namespace

std::vector<Layer> read_layers_csv(const std::string &path) {
    CsvTable table;
    table.read(path);
    std::string missing;
    for (const IntegerColumn &column : kNeeded) {
        if (std::find(table.columns.begin(), table.columns.end(), column.name) == table.columns.end())
            missing += std::string(" ") + column.name;
    }
    if (std::find(table.columns.begin(), table.columns.end(), "id") == table.columns.end())
        missing = " id" + missing;
    if (!missing.empty())
        throw Failure(kBadInput, path + ":1: the first line lacks these columns:" + missing);

    std::vector<Layer> layers;
    std::set<std::string> ids;
    for (const CsvRow &row : table.rows) {
        layers.push_back(layer_of(row));
        if (!ids.insert(layers.back().id).second)
            row.reject("id", "was already used by an earlier line");
    }
    if (layers.empty())
        throw Failure(kBadInput, path + ": has a header but no layer");
    return layers;
}

}  // namespace tconv::tool
