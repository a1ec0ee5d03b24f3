// Layers compiled for NVIDIA's GPUs, on the driver that records what it is asked (tests/cuda/fake_driver.h): what is loaded
// and launched, with which arguments, what is refused, and what the library needs.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "device_library.h"
#include "fake_driver.h"
#include "npz.h"
#include "tconv/tconv.h"

namespace tconv {
namespace {

using testing::device_memory;
using testing::DeviceLibrary;
using testing::FakeDriver;
using testing::NpyArray;
using testing::TemporaryFolder;

const std::string kNhwc = "n3_c64_h16_w16_o64_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g64_f32_nhwc_relu";
const std::string kCurve = "n3_c8_h512_w512_o2_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_tanh_resafter";

uint64_t number_of(const void *address) {
    return reinterpret_cast<uintptr_t>(address);
}

class Cuda : public ::testing::Test {
protected:
    void SetUp() override {
        driver = testing::open_fake_driver();
        ASSERT_NE(driver, nullptr) << "LD_LIBRARY_PATH leads to another libcuda.so.1, or to none";
        driver->devices = 1, driver->major = 12;  // newer than any machine code, so PTX
        static int contexts = 0;  // the shared library has been loaded into those of other tests
        driver->current = device_memory(1000 + 2 * contexts++);
    }
    void *other_context() const { return static_cast<char *>(driver->current) + 0x100000000; }

    // kNhwc as PTX.
    static const DeviceLibrary &nhwc() {
        static const DeviceLibrary library({"--layer", kNhwc, "--target", "cuda", "--ptxas", "none"});
        return library;
    }

    // Of the layer kNhwc.
    int run(const DeviceLibrary &library, void *stream = nullptr) const {
        return library.call("layer_run", input, packed, bias, output, static_cast<char *>(nullptr), stream);
    }
    // All pointers among the arguments of the n-th launch, whose order is Halide's.
    std::set<uint64_t> pointers_of(int launch) const {
        std::set<uint64_t> pointers;
        for (int i = 0; i < driver->arguments[launch].count; i++) {
            if (driver->arguments[launch].values[i] >= number_of(device_memory(0)))
                pointers.insert(driver->arguments[launch].values[i]);
        }
        return pointers;
    }
    static std::set<uint64_t> numbers(const std::vector<const char *> &addresses) {
        std::set<uint64_t> found;
        for (const char *address : addresses)
            found.insert(number_of(address));
        return found;
    }

    FakeDriver *driver = nullptr;
    char *const filter = device_memory(0), *const packed = device_memory(1), *const input = device_memory(2),
               *const bias = device_memory(3), *const output = device_memory(4), *const residual = device_memory(5),
               *const workspace = device_memory(6);
};

TEST_F(Cuda, PacksAndRunsOnTheStreamInTheCurrentContext) {
    const DeviceLibrary &library = nhwc();
    EXPECT_NE(library.said.find("PTX only"), std::string::npos) << library.said;
    EXPECT_EQ(library.macro("LAYER_WORKSPACE_BYTES"), 0);
    EXPECT_EQ(library.macro("LAYER_ALIGNMENT"), 256);
    EXPECT_EQ(library.macro("LAYER_TENSOR_ALIGNMENT"), 16);
    EXPECT_EQ(library.macro("LAYER_PACKED_BYTES"), 2 * 256 + 4 * 128 * 16) << "two tables, and float32";
    EXPECT_NE(library.header.find("depthwise128x4x1v_cuda"), std::string::npos);
    void *const stream = device_memory(101);
    ASSERT_EQ(library.call("layer_pack", filter, packed, stream), TCONV_OK);
    ASSERT_EQ(driver->launches, 3) << "two tables of phases and the weights";
    EXPECT_EQ(pointers_of(0), numbers({packed}));
    EXPECT_EQ(pointers_of(1), numbers({packed + 256}));
    EXPECT_EQ(pointers_of(2), numbers({filter, packed + 512}));
    ASSERT_EQ(run(library, stream), TCONV_OK);
    ASSERT_EQ(driver->launches, 4);
    for (int i = 0; i < driver->launches; i++) {
        EXPECT_EQ(driver->last[i].stream, stream);
        EXPECT_EQ(driver->last[i].context, driver->current);
        EXPECT_EQ(driver->last[i].block[0] * driver->last[i].block[1] * driver->last[i].block[2], 128u);
    }
    // 16 rows of four tiles each, 3 images and 4 phases, in blocks of 4; one block of 128 channels.
    const unsigned grid[] = {16 * 4 * 3 * 4 / 4, 1, 1};
    EXPECT_EQ(std::memcmp(driver->last[3].grid, grid, sizeof grid), 0);
    EXPECT_EQ(pointers_of(3), numbers({input, packed + 512, packed, packed + 256, bias, output}));
    EXPECT_LE(driver->arguments[3].count, 7) << "sizes and strides are constants of the code";
}

TEST_F(Cuda, LaunchesForPartsOfTheWorkspaceAndBatch) {
    const DeviceLibrary library({"--layer", kCurve, "--target", "cuda", "--ptxas", "none"});
    // 16 MiB hold the sums of two images of three.
    EXPECT_EQ(library.macro("LAYER_WORKSPACE_BYTES"), 2 * 4 * 2 * 1024 * 1024);
    EXPECT_EQ(library.macro("LAYER_TENSOR_ALIGNMENT"), 4);
    auto run_with = [&](char *scratch) {
        return library.call("layer_run", input, packed, bias, residual, output, scratch, static_cast<void *>(nullptr));
    };
    ASSERT_EQ(run_with(workspace), TCONV_OK);
    ASSERT_EQ(driver->launches, 4);
    const int64_t image = 4 * 2 * 1024 * 1024, input_image = 4 * 8 * 512 * 512;
    EXPECT_EQ(pointers_of(0), numbers({input, packed, packed + 256, packed + 512, bias, workspace}));
    EXPECT_EQ(pointers_of(1), numbers({workspace, residual, output}));
    EXPECT_EQ(pointers_of(2), numbers({input + 2 * input_image, packed, packed + 256, packed + 512, bias, workspace}));
    EXPECT_EQ(pointers_of(3), numbers({workspace, residual + 2 * image, output + 2 * image})) << "the third image";
    EXPECT_EQ(driver->last[0].grid[0], 2 * driver->last[2].grid[0]) << "two images, then one";
    EXPECT_EQ(run_with(nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run_with(workspace + 64), TCONV_MISALIGNED);
}

TEST_F(Cuda, RunsCallNothingButLaunches) {
    const DeviceLibrary &library = nhwc();
    ASSERT_EQ(library.call("layer_load"), TCONV_OK);
    EXPECT_EQ(driver->launches, 0);
    const int before = driver->calls, loads = driver->loads;
    EXPECT_EQ(loads, 3) << "tables, packing, the layer";
    const size_t in_use = mallinfo2().uordblks;
    for (int i = 0; i < 100; i++)
        ASSERT_EQ(run(library), TCONV_OK);
    EXPECT_EQ(mallinfo2().uordblks, in_use);
    EXPECT_EQ(driver->calls - before, 200) << "which context, and the launch: no allocation, copy or wait";
    EXPECT_EQ(driver->loads, loads);
}

TEST_F(Cuda, IsLoadedOnceForEachContext) {
    const DeviceLibrary &library = nhwc();
    void *const first = driver->current;
    ASSERT_EQ(run(library), TCONV_OK);
    ASSERT_EQ(run(library), TCONV_OK);
    EXPECT_EQ(driver->loads, 3);
    void *const of_first = driver->last[1].function;
    driver->current = other_context();
    ASSERT_EQ(run(library), TCONV_OK);
    EXPECT_EQ(driver->loads, 6);
    EXPECT_NE(driver->last[2].function, of_first) << "the other context has its own";
    EXPECT_EQ(driver->last[2].context, driver->current);
    EXPECT_EQ(library.call("layer_unload"), TCONV_OK);
    EXPECT_EQ(driver->unloads, 3);
    EXPECT_EQ(library.call("layer_unload"), TCONV_OK) << "nothing to do";
    EXPECT_EQ(driver->unloads, 3);
    driver->current = first;
    ASSERT_EQ(run(library), TCONV_OK);
    EXPECT_EQ(driver->last[3].function, of_first);
    EXPECT_EQ(driver->loads, 6) << "the first context kept it";
    driver->current = static_cast<char *>(first) + 0x100000000;
    ASSERT_EQ(run(library), TCONV_OK);
    EXPECT_EQ(driver->loads, 9);
    EXPECT_EQ(driver->depth, 0);
}

TEST_F(Cuda, WeightsAreBakedInAsTheyWouldBePacked) {
    // 2 groups; 5 of 3 channels, 7 outputs a group.
    const std::string text = "n2_c6_h5_w4_o14_k3x2_s2x3_p0,0,0,0_op0,0_d1x1_g2_f32_nchw_prelu";
    constexpr int kChannels = 3, kOutputs = 7, kHeight = 3, kWidth = 2;
    NpyArray weight = {"weight", {6, kOutputs, kHeight, kWidth}, {}}, bias_of = {"bias", {14}, {}}, slope = {"slope", {14}, {}};
    for (int i = 0; i < 6 * kOutputs * kHeight * kWidth; i++)
        weight.values.push_back(1 + i);
    for (int i = 0; i < 14; i++) {
        bias_of.values.push_back(1000 + i);
        slope.values.push_back(2000 + i);
    }
    const TemporaryFolder folder;
    testing::write_npz(folder / "w.npz", {weight, bias_of, slope});
    const DeviceLibrary library({"--layer", text, "--target", "cuda", "--ptxas", "none", "--weights", folder / "w.npz"});
    EXPECT_EQ(library.symbols.defined.count("layer_pack"), 0u);
    void *const stream = device_memory(101), *const none = nullptr;
    ASSERT_EQ(library.call("layer_run", input, output, none, stream), TCONV_OK);
    ASSERT_EQ(driver->launches, 1);
    EXPECT_EQ(driver->loads, 1) << "nothing that packs";
    EXPECT_EQ(driver->allocated, 1);
    EXPECT_EQ(driver->waits, 1) << "for the copy, once";
    const auto *const block = static_cast<const char *>(driver->copied);
    auto at = [&](size_t byte) { return reinterpret_cast<const float *>(block + byte); };
    const int32_t *const columns = reinterpret_cast<const int32_t *>(block), *const rows = columns + 64;
    // count, first tap and offset of each phase: columns o = 3 j + p take tap p, if there is one; rows tap p and p + 2.
    for (int p = 0; p < 3; p++)
        EXPECT_EQ(columns[4 * p], p < kWidth ? 1 : 0);
    EXPECT_EQ(columns[4 + 1], 1);
    EXPECT_EQ(rows[0], 2);
    EXPECT_EQ(rows[4], 1);
    const std::string lanes = "phase_pixels";
    const size_t kernel = std::stoul(library.header.substr(library.header.find(lanes) + lanes.size()));  // outputs of a block
    const float *const weights = at(512);
    for (int g = 0; g < 2; g++) {
        for (int ci = 0; ci < kChannels; ci++) {
            for (int ky = 0; ky < kHeight; ky++) {
                for (int kx = 0; kx < kWidth; kx++) {
                    for (int co = 0; co < kOutputs; co++) {
                        const size_t blocks = (kOutputs + kernel - 1) / kernel, lane = static_cast<size_t>(co) % kernel;
                        const size_t inner = (static_cast<size_t>(g) * blocks + static_cast<size_t>(co) / kernel) * kHeight;
                        const size_t index = (((inner + ky) * kWidth + kx) * kChannels + ci) * kernel + lane;
                        const size_t source = ((static_cast<size_t>(g * kChannels + ci) * kOutputs + co) * kHeight + ky) * kWidth + kx;
                        ASSERT_EQ(weights[index], weight.values[source]) << co << " " << ci << " " << ky << " " << kx;
                    }
                }
            }
        }
    }
    const size_t packed_bytes = static_cast<size_t>(library.macro("LAYER_PACKED_BYTES"));
    const size_t bias_at = (packed_bytes + 255) / 256 * 256, slope_at = bias_at + 256;
    for (int i = 0; i < 14; i++) {
        EXPECT_EQ(at(bias_at)[i], 1000 + i);
        EXPECT_EQ(at(slope_at)[i], 2000 + i);
    }
    EXPECT_EQ(driver->copied_bytes, slope_at + 14 * sizeof(float));
    const uint64_t base = 0x500000000000;  // of the fake driver's allocations
    int of_block = 0;
    for (int i = 0; i < driver->arguments[0].count; i++) {
        for (const uint64_t part : {base, base + 256, base + 512, base + bias_at, base + slope_at})
            of_block += driver->arguments[0].values[i] == part;
    }
    EXPECT_EQ(of_block, 5);
    EXPECT_EQ(library.call("layer_unload"), TCONV_OK);
    EXPECT_EQ(driver->allocated, 0);
}

TEST_F(Cuda, ArgumentsAreCheckedBeforeAnythingIsLaunched) {
    const DeviceLibrary &library = nhwc();
    void *const stream = nullptr;
    char *const null = nullptr;
    auto with = [&](char *in, char *filter_of, char *with_bias, char *out) {
        return library.call("layer_run", in, filter_of, with_bias, out, null, stream);
    };
    EXPECT_EQ(with(null, packed, bias, output), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(with(input, null, bias, output), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(with(input, packed, null, output), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(with(input, packed, bias, null), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(with(input + 8, packed, bias, output), TCONV_MISALIGNED);
    EXPECT_EQ(with(input, packed + 128, bias, output), TCONV_MISALIGNED);
    EXPECT_EQ(with(input, packed, bias + 2, output), TCONV_MISALIGNED);
    EXPECT_EQ(with(input, packed, bias, output + 4), TCONV_MISALIGNED);
    EXPECT_EQ(with(input + 1, packed, bias, null), TCONV_INVALID_ARGUMENT) << "NULL comes first";
    EXPECT_EQ(library.call("layer_pack", null, packed, stream), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(library.call("layer_pack", filter, null, stream), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(library.call("layer_pack", filter + 2, packed, stream), TCONV_MISALIGNED);
    EXPECT_EQ(library.call("layer_pack", filter, packed + 64, stream), TCONV_MISALIGNED);
    EXPECT_EQ(driver->calls, 0);
    EXPECT_EQ(with(input + 16, packed + 256, bias + 4, output + 16), TCONV_OK);
}

TEST_F(Cuda, EveryFaultHasACodeAndLeavesNothing) {
    const DeviceLibrary &library = nhwc();
    struct Fault {
        const char *function;
        int result;
        tconv_status status;
    };
    for (const Fault &fault : {Fault{"cuCtxGetCurrent", 3, TCONV_DEVICE_ERROR},
                               {"cuCtxGetDevice", 201, TCONV_DEVICE_ERROR}, {"cuDeviceGetAttribute", 101, TCONV_NO_DEVICE},
                               {"cuModuleLoadData", 2, TCONV_OUT_OF_MEMORY}, {"cuModuleLoadData", 209, TCONV_DEVICE_ERROR},
                               {"cuModuleGetFunction", 500, TCONV_DEVICE_ERROR}}) {
        driver->failing = fault.function, driver->failing_with = fault.result;
        EXPECT_EQ(run(library), fault.status) << fault.function;
        EXPECT_EQ(library.call("layer_load"), fault.status) << fault.function;
        EXPECT_EQ(driver->loads, driver->unloads) << fault.function;
        EXPECT_EQ(driver->launches, 0);
    }
    driver->failing = nullptr;
    void *const context = driver->current;
    driver->current = nullptr;
    EXPECT_EQ(run(library), TCONV_NO_DEVICE) << "no context is current";
    driver->current = context;
    driver->major = 7, driver->minor = 5;
    EXPECT_EQ(run(library), TCONV_UNSUPPORTED_DEVICE);
    driver->major = 12, driver->minor = 0;
    driver->failing = "cuLaunchKernel", driver->failing_with = 701;
    EXPECT_EQ(run(library), TCONV_DEVICE_ERROR);
    EXPECT_EQ(library.call("layer_pack", filter, packed, static_cast<void *>(nullptr)), TCONV_DEVICE_ERROR);
    driver->failing = nullptr;
    EXPECT_EQ(run(library), TCONV_OK);
}

TEST_F(Cuda, DriversThatDoNotStartAndWeightsThatCannotBeLoaded) {
    const TemporaryFolder folder;
    testing::write_npz(folder / "w.npz", {{"weight", {1, 1, 2, 2}, {1, 2, 3, 4}}, {"bias", {1}, {5}}});
    const DeviceLibrary library({"--layer", "n1_c1_h4_w4_o1_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f16_nhwc", "--target", "cuda", "--ptxas",
                           "none", "--weights", folder / "w.npz"});
    void *const none = nullptr;
    auto run_it = [&] { return library.call("layer_run", input, output, none, none); };
    driver->failing = "cuInit", driver->failing_with = 3;
    EXPECT_EQ(run_it(), TCONV_DEVICE_ERROR) << "the driver does not start";
    for (const char *function : {"cuMemAlloc", "cuMemcpyHtoD", "cuStreamSynchronize"}) {
        driver->failing = function, driver->failing_with = 2;
        EXPECT_EQ(run_it(), TCONV_OUT_OF_MEMORY) << function;
        EXPECT_EQ(driver->allocated, 0) << function;
        EXPECT_EQ(driver->loads, driver->unloads) << function;
    }
    driver->failing = nullptr;
    EXPECT_EQ(run_it(), TCONV_OK);
}

TEST_F(Cuda, AnEmptyBatchNeedsNoDevice) {
    const DeviceLibrary library({"--layer", "n0_c4_h3_w3_o4_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw", "--target", "cuda", "--ptxas",
                           "none"});
    driver->failing = "cuInit", driver->failing_with = 100;
    void *const none = nullptr;
    EXPECT_EQ(library.call("layer_run", input, packed, bias, output, none, none), TCONV_OK);
    EXPECT_EQ(library.call("layer_run", input, packed, bias, none, none, none), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(driver->calls, 0);
}

TEST_F(Cuda, NeedsTheCLibraryAndTakesNoNames) {
    const std::set<std::string> libc = {"calloc", "dlclose", "dlopen", "dlsym",  "free",   "malloc",
                                        "memcmp", "memcpy",  "memset", "strlen", "vsnprintf", "pthread_mutex_lock",
                                        "pthread_mutex_unlock"};
    const DeviceLibrary library({"--layer", kNhwc, "--layer", kCurve, "--bundle", "--target", "cuda", "--ptxas", "none"}, "net");
    for (const std::string &symbol : library.symbols.undefined)
        EXPECT_EQ(libc.count(symbol), 1u) << symbol;
    EXPECT_EQ(library.symbols.defined.size(), 16u) << "of two layers, eight each";
    for (const std::string &symbol : library.symbols.defined)
        EXPECT_EQ(symbol.rfind("net_", 0), 0u) << symbol;
    // Both run; and at once with the same layer under another name.
    const DeviceLibrary &other = nhwc();
    EXPECT_EQ(library.call("net_n3_c64_h16_w16_o64_k4x4_s2x2_p1_1_1_1_op0_0_d1x1_g64_f32_nhwc_relu_load"), TCONV_OK);
    EXPECT_EQ(driver->loads, 3);
    EXPECT_EQ(other.call("layer_load"), TCONV_OK);
    EXPECT_EQ(driver->loads, 6);
    EXPECT_EQ(library.call("net_n3_c8_h512_w512_o2_k2x2_s2x2_p0_0_0_0_op0_0_d1x1_g1_f32_nchw_tanh_resafter_load"), TCONV_OK);
    EXPECT_EQ(driver->loads, 10);
}

TEST_F(Cuda, MachineCodeForTheNamedArchitectures) {
    if (std::string(TCONV_PTXAS).empty()) {
        GTEST_SKIP() << "[SKIP] no ptxas, so no machine code to look at";
    }
    const DeviceLibrary library({"--layer", kNhwc, "--target", "cuda-sm_90-sm_86", "--ptxas", TCONV_PTXAS});
    EXPECT_NE(library.header.find("compile for cuda-sm_86-sm_90."), std::string::npos) << library.header;
    struct Device {
        int major, minor;
        const char *begins;
    };
    for (const Device &device : {Device{8, 0, "//\n/"}, {8, 6, "\177ELF"}, {8, 9, "\177ELF"}, {9, 0, "\177ELF"}, {10, 0, "//\n/"}}) {
        driver->major = device.major, driver->minor = device.minor;
        driver->current = static_cast<char *>(driver->current) + 0x1000;
        ASSERT_EQ(library.call("layer_load"), TCONV_OK);
        EXPECT_EQ(std::memcmp(driver->loaded_image, device.begins, 4), 0) << device.major << "." << device.minor;
    }
}

// A stand-in for ptxas, which finds too few registers for the layer's kernel unless it takes all sizes as arguments.
TEST_F(Cuda, SizesStayArgumentsWhereConstantsTakeTooManyRegisters) {
    const TemporaryFolder folder;
    const std::string ptxas = folder / "ptxas";
    testing::write_file(ptxas, "#!/bin/sh\n"
                               "grep -q '_g_block_id_z.*_param_20' \"$3\" || ! grep -q _g_block_id_z \"$3\" && spilled=0 || spilled=8\n"
                               "echo \"0 bytes stack frame, $spilled bytes spill stores, 0 bytes spill loads\"\n"
                               "echo code > \"$5\"\n");
    std::filesystem::permissions(ptxas, std::filesystem::perms::owner_all);
    const DeviceLibrary library({"--layer", kNhwc, "--target", "cuda-sm_80", "--ptxas", ptxas});
    EXPECT_NE(library.said.find("its sizes stay arguments"), std::string::npos) << library.said;
    ASSERT_EQ(run(library), TCONV_OK);
    EXPECT_GT(driver->arguments[0].count, 40);
    const uint64_t *const values = driver->arguments[0].values;
    for (const uint64_t size : {64, 32, 16, 3, 2}) // channels, columns, positions, images, stride
        EXPECT_NE(std::find(values, values + driver->arguments[0].count, size), values + driver->arguments[0].count) << size;
}

TEST_F(Cuda, EveryTypeAndKindOfKernel) {
    for (const char *layer :
         {"n1_c64_h9_w7_o64_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f64_nhwc", "n1_c64_h9_w7_o64_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f16_nhwc",
          "n1_c64_h9_w7_o3_k5x5_s2x2_p2,2,2,2_op1,1_d1x1_g1_bf16_nchw_sigmoid",
          "n2_c32_h9_w7_o32_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g32_f32_nhwc_clip0,6",
          "n2_c32_h9_w7_o32_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g32_f16_nchw_softmax_resbefore"}) {
        driver->launches = 0;
        const DeviceLibrary library({"--layer", layer, "--target", "cuda"});
        const bool residual_too = std::string(layer).find("_res") != std::string::npos, curve = library.macro("LAYER_WORKSPACE_BYTES") > 0;
        void *const none = nullptr;
        ASSERT_EQ(library.call("layer_pack", filter, packed, none), TCONV_OK);
        const int status = residual_too ? library.call("layer_run", input, packed, bias, residual, output, workspace, none)
                                        : library.call("layer_run", input, packed, bias, output, workspace, none);
        ASSERT_EQ(status, TCONV_OK) << layer;
        EXPECT_EQ(driver->launches, curve ? 5 : 4) << layer;
    }
}

}  // namespace
}  // namespace tconv
