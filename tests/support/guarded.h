// Memory between two inaccessible pages: a read or write of one byte too many is a signal, also in generated code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tensor.h"

namespace tconv::testing {

enum class Flush { kStart, kEnd };  // which end of the block touches an inaccessible page

class GuardedBlock {
public:
    // With kEnd, a size that is no multiple of the alignment leaves that many bytes before the page.
    GuardedBlock(size_t bytes, size_t alignment, Flush flush);
    ~GuardedBlock();
    GuardedBlock(const GuardedBlock &) = delete;
    GuardedBlock &operator=(const GuardedBlock &) = delete;

    void *data() const { return data_; }
    size_t size() const { return bytes_; }

private:
    size_t bytes_, mapped_;
    void *mapping_, *data_;
};

// A copy of a tensor, with its strides, whose first or last reachable element touches an inaccessible page.
class GuardedTensor {
public:
    GuardedTensor(const Tensor &tensor, Flush flush);

    tconv_view view() const { return view_; }
    const void *data() const { return view_.data; }
    void copy_to(Tensor &tensor) const;  // the elements; tensor has the same shape and type

private:
    GuardedTensor(const Tensor &tensor, Flush flush, int64_t below, int64_t above);
    size_t bytes_;  // of an element
    GuardedBlock block_;
    tconv_view view_;
};

// While it lives, an access beyond memory ends the process with what is `running` on standard error: the signal says nothing
// about the layer. One at a time.
class SignalReport {
public:
    SignalReport();
    ~SignalReport();
    SignalReport(const SignalReport &) = delete;
    SignalReport &operator=(const SignalReport &) = delete;

    std::string running;
};

}  // namespace tconv::testing
