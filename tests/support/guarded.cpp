#include "guarded.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tconv::testing {
namespace {

size_t round_up(size_t value, size_t unit) {
    return (value + unit - 1) / unit * unit;
}

// How far a view reaches from its first element, in elements.
struct Reach {
    int64_t below = 0, above = 0;
};
Reach reach_of(const Tensor &tensor) {
    Reach reach;
    const tconv_view view = tensor.view();
    for (int d = 0; d < 4; ++d) {
        if (tensor.extents()[static_cast<size_t>(d)] <= 1)
            continue;
        const int64_t far = view.stride[d] * (tensor.extents()[static_cast<size_t>(d)] - 1);
        (far < 0 ? reach.below : reach.above) += std::abs(far);
    }
    return reach;
}

const SignalReport *reporting = nullptr;

void report(int signal) {
    const char *const text = reporting->running.c_str();
    (void)!write(2, "\nout of bounds: ", 16);
    (void)!write(2, text, std::strlen(text));
    (void)!write(2, "\n", 1);
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

}  // namespace

GuardedBlock::GuardedBlock(size_t bytes, size_t alignment, Flush flush) : bytes_(bytes) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t usable = round_up(round_up(bytes > 0 ? bytes : 1, alignment), page);
    mapped_ = usable + 2 * page;
    mapping_ = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping_ == MAP_FAILED || mprotect(static_cast<char *>(mapping_) + page, usable, PROT_READ | PROT_WRITE) != 0) {
        std::perror("guarded block");
        std::abort();
    }
    char *const begin = static_cast<char *>(mapping_) + page;
    data_ = flush == Flush::kStart ? begin : begin + usable - round_up(bytes, alignment);
}

GuardedBlock::~GuardedBlock() {
    munmap(mapping_, mapped_);
}

GuardedTensor::GuardedTensor(const Tensor &tensor, Flush flush)
    : GuardedTensor(tensor, flush, reach_of(tensor).below, reach_of(tensor).above) {}

GuardedTensor::GuardedTensor(const Tensor &tensor, Flush flush, int64_t below, int64_t above)
    : bytes_(static_cast<size_t>(element_type(tensor.dtype()).bytes)),
      block_(static_cast<size_t>(below + above + 1) * bytes_, bytes_, flush),
      view_(tensor.view()) {
    const tconv_view from = view_;
    view_.data = static_cast<char *>(block_.data()) + static_cast<size_t>(below) * bytes_;
    copy_elements(tensor.dtype(), tensor.extents(), from, view_);
}

void GuardedTensor::copy_to(Tensor &tensor) const {
    copy_elements(tensor.dtype(), tensor.extents(), view_, tensor.view());
}

SignalReport::SignalReport() {
    reporting = this;
    std::signal(SIGSEGV, report);
    std::signal(SIGBUS, report);
}

SignalReport::~SignalReport() {
    std::signal(SIGSEGV, SIG_DFL);
    std::signal(SIGBUS, SIG_DFL);
    reporting = nullptr;
}

}  // namespace tconv::testing
