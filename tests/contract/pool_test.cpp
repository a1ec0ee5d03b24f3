// The thread pool behind tconv_hooks.parallel_for.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "emulated.h"
#include "pool.h"
#include "tconv/tconv.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

namespace {

using tconv::testing::Pool;

int threads_of_process() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.rfind("Threads:", 0) == 0)
            return std::stoi(line.substr(8));
    }
    return -1;
}

TEST(Pool, EveryIndexRunsOnce) {
    for (const int32_t threads : {1, 2, 3, 8}) {
        Pool pool(threads);
        for (const int32_t count : {0, 1, 2, 7, 1000}) {
            std::vector<std::atomic<int>> runs(static_cast<size_t>(count));
            auto task = [&](int32_t i) { return runs[static_cast<size_t>(i)]++, 0; };
            EXPECT_EQ(pool.run(count, task), 0);
            for (const auto &n : runs)
                EXPECT_EQ(n, 1) << threads << " threads, " << count << " tasks";
        }
    }
}

TEST(Pool, NeverMoreAtOnceThanItSays) {
    Pool pool(3);
    ASSERT_EQ(pool.hooks.concurrency, 3);
    std::atomic<int> now{0}, most{0};
    auto task = [&](int32_t) {
        const int n = ++now;
        int seen = most;
        while (n > seen && !most.compare_exchange_weak(seen, n)) {
        }
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        --now;
        return 0;
    };
    EXPECT_EQ(pool.run(200, task), 0);
    EXPECT_LE(most, 3);
    EXPECT_GE(most, 2) << "the tasks sleep, so even one processor overlaps them";
}

TEST(Pool, ResultsAreVisibleAfterTheCallAndJobsDoNotMix) {
    Pool pool(4);
    std::vector<int64_t> squares(64);  // not atomic: parallel_for is the synchronisation
    for (int64_t round = 0; round < 5000; ++round) {
        auto task = [&](int32_t i) { return squares[static_cast<size_t>(i)] = round * i, 0; };
        ASSERT_EQ(pool.run(64, task), 0);
        for (int64_t i = 0; i < 64; ++i)
            ASSERT_EQ(squares[static_cast<size_t>(i)], round * i);
    }
}

TEST(Pool, SleepingWorkersWakeUp) {
    Pool pool(2);
    for (int round = 0; round < 5; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));  // well past the moment they look for work
        std::atomic<int> sum{0};
        auto task = [&](int32_t i) { return sum += i, 0; };
        ASSERT_EQ(pool.run(100, task), 0);
        ASSERT_EQ(sum, 4950);
    }
}

TEST(Pool, AFailureIsReturnedAndStopsTheRest) {
    for (const int32_t threads : {1, 4}) {
        Pool pool(threads);
        std::atomic<int> runs{0};
        auto task = [&](int32_t i) { return ++runs, i == 10 ? 77 : 0; };
        EXPECT_EQ(pool.run(1000000, task), 77);
        EXPECT_LT(runs, 1000000);
        auto good = [](int32_t) { return 0; };
        EXPECT_EQ(pool.run(100, good), 0) << "the next job starts afresh";
    }
}

TEST(Pool, NestedCallsRunInside) {
    Pool pool(4);
    std::atomic<int> inner{0}, elsewhere{0};
    auto outer = [&](int32_t) {
        const std::thread::id here = std::this_thread::get_id();
        auto task = [&, here](int32_t) {
            if (std::this_thread::get_id() != here)
                ++elsewhere;
            return ++inner, 0;
        };
        return pool.run(10, task);
    };
    EXPECT_EQ(pool.run(20, outer), 0);
    EXPECT_EQ(inner, 200);
    EXPECT_EQ(elsewhere, 0);
}

TEST(Pool, ManyCallersShareOnePool) {
    Pool pool(3);
    std::atomic<int64_t> total{0};
    std::vector<std::thread> callers;
    for (int c = 0; c < 6; ++c) {
        callers.emplace_back([&] {
            for (int round = 0; round < 300; ++round) {
                std::atomic<int64_t> own{0};
                auto task = [&](int32_t i) { return own += i, 0; };
                if (pool.run(50, task) != 0 || own != 1225)
                    return;
                total += own;
            }
        });
    }
    for (std::thread &caller : callers)
        caller.join();
    EXPECT_EQ(total, 6 * 300 * 1225);
}

TEST(Pool, StartsExactlyTheThreadsAskedForAndEndsThem) {
    if (kSanitized)
        GTEST_SKIP() << "[SKIP] a sanitizer may have threads of its own";
    const int before = threads_of_process();
    {
        Pool one(1);
        EXPECT_EQ(threads_of_process(), before);
        Pool five(5);
        EXPECT_EQ(threads_of_process(), before + 4);
    }
    // The kernel lists a thread for a moment after it was joined.
    for (int wait = 0; wait < 2000 && threads_of_process() != before; ++wait)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(threads_of_process(), before);
}

// Runs body in a forked child and gives back its exit status.
template<typename Body>
int in_child(Body body) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);  // a hang becomes a signal
        _exit(body());
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

TEST(Pool, AForkedChildRunsItsTasksItself) {
    if (kSanitized)
        GTEST_SKIP() << "[SKIP] sanitizers do not follow a fork from a threaded process";
    auto pool = std::make_unique<Pool>(3);
    std::atomic<int> sum{0};
    auto task = [&](int32_t i) { return sum += i, 0; };
    ASSERT_EQ(pool->run(100, task), 0);
    const int status = in_child([&] {
        sum = 0;
        if (pool->run(100, task) != 0 || sum != 4950)
            return 1;
        pool.reset();
        return 0;
    });
    EXPECT_EQ(status, 0);
    ASSERT_EQ(pool->run(100, task), 0) << "the parent's pool is untouched";
}

TEST(Pool, RunningOutOfThreadsIsAStatus) {
    if (kSanitized)
        GTEST_SKIP() << "[SKIP] sanitizers need the address space that this test takes away";
    if (tconv::testing::emulated())
        GTEST_SKIP() << "[SKIP] qemu takes no limit of address space";
    const int status = in_child([] {
        rlimit limit;
        getrlimit(RLIMIT_AS, &limit);
        limit.rlim_cur = 300u << 20;  // the stacks of 1023 threads take gigabytes
        if (setrlimit(RLIMIT_AS, &limit) != 0)
            return 1;
        tconv_pool *pool = nullptr;
        if (tconv_pool_create(1024, &pool) != TCONV_OUT_OF_MEMORY || pool != nullptr)
            return 2;
        if (threads_of_process() > 1)
            return 3;
        return tconv_pool_create(2, &pool) == TCONV_OK ? 0 : 4;  // what was taken has been given back
    });
    EXPECT_EQ(status, 0);
}

TEST(Pool, ArgumentsAreChecked) {
    tconv_pool *pool = nullptr;
    EXPECT_EQ(tconv_pool_create(0, &pool), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_pool_create(-1, &pool), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_pool_create(1025, &pool), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_pool_create(1, nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(pool, nullptr);
    tconv_pool_destroy(nullptr);
    ASSERT_EQ(tconv_pool_create(2, &pool), TCONV_OK);
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    int mine = 0;
    hooks.user = &mine;
    EXPECT_EQ(tconv_pool_hooks(nullptr, &hooks), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_pool_hooks(pool, nullptr), TCONV_INVALID_ARGUMENT);
    hooks.struct_size = 8;
    EXPECT_EQ(tconv_pool_hooks(pool, &hooks), TCONV_INVALID_STRUCT);
    EXPECT_EQ(hooks.user, &mine);
    tconv_hooks_init(&hooks, sizeof hooks);
    hooks.log = [](void *, tconv_status, const char *) {};
    EXPECT_EQ(tconv_pool_hooks(pool, &hooks), TCONV_OK);
    EXPECT_NE(hooks.log, nullptr) << "what the pool does not provide stays";
    EXPECT_EQ(hooks.allocate, nullptr);
    tconv_pool_destroy(pool);
}

}  // namespace
