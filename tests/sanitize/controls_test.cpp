// The sanitizer of this build sees errors in generated code: each misuse, through each kernel that this processor can
// run, must end with a report that names a kernel's function. Without these a build whose kernels are not instrumented
// would pass every test in silence.
#include <gtest/gtest.h>

#include "program.h"
#include "runner.h"

namespace tconv {
namespace {

using testing::Outcome;

Outcome misuse(const std::string &error, const std::string &kernel = "") {
    std::vector<std::string> command = {TCONV_MISUSE, error};
    if (!kernel.empty())
        command.push_back(kernel);
    return testing::run_program(command);
}

void expect_report(const Outcome &outcome, const std::string &report, const std::string &place) {
    EXPECT_NE(outcome.status, 0);
    EXPECT_EQ(outcome.out, "") << "it ran to its end";
    EXPECT_NE(outcome.err.find(report), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find(place), std::string::npos) << outcome.err;
}

#if defined(TCONV_SANITIZE_ADDRESS)

TEST(Controls, ShortBlocksAreReported) {
    for (const std::string &kernel : testing::usable_kernels()) {
        for (const char *block : {"input", "packed", "bias", "workspace", "output"}) {
            SCOPED_TRACE(kernel + ", too short: " + block);
            const Outcome outcome = misuse(block, kernel);
            expect_report(outcome, "AddressSanitizer: heap-buffer-overflow", " in tconv_");
        }
    }
}

#elif defined(TCONV_SANITIZE_THREAD)

// LLVM instruments accesses of up to 16 bytes: in AVX2 and AVX-512 kernels only the scalar ones are seen, so it is the
// others that must report.
std::vector<std::string> instrumented_kernels() {
    std::vector<std::string> kernels;
    for (const std::string &kernel : testing::usable_kernels()) {
        testing::KernelName parsed;
        EXPECT_TRUE(testing::parse_kernel_name(kernel, &parsed)) << kernel;
        if (parsed.isa != "avx2" && parsed.isa.rfind("avx512", 0) != 0)
            kernels.push_back(kernel);
    }
    EXPECT_FALSE(kernels.empty()) << "build with the baseline kernels";
    return kernels;
}

TEST(Controls, RacesAreReported) {
    for (const std::string &kernel : instrumented_kernels()) {
        for (const char *race : {"race-output", "race-workspace"}) {
            SCOPED_TRACE(kernel + ", " + race);
            expect_report(misuse(race, kernel), "ThreadSanitizer: data race", "tconv_stages_");
        }
    }
}

// Else a report would say little about the mistake.
TEST(Controls, RunsOnMemoryOfTheirOwnAreNot) {
    for (const std::string &kernel : instrumented_kernels()) {
        SCOPED_TRACE(kernel);
        const Outcome outcome = misuse("no-race", kernel);
        EXPECT_EQ(outcome.status, 0);
        EXPECT_EQ(outcome.out, "not reported\n");
        EXPECT_EQ(outcome.err, "");
    }
}

#elif defined(TCONV_SANITIZE_UNDEFINED)

TEST(Controls, UndefinedBehaviourOfTheRuntimeIsReported) {
    expect_report(misuse("spec"), "misaligned address", "spec.cpp");
}

#endif

}  // namespace
}  // namespace tconv
