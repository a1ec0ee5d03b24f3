// Views: the helpers' strides, and the checks before a view reaches a kernel.
#include "views.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "random_spec.h"

namespace tconv {
namespace {

using testing::Random;

tconv_spec layer() {
    tconv_spec s;
    tconv_spec_init(&s, sizeof s);
    s.batch = 2, s.in_channels = 6, s.out_channels = 4, s.groups = 2;
    s.in_h = 5, s.in_w = 7, s.kernel_h = 3, s.kernel_w = 2, s.stride_h = s.stride_w = 2;
    return s;
}

std::vector<int64_t> strides(const tconv_view &v) {
    return {v.stride[0], v.stride[1], v.stride[2], v.stride[3]};
}

TEST(Views, HelpersFillDenseStrides) {
    const tconv_spec s = layer();  // output 11 x 14
    float data[1];
    tconv_view v;
    using List = std::vector<int64_t>;
    ASSERT_EQ(tconv_view_input(&s, TCONV_NCHW, data, &v), TCONV_OK);
    EXPECT_EQ(v.data, data);
    EXPECT_EQ(strides(v), (List{210, 35, 7, 1}));
    ASSERT_EQ(tconv_view_input(&s, TCONV_NHWC, nullptr, &v), TCONV_OK);
    EXPECT_EQ(v.data, nullptr);
    EXPECT_EQ(strides(v), (List{210, 1, 42, 6}));
    ASSERT_EQ(tconv_view_output(&s, TCONV_NCHW, data, &v), TCONV_OK);
    EXPECT_EQ(strides(v), (List{616, 154, 14, 1}));
    ASSERT_EQ(tconv_view_output(&s, TCONV_NHWC, data, &v), TCONV_OK);
    EXPECT_EQ(strides(v), (List{616, 1, 56, 4}));
    // C_in 6, C_out/groups 2, 3 x 2 taps.
    ASSERT_EQ(tconv_view_filter(&s, TCONV_IOHW, data, &v), TCONV_OK);
    EXPECT_EQ(strides(v), (List{12, 6, 2, 1}));
    ASSERT_EQ(tconv_view_filter(&s, TCONV_HWIO, data, &v), TCONV_OK);
    EXPECT_EQ(strides(v), (List{2, 1, 24, 12}));
    ASSERT_EQ(tconv_view_filter(&s, TCONV_HWOI, data, &v), TCONV_OK);
    EXPECT_EQ(strides(v), (List{1, 6, 24, 12}));
    ASSERT_EQ(tconv_view_filter(&s, TCONV_OHWI, data, &v), TCONV_OK);
    EXPECT_EQ(strides(v), (List{1, 36, 12, 6}));
}

TEST(Views, HelpersRefuse) {
    tconv_spec s = layer();
    tconv_view v = {};
    EXPECT_EQ(tconv_view_input(&s, 3, nullptr, &v), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_view_output(&s, 0, nullptr, &v), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_view_filter(&s, 5, nullptr, &v), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_view_filter(&s, 0, nullptr, &v), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_view_input(&s, TCONV_NCHW, nullptr, nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_view_filter(&s, TCONV_IOHW, nullptr, nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_view_filter(nullptr, TCONV_IOHW, nullptr, &v), TCONV_INVALID_ARGUMENT);
    s.pad_top = 50;
    EXPECT_EQ(tconv_view_output(&s, TCONV_NCHW, nullptr, &v), TCONV_INVALID_SHAPE);
    EXPECT_EQ(v.stride[0], 0);
}

struct Case {
    const char *what;
    std::vector<int64_t> extent, stride;
    tconv_status read, write;
    const char *says;
};

TEST(Views, TensorChecks) {
    const int64_t big = int64_t{1} << 31;
    const Case cases[] = {
        {"dense", {2, 3, 4, 5}, {60, 20, 5, 1}, TCONV_OK, TCONV_OK, ""},
        {"channels last", {2, 3, 4, 5}, {60, 1, 15, 3}, TCONV_OK, TCONV_OK, ""},
        {"row and channel slice", {2, 3, 4, 5}, {999, 100, 10, 1}, TCONV_OK, TCONV_OK, ""},
        {"images innermost", {2, 3, 4, 5}, {1, 2, 6, 24}, TCONV_OK, TCONV_OK, ""},
        {"strides of extent 1 are ignored", {1, 1, 4, 5}, {-7, big * big, 5, 1}, TCONV_OK, TCONV_OK, ""},
        {"broadcast", {2, 3, 4, 5}, {60, 0, 5, 1}, TCONV_OK, TCONV_INVALID_ARGUMENT, "overlap"},
        {"rows overlap", {2, 3, 4, 5}, {60, 20, 4, 1}, TCONV_OK, TCONV_INVALID_ARGUMENT, "stride 4"},
        {"images overlap", {2, 3, 4, 5}, {59, 20, 5, 1}, TCONV_OK, TCONV_INVALID_ARGUMENT, "exceed 59"},
        {"negative", {2, 3, 4, 5}, {60, 20, -5, 1}, TCONV_INVALID_ARGUMENT, TCONV_INVALID_ARGUMENT, "stride H is -5"},
        {"largest image", {2, 2, 1, 2}, {big, big - 3, 1, 1}, TCONV_OK, TCONV_OK, ""},
        {"one more", {1, 2, 1, 2}, {1, big - 2, 1, 1}, TCONV_SIZE_OVERFLOW, TCONV_SIZE_OVERFLOW, "2147483648 elements"},
        {"overflowing stride", {1, 3, 1, 1}, {1, INT64_MAX, 1, 1}, TCONV_SIZE_OVERFLOW, TCONV_SIZE_OVERFLOW, "2^63"},
        {"images far apart", {3, 2, 2, 2}, {big, 4, 2, 1}, TCONV_OK, TCONV_OK, ""},
        {"too far apart", {3, 2, 2, 2}, {INT64_MAX / 8, 4, 2, 1}, TCONV_SIZE_OVERFLOW, TCONV_SIZE_OVERFLOW, "stride N"},
        {"no image", {0, 2, 2, 2}, {-1, -1, -1, -1}, TCONV_OK, TCONV_OK, ""},
    };
    for (const Case &c : cases) {
        float data[1];
        tconv_view v = {data, {}};
        Extents e;
        std::copy(c.extent.begin(), c.extent.end(), e.size);
        std::copy(c.stride.begin(), c.stride.end(), v.stride);
        char text[200];
        Message message(text, sizeof text);
        EXPECT_EQ(check_strides(v, e, 4, Access::kRead, "input", message), c.read) << c.what << ": " << text;
        message.clear();
        EXPECT_EQ(check_strides(v, e, 4, Access::kWrite, "output", message), c.write) << c.what << ": " << text;
        EXPECT_NE(std::string(text).find(c.says), std::string::npos) << c.what << ": " << text;
        EXPECT_EQ(std::string(text).rfind("output", 0) == 0, c.write != TCONV_OK) << text;
    }
}

TEST(Views, DataMustBeThereAndAligned) {
    const Extents e = {{1, 1, 1, 2}}, none = {{0, 1, 1, 2}};
    char text[200];
    Message message(text, sizeof text);
    tconv_view v = {nullptr, {2, 2, 2, 1}};
    EXPECT_EQ(check_given(v, e, "residual", message), TCONV_INVALID_ARGUMENT);
    EXPECT_STREQ(text, "residual data is NULL");
    EXPECT_EQ(check_given(v, none, "output", message), TCONV_OK) << "an empty batch";
    alignas(8) char bytes[16];
    v.data = bytes + 2;
    EXPECT_EQ(check_given(v, e, "input", message), TCONV_OK);
    EXPECT_EQ(check_alignment(v, e, 4, "input", message), TCONV_MISALIGNED);
    EXPECT_EQ(check_alignment(v, none, 4, "input", message), TCONV_OK);
    EXPECT_EQ(check_alignment(v, e, 2, "input", message), TCONV_OK);
}

TEST(Views, FilterStridesHaveAnySign) {
    float data[64];
    char text[200];
    Message message(text, sizeof text);
    EXPECT_EQ(check_filter_strides({data + 63, {-32, -16, -4, -1}}, {{2, 2, 4, 4}}, 4, Access::kRead, "filter", message), TCONV_OK);
    EXPECT_EQ(check_filter_strides({data, {0, 0, 0, 0}}, {{2, 2, 4, 4}}, 4, Access::kRead, "filter", message), TCONV_OK);
    EXPECT_EQ(check_filter_strides({data, {-2000000000, 200000000, 4, 1}}, {{2, 2, 4, 4}}, 4, Access::kRead, "filter", message), TCONV_SIZE_OVERFLOW);
    EXPECT_EQ(check_filter_strides({data, {INT64_MIN, 1, 1, 1}}, {{2, 1, 1, 1}}, 4, Access::kRead, "filter", message), TCONV_SIZE_OVERFLOW);
    // Where there is one index, its stride is not looked at.
    const tconv_view one = {data, {INT64_MIN, 16, 4, 1}};
    EXPECT_EQ(check_filter_strides(one, {{1, 2, 4, 4}}, 4, Access::kWrite, "filter", message), TCONV_OK);
    const ByteRange range = range_of({data + 63, {-32, -16, -4, 1}}, {{2, 2, 4, 1}}, 4);
    EXPECT_EQ(range.end, reinterpret_cast<uintptr_t>(data + 64));
    EXPECT_EQ(range.begin, reinterpret_cast<uintptr_t>(data + 63 - 32 - 16 - 12));
}

std::set<int64_t> elements(const tconv_view &v, const Extents &e, const float *base) {
    std::set<int64_t> all;
    const int64_t start = static_cast<float *>(v.data) - base;
    for (int64_t a = 0; a < e.size[0]; ++a)
        for (int64_t b = 0; b < e.size[1]; ++b)
            for (int64_t c = 0; c < e.size[2]; ++c)
                for (int64_t d = 0; d < e.size[3]; ++d)
                    all.insert(start + a * v.stride[0] + b * v.stride[1] + c * v.stride[2] + d * v.stride[3]);
    return all;
}

bool share_elements(const tconv_view (&view)[2], const Extents (&extents)[2], const float *base) {
    const std::set<int64_t> first = elements(view[0], extents[0], base), second = elements(view[1], extents[1], base);
    return std::ranges::any_of(second, [&](int64_t i) { return first.contains(i); });
}

TEST(Views, OverlapOfSlicesIsExact) {
    const uint64_t seed = testing::seed_from_environment();
    static float buffer[20000];
    int overlapping = 0;
    for (uint64_t n = 0; n < 3000; ++n) {
        // Two boxes in one dense array with random dimension order: their views have equal strides.
        Random random(testing::seed_of_case(seed, n));
        int64_t whole[4], stride[4], step = 1;
        int order[4] = {0, 1, 2, 3};
        for (int i = 3; i > 0; --i)
            std::swap(order[i], order[random.below(i + 1)]);
        for (int64_t &w : whole)
            w = random.range(1, 6);
        for (const int d : order) {
            stride[d] = step;
            step *= whole[d];
        }
        tconv_view view[2];
        Extents extents[2];
        for (int k = 0; k < 2; ++k) {
            int64_t start = 0;
            for (int d = 0; d < 4; ++d) {
                const int64_t from = random.below(whole[d]);
                extents[k].size[d] = random.range(1, whole[d] - from);
                start += from * stride[d];
                view[k].stride[d] = stride[d];
            }
            view[k].data = buffer + start;
        }
        const bool shared = share_elements(view, extents, buffer);
        overlapping += shared;
        ASSERT_EQ(overlap(view[0], extents[0], view[1], extents[1], 4), shared) << "TCONV_SEED=" << seed << ' ' << n;
    }
    EXPECT_GT(overlapping, 300);
    EXPECT_LT(overlapping, 2700);
}

TEST(Views, OverlapOfAnyStridesIsExact) {
    const uint64_t seed = testing::seed_from_environment();
    static float buffer[4000];
    int overlapping = 0, interleaved = 0;
    for (uint64_t n = 0; n < 5000; ++n) {
        Random random(testing::seed_of_case(seed, n));
        tconv_view view[2];
        Extents extents[2];
        for (int k = 0; k < 2; ++k) {
            for (int d = 0; d < 4; ++d) {
                extents[k].size[d] = random.range(1, 4);
                view[k].stride[d] = random.chance(0.2) ? 0 : random.range(-60, 60);
            }
            view[k].data = buffer + 1500 + random.range(0, 200);
        }
        const bool shared = share_elements(view, extents, buffer);
        overlapping += shared;
        interleaved += !shared && overlap(range_of(view[0], extents[0], 4), range_of(view[1], extents[1], 4));
        ASSERT_EQ(overlap(view[0], extents[0], view[1], extents[1], 4), shared) << "TCONV_SEED=" << seed << ' ' << n;
    }
    EXPECT_GT(overlapping, 500);
    EXPECT_GT(interleaved, 500);
}

TEST(Views, OverlapWithArrays) {
    float buffer[64];
    const Extents e = {{1, 1, 4, 4}};
    const tconv_view rows = {buffer, {0, 0, 8, 1}};
    const Region image("image", rows, e, 4);
    EXPECT_FALSE(overlap(image, {"between its rows", buffer + 4, 16, 4}));
    EXPECT_TRUE(overlap(image, {"up to its second row", buffer + 4, 17, 4}));
    EXPECT_FALSE(overlap(image, {"nothing", buffer, 0, 4}));
    // More ways to nest than are looked at.
    const Extents many = {{1, 1000, 1000, 1000}};
    const tconv_view even = {buffer, {0, 14, 22, 26}}, odd = {buffer, {0, 30, 34, 38}};
    EXPECT_TRUE(overlap(even, many, odd, many, 4));
}

TEST(Views, TheSameView) {
    float buffer[64];
    const Extents e = {{1, 1, 4, 4}};
    const tconv_view rows = {buffer, {0, 0, 8, 1}}, columns = {buffer + 4, {0, 0, 1, 8}};
    const tconv_view shifted = {reinterpret_cast<char *>(buffer) + 2, {0, 0, 8, 1}};
    EXPECT_TRUE(overlap(rows, e, shifted, e, 4));
    EXPECT_TRUE(same_view(rows, rows, e));
    EXPECT_FALSE(same_view(rows, columns, e));
    EXPECT_TRUE(same_view({buffer, {1, 2, 8, 1}}, {buffer, {3, 4, 8, 1}}, e)) << "extents of 1 have no stride";
}

TEST(Views, ElementsOfOutputViewsAreDistinct) {
    // What kWrite accepts never maps two indices to one element.
    const uint64_t seed = testing::seed_from_environment();
    static float buffer[4000];
    int accepted = 0;
    for (uint64_t n = 0; n < 5000; ++n) {
        Random random(testing::seed_of_case(seed, n));
        tconv_view v = {buffer, {}};
        Extents e;
        for (int d = 0; d < 4; ++d)
            v.stride[d] = random.range(0, 60), e.size[d] = random.range(1, 4);
        Message message(nullptr, 0);
        if (check_strides(v, e, 4, Access::kWrite, "output", message) != TCONV_OK)
            continue;
        ++accepted;
        const auto count = static_cast<size_t>(e.size[0] * e.size[1] * e.size[2] * e.size[3]);
        ASSERT_EQ(elements(v, e, buffer).size(), count) << "TCONV_SEED=" << seed << ' ' << n;
    }
    EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace tconv
