// Answers that do not change while the process runs, and are dear to ask for.
#pragma once

#include <atomic>

namespace tconv {

// Of static storage. Threads that ask at the same time may each ask; they hear the same.
template<typename Answer>
class AskedOnce {
public:
    template<typename Ask>
    Answer operator()(Ask ask) {
        if (!known_.load(std::memory_order_acquire)) {
            answer_.store(ask(), std::memory_order_relaxed);
            known_.store(true, std::memory_order_release);
        }
        return answer_.load(std::memory_order_relaxed);
    }

private:
    std::atomic<Answer> answer_{};
    std::atomic<bool> known_{false};
};

}  // namespace tconv
