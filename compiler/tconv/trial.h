// One layer on one kernel through the C ABI, with all memory set up beforehand: what check and bench run.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "choose.h"
#include "exact_data.h"
#include "oracle.h"
#include "tconv/tconv.h"

namespace tconv::tool {

// Hooks with `threads` threads, which remember the last error that the library logged.
class Threads {
public:
    explicit Threads(int32_t count);
    ~Threads();
    Threads(const Threads &) = delete;
    Threads &operator=(const Threads &) = delete;

    const tconv_hooks &hooks() const { return hooks_; }
    int32_t count() const { return count_; }
    const std::string &log() const { return log_; }

private:
    static void remember(void *self, tconv_status status, const char *message);
    static int run(void *self, int32_t count, int (*task)(void *, int32_t), void *argument);

    int32_t count_;
    tconv_pool *pool_ = nullptr;
    tconv_hooks pool_hooks_, hooks_;
    std::string log_;
};

// Memory on a page of its own. Tensors, packed filters and workspaces start at the same offset within a page on every
// run, which keeps timings comparable.
class Memory {
public:
    explicit Memory(size_t bytes);
    char *data() { return data_.get(); }
    size_t bytes() const { return bytes_; }
    void poison();  // NaN in every type: what a kernel does not write, or should not have read, shows

private:
    struct Free {
        void operator()(char *block) const;
    };
    size_t bytes_;
    std::unique_ptr<char, Free> data_;
};

// All tensors of one layer in its type and, but for the filter (IOHW), its layout, dense.
class Tensors {
public:
    Tensors(const tconv_spec &spec, const ExactData &data);

    tconv_tensors arguments();
    const tconv_view &filter() const { return filter_view_; }
    void poison_output() { output_.poison(); }
    size_t outputs() const { return outputs_; }
    double at(const Pixel &pixel, int64_t channel);
    // The same elements in logical order [N, C_out, out_h, out_w].
    std::vector<double> logical_output();

private:
    int32_t dtype_;
    size_t outputs_;
    std::array<int64_t, 4> extents_;
    tconv_view input_view_, filter_view_, output_view_;
    Memory input_, filter_, bias_, slope_, residual_, output_;
};

class Trial {
public:
    // Failure: kUnsupported with the library's reason, or kBadInput.
    Trial(const tconv_spec &spec, const char *kernel, const Threads &threads);
    // Of what was chosen already, whatever a plan would choose.
    Trial(const tconv_spec &spec, const Choice &choice, const Threads &threads);
    ~Trial();
    Trial(const Trial &) = delete;
    Trial &operator=(const Trial &) = delete;

    const tconv_plan *plan() const { return plan_; }
    std::string kernel() const { return tconv_plan_kernel(plan_); }
    void pack(const Tensors &tensors);
    void run(const tconv_tensors &arguments);
    // With this trial's packed filter and workspace filled in.
    tconv_tensors complete(tconv_tensors arguments);

private:
    void reserve();
    [[noreturn]] void fail(tconv_status status, const std::string &what) const;

    tconv_spec spec_;
    const Threads &threads_;
    tconv_plan *plan_ = nullptr;
    std::unique_ptr<Memory> packed_, workspace_;
};

}  // namespace tconv::tool
