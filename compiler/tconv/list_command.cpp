#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "commands.h"
#include "geometry.h"
#include "layer_text.h"
#include "text_table.h"

namespace tconv::tool {

namespace {

// The parts of a kernel's name, tconv_<dtype>_<family>[_<lanes><tile>]_<isa>.
struct NameParts {
    std::string family, lanes;
};

NameParts parts_of(const std::string &name) {
    std::vector<std::string> words;
    for (size_t begin = 0; begin <= name.size();) {
        const size_t end = std::min(name.find('_', begin), name.size());
        words.push_back(name.substr(begin, end - begin));
        begin = end + 1;
    }
    if (words.size() < 4)
        return {"?", "?"};
    const std::string &variant = words.size() > 4 ? words[3] : "";
    return {words[2], variant.substr(0, variant.find_first_of("0123456789"))};
}

int list_kernels(const Options &options, Isa usable) {
    TextTable table({"kernel", "dtype", "family", "lanes", "tile", "isa", "runs here"});
    Json document = json_head("list", usable);
    document["kernels"] = Json::array();
    for (const Kernel *kernel : matching_kernels(options)) {
        const NameParts parts = parts_of(kernel->name);
        const bool runs = isa_runs(kernel->isa, usable);
        const std::string tile =
            kernel->tile_a == 0 ? "" : std::to_string(kernel->tile_a) + "x" + std::to_string(kernel->tile_m);
        table.add({kernel->name, dtype_name(kernel->dtype), parts.family, parts.lanes, tile, isa_name(kernel->isa),
                   runs ? "yes" : "no"});
        document["kernels"].push_back({{"kernel", kernel->name},
                                       {"dtype", dtype_name(kernel->dtype)},
                                       {"family", parts.family},
                                       {"lanes", parts.lanes},
                                       {"tile", tile},
                                       {"isa", isa_name(kernel->isa)},
                                       {"runs_here", runs}});
    }
    if (prints_text(options)) {
        table.print();
        std::printf("\nThis processor, or TCONV_ISA, allows %s.\n", isa_name(usable));
    }
    write_json(options, document);
    return kOk;
}

int list_layers(const Options &options, Isa usable) {
    TextTable table({"id", "tier", "GFLOP", "output", "layer"});
    Json document = json_head("list", usable);
    document["layers"] = Json::array();
    std::vector<std::string> notes;
    for (const Layer &layer : select_layers(options.layers)) {
        char text[TCONV_LAYER_TEXT_BYTES];
        tconv_spec_format(&layer.spec, text, sizeof text);
        int32_t h = 0, w = 0;
        tconv_spec_output_size(&layer.spec, &h, &w);
        const double gflop = work_of(layer.spec).flops_nominal * 1e-9;
        table.add({layer.id, layer.tier, formatted("%.4g", gflop), std::to_string(h) + "x" + std::to_string(w), text});
        if (!layer.note.empty())
            notes.push_back(layer.id + ": " + layer.note);
        document["layers"].push_back({{"id", layer.id},
                                      {"layer", text},
                                      {"tier", layer.tier},
                                      {"norm", layer.norm},
                                      {"note", layer.note},
                                      {"gflop", gflop},
                                      {"out_h", h},
                                      {"out_w", w}});
    }
    if (prints_text(options)) {
        table.print();
        std::printf("\n%zu layers\n", document["layers"].size());
        for (const std::string &note : notes)
            std::printf("note: %s\n", note.c_str());
    }
    write_json(options, document);
    return kOk;
}

}  // namespace

int list_command(const Options &options) {
    const Isa usable = apply_isa(options);
    const bool rows =
        !options.layers.ids.empty() || !options.layers.tier.empty();  // of no table: select_layers says so
    if (options.layers.empty() && !rows)
        return list_kernels(options, usable);
    if (!options.kernel.empty())
        throw Failure(kBadInput, "list shows kernels or, given layers, those: --kernel goes without layers");
    return list_layers(options, usable);
}

}  // namespace tconv::tool
