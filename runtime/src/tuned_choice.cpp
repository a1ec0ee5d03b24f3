#include "tuned_choice.h"

#include <cstring>

#include "plan.h"

namespace tconv {

namespace {

// A row of another class stands for this one if channels, groups and pixels differ by no more than this, all ratios
// multiplied, and the cost model sees its kernel no further behind the best: a neighbour's channels may fill tiles that this
// layer's leave half empty.
constexpr double kFarthest = 4, kObjection = 1.25;

const Kernel *find(std::span<const Kernel> kernels, const char *name) {
    for (const Kernel &kernel : kernels) {
        if (std::strcmp(kernel.name, name) == 0)
            return &kernel;
    }
    return nullptr;
}

enum class Verdict { follow, rule_out, stale };

// Whether the layer can be computed as a row says, with the reason against it.
Verdict try_row(const tconv_spec &spec, const Kernel *kernel, const Cut &cut, Isa usable, int fmas_per_dot,
                Choice *choice, Message &reason) {
    if (kernel == nullptr) {
        reason.append("its kernel is not in this library");
        return Verdict::stale;
    }
    if (!isa_runs(kernel->isa, usable) || kernel->dtype != spec.dtype) {
        reason.append("its kernel is for another instruction set or element type");
        return Verdict::stale;
    }
    if (block_layer(spec, Direction::output, *kernel, &choice->blocking, reason, cut) != TCONV_OK)
        return spec.math == TCONV_MATH_STRICT ? Verdict::rule_out : Verdict::stale;
    if (packed_bytes_of(choice->blocking) > packed_limit_of(spec)) {
        reason.append("its packed filter is above max_packed_bytes");
        return Verdict::rule_out;
    }
    choice->kernel = kernel;
    choice->cut = cut;
    choice->cost = cost_of(spec, *kernel, choice->blocking, fmas_per_dot);
    return Verdict::follow;
}

}  // namespace

void follow_tuned_rows(const tconv_spec &spec, std::span<const Kernel> kernels, bool named, Isa usable,
                       int fmas_per_dot, const TunedSources &sources, Choice *choice, Message &why, Message &stale) {
    const tconv_spec wanted = class_of(spec);
    const ClassText key = class_text(spec);
    const double best = choice->cost.cycles;
    double nearest = kFarthest;
    char near_row[TCONV_LAYER_TEXT_BYTES + 256];
    Message nearest_line(near_row, sizeof near_row);
    Choice neighbour = *choice;
    TunedRows rows(sources, usable, spec, stale);
    for (TunedRow row; rows.next(&row);) {
        const Kernel *const kernel = find(kernels, row.kernel);
        if (named && kernel == nullptr)
            continue;
        const bool exact = std::strcmp(row.layer, key.text) == 0;
        double distance = 1;
        if (!exact) {
            tconv_spec other;
            tconv_spec_init(&other, sizeof other);
            if (kernel == nullptr || tconv_spec_parse(row.layer, &other, nullptr, 0) != TCONV_OK)
                continue;
            distance = class_distance(wanted, other);
            if (distance >= nearest)
                continue;
        }
        char text[160];
        Message reason(text, sizeof text);
        Choice candidate = *choice;
        const Verdict verdict =
            try_row(spec, kernel, exact ? row.cut : Cut{}, usable, fmas_per_dot, &candidate, reason);
        if (exact && verdict == Verdict::follow) {
            why.append("  the row of %s:%d, %s GFLOP/s on %s, is followed\n", rows.table(), rows.line(), row.gflops,
                       row.cpu);
            *choice = candidate;
            choice->basis = Basis::tuned_row;
            return;
        }
        if (exact) {
            Message &to = verdict == Verdict::stale && !rows.shipped() ? stale : why;
            to.append("  %s:%d: the row for %s cannot be followed: %s\n", rows.table(), rows.line(), row.kernel, text);
        } else if (verdict == Verdict::follow && candidate.cost.cycles <= kObjection * best) {
            nearest = distance;
            neighbour = candidate;
            nearest_line.clear();
            nearest_line.append("  the row of %s:%d for %s, %.2f times away, is followed\n", rows.table(), rows.line(),
                                row.layer, distance);
        }
    }
    if (nearest < kFarthest) {
        *choice = neighbour;
        choice->basis = Basis::nearest_row;
        why.append("%s", near_row);
    }
}

}  // namespace tconv
