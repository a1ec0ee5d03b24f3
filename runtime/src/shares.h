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

// Equal shares: the block size that makes as many blocks as `block` would, of nearly one size.
constexpr int64_t even_share(int64_t total, int64_t block) {
    return ceil_div(total, ceil_div(total, std::max<int64_t>(block, 1)));
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
