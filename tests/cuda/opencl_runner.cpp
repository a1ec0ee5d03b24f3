#include "opencl_runner.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "HalideRuntimeOpenCL.h"
#include "guarded.h"
#include "random_spec.h"
#include "runner.h"

// Of Halide's OpenCL runtime, which declares them nowhere.
extern "C" int halide_acquire_cl_context(void *, void **context, void **queue, bool create);
extern "C" int halide_release_cl_context(void *);
extern "C" void *halide_opencl_get_symbol(void *, const char *name);

namespace tconv::testing {
namespace {

constexpr DeviceTraits kTraits = {.processors = 132};
constexpr int64_t kVectorBytes = 16;  // what vectors are aligned to, at most

template <typename Function>
Function *opencl(const char *name) {
    return reinterpret_cast<Function *>(halide_opencl_get_symbol(nullptr, name));
}

// A buffer of OpenCL that is the host's memory itself, as PoCL has it on processors.
int wrap_in_place(halide_buffer_t *buffer) {
    constexpr uint64_t kReadOnly = 1 << 2, kUseHostPointer = 1 << 3;  // CL_MEM_READ_ONLY, CL_MEM_USE_HOST_PTR
    using Create = void *(void *, uint64_t, size_t, void *, int32_t *);
    void *context = nullptr, *queue = nullptr;
    if (const int result = halide_acquire_cl_context(nullptr, &context, &queue, true); result != 0)
        return result;
    int32_t failed = 0;
    void *const memory =
        opencl<Create>("clCreateBuffer")(context, kReadOnly | kUseHostPointer, buffer->size_in_bytes(), buffer->host, &failed);
    halide_release_cl_context(nullptr);
    return failed != 0 ? failed : halide_opencl_wrap_cl_mem(nullptr, buffer, reinterpret_cast<uint64_t>(memory));
}

// The buffers of one call, which are freed after it; the one at `in_place` is not copied.
struct Buffers {
    const void *in_place = nullptr;
    std::vector<halide_buffer_t *> bound;
};

int bind(void *context, halide_buffer_t *buffer, const void *address, bool) {
    auto *const buffers = static_cast<Buffers *>(context);
    buffer->host = static_cast<uint8_t *>(const_cast<void *>(address));
    buffers->bound.push_back(buffer);
    if (address == buffers->in_place)
        return wrap_in_place(buffer);
    buffer->set_host_dirty();
    return 0;
}

int done(void *context, halide_buffer_t *written) {
    auto *const buffers = static_cast<Buffers *>(context);
    const int result = halide_copy_to_host(nullptr, written);
    for (halide_buffer_t *buffer : buffers->bound) {
        if (buffer->host != buffers->in_place) {
            halide_device_free(nullptr, buffer);
            continue;
        }
        void *const memory = reinterpret_cast<void *>(halide_opencl_get_cl_mem(nullptr, buffer));
        halide_opencl_detach_cl_mem(nullptr, buffer);
        opencl<int32_t(void *)>("clReleaseMemObject")(memory);
    }
    buffers->bound.clear();
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

// The elements that generated code sees of an output: phases by positions, which reach past the last row and column. Nothing
// is stored there, but Halide's OpenCL runtime copies it.
int64_t reach_of(const DeviceLayer &layer, const std::array<int64_t, 4> &stride, int64_t images) {
    auto last = [](const DeviceAxis &axis, int64_t phases) { return (axis.out - 1) / axis.stride * axis.stride + phases - 1; };
    return (images - 1) * stride[0] + (layer.out.size[1] - 1) * stride[1] + last(layer.h, layer.phases_y) * stride[2] +
           last(layer.w, layer.phases_x) * stride[3] + 1;
}

int64_t reach_of(const DeviceLayer &layer, const tconv_view &view) {
    return reach_of(layer, std::to_array(view.stride), layer.spec.batch);
}

// A view of the same strides in memory that is large enough for that.
class Shadow {
public:
    Shadow(int32_t dtype, const tconv_view &view, const std::array<int64_t, 4> &extents, int64_t elements, bool aligned)
        : extents_(extents),
          dtype_(dtype),
          view_(view),
          block_(static_cast<size_t>((elements + 1) * dtype_bytes(dtype)), kAllOnes) {
        view_.data = static_cast<char *>(block_.data()) + (aligned ? 0 : dtype_bytes(dtype));
    }
    const tconv_view &view() const { return view_; }
    void take(const tconv_view &from) { copy_elements(dtype_, extents_, from, view_); }
    // The elements into a view; false if anything around them was written.
    bool give(const tconv_view &to) {
        copy_elements(dtype_, extents_, view_, to);
        static uint64_t pattern = kAllOnes;
        const tconv_view blank = {&pattern, {0, 0, 0, 0}};
        copy_elements(dtype_, extents_, blank, view_);
        const unsigned char *const bytes = block_.bytes();
        return block_.guards_intact() &&
               std::all_of(bytes, bytes + block_.size(), [](unsigned char byte) { return byte == 0xff; });
    }

private:
    std::array<int64_t, 4> extents_;
    int32_t dtype_;
    tconv_view view_;
    Block block_;
};

std::string error_text;  // of the runtime's last complaint

void on_error(void *, const char *text) {
    error_text = text;
}

}  // namespace

std::string opencl_missing() {
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
    if (result != 0)
        return "PoCL (scripts/apt-packages.txt) is not there: " + error_text;
    halide_device_free(nullptr, &probe);
    return "";
}

tconv_status OpenclRunner::run(Problem &problem, const std::string &name, bool in_place) {
    char text[512], reasons[4096];
    Message said(text, sizeof text), why(reasons, sizeof reasons);
    DeviceLayer layer;
    tconv_status status =
        plan_device_layer(problem.spec, Direction::output, name.empty() ? nullptr : name.c_str(), kTraits, &layer, why, said);
    message = std::string(text) + "\n" + reasons;
    if (status != TCONV_OK)
        return status;
    kernel = layer.kernel->name;
    if (prepare)
        prepare(layer);
    Buffers buffers;
    const DeviceAccess access = {&buffers, bind, done};
    const int64_t row = layer.w.out, plane = row * layer.h.out, image = plane * layer.out.size[1];
    const int64_t sums = reach_of(layer, {image, plane, row, 1}, layer.workspace_images);
    Memory packed(layer.packed_bytes), workspace(layer.sums_in_workspace ? sums * computed_bytes(layer.spec.dtype) : 0);
    tconv_tensors tensors = problem.tensors();
    if (in_place)
        tensors.output = tensors.residual;
    else
        problem.output.poison();
    tensors.packed_filter = packed.data();
    tensors.workspace = workspace.data();
    tensors.workspace_bytes = static_cast<size_t>(layer.workspace_bytes);
    if (tconv_status checked = check_device_run(layer, &tensors, said); checked != TCONV_OK) {
        message = text;
        return checked;
    }
    if (problem.spec.batch == 0)
        return TCONV_OK;
    const tconv_view result = tensors.output;
    const int32_t dtype = problem.spec.dtype;
    const auto &in = problem.input.extents(), &out = problem.output.extents();
    int64_t input_reach = 1;
    for (size_t i = 0; i < 4; i++)
        input_reach += (in[i] - 1) * tensors.input.stride[i];
    std::optional<Shadow> input;
    std::optional<GuardedTensor> guarded;  // between inaccessible pages, at the one past its end unless vectors forbid that
    SignalReport report;
    report.running = text_of(problem.spec) + ' ' + kernel;
    if (aligned) {
        const bool aligned_at_end = input_reach * dtype_bytes(dtype) % kVectorBytes == 0;
        const bool vectors = layer.kernel->form == Form::vectors;
        guarded.emplace(problem.input, aligned_at_end || !vectors ? Flush::kEnd : Flush::kStart);
        tensors.input = guarded->view();
        buffers.in_place = tensors.input.data;
    } else {
        input.emplace(dtype, tensors.input, in, input_reach, aligned);
        input->take(tensors.input);
        tensors.input = input->view();
    }
    Shadow output(dtype, result, out, reach_of(layer, result), aligned);
    std::optional<Shadow> residual;
    tensors.output = output.view();
    if (problem.spec.residual != TCONV_RESIDUAL_NONE) {
        residual.emplace(dtype, tensors.residual, out, reach_of(layer, tensors.residual), aligned);
        residual->take(tensors.residual);
        tensors.residual = residual->view();
    }
    if (pack_on_device(layer, access, problem.filter.view(), packed.data()) != 0 ||
        run_on_device(layer, access, tensors) != 0) {
        message = error_text;
        return TCONV_DEVICE_ERROR;
    }
    if (!output.give(result) || !packed.guards_intact() || !workspace.guards_intact()) {
        message = "written past the output, the packed filter or the workspace";
        return TCONV_INTERNAL;
    }
    return TCONV_OK;
}

tconv_status OpenclGradientRunner::run(GradientProblem &problem, const std::string &name) {
    char text[512], reasons[4096];
    Message said(text, sizeof text), why(reasons, sizeof reasons);
    DeviceGradient gradient;
    tconv_status status = plan_device_gradient(problem.spec, problem.which, name.empty() ? nullptr : name.c_str(), kTraits,
                                               &gradient, why, said);
    message = std::string(text) + "\n" + reasons;
    if (status != TCONV_OK)
        return status;
    kernel = gradient.name();
    Buffers buffers;
    const DeviceAccess access = {&buffers, bind, done};
    Memory packed(gradient.packed_bytes()), workspace(gradient.workspace_bytes);
    problem.result().poison();
    tconv_gradient_tensors tensors = problem.tensors();
    tensors.packed_filter = packed.data();
    tensors.workspace = workspace.data();
    tensors.workspace_bytes = static_cast<size_t>(gradient.workspace_bytes);
    // What is read, as aligned as it should be.
    const int32_t dtype = problem.spec.dtype;
    auto shadow_of = [&](const Tensor &tensor, tconv_view &view) {
        int64_t reach = 1;
        for (size_t i = 0; i < 4; i++)
            reach += std::max<int64_t>(tensor.extents()[i] - 1, 0) * view.stride[i];
        Shadow shadow(dtype, view, tensor.extents(), reach, aligned);
        if (tensor.size() > 0)
            shadow.take(view);
        view = shadow.view();
        return shadow;
    };
    const Shadow slope = shadow_of(problem.output_gradient, tensors.output_gradient),
                 input = shadow_of(problem.input, tensors.input);
    if (tconv_status checked = check_device_gradient_run(gradient, &tensors, said); checked != TCONV_OK) {
        message = text;
        return checked;
    }
    const bool packs = problem.which == TCONV_GRADIENT_INPUT;
    if (packs && problem.spec.batch == 0)
        return TCONV_OK;
    if ((packs && pack_on_device(gradient.layer, access, problem.filter.view(), packed.data()) != 0) ||
        run_gradient_on_device(gradient, access, tensors) != 0) {
        message = error_text;
        return TCONV_DEVICE_ERROR;
    }
    if (!packed.guards_intact() || !workspace.guards_intact()) {
        message = "written past the packed filter or the workspace";
        return TCONV_INTERNAL;
    }
    return TCONV_OK;
}

std::vector<int32_t> device_dtypes() {
    std::vector<int32_t> dtypes;
    for (const DeviceKernel &kernel : device_kernels()) {
        if (std::find(dtypes.begin(), dtypes.end(), kernel.dtype) == dtypes.end())
            dtypes.push_back(kernel.dtype);
    }
    return dtypes;
}

std::vector<std::string> device_kernels_for(const tconv_spec &spec) {
    std::vector<std::string> names;
    for (const DeviceKernel &kernel : device_kernels()) {
        char text[512];
        Message message(text, sizeof text), why(nullptr, 0);
        DeviceLayer layer;
        if (plan_device_layer(spec, Direction::output, kernel.name, kTraits, &layer, why, message) == TCONV_OK)
            names.push_back(kernel.name);
    }
    return names;
}

std::vector<std::string> device_kernels_for(const tconv_spec &spec, int32_t gradient) {
    std::vector<std::string> names;
    auto add_if_it_does = [&](const char *name) {
        char text[512];
        Message message(text, sizeof text), why(nullptr, 0);
        DeviceGradient planned;
        if (plan_device_gradient(spec, gradient, name, kTraits, &planned, why, message) == TCONV_OK)
            names.push_back(name);
    };
    if (gradient == TCONV_GRADIENT_INPUT) {
        for (const DeviceKernel &kernel : device_kernels())
            add_if_it_does(kernel.name);
    } else {
        for (const DeviceGradientKernel &kernel : device_gradient_kernels())
            add_if_it_does(kernel.name);
    }
    return names;
}

std::string least_run(const std::vector<std::string> &kernels, const std::map<std::string, int> &runs) {
    auto count = [&](const std::string &kernel) { return runs.count(kernel) > 0 ? runs.at(kernel) : 0; };
    return *std::min_element(kernels.begin(), kernels.end(),
                             [&](const auto &a, const auto &b) { return count(a) < count(b); });
}

}  // namespace tconv::testing
