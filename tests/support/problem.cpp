#include "problem.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "reference.h"

namespace tconv::testing {
namespace {

constexpr uint32_t kGuardBits = 0x7fc5a5a5;  // a quiet NaN: read by mistake it spoils a result, written over it shows

float guard_value() {
    float value;
    std::memcpy(&value, &kGuardBits, sizeof value);
    return value;
}

bool is_guard(const float &value) {
    return std::memcmp(&value, &kGuardBits, sizeof value) == 0;
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

Tensor place_image(Random &random, std::array<int64_t, 4> extents, int32_t layout, Placement placement) {
    const int64_t guard = random.range(17, 47);
    const bool nchw = (layout == TCONV_NCHW) != (placement == Placement::kOther);
    const std::array<int, 4> order = nchw ? kNchw : kNhwc;
    switch (placement) {
        case Placement::kSlice: {
            const std::array<int64_t, 4> gap = {0, random.range(1, 5), random.range(1, 3), 0};
            return Tensor(extents, order, gap, kNoFlip, guard);
        }
        case Placement::kShuffled: {
            std::array<int64_t, 4> gap;
            for (int64_t &g : gap)
                g = random.below(4);
            return Tensor(extents, shuffled(random), gap, kNoFlip, guard);
        }
        default:
            return Tensor(extents, order, kNoGap, kNoFlip, guard);
    }
}

Tensor place_filter(Random &random, std::array<int64_t, 4> extents, Placement placement) {
    constexpr std::array<int, 4> kOthers[] = {{2, 3, 0, 1}, {2, 3, 1, 0}, {1, 2, 3, 0}};
    const int64_t guard = random.range(17, 47);
    if (placement == Placement::kDense)
        return Tensor(extents, kNchw, kNoGap, kNoFlip, guard);
    if (placement == Placement::kOther)
        return Tensor(extents, random.pick(kOthers), kNoGap, kNoFlip, guard);
    std::array<int64_t, 4> gap;
    std::array<bool, 4> flip;
    for (int64_t &g : gap)
        g = random.below(3);
    for (bool &f : flip)
        f = random.chance(0.3);
    return Tensor(extents, shuffled(random), gap, flip, guard);
}

// Taps k with dilation*k in one residue class of stride.
int64_t taps_at_most(int64_t kernel, int64_t stride, int64_t dilation) {
    const int64_t step = stride / std::gcd(stride, dilation);
    return (kernel + step - 1) / step;
}

}  // namespace

Tensor::Tensor(std::array<int64_t, 4> extents, std::array<int, 4> slowest_first, std::array<int64_t, 4> gap,
               std::array<bool, 4> flip, int64_t guard)
    : extents_(extents), origin_(guard) {
    int64_t stride = 1;
    for (int i = 3; i >= 0; --i) {
        const int d = slowest_first[i];
        stride_[d] = stride;
        stride *= extents[d] + gap[d];
    }
    storage_.resize(static_cast<size_t>(stride + 2 * guard));
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
    view.data = const_cast<float *>(storage_.data()) + origin_;
    std::copy(stride_.begin(), stride_.end(), view.stride);
    return view;
}

void Tensor::each(const std::function<void(int64_t, float &)> &visit) {
    int64_t index = 0;
    for (int64_t a = 0; a < extents_[0]; ++a)
        for (int64_t b = 0; b < extents_[1]; ++b)
            for (int64_t c = 0; c < extents_[2]; ++c)
                for (int64_t d = 0; d < extents_[3]; ++d)
                    visit(index++, at(a, b, c, d));
}

std::vector<double> Tensor::logical() const {
    std::vector<double> values(static_cast<size_t>(size()));
    const_cast<Tensor *>(this)->each([&](int64_t i, float &value) { values[static_cast<size_t>(i)] = value; });
    return values;
}

void Tensor::poison() {
    std::fill(storage_.begin(), storage_.end(), guard_value());
}

bool Tensor::surroundings_intact() const {
    Tensor copy = *this;
    copy.each([](int64_t, float &value) { value = guard_value(); });
    return std::all_of(copy.storage_.begin(), copy.storage_.end(), is_guard);
}

Problem::Problem(const tconv_spec &s, uint64_t seed, Placement placement, DataRules rules) : spec(s) {
    Random random(seed);
    const reference::Size out = reference::output_size(s);
    const std::array<int64_t, 4> output_extents = {s.batch, s.out_channels, out.h, out.w};
    input = place_image(random, {s.batch, s.in_channels, s.in_h, s.in_w}, s.layout, placement);
    filter = place_filter(random, {s.in_channels, s.out_channels / s.groups, s.kernel_h, s.kernel_w}, placement);
    residual = place_image(random, output_extents, s.layout, placement);
    output = place_image(random, output_extents, s.layout, placement);

    // Every output sums at most this many products, so magnitudes that keep terms*x*w below 2^19 keep each sum,
    // with bias and residual, below 2^20.
    const int64_t terms = s.in_channels / s.groups * taps_at_most(s.kernel_h, s.stride_h, s.dilation_h) *
                          taps_at_most(s.kernel_w, s.stride_w, s.dilation_w);
    int64_t largest = 4;
    while (largest > 1 && terms * largest * largest * rules.filter_multiple > (1 << 19))
        --largest;
    const auto value = [&](int64_t magnitude) {
        if (!rules.integers)
            return static_cast<float>(2 * random.unit() - 1);
        return static_cast<float>(random.range(-magnitude, magnitude));
    };
    input.each([&](int64_t, float &x) { x = random.chance(rules.density) ? value(largest) : 0.0f; });
    filter.each([&](int64_t, float &w) {
        w = value(largest);
        if (rules.integers)
            w *= static_cast<float>(rules.filter_multiple);
    });
    residual.each([&](int64_t, float &r) { r = value(50); });
    constexpr float kSlopes[] = {0.25f, 0.5f, -0.125f, 0.0f, 1.0f, 2.0f};
    for (int32_t o = 0; o < s.out_channels; ++o) {
        bias.push_back(value(50));
        slope.push_back(random.pick(kSlopes));
    }
}

std::vector<double> Problem::expected_of(const tconv_spec &variation) const {
    const std::vector<double> x = input.logical(), w = filter.logical(), r = residual.logical();
    const std::vector<double> b(bias.begin(), bias.end()), a(slope.begin(), slope.end());
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
    const_cast<Tensor &>(output).each([&](int64_t i, float &element) {
        const double e = expected[static_cast<size_t>(i)], a = element;
        const bool equal =
            a == e || (std::isnan(a) && std::isnan(e)) || std::fabs(a - e) <= absolute + relative * std::fabs(e);
        if (equal && !is_guard(element))
            return;  // a guard was never written, whatever is expected
        ++wrong;
        if (first < 0)
            first = i;
    });
    if (wrong > 0) {
        const auto &n = output.extents();
        const int64_t plane = n[2] * n[3];
        char text[256];
        std::snprintf(text, sizeof text,
                      "%lld of %lld outputs are wrong, first at n %lld, channel %lld, row %lld, column %lld: %.9g, "
                      "expected %.9g",
                      static_cast<long long>(wrong), static_cast<long long>(output.size()),
                      static_cast<long long>(first / plane / n[1]), static_cast<long long>(first / plane % n[1]),
                      static_cast<long long>(first % plane / n[3]), static_cast<long long>(first % n[3]),
                      output.logical()[static_cast<size_t>(first)], expected[static_cast<size_t>(first)]);
        return text;
    }
    return output.surroundings_intact() ? "" : "memory around the output was written";
}

}  // namespace tconv::testing
