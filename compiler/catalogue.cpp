#include "catalogue.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "layer/layer_function.h"
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
    std::map<OutputFileType, std::string> outputs = {{OutputFileType::object, (out / (name + ".o")).string()}};
    if (options.assembly) {
        outputs[OutputFileType::assembly] = (out / (name + ".s")).string();
    }
    module.compile(outputs);
}

// All variants of one ISA share the stages around the multiply loops. Stages and layer functions are two objects, so
// that LLVM neither inlines a stage at each of its call sites (four times the code) nor moves memory accesses across
// stages that know the same memory by different names.
void compile_isa(const std::vector<Variant> &variants, const std::string &isa, const CatalogueOptions &options) {
    const Target target = target_of_isa(isa, options.os, options.features);
    const std::string prefix = "tconv_stages_" + isa;
    Module module("tconv_stages_" + isa, target), layers("tconv_layers_" + isa, target);
    SharedStages shared(prefix, target);
    RawFunction pack = pack_stage(prefix, target);
    RawFunction gather = gather_stage(prefix, target);
    for (const RawFunction *stage : shared.all()) {
        append(module, *stage);
    }
    append(module, pack);
    append(module, gather);

    std::map<std::string, MultiplyTiles> multiplies;
    for (const Variant &variant : variants) {
        if (variant.isa != isa) {
            continue;
        }
        if (variant.family == "gather") {
            layers.append(catalogue_layer(variant.name, gather_layer(shared, gather)));
            layers.append(catalogue_pack(variant.name + "_pack", pack, variant));
            continue;
        }
        auto found = multiplies.find(variant.multiply_key());
        if (found == multiplies.end()) {
            found = multiplies.emplace(variant.multiply_key(), MultiplyTiles(variant, prefix, target)).first;
            for (const RawFunction *tile : found->second.all())
                append(module, *tile);
        }
        layers.append(catalogue_layer(variant.name, phase_layer(shared, found->second, variant.merged())));
        layers.append(catalogue_pack(variant.name + "_pack", pack, variant));
    }
    compile(module, options, isa + "_stages");
    compile(layers, options, isa + "_layers");
}

std::string registry_row(const Variant &variant, const CatalogueOptions &options) {
    const int vector = vector_of(target_of_isa(variant.isa, options.os, {}));
    return "TCONV_KERNEL(" + variant.name + ", " + variant.dtype + ", " + variant.family + ", " +
           (variant.lanes.empty() ? "none" : variant.lanes) + ", " + variant.isa + ", " +
           std::to_string(variant.tile_a) + ", " + std::to_string(variant.tile_m) + ", " + std::to_string(vector) +
           ")\n";
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

    // One process an ISA: Halide compiles a module on one core.
    std::vector<std::string> objects;
    std::vector<pid_t> children;
    for (const std::string &isa : isas_of(options.architecture)) {
        if (!std::any_of(variants.begin(), variants.end(), [&](const Variant &v) { return v.isa == isa; })) {
            continue;
        }
        objects.push_back((out / (isa + "_stages.o")).string());
        objects.push_back((out / (isa + "_layers.o")).string());
        std::cout.flush();
        pid_t child = fork();
        if (child == 0) {
            try {
                compile_isa(variants, isa, options);
                _exit(0);
            } catch (const Halide::Error &error) {
                std::cerr << "tconv-compiler: " << isa << ": " << error.what() << "\n";
                _exit(1);
            } catch (const std::exception &error) {
                std::cerr << "tconv-compiler: " << isa << ": " << error.what() << "\n";
                _exit(1);
            }
        }
        children.push_back(child);
    }
    bool failed = false;
    for (pid_t child : children) {
        int status = 0;
        failed = child < 0 || waitpid(child, &status, 0) < 0 || status != 0 || failed;
    }
    if (failed) {
        throw std::runtime_error("compiling the catalogue failed");
    }
    create_static_library(objects, target_of_isa(variants.front().isa, options.os, {}), (out / "catalogue.a").string());
    for (const std::string &object : objects) {
        fs::remove(object);
    }
    std::ofstream registry(out / "registry.inc");
    registry << "// Made by tconv-compiler from " << fs::path(options.variants).filename().string() << ".\n";
    for (const Variant &variant : variants) {
        registry << registry_row(variant, options);
    }
}

}  // namespace tconv::compiler
