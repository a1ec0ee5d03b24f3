#include "catalogue.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>

#include "layer/layer_function.h"
#include "layer/tile_row.h"
#include "processes.h"
#include "variants.h"

namespace tconv::compiler {

using namespace Halide;
namespace fs = std::filesystem;

namespace {

bool selected(const std::vector<std::string> &wanted, const std::string &name) {
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end();
}

void append(Module &module, const RawFunction &function) {
    module.append(function.lowered());
}

void compile(Module &module, const CatalogueOptions &options, const std::string &name) {
    // Halide cannot see the strict_float expressions in modules put together from lowered functions.
    module.set_any_strict_float(true);
    const fs::path out(options.out);
    std::map<OutputFileType, std::string> outputs;
    if (!options.multiply_only) {
        outputs[OutputFileType::object] = (out / (name + ".o")).string();
    }
    if (options.assembly || options.multiply_only) {
        outputs[OutputFileType::assembly] = (out / (name + ".s")).string();
    }
    module.compile(outputs);
}

// One ISA, computing in one type. Its variants share the multiply loops, and those of one dtype the stages around them.
struct Part {
    std::string isa;
    Type computed;

    std::string name() const { return isa + (computed.bits() == 64 ? "_f64" : "_f32"); }
    bool has(const Variant &variant) const {
        return variant.isa == isa && generators::computed_type(variant.element()) == computed;
    }
};

// The functions of the variants that differ in their register tile only.
std::string functions_of(const Variant &variant) {
    return "tconv_" + variant.dtype + "_" + variant.family + (variant.lanes.empty() ? "" : "_" + variant.lanes) + "_" +
           variant.isa;
}

std::vector<Variant> sharing_functions(const std::vector<Variant> &variants, const Variant &with) {
    std::vector<Variant> found;
    for (const Variant &variant : variants) {
        if (functions_of(variant) == functions_of(with)) {
            found.push_back(variant);
        }
    }
    return found;
}

std::string row_name(const std::string &prefix, const Variant &variant, int unroll) {
    return prefix + "_" + variant.multiply_key() + "_row" + (unroll == 1 ? "" : "_by" + std::to_string(unroll));
}

struct SharedFunctions {
    SharedStages stages;
    RawFunction pack, unpack, gather, sums_of_channels, sums_of_planes;
    std::optional<RawFunction> unpack_squares;

    SharedFunctions(generators::Element element, const std::string &prefix, const Target &target, Module &module)
        : stages(element, prefix, target),
          pack(pack_stage(element, prefix, target)),
          unpack(unpack_stage(element, prefix, target)),
          gather(gather_stage(element, prefix, target)),
          sums_of_channels(position_sums_stage(element, false, prefix, target)),
          sums_of_planes(position_sums_stage(element, true, prefix, target)),
          unpack_squares(unpack_squares_stage(element, prefix, target)) {
        for (const RawFunction *stage : stages.all()) {
            append(module, *stage);
        }
        for (const RawFunction *stage : {&pack, &unpack, &gather, &sums_of_channels, &sums_of_planes}) {
            append(module, *stage);
        }
        if (unpack_squares) {
            append(module, *unpack_squares);
        }
    }
};

// Names of the functions that gradients of one dtype and ISA share, whatever the kernel.
std::string of_all_kernels(const Variant &variant, const std::string &what) {
    return "tconv_" + variant.dtype + "_" + what + "_" + variant.isa;
}

void append_layers(Module &layers, const std::string &prefix, const SharedFunctions &shared,
                   const std::map<std::string, CorrelateTiles> &correlates,
                   const std::map<std::string, WinogradStages> &winograds, const std::optional<OverlapStages> &overlap,
                   const std::vector<Variant> &variants) {
    const Variant &first = variants.front();
    const std::string name = functions_of(first);
    const auto winograd = winograds.find(first.dtype + first.family);
    layers.append(catalogue_pack(name + "_pack",
                                 [&](Statements &body, const Parameters &p, const Expr &filter, const Expr &packed) {
                                     if (winograd != winograds.end()) {
                                         pack_winograd_filter(body, p, winograd->second, filter, packed);
                                     } else if (first.overlap()) {
                                         pack_overlap_filter(body, p, shared.pack, first, filter, packed);
                                     } else {
                                         pack_filter(body, p, shared.pack, first, filter, packed);
                                     }
                                 }));
    if (first.family == "gather") {
        layers.append(catalogue_layer(name, gather_layer(shared.stages, shared.gather)));
        return;
    }
    auto multiply_row = [&](Statements &body, const Parameters &p, int unroll, const TileRow &row) {
        for (size_t tile = 0; tile < variants.size(); tile++) {
            body.when(p.at("tile") == static_cast<int>(tile), [&](Statements &then) {
                then.add(call_row_function(row_name(prefix, variants[tile], unroll), row));
            });
        }
    };
    if (first.planes()) {
        layers.append(catalogue_layer(
            name, planes_layer(shared.stages, vector_of(layers.target(), first.element()),
                               [&](Statements &body, const Parameters &p, const PlaneLine &line) {
                for (size_t tile = 0; tile < variants.size(); tile++) {
                    body.when(p.at("tile") == static_cast<int>(tile), [&](Statements &then) {
                        then.add(call_plane_line(row_name(prefix, variants[tile], 1), line));
                    });
                }
            })));
        return;
    }
    const PhaseForm form = {first.multiply_lanes(), first.merges(), multiply_row};
    layers.append(catalogue_layer(name, winograd != winograds.end()
                                            ? winograd_layer(shared.stages, form, winograd->second)
                                        : first.overlap() ? overlap_layer(shared.stages, form, *overlap)
                                                          : phase_layer(shared.stages, form)));
    if (first.has_input_gradient()) {
        layers.append(catalogue_layer(name + "_input_gradient", input_gradient_layer(shared.stages, form)));
    }
    if (first.has_filter_gradient()) {
        std::vector<const CorrelateTiles *> tiles;
        for (const Variant &variant : variants) {
            tiles.push_back(&correlates.at(variant.multiply_key()));
        }
        layers.append(catalogue_layer(name + "_filter_gradient", filter_gradient_layer(shared.stages, tiles)));
    }
}

// Stages and layer functions are two objects, so that LLVM neither inlines a stage at each of its call sites (four times
// the code) nor moves memory accesses across stages that know the same memory by different names.
void compile_part(const std::vector<Variant> &variants, const Part &part, const CatalogueOptions &options) {
    const Target target = target_of_isa(part.isa, options.os, options.features);
    const std::string prefix = "tconv_stages_" + part.name();
    Module module(prefix, target), layers("tconv_layers_" + part.name(), target);
    std::map<std::string, SharedFunctions> of_dtype;
    std::map<std::string, CorrelateTiles> correlates;
    std::map<std::string, WinogradStages> winograds;  // by dtype and family
    std::optional<OverlapStages> overlap;
    std::set<std::string> tiles, functions, transformations;
    // Tiles first: a layer function knows all of its form.
    for (const Variant &variant : variants) {
        if (!part.has(variant)) {
            continue;
        }
        if (variant.planes()) {
            if (tiles.insert(variant.multiply_key()).second) {
                const PlaneTiles planes(variant, prefix, target);
                for (const RawFunction *tile : planes.all()) {
                    append(module, *tile);
                }
                layers.append(plane_line_function(row_name(prefix, variant, 1), planes));
            }
        } else if (variant.family != "gather" && tiles.insert(variant.multiply_key()).second) {
            const MultiplyTiles multiply(variant, prefix, target);
            for (const RawFunction *tile : multiply.all()) {
                append(module, *tile);
            }
            for (const auto &[unroll, of_widths] : multiply.tiles) {
                layers.append(row_function(row_name(prefix, variant, unroll), multiply, unroll));
            }
        }
        if (variant.has_filter_gradient()) {
            auto [found, added] = correlates.try_emplace(variant.multiply_key(), variant, prefix, target);
            for (const auto &[m, tile] : found->second.tiles) {
                if (added) {
                    append(module, tile);
                }
            }
        }
    }
    if (options.multiply_only) {
        compile(module, options, part.name() + "_multiply");
        return;
    }
    for (const Variant &variant : variants) {
        if (part.has(variant) && variant.winograd_outputs() > 0) {
            const auto [found, added] = winograds.try_emplace(variant.dtype + variant.family, variant, prefix,
                                                              prefix + "_" + variant.dtype, target);
            for (const RawFunction *stage : found->second.all()) {
                if (added && transformations.insert(stage->lowered().name).second) {
                    append(module, *stage);
                }
            }
        }
    }
    for (const Variant &variant : variants) {
        if (part.has(variant) && variant.overlap() && !overlap) {
            overlap.emplace(variant.element(), prefix, target);
            for (const RawFunction *stage : overlap->all()) {
                append(module, *stage);
            }
        }
    }
    for (const Variant &variant : variants) {
        if (part.has(variant) && functions.insert(functions_of(variant)).second) {
            auto shared = of_dtype.find(variant.dtype);
            if (shared == of_dtype.end()) {
                const std::string own = prefix + "_" + variant.dtype;
                shared = of_dtype.try_emplace(variant.dtype, variant.element(), own, target, module).first;
                const SharedFunctions &all = shared->second;
                layers.append(catalogue_layer(of_all_kernels(variant, "unpack"),
                                              unpack_layer(all.stages, all.unpack, all.unpack_squares)));
                layers.append(
                    catalogue_layer(of_all_kernels(variant, "bias_gradient"),
                                    bias_gradient_layer(all.stages, all.sums_of_channels, all.sums_of_planes)));
            }
            append_layers(layers, prefix, shared->second, correlates, winograds, overlap,
                          sharing_functions(variants, variant));
        }
    }
    compile(module, options, part.name() + "_stages");
    compile(layers, options, part.name() + "_layers");
}

// The variants' functions, declared once each, then a line for each variant.
std::string registry_of(const std::vector<Variant> &variants, const CatalogueOptions &options) {
    std::string declarations, rows;
    std::set<std::string> declared;
    std::map<std::string, int> tiles;  // so far, of each set of functions
    for (const Variant &variant : variants) {
        const std::string run = functions_of(variant), pack = run + "_pack";
        const std::string input_gradient = variant.has_input_gradient() ? run + "_input_gradient" : "nullptr";
        const std::string filter_gradient = variant.has_filter_gradient() ? run + "_filter_gradient" : "nullptr";
        const std::string unpack = of_all_kernels(variant, "unpack"), bias = of_all_kernels(variant, "bias_gradient");
        const int tile = tiles[run]++;
        if (tile == 0) {
            declarations += "TCONV_LAYER_FUNCTION(" + run + ")\nTCONV_PACK_FUNCTION(" + pack + ")\n";
            declarations += variant.has_input_gradient() ? "TCONV_LAYER_FUNCTION(" + input_gradient + ")\n" : "";
            declarations += variant.has_filter_gradient() ? "TCONV_LAYER_FUNCTION(" + filter_gradient + ")\n" : "";
        }
        if (declared.insert(unpack).second) {
            declarations += "TCONV_LAYER_FUNCTION(" + unpack + ")\nTCONV_LAYER_FUNCTION(" + bias + ")\n";
        }
        const int vector = vector_of(target_of_isa(variant.isa, options.os, {}), variant.element());
        rows += "TCONV_KERNEL(" + variant.name + ", " + variant.dtype + ", " + variant.family + ", " +
                (variant.lanes.empty() ? "none" : variant.lanes) + ", " + variant.isa + ", " + std::to_string(tile) +
                ", " + std::to_string(variant.tile_a) + ", " + std::to_string(variant.tile_m) + ", " +
                std::to_string(vector) + ", " + run + ", " + pack + ", " + input_gradient + ", " + filter_gradient +
                ", " + unpack + ", " + bias + ")\n";
    }
    return declarations + rows;
}

}  // namespace

void build_catalogue(const CatalogueOptions &options) {
    std::vector<Variant> variants;
    for (const Variant &variant : read_variants(options.variants)) {
        std::vector<std::string> of_architecture = isas_of(options.architecture);
        if (selected(of_architecture, variant.isa) && selected(options.isas, variant.isa) &&
            selected(options.families, variant.family) && selected(options.dtypes, variant.dtype)) {
            variants.push_back(variant);
        }
    }
    if (variants.empty()) {
        throw std::runtime_error("no row of " + options.variants + " is selected");
    }
    fs::create_directories(options.out);
    const fs::path out(options.out);

    std::vector<Part> parts;
    for (const std::string &isa : isas_of(options.architecture)) {
        for (const Type &computed : {Float(32), Float(64)}) {
            const Part part = {isa, computed};
            if (std::any_of(variants.begin(), variants.end(), [&](const Variant &v) { return part.has(v); })) {
                parts.push_back(part);
            }
        }
    }
    std::vector<std::string> objects;
    for (const Part &part : parts) {
        objects.push_back((out / (part.name() + "_stages.o")).string());
        objects.push_back((out / (part.name() + "_layers.o")).string());
    }
    in_processes(parts.size(), [&](size_t i) { compile_part(variants, parts[i], options); });
    if (options.multiply_only) {
        return;
    }
    create_static_library(objects, target_of_isa(variants.front().isa, options.os, {}), (out / "catalogue.a").string());
    for (const std::string &object : objects) {
        fs::remove(object);
    }
    std::ofstream registry(out / "registry.inc");
    registry << "// Made by tconv-compiler from " << fs::path(options.variants).filename().string() << ".\n";
    registry << registry_of(variants, options);
}

}  // namespace tconv::compiler
