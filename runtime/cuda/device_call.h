// How generated functions are called: by an array of pointers to their arguments.
#pragma once

#include <cstdint>

#include "HalideRuntime.h"
#include "device_kernels.h"
#include "device_layer.h"
#include "geometry.h"

namespace tconv {

// Arguments of one call, in the order of `arguments()` of the stage in generators/, and the output.
class Call {
public:
    explicit Call(const DeviceAccess &access) : access_(access) { add(&access_.user_context); }
    Call(const Call &) = delete;
    Call &operator=(const Call &) = delete;

    // Extents and strides from the first dimension on. Strides of an extent of 1 are not used and may be anything.
    struct Dimension {
        int64_t extent, stride;
    };
    template<int count>
    void buffer(const void *address, halide_type_t type, const Dimension (&dimensions)[count], bool written = false) {
        Buffer &b = buffers_[buffer_count_++];
        b.header = {};
        b.header.type = type;
        b.header.dimensions = count;
        b.header.dim = b.dimensions;
        for (int i = 0; i < count; i++) {
            b.dimensions[i] = {};
            b.dimensions[i].extent = static_cast<int32_t>(dimensions[i].extent);
            b.dimensions[i].stride = dimensions[i].extent > 1 ? static_cast<int32_t>(dimensions[i].stride) : 0;
        }
        if (result_ == 0)
            result_ = access_.bind(access_.user_context, &b.header, address, written);
        if (written)
            written_ = &b.header;
        add(&b.header);
    }
    void integer(int64_t value) {
        scalars_[scalar_count_] = static_cast<int32_t>(value);
        add(&scalars_[scalar_count_++]);
    }
    void bits(int32_t value) { integer(value); }

    int make(DeviceFunction function) {
        if (result_ == 0)
            result_ = function(arguments_);
        if (result_ == 0)
            result_ = access_.done(access_.user_context, written_);
        return result_;
    }

private:
    struct Buffer {
        halide_buffer_t header;
        halide_dimension_t dimensions[7];
    };

    void add(void *argument) { arguments_[argument_count_++] = argument; }

    DeviceAccess access_;
    Buffer buffers_[8];
    int32_t scalars_[32];
    void *arguments_[42];
    int buffer_count_ = 0, scalar_count_ = 0, argument_count_ = 0, result_ = 0;
    halide_buffer_t *written_ = nullptr;
};

// bfloat16 is its bits.
inline halide_type_t stored_type(int32_t dtype) {
    return halide_type_t(dtype == TCONV_BF16 ? halide_type_uint : halide_type_float,
                         static_cast<uint8_t>(8 * dtype_bytes(dtype)));
}

inline halide_type_t computed_type(int32_t dtype) {
    return halide_type_t(halide_type_float, static_cast<uint8_t>(8 * computed_bytes(dtype)));
}

inline const halide_type_t kInt = halide_type_t(halide_type_int, 32), kWord = halide_type_t(halide_type_uint, 32);

inline char *offset_by(const void *base, int64_t bytes) {
    return static_cast<char *>(const_cast<void *>(base)) + bytes;
}

// Elements that one image of a view reaches.
inline int64_t reach_of_image(const int64_t *stride, const Extents &extents) {
    int64_t reach = 1;
    for (int i = 1; i < 4; i++)
        reach += (extents.size[i] - 1) * (extents.size[i] > 1 ? stride[i] : 0);
    return reach;
}

// Whether channels are contiguous, in vectors of so many that are aligned to so many bytes.
inline bool in_vectors(const tconv_view &view, const Extents &extents, int64_t vector, int64_t alignment) {
    if (reinterpret_cast<uintptr_t>(view.data) % static_cast<uintptr_t>(alignment) != 0)
        return false;
    for (int i = 0; i < 4; i++) {
        if (extents.size[i] > 1 && (i == 1 ? view.stride[i] != 1 : view.stride[i] % vector != 0))
            return false;
    }
    return true;
}

// A filter's view from its lowest address up, as generated code counts: a stride below zero is turned, and the index with it.
struct TurnedView {
    int64_t first;  // element of the lowest address, from element 0
    int64_t stride[4];
    bool flip[4];
};
inline TurnedView turned(const tconv_view &view, const Extents &extents) {
    TurnedView of = {};
    for (int i = 0; i < 4; i++) {
        of.stride[i] = extents.size[i] > 1 ? view.stride[i] : 0;
        of.flip[i] = of.stride[i] < 0;
        if (of.flip[i])
            of.first += (extents.size[i] - 1) * of.stride[i], of.stride[i] = -of.stride[i];
    }
    return of;
}

}  // namespace tconv
