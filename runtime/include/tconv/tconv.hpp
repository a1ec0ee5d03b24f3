// tconv.hpp: tconv.h and tconv_profiles.h for C++17 and later, header only.
//
// Owners free what they own; structs of the C interface come initialised; arrays are anything with std::data and
// std::size: vectors, arrays, spans. What can fail has two forms: try_NAME returns a tconv_status, fills its result
// only on success and puts the reason into *message where one is given; NAME throws tconv::Error with both. Without
// exceptions (-fno-exceptions) only the first form exists. Both call the C function of that name, whose comment in
// the C headers says what it does.
//
//     tconv::Spec spec("n1_c3_h8_w8_o4_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nchw_relu");
//     tconv::Layer layer(tconv::Plan(spec), weights, bias);       // any arrays of float
//     layer.run(x, y);
#ifndef TCONV_TCONV_HPP
#define TCONV_TCONV_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "tconv_spec.hpp"

namespace tconv {

// ---- Memory and threads -----------------------------------------------------------------------------------------

// Aligned bytes, not initialised.
class Buffer {
public:
    Buffer() noexcept = default;

    static tconv_status try_allocate(std::size_t bytes, std::size_t alignment, Buffer *buffer) noexcept {
        Buffer made;
        made.data_ = {::operator new(bytes, std::align_val_t(alignment), std::nothrow), Free{alignment}};
        made.size_ = bytes;
        if (made.data_ == nullptr)
            return TCONV_OUT_OF_MEMORY;
        *buffer = std::move(made);
        return TCONV_OK;
    }

    void *data() const noexcept { return data_.get(); }
    std::size_t size() const noexcept { return data_ == nullptr ? 0 : size_; }

private:
    struct Free {
        Free() noexcept : alignment(1) {}
        explicit Free(std::size_t of) noexcept : alignment(of) {}
        std::size_t alignment;
        void operator()(void *block) const noexcept { ::operator delete(block, std::align_val_t(alignment)); }
    };
    std::unique_ptr<void, Free> data_;
    std::size_t size_ = 0;
};

class Pool {
public:
    Pool() noexcept = default;  // none: hooks() are serial

    static tconv_status try_create(std::int32_t threads, Pool *pool) noexcept {
        tconv_pool *made = nullptr;
        const tconv_status status = tconv_pool_create(threads, &made);
        if (status == TCONV_OK)
            pool->pool_.reset(made);
        return status;
    }
#if defined(__cpp_exceptions)
    explicit Pool(std::int32_t threads) {
        if (const tconv_status status = try_create(threads, this))
            throw Error(status, "");
    }
#endif

    // For plans; the pool must outlive them.
    Hooks hooks() const noexcept {
        Hooks hooks;
        if (pool_ != nullptr)
            tconv_pool_hooks(pool_.get(), &hooks);
        return hooks;
    }

private:
    struct Destroy {
        void operator()(tconv_pool *pool) const noexcept { tconv_pool_destroy(pool); }
    };
    std::unique_ptr<tconv_pool, Destroy> pool_;
};

// ---- Plan -------------------------------------------------------------------------------------------------------

namespace detail {

template<typename Range>
using Element = std::remove_reference_t<decltype(*std::data(std::declval<Range &>()))>;

// 16-bit floats have many types, so every one of their size will do.
template<typename T>
constexpr bool holds(std::int32_t dtype) noexcept {
    switch (dtype) {
        case TCONV_F32:
            return std::is_same_v<T, float>;
        case TCONV_F64:
            return std::is_same_v<T, double>;
        case TCONV_F16:
        case TCONV_BF16:
            return sizeof(T) == 2;
        case TCONV_S8:
            return std::is_same_v<T, std::int8_t>;
        case TCONV_U8:
            return std::is_same_v<T, std::uint8_t>;
        default:
            return dtype == TCONV_S32 && std::is_same_v<T, std::int32_t>;
    }
}

template<typename Range>
tconv_status check_array(const tconv_spec &spec, const Range &range, std::size_t bytes, const char *name,
                         std::string *message) {
    using T = std::remove_cv_t<Element<const Range>>;
    if (holds<T>(spec.dtype) && std::size(range) * sizeof(T) == bytes)
        return TCONV_OK;
    if (message != nullptr && !holds<T>(spec.dtype)) {
        *message = std::string(name) + " has elements of " + std::to_string(sizeof(T)) +
                   " bytes of a type that dtype " + std::to_string(spec.dtype) + " does not name";
    } else if (message != nullptr) {
        *message = std::string(name) + " has " + std::to_string(std::size(range)) +
                   " elements; allowed: " + std::to_string(bytes / sizeof(T));
    }
    return TCONV_INVALID_ARGUMENT;
}

}  // namespace detail

// Views are of dense arrays in the layout of the spec; for any other, fill a tconv_view.
class Plan {
public:
    Plan() noexcept = default;

    // kernel: a name, or NULL for the best. What hooks->user points to must outlive the plan.
    static tconv_status try_create(const tconv_spec &spec, Plan *plan, std::string *message = nullptr,
                                   const tconv_hooks *hooks = nullptr, const char *kernel = nullptr) {
        Plan made;
        tconv_status status = detail::with_message(
            message, [&](char *reason, std::size_t capacity) { return tconv_spec_validate(&spec, reason, capacity); });
        if (status != TCONV_OK)
            return status;
        tconv_plan *created = nullptr;
        status = tconv_plan_create(&spec, kernel, hooks, &created);
        if (status != TCONV_OK)  // hooks->log knows more
            return detail::fail(status, message, tconv_status_string(status));
        made.plan_.reset(created);
        made.spec_ = spec;
        tconv_requirements_init(&made.needs_, sizeof made.needs_);
        tconv_plan_requirements(created, &made.needs_);
        *plan = std::move(made);
        return TCONV_OK;
    }

    const tconv_plan *get() const noexcept { return plan_.get(); }
    const tconv_spec &spec() const noexcept { return spec_; }
    const tconv_requirements &requirements() const noexcept { return needs_; }
    const char *kernel() const noexcept { return tconv_plan_kernel(plan_.get()); }
    std::string explain() const {
        std::string text(16384, '\0');
        tconv_plan_explain(plan_.get(), &text[0], text.size());
        text.resize(text.find('\0'));
        return text;
    }

    template<typename Range>
    tconv_status try_input(const Range &array, tconv_view *view, std::string *message = nullptr) const {
        const tconv_status status = detail::check_array(spec_, array, needs_.input_bytes, "input", message);
        return status != TCONV_OK ? status : tconv_view_input(&spec_, spec_.layout, std::data(array), view);
    }
    template<typename Range>
    tconv_status try_output(Range &&array, tconv_view *view, std::string *message = nullptr) const {
        static_assert(!std::is_const_v<detail::Element<Range>>, "an output is written to");
        const tconv_status status = detail::check_array(spec_, array, needs_.output_bytes, "output", message);
        return status != TCONV_OK ? status : tconv_view_output(&spec_, spec_.layout, std::data(array), view);
    }
    template<typename Range>
    tconv_status try_filter(const Range &array, tconv_view *view, std::string *message = nullptr,
                            std::int32_t weights = TCONV_WEIGHTS_TORCH) const {
        const tconv_status status = detail::check_array(spec_, array, needs_.filter_bytes, "filter", message);
        if (status != TCONV_OK)
            return status;
        return detail::with_message(message, [&](char *reason, std::size_t capacity) {
            return tconv_profile_filter(&spec_, weights, std::data(array), view, reason, capacity);
        });
    }

    tconv_status try_pack(const tconv_view &filter, Buffer *packed) const noexcept {
        Buffer made;
        tconv_status status = Buffer::try_allocate(needs_.packed_filter_bytes, needs_.alignment, &made);
        if (status == TCONV_OK)
            status = tconv_pack_filter(plan_.get(), &filter, made.data(), made.size());
        if (status == TCONV_OK)
            *packed = std::move(made);
        return status;
    }
    tconv_status try_workspace(Buffer *workspace) const noexcept {
        return Buffer::try_allocate(needs_.workspace_bytes, needs_.alignment, workspace);
    }
    tconv_status try_run(const tconv_tensors &tensors) const noexcept { return tconv_run(plan_.get(), &tensors); }

#if defined(__cpp_exceptions)
    explicit Plan(const tconv_spec &spec, const tconv_hooks *hooks = nullptr, const char *kernel = nullptr) {
        detail::or_throw([&](std::string *message) { return try_create(spec, this, message, hooks, kernel); });
    }
    void run(const tconv_tensors &tensors) const {
        if (const tconv_status status = try_run(tensors))
            throw Error(status, "");
    }
#endif

private:
    struct Destroy {
        void operator()(tconv_plan *plan) const noexcept { tconv_plan_destroy(plan); }
    };
    std::unique_ptr<tconv_plan, Destroy> plan_;
    tconv_spec spec_ = {};
    tconv_requirements needs_ = {};
};

// ---- Layer: a plan, its packed filter, its bias and a workspace ---------------------------------------------------

// Runs in one thread at a time; for several, or with a residual or slopes, use the plan.
class Layer {
public:
    Layer() noexcept = default;

    // bias: C_out elements, copied; without elements where the spec has none. weights: the order of the filter.
    template<typename Filter, typename Bias>
    static tconv_status try_create(Plan plan, const Filter &filter, const Bias &bias, Layer *layer,
                                   std::string *message = nullptr, std::int32_t weights = TCONV_WEIGHTS_TORCH) {
        Layer made;
        tconv_view view;
        tconv_status status = plan.try_filter(filter, &view, message, weights);
        if (status == TCONV_OK)
            status = detail::check_array(plan.spec(), bias, plan.requirements().bias_bytes, "bias", message);
        if (status != TCONV_OK)
            return status;
        status = plan.try_pack(view, &made.packed_);
        if (status == TCONV_OK)
            status = plan.try_workspace(&made.workspace_);
        if (status == TCONV_OK)
            status = Buffer::try_allocate(plan.requirements().bias_bytes, plan.requirements().alignment, &made.bias_);
        if (status != TCONV_OK)
            return detail::fail(status, message, tconv_status_string(status));
        using T = std::remove_cv_t<detail::Element<const Bias>>;
        std::uninitialized_copy_n(std::data(bias), std::size(bias), static_cast<T *>(made.bias_.data()));
        made.plan_ = std::move(plan);
        *layer = std::move(made);
        return TCONV_OK;
    }

    const Plan &plan() const noexcept { return plan_; }

    template<typename Input, typename Output>
    tconv_status try_run(const Input &input, Output &&output, std::string *message = nullptr) {
        Tensors tensors;
        tconv_status status = plan_.try_input(input, &tensors.input, message);
        if (status == TCONV_OK)
            status = plan_.try_output(output, &tensors.output, message);
        if (status != TCONV_OK)
            return status;
        tensors.packed_filter = packed_.data();
        tensors.bias = bias_.data();
        tensors.workspace = workspace_.data();
        tensors.workspace_bytes = workspace_.size();
        status = plan_.try_run(tensors);
        return status == TCONV_OK ? status : detail::fail(status, message, tconv_status_string(status));
    }

#if defined(__cpp_exceptions)
    template<typename Filter, typename Bias>
    Layer(Plan plan, const Filter &filter, const Bias &bias, std::int32_t weights = TCONV_WEIGHTS_TORCH) {
        detail::or_throw(
            [&](std::string *message) { return try_create(std::move(plan), filter, bias, this, message, weights); });
    }
    template<typename Input, typename Output>
    void run(const Input &input, Output &&output) {
        detail::or_throw([&](std::string *message) { return try_run(input, output, message); });
    }
#endif

private:
    Plan plan_;
    Buffer packed_, bias_, workspace_;
};

}  // namespace tconv

#endif  // TCONV_TCONV_HPP
