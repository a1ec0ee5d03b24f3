// The tasks of one run, which its workers share out among themselves.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace tconv {

// No more workers than there are tasks: one task for two is done by either, in whose cache its tensors then are.
inline int32_t workers_for(int64_t tasks, int32_t concurrency) {
    return static_cast<int32_t>(std::min<int64_t>(concurrency, tasks));
}

class Tasks {
public:
    explicit Tasks(int64_t count) : count_(count) {}

    // Calls task(i) for each i in [0, count) that no other worker has taken, until none is left or one returns other
    // than 0, which is returned. Every worker of the run calls this once.
    template<typename Task>
    int take(Task task) {
        for (int64_t i = next(); i < count_; i = next()) {
            if (const int result = task(i); result != 0)
                return result;
        }
        return 0;
    }

private:
    int64_t next() { return next_.fetch_add(1, std::memory_order_relaxed); }

    std::atomic<int64_t> next_{0};
    const int64_t count_;
};

}  // namespace tconv
