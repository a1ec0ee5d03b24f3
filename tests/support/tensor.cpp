#include "tensor.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

namespace tconv::testing {
namespace {

// Quiet NaNs: read by mistake they spoil a result, written over they show.
uint64_t guard_bits(int32_t dtype) {
    switch (dtype) {
        case TCONV_F64:
            return 0x7ff8a5a5a5a5a5a5;
        case TCONV_F32:
            return 0x7fc5a5a5;
        case TCONV_F16:
            return 0x7ea5;
        default:  // bf16
            return 0x7fe5;
    }
}

constexpr std::array<int, 4> kNchw = {0, 1, 2, 3}, kNhwc = {0, 2, 3, 1};
constexpr std::array<int64_t, 4> kNoGap = {0, 0, 0, 0};
constexpr std::array<bool, 4> kNoFlip = {false, false, false, false};

std::array<int, 4> shuffled(Random &random) {
    std::array<int, 4> order = kNchw;
    for (int i = 3; i > 0; --i)
        std::swap(order[i], order[random.below(i + 1)]);
    return order;
}

}  // namespace

Tensor place_image(Random &random, int32_t dtype, std::array<int64_t, 4> extents, int32_t layout,
                   Placement placement) {
    const int64_t guard = random.range(17, 47);
    const bool nchw = (layout == TCONV_NCHW) != (placement == Placement::kOther);
    const std::array<int, 4> order = nchw ? kNchw : kNhwc;
    switch (placement) {
        case Placement::kSlice: {
            const std::array<int64_t, 4> gap = {0, random.range(1, 5), random.range(1, 3), 0};
            return Tensor(dtype, extents, order, gap, kNoFlip, guard);
        }
        case Placement::kShuffled: {
            std::array<int64_t, 4> gap;
            for (int64_t &g : gap)
                g = random.below(4);
            return Tensor(dtype, extents, shuffled(random), gap, kNoFlip, guard);
        }
        default:
            return Tensor(dtype, extents, order, kNoGap, kNoFlip, guard);
    }
}

Tensor place_filter(Random &random, int32_t dtype, std::array<int64_t, 4> extents, Placement placement) {
    constexpr std::array<int, 4> kOthers[] = {{2, 3, 0, 1}, {2, 3, 1, 0}, {1, 2, 3, 0}};
    const int64_t guard = random.range(17, 47);
    if (placement == Placement::kDense)
        return Tensor(dtype, extents, kNchw, kNoGap, kNoFlip, guard);
    if (placement == Placement::kOther)
        return Tensor(dtype, extents, random.pick(kOthers), kNoGap, kNoFlip, guard);
    std::array<int64_t, 4> gap;
    std::array<bool, 4> flip;
    for (int64_t &g : gap)
        g = random.below(3);
    for (bool &f : flip)
        f = random.chance(0.3);
    return Tensor(dtype, extents, shuffled(random), gap, flip, guard);
}

Tensor place_vector(int32_t dtype, int64_t extent) {
    return Tensor(dtype, {1, 1, 1, extent}, kNchw, kNoGap, kNoFlip, 17);
}

Tensor::Tensor(int32_t dtype, std::array<int64_t, 4> extents, std::array<int, 4> slowest_first,
               std::array<int64_t, 4> gap, std::array<bool, 4> flip, int64_t guard)
    : dtype_(dtype), bytes_(static_cast<size_t>(element_type(dtype).bytes)), extents_(extents), origin_(guard) {
    int64_t stride = 1;
    for (int i = 3; i >= 0; --i) {
        const int d = slowest_first[i];
        stride_[d] = stride;
        stride *= extents[d] + gap[d];
    }
    storage_.resize(static_cast<size_t>(stride + 2 * guard) * bytes_);
    for (int d = 0; d < 4; ++d) {
        if (!flip[d] || extents[d] == 0)
            continue;
        origin_ += stride_[d] * (extents[d] - 1);
        stride_[d] = -stride_[d];
    }
    poison();
}

tconv_view Tensor::view() const {
    tconv_view view = {};
    view.data = const_cast<unsigned char *>(storage_.data()) + static_cast<size_t>(origin_) * bytes_;
    std::copy(stride_.begin(), stride_.end(), view.stride);
    return view;
}

double Tensor::load(size_t at) const {
    return load_element(dtype_, storage_.data() + at * bytes_);
}

void Tensor::store(size_t at, double value) {
    store_element(dtype_, value, storage_.data() + at * bytes_);
}

template<typename Visit>
void Tensor::each(Visit visit) const {
    int64_t index = 0;
    for (int64_t a = 0; a < extents_[0]; ++a)
        for (int64_t b = 0; b < extents_[1]; ++b)
            for (int64_t c = 0; c < extents_[2]; ++c)
                for (int64_t d = 0; d < extents_[3]; ++d)
                    visit(index++, offset(a, b, c, d));
}

std::vector<double> Tensor::logical() const {
    std::vector<double> values(static_cast<size_t>(size()));
    each([&](int64_t i, size_t at) { values[static_cast<size_t>(i)] = load(at); });
    return values;
}

void Tensor::assign(const std::vector<double> &values) {
    each([&](int64_t i, size_t at) { store(at, values[static_cast<size_t>(i)]); });
}

void Tensor::change(const std::function<double(int64_t, double)> &change) {
    each([&](int64_t i, size_t at) { store(at, change(i, load(at))); });
}

std::vector<uint64_t> Tensor::bits() const {
    std::vector<uint64_t> bits(static_cast<size_t>(size()), 0);
    each([&](int64_t i, size_t at) {
        std::memcpy(&bits[static_cast<size_t>(i)], storage_.data() + at * bytes_, bytes_);  // little-endian
    });
    return bits;
}

void Tensor::poison() {
    const uint64_t guard = guard_bits(dtype_);
    std::memcpy(storage_.data(), &guard, bytes_);
    for (size_t done = bytes_; done < storage_.size(); done *= 2)
        std::memcpy(storage_.data() + done, storage_.data(), std::min(done, storage_.size() - done));
}

void Tensor::inspect(const std::function<void(int64_t, double, bool)> &visit) const {
    const uint64_t guard = guard_bits(dtype_);
    each([&](int64_t i, size_t at) {
        const double value = load(at);
        visit(i, value, std::isnan(value) && std::memcmp(storage_.data() + at * bytes_, &guard, bytes_) == 0);
    });
}

bool Tensor::untouched() const {
    return is_pattern(storage_);
}

bool Tensor::surroundings_intact() const {
    const uint64_t guard = guard_bits(dtype_);
    std::vector<unsigned char> outside = storage_;
    each([&](int64_t, size_t at) { std::memcpy(outside.data() + at * bytes_, &guard, bytes_); });
    return is_pattern(outside);
}

bool Tensor::is_pattern(const std::vector<unsigned char> &bytes) const {
    const uint64_t guard = guard_bits(dtype_);
    // The first is the pattern, and each is what the one before is.
    return std::memcmp(bytes.data(), &guard, bytes_) == 0 &&
           std::memcmp(bytes.data(), bytes.data() + bytes_, bytes.size() - bytes_) == 0;
}

std::string compare(const Tensor &tensor, const std::vector<double> &expected, double absolute, double relative) {
    int64_t wrong = 0, first = -1;
    double first_actual = 0;
    tensor.inspect([&](int64_t i, double actual, bool poison) {
        const double exact = expected[static_cast<size_t>(i)];
        if (actual == exact)
            return;
        const double rounded = rounded_to(tensor.dtype(), exact);
        const bool equal = actual == rounded || (std::isnan(actual) && std::isnan(rounded)) ||
                           std::fabs(actual - exact) <= absolute + relative * std::fabs(exact);
        if (equal && !poison)
            return;  // poison was never written, whatever is expected
        ++wrong;
        if (first < 0)
            first = i, first_actual = actual;
    });
    if (wrong > 0) {
        const auto &n = tensor.extents();
        const int64_t plane = n[2] * n[3];
        char text[256];
        std::snprintf(text, sizeof text,
                      "%lld of %lld values are wrong, first at [%lld, %lld, %lld, %lld]: %.17g, expected %.17g",
                      static_cast<long long>(wrong), static_cast<long long>(tensor.size()),
                      static_cast<long long>(first / plane / n[1]), static_cast<long long>(first / plane % n[1]),
                      static_cast<long long>(first % plane / n[3]), static_cast<long long>(first % n[3]), first_actual,
                      rounded_to(tensor.dtype(), expected[static_cast<size_t>(first)]));
        return text;
    }
    return tensor.surroundings_intact() ? "" : "memory around the tensor was written";
}

void copy_elements(int32_t dtype, const std::array<int64_t, 4> &extents, const tconv_view &from, const tconv_view &to) {
    const int64_t bytes = element_type(dtype).bytes;
    auto element = [&](const tconv_view &view, int64_t a, int64_t b, int64_t c, int64_t d) {
        const int64_t at = a * view.stride[0] + b * view.stride[1] + c * view.stride[2] + d * view.stride[3];
        return static_cast<char *>(view.data) + at * bytes;
    };
    for (int64_t a = 0; a < extents[0]; ++a)
        for (int64_t b = 0; b < extents[1]; ++b)
            for (int64_t c = 0; c < extents[2]; ++c)
                for (int64_t d = 0; d < extents[3]; ++d)
                    std::memcpy(element(to, a, b, c, d), element(from, a, b, c, d), static_cast<size_t>(bytes));
}

}  // namespace tconv::testing
