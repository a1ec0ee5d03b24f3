// Deliberate errors in generated code and in the runtime, each of which a sanitizer must report.
// usage: sanitize.misuse ERROR [KERNEL]      prints "not reported" if nothing stops it
//   input, packed, bias, workspace, output   that block is shorter than the kernel was told
//   race-output, race-workspace              two threads run one plan, and have that block in common
//   no-race                                  two threads run one plan on blocks of their own: nothing to report
//   spec                                     a spec at a misaligned address
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "runner.h"

using tconv::testing::Plan;
using tconv::testing::Problem;

namespace {

// Memory straight from malloc, where AddressSanitizer watches the bytes at both ends.
class HeapBlock {
public:
    explicit HeapBlock(size_t bytes) {
        if (posix_memalign(&data_, 64, bytes) != 0)
            std::exit(EXIT_FAILURE);
        std::memset(data_, 0, bytes);
    }
    ~HeapBlock() { std::free(data_); }
    HeapBlock(const HeapBlock &) = delete;
    HeapBlock &operator=(const HeapBlock &) = delete;
    void *get() const { return data_; }

private:
    void *data_ = nullptr;
};

// What to allocate: for the block that is to be too short one element less, so that the error lies right behind it,
// or of the workspace, whose end is padding, only the beginning.
size_t allocated(const std::string &error, const std::string &block, size_t right, size_t element) {
    return error != block ? right : block == "workspace" ? 64 : right - element;
}

int run(const std::string &error, const std::string &kernel) {
    // Depthwise kernels want one channel a group, those of two or four planes outputs in fours, woven ones a kernel as wide
    // as its stride too; 19 channels fill no whole number of any other tile.
    const bool depthwise = kernel.find("depthwise") != std::string::npos;
    const bool woven = kernel.find("woven") != std::string::npos;
    const bool planes = woven || kernel.find("planes") != std::string::npos;
    const tconv_spec spec = tconv::testing::layer("n1_c19_h4_w33_o" + std::string(planes ? "20" : "19") +
                                                      (woven ? "_k2x2_s2x2_p0,0,0,0" : "_k4x4_s2x2_p1,1,1,1") +
                                                      "_op0,0_d1x1_g" + std::string(depthwise ? "19" : "1") + "_f32_nchw",
                                                  kernel.empty() ? TCONV_F32 : tconv::testing::dtype_of(kernel));
    const Plan plan(spec, kernel);
    if (plan.status != TCONV_OK)
        return 2;
    const tconv_requirements &needs = plan.needs;
    HeapBlock filter(needs.filter_bytes), whole(needs.packed_filter_bytes);
    tconv_view weights;
    tconv_view_filter(&spec, TCONV_IOHW, filter.get(), &weights);
    if (tconv_pack_filter(plan.get(), &weights, whole.get(), needs.packed_filter_bytes) != TCONV_OK)
        return 3;
    const auto bytes = [&](const char *block, size_t right) {
        const bool tensor = std::strcmp(block, "packed") != 0;  // the packed filter holds numbers of the arithmetic
        const int32_t dtype = tensor ? spec.dtype : tconv::arithmetic_of(spec.dtype);
        return allocated(error, block, right, static_cast<size_t>(tconv::element_type(dtype).bytes));
    };
    HeapBlock input(bytes("input", needs.input_bytes)), bias(bytes("bias", needs.bias_bytes)),
        output(bytes("output", needs.output_bytes)), workspace(bytes("workspace", needs.workspace_bytes)),
        packed(bytes("packed", needs.packed_filter_bytes));
    std::memcpy(packed.get(), whole.get(), bytes("packed", needs.packed_filter_bytes));
    tconv_tensors tensors;
    tconv_tensors_init(&tensors, sizeof tensors);
    tconv_view_input(&spec, spec.layout, input.get(), &tensors.input);
    tconv_view_output(&spec, spec.layout, output.get(), &tensors.output);
    tensors.packed_filter = packed.get();
    tensors.bias = bias.get();
    tensors.workspace = workspace.get();
    tensors.workspace_bytes = needs.workspace_bytes;
    if (error.find("race") == std::string::npos)
        return tconv_run(plan.get(), &tensors);
    HeapBlock other_output(needs.output_bytes), other_workspace(needs.workspace_bytes);
    tconv_tensors others = tensors;
    if (error != "race-output")
        tconv_view_output(&spec, spec.layout, other_output.get(), &others.output);
    if (error != "race-workspace")
        others.workspace = other_workspace.get();
    // Nothing orders the two runs, so that they race even where they happen to come one after the other.
    std::thread other([&] { tconv_run(plan.get(), &others); });
    const tconv_status status = tconv_run(plan.get(), &tensors);
    other.join();
    return status;
}

int misaligned_spec() {
    alignas(tconv_spec) char bytes[sizeof(tconv_spec) + 1] = {};
    char message[100];
    tconv_spec_validate(reinterpret_cast<const tconv_spec *>(bytes + 1), message, sizeof message);
    return 0;
}

}  // namespace

#if defined(__SANITIZE_THREAD__)
// One report ends the program, whoever runs it: there are thousands, which take minutes to write.
extern "C" const char *__tsan_default_options() {
    return "halt_on_error=1";
}
#endif

int main(int argc, char **argv) {
    if (argc < 2)
        return 2;
    const std::string error = argv[1];
    const int status = error == "spec" ? misaligned_spec() : run(error, argc > 2 ? argv[2] : "");
    std::printf("not reported\n");
    return status;
}
