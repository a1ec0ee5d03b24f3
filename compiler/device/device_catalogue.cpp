#include "device_catalogue.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "device_images.h"
#include "device_variants.h"
#include "processes.h"

namespace tconv::compiler {

using namespace Halide;
namespace fs = std::filesystem;

namespace {

constexpr int kThreads = 128;  // of a block, in every schedule

// Architectures that a PTX of this capability runs on are 80 and later.
Target target_of(const std::string &api) {
    const std::string feature = api == "cuda" ? "cuda-cuda_capability_80" : "opencl-cl_doubles";
    return Target("x86-64-linux-sse41-user_context-no_asserts-no_bounds_query-no_runtime-" + feature);
}

// A function of the catalogue: called by an array of pointers to its arguments.
struct Entry {
    std::string name;
    Func output;
    std::vector<Argument> arguments;
};

// Halide writes constants of OpenCL as float32, doubles too. Their bits it writes as they are.
class DoublesByBits : public Internal::IRMutator {
    using IRMutator::visit;

    Expr visit(const Internal::FloatImm *op) override {
        if (op->type != Float(64))
            return op;
        return reinterpret<double>(Internal::UIntImm::make(UInt(64), std::bit_cast<uint64_t>(op->value)));
    }
};

void compile(const Entry &entry, const DeviceCatalogueOptions &options) {
    const Target target = target_of(options.api);
    Pipeline pipeline(entry.output);
    if (options.api == "opencl")
        pipeline.add_custom_lowering_pass(new DoublesByBits);  // which deletes it
    Module module = pipeline.compile_to_module(entry.arguments, entry.name, target);
    const fs::path out(options.out);
    if (options.api == "cuda") {
        const std::string ptx = device_code_of(module, kThreads), file = (out / (entry.name + ".ptx")).string();
        std::ofstream(file) << ptx;
        std::vector<DeviceImage> images;
        for (int arch : options.archs)
            images.push_back({arch, assemble(options.ptxas, file, arch)});
        images.push_back({0, ptx});
        replace_device_code(module, images);
    }
    module.compile({{OutputFileType::object, (out / (entry.name + ".o")).string()}});
}

std::string stage_name(const std::string &stage, const std::string &dtype, const std::string &api) {
    return "tconv_" + dtype + "_" + stage + "_" + api;
}

// Everything of a variant or dtype by its place in this list, so that each process defines only what it compiles.
struct Job {
    std::string name;
    std::function<Entry()> make;
};

std::vector<Job> jobs_of(const std::vector<DeviceVariant> &variants, const std::string &api) {
    std::vector<Job> jobs;
    std::set<std::string> made;
    auto add = [&](const std::string &name, const std::function<Entry()> &make) {
        if (made.insert(name).second)
            jobs.push_back({name, make});
    };
    for (const DeviceVariant &v : variants) {
        add(v.name, [v] {
            generators::DensePhases dense(v.element, v.lanes, v.tile, v.sums);
            schedules::cuda_dense_phases(dense, v.schedule);
            return Entry{v.name, dense.output, dense.arguments()};
        });
        const std::string pack = stage_name("pack" + std::to_string(v.tile.a), v.dtype, api);
        add(pack, [v, pack] {
            generators::PackBlocks blocks(v.element, v.tile.a);
            schedules::cuda_pack_blocks(blocks, v.tile.a);
            return Entry{pack, blocks.packed, blocks.arguments()};
        });
        const std::string activate = stage_name("activate", v.dtype, api), softmax = stage_name("softmax", v.dtype, api);
        add(activate, [v, activate] {
            generators::ActivateAll all(v.element);
            schedules::cuda_activate(all);
            return Entry{activate, all.output, all.arguments()};
        });
        add(softmax, [v, softmax] {
            generators::SoftmaxAll all(v.element);
            schedules::cuda_softmax(all);
            return Entry{softmax, all.output, all.arguments()};
        });
    }
    add("tconv_phase_table_" + api, [api] {
        generators::PhaseTable table;
        schedules::cuda_phase_table(table);
        return Entry{"tconv_phase_table_" + api, table.table, table.arguments()};
    });
    return jobs;
}

std::string registry_of(const std::vector<DeviceVariant> &variants, const std::vector<Job> &jobs, const std::string &api) {
    std::ostringstream text;
    for (const Job &job : jobs)
        text << "TCONV_DEVICE_FUNCTION(" << job.name << "_argv)\n";
    for (const DeviceVariant &v : variants) {
        const generators::DenseTile &t = v.tile;
        text << "TCONV_DEVICE_KERNEL(" << v.name << ", " << v.dtype << ", " << v.lanes_name() << ", "
             << (v.schedule.contiguous ? "vectors" : v.sums ? "sums" : "any");
        for (int number : {t.a, t.lanes_a, t.x, t.y, t.lanes_x, t.lanes_y, v.schedule.warps})
            text << ", " << number;
        for (const std::string &stage : {"pack" + std::to_string(t.a), std::string("activate"), std::string("softmax")})
            text << ", " << stage_name(stage, v.dtype, api) << "_argv";
        text << ", tconv_phase_table_" << api << "_argv)\n";
    }
    return text.str();
}

}  // namespace

void build_device_catalogue(const DeviceCatalogueOptions &options) {
    const std::vector<DeviceVariant> variants = read_device_variants(options.variants, options.api);
    for (const DeviceVariant &v : variants) {
        const bool has_twin = std::any_of(variants.begin(), variants.end(), [&](const DeviceVariant &other) {
            return !other.schedule.contiguous && !other.sums && other.dtype == v.dtype && other.lanes == v.lanes &&
                   other.tile.a == v.tile.a;
        });
        if (v.schedule.contiguous && !has_twin)
            throw std::runtime_error(v.name + " has no row beside it for views of any strides with the same lanes and tile_a");
    }
    const std::vector<Job> jobs = jobs_of(variants, options.api);
    const fs::path out(options.out);
    fs::create_directories(out);
    in_processes(jobs.size(), [&](size_t i) { compile(jobs[i].make(), options); });
    std::vector<std::string> objects;
    for (const Job &job : jobs)
        objects.push_back((out / (job.name + ".o")).string());
    if (options.api == "opencl") { // tests link Halide's own runtime with it
        objects.push_back((out / "halide_runtime.o").string());
        compile_standalone_runtime(objects.back(), Target("x86-64-linux-sse41-user_context-opencl-cl_doubles"));
    }
    create_static_library(objects, target_of(options.api), (out / "kernels.a").string());
    for (const std::string &object : objects)
        fs::remove(object);
    std::ofstream(out / "device_registry.inc") << registry_of(variants, jobs, options.api);
}

}  // namespace tconv::compiler
