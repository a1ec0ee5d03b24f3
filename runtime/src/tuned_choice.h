// What tuned tables say about a layer, in place of the cost model.
#pragma once

#include <span>

#include "choose.h"
#include "tuned_tables.h"

namespace tconv {

// Replaces `choice`, which choose_kernel made, by that of the first row for the layer's class which can be followed; if there
// is none, by the kernel of the nearest class, where it is near and the cost model does not object. Leaves it alone
// otherwise.
//
// `why` receives a line for the row that was followed and for each that could not be; `stale` those of the latter that some
// later build or an edit made useless, and the malformed ones, for tables of folders only: the library's own may name kernels
// that its build left out. `named`: the caller asked for the only kernel of `kernels`; rows of others are passed over.
void follow_tuned_rows(const tconv_spec &spec, std::span<const Kernel> kernels, bool named, Isa usable,
                       int fmas_per_dot, const TunedSources &sources, Choice *choice, Message &why, Message &stale);

}  // namespace tconv
