#include "choose.h"

#include <algorithm>
#include <utility>

#include "geometry.h"
#include "layer_text.h"
#include "plan.h"

namespace tconv {

namespace {

constexpr int64_t kDefaultPackedBytes = 64 << 20;

// A layer of stride 1 with the products and the results of the input's gradient: what the cost model needs to know.
tconv_spec convolution_like(const tconv_spec &layer) {
    tconv_spec like = layer;
    std::swap(like.in_channels, like.out_channels);
    like.stride_h = like.stride_w = like.dilation_h = like.dilation_w = 1;
    like.output_padding_h = like.output_padding_w = 0;
    like.pad_top = like.pad_left = 0;
    like.pad_bottom = like.kernel_h - 1;
    like.pad_right = like.kernel_w - 1;
    like.has_bias = 0;
    return like;
}

// Whether a kernel can compute it; sets `blocking`, or says in `reason` what is against it.
bool computes(const Kernel &kernel, const tconv_spec &spec, Direction direction, Isa usable, Blocking *blocking, Message &reason) {
    if (kernel.dtype != spec.dtype)
        reason.append("it computes %s, not dtype %s", dtype_name(kernel.dtype), dtype_name(spec.dtype));
    else if (!isa_runs(kernel.isa, usable))
        reason.append("this processor, or TCONV_ISA, allows %s", isa_name(usable));
    else if (spec.math == TCONV_MATH_TF32)
        reason.append("computes in float32, not TF32");
    else if (direction == Direction::input_gradient && kernel.input_gradient == nullptr)
        reason.append("does not compute this gradient");
    else
        return block_layer(spec, direction, kernel, blocking, reason) == TCONV_OK;
    return false;
}

}  // namespace

const char *basis_text(Basis basis) {
    switch (basis) {
        case Basis::tuned_row:
            return "by the tuned row of this layer";
        case Basis::nearest_row:
            return "by the tuned row of the nearest layer";
        default:
            return "by the cost model";
    }
}

int64_t packed_limit_of(const tconv_spec &spec) {
    if (spec.max_packed_bytes >= 0)
        return spec.max_packed_bytes;
    return std::max(kDefaultPackedBytes, 3 * work_of(spec).filter_bytes);
}

tconv_status choose_kernel(const tconv_spec &spec, Direction direction, std::span<const Kernel> kernels, Isa usable,
                           int fmas_per_dot, Choice *choice, Message &why, Message &error) {
    const int64_t limit = packed_limit_of(spec);
    const tconv_spec as_layer = direction == Direction::output ? spec : convolution_like(spec);
    const bool named = kernels.size() == 1;
    bool found = false, found_within = false;
    Choice best = {};
    Isa best_isa = Isa::baseline;
    for (const Kernel &kernel : kernels) {
        if (kernel.dtype != spec.dtype && !named)
            continue;  // no candidate: not worth a line
        char reason[160];
        Message message(reason, sizeof reason);
        Choice candidate = {&kernel, {}, {}, Basis::estimate, {}};
        if (!computes(kernel, spec, direction, usable, &candidate.blocking, message)) {
            if (named) {
                return error.fail(TCONV_UNSUPPORTED, "kernel = '%s' does not compute this %s: %s", kernel.name,
                                  direction == Direction::output ? "layer" : "gradient", reason);
            }
            why.append("  %s: %s\n", kernel.name, reason);
            continue;
        }
        candidate.cost = cost_of(as_layer, kernel, candidate.blocking, fmas_per_dot);
        const int64_t packed = packed_bytes_of(candidate.blocking);
        const bool within = packed <= limit;
        why.append("  %s: %.3g Mcycles estimated, packed filter %lld bytes%s\n", kernel.name,
                   candidate.cost.cycles * 1e-6, static_cast<long long>(packed),
                   within ? "" : " (above max_packed_bytes)");
        // Longer vectors win over shorter ones whatever the estimate; gather only where nothing else is left.
        // Where nothing keeps within the bound, the smallest packed filter is taken.
        bool better = !found;
        if (found && within != found_within) {
            better = within;
        } else if (found && !within) {
            better = packed < packed_bytes_of(best.blocking);
        } else if (found) {
            const bool gather = kernel.family == Family::gather, best_gather = best.kernel->family == Family::gather;
            if (gather != best_gather)
                better = best_gather;
            else if (!same_vectors(kernel.isa, best_isa))
                better = isa_runs(best_isa, kernel.isa);
            else
                better = candidate.cost.cycles < best.cost.cycles;
        }
        if (better) {
            best = candidate;
            best_isa = kernel.isa;
            found = true;
            found_within = within;
        }
    }
    if (!found) {
        return error.fail(TCONV_UNSUPPORTED, "no kernel of this library computes this layer (dtype %s, math %s)",
                          dtype_name(spec.dtype), math_name(spec.math));
    }
    *choice = best;
    return TCONV_OK;
}

}  // namespace tconv
