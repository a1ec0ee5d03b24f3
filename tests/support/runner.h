// Runs a Problem through the C ABI, in memory of its own with guards around it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels.h"
#include "problem.h"
#include "tconv/tconv.h"

namespace tconv::testing {

constexpr uint32_t kQuietNan = 0x7fc00000, kAllOnes = 0xffffffff;  // bit patterns that spoil whatever reads them

// A block aligned to 64 bytes with guard bytes on both sides, filled with a pattern.
class Block {
public:
    explicit Block(size_t bytes, uint32_t pattern = kQuietNan);

    void *data() { return storage_.data() + begin_; }
    const unsigned char *bytes() const { return storage_.data() + begin_; }
    size_t size() const { return bytes_; }
    void fill(uint32_t pattern);
    bool guards_intact() const;

private:
    size_t bytes_, begin_;
    std::vector<unsigned char> storage_;
};

// A plan and what it asks for; check `status` before anything else.
class Plan {
public:
    explicit Plan(const tconv_spec &spec, const std::string &kernel = "", const tconv_hooks *hooks = nullptr);
    ~Plan();
    Plan(const Plan &) = delete;
    Plan &operator=(const Plan &) = delete;

    const tconv_plan *get() const { return plan_; }

    tconv_status status;
    tconv_requirements needs;

private:
    tconv_plan *plan_ = nullptr;
};

struct Runner {
    tconv_hooks hooks;  // default: serial; what hooks.log said is in `log` (unless the caller sets another)
    uint32_t pattern = kQuietNan;  // what packed filter and workspace hold before
    std::string kernel, log;

    Runner();
    Runner(const Runner &) = delete;
    Runner &operator=(const Runner &) = delete;

    // Plans with the named kernel (empty: the plan's choice), packs and runs; the status of the first call that fails.
    // The output is poisoned first, unless it is the residual's view (in_place). Guards of packed filter and workspace
    // that were written over count as INTERNAL.
    tconv_status run(Problem &problem, const std::string &name = "", bool in_place = false);
};

// The usable kernels that must compute the spec: all but those that may_refuse it.
std::vector<std::string> kernels_for(const tconv_spec &spec);

// The bits of a tensor's elements in logical order, for comparisons that must not blur.
std::vector<uint32_t> bits_of(const Tensor &tensor);

tconv_spec layer(const std::string &text);  // aborts on a text that is not a layer

}  // namespace tconv::testing
