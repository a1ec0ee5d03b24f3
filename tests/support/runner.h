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

// Bit patterns that spoil whatever reads them, as doubles and as floats.
constexpr uint64_t kQuietNan = 0x7ff800007fc00000, kAllOnes = 0xffffffffffffffff;

// A block aligned to 64 bytes with guard bytes on both sides, filled with a pattern.
class Block {
public:
    explicit Block(size_t bytes, uint64_t pattern = kQuietNan);

    void *data() { return storage_.data() + begin_; }
    const unsigned char *bytes() const { return storage_.data() + begin_; }
    size_t size() const { return bytes_; }
    void fill(uint64_t pattern);
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

// Serial hooks that append what they are told to `said`, a line a message.
tconv_hooks listening(std::string *said);

// What runners share: hooks, and what they said.
struct Listener {
    tconv_hooks hooks;  // default: serial; what hooks.log said is in `log` (unless the caller sets another)
    uint64_t pattern = kQuietNan;  // what packed filter and workspace hold before
    std::string kernel, log;       // the kernel that the plan names

    Listener();
    Listener(const Listener &) = delete;
    Listener &operator=(const Listener &) = delete;
};

struct Runner : Listener {
    // Plans with the named kernel (empty: the plan's choice), packs and runs; the status of the first call that fails.
    // The output is poisoned first, unless it is the residual's view (in_place). Guards of packed filter and workspace
    // that were written over count as INTERNAL.
    tconv_status run(Problem &problem, const std::string &name = "", bool in_place = false);
};

// The usable kernels of the spec's dtype that must compute it: all but those that may_refuse it.
std::vector<std::string> kernels_for(const tconv_spec &spec);

// Kernels of a layer with the rules for data on which all of them are exact.
struct Lot {
    tconv_spec spec;
    DataRules rules;
    std::vector<std::string> kernels;
};

// kernels_for(spec) in one lot or two: Winograd's want weights of their own (winograd_rules).
std::vector<Lot> lots_for(const tconv_spec &spec, const DataRules &rules = {});

// The same with "", the plan's choice, in the lot of the kernel that the plan chooses.
std::vector<Lot> lots_and_choice_for(const tconv_spec &spec, const DataRules &rules = {});

// Names the instances of tests with a dtype as their parameter.
constexpr auto dtype_test_name = [](const auto &info) { return dtype_text(info.param); };

// Aborts on a text that is not a layer. A dtype replaces the text's.
tconv_spec layer(const std::string &text);
tconv_spec layer(const std::string &text, int32_t dtype);

}  // namespace tconv::testing
