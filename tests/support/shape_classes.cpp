#include "shape_classes.h"

#include <iterator>
#include <ostream>

namespace tconv::testing {
namespace {

// clang-format off: a table
constexpr ShapeClass kClasses[] = {
    // Phases without a tap: outputs that are bias only, and must still be written.
    {"EmptyPhasesStrideAboveKernel",   "n1_c5_h4_w5_o7_k2x3_s5x4_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_relu"},
    {"EmptyPhasesOneTapStrideSix",     "n1_c9_h3_w4_o17_k1x1_s6x6_p0,0,0,0_op5,5_d1x1_g1_f32_nchw"},
    {"EmptyPhasesGcdTwo",              "n1_c6_h5_w6_o9_k3x3_s2x2_p0,0,0,0_op1,1_d2x2_g1_f32_nchw_leaky_relu0.5"},
    {"EmptyPhasesGcdThreeOfSix",       "n1_c4_h4_w4_o5_k3x4_s6x6_p1,2,0,3_op0,0_d3x9_g1_f32_nchw"},
    {"EmptyPhasesWithoutBias",         "n1_c3_h3_w3_o4_k2x2_s4x4_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias"},
    {"EmptyPhasesResidual",            "n1_c3_h3_w3_o4_k2x2_s4x4_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_relu_resafter"},
    // Crops that begin before the full output, end past it, or cut deeper than the kernel reaches.
    {"CropNegative",                   "n1_c4_h5_w5_o6_k3x3_s2x2_p-3,-7,0,0_op0,0_d1x1_g1_f32_nchw"},
    {"CropNegativeByStrides",          "n1_c4_h5_w5_o6_k3x3_s2x2_p-8,-9,-10,-11_op0,0_d1x1_g1_f32_nchw_clip-2,6"},
    {"OutputPastTheEnd",               "n1_c4_h5_w5_o6_k3x3_s2x2_p1,1,-6,-9_op0,0_d1x1_g1_f32_nchw"},
    {"OutputWhollyPastTheEnd",         "n1_c2_h2_w2_o3_k2x2_s2x2_p9,9,-8,-8_op0,0_d1x1_g1_f32_nchw"},
    {"CropDeeperThanKernel",           "n1_c4_h8_w9_o6_k3x3_s2x2_p7,5,4,6_op0,0_d1x1_g1_f32_nchw"},
    {"CropTouchesNoInput",             "n1_c3_h4_w4_o3_k2x2_s3x3_p2,2,8,8_op0,0_d1x1_g1_f32_nchw"},
    {"AsymmetricSamePadding",          "n1_c8_h6_w7_o8_k5x5_s2x2_p1,1,2,2_op0,0_d1x1_g1_f32_nchw_relu"},
    {"OutputPaddingLargest",           "n1_c3_h4_w5_o5_k3x3_s4x3_p1,0,1,0_op3,2_d1x1_g1_f32_nchw"},
    {"OutputPaddingByDilation",        "n1_c3_h4_w5_o5_k3x3_s1x1_p1,1,1,1_op2,3_d3x4_g1_f32_nchw"},
    // Smallest and thinnest.
    {"InputOneByOne",                  "n1_c100_h1_w1_o70_k4x4_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_relu"},
    {"InputOneByOneStrided",           "n3_c35_h1_w1_o19_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"OutputOneByOne",                 "n1_c7_h3_w3_o9_k3x3_s2x2_p3,3,3,3_op0,0_d1x1_g1_f32_nchw"},
    {"OutputOneColumn",                "n1_c7_h6_w3_o9_k3x3_s2x2_p1,3,1,3_op0,0_d1x1_g1_f32_nchw"},
    {"StrideAboveOutput",              "n1_c5_h2_w2_o6_k3x3_s9x9_p5,5,4,4_op0,0_d1x1_g1_f32_nchw"},
    {"EmptyBatch",                     "n0_c5_h2_w2_o6_k3x3_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"},
    {"OneChannelInAndOut",             "n2_c1_h13_w17_o1_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nchw"},
    {"OneChannelOut",                  "n1_c33_h7_w19_o1_k5x5_s3x3_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"OneChannelIn",                   "n1_c1_h7_w19_o33_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"ThreeChannelsOut",               "n1_c24_h9_w31_o3_k9x9_s3x3_p3,3,3,3_op0,0_d1x1_g1_f32_nchw_clip0,6"},
    {"KernelOne",                      "n1_c19_h5_w9_o21_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"},
    {"OddSizes",                       "n3_c13_h7_w11_o19_k3x5_s2x3_p1,2,0,1_op1,0_d1x1_g1_f32_nchw_relu_resbefore"},
    {"TallThin",                       "n1_c17_h301_w1_o9_k5x1_s2x1_p2,0,2,0_op0,0_d1x1_g1_f32_nchw"},
    {"TallThinStrideBoth",             "n1_c6_h150_w1_o11_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"TallThinKernelWide",             "n1_c6_h60_w2_o5_k3x9_s1x4_p0,3,0,2_op0,1_d1x1_g1_f32_nchw"},
    // Blocks: reductions longer than a channel block, rows longer than a column block, many lane blocks.
    {"ChannelsTwoBlocks",              "n1_c257_h3_w4_o18_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"ChannelsOneBlockExactly",        "n1_c256_h3_w4_o18_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"ChannelsTwoBlocksExactly",       "n1_c512_h2_w3_o9_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_relu"},
    {"ChannelsThreeBlocks",            "n1_c515_h3_w3_o17_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_leaky_relu0.25"},
    {"ChannelsManyOut",                "n1_c16_h4_w4_o515_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nchw"},
    {"ChannelsDeepGroups",             "n1_c780_h2_w2_o9_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g3_f32_nchw"},
    {"RowsTwoBlocks",                  "n1_c3_h3_w259_o5_k3x3_s1x1_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"RowsFourBlocks",                 "n1_c5_h2_w1003_o6_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_relu"},
    {"RowsManyBlocksDilated",          "n1_c2_h3_w1025_o3_k3x3_s1x1_p12,12,12,12_op0,0_d12x12_g1_f32_nchw"},
    {"RowsManyBlocksManyChannels",     "n1_c40_h2_w523_o35_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    // Small maps and more than a mebibyte of weights, which the images of a task share; of the first, seven in two tasks.
    {"ImagesShareWeights",             "n7_c131_h1_w10_o63_k1x32_s1x16_p0,8,0,8_op0,0_d1x1_g1_f32_nchw_relu_resbefore"},
    {"ImagesShareWeightsTwoRowPhases", "n3_c131_h5_w9_o126_k4x4_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nchw_leaky_relu0.5"},
    {"ImagesShareWeightsOfGroups",     "n4_c264_h2_w3_o252_k4x4_s4x4_p1,0,2,1_op0,0_d1x1_g2_f32_nchw_nobias"},
    {"ManyRowsManyTasks",              "n2_c16_h67_w65_o19_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    // Long kernels, large strides, wide dilation.
    {"LongOneDimensional",             "n1_c48_h1_w37_o40_k1x64_s1x32_p0,16,0,16_op0,0_d1x1_g1_f32_nchw"},
    {"LongOneDimensionalFewOutputs",   "n1_c129_h1_w11_o1_k1x1024_s1x256_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"},
    {"LongOneDimensionalUpright",      "n1_c20_h37_w1_o7_k64x1_s32x1_p16,0,16,0_op0,0_d1x1_g1_f32_nchw"},
    {"StrideOneHundred",               "n1_c5_h3_w4_o6_k7x9_s100x100_p2,3,1,1_op50,99_d1x1_g1_f32_nchw"},
    // The first tap of phase 43898 is that times the inverse of 934, 49539, modulo the stride: a product beyond int32.
    {"StrideBeyondSixteenBits",        "n1_c1_h1_w2_o2_k54x2_s50021x3_p43000,0,0,0_op0,0_d934x1_g1_f32_nchw"},
    // Far more phases than outputs: only theirs are visited, which begin at phase 29999998 and wrap.
    {"StrideOfMillions",               "n1_c5_h2_w2_o6_k3x3_s30000000x7_p29999998,3,0,3_op0,0_d1x1_g1_f32_nchw"},
    {"StrideOneHundredLongKernel",     "n1_c5_h1_w9_o6_k1x250_s1x100_p0,70,0,80_op0,7_d1x1_g1_f32_nchw"},
    {"DilationTwelve",                 "n1_c17_h21_w23_o18_k3x3_s1x1_p12,12,12,12_op0,0_d12x12_g1_f32_nchw"},
    {"DilationTwelveStrideFive",       "n1_c7_h6_w7_o8_k3x3_s5x5_p3,4,5,6_op0,0_d12x12_g1_f32_nchw"},
    {"DilationEightStrideTwelve",      "n1_c4_h5_w4_o5_k5x4_s12x12_p3,4,5,6_op0,0_d8x9_g1_f32_nchw"},
    // Rows cut where taps fall beside the image: few and many of them, none at all, between blocks of channels.
    {"SegmentsStrideTwo",              "n1_c20_h4_w40_o17_k3x5_s1x2_p1,9,1,20_op0,1_d1x15_g1_f32_nchw"},
    {"SegmentsManyTaps",               "n1_c6_h2_w41_o9_k1x9_s1x1_p0,30,0,31_op0,0_d1x7_g1_f32_nchw_relu"},
    {"SegmentsNarrowMap",              "n2_c9_h3_w5_o21_k2x7_s1x1_p0,-20,0,-30_op0,2_d1x16_g3_f32_nchw"},
    {"SegmentsDepthwise",              "n1_c19_h3_w30_o19_k2x4_s1x3_p0,3,0,5_op0,1_d1x21_g19_f32_nchw"},
    {"SegmentsTwoChannelBlocks",       "n1_c300_h2_w25_o35_k1x4_s1x2_p0,10,0,9_op0,3_d1x14_g1_f32_nchw"},
    {"DifferentAxes",                  "n1_c6_h9_w5_o7_k2x7_s3x1_p1,-2,0,4_op2,0_d1x3_g1_f32_nchw"},
    // Groups.
    {"GroupsOfOddSize",                "n1_c15_h5_w6_o21_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g3_f32_nchw_relu"},
    {"GroupsWiderThanATile",           "n1_c36_h4_w5_o70_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw"},
    {"Depthwise",                      "n2_c37_h9_w10_o37_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g37_f32_nchw_clip0,6"},
    {"DepthwiseDilatedAsymmetric",     "n1_c19_h9_w10_o19_k3x4_s3x2_p1,0,-2,5_op0,1_d2x3_g19_f32_nchw"},
    {"DepthwiseBilinear",              "n1_c21_h9_w10_o21_k16x16_s8x8_p4,4,4,4_op0,0_d1x1_g21_f32_nchw_nobias"},
    {"DepthwiseManyChannels",          "n1_c533_h3_w3_o533_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g533_f32_nchw"},
    // More channels than a task stages, so that later tasks begin at others than the first.
    {"DepthwiseManyTasks",             "n1_c533_h9_w40_o533_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g533_f32_nchw"},
    // 148 merged lanes in two units: the crop leaves the second one phase, which does not begin where the unit does.
    {"MergedUnitCroppedInside",        "n1_c3_h6_w70_o37_k5x5_s1x4_p0,3,0,0_op0,0_d1x1_g1_f32_nchw"},
    {"ChannelMultiplier",              "n1_c11_h5_w6_o33_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g11_f32_nchw"},
    {"OneOutputPerGroup",              "n1_c24_h5_w6_o6_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g6_f32_nchw"},
    // Tiles of several outputs: cut by the map's end, by crops, and by blocks; phases of unlike taps; one axis only.
    {"TilesOfThreeTaps",               "n2_c19_h19_w23_o35_k6x6_s2x2_p2,1,2,3_op0,1_d1x1_g1_f32_nchw"},
    {"TilesOfTwoAndThreeTaps",         "n1_c35_h13_w18_o20_k5x8_s2x3_p0,5,1,0_op1,2_d1x1_g1_f32_nchw_clip-9,9_resbefore"},
    {"TilesOfOneTapDown",              "n1_c17_h9_w70_o21_k1x3_s1x1_p0,1,0,1_op0,0_d1x1_g1_f32_nchw"},
    {"TilesOfOneTapAcross",            "n1_c17_h70_w5_o21_k9x4_s3x4_p2,0,2,0_op0,0_d1x1_g1_f32_nchw_relu"},
    {"TilesOfOneAndTwoTaps",           "n1_c9_h11_w14_o33_k4x5_s3x4_p-5,1,7,-3_op0,0_d1x1_g1_f32_nchw"},
    {"TilesOfManyBlocks",              "n1_c35_h31_w67_o35_k3x3_s1x1_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"TilesOfManyChannelBlocks",       "n1_c515_h7_w15_o35_k3x3_s1x1_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"TilesOfManyUnits",               "n1_c9_h7_w9_o515_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    // The kernel equals the stride: no two taps meet.
    {"KernelEqualsStride",             "n1_c20_h5_w6_o12_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_relu"},
    {"KernelEqualsStrideRows",         "n2_c17_h6_w37_o12_k4x4_s4x4_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_prelu"},
    {"KernelEqualsStrideCropped",      "n1_c256_h5_w50_o8_k3x3_s3x3_p1,3,2,6_op0,0_d1x1_g1_f32_nchw_relu"},
    {"KernelEqualsStrideBeside",       "n1_c9_h5_w40_o8_k2x2_s2x2_p-3,-4,-1,-6_op0,0_d1x1_g1_f32_nchw_leaky_relu0.5"},
    {"KernelEqualsStrideGroups",       "n1_c36_h7_w19_o24_k2x2_s2x2_p0,1,1,0_op1,1_d1x1_g3_f32_nchw_resbefore"},
    {"KernelAsWideAsStride",           "n1_c12_h7_w36_o16_k8x1_s4x1_p2,0,1,0_op0,0_d1x1_g1_f32_nchw"},
    {"KernelOneOfManyRows",            "n2_c35_h23_w7_o20_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_clip0,6"},
    {"KernelOneManyTasks",             "n1_c250_h13_w150_o8_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias"},
    {"KernelEqualsStrideEight",        "n1_c20_h3_w3_o3_k8x8_s8x8_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"},
};
// clang-format on

}  // namespace

const std::vector<ShapeClass> &shape_classes() {
    static const std::vector<ShapeClass> all(std::begin(kClasses), std::end(kClasses));
    return all;
}

std::ostream &operator<<(std::ostream &stream, const ShapeClass &shape) {
    return stream << shape.layer;
}

}  // namespace tconv::testing
