#include "array.h"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "names.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tconv::python {

namespace {

std::string type_of(nb::handle object) {
    return nb::cast<std::string>(nb::str(object.type().attr("__name__")));
}

// The struct module's code of one native element, among which there is none for bfloat16.
int32_t dtype_of_format(const char *format) {
    if (format == nullptr)
        return TCONV_U8;
    const bool native =
        *format == '@' || *format == '=' || (*format == '<' && std::endian::native == std::endian::little);
    if (native)
        ++format;
    if (format[0] == '\0' || format[1] != '\0')
        return 0;
    switch (format[0]) {
        case 'f':
            return TCONV_F32;
        case 'd':
            return TCONV_F64;
        case 'e':
            return TCONV_F16;
        case 'b':
            return TCONV_S8;
        case 'B':
            return TCONV_U8;
        case 'i':
            return TCONV_S32;
        default:
            return 0;
    }
}

int32_t dtype_of_tensor(nb::dlpack::dtype dtype) {
    using Code = nb::dlpack::dtype_code;
    if (dtype.lanes != 1)
        return 0;
    const auto is = [&](Code code, int bits) { return dtype.code == static_cast<uint8_t>(code) && dtype.bits == bits; };
    return is(Code::Float, 32)    ? TCONV_F32
           : is(Code::Float, 64)  ? TCONV_F64
           : is(Code::Float, 16)  ? TCONV_F16
           : is(Code::Bfloat, 16) ? TCONV_BF16
           : is(Code::Int, 8)     ? TCONV_S8
           : is(Code::UInt, 8)    ? TCONV_U8
           : is(Code::Int, 32)    ? TCONV_S32
                                  : 0;
}

// An array of ml_dtypes.bfloat16: NumPy exports types that are not its own neither as a buffer nor through DLPack.
bool is_bfloat16(nb::handle object) {
    return nb::hasattr(object, "dtype") && nb::cast<std::string>(nb::str(nb::object(object.attr("dtype")))) == "bfloat16";
}

// For messages: what an array holds, which may be none of our types.
std::string elements_of(nb::handle object, int32_t dtype) {
    if (dtype != 0)
        return name_of(Names::kDtype, dtype);
    if (!nb::hasattr(object, "dtype"))
        return "other elements";
    return nb::cast<std::string>(nb::str(nb::object(object.attr("dtype"))));
}

// DLPack's type and ordinal of the device whose memory an array is in: those of the CPU if it does not say.
struct Location {
    int kind = nb::device::cpu::value, ordinal = 0;

    explicit Location(nb::handle object) {
        if (!nb::hasattr(object, "__dlpack_device__"))
            return;
        const nb::object pair = object.attr("__dlpack_device__")();
        kind = nb::cast<int>(nb::object(pair[0]));
        ordinal = nb::cast<int>(nb::object(pair[1]));
    }

    bool on_cpu() const { return kind == nb::device::cpu::value || kind == nb::device::cuda_host::value; }
    bool on_cuda() const { return kind == nb::device::cuda::value; }

    std::string text() const {
        return on_cpu()    ? "in the CPU's memory"
               : on_cuda() ? "on cuda:" + std::to_string(ordinal)
                           : "in memory of DLPack's device type " + std::to_string(kind);
    }
};

Place place_of(nb::handle object) {
    const Location at(object);
    return at.on_cuda() ? Place{at.ordinal, Place::kUnordered} : Place{};
}

// What __dlpack__ of an array on a device gives for a stream. DLPack calls the driver's default stream, NULL, 1.
nb::object capsule_of(nb::handle object, int64_t stream) {
    const nb::object number = nb::int_(stream == 0 ? 1 : stream);
    try {
        return object.attr("__dlpack__")("stream"_a = number, "max_version"_a = nb::make_tuple(1, 0));
    } catch (nb::python_error &failure) {
        if (!failure.matches(PyExc_TypeError))  // as exporters raise that do not know the argument
            throw;
    }
    return object.attr("__dlpack__")("stream"_a = number);
}

std::string text_of(const int64_t *shape, int count) {
    std::string text = "(";
    for (int i = 0; i < count; ++i)
        text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
    return text + (count == 1 ? ",)" : ")");
}

}  // namespace

bool Array::read_buffer(nb::handle object, Access access) {
    if (!PyObject_CheckBuffer(object.ptr()))
        return false;
    const int flags = PyBUF_STRIDED_RO | PyBUF_FORMAT | (access == Access::kRead ? 0 : PyBUF_WRITABLE);
    if (PyObject_GetBuffer(object.ptr(), &buffer_, flags) != 0) {
        const bool read_only = access != Access::kRead &&
                               (PyErr_ExceptionMatches(PyExc_ValueError) || PyErr_ExceptionMatches(PyExc_BufferError));
        PyErr_Clear();
        if (is_bfloat16(object)) {
            read_buffer(object.attr("view")("uint16"), access);
            dtype_ = TCONV_BF16;
            return true;
        }
        if (read_only)
            throw nb::value_error((std::string(name_) + " cannot be written to: it is read-only").c_str());
        throw nb::type_error((std::string(name_) + " has an element type that tconv cannot read").c_str());
    }
    holds_buffer_ = true;
    data_ = buffer_.buf;
    dimensions_ = buffer_.ndim;
    itemsize_ = buffer_.itemsize;
    if (itemsize_ < 1) {  // NumPy's V0
        PyBuffer_Release(&buffer_);
        throw nb::type_error((std::string(name_) + " has elements of no bytes").c_str());
    }
    const bool own_bits =
        access == Access::kWriteOwn && buffer_.format != nullptr && buffer_.format == std::string("H");
    dtype_ = own_bits ? TCONV_BF16 : dtype_of_format(buffer_.format);
    int64_t dense = itemsize_;
    for (int i = std::min(dimensions_, kMostDimensions) - 1; i >= 0; --i) {
        shape_[i] = buffer_.shape[i];
        const int64_t stride = buffer_.strides == nullptr ? dense : buffer_.strides[i];  // ctypes has none
        stride_[i] = stride / itemsize_;
        if (stride % itemsize_ != 0) {
            PyBuffer_Release(&buffer_);
            throw nb::value_error((std::string(name_) + ": strides must be multiples of the element's size").c_str());
        }
        dense *= shape_[i];
    }
    return true;
}

void Array::check_place(const char *name, nb::handle object, const Place &place) {
    if (!nb::hasattr(object, "__dlpack__"))
        return;
    const Location at(object);
    if (place.device == Place::kCpu ? at.on_cpu() : at.on_cuda() && at.ordinal == place.device)
        return;
    const std::string wanted = place.device == Place::kCpu
                                   ? ", not in the CPU's memory"
                                   : "; this plan runs on cuda:" + std::to_string(place.device);
    throw nb::value_error((std::string(name) + " is " + at.text() + wanted).c_str());
}

void Array::read_dlpack(nb::handle object, Access access, const Place &place) {
    if (!nb::hasattr(object, "__dlpack__")) {
        throw nb::type_error(
            (std::string(name_) + " is of type " + type_of(object) + "; it must be a NumPy array or have __dlpack__")
                .c_str());
    }
    check_place(name_, object, place);
    // PyTorch's own way out, with which nanobind helps itself, would leave the graph behind without a word.
    if (nb::hasattr(object, "requires_grad") && nb::cast<bool>(nb::bool_(nb::object(object.attr("requires_grad"))))) {
        throw nb::value_error((std::string(name_) + " requires grad, which is lost here: give " + name_ +
                               ".detach(), or use tconv.torch, which has gradients")
                                  .c_str());
    }
    // So would its negative bit, of which DLPack has no notion: the imaginary part of a conjugate.
    if (nb::hasattr(object, "is_neg") && nb::cast<bool>(nb::bool_(nb::object(object.attr("is_neg")())))) {
        throw nb::value_error(
            (std::string(name_) + " is a view whose sign is lost here: give " + name_ + ".resolve_neg()").c_str());
    }
    const auto take = [&](const auto &tensor) {
        data_ = const_cast<void *>(static_cast<const void *>(tensor.data()));
        dimensions_ = static_cast<int>(tensor.ndim());
        dtype_ = dtype_of_tensor(tensor.dtype());
        itemsize_ = static_cast<int64_t>(tensor.itemsize());
        for (int i = 0; i < std::min(dimensions_, kMostDimensions); ++i) {
            shape_[i] = static_cast<int64_t>(tensor.shape(static_cast<size_t>(i)));
            stride_[i] = tensor.stride(static_cast<size_t>(i));
        }
    };
    const bool on_cpu = place.device == Place::kCpu;
    const nb::object exported = on_cpu ? nb::borrow(object) : capsule_of(object, place.stream);
    if (access == Access::kRead ? nb::try_cast(exported, constant_) : nb::try_cast(exported, tensor_)) {
        access == Access::kRead ? take(constant_) : take(tensor_);
        return;
    }
    // nanobind swallows the exporter's exception; ask again so that the caller sees what is wrong.
    if (on_cpu)
        object.attr("__dlpack__")();
    throw nb::value_error(
        (std::string(name_) + " cannot be " + (access == Access::kRead ? "read" : "written") + " through DLPack")
            .c_str());
}

Array::Array(const char *name, nb::handle object, Access access, const Place &place)
    : name_(name), on_cpu_(place.device == Place::kCpu), reads_(access == Access::kRead) {
    if (place.device != Place::kCpu || !read_buffer(object, access))
        read_dlpack(object, access, place);
}

Array::Array(const char *name, nb::handle object, int32_t dtype, Access access, const Place &place)
    : Array(name, object, access, place) {
    if (dtype_ != dtype) {
        throw nb::type_error((std::string(name_) + " holds " + elements_of(object, dtype_) + "; the spec has " +
                              name_of(Names::kDtype, dtype))
                                 .c_str());
    }
}

Array::~Array() {
    if (holds_buffer_)
        PyBuffer_Release(&buffer_);
}

void Array::unflip() {
    const auto begins_at_the_end = [&](int i) { return shape_[i] > 1 && stride_[i] < 0; };
    bool flipped = false;
    for (int i = 0; i < std::min(dimensions_, kMostDimensions); ++i)
        flipped = flipped || begins_at_the_end(i);
    if (!flipped || dimensions_ > kMostDimensions)
        return;
    if (!reads_ || !on_cpu_) {
        throw nb::value_error(
            (std::string(name_) + " has a negative stride; give a copy, as of NumPy's ascontiguousarray").c_str());
    }
    int64_t shape[kMostDimensions] = {1, 1, 1, 1}, stride[kMostDimensions] = {}, dense[kMostDimensions] = {};
    int64_t count = 1;
    for (int i = dimensions_ - 1; i >= 0; --i) {
        shape[i] = shape_[i], stride[i] = stride_[i] * itemsize_, dense[i] = count;
        count *= shape[i];
    }
    copy_.resize(static_cast<size_t>(count * itemsize_));
    std::byte *to = copy_.data();
    for (int64_t a = 0; a < shape[0]; ++a)
        for (int64_t b = 0; b < shape[1]; ++b)
            for (int64_t c = 0; c < shape[2]; ++c)
                for (int64_t d = 0; d < shape[3]; ++d) {
                    const std::byte *from = static_cast<const std::byte *>(data_) + a * stride[0] + b * stride[1] +
                                            c * stride[2] + d * stride[3];
                    std::memcpy(to, from, static_cast<size_t>(itemsize_));
                    to += itemsize_;
                }
    data_ = copy_.data();
    std::copy_n(dense, dimensions_, stride_);
}

void Array::wrong_shape(const int64_t *wanted, int count) const {
    const std::string shape =
        dimensions_ > kMostDimensions ? std::to_string(dimensions_) + " dimensions" : text_of(shape_, dimensions_);
    throw nb::value_error(
        (std::string(name_) + " has shape " + shape + "; the spec wants " + text_of(wanted, count)).c_str());
}

tconv_view Array::view(const std::array<int64_t, 4> &shape, const std::array<int, 4> &axes) const {
    return view_from(0, shape, axes);
}

tconv_view Array::image_view(const std::array<int64_t, 4> &shape, const std::array<int, 4> &axes) {
    unflip();
    return view_from(dimensions_ == 3 && shape[0] == 1 ? 1 : 0, shape, axes);
}

tconv_view Array::view_from(int first, const std::array<int64_t, 4> &shape, const std::array<int, 4> &axes) const {
    if (dimensions_ != 4 - first || !std::equal(shape.begin() + first, shape.end(), shape_))
        wrong_shape(shape.data(), 4);
    tconv_view view{data_, {}};
    for (size_t i = 0; i < 4; ++i) {
        const int axis = axes[i] - first;
        view.stride[i] = axis < 0 ? 0 : stride_[axis];
    }
    return view;
}

const void *Array::row_or_copy(int64_t count) {
    if (!on_cpu_ || dimensions_ != 1 || shape_[0] != count || count < 2 || stride_[0] == 1)
        return row(count);
    copy_.resize(static_cast<size_t>(count * itemsize_));
    for (int64_t i = 0; i < count; ++i) {
        std::memcpy(copy_.data() + i * itemsize_, static_cast<const std::byte *>(data_) + i * stride_[0] * itemsize_,
                    static_cast<size_t>(itemsize_));
    }
    return copy_.data();
}

void *Array::row(int64_t count) const {
    if (dimensions_ != 1 || shape_[0] != count)
        wrong_shape(&count, 1);
    if (count > 1 && stride_[0] != 1)
        throw nb::value_error((std::string(name_) + " must be contiguous").c_str());
    return data_;
}

const char *Array::dtype_of(const char *name, nb::handle object) {
    const int32_t dtype = Array(name, object, Access::kRead, place_of(object)).dtype_;
    if (dtype == 0) {
        throw nb::type_error(
            (std::string(name) + " holds " + elements_of(object, 0) + ", which tconv does not compute").c_str());
    }
    return name_of(Names::kDtype, dtype);
}

nb::tuple Array::shape_of(const char *name, nb::handle object) {
    const Array array(name, object, Access::kRead, place_of(object));
    nb::list shape;
    for (int i = 0; i < std::min(array.dimensions_, kMostDimensions); ++i)
        shape.append(array.shape_[i]);
    return nb::tuple(shape);
}

nb::object Array::device_of(nb::handle object) {
    const int device = place_of(object).device;
    return device == Place::kCpu ? nb::none() : nb::object(nb::int_(device));
}

}  // namespace tconv::python
