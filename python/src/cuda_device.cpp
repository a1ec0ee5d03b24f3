#include "cuda_device.h"

namespace nb = nanobind;

namespace tconv::python {

tconv_cuda_target CudaDevice::target() const {
    tconv_cuda_target target;
    tconv_cuda_target_init(&target, sizeof target);
    target.device = ordinal_;
    return target;
}

Place CudaDevice::place_of(const char *name, nb::handle array) const {
    if (!is_of_this_process())
        raise(TCONV_DEVICE_ERROR, "this plan is of the process that forked this one: CUDA does not outlive a fork");
    Array::check_place(name, array, {ordinal_});
    return {ordinal_, nb::cast<int64_t>(nb::module_::import_("tconv._devices").attr("stream_of")(array))};
}

void *stream_of(const Place &place) {
    return reinterpret_cast<void *>(static_cast<intptr_t>(place.stream));
}

nb::object bytes_or(nb::handle given, nb::handle beside, size_t count) {
    if (!given.is_none())
        return nb::borrow(given);
    return nb::module_::import_("tconv._devices").attr("bytes_beside")(beside, count);
}

CudaWorkspace::CudaWorkspace(nb::handle given, nb::handle beside, size_t bytes, const Place &place) {
    if (bytes == 0)
        return;
    memory_ = bytes_or(given, beside, bytes);
    address_ = array_.emplace("workspace", memory_, TCONV_U8, Access::kWrite, place).row(static_cast<int64_t>(bytes));
}

void check_packed(const CudaPacked &packed, const std::string &plans) {
    if (packed.plans != plans)
        throw nb::value_error(("packed is for " + packed.plans + "; this plan is " + plans).c_str());
}

}  // namespace tconv::python
