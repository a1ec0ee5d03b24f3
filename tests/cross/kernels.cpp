// Random layers and their gradients through every kernel that this processor can run, real or emulated, serial and on
// three threads: each result must equal the oracle's, and no kernel may contain an instruction that the processor lacks.
// usage: cross.kernels [ISA,...]    the instruction sets that dispatch must find usable here, no more and no fewer
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

#include "gradient_runner.h"
#include "random_spec.h"

using tconv::testing::GradientProblem;
using tconv::testing::GradientRunner;
using tconv::testing::KernelName;
using tconv::testing::Placement;
using tconv::testing::Problem;
using tconv::testing::Random;
using tconv::testing::Runner;

namespace {

constexpr int kEnough = 5;  // layers for every kernel

std::string isa_of(const std::string &kernel) {
    KernelName parsed;
    return tconv::testing::parse_kernel_name(kernel, &parsed) ? parsed.isa : "?";
}

// Fills in the kernels to run; false where dispatch finds other instruction sets usable than expected (empty: any).
bool find_kernels(const std::string &isas, std::set<std::string> &usable) {
    std::set<std::string> expected;
    std::istringstream list(isas);
    for (std::string isa; std::getline(list, isa, ',');)
        expected.insert(isa);
    int skipped = 0;
    for (const std::string &name : tconv::testing::usable_kernels())
        usable.insert(name);
    for (const std::string &name : tconv::testing::all_kernels()) {
        const bool can = usable.count(name) > 0, wanted = isas.empty() ? can : expected.count(isa_of(name)) > 0;
        if (wanted != can) {
            std::printf("%s is %s here, expected usable are %s\n", name.c_str(), can ? "usable" : "not usable",
                        isas.c_str());
            return false;
        }
        if (!can) {
            std::printf("[SKIP] %s: this processor lacks %s\n", name.c_str(), isa_of(name).c_str());
            ++skipped;
        }
    }
    std::printf("%zu kernels run, %d skipped\n", usable.size(), skipped);
    if (usable.empty())
        std::printf("[SKIP] all: the library has no kernel for %s\n", isas.c_str());
    return true;
}

// The layer by every kernel that computes it, each of which is counted; what is wrong, or empty.
std::string check_layer(const tconv_spec &spec, uint64_t seed, Placement placement, Runner &runner,
                        std::map<std::string, int> &runs) {
    for (const tconv::testing::Lot &lot : tconv::testing::lots_for(spec)) {
        Problem problem(spec, seed, placement, lot.rules);
        const std::vector<double> expected = problem.expected();
        for (const std::string &name : lot.kernels) {
            const tconv_status status = runner.run(problem, name);
            const std::string wrong = status == TCONV_OK ? problem.compare(expected) : tconv_status_string(status);
            if (!wrong.empty())
                return name + ": " + wrong;
            ++runs[name];
        }
    }
    return "";
}

// The layer's gradients by every kernel that computes them; what is wrong, or empty.
std::string check_gradients(const tconv_spec &spec, uint64_t seed, Placement placement, GradientRunner &runner) {
    for (const int32_t which : tconv::testing::kGradients) {
        GradientProblem problem(spec, which, seed, placement);
        const std::vector<double> expected = problem.expected();
        for (const std::string &name : tconv::testing::kernels_for(spec, which)) {
            const tconv_status status = runner.run(problem, name);
            const std::string wrong = status == TCONV_OK ? problem.compare(expected) : tconv_status_string(status);
            if (!wrong.empty())
                return std::string("gradient of the ") + tconv::testing::gradient_text(which) + ", " + name + ": " +
                       wrong;
        }
    }
    return "";
}

}  // namespace

int main(int argc, char **argv) {
    std::set<std::string> usable;
    if (argc > 2 || !find_kernels(argc == 2 ? argv[1] : "", usable))
        return EXIT_FAILURE;
    tconv_pool *pool = nullptr;
    if (tconv_pool_create(3, &pool) != TCONV_OK)
        return EXIT_FAILURE;
    const uint64_t seed = tconv::testing::seed_from_environment();
    constexpr Placement kPlacements[] = {Placement::kDense, Placement::kOther, Placement::kSlice, Placement::kShuffled};
    std::map<std::string, int> runs;
    Runner serial, parallel;
    GradientRunner serial_gradients, parallel_gradients;
    parallel.hooks.log = parallel_gradients.hooks.log = nullptr;  // hooks.user becomes the pool
    tconv_pool_hooks(pool, &parallel.hooks);
    tconv_pool_hooks(pool, &parallel_gradients.hooks);
    const uint64_t layers = 120 * tconv::testing::dtypes().size();
    for (uint64_t i = 0; i < layers; ++i) {
        Random random(tconv::testing::seed_of_case(seed, i));
        tconv::testing::SpecLimits limits;
        limits.dtype = tconv::testing::dtype_of_case(i);
        limits.exact_only = true;
        const int64_t kind = random.below(5);
        limits.depthwise = kind == 0, limits.winograd = kind == 1, limits.woven = kind == 2;
        limits.most_flops = 2e5;  // an emulator is slow
        limits.most_outputs = 5000;
        const tconv_spec spec = tconv::testing::random_legal_spec(random, limits);
        const Placement placement = random.pick(kPlacements);
        std::string wrong = check_layer(spec, random.next(), placement, i % 2 == 0 ? serial : parallel, runs);
        if (!wrong.empty()) {
            std::printf("TCONV_SEED=%llu case %llu %s kernel %s\n", static_cast<unsigned long long>(seed),
                        static_cast<unsigned long long>(i), tconv::testing::text_of(spec).c_str(), wrong.c_str());
            return EXIT_FAILURE;
        }
        wrong = check_gradients(tconv::testing::linear(spec), random.next(), placement,
                                                  i % 2 == 0 ? serial_gradients : parallel_gradients);
        if (!wrong.empty()) {
            std::printf("TCONV_SEED=%llu case %llu %s %s\n", static_cast<unsigned long long>(seed),
                        static_cast<unsigned long long>(i), tconv::testing::text_of(spec).c_str(), wrong.c_str());
            return EXIT_FAILURE;
        }
    }
    tconv_pool_destroy(pool);
    for (const std::string &name : usable) {
        std::printf("%4d  %s\n", runs[name], name.c_str());
        if (runs[name] < kEnough) {
            std::printf("%s was run on too few layers\n", name.c_str());
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}
