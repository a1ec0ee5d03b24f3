// On a GPU: the shipped library against the oracle, on streams and in graphs. `make gpu-check` runs it; where there is no
// driver or no device of capability 8.0, every test says so and is skipped.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <optional>
#include <type_traits>
#include <vector>

#include "problem.h"
#include "random_spec.h"
#include "runner.h"
#include "shape_classes.h"
#include "tconv/tconv_cuda.h"

namespace tconv {
namespace {

using testing::Placement;
using testing::Problem;
using testing::Tensor;

// The driver's functions that a caller of the library uses.
struct Cuda {
    int (*init)(unsigned) = nullptr;
    int (*retain)(void **, int) = nullptr;
    int (*set_current)(void *) = nullptr;
    int (*allocate)(uint64_t *, size_t) = nullptr;
    int (*release)(uint64_t) = nullptr;
    int (*to_device)(uint64_t, const void *, size_t) = nullptr;
    int (*to_host)(void *, uint64_t, size_t) = nullptr;
    int (*create_stream)(void **, unsigned) = nullptr;
    int (*wait)(void *) = nullptr;
    int (*begin_capture)(void *, int) = nullptr;
    int (*end_capture)(void *, void **) = nullptr;
    int (*instantiate)(void **, void *, unsigned long long) = nullptr;
    int (*launch_graph)(void *, void *) = nullptr;

    bool load() {
        void *const library = dlopen("libcuda.so.1", RTLD_NOW);
        if (library == nullptr)
            return false;
        auto find = [&](auto &function, const char *name) {
            function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
            return function != nullptr;
        };
        return find(init, "cuInit") && find(retain, "cuDevicePrimaryCtxRetain") && find(set_current, "cuCtxSetCurrent") &&
               find(allocate, "cuMemAlloc_v2") && find(release, "cuMemFree_v2") && find(to_device, "cuMemcpyHtoD_v2") &&
               find(to_host, "cuMemcpyDtoH_v2") && find(create_stream, "cuStreamCreate") &&
               find(wait, "cuStreamSynchronize") && find(begin_capture, "cuStreamBeginCapture_v2") &&
               find(end_capture, "cuStreamEndCapture") && find(instantiate, "cuGraphInstantiateWithFlags") &&
               find(launch_graph, "cuGraphLaunch");
    }
};

Cuda cuda;

constexpr int32_t kDtypes[] = {TCONV_F32, TCONV_F64, TCONV_F16, TCONV_BF16};

// Device memory with the bytes of a host range, or none.
class DeviceBytes {
public:
    explicit DeviceBytes(size_t bytes) : bytes_(bytes) { EXPECT_EQ(cuda.allocate(&address_, bytes + 1), 0); }
    ~DeviceBytes() { cuda.release(address_); }
    DeviceBytes(const DeviceBytes &) = delete;
    DeviceBytes &operator=(const DeviceBytes &) = delete;
    void *at(size_t offset = 0) const { return reinterpret_cast<void *>(address_ + offset); }
    void take(const void *from) { EXPECT_EQ(cuda.to_device(address_, from, bytes_), 0); }
    void give(void *to) const { EXPECT_EQ(cuda.to_host(to, address_, bytes_), 0); }

private:
    uint64_t address_ = 0;
    size_t bytes_;
};

// A tensor's elements on the device, with the same strides; those of a filter may be negative.
class DeviceTensor {
public:
    explicit DeviceTensor(const Tensor &tensor) : host_(tensor.view()), extents_(tensor.extents()), dtype_(tensor.dtype()) {
        for (size_t i = 0; i < 4; i++) {
            const int64_t span = (extents_[i] - 1) * host_.stride[i];
            (span < 0 ? low_ : high_) += span;
        }
        bytes_.assign(static_cast<size_t>((high_ - low_ + 1) * element()), 0xff);
        device_.emplace(bytes_.size());
        testing::copy_elements(dtype_, extents_, host_, staged());
        device_->take(bytes_.data());
    }
    tconv_view view() const { return with(device_->at(static_cast<size_t>(-low_ * element()))); }
    // Back to the host's tensor; false if anything around the elements was written.
    bool give() {
        device_->give(bytes_.data());
        testing::copy_elements(dtype_, extents_, staged(), host_);
        static uint64_t pattern = ~uint64_t{0};
        testing::copy_elements(dtype_, extents_, {&pattern, {0, 0, 0, 0}}, staged());
        return std::all_of(bytes_.begin(), bytes_.end(), [](unsigned char byte) { return byte == 0xff; });
    }

private:
    tconv_view with(void *data) const {
        tconv_view view = host_;
        view.data = data;
        return view;
    }
    tconv_view staged() { return with(bytes_.data() - low_ * element()); }
    int64_t element() const { return element_type(dtype_).bytes; }

    tconv_view host_;
    std::array<int64_t, 4> extents_;
    int32_t dtype_;
    int64_t low_ = 0, high_ = 0;
    std::vector<unsigned char> bytes_;
    std::optional<DeviceBytes> device_;
};

class Gpu : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        int32_t devices = 0;
        const tconv_status status = tconv_cuda_device_count(&devices);
        void *context = nullptr;
        usable = status == TCONV_OK && devices > 0 && cuda.load() && cuda.init(0) == 0 && cuda.retain(&context, 0) == 0 &&
                 cuda.set_current(context) == 0 && cuda.create_stream(&stream, 1) == 0;
        if (!usable) {
            std::printf("[SKIP] needs an NVIDIA GPU of compute capability 8.0 or later and its driver: %s, %d devices\n",
                        tconv_status_string(status), static_cast<int>(devices));
        }
    }
    void SetUp() override {
        if (!usable)
            GTEST_SKIP();
    }
    static bool usable;
    static void *stream;
};
bool Gpu::usable = false;
void *Gpu::stream = nullptr;

// Packs and runs on a stream, directly or `captured` in a graph; what is wrong with the result, or an empty text.
std::string run(Problem &problem, const std::vector<double> &expected, const std::string &kernel, void *stream,
                bool captured = false) {
    tconv_cuda_plan *plan = nullptr;
    std::string said;
    const tconv_hooks hooks = testing::listening(&said);
    if (tconv_cuda_plan_create(&problem.spec, kernel.empty() ? nullptr : kernel.c_str(), nullptr, &hooks, &plan) != TCONV_OK)
        return said;
    tconv_requirements need;
    tconv_requirements_init(&need, sizeof need);
    tconv_cuda_plan_requirements(plan, &need);
    problem.output.poison();
    DeviceTensor input(problem.input), filter(problem.filter), output(problem.output), residual(problem.residual);
    DeviceTensor bias(problem.bias), slope(problem.slope);
    DeviceBytes packed(need.packed_filter_bytes), workspace(need.workspace_bytes);
    tconv_tensors t;
    tconv_tensors_init(&t, sizeof t);
    t.input = input.view(), t.output = output.view(), t.residual = residual.view();
    t.bias = bias.view().data, t.act_slope = slope.view().data;
    t.packed_filter = packed.at(), t.workspace = workspace.at(), t.workspace_bytes = need.workspace_bytes;
    const tconv_view weights = filter.view();
    tconv_status status = tconv_cuda_pack_filter(plan, &weights, packed.at(), need.packed_filter_bytes, stream);
    void *graph = nullptr, *executable = nullptr;
    int result = 0;
    if (captured)
        result = cuda.begin_capture(stream, 0);
    if (status == TCONV_OK)
        status = tconv_cuda_run(plan, &t, stream);
    if (captured) {
        result |= cuda.end_capture(stream, &graph) | cuda.instantiate(&executable, graph, 0);
        for (int i = 0; i < 3 && result == 0; i++)
            result |= cuda.launch_graph(executable, stream);
    }
    result |= cuda.wait(stream);
    std::string wrong = said;
    if (status == TCONV_OK && result == 0)
        wrong = output.give() ? problem.compare(expected) : "written around the output";
    else if (wrong.empty())
        wrong = "CUresult " + std::to_string(result);
    tconv_cuda_plan_destroy(plan);
    return wrong;
}

void through_every_kernel(const tconv_spec &spec, Placement placement, void *stream) {
    Problem problem(spec, 3, placement);
    const std::vector<double> expected = problem.expected();
    ASSERT_EQ(run(problem, expected, "", stream), "") << testing::text_of(spec);
    for (int32_t i = 0; i < tconv_cuda_kernel_count(); i++) {
        tconv_cuda_plan *plan = nullptr;
        if (tconv_cuda_plan_create(&spec, tconv_cuda_kernel_name(i), nullptr, nullptr, &plan) != TCONV_OK)
            continue;  // refuses the layer: the tests under OpenCL hold it to its reasons
        tconv_cuda_plan_destroy(plan);
        ASSERT_EQ(run(problem, expected, tconv_cuda_kernel_name(i), stream), "")
            << testing::text_of(spec) << ' ' << tconv_cuda_kernel_name(i);
    }
}

TEST_F(Gpu, EveryClassOfShapeThroughEveryKernel) {
    for (const testing::ShapeClass &shape : testing::shape_classes()) {
        for (const int32_t dtype : kDtypes) {
            for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
                for (const Placement placement : {Placement::kDense, Placement::kShuffled}) {
                    tconv_spec spec = testing::layer(shape.layer, dtype);
                    spec.layout = layout;
                    spec.math = dtype == TCONV_F32 ? TCONV_MATH_TF32 : TCONV_MATH_FAST;  // all kernels of the type
                    through_every_kernel(spec, placement, stream);
                    if (HasFatalFailure())
                        return;
                }
            }
        }
    }
}

TEST_F(Gpu, RandomLayersOnStreamsAndInGraphs) {
    testing::Random random(21);
    testing::SpecLimits limits;
    limits.exact_only = true;
    for (int i = 0; i < 500; i++) {
        limits.dtype = kDtypes[static_cast<size_t>(i) / 2 % std::size(kDtypes)];
        const tconv_spec spec = testing::random_legal_spec(random, limits);
        Problem problem(spec, static_cast<uint64_t>(i), static_cast<Placement>(random.below(4)));
        ASSERT_EQ(run(problem, problem.expected(), "", stream, i % 2 == 0), "") << testing::text_of(spec);
    }
}

}  // namespace
}  // namespace tconv
