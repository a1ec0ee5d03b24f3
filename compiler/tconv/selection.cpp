#include "selection.h"

#include <regex.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <memory>

#include "layer_text.h"

namespace tconv::tool {

namespace {

Layer layer_of_text(const std::string &text) {
    Layer layer = {.id = text, .tier = "", .norm = "none", .spec = {}, .note = ""};
    tconv_spec_init(&layer.spec, sizeof layer.spec);
    char message[512];
    if (tconv_spec_parse(text.c_str(), &layer.spec, message, sizeof message) != TCONV_OK) {
        throw Failure(kBadInput,
                      "'" + text + "': " + message +
                          "\na layer text looks like "
                          "n1_c256_h32_w24_o256_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_relu (docs/tool.md)");
    }
    return layer;
}

int32_t value_of(const std::string &option, const std::string &word, const char *(*name_of)(int32_t), int32_t last) {
    std::string known;
    for (int32_t value = 1; value <= last; value++) {
        if (word == name_of(value))
            return value;
        known += std::string(known.empty() ? "" : ", ") + name_of(value);
    }
    throw Failure(kBadInput, option + " " + word + ": is none of " + known);
}

// For a name that is not there: the one that differs least, if it differs little.
std::string nearest(const std::string &wanted, const std::vector<Layer> &layers) {
    std::string best;
    size_t least = wanted.size() / 3 + 1;
    for (const Layer &layer : layers) {
        std::vector<size_t> row(layer.id.size() + 1);
        for (size_t j = 0; j < row.size(); j++)
            row[j] = j;
        for (size_t i = 1; i <= wanted.size(); i++) {
            size_t diagonal = row[0];
            row[0] = i;
            for (size_t j = 1; j < row.size(); j++) {
                const size_t replaced = diagonal + (wanted[i - 1] != layer.id[j - 1]);
                diagonal = row[j];
                row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
            }
        }
        if (row.back() <= least) {
            least = row.back();
            best = layer.id;
        }
    }
    return best;
}

std::string joined(const std::vector<std::string> &words) {
    std::string text;
    for (const std::string &word : words)
        text += (text.empty() ? "" : ", ") + word;
    return text;
}

}  // namespace

CLI::Validator not_empty() {
    return CLI::Validator([](const std::string &text) { return text.empty() ? "must not be empty" : ""; }, "");
}

void add_kernel_option(CLI::App &command, std::string &kernel) {
    command
        .add_option("--kernel", kernel,
                    "only kernels whose name this regular expression finds; tconv list prints the names")
        ->type_name("RE")
        ->check(not_empty());
}

std::function<bool(const char *name)> kernel_filter(const std::string &expression) {
    // POSIX's, not std::regex, whose headers set off false warnings of GCC 12 under the sanitizers.
    const std::shared_ptr<regex_t> compiled(new regex_t, [](regex_t *of) {
        regfree(of);
        delete of;
    });
    if (const int error = regcomp(compiled.get(), expression.c_str(), REG_EXTENDED | REG_NOSUB); error != 0) {
        char text[128];
        regerror(error, compiled.get(), text, sizeof text);
        *compiled = {};
        throw Failure(kBadInput, "--kernel '" + expression + "' is not a regular expression: " + text);
    }
    return [compiled](const char *name) { return regexec(compiled.get(), name, 0, nullptr, 0) == 0; };
}

void add_selection_options(CLI::App &command, Selection &selection) {
    command
        .add_option("layer,--layer", selection.texts,
                    "a layer as text: n1_c256_h32_w24_o256_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw[_relu]...")
        ->type_name("TEXT")
        ->allow_extra_args(true)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    command.add_option("--layers", selection.files, "a table of layers: the columns of bench/shapes/layers.csv")
        ->type_name("CSV")
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    command.add_option("--ids", selection.ids, "only these rows of the table")
        ->type_name("A,B")
        ->delimiter(',')
        ->allow_extra_args(false);
    command.add_option("--tier", selection.tier, "only rows of this tier (core or main in bench/shapes/layers.csv)")
        ->check(not_empty());
    command.add_option("--layout", selection.layout, "nchw or nhwc, whatever the layer says")->check(not_empty());
    command.add_option("--dtype", selection.dtype, "element type (f32, f64, f16, bf16), whatever the layer says")
        ->check(not_empty());
}

std::vector<Layer> select_layers(const Selection &selection) {
    if (selection.files.empty() && (!selection.ids.empty() || !selection.tier.empty()))
        throw Failure(kBadInput, "--ids and --tier choose rows of a table: give it with --layers CSV");
    if (selection.empty()) {
        throw Failure(kBadInput,
                      "no layer given: name one with --layer TEXT, or a table with --layers CSV (the suite is "
                      "bench/shapes/layers.csv)");
    }

    std::vector<Layer> layers, table;
    for (const std::string &text : selection.texts)
        layers.push_back(layer_of_text(text));
    for (const std::string &file : selection.files) {
        std::vector<Layer> rows = read_layers_csv(file);
        table.insert(table.end(), rows.begin(), rows.end());
    }
    for (const std::string &id : selection.ids) {
        if (std::none_of(table.begin(), table.end(), [&](const Layer &layer) { return layer.id == id; })) {
            const std::string close = nearest(id, table);
            throw Failure(kBadInput, "--ids " + id + ": no such row in " + joined(selection.files) +
                                         (close.empty() ? "" : "; did you mean " + close + "?") +
                                         " (tconv list --layers " + selection.files[0] + " shows all " +
                                         std::to_string(table.size()) + ")");
        }
    }
    for (Layer &layer : table) {
        const bool named = selection.ids.empty() ||
                           std::find(selection.ids.begin(), selection.ids.end(), layer.id) != selection.ids.end();
        if (named && (selection.tier.empty() || selection.tier == layer.tier))
            layers.push_back(std::move(layer));
    }
    if (layers.empty()) {
        throw Failure(kBadInput, "no row of " + joined(selection.files) + " has tier '" + selection.tier + "'" +
                                     (selection.ids.empty() ? "" : " and one of the given ids"));
    }
    for (Layer &layer : layers) {
        if (!selection.layout.empty())
            layer.spec.layout = value_of("--layout", selection.layout, layout_name, TCONV_NHWC);
        if (!selection.dtype.empty())
            layer.spec.dtype = value_of("--dtype", selection.dtype, dtype_name, TCONV_S32);
    }
    return layers;
}

}  // namespace tconv::tool
