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
    // All taps of a channel one after the other, for in most frameworks' filters they lie side by side: tap after tap, each
    // cache line was read as often as it has taps, long after it had left the cache. Without merged phases lanes are rows of
    // the packed filter, and the taps do not depend on them.
    pack.packed.specialize(pack.x.phases == 1 && pack.y.phases == 1).reorder(pack.lane, pack.t, pack.u, pack.ci);
    // Else each lane has taps of its own, four divisions a tap, which some channels share.
    const int channels = 16;
    Var some("some");
    pack.packed.split(pack.ci, some, pack.ci, channels, TailStrategy::GuardWithIf)
        .reorder(pack.ci, pack.t, pack.u, pack.lane, some);
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
