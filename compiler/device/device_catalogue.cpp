#include "device_catalogue.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "device_images.h"
#include "device_stages.h"
#include "processes.h"

namespace tconv::compiler {

using namespace Halide;
namespace fs = std::filesystem;

namespace {

void compile(const DeviceStage &stage, const DeviceCatalogueOptions &options) {
    Module module = lower_device_stage(stage, options.api, {});
    const fs::path out(options.out);
    if (options.api == "cuda") {
        const std::string file = (out / (stage.name + ".ptx")).string();
        replace_device_code(module, images_of(device_code_of(module, kDeviceThreads), file, options.ptxas, options.archs));
    }
    module.compile({{OutputFileType::object, (out / (stage.name + ".o")).string()}});
}

// Everything of a variant or dtype by its place in this list, so that each process defines only what it compiles.
struct Job {
    std::string name;
    std::function<DeviceStage()> make;
};

std::vector<Job> jobs_of(const std::vector<DeviceVariant> &variants, const std::vector<DeviceGradientVariant> &gradients,
                         const std::string &api) {
    std::vector<Job> jobs;
    std::set<std::string> made;
    auto add = [&](const std::string &name, const std::function<DeviceStage()> &make) {
        if (made.insert(name).second)
            jobs.push_back({name, make});
    };
    for (const DeviceVariant &v : variants) {
        add(v.name, [v, api] { return dense_phases_stage(v, api); });
        add(pack_name(v, api), [v, api] { return pack_stage(v, api); });
        add(device_stage_name("activate", v.dtype, api), [v, api] { return activate_stage(v, api); });
        add(device_stage_name("softmax", v.dtype, api), [v, api] { return softmax_stage(v, api); });
    }
    add("tconv_phase_table_" + api, [api] { return phase_table_stage(api); });
    for (const DeviceGradientVariant &v : gradients) {
        add(v.name, [v] { return correlate_stage(v); });
        add(device_stage_name("bias_sums", v.dtype, api), [v, api] { return bias_sums_stage(v, api); });
        add(device_stage_name("total", v.dtype, api), [v, api] { return total_stage(v, api); });
    }
    return jobs;
}

std::string registry_of(const std::vector<DeviceVariant> &variants, const std::vector<DeviceGradientVariant> &gradients,
                        const std::vector<Job> &jobs, const std::string &api) {
    std::ostringstream text;
    for (const Job &job : jobs)
        text << "TCONV_DEVICE_FUNCTION(" << job.name << "_argv)\n";
    for (const DeviceVariant &v : variants) {
        const generators::DenseTile &t = v.tile;
        text << "TCONV_DEVICE_KERNEL(" << v.name << ", " << v.dtype << ", " << name_of(v.lanes) << ", "
             << (v.schedule.contiguous ? "vectors" : v.sums ? "sums" : "any") << ", "
             << (v.of == generators::Of::layer ? "output" : "input_gradient");
        for (int number : {t.a, t.lanes_a, t.x, t.y, t.lanes_x, t.lanes_y, v.schedule.warps})
            text << ", " << number;
        text << ", " << pack_name(v, api) << "_argv";
        for (const std::string stage : {"activate", "softmax"})
            text << ", " << device_stage_name(stage, v.dtype, api) << "_argv";
        text << ", tconv_phase_table_" << api << "_argv)\n";
    }
    for (const DeviceGradientVariant &v : gradients) {
        const generators::CorrelateTile &t = v.tile;
        text << "TCONV_DEVICE_GRADIENT(" << v.name << ", " << v.dtype << ", " << name_of(v.lanes) << ", "
             << (v.contiguous ? "vectors" : "any");
        for (int number : {t.a, t.lanes_a, t.c, t.lanes_x, t.lanes_y})
            text << ", " << number;
        for (const std::string stage : {"bias_sums", "total"})
            text << ", " << device_stage_name(stage, v.dtype, api) << "_argv";
        text << ")\n";
    }
    return text.str();
}

}  // namespace

void build_device_catalogue(const DeviceCatalogueOptions &options) {
    const std::vector<DeviceVariant> variants = read_device_variants(options.variants, options.api);
    for (const DeviceVariant &v : variants) {
        const bool has_twin = std::any_of(variants.begin(), variants.end(), [&](const DeviceVariant &other) {
            return !other.schedule.contiguous && !other.sums && other.dtype == v.dtype && other.lanes == v.lanes &&
                   other.tile.a == v.tile.a && other.of == v.of;
        });
        if (v.schedule.contiguous && !has_twin)
            throw std::runtime_error(v.name + " has no row beside it for views of any strides with the same lanes and tile_a");
    }
    const std::vector<DeviceGradientVariant> gradients = read_device_gradients(options.gradients, options.api);
    for (const DeviceGradientVariant &v : gradients) {
        const bool has_twin = std::any_of(gradients.begin(), gradients.end(), [&](const DeviceGradientVariant &other) {
            return !other.contiguous && other.dtype == v.dtype && other.lanes == v.lanes && other.tile.a == v.tile.a &&
                   other.tile.c == v.tile.c;
        });
        if (v.contiguous && !has_twin)
            throw std::runtime_error(v.name + " has no row beside it for views of any strides with the same lanes and tile");
    }
    const std::vector<Job> jobs = jobs_of(variants, gradients, options.api);
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
    create_static_library(objects, device_target(options.api), (out / "kernels.a").string());
    for (const std::string &object : objects)
        fs::remove(object);
    std::ofstream(out / "device_registry.inc") << registry_of(variants, gradients, jobs, options.api);
}

}  // namespace tconv::compiler
