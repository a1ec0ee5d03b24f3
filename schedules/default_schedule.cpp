// The schedule that works on every target: the order in which the algorithm reads, and nothing else. The gather
// family is shipped with it; rare passes whose time never shows use it too.
#include "schedule.h"

namespace tconv::schedules {

using namespace Halide;

void default_gather(generators::Gather &gather) {
    any_stride(gather.input);
    gather.product.compute_at(gather.sums, gather.co);
    gather.product.update().reorder(gather.taps.x, gather.taps.y, gather.taps.z);
}

void default_pack(generators::Pack &pack) {
    any_stride(pack.filter);
    // Loop invariants of the common case (no merged phases) leave the inner loop.
    pack.packed.specialize(pack.x.phases == 1 && pack.y.phases == 1);
}

void default_softmax_peak(generators::SoftmaxPeak &peak) {
    any_stride(peak.sums);
    peak.peak.update().reorder(peak.r, peak.i, peak.row);
}

void default_softmax_total(generators::SoftmaxTotal &total) {
    any_stride(total.sums);
    total.total.update().reorder(total.r, total.i, total.row);
}

}  // namespace tconv::schedules
