#include "compile_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "compile_layer.h"
#include "cuda_layer.h"
#include "device_stages.h"
#include "guarded_process.h"
#include "json_file.h"
#include "report.h"
#include "selection.h"
#include "staging.h"
#include "table_folders.h"
#include "targets.h"

namespace tconv::compiler {

namespace fs = std::filesystem;
using Halide::Target;

namespace {

struct CompileArguments {
    tool::Selection layers;
    std::string name, threads = "serial", optimize = "speed", weights, targets = "host", ptxas, kernel, isa, db, json, out;
    bool no_runtime = false, bundle = false;
};

std::vector<std::string> split(const std::string &list) {
    std::vector<std::string> parts;
    for (size_t at = 0; at <= list.size();) {
        const size_t end = std::min(list.find(',', at), list.size());
        if (end > at) {
            parts.push_back(list.substr(at, end - at));
        }
        at = end + 1;
    }
    return parts;
}

// A C identifier made of an id or a layer text.
std::string symbol_of(const std::string &id) {
    std::string name = id;
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c) && c != '_'; }, '_');
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) {
        name = "layer_" + name;
    }
    return name;
}

struct Destination {
    std::string text;  // as --target has it
    Target target;
    std::string microarchitecture;  // empty: it names none
    std::optional<CudaTarget> cuda;
};

// Why no table is followed; empty if they are. They say what is fast on one microarchitecture, with the loops of --optimize
// speed.
const char *without_tables(const Destination &destination, const CompileArguments &options) {
    return options.optimize == "size"               ? ", no tables with --optimize size"
           : destination.microarchitecture.empty() ? ", no tables: the target names no microarchitecture"
                                                    : "";
}

TunedSources tables_for(const Destination &destination, const CompileArguments &options) {
    if (*without_tables(destination, options) != '\0') {
        return {"none", ""};
    }
    return {tuned_sources().folders, destination.microarchitecture.c_str()};
}

struct Job {
    std::string library;
    std::vector<std::pair<std::string, tool::Layer>> layers;  // symbol, layer
};

std::vector<Job> plan_jobs(const CompileArguments &options, const std::vector<tool::Layer> &layers) {
    const bool named = !options.name.empty();
    if (named && options.name != symbol_of(options.name)) {
        throw std::runtime_error("--name '" + options.name + "' is not a C identifier");
    }
    if (named && layers.size() > 1 && !options.bundle) {
        throw std::runtime_error("--name fits one library, but " + std::to_string(layers.size()) +
                                 " layers are selected: add --bundle to put "
                                 "them into one");
    }
    std::vector<Job> jobs;
    std::map<std::string, std::string> ids;  // by what begins their macros
    for (const tool::Layer &layer : layers) {
        const std::string own = symbol_of(layer.id);
        const std::string symbol = !named ? own : layers.size() == 1 ? options.name : options.name + "_" + own;
        if (symbol == "tconv" || options.name == "tconv") {
            throw std::runtime_error("the name 'tconv' is that of the runtime library and its functions: give another --name");
        }
        // With "lib", ".stages.o" and their like, names of files stay below the 255 bytes that file systems take.
        if (constexpr size_t kMostLetters = 200; symbol.size() > kMostLetters) {
            throw std::runtime_error("the name '" + symbol + "' has " + std::to_string(symbol.size()) + " letters; at most " +
                                     std::to_string(kMostLetters) + " are a file's name: give a shorter --name");
        }
        if (const auto [other, added] = ids.emplace(macro_prefix(symbol), layer.id); !added) {
            throw std::runtime_error("two layers, '" + other->second + "' and '" + layer.id + "', would share the macros " +
                                     other->first + "_... and, where case does not count, files; give them ids that "
                                     "differ in letters or digits");
        }
        if (!options.bundle || jobs.empty()) {
            jobs.push_back({options.bundle && !named ? "layers" : options.bundle ? options.name : symbol, {}});
        }
        jobs.back().layers.emplace_back(symbol, layer);
    }
    // Layers for devices have a macro NAME_TENSOR_ALIGNMENT, and each NAME_ALIGNMENT.
    for (const auto &[prefix, id] : ids) {
        if (const auto other = ids.find(prefix + "_TENSOR"); names_cuda(options.targets) && other != ids.end()) {
            throw std::runtime_error("two layers, '" + id + "' and '" + other->second + "', would share the macro " + prefix +
                                     "_TENSOR_ALIGNMENT; give them different ids");
        }
    }
    return jobs;
}

void compile_job(const Job &job, const CompileArguments &options, const std::map<std::string, Array> &arrays,
                 bool by_layer, const Destination &destination, const fs::path &out, const std::string &below,
                 Report &report) {
    const Target &target = destination.target;
    const fs::path folder = out / below;
    fs::create_directories(folder);
    std::vector<std::string> objects;
    std::vector<CompiledLayer> compiled;
    for (const auto &[symbol, layer] : job.layers) {
        tconv_spec spec = layer.spec;
        std::optional<Weights> weights;
        if (!options.weights.empty()) {
            weights = take_weights(arrays, by_layer ? layer.id + "." : "", spec);
        }
        if (destination.cuda) {
            compiled.push_back(compile_cuda_layer(symbol, spec, weights, *destination.cuda, folder.string(), objects));
        } else {
            compiled.push_back(compile_layer(symbol, spec, weights, target,
                                             {options.threads == "hooks", options.optimize == "size", options.kernel,
                                              tables_for(destination, options)},
                                             folder.string(), objects));
        }
        const CompiledLayer &made = compiled.back();
        report.add(layer.id, made, destination.text, below, job.library);
        std::cerr << symbol << ": " << made.kernel << ", chosen " << made.chosen
                  << (destination.cuda ? "" : without_tables(destination, options)) << (layer.note.empty() ? "" : "; " + layer.note) << "\n"
                  << made.rows;
    }
    const fs::path library = folder / ("lib" + job.library + ".a");
    Halide::create_static_library(objects, target, library.string());
    for (const std::string &object : objects) {
        fs::remove(object);
    }
    std::ofstream header(folder / (job.library + ".h"));
    header << header_of(job.library, compiled,
                        destination.cuda ? destination.text : target.without_feature(Target::NoRuntime).to_string());
    if (!header.flush()) {
        throw std::runtime_error("cannot write " + (folder / (job.library + ".h")).string());
    }
}

void add_options(CLI::App &command, CompileArguments &options) {
    tool::add_selection_options(command, options.layers);
    command
        .add_option("--name", options.name,
                    "name of the library and prefix of its symbols (default: the id or the layer text)")
        ->check(tool::not_empty());
    command
        .add_option("--target", options.targets,
                    "targets, separated by commas: host, x86-64-linux-..., arm-64-android, ...;\n"
                    "several get a folder each. Or cuda, for NVIDIA's GPUs: cuda-sm_80-sm_90 has\n"
                    "machine code for these two and PTX for later ones, cuda for sm_80, sm_86,\n"
                    "sm_89 and sm_90")
        ->capture_default_str();
    command.add_option("--ptxas", options.ptxas, "NVIDIA's assembler, for cuda, or none: PTX only (default: of PATH or the CUDA toolkit)");
    command
        .add_option("--threads", options.threads,
                    "serial: no threads, no libtconv; hooks: also NAME_run_hooks, on your thread pool")
        ->check(CLI::IsMember({"serial", "hooks"}))
        ->capture_default_str();
    command.add_flag("--no-runtime", options.no_runtime, "the same as --threads serial");
    command.add_option("--optimize", options.optimize, "speed, or size")
        ->check(CLI::IsMember({"speed", "size"}))
        ->capture_default_str();
    command
        .add_option("--weights", options.weights,
                    ".npz to bake in: weight, bias, slope, bn_*; <id>.weight ... for several layers")
        ->check(tool::not_empty());
    tool::add_kernel_option(command, options.kernel);
    command.add_option("--isa", options.isa, "lower the instruction set of each target; never raises it")
        ->type_name("baseline|avx2|avx512|avx512bf16|neon")
        ->check(tool::not_empty());
    tool::add_db_option(command, options.db);
    tool::add_json_option(command, options.json);
    command.add_flag("--bundle", options.bundle, "one library for all selected layers");
    command.add_option("--out", options.out, "folder for the libraries and headers")->required()->check(tool::not_empty());
    command.footer(
        "Examples:\n"
        "  tconv compile --layer n1_c256_h32_w24_o256_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw --out lib\n"
        "  tconv compile --layers bench/shapes/layers.csv --tier core --target host,arm-64-android --out lib\n"
        "  tconv compile --layers bench/shapes/layers.csv --ids sam_up1 --target cuda-sm_90 --out lib\n"
        "\n"
        "Exit codes: 0 ok; 2 bad input; 3 not supported here: a layer that no kernel computes, or what Halide refuses.\n"
        "Then no file is written.\n"
        "docs/embedding.md shows how to call what comes out.");
}

// NVIDIA's GPUs, or processors: the headers differ.
std::vector<Destination> destinations_of(const CompileArguments &options) {
    std::vector<Destination> targets;
    for (const std::string &text : split(options.targets)) {
        if (names_cuda(text)) {
            std::string note;
            const CudaTarget cuda = parse_cuda_target(text, options.ptxas, note);
            std::cerr << note << (note.empty() ? "" : "\n");
            targets.push_back({cuda.text(), device_host(), "", cuda});
        } else {
            Target target = parse_target(text);
            target = options.isa.empty() ? target : lowered_to(target, options.isa);
            targets.push_back({text, target, microarchitecture_of(text, target), {}});
        }
    }
    if (targets.empty()) {
        throw std::runtime_error("--target names no target");
    }
    const auto devices = std::count_if(targets.begin(), targets.end(), [](const Destination &d) { return d.cuda.has_value(); });
    if (devices == 0 && !options.ptxas.empty()) {
        throw std::runtime_error("--ptxas is for --target cuda");
    }
    if (devices > 0) {
        const char *const no_device = static_cast<size_t>(devices) < targets.size() ? "--target with a processor beside it"
                                      : options.threads == "hooks"                  ? "--threads hooks"
                                      : options.optimize == "size"                  ? "--optimize size"
                                      : !options.kernel.empty()                     ? "--kernel"
                                      : !options.isa.empty()                        ? "--isa"
                                      : !options.db.empty()                         ? "--db"
                                                                                    : nullptr;
        if (no_device != nullptr) {
            throw std::runtime_error("--target cuda: not with " + std::string(no_device) +
                                     ": a layer for a device is another library, whose functions take a stream");
        }
    }
    return targets;
}

int run_compile(const CompileArguments &options) {
    if (options.no_runtime && options.threads == "hooks") {
        throw std::runtime_error("--no-runtime and --threads hooks exclude each other");
    }
    const std::vector<tool::Layer> layers = tool::select_layers(options.layers);
    const std::vector<Job> jobs = plan_jobs(options, layers);
    tool::check_json(options.json);
    tool::apply_db(options.db);
    const std::vector<Destination> targets = destinations_of(options);
    std::map<std::string, Array> arrays;
    bool by_layer = false;
    if (!options.weights.empty()) {
        arrays = read_npz(options.weights);
        std::vector<std::string> ids;
        for (const tool::Layer &layer : layers) {
            ids.push_back(layer.id);
        }
        by_layer = named_by_layer(arrays, ids);
    }

    Staging staging(options.out);
    // What the process that compiles has to report; no library has that name.
    const fs::path report_file = staging.path() / ".report";
    const int code = in_guarded_process([&] {
        Report report;
        for (const Destination &destination : targets) {
            for (const Job &job : jobs) {
                compile_job(job, options, arrays, by_layer, destination, staging.path(),
                            targets.size() > 1 ? destination.text : "", report);
            }
        }
        std::ofstream(report_file) << report.text();
    });
    if (code != 0) {
        return code;
    }
    std::ostringstream report;
    report << std::ifstream(report_file).rdbuf();
    fs::remove(report_file);
    staging.publish();
    tool::write_json_text(options.json, report.str());
    return 0;
}

}  // namespace

int compile_command(int argc, char **argv) {
    CLI::App app("Compiles transposed convolution kernels.");
    CompileArguments options;
    add_options(*app.add_subcommand("compile",
                                    "Compiles layers into libraries of their own: libNAME.a and NAME.h, every size a constant.\n"),
                options);
    app.failure_message([](const CLI::App *, const CLI::Error &error) {
        return std::string("tconv compile: ") + error.what() + "\ntconv compile --help shows its options\n";
    });
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        return run_compile(options);
    } catch (const Interrupted &by) {
        // As if nothing had caught it, for the shell to see.
        std::signal(by.signal, SIG_DFL);
        std::raise(by.signal);
        return 128 + by.signal;
    }
}

}  // namespace tconv::compiler
