#include "problem.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "reference.h"

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

// The largest magnitudes of integer data: input and filter, the sum of products, bias and residual. What is added up
// counts in units.
struct Magnitudes {
    int64_t value, sum, added;
    double unit = 1;
};
Magnitudes magnitudes_of(int32_t dtype) {
    switch (dtype) {
        case TCONV_F64:
            return {int64_t{1} << 22, int64_t{1} << 49, int64_t{1} << 40};
        case TCONV_F16:
            return {48, 1 << 19, 500, 1.0 / 16};
        case TCONV_BF16:
            return {48, 1 << 19, 50};
        default:
            return {4, 1 << 19, 50};
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

// Taps k with dilation*k in one residue class of stride.
int64_t taps_at_most(int64_t kernel, int64_t stride, int64_t dilation) {
    const int64_t step = stride / std::gcd(stride, dilation);
    return (kernel + step - 1) / step;
}

}  // namespace

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

bool Tensor::surroundings_intact() const {
    const uint64_t guard = guard_bits(dtype_);
    std::vector<unsigned char> outside = storage_;
    each([&](int64_t, size_t at) { std::memcpy(outside.data() + at * bytes_, &guard, bytes_); });
    // The first is the pattern, and each is what the one before is.
    return std::memcmp(outside.data(), &guard, bytes_) == 0 &&
           std::memcmp(outside.data(), outside.data() + bytes_, outside.size() - bytes_) == 0;
}

Problem::Problem(const tconv_spec &s, uint64_t seed, Placement placement, DataRules rules) : spec(s) {
    Random random(seed);
    const reference::Size out = reference::output_size(s);
    const std::array<int64_t, 4> output_extents = {s.batch, s.out_channels, out.h, out.w};
    input = place_image(random, s.dtype, {s.batch, s.in_channels, s.in_h, s.in_w}, s.layout, placement);
    filter =
        place_filter(random, s.dtype, {s.in_channels, s.out_channels / s.groups, s.kernel_h, s.kernel_w}, placement);
    residual = place_image(random, s.dtype, output_extents, s.layout, placement);
    output = place_image(random, s.dtype, output_extents, s.layout, placement);
    bias = slope = Tensor(s.dtype, {1, 1, 1, s.out_channels}, kNchw, kNoGap, kNoFlip, 17);

    // Every output sums at most this many products, so magnitudes that keep terms*x*w below the limit keep each sum,
    // with bias and residual, below twice that. Weights must be numbers of the type too.
    const int64_t terms = s.in_channels / s.groups * taps_at_most(s.kernel_h, s.stride_h, s.dilation_h) *
                          taps_at_most(s.kernel_w, s.stride_w, s.dilation_w);
    const Magnitudes most = magnitudes_of(s.dtype);
    const int64_t integers = int64_t{1} << element_type(s.dtype).digits;
    int64_t largest = rules.largest > 0 ? rules.largest : most.value;
    const auto fits = [&] {
        return largest <= most.sum / (terms * rules.filter_multiple) / largest &&
               largest * rules.filter_multiple <= integers;
    };
    while (largest > 1 && !fits())
        largest -= (largest + 15) / 16;
    const auto value = [&](int64_t magnitude) {
        return rules.integers ? static_cast<double>(random.range(-magnitude, magnitude)) : 2 * random.unit() - 1;
    };
    input.change([&](int64_t, double) { return random.chance(rules.density) ? value(largest) : 0.0; });
    const double unit = rules.integers ? most.unit : 1, weight_unit = rules.integers ? unit * rules.filter_multiple : 1;
    filter.change([&](int64_t, double) { return value(largest) * weight_unit; });
    residual.change([&](int64_t, double) { return value(most.added) * unit; });
    constexpr double kSlopes[] = {0.25, 0.5, -0.125, 0.0, 1.0, 2.0};
    for (int32_t o = 0; o < s.out_channels; ++o) {
        bias.set(o, value(most.added) * unit);
        slope.set(o, random.pick(kSlopes));
    }
}

std::vector<double> Problem::expected_of(const tconv_spec &variation) const {
    const std::vector<double> x = input.logical(), w = filter.logical(), r = residual.logical(), b = bias.logical(),
                              a = slope.logical();
    std::vector<double> y(static_cast<size_t>(output.size()));
    reference::run(variation, {x.data(), w.data(), b.data(), a.data(), r.data(), y.data()});
    return y;
}

tconv_tensors Problem::tensors() const {
    tconv_tensors tensors;
    tconv_tensors_init(&tensors, sizeof tensors);
    tensors.input = input.view();
    tensors.output = output.view();
    tensors.residual = residual.view();
    tensors.bias = bias.data();
    tensors.act_slope = slope.data();
    return tensors;
}

std::string Problem::compare(const std::vector<double> &expected, double absolute, double relative) const {
    int64_t wrong = 0, first = -1;
    double first_actual = 0;
    output.inspect([&](int64_t i, double actual, bool poison) {
        const double exact = expected[static_cast<size_t>(i)];
        if (actual == exact)
            return;
        const double rounded = rounded_to(spec.dtype, exact);
        const bool equal = actual == rounded || (std::isnan(actual) && std::isnan(rounded)) ||
                           std::fabs(actual - exact) <= absolute + relative * std::fabs(exact);
        if (equal && !poison)
            return;  // poison was never written, whatever is expected
        ++wrong;
        if (first < 0)
            first = i, first_actual = actual;
    });
    if (wrong > 0) {
        const auto &n = output.extents();
        const int64_t plane = n[2] * n[3];
        char text[256];
        std::snprintf(text, sizeof text,
                      "%lld of %lld outputs are wrong, first at n %lld, channel %lld, row %lld, column %lld: %.17g, "
                      "expected %.17g",
                      static_cast<long long>(wrong), static_cast<long long>(output.size()),
                      static_cast<long long>(first / plane / n[1]), static_cast<long long>(first / plane % n[1]),
                      static_cast<long long>(first % plane / n[3]), static_cast<long long>(first % n[3]), first_actual,
                      rounded_to(spec.dtype, expected[static_cast<size_t>(first)]));
        return text;
    }
    return output.surroundings_intact() ? "" : "memory around the output was written";
}

}  // namespace tconv::testing
