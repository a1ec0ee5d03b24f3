// Fragments as a tensor core multiplies them, without one: the kernels' calls of its instructions, run here, where the 32 lanes
// of a warp are emulated by what PTX's manual says each of them holds. They have to give what the products written out
// give, which OpenCL runs against the oracle (shape_classes_test.cpp).
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "Halide.h"
#include "dense_phases.h"
#include "element_type.h"
#include "fragments.h"

namespace {

using Halide::Buffer;
using tconv::generators::DensePhases;
using tconv::generators::DenseTile;
using tconv::generators::Element;
using tconv::generators::FragmentForm;
using tconv::generators::Lanes;
using tconv::generators::Of;
using tconv::generators::PhaseTable;
using tconv::generators::Products;

__extension__ typedef unsigned __int128 Sums;

constexpr int kLanes = 32;

// What each lane has asked for so far. The calls of all lanes are the same ones in the same order; sums are handles here, of a
// lane and how many of its calls there had been.
struct Asked {
    std::array<uint32_t, 4> a;
    std::array<uint32_t, 2> b;
    uint64_t before;  // the sums added to: a call from 1 on, or 0 for zeros
};
std::array<std::vector<Asked>, kLanes> asked;

Sums handle_of(uint64_t lane, uint64_t call) {
    return Sums{call} << 8 | lane;
}

// A matrix of an instruction, from the elements that lanes hold.
template<int rows, int columns>
using Matrix = std::array<std::array<double, columns>, rows>;

double element_of(int32_t dtype, uint32_t word, int i) {
    const auto half = static_cast<uint16_t>(word >> 16 * i);
    return dtype == TCONV_F32 ? static_cast<double>(std::bit_cast<float>(word)) : tconv::load_element(dtype, &half);
}

// PTX ISA, "Matrix Fragments for mma.m16n8k16" of .f16 and .bf16, and "... for mma.m16n8k8" of .tf32. The accumulators are alike.
template<int depth>
Matrix<16, 8> product(int32_t dtype, uint64_t call) {
    Matrix<16, depth> a;
    Matrix<depth, 8> b;
    Matrix<16, 8> sums = {};
    uint64_t before = 0;
    for (size_t lane = 0; lane < kLanes; lane++) {
        const size_t group = lane >> 2, thread = lane % 4;
        const Asked &one = asked[lane].at(call - 1);
        before = lane == 0 ? one.before : before;
        EXPECT_EQ(one.before, before) << "lanes add to different sums";
        if constexpr (depth == 16) {
            for (size_t i = 0; i < 8; i++) {
                const size_t row = i < 2 || (i >= 4 && i < 6) ? group : group + 8;
                const size_t column = thread * 2 + (i & 1) + (i < 4 ? 0 : 8);
                a[row][column] = element_of(dtype, one.a[i / 2], i % 2);
            }
            for (size_t i = 0; i < 4; i++)
                b[thread * 2 + (i & 1) + (i < 2 ? 0 : 8)][group] = element_of(dtype, one.b[i / 2], i % 2);
        } else {
            for (size_t i = 0; i < 4; i++)
                a[i == 0 || i == 2 ? group : group + 8][i < 2 ? thread : thread + 4] = element_of(dtype, one.a[i], 0);
            for (size_t i = 0; i < 2; i++)
                b[i == 0 ? thread : thread + 4][group] = element_of(dtype, one.b[i], 0);
        }
    }
    if (before != 0)
        sums = product<depth>(dtype, before);
    for (size_t row = 0; row < 16; row++) {
        for (size_t column = 0; column < 8; column++) {
            for (size_t k = 0; k < depth; k++)
                sums[row][column] += a[row][k] * b[k][column];
        }
    }
    return sums;
}

int32_t multiplied;  // the type of the products at hand

std::map<uint64_t, Matrix<16, 8>> products;  // by call

double sum_of(Sums sums, size_t i) {
    const size_t lane = static_cast<size_t>(sums & 0xff), group = lane >> 2, thread = lane % 4;
    const auto call = static_cast<uint64_t>(sums >> 8);
    if (call == 0)
        return 0;
    if (!products.contains(call))
        products[call] = multiplied == TCONV_F32 ? product<8>(multiplied, call) : product<16>(multiplied, call);
    return products[call][i < 2 ? group : group + 8][thread * 2 + (i & 1)];
}

Sums multiply(const std::array<uint32_t, 4> &a, const std::array<uint32_t, 2> &b, Sums sums) {
    const auto lane = static_cast<size_t>(sums & 0xff);
    asked[lane].push_back({a, b, static_cast<uint64_t>(sums >> 8)});
    return handle_of(lane, asked[lane].size());
}

}  // namespace

// What the kernels call, found by name.
extern "C" {
Sums tconv_fragment_zero(int32_t lane) {
    return handle_of(static_cast<uint64_t>(lane), 0);
}
float tconv_fragment_sum(Sums sums, int32_t i) {
    return static_cast<float>(sum_of(sums, static_cast<size_t>(i)));
}
uint32_t tconv_fragment_tf32(uint32_t word) {  // cvt.rna: to nearest, ties away from zero
    return (word + 0x1000) & ~uint32_t{0x1fff};
}
Sums tconv_fragment_mma_f16(uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0, uint32_t b1, Sums sums) {
    return multiply({a0, a1, a2, a3}, {b0, b1}, sums);
}
Sums tconv_fragment_mma_bf16(uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0, uint32_t b1, Sums sums) {
    return multiply({a0, a1, a2, a3}, {b0, b1}, sums);
}
Sums tconv_fragment_mma_tf32(uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0, uint32_t b1, Sums sums) {
    return multiply({a0, a1, a2, a3}, {b0, b1}, sums);
}
}

namespace {

constexpr int kSize = 6, kKernel = 3, kStride = 2, kOut = (kSize - 1) * kStride + kKernel - 2, kPositions = (kOut + 1) / 2;

constexpr float kUntouched = -1e9f;
const Halide::Target kTarget("host-no_asserts-no_bounds_query");

// A layer of one image: k3 s2, cropped by 1.
struct Layer {
    Element element;
    int32_t dtype;
    int channels, outputs;
    Buffer<> input, filter;

    Layer(Element element, int32_t dtype, int channels, int outputs)
        : element(element),
          dtype(dtype),
          channels(channels),
          outputs(outputs),
          input(type(), {channels, kSize, kSize, 1, 1}),
          filter(type(), {outputs, channels, kKernel, kKernel, 1}) {
        std::mt19937 random(7);
        for (Buffer<> *tensor : {&input, &filter}) {
            auto *at = static_cast<char *>(tensor->data());
            for (size_t i = 0; i < tensor->number_of_elements(); i++, at += tconv::element_type(dtype).bytes)
                tconv::store_element(dtype, static_cast<double>(random() % 9) - 4, at);
        }
    }
    Halide::Type type() const { return tconv::generators::stored_type(element); }

    Buffer<> packed(int tile_a) {
        tconv::generators::DevicePack pack = tconv::generators::pack_fragments(element, tile_a);
        pack.from.filter.set(filter);
        pack.from.outputs.set(outputs);
        for (Halide::Param<int> *flip : {&pack.from.flip_co, &pack.from.flip_ci, &pack.from.flip_kx, &pack.from.flip_ky,
                                         &pack.from.flip_g})
            flip->set(0);
        const int step = FragmentForm(element).step_channels;
        return pack.packed.realize({pack.row, (channels + step - 1) / step, kKernel, kKernel,
                                    (outputs + tile_a - 1) / tile_a, 1},
                                   kTarget);
    }

    static Buffer<> table() {
        PhaseTable phases;
        phases.stride.set(kStride), phases.dilation.set(1), phases.gcd.set(1), phases.inverse.set(1);
        phases.kernel.set(kKernel), phases.crop_phase.set(1), phases.crop_quotient.set(0);
        return phases.table.realize({PhaseTable::fields, kStride}, kTarget);
    }

    // The sums of all outputs, in float32.
    Buffer<float> sums(const DenseTile &tile, Products form) {
        DensePhases dense(Of::layer, element, Lanes::fragments, tile, true, form);
        if (form == Products::called) {  // of all lanes, as in a warp, before the first sum is asked for
            const std::vector<Halide::Var> at = dense.fragments.args();
            dense.fragments.compute_root().align_bounds(at[1], FragmentForm::quads).align_bounds(dense.l, FragmentForm::groups);
        }
        dense.sums.compute_root();
        dense.finished.compute_root();
        Buffer<> of_input = input;
        if (tile.step > 1) {
            const int words = channels / FragmentForm(element).numbers;
            of_input = Buffer<>(Halide::UInt(32), input.data(), {words, kSize, kSize, 1, 1});
        }
        dense.input.set(of_input);
        dense.packed.set(packed(tile.a));
        const Buffer<> phases = table();
        dense.phases_x.set(phases), dense.phases_y.set(phases);
        dense.bias.set(Buffer<>(type(), {outputs, 1})), dense.slope.set(Buffer<>(type(), {outputs, 1}));
        dense.residual.set(Buffer<>(type(), {1, 1, 1, 1, 1, 1, 1}));
        dense.channels.set(channels), dense.outputs.set(outputs);
        for (auto *size : {&dense.out_w, &dense.out_h})
            size->set(kOut);
        for (auto *advance : {&dense.advance_x, &dense.advance_y})
            advance->set(1);
        for (auto *step : {&dense.stride_x, &dense.stride_y, &dense.tap_step_x, &dense.tap_step_y, &dense.taps_x, &dense.taps_y,
                           &dense.outputs_x, &dense.outputs_y})
            step->set(kStride);
        dense.offset_step_x.set(1), dense.offset_step_y.set(1);
        dense.tiles_x.set((kPositions + tile.x * tile.lanes_x - 1) / (tile.x * tile.lanes_x));
        dense.tiles_y.set((kPositions + tile.y - 1) / tile.y);
        dense.images.set(1);
        for (auto *kind : {&dense.has_bias, &dense.finish_kind, &dense.has_slope, &dense.residual_kind})
            kind->set(0);
        dense.slope_value.set(0), dense.low.set(0), dense.high.set(0);
        Buffer<float> result(std::vector<int>{outputs, kPositions, kStride, kPositions, kStride, 1, 1});
        result.fill(kUntouched);
        dense.output.realize(result, kTarget);
        return result;
    }
};

void expect_equal_products(Element element, int32_t dtype, const DenseTile &tile, int channels, int outputs) {
    Layer layer(element, dtype, channels, outputs);
    for (std::vector<Asked> &of_lane : asked)
        of_lane.clear();
    products.clear();
    multiplied = dtype;
    const Buffer<float> called = layer.sums(tile, Products::called), written = layer.sums(tile, Products::written_out);
    ASSERT_GT(asked[0].size(), 0u);
    for (size_t lane = 1; lane < kLanes; lane++)
        ASSERT_EQ(asked[lane].size(), asked[0].size()) << lane;
    int different = 0, zeros = 0, outside = 0;
    written.for_each_element([&](const int *at) {
        different += called(at) != written(at);
        zeros += written(at) == 0;
        outside += written(at) == kUntouched;
    });
    EXPECT_EQ(different, 0);
    const int elements = static_cast<int>(written.number_of_elements());
    EXPECT_EQ(outside, elements - kOut * kOut * outputs) << "outputs that the layer has, and no others";
    EXPECT_LT(zeros, elements / 2);
}

constexpr DenseTile tile_of(int a, int x, int y, int step) {
    return {a, FragmentForm::quads, x, y, FragmentForm::groups, 1, step};
}

TEST(Fragments, HalfTypesAsTheInstructionHoldsThem) {
    expect_equal_products(Element::f16_bits, TCONV_F16, tile_of(32, 2, 1, 8), 40, 24);
    expect_equal_products(Element::f16_bits, TCONV_F16, tile_of(64, 1, 2, 1), 9, 67);
    expect_equal_products(Element::bf16, TCONV_BF16, tile_of(32, 2, 2, 8), 64, 8);
}

TEST(Fragments, Tf32AsTheInstructionHoldsIt) {
    expect_equal_products(Element::f32, TCONV_F32, tile_of(32, 1, 2, 4), 20, 12);
    expect_equal_products(Element::f32, TCONV_F32, tile_of(32, 2, 1, 1), 9, 33);
}

}  // namespace
