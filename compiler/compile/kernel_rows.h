// The rows of schedules/variants.csv that a target runs, as the runtime's kernels without code: what choosing and blocking
// need of them.
#pragma once

#include <string>
#include <vector>

#include "Halide.h"
#include "choose.h"
#include "layer/stages.h"
#include "tuned_tables.h"

namespace tconv::compiler {

class KernelRows {
public:
    // With `size`, register tiles of at most three widths, fewer copies of the multiply loops; and no Winograd, whose
    // transformations are a pair of functions for each form of tile.
    // With `kernel`, only rows whose kernel's name that regular expression finds; tool::Failure where it is none.
    KernelRows(const Halide::Target &target, bool size, const std::string &kernel);

    // The best for a layer, by what tuned tables say and else by the cost model; throws tool::Failure where there is
    // none. `rows` receives a line for the row that was followed and for each that could not be, and the malformed ones.
    Choice choose(const tconv_spec &spec, const TunedSources &tables, Message &rows) const;

    const Variant &variant_of(const Choice &choice) const;

private:
    std::vector<Variant> variants_;
    std::vector<Kernel> kernels_;
    Isa usable_;
    int fmas_per_dot_;
    bool named_;  // some were left out by name
};

}  // namespace tconv::compiler
