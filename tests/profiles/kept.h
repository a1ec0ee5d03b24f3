// Parameters of a framework to the part of the full scatter that a square layer keeps, alike on both axes.
#pragma once

#include <gtest/gtest.h>

#include <ostream>

#include "tconv/tconv_profiles.h"

namespace tconv::testing {

struct Kept {
    int32_t crop, out;
};
constexpr Kept kRefused = {0, 0};

inline std::ostream &operator<<(std::ostream &stream, const Kept &kept) {
    return stream << "c=" << kept.crop << " O=" << kept.out;
}
inline bool operator==(const Kept &a, const Kept &b) {
    return a.crop == b.crop && a.out == b.out;
}

inline tconv_spec square(int32_t in, int32_t kernel) {
    tconv_spec spec;
    tconv_spec_init(&spec, sizeof spec);
    spec.in_channels = spec.out_channels = 1;
    spec.in_h = spec.in_w = in;
    spec.kernel_h = spec.kernel_w = kernel;
    return spec;
}

template<typename Params>
Params params(void (*init)(Params *, size_t)) {
    Params p;
    init(&p, sizeof p);
    return p;
}

template<typename Params>
Kept kept(tconv_status (*profile)(tconv_spec *, const Params *, char *, size_t), tconv_spec spec, const Params &p) {
    if (profile(&spec, &p, nullptr, 0) != TCONV_OK)
        return kRefused;
    int32_t out_h = 0, out_w = 0;
    EXPECT_EQ(tconv_spec_output_size(&spec, &out_h, &out_w), TCONV_OK);
    EXPECT_TRUE(out_h == out_w && spec.pad_top == spec.pad_left);
    return {spec.pad_top, out_h};
}

inline void fill(int32_t (&pair)[2], int32_t value) {
    pair[0] = pair[1] = value;
}
inline void fill(int32_t (&four)[4], int32_t value) {
    four[0] = four[1] = four[2] = four[3] = value;
}

}  // namespace tconv::testing
