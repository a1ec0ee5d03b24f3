// Aligned memory, shared pools of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "tconv/tconv.h"

namespace tconv::python {

struct Free {
    void operator()(void *block) const { std::free(block); }
};
using Block = std::unique_ptr<void, Free>;

// Never empty, so that a pointer to it is never NULL. Throws std::bad_alloc, which is MemoryError in Python.
inline Block allocate(size_t alignment, size_t bytes) {
    const size_t rounded = (bytes + alignment) / alignment * alignment;
    Block block(std::aligned_alloc(alignment, rounded));
    if (!block)
        throw std::bad_alloc();
    return block;
}

// The pool of so many threads; all plans with that count share it, and it ends with the last of them.
std::shared_ptr<tconv_pool> shared_pool(int32_t threads);

// The pools of the parent have no threads in a forked child: from here on plans get others.
void forget_pools();

}  // namespace tconv::python
