#include "roof.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <vector>

#include "element_type.h"
#include "fma_peak.h"

namespace tconv::tool {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Runs work(thread) once per thread, at the same time where the pool allows, and returns the seconds it took.
double timed(const Threads &threads, const std::function<void(int32_t)> &work) {
    const auto task = [](void *argument, int32_t index) {
        (*static_cast<const std::function<void(int32_t)> *>(argument))(index);
        return 0;
    };
    const Clock::time_point begin = Clock::now();
    const tconv_hooks &hooks = threads.hooks();
    if (hooks.parallel_for == nullptr)
        work(0);
    else
        hooks.parallel_for(hooks.user, threads.count(), task, const_cast<std::function<void(int32_t)> *>(&work));
    return seconds_since(begin);
}

// The best of a few windows of about `window` seconds each: noise only ever lowers a rate.
double best_rate(const Threads &threads, double amount_of_one, const std::function<void(int32_t, int64_t)> &work) {
    constexpr double kWindow = 1.5e-3;
    constexpr int kWindows = 5;
    int64_t repeats = 1;
    double seconds = timed(threads, [&](int32_t thread) { work(thread, repeats); });
    while (seconds < kWindow / 2) {
        repeats *= 2;
        seconds = timed(threads, [&](int32_t thread) { work(thread, repeats); });
    }
    for (int i = 1; i < kWindows; i++)
        seconds = std::min(seconds, timed(threads, [&](int32_t thread) { work(thread, repeats); }));
    return amount_of_one * static_cast<double>(repeats) * threads.count() / seconds;
}

}  // namespace

double measure_fma_gflops(Isa isa, int32_t dtype, const Threads &threads) {
    constexpr int64_t kSteps = 1000;
    std::atomic<double> sink = 0;
    const FmaLoop loop = fma_loop(isa, dtype);
    return best_rate(threads, loop.flops_per_step * kSteps * 1e-9,
                     [&](int32_t, int64_t repeats) { sink.store(loop.run(repeats * kSteps)); });
}

double measure_copy_gbs(double footprint, const Threads &threads) {
    const size_t half = static_cast<size_t>(std::max(footprint / 2 / threads.count(), 4096.0)) / 64 * 64;
    std::vector<std::pair<Memory, Memory>> buffers;
    for (int32_t i = 0; i < threads.count(); i++)
        buffers.emplace_back(Memory(half), Memory(half));
    return best_rate(threads, 2e-9 * static_cast<double>(half), [&](int32_t thread, int64_t repeats) {
        auto &[to, from] = buffers[static_cast<size_t>(thread)];
        for (int64_t i = 0; i < repeats; i++) {
            std::memcpy(to.data(), from.data(), half);
            asm volatile("" : : "r"(to.data()) : "memory");  // each copy counts, though the next overwrites it
        }
    });
}

double compulsory_bytes(const Work &work) {
    return static_cast<double>(work.input_bytes + work.filter_bytes + work.bias_bytes + work.residual_bytes +
                               work.output_bytes);
}

Roof roof_of(const Work &work, double flops_executed, double fma_gflops, double copy_gbs) {
    return {.fma_gflops = fma_gflops,
            .copy_gbs = copy_gbs,
            .compute_ns = flops_executed / fma_gflops,
            .bandwidth_ns = compulsory_bytes(work) / copy_gbs};
}

}  // namespace tconv::tool
