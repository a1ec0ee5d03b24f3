#include "catalogue.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <thread>

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

// One ISA, computing in one type. Its variants share the multiply loops, and those of one dtype the stages around them.
struct Part {
    std::string isa;
    Type computed;

    std::string name() const { return isa + (computed.bits() == 64 ? "_f64" : "_f32"); }
    bool has(const Variant &variant) const {
        return variant.isa == isa && generators::computed_type(variant.element()) == computed;
    }
};

// Stages and layer functions are two objects, so that LLVM neither inlines a stage at each of its call sites (four times
// the code) nor moves memory accesses across stages that know the same memory by different names.
void compile_part(const std::vector<Variant> &variants, const Part &part, const CatalogueOptions &options) {
    const Target target = target_of_isa(part.isa, options.os, options.features);
    const std::string prefix = "tconv_stages_" + part.name();
    Module module(prefix, target), layers("tconv_layers_" + part.name(), target);

    struct Shared {
        SharedStages stages;
        RawFunction pack, gather;
    };
    std::map<std::string, Shared> of_dtype;
    std::map<std::string, MultiplyTiles> multiplies;
    for (const Variant &variant : variants) {
        if (!part.has(variant)) {
            continue;
        }
        auto shared = of_dtype.find(variant.dtype);
        if (shared == of_dtype.end()) {
            const generators::Element element = variant.element();
            const std::string own = prefix + "_" + variant.dtype;
            shared =
                of_dtype
                    .emplace(variant.dtype, Shared{SharedStages(element, own, target), pack_stage(element, own, target),
                                                   gather_stage(element, own, target)})
                    .first;
            for (const RawFunction *stage : shared->second.stages.all()) {
                append(module, *stage);
            }
            append(module, shared->second.pack);
            append(module, shared->second.gather);
        }
        const auto &[stages, pack, gather] = shared->second;
        layers.append(catalogue_pack(variant.name + "_pack", pack, variant));
        if (variant.family == "gather") {
            layers.append(catalogue_layer(variant.name, gather_layer(stages, gather)));
            continue;
        }
        auto found = multiplies.find(variant.multiply_key());
        if (found == multiplies.end()) {
            found = multiplies.emplace(variant.multiply_key(), MultiplyTiles(variant, prefix, target)).first;
            for (const RawFunction *tile : found->second.all())
                append(module, *tile);
        }
        layers.append(catalogue_layer(variant.name, phase_layer(stages, found->second, variant.merged())));
        if (variant.has_input_gradient()) {
            layers.append(
                catalogue_layer(variant.name + "_input_gradient", input_gradient_layer(stages, found->second)));
        }
    }
    compile(module, options, part.name() + "_stages");
    compile(layers, options, part.name() + "_layers");
}

// Calls work(i) for each i in [0, count), in processes of their own, as many at a time as there are processors: Halide
// compiles a module on one.
void in_processes(size_t count, const std::function<void(size_t)> &work) {
    const size_t at_once = std::max(1u, std::thread::hardware_concurrency());
    bool failed = false;
    size_t running = 0;
    auto wait_for_one = [&] {
        int status = 0;
        failed = wait(&status) < 0 || status != 0 || failed;
        running--;
    };
    std::cout.flush();
    for (size_t i = 0; i < count; i++) {
        if (running == at_once) {
            wait_for_one();
        }
        const pid_t child = fork();
        if (child < 0) {
            failed = true;
            break;
        }
        if (child == 0) {
            try {
                work(i);
                _exit(0);
            } catch (const Halide::Error &error) {
                std::cerr << "tconv-compiler: " << error.what() << "\n";
            } catch (const std::exception &error) {
                std::cerr << "tconv-compiler: " << error.what() << "\n";
            }
            _exit(1);
        }
        running++;
    }
    while (running > 0) {
        wait_for_one();
    }
    if (failed) {
        throw std::runtime_error("compiling the catalogue failed");
    }
}

// Declares a variant's functions, then lists them.
std::string registry_row(const Variant &variant, const CatalogueOptions &options) {
    const int vector = vector_of(target_of_isa(variant.isa, options.os, {}), variant.element());
    const std::string pack = variant.name + "_pack";
    const std::string input_gradient = variant.has_input_gradient() ? variant.name + "_input_gradient" : "nullptr";
    std::string declarations = "TCONV_LAYER_FUNCTION(" + variant.name + ") TCONV_PACK_FUNCTION(" + pack + ")";
    if (variant.has_input_gradient()) {
        declarations += " TCONV_LAYER_FUNCTION(" + input_gradient + ")";
    }
    return declarations + "\nTCONV_KERNEL(" + variant.name + ", " + variant.dtype + ", " + variant.family + ", " +
           (variant.lanes.empty() ? "none" : variant.lanes) + ", " + variant.isa + ", " +
           std::to_string(variant.tile_a) + ", " + std::to_string(variant.tile_m) + ", " + std::to_string(vector) +
           ", " + variant.name + ", " + pack + ", " + input_gradient + ")\n";
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
