// What code that Halide generates for CUDA asks of its runtime, answered by this library: nothing is allocated or copied,
// since buffers refer to the caller's device memory, and kernels go to the caller's stream.
#include <cstring>

#include "cuda_place.h"

using namespace tconv;

extern "C" {

const halide_device_interface_t *halide_cuda_device_interface() {
    return nullptr;  // passed on to halide_copy_to_device, and not looked at
}

int halide_copy_to_device(void *, halide_buffer_t *, const halide_device_interface_t *) {
    return 0;
}

// One pointer for each piece of device code; threads may write it at the same time, always the same value.
int halide_cuda_initialize_kernels(void *, void **state, const char *images, int) {
    __atomic_store_n(state, const_cast<char *>(images), __ATOMIC_RELAXED);
    return 0;
}

void halide_cuda_finalize_kernels(void *, void *) {}

int halide_cuda_run(void *user_context, void *state, const char *entry, int grid_x, int grid_y, int grid_z, int block_x,
                    int block_y, int block_z, int shared_bytes, size_t sizes[], void *arguments[], int8_t is_buffer[]) {
    CudaCall &call = *static_cast<CudaCall *>(user_context);
    const auto *const images = static_cast<const ImagesHeader *>(state);
    const CudaPlace &place = *call.place;
    const CudaPlace::Function *found = nullptr;
    for (int i = 0; i < place.function_count; i++) {
        if (place.functions[i].images == images)
            found = &place.functions[i];
    }
    if (call.preparing != nullptr) {
        if (found != nullptr)
            return 0;
        CudaPlace &preparing = *call.preparing;
        if (preparing.function_count == CudaPlace::kMostFunctions) {
            call.status = call.message->fail(TCONV_INTERNAL, "a plan has more kernels than it has room for");
            return -1;
        }
        CudaPlace::Function &next = preparing.functions[preparing.function_count];
        next.images = images;
        call.status = load_function(*place.driver, place.context, images, place.arch, entry, &next.module, &next.function,
                                    *call.message);
        if (call.status == TCONV_OK)
            preparing.function_count++;
        return call.status == TCONV_OK ? 0 : -1;
    }
    if (found == nullptr) {
        call.status = call.message->fail(TCONV_INTERNAL, "kernel %s was not loaded with the plan", entry);
        return -1;
    }
    constexpr int kMost = 128;
    void *values[kMost];
    int count = 0;
    for (; sizes[count] != 0; count++) {
        if (count == kMost) {
            call.status = call.message->fail(TCONV_INTERNAL, "kernel %s takes more than %d arguments", entry, kMost);
            return -1;
        }
        values[count] = is_buffer[count] ? &static_cast<halide_buffer_t *>(arguments[count])->device : arguments[count];
    }
    auto dimension = [](int size) { return static_cast<unsigned>(size); };
    const CuResult result =
        place.driver->launch(found->function, dimension(grid_x), dimension(grid_y), dimension(grid_z), dimension(block_x),
                            dimension(block_y), dimension(block_z), dimension(shared_bytes), call.stream, values, nullptr);
    if (result != 0)
        call.status = driver_status(*place.driver, result, "launching a kernel (cuLaunchKernel)", *call.message);
    return result == 0 ? 0 : -1;
}

}  // extern "C"
