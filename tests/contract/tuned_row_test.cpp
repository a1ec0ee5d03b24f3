// Rows of tuned tables: which layers share one, what a row must look like, how far apart two classes are.
#include "tuned_row.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "random_spec.h"
#include "runner.h"

namespace tconv {
namespace {

using testing::layer;

std::string key(const std::string &text) {
    return class_text(layer(text)).text;
}

constexpr const char *kPlain = "n1_c8_h5_w7_o16_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw";

TEST(TunedRow, SpellingsOfOneLayerShareAKey) {
    // Output padding is a crop that ends later, and the other way round.
    EXPECT_EQ(key("n1_c8_h5_w7_o16_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nhwc"),
              key("n1_c8_h5_w7_o16_k3x3_s2x2_p1,1,0,0_op0,0_d1x1_g1_f32_nhwc"));
    EXPECT_NE(key("n1_c8_h5_w7_o16_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nhwc"),
              key("n1_c8_h5_w7_o16_k3x3_s2x2_p0,0,1,1_op0,0_d1x1_g1_f32_nhwc"));
}

TEST(TunedRow, WhatTakesAsLongSharesAKey) {
    const std::string plain = kPlain;
    EXPECT_EQ(key(plain), plain);
    EXPECT_EQ(key("n64" + plain.substr(2)), plain);
    for (const char *cheap : {"_relu", "_leaky_relu0.2", "_clip0,6", "_prelu", "_nobias", "_strict"})
        EXPECT_EQ(key(plain + cheap), plain) << cheap;
    EXPECT_EQ(key(plain + "_gelu"), plain + "_tanh");
    EXPECT_EQ(key(plain + "_elu0.5"), plain + "_tanh");
    EXPECT_NE(key(plain + "_softmax"), key(plain + "_softmax_last"));
    EXPECT_NE(key(plain + "_resbefore"), plain);
    EXPECT_NE(key("n1_c8_h5_w7_o16_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc"), plain);
}

TEST(TunedRow, AKeyIsItsOwnClass) {
    testing::Random random(1);
    for (int i = 0; i < 2000; i++) {
        const ClassText text = class_text(testing::random_legal_spec(random));
        ASSERT_EQ(key(text.text), text.text);
    }
}

const std::string kGood =
    std::string("\"") + kPlain + "\",znver4,tconv_f32_phase_channels64x6_avx512,4,7,2,123.4,0.912,some cpu,0.1.0,2026-11-27";

TEST(TunedRow, IsRead) {
    TunedRow row;
    char text[256];
    Message complaint(text, sizeof text);
    ASSERT_TRUE(parse_tuned_row(kGood.c_str(), &row, complaint)) << text;
    EXPECT_STREQ(row.layer, kPlain);
    EXPECT_STREQ(row.microarchitecture, "znver4");
    EXPECT_STREQ(row.kernel, "tconv_f32_phase_channels64x6_avx512");
    EXPECT_EQ(row.cut.block_h, 4);
    EXPECT_EQ(row.cut.block_w, 7);
    EXPECT_EQ(row.cut.units, 2);
    EXPECT_STREQ(row.gflops, "123.4");
    EXPECT_STREQ(row.of_peak, "0.912");
    EXPECT_STREQ(row.cpu, "some cpu");
    EXPECT_STREQ(row.version, "0.1.0");
    EXPECT_STREQ(row.date, "2026-11-27");
}

TEST(TunedRow, WhatIsMalformedIsNamed) {
    const auto replaced = [](const std::string &what, const std::string &by) {
        std::string line = kGood;
        return line.replace(line.find(what), what.size(), by);
    };
    const struct {
        std::string line, says;
    } cases[] = {
        {"", "column layer"},
        {"\"" + std::string(kPlain), "column layer"},
        {replaced(kPlain, "n1_c8"), "column layer: "},
        {replaced(kPlain, std::string(kPlain) + "_relu"), "is not how its class is spelt: " + std::string(kPlain)},
        {replaced("n1_c8", "n2_c8"), "is not how its class is spelt"},
        {replaced("znver4", ""), "column microarchitecture"},
        {replaced("tconv_f32_", "../../"), "column kernel: '../../"},
        {replaced(",4,7", ",x,7"), "column block_h: 'x'"},
        {replaced(",4,7", ",4,-7"), "column block_w: '-7'"},
        {replaced("7,2", "7,99999999999"), "column units: '99999999999'"},
        {replaced("123.4", "fast"), "column gflops: 'fast'"},
        {replaced("0.912", "91%"), "column of_peak: '91%'"},
        {replaced(",2026-11-27", ""), "column date"},
        {kGood + ",more", "more columns"},
        {replaced("some cpu", std::string(100, 'c')), "column cpu"},
    };
    for (const auto &one : cases) {
        TunedRow row;
        char text[512];
        Message complaint(text, sizeof text);
        EXPECT_FALSE(parse_tuned_row(one.line.c_str(), &row, complaint)) << one.line;
        EXPECT_NE(std::string(text).find(one.says), std::string::npos) << one.line << "\nsays: " << text;
    }
}

// The tables that are compiled into the library, every row of every processor.
TEST(TunedRow, ShippedTablesAreWellFormedAndSorted) {
    std::error_code none;
    for (const auto &entry : std::filesystem::directory_iterator(TCONV_TUNED, none)) {
        if (entry.path().extension() != ".csv")
            continue;  // `make tune` leaves its lock there
        SCOPED_TRACE(entry.path().string());
        std::ifstream file(entry.path());
        std::string line, previous;
        ASSERT_TRUE(std::getline(file, line));
        EXPECT_EQ(line, kTunedHeader);
        while (std::getline(file, line)) {
            TunedRow row;
            char text[512];
            Message complaint(text, sizeof text);
            ASSERT_TRUE(parse_tuned_row(line.c_str(), &row, complaint)) << line << "\n" << text;
            const std::string key = std::string(row.layer) + "\n" + row.microarchitecture;
            EXPECT_LT(previous, key);
            previous = key;
        }
    }
}

TEST(TunedRow, Distance) {
    const tconv_spec plain = layer(kPlain);
    EXPECT_EQ(class_distance(plain, plain), 1);
    EXPECT_EQ(class_distance(plain, layer("n1_c16_h5_w7_o16_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw")), 2);
    EXPECT_EQ(class_distance(layer("n1_c16_h5_w7_o16_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"), plain), 2);
    EXPECT_EQ(class_distance(plain, layer("n1_c4_h10_w14_o48_k4x4_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw")), 2 * 4 * 3);
    for (const char *other : {"n1_c8_h5_w7_o16_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc",
                              "n1_c8_h5_w7_o16_k3x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw",
                              "n1_c8_h5_w7_o16_k4x4_s2x1_p1,1,1,1_op0,0_d1x1_g1_f32_nchw",
                              "n1_c8_h5_w7_o16_k4x4_s2x2_p1,1,1,1_op0,0_d2x1_g1_f32_nchw",
                              "n1_c8_h5_w7_o16_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw",
                              "n1_c8_h5_w7_o16_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f64_nchw",
                              "n1_c8_h5_w7_o16_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_tanh"})
        EXPECT_TRUE(std::isinf(class_distance(plain, layer(other)))) << other;
    // Depthwise is a kind of its own, and so are other groups.
    const tconv_spec depthwise = layer("n1_c16_h5_w7_o16_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g16_f32_nchw");
    EXPECT_TRUE(std::isinf(class_distance(depthwise, layer("n1_c16_h5_w7_o16_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g8_f32_nchw"))));
    EXPECT_EQ(class_distance(depthwise, layer("n1_c32_h5_w7_o32_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g32_f32_nchw")), 2);
}

}  // namespace
}  // namespace tconv
