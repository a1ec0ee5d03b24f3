#include "opencl_runner.h"

#include <vector>

#include "HalideRuntimeOpenCL.h"
#include "runner.h"

namespace tconv::testing {
namespace {

constexpr DeviceTraits kTraits = {.processors = 132};

// The buffers of one call, which are freed after it.
struct Buffers {
    std::vector<halide_buffer_t *> bound;
};

int bind(void *context, halide_buffer_t *buffer, const void *address, bool) {
    buffer->host = static_cast<uint8_t *>(const_cast<void *>(address));
    buffer->set_host_dirty();
    static_cast<Buffers *>(context)->bound.push_back(buffer);
    return 0;
}

int done(void *context, halide_buffer_t *written) {
    auto &bound = static_cast<Buffers *>(context)->bound;
    const int result = halide_copy_to_host(nullptr, written);
    for (halide_buffer_t *buffer : bound)
        halide_device_free(nullptr, buffer);
    bound.clear();
    return result;
}

// Memory at the alignment that a device's allocations have.
class Memory {
public:
    explicit Memory(int64_t bytes) : block_(static_cast<size_t>(bytes) + kDeviceAlignment, kQuietNan) {}
    void *data() {
        const auto address = reinterpret_cast<uintptr_t>(block_.data());
        return static_cast<char *>(block_.data()) + (kDeviceAlignment - address % kDeviceAlignment) % kDeviceAlignment;
    }
    bool guards_intact() const { return block_.guards_intact(); }

private:
    Block block_;
};

std::string error_text;  // of the runtime's last complaint

void on_error(void *, const char *text) {
    error_text = text;
}

}  // namespace

bool opencl_usable(std::string *why) {
    halide_set_error_handler(on_error);
    halide_opencl_set_platform_name("Portable Computing Language");
    halide_dimension_t dimension(0, 1, 1);
    int32_t value = 0;
    halide_buffer_t probe = {};
    probe.host = reinterpret_cast<uint8_t *>(&value);
    probe.type = halide_type_of<int32_t>();
    probe.dimensions = 1;
    probe.dim = &dimension;
    const int result = halide_device_malloc(nullptr, &probe, halide_opencl_device_interface());
    if (result == 0)
        halide_device_free(nullptr, &probe);
    *why = error_text;
    return result == 0;
}

tconv_status OpenclRunner::run(Problem &problem, const std::string &name, bool in_place) {
    char text[512], reasons[4096];
    Message said(text, sizeof text), why(reasons, sizeof reasons);
    DeviceLayer layer;
    tconv_status status =
        plan_device_layer(problem.spec, name.empty() ? nullptr : name.c_str(), kTraits, &layer, why, said);
    message = std::string(text) + "\n" + reasons;
    if (status != TCONV_OK)
        return status;
    kernel = layer.kernel->name;
    Buffers buffers;
    const DeviceAccess access = {&buffers, bind, done};
    Memory packed(layer.packed_bytes), workspace(layer.workspace_bytes);
    tconv_tensors tensors = problem.tensors();
    if (in_place)
        tensors.output = tensors.residual;
    else
        problem.output.poison();
    tensors.packed_filter = packed.data();
    tensors.workspace = workspace.data();
    if (pack_on_device(layer, access, problem.filter.view(), packed.data()) != 0 ||
        (problem.spec.batch > 0 && run_on_device(layer, access, tensors) != 0)) {
        message = error_text;
        return TCONV_DEVICE_ERROR;
    }
    if (!packed.guards_intact() || !workspace.guards_intact()) {
        message = "written past the packed filter or the workspace";
        return TCONV_INTERNAL;
    }
    return TCONV_OK;
}

std::vector<std::string> device_kernels_for(const tconv_spec &spec) {
    std::vector<std::string> names;
    for (const DeviceKernel &kernel : device_kernels()) {
        char text[512];
        Message message(text, sizeof text), why(nullptr, 0);
        DeviceLayer layer;
        if (plan_device_layer(spec, kernel.name, kTraits, &layer, why, message) == TCONV_OK)
            names.push_back(kernel.name);
    }
    return names;
}

}  // namespace tconv::testing
