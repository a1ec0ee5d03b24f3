// A GPU for tests: the driver's functions that a caller of the library uses, memory there, and a stream. Where there is no driver
// or no device of capability 8.0, every test says so and is skipped.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <type_traits>
#include <vector>

#include "element_type.h"
#include "tensor.h"
#include "tconv/tconv_cuda.h"

namespace tconv::testing {

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

inline Cuda cuda;

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
        copy_elements(dtype_, extents_, host_, staged());
        device_->take(bytes_.data());
    }
    tconv_view view() const { return with(device_->at(static_cast<size_t>(-low_ * element()))); }
    // Back to the host's tensor; false if anything around the elements was written.
    bool give() {
        device_->give(bytes_.data());
        copy_elements(dtype_, extents_, staged(), host_);
        static uint64_t pattern = ~uint64_t{0};
        copy_elements(dtype_, extents_, {&pattern, {0, 0, 0, 0}}, staged());
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
    // An access beyond memory is the last thing that a context does.
    static bool alive() { return cuda.wait(stream) == 0; }

    static inline bool usable = false;
    static inline void *stream = nullptr;
};

// Has what `queue(stream)` queues run on the stream, directly or `captured` in a graph, three times then; 0 or a CUresult.
template <typename Queue>
int finish(void *stream, bool captured, Queue queue) {
    void *graph = nullptr, *executable = nullptr;
    int result = captured ? cuda.begin_capture(stream, 0) : 0;
    queue(stream);
    if (captured) {
        result |= cuda.end_capture(stream, &graph) | cuda.instantiate(&executable, graph, 0);
        for (int i = 0; i < 3 && result == 0; i++)
            result |= cuda.launch_graph(executable, stream);
    }
    return result | cuda.wait(stream);
}

}  // namespace tconv::testing
