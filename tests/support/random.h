// A small generator with the same sequence on every platform (splitmix64), so that a printed seed reproduces a case.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace tconv::testing {

class Random {
public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t next() {
        uint64_t z = state_ += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    int64_t below(int64_t n) { return static_cast<int64_t>(next() % static_cast<uint64_t>(n)); }
    int64_t range(int64_t low, int64_t high) { return low + below(high - low + 1); }
    bool chance(double probability) { return unit() < probability; }
    double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }  // [0, 1)
    template<typename T, int N>
    T pick(const T (&choices)[N]) {
        return choices[below(N)];
    }

private:
    uint64_t state_;
};

// TCONV_SEED, or 1: a run is the same every time unless it is asked to differ, as the long ones in tests/fuzz are.
inline uint64_t seed_from_environment() {
    const char *const text = std::getenv("TCONV_SEED");
    if (text != nullptr && *text != '\0')
        return std::strtoull(text, nullptr, 0);
#if defined(TCONV_SEED_FROM_CLOCK)
    static const auto started = static_cast<uint64_t>(std::time(nullptr));
    return started;
#else
    return 1;
#endif
}

// The seed of case `index`: printed on failure, it replays that case alone.
inline uint64_t seed_of_case(uint64_t seed, uint64_t index) {
    return Random(seed * 0x100000001b3u + index).next();
}

}  // namespace tconv::testing
