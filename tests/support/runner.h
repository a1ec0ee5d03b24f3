// Runs a Problem through the C ABI, in memory of its own with guards around it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "problem.h"
#include "tconv/tconv.h"

namespace tconv::testing {

// A block aligned to 64 bytes with guard bytes on both sides, poisoned with NaN.
class Block {
public:
    explicit Block(size_t bytes);

    void *data() { return storage_.data() + begin_; }
    size_t size() const { return bytes_; }
    bool guards_intact() const;

private:
    size_t bytes_, begin_;
    std::vector<unsigned char> storage_;
};

struct Runner {
    tconv_hooks hooks;  // default: serial; what hooks.log said is in `log`
    std::string kernel, log;

    Runner();
    Runner(const Runner &) = delete;
    Runner &operator=(const Runner &) = delete;

    // Plans with the named kernel (empty: the plan's choice), packs and runs; the status of the first call that fails.
    // Guards of packed filter and workspace that were written over count as INTERNAL.
    tconv_status run(Problem &problem, const std::string &name = "");
};

// Names of the kernels that this processor, under TCONV_ISA, can run.
std::vector<std::string> usable_kernels();

// A float's bits, for comparisons that must not blur.
std::vector<uint32_t> bits_of(const Tensor &tensor);

}  // namespace tconv::testing
