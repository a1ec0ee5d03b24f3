// tconv_spec.hpp: specs and the frameworks' parameters for C++17 and later; part of tconv.hpp, which says how its names
// go.
#ifndef TCONV_TCONV_SPEC_HPP
#define TCONV_TCONV_SPEC_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
#if defined(__cpp_exceptions)
#include <stdexcept>
#endif
#if __cplusplus >= 202002L
#include <span>
#endif

#include "tconv_profiles.h"

namespace tconv {

// ---- Spans: for a pointer and a number of elements --------------------------------------------------------------

#if defined(__cpp_lib_span)
template<typename T>
using Span = std::span<T>;
#else
template<typename T>
class Span {
public:
    constexpr Span() noexcept = default;
    constexpr Span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template<typename Range,
             typename = std::enable_if_t<std::is_convertible_v<decltype(std::data(std::declval<Range &>())), T *>>>
    constexpr Span(Range &&range) noexcept : data_(std::data(range)), size_(std::size(range)) {}

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t i) const noexcept { return data_[i]; }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};
#endif

// ---- Failures ---------------------------------------------------------------------------------------------------

#if defined(__cpp_exceptions)
class Error : public std::runtime_error {
public:
    Error(tconv_status status, const std::string &message)
        : std::runtime_error(message.empty() ? tconv_status_string(status) : message), status_(status) {}
    tconv_status status() const noexcept { return status_; }

private:
    tconv_status status_;
};
#endif

namespace detail {

// Calls call(text, capacity), which is a function of the C interface, and hands its text over.
template<typename Call>
tconv_status with_message(std::string *message, const Call &call) {
    char text[512] = "";
    const tconv_status status = call(text, sizeof text);
    if (message != nullptr)
        *message = status != TCONV_OK && text[0] == '\0' ? tconv_status_string(status) : text;
    return status;
}

inline tconv_status fail(tconv_status status, std::string *message, const char *text) {
    if (message != nullptr)
        *message = text;
    return status;
}

#if defined(__cpp_exceptions)
// Calls call(&message), which is one of the try_ forms.
template<typename Call>
void or_throw(const Call &call) {
    std::string message;
    if (const tconv_status status = call(&message))
        throw Error(status, message);
}
#endif

}  // namespace detail

// ---- Structs of the C interface, initialised --------------------------------------------------------------------

template<typename Struct, void (*init)(Struct *, std::size_t)>
struct Initialised : Struct {
    Initialised() noexcept { init(this, sizeof(Struct)); }
};
using Hooks = Initialised<tconv_hooks, tconv_hooks_init>;
using Tensors = Initialised<tconv_tensors, tconv_tensors_init>;
using Torch = Initialised<tconv_torch_params, tconv_torch_params_init>;
using Chainer = Initialised<tconv_chainer_params, tconv_chainer_params_init>;
using Paddle = Initialised<tconv_paddle_params, tconv_paddle_params_init>;
using NumpyMl = Initialised<tconv_numpy_ml_params, tconv_numpy_ml_params_init>;
using Onnx = Initialised<tconv_onnx_params, tconv_onnx_params_init>;
using TensorFlow = Initialised<tconv_tensorflow_params, tconv_tensorflow_params_init>;
using Keras = Initialised<tconv_keras_params, tconv_keras_params_init>;
using TfLite = Initialised<tconv_tflite_params, tconv_tflite_params_init>;
using Jax = Initialised<tconv_jax_params, tconv_jax_params_init>;
using OpenVino = Initialised<tconv_openvino_params, tconv_openvino_params_init>;

namespace detail {

template<typename Params>
using Profile = tconv_status (*)(tconv_spec *, const Params *, char *, std::size_t);
// clang-format off
inline Profile<tconv_torch_params> profile_of(const tconv_torch_params &) { return tconv_profile_torch; }
inline Profile<tconv_chainer_params> profile_of(const tconv_chainer_params &) { return tconv_profile_chainer; }
inline Profile<tconv_paddle_params> profile_of(const tconv_paddle_params &) { return tconv_profile_paddle; }
inline Profile<tconv_numpy_ml_params> profile_of(const tconv_numpy_ml_params &) { return tconv_profile_numpy_ml; }
inline Profile<tconv_onnx_params> profile_of(const tconv_onnx_params &) { return tconv_profile_onnx; }
inline Profile<tconv_tensorflow_params> profile_of(const tconv_tensorflow_params &) { return tconv_profile_tensorflow; }
inline Profile<tconv_keras_params> profile_of(const tconv_keras_params &) { return tconv_profile_keras; }
inline Profile<tconv_tflite_params> profile_of(const tconv_tflite_params &) { return tconv_profile_tflite; }
inline Profile<tconv_jax_params> profile_of(const tconv_jax_params &) { return tconv_profile_jax; }
inline Profile<tconv_openvino_params> profile_of(const tconv_openvino_params &) { return tconv_profile_openvino; }
// clang-format on

}  // namespace detail

// ---- Spec -------------------------------------------------------------------------------------------------------

struct Size {
    std::int32_t h, w;
};

struct Spec : tconv_spec {
    Spec() noexcept { tconv_spec_init(this, sizeof(tconv_spec)); }

    tconv_status try_parse(const std::string &text, std::string *message = nullptr) {
        return detail::with_message(message, [&](char *reason, std::size_t capacity) {
            return tconv_spec_parse(text.c_str(), this, reason, capacity);
        });
    }
    tconv_status try_validate(std::string *message = nullptr) const {
        return detail::with_message(
            message, [&](char *reason, std::size_t capacity) { return tconv_spec_validate(this, reason, capacity); });
    }
    // The parameters of a framework: Torch, Chainer, Paddle, NumpyMl, Onnx, TensorFlow, Keras, TfLite, Jax, OpenVino.
    template<typename Params>
    tconv_status try_set(const Params &params, std::string *message = nullptr) {
        return detail::with_message(message, [&](char *reason, std::size_t capacity) {
            return detail::profile_of(params)(this, &params, reason, capacity);
        });
    }
    tconv_status try_output_size(Size *size) const noexcept { return tconv_spec_output_size(this, &size->h, &size->w); }
    tconv_status try_text(std::string *text) const {
        char written[TCONV_LAYER_TEXT_BYTES];
        const tconv_status status = tconv_spec_format(this, written, sizeof written);
        if (status == TCONV_OK)
            *text = written;
        return status;
    }

#if defined(__cpp_exceptions)
    explicit Spec(const std::string &text) : Spec() {
        detail::or_throw([&](std::string *message) { return try_parse(text, message); });
    }
    void validate() const {
        detail::or_throw([&](std::string *message) { return try_validate(message); });
    }
    template<typename Params>
    Spec &set(const Params &params) {
        detail::or_throw([&](std::string *message) { return try_set(params, message); });
        return *this;
    }
    Size output_size() const {
        validate();
        Size size = {0, 0};
        try_output_size(&size);
        return size;
    }
    std::string text() const {
        validate();
        std::string written;
        try_text(&written);
        return written;
    }
#endif
};

}  // namespace tconv

#endif  // TCONV_TCONV_SPEC_HPP
