// Sizes cut into parts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace tconv {

constexpr int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}
constexpr int64_t round_up(int64_t a, int64_t b) {
    return ceil_div(a, b) * b;
}

// Far beyond what a task may hold. Larger sizes are all alike: products stop here, so that int64 holds them and sums of a
// few, though extents of 2^31 meet as many channels.
constexpr int64_t kTooMany = int64_t{1} << 48;

// Of numbers of elements; factors are not negative.
template<typename... Factors>
constexpr int64_t bounded_product(int64_t first, Factors... others) {
    int64_t result = std::min(first, kTooMany);
    for (const int64_t factor : {static_cast<int64_t>(others)...}) {
        if (__builtin_mul_overflow(result, factor, &result) || result > kTooMany)
            result = kTooMany;
    }
    return result;
}

// Equal shares: the block size that makes as many blocks as `block` would, of nearly one size.
constexpr int64_t even_share(int64_t total, int64_t block) {
    return ceil_div(total, ceil_div(total, std::max<int64_t>(block, 1)));
}

// As std::ceil and std::floor, for which compilers call libm where they do not optimise or are not GCC; no user links that.
constexpr double rounded_up(double number) {
    constexpr double kNoFractions = 0x1p53;
    if (!(number > -kNoFractions && number < kNoFractions))
        return number;
    const double whole = static_cast<double>(static_cast<int64_t>(number));
    return whole < number ? whole + 1 : whole;
}
constexpr double rounded_down(double number) {
    return -rounded_up(-number);
}

constexpr bool fits_int32(int64_t value) {
    return value >= 0 && value <= std::numeric_limits<int32_t>::max();
}

// Places in an area of scratch, one behind the other, each on a cache line.
class Places {
public:
    explicit Places(int64_t line) : line_(line) {}

    // Where so many numbers begin; wrong where all() does not fit an int32.
    int32_t place(int64_t numbers) {
        const int64_t begin = all_;
        all_ += round_up(numbers, line_);
        return static_cast<int32_t>(begin);
    }
    int64_t all() const { return all_; }

private:
    int64_t line_, all_ = 0;
};

}  // namespace tconv
