// What plans for a CUDA device have in common.
#pragma once

#include <nanobind/nanobind.h>
#include <sys/types.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>

#include "array.h"
#include "failure.h"
#include "planning.h"
#include "spec.h"
#include "tconv/tconv_cuda.h"

namespace tconv::python {

// A packed filter: bytes on the device, in an array of the framework that made them, and what plans they are for.
struct CudaPacked {
    nanobind::object array;
    std::string plans;
};

// A device in this process: CUDA does not outlive a fork.
class CudaDevice {
public:
    explicit CudaDevice(int32_t ordinal) : ordinal_(ordinal), owner_(getpid()) {}

    int32_t ordinal() const { return ordinal_; }
    tconv_cuda_target target() const;
    bool is_of_this_process() const { return getpid() == owner_; }

    // Where the arrays of a call have to be, as this one, and the stream that its framework works on now. Throws in a forked
    // child.
    Place place_of(const char *name, nanobind::handle array) const;

private:
    int32_t ordinal_;
    pid_t owner_;
};

// For std::unique_ptr: a forked child leaves alone what is the parent's.
template <typename Plan, void (*destroy)(Plan *)>
struct DestroyInOwner {
    CudaDevice device;
    void operator()(Plan *plan) const {
        if (device.is_of_this_process())
            destroy(plan);
    }
};

void *stream_of(const Place &place);

// `given`, or bytes on the device from the framework of `beside`.
nanobind::object bytes_or(nanobind::handle given, nanobind::handle beside, size_t count);

// A run's workspace: `given`, or memory from the framework of `beside`, if any is needed.
class CudaWorkspace {
public:
    CudaWorkspace(nanobind::handle given, nanobind::handle beside, size_t bytes, const Place &place);
    void *address() const { return address_; }

private:
    nanobind::object memory_;
    std::optional<Array> array_;
    void *address_ = nullptr;
};

// The filter repacked into `memory`, or bytes of its framework, by `pack(view, packed, stream)`, which returns a status.
template <typename Pack>
std::unique_ptr<CudaPacked> packed_by(Pack pack, const CudaDevice &device, const Spec &spec, const std::string &plans,
                                      nanobind::handle filter, nanobind::handle filter_layout, nanobind::handle memory,
                                      size_t bytes) {
    const FilterOrder order(spec, filter_layout);
    const Place place = device.place_of("w", filter);
    const Array array("w", filter, spec.c.dtype, Access::kRead, place);
    const tconv_view view = array.view(order.shape, order.axes);
    auto packed = std::make_unique<CudaPacked>(bytes_or(memory, filter, bytes), plans);
    const Array into("memory", packed->array, TCONV_U8, Access::kWrite, place);
    void *const address = into.row(static_cast<int64_t>(bytes));
    tconv_status status;
    {
        nanobind::gil_scoped_release unlocked;
        status = pack(&view, address, stream_of(place));
    }
    check(status);
    return packed;
}

// Throws ValueError if a packed filter is for other plans than `plans`.
void check_packed(const CudaPacked &packed, const std::string &plans);

}  // namespace tconv::python
