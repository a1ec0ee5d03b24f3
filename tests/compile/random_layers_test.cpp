// Random layers, compiled and run: serial, on a thread pool, and with filter, bias and batch norm baked in. On integer
// data each result must equal the oracle's. TCONV_LAYERS sets how many, TCONV_SEED where they start.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>

#include "compiled.h"
#include "pool.h"
#include "problem.h"
#include "random_spec.h"
#include "reference.h"
#include "runner.h"

namespace tconv {
namespace {

using testing::Block;
using testing::CompiledLayer;
using testing::Problem;
using testing::Random;

enum class Mode { kSerial, kHooks, kBaked, kBakedHooks };
constexpr Mode kModes[] = {Mode::kSerial, Mode::kHooks, Mode::kBaked, Mode::kBakedHooks};
constexpr const char *kModeNames[] = {"serial", "hooks", "baked", "baked, hooks"};

// Weights as a framework would save them, and the exact answer for them.
struct Trained {
    std::vector<testing::NpyArray> arrays;
    std::vector<double> expected;
};

// Batch norm's parameters are powers of two and integers, so that folding them rounds nothing; var + eps is a square.
Trained train(const Problem &problem, Random &random) {
    const tconv_spec &spec = problem.spec;
    const int64_t outputs = spec.out_channels, per_group = outputs / spec.groups;
    Trained trained;
    std::vector<double> filter = problem.filter.logical(), bias = problem.bias.logical();
    const std::vector<double> slope = problem.slope.logical();
    if (!spec.has_bias)
        bias.assign(bias.size(), 0);
    const bool narrow = random.chance(0.5) && spec.dtype != TCONV_F64;  // its values are no floats
    const std::string type = narrow ? "<f4" : "<f8";
    const auto save = [&](const std::string &name, const std::vector<int64_t> &shape, std::vector<double> values) {
        trained.arrays.push_back({name, shape, std::move(values), type});
    };
    save("weight", {spec.in_channels, per_group, spec.kernel_h, spec.kernel_w}, filter);
    if (spec.has_bias)
        save("bias", {outputs}, bias);
    if (spec.activation == TCONV_ACT_PRELU)
        save("slope", {outputs}, slope);
    if (random.chance(0.5)) {
        constexpr double kGammas[] = {0.5, 1, 2, -1}, kDeviations[] = {0.5, 1, 2}, kEps = 0.125;
        std::vector<double> gamma, beta, mean, var, scale;
        for (int64_t o = 0; o < outputs; ++o) {
            const double deviation = random.pick(kDeviations);
            gamma.push_back(random.pick(kGammas));
            beta.push_back(static_cast<double>(random.range(-9, 9)));
            mean.push_back(static_cast<double>(random.range(-9, 9)));
            var.push_back(deviation * deviation - kEps);
            scale.push_back(gamma.back() / deviation);
            bias[static_cast<size_t>(o)] = (bias[static_cast<size_t>(o)] - mean.back()) * scale.back() + beta.back();
        }
        save("bn_gamma", {outputs}, gamma);
        save("bn_beta", {outputs}, beta);
        save("bn_mean", {outputs}, mean);
        save("bn_var", {outputs}, var);
        save("bn_eps", {}, {kEps});
        const int64_t taps = int64_t{spec.kernel_h} * spec.kernel_w, inputs_per_group = spec.in_channels / spec.groups;
        for (int64_t i = 0; i < static_cast<int64_t>(filter.size()); ++i) {
            const int64_t input = i / taps / per_group;
            filter[static_cast<size_t>(i)] *=
                scale[static_cast<size_t>(input / inputs_per_group * per_group + i / taps % per_group)];
        }
    }
    for (std::vector<double> *values : {&filter, &bias}) {
        for (double &value : *values)
            value = rounded_to(spec.dtype, value);  // what is baked in is of the layer's type
    }
    tconv_spec folded = spec;
    folded.has_bias = 1;
    const std::vector<double> input = problem.input.logical(), residual = problem.residual.logical();
    trained.expected.resize(static_cast<size_t>(problem.output.size()));
    reference::run(folded,
                   {input.data(), filter.data(), bias.data(), slope.data(), residual.data(), trained.expected.data()});
    return trained;
}

class Case {
public:
    // Data for any kernel that the layer may be compiled with, Winograd's too.
    Case(const tconv_spec &spec, Mode mode, Random &random, const std::vector<std::string> &options = {})
        : problem(spec, random.next(), testing::Placement::kDense, testing::lots_for(spec).back().rules), mode(mode) {
        std::optional<Trained> trained;
        CompiledLayer::Request request = {.spec = spec, .weights = {}, .options = options};
        request.hooks = mode == Mode::kHooks || mode == Mode::kBakedHooks;
        if (mode == Mode::kBaked || mode == Mode::kBakedHooks) {
            trained = train(problem, random);
            request.weights = trained->arrays;
        }
        expected = trained ? trained->expected : problem.expected();
        layer.emplace(request);
        threads = static_cast<int32_t>(random.range(1, 4));
    }

    void run() {
        ASSERT_EQ(layer->error, "");
        check_header();
        const int32_t slots = layer->header.tasks > 0 ? threads : 1;
        Block packed(static_cast<size_t>(layer->header.packed_bytes));
        Block workspace(static_cast<size_t>(layer->header.workspace_bytes * slots));
        if (!baked()) {
            ASSERT_EQ(layer->pack(problem.filter.view().data, packed.data()), 0);
        }
        const tconv_tensors t = problem.tensors();
        const std::vector<const void *> values = layer->values(
            {t.input.data, packed.data(), t.bias, t.act_slope, t.residual.data, t.output.data, workspace.data()});
        check_statuses(values);
        ASSERT_EQ(layer->run(values), 0);
        ASSERT_EQ(problem.compare(expected), "");
        if (layer->header.tasks > 0)
            run_in_parts(values, workspace);
        ASSERT_TRUE(packed.guards_intact() && workspace.guards_intact()) << "written past packed or workspace";
    }

    Problem problem;
    std::optional<CompiledLayer> layer;

private:
    bool baked() const { return mode == Mode::kBaked || mode == Mode::kBakedHooks; }

    void check_header() {
        const tconv_spec &spec = problem.spec;
        const int64_t element = element_type(spec.dtype).bytes;
        EXPECT_EQ(layer->header.input_bytes, problem.input.size() * element);
        EXPECT_EQ(layer->header.filter_bytes, problem.filter.size() * element);
        EXPECT_EQ(layer->header.output_bytes, problem.output.size() * element);
        EXPECT_EQ(layer->header.bias_bytes,
                  layer->text.find("_nobias") == std::string::npos ? spec.out_channels * element : 0);
        EXPECT_EQ(layer->header.alignment, 64);
        EXPECT_EQ(layer->header.flops, 2.0 * static_cast<double>(problem.input.size()) * spec.out_channels /
                                           spec.groups * spec.kernel_h * spec.kernel_w);
        testing::KernelName kernel;
        EXPECT_TRUE(testing::parse_kernel_name(layer->kernel, &kernel)) << layer->kernel;
        tconv_spec parsed;
        tconv_spec_init(&parsed, sizeof parsed);
        ASSERT_EQ(tconv_spec_parse(layer->text.c_str(), &parsed, nullptr, 0), TCONV_OK) << layer->text;
        parsed.has_bias = spec.has_bias;  // folding a batch norm makes a bias
        EXPECT_EQ(testing::text_of(parsed), testing::text_of(spec));
    }

    // NULL is 10, misaligned is 31, of every function, and nothing has been written then.
    void check_statuses(const std::vector<const void *> &values) {
        const std::vector<uint64_t> before = problem.output.bits();
        const testing::Pool two(2);  // each of its workers has a workspace of its own
        const auto expect = [&](const std::vector<const void *> &bad, tconv_status status, const std::string &what) {
            EXPECT_EQ(layer->run(bad), status) << what;
            if (mode == Mode::kHooks || mode == Mode::kBakedHooks) {
                EXPECT_EQ(layer->run_task(0, bad), status) << what;
                EXPECT_EQ(layer->run_hooks(&two.hooks, bad), status) << what;
            }
        };
        for (size_t i = 0; i < values.size(); ++i) {
            const std::string &name = layer->parameters()[i];
            std::vector<const void *> bad = values;
            bad[i] = nullptr;
            expect(bad, TCONV_INVALID_ARGUMENT, name + " is NULL");
            if (name == "packed" || name == "workspace") {
                bad[i] = static_cast<const char *>(values[i]) + 4;
                expect(bad, TCONV_MISALIGNED, name + " is misaligned");
            }
        }
        if (mode == Mode::kHooks || mode == Mode::kBakedHooks) {
            EXPECT_EQ(layer->run_hooks(nullptr, values), TCONV_INVALID_ARGUMENT);
        }
        if (!baked())
            check_statuses_of_pack();
        EXPECT_EQ(problem.output.bits(), before) << "a refused call wrote to the output";
    }

    void check_statuses_of_pack() {
        Block packed(static_cast<size_t>(layer->header.packed_bytes) + 64);
        const void *const filter = problem.filter.view().data;
        EXPECT_EQ(layer->pack(nullptr, packed.data()), TCONV_INVALID_ARGUMENT);
        EXPECT_EQ(layer->pack(filter, nullptr), TCONV_INVALID_ARGUMENT);
        EXPECT_EQ(layer->pack(filter, static_cast<char *>(packed.data()) + 4), TCONV_MISALIGNED);
    }

    void run_in_parts(const std::vector<const void *> &values, Block &workspace) {
        testing::Pool pool(threads);
        problem.output.poison();
        workspace.fill(testing::kAllOnes);
        ASSERT_EQ(layer->run_hooks(&pool.hooks, values), 0) << threads << " threads";
        ASSERT_EQ(problem.compare(expected), "") << threads << " threads";
        problem.output.poison();
        for (int64_t task = layer->header.tasks; task-- > 0;)
            ASSERT_EQ(layer->run_task(static_cast<int32_t>(task), values), 0);
        ASSERT_EQ(problem.compare(expected), "") << "tasks in reverse order";
    }

    std::vector<double> expected;
    Mode mode;
    int32_t threads;
};

TEST(RandomLayers, CompiledEqualTheOracle) {
    const uint64_t seed = testing::seed_from_environment();
    const char *const text = std::getenv("TCONV_LAYERS");
    const uint64_t count = text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 0) : 32;
    std::printf("TCONV_SEED=%llu TCONV_LAYERS=%llu\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(count));
    std::map<std::string, int> kernels;
    for (uint64_t i = 0; i < count; ++i) {
        Random random(testing::seed_of_case(seed, i));
        testing::SpecLimits limits;
        limits.dtype = testing::dtype_of_case(i / 4);
        limits.exact_only = true;
        const int64_t kind = random.below(10);
        limits.depthwise = kind == 0, limits.winograd = kind < 4 && kind > 0;
        limits.most_flops = random.chance(0.3) ? 20e6 : 2e6;
        const tconv_spec spec = testing::random_legal_spec(random, limits);
        const Mode mode = kModes[i % 4];
        SCOPED_TRACE("TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i) + " " +
                     testing::text_of(spec) + ", " + kModeNames[static_cast<int>(mode)]);
        Case one(spec, mode, random);
        one.run();
        if (HasFatalFailure() || HasNonfatalFailure())
            return;
        ++kernels[one.layer->kernel];
    }
    for (const auto &[kernel, runs] : kernels)
        std::printf("%4d  %s\n", runs, kernel.c_str());
}

// For Zen 4, which layers compiled for Intel's processors, slow at these products, would not show. Its target has SSE4A,
// which only AMD's processors have.
TEST(RandomLayers, PairsOfBfloat16) {
#if defined(__x86_64__)
    const std::vector<std::string> usable = testing::usable_kernels();
    if (!__builtin_cpu_supports("sse4a") || std::none_of(usable.begin(), usable.end(), testing::multiplies_pairs))
        GTEST_SKIP() << "[SKIP] this processor does not run layers compiled for Zen 4";
#else
    GTEST_SKIP() << "[SKIP] not x86-64";
#endif
    const std::string target =
        "x86-64-linux-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake-avx512_cannonlake-avx512_zen4";
    // Of so many taps, dilation and stride or groups that Winograd's tiles do not compete; channels odd, of full panels, and of two blocks.
    const char *const kLayers[] = {"n1_c75_h9_w10_o64_k6x6_s1x1_p3,3,3,3_op0,0_d2x2_g1_f32_nhwc",
                                   "n2_c64_h9_w33_o70_k3x4_s2x2_p1,1,1,1_op0,0_d3x3_g1_f32_nchw_relu",
                                   "n1_c600_h6_w8_o64_k3x6_s1x1_p1,1,1,1_op0,0_d2x2_g1_f32_nhwc",
                                   "n1_c90_h8_w9_o128_k3x3_s1x1_p1,1,1,1_op0,0_d2x2_g2_f32_nchw"};
    for (int i = 0; i < 4; ++i) {
        const tconv_spec spec = testing::layer(kLayers[i], TCONV_BF16);
        SCOPED_TRACE(testing::text_of(spec) + ", " + kModeNames[i]);
        Random random(testing::seed_of_case(testing::seed_from_environment(), 500 + static_cast<uint64_t>(i)));
        Case one(spec, kModes[i], random, {"--target", target});
        one.run();
        EXPECT_TRUE(testing::multiplies_pairs(one.layer->kernel)) << one.layer->kernel;
    }
}

// Cut as rows of a tuned table say. For a processor that --target names, with instructions that this one has: whose it is
// decides which rows are read.
TEST(RandomLayers, ByTunedRows) {
    std::string isa, target, microarchitecture;
    for (const std::string &kernel : testing::usable_kernels()) {
        if (kernel.ends_with("_avx512")) {
            isa = "avx512", microarchitecture = "znver4";
            target = "x86-64-linux-tune_znver4-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake";
        } else if (kernel.ends_with("_avx2") && isa.empty()) {
            isa = "avx2", microarchitecture = "znver1";
            target = "x86-64-linux-tune_znver1-sse41-avx-f16c-fma-avx2";
        }
    }
    if (isa.empty())
        GTEST_SKIP() << "[SKIP] no kernels for AVX2 here";
    const char *const kLayers[] = {"n1_c24_h25_w11_o40_k3x3_s1x1_p1,1,1,1_op0,0_d1x1_g1_f32_nchw",
                                   "n1_c20_h12_w13_o40_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc",
                                   "n1_c40_h9_w11_o40_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g40_f32_nhwc"};
    const uint64_t seed = testing::seed_from_environment();
    int followed = 0;
    for (uint64_t i = 0; i < 12; ++i) {
        Random random(testing::seed_of_case(seed, 600 + i));
        const tconv_spec spec = testing::layer(kLayers[i % 3]);
        std::vector<std::string> kernels;
        for (const testing::Lot &lot : testing::lots_for(spec)) {
            for (const std::string &kernel : lot.kernels) {
                if (kernel.ends_with("_" + isa) && kernel.find("_gather_") == std::string::npos)
                    kernels.push_back(kernel);
            }
        }
        const std::string &kernel = kernels[static_cast<size_t>(random.below(static_cast<int64_t>(kernels.size())))];
        constexpr int kBlocks[] = {0, 2, 4, 8}, kUnits[] = {0, 1};  // whole tiles of Winograd's with two outputs or four
        const std::string cut = std::to_string(random.pick(kBlocks)) + "," + std::to_string(random.pick(kBlocks)) + "," +
                                std::to_string(random.pick(kUnits));
        const testing::TemporaryFolder folder;
        testing::write_file(folder / (isa + "-f32.csv"),
                            "layer,microarchitecture,kernel,block_h,block_w,units,gflops,of_peak,cpu,version,date\n\"" +
                                std::string(kLayers[i % 3]) + "\"," + microarchitecture + "," + kernel + "," + cut +
                                ",1,0.5,cpu,0.1.0,2026-11-27\n");
        SCOPED_TRACE("TCONV_SEED=" + std::to_string(seed) + " " + kLayers[i % 3] + " " + kernel + " " + cut);
        Case one(spec, kModes[i % 2], random, {"--target", target, "--db", folder.path().string()});
        one.run();
        if (HasFatalFailure() || HasNonfatalFailure())
            return;
        // Else the row does not suit the layer, and the compiler says so.
        const bool follows = one.layer->said.find("chosen by the tuned row of this layer") != std::string::npos;
        EXPECT_NE(one.layer->said.find(follows ? ":2, 1 GFLOP/s on cpu, is followed" : ":2: the row for " + kernel),
                  std::string::npos)
            << one.layer->said;
        EXPECT_TRUE(!follows || one.layer->kernel == kernel) << one.layer->kernel;
        followed += follows;
    }
    EXPECT_GE(followed, 6);
}

// Heavy weights and small maps: tasks of four and three images, and of all. STRICT keeps Winograd's tiles, which take one
// image at a time, from being chosen.
TEST(RandomLayers, ImagesShareWeights) {
    const char *const kLayers[] = {"n7_c131_h1_w10_o63_k1x32_s1x16_p0,8,0,8_op0,0_d1x1_g1_f32_nchw_relu_resbefore_strict",
                                   "n4_c264_h2_w3_o252_k4x4_s4x4_p1,0,2,1_op0,0_d1x1_g2_f32_nhwc_nobias_strict"};
    for (int i = 0; i < 2; ++i) {
        const tconv_spec spec = testing::layer(kLayers[i]);
        for (const Mode mode : {Mode::kSerial, Mode::kHooks}) {
            SCOPED_TRACE(testing::text_of(spec) + ", " + kModeNames[static_cast<int>(mode)]);
            Random random(testing::seed_of_case(testing::seed_from_environment(), 700 + static_cast<uint64_t>(i)));
            Case one(spec, mode, random);
            one.run();
        }
    }
}

TEST(RandomLayers, NoImageIsNoWork) {
    const tconv_spec spec = testing::layer("n0_c3_h5_w4_o7_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nchw");
    Random random(1);
    Case one(spec, Mode::kSerial, random);
    one.run();
}

}  // namespace
}  // namespace tconv
