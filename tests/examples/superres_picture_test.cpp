// Reading, turning and resizing pictures in examples/superres.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "jpeg.h"
#include "resample.h"

namespace {

std::string scratch(const char *name) {
    return testing::TempDir() + "tconv_superres_" + name;
}

std::vector<uint8_t> bytes_of(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// A loss of libjpeg's 8-bit arithmetic apart, a JPEG of quality 95 is the PNG that it was made from.
TEST(SuperresPicture, AJpegIsThePictureItWasMadeFrom) {
    const Picture jpeg = load_picture(PICTURES "/coffee.jpg"), png = load_picture(PICTURES "/coffee.png");
    ASSERT_EQ(jpeg.width, 40);
    ASSERT_EQ(jpeg.height, 30);
    ASSERT_EQ(jpeg.rgb.size(), png.rgb.size());
    double sum = 0;
    for (size_t i = 0; i < png.rgb.size(); i++) {
        sum += std::abs(jpeg.rgb[i] - png.rgb[i]);
    }
    EXPECT_LT(sum / static_cast<double>(png.rgb.size()), 4);
}

TEST(SuperresPicture, WhatIsSavedIsRead) {
    const Picture picture = load_picture(PICTURES "/coffee.png");
    const std::string path = scratch("saved.png");
    save_png(picture, path);
    EXPECT_EQ(load_picture(path).rgb, picture.rgb);
    std::remove(path.c_str());
}

// Two bytes of orientation in an Exif block directly behind the first marker, in both byte orders.
TEST(SuperresPicture, TurnedUprightAsExifAsks) {
    const std::vector<uint8_t> plain = bytes_of(PICTURES "/coffee.jpg");
    const Picture lying = load_picture(PICTURES "/coffee.jpg");
    for (const bool little : {true, false}) {
        for (int orientation = 1; orientation <= 8; orientation++) {
            const uint8_t o = static_cast<uint8_t>(orientation);
            const std::vector<uint8_t> intel = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12,
                                                1,   3,   0,  1, 0, 0, 0, o, 0, 0, 0};
            const std::vector<uint8_t> motorola = {'M',  'M', 0, 42, 0, 0, 0, 8, 0, 1, 1,
                                                   0x12, 0,   3, 0,  0, 0, 1, 0, o, 0, 0};
            std::vector<uint8_t> file = {0xFF, 0xD8, 0xFF, 0xE1, 0, 30, 'E', 'x', 'i', 'f', 0, 0};
            const std::vector<uint8_t> &tiff = little ? intel : motorola;
            file.insert(file.end(), tiff.begin(), tiff.end());
            file.insert(file.end(), plain.begin() + 2, plain.end());
            const std::string path = scratch("turned.jpg");
            std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char *>(file.data()), file.size());
            const Picture turned = load_picture(path);
            std::remove(path.c_str());
            EXPECT_EQ(turned.rgb, upright(lying, orientation).rgb);
            EXPECT_EQ(turned.width, orientation >= 5 ? 30 : 40);
        }
    }
}

// 2 x 3 pixels, grey levels as they lie in the file; the eight ways in which Exif says that they are to be seen.
TEST(SuperresPicture, TheEightOrientations) {
    auto grey = [](int width, int height, std::vector<uint8_t> levels) {
        Picture picture = {width, height, {}};
        for (const uint8_t level : levels) {
            picture.rgb.insert(picture.rgb.end(), 3, level);
        }
        return picture;
    };
    const Picture lying = grey(3, 2, {1, 2, 3, 4, 5, 6});
    EXPECT_EQ(upright(lying, 1).rgb, lying.rgb);
    EXPECT_EQ(upright(lying, 2).rgb, grey(3, 2, {3, 2, 1, 6, 5, 4}).rgb);
    EXPECT_EQ(upright(lying, 3).rgb, grey(3, 2, {6, 5, 4, 3, 2, 1}).rgb);
    EXPECT_EQ(upright(lying, 4).rgb, grey(3, 2, {4, 5, 6, 1, 2, 3}).rgb);
    EXPECT_EQ(upright(lying, 5).rgb, grey(2, 3, {1, 4, 2, 5, 3, 6}).rgb);
    EXPECT_EQ(upright(lying, 6).rgb, grey(2, 3, {4, 1, 5, 2, 6, 3}).rgb);
    EXPECT_EQ(upright(lying, 7).rgb, grey(2, 3, {6, 3, 5, 2, 4, 1}).rgb);
    EXPECT_EQ(upright(lying, 8).rgb, grey(2, 3, {3, 6, 2, 5, 1, 4}).rgb);
    EXPECT_EQ(upright(lying, 9).rgb, lying.rgb);
}

// Every way to cut a file short, and a byte changed anywhere: refused or read, but never a crash or a hang.
TEST(SuperresPicture, DamagedFilesAreRefused) {
    for (const char *name : {"/coffee.jpg", "/coffee.png"}) {
        const std::vector<uint8_t> whole = bytes_of(std::string(PICTURES) + name);
        const std::string path = scratch("damaged");
        auto load = [&](const std::vector<uint8_t> &file) {
            std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char *>(file.data()), file.size());
            return load_picture(path);
        };
        for (size_t length = 0; length + 20 < whole.size(); length += 1 + length / 16) {
            EXPECT_THROW(load({whole.begin(), whole.begin() + length}), std::runtime_error)
                << name << " cut at " << length;
        }
        for (size_t at = 0; at < whole.size(); at += 7) {
            std::vector<uint8_t> file = whole;
            file[at] ^= 0x55;
            try {
                load(file);
            } catch (const std::runtime_error &) {
            }
        }
        std::remove(path.c_str());
    }
}

TEST(SuperresResample, TheElevenWeightsOfAThird) {
    for (int tap = 0; tap < 11; tap++) {
        Plane line(33, 1);
        line.values[3 * 5 - 4 + tap] = 1;
        const int expected[] = {-1, -2, 0, 9, 21, 27, 21, 9, 0, -2, -1};
        EXPECT_NEAR(resize_bicubic(line, 11, 1).values[5], expected[tap] / 81.0, 1e-7) << "tap " << tap;
    }
}

TEST(SuperresResample, KeepsAConstant) {
    Plane flat(7, 5);
    flat.values.assign(35, 0.625f);
    for (const auto &[width, height] : {std::pair(21, 15), std::pair(2, 1), std::pair(7, 5), std::pair(1, 1)}) {
        for (const float value : resize_bicubic(flat, width, height).values) {
            EXPECT_NEAR(value, 0.625f, 1e-6);
        }
    }
}

TEST(SuperresPlanes, SplitAndMergeAreInverse) {
    Picture picture = {17 * 17, 17, {}};
    for (int i = 0; i < 17 * 17 * 17; i++) {
        for (const int level : {i % 17, i / 17 % 17, i / 289}) {
            picture.rgb.push_back(static_cast<uint8_t>(level * 255 / 16));
        }
    }
    EXPECT_EQ(merge(split(picture)).rgb, picture.rgb);
}

TEST(SuperresPlanes, PsnrOfAKnownError) {
    Plane truth(10, 8), shifted(10, 8);
    shifted.values.assign(80, 0.1f);
    shifted.values[0] = 1;  // in the border
    EXPECT_NEAR(psnr(shifted, truth, 3), 20, 1e-5);
}

}  // namespace
