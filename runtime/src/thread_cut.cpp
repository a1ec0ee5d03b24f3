#include "thread_cut.h"

#include <algorithm>

#include "geometry.h"
#include "image_groups.h"
#include "shares.h"

namespace tconv {

namespace {

// The model does not know what threads cost one another, so it has to promise a little. Tasks of fewer cycles, about 10 us,
// are not worth handing on.
constexpr double kWorthwhile = 0.95, kLeastTask = 25e3;

// Positions of a block that a cut may leave in half: Winograd's tiles must stay whole.
int32_t half_block(const Kernel &kernel, int32_t block) {
    const int64_t tile = std::max<int64_t>(outputs_of_tile(kernel.family), 1);
    return static_cast<int32_t>(round_up(ceil_div(block, 2), tile));
}

Cut cut_of(const Kernel &kernel, const LayerParams &p) {
    const bool winograd = outputs_of_tile(kernel.family) > 0;
    return {p.block_h, p.block_w, kernel.family == Family::overlap ? 0 : winograd ? p.kept_units : p.unit_blocks};
}

// Cycles until the last of the threads is done, if each takes a task when it has none.
double cycles_of(const tconv_spec &spec, const Choice &choice, int32_t concurrency) {
    const int64_t tasks = ImageGroups(choice.blocking.params, spec.batch).count() * choice.blocking.tasks;
    return choice.cost.cycles / static_cast<double>(tasks) * static_cast<double>(ceil_div(tasks, concurrency));
}

}  // namespace

void cut_for_threads(const tconv_spec &spec, int32_t concurrency, int fmas_per_dot, Choice *choice) {
    if (concurrency == 1 || spec.batch == 0 || choice->kernel->family == Family::gather)
        return;
    const Kernel &kernel = *choice->kernel;
    const double least = std::max(choice->cost.cycles / concurrency, kLeastTask);
    Choice best = *choice;
    // Each turn halves what helps most, until all threads have about the same to do.
    for (bool better = true; better && cycles_of(spec, best, concurrency) > least / kWorthwhile;) {
        better = false;
        const Cut now = cut_of(kernel, best.blocking.params);
        const Cut halves[] = {{now.block_h, now.block_w, static_cast<int32_t>(ceil_div(now.units, 2))},
                              {half_block(kernel, now.block_h), now.block_w, now.units},
                              {now.block_h, half_block(kernel, now.block_w), now.units}};
        for (const Cut &cut : halves) {
            Message ignored(nullptr, 0);
            Choice cut_again = *choice;
            if (block_layer(spec, Direction::output, kernel, &cut_again.blocking, ignored, cut) != TCONV_OK ||
                cut_again.blocking.packed_bytes != choice->blocking.packed_bytes ||
                cut_again.blocking.scratch_bytes > choice->blocking.scratch_bytes)
                continue;
            cut_again.cost = cost_of(spec, kernel, cut_again.blocking, fmas_per_dot);
            if (cycles_of(spec, cut_again, concurrency) < kWorthwhile * cycles_of(spec, best, concurrency)) {
                cut_again.cut = cut;
                best = cut_again;
                better = true;
            }
        }
    }
    *choice = best;
}

}  // namespace tconv
