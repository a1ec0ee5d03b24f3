// The network of examples/superres: against PyTorch, and tiles against a run over the whole picture.
#include <gtest/gtest.h>

#include <cmath>

#include "layers.h"
#include "npz.h"
#include "picture.h"
#include "resample.h"
#include "whole.h"

namespace {

TEST(SuperresNetwork, OneTileAsPyTorchComputesIt) {
    const auto arrays = tconv::compiler::read_npz(SUPERRES "/golden/tile.npz");
    const std::vector<double> &pixels = arrays.at("input").values, &expected = arrays.at("output").values;
    const std::vector<float> input(pixels.begin(), pixels.end());
    const size_t side = kTile + 2 * kHalo;
    ASSERT_EQ(input.size(), side * side);
    ASSERT_EQ(expected.size(), kScale * side * kScale * side);
    Network network(fsrcnn_layers(), kTile, kTile);
    const float *output = network.run(input.data());
    // Values are around 1 and sums at most 56 * 9 long; PyTorch adds them in another order.
    for (size_t i = 0; i < expected.size(); i++) {
        ASSERT_NEAR(output[i], expected[i], 1e-4) << "pixel " << i;
    }
}

#define LAYER(id, ID)                                                                                          \
    {                                                                                                          \
#id, WHOLE_##ID##_KERNEL, WHOLE_##ID##_FLOPS, WHOLE_##ID##_OUTPUT_BYTES, WHOLE_##ID##_WORKSPACE_BYTES, \
            WHOLE_##ID##_ALIGNMENT, whole_##id##_run                                                           \
    }
constexpr Layer kWhole[] = {LAYER(extract, EXTRACT), LAYER(shrink, SHRINK),  LAYER(map1, MAP1),
                            LAYER(map2, MAP2),       LAYER(map3, MAP3),      LAYER(map4, MAP4),
                            LAYER(expand, EXPAND),   LAYER(upscale, UPSCALE)};
// Kernels may be Winograd's, whose tiles begin elsewhere in another picture and round their values otherwise. Those of
// the picture are around 1.
constexpr double kRounding = 2e-5;
constexpr int kWidth = 64, kHeight = 84;  // not multiples of the tile: two tiles each way, the last ones not full
static_assert(WHOLE_EXTRACT_INPUT_BYTES == (kHeight + 2 * kHalo) * (kWidth + 2 * kHalo) * sizeof(float));

TEST(SuperresNetwork, TilesGiveTheWholePicture) {
    const Plane photo = split(load_picture(SUPERRES "/photos/coffee.png")).luma;
    Plane low(kWidth, kHeight);
    for (int y = 0; y < kHeight; y++) {
        std::copy_n(photo.row(y + 100) + 200, kWidth, low.row(y));
    }
    Network tiled(fsrcnn_layers(), kTile, kTile), whole(kWhole, kHeight, kWidth);
    const Plane by_tiles = tiled.enlarge(low), at_once = whole.enlarge(low);
    EXPECT_EQ(tiled.times()[0].size(), 4u);
    EXPECT_EQ(whole.times()[0].size(), 1u);
    ASSERT_EQ(by_tiles.values.size(), at_once.values.size());
    for (size_t i = 0; i < at_once.values.size(); i++) {
        ASSERT_NEAR(by_tiles.values[i], at_once.values[i], kRounding) << "pixel " << i;
    }
}

// The halo is as wide as it has to be: what changes in one pixel shows at most that far away, and does show.
TEST(SuperresNetwork, NoPixelReachesFartherThanTheHalo) {
    const int side = kTile + 2 * kHalo, middle = side / 2;
    std::vector<float> tile(static_cast<size_t>(side) * side, 0.5f);
    Network network(fsrcnn_layers(), kTile, kTile);
    const float *output = network.run(tile.data());
    const std::vector<float> flat(output, output + tile.size() * kScale * kScale);
    tile[static_cast<size_t>(middle) * side + middle] = 1;
    output = network.run(tile.data());
    int farthest = 0;
    for (int y = 0; y < kScale * side; y++) {
        for (int x = 0; x < kScale * side; x++) {
            const size_t i = static_cast<size_t>(y) * kScale * side + x;
            if (std::abs(output[i] - flat[i]) > kRounding) {
                farthest = std::max({farthest, std::abs(y / kScale - middle), std::abs(x / kScale - middle)});
            }
        }
    }
    EXPECT_GT(farthest, 4);
    EXPECT_LE(farthest, kHalo);
}

}  // namespace
