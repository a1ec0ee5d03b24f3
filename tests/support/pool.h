// The library's own pool, with the hooks that run on it.
#pragma once

#include <gtest/gtest.h>

#include "tconv/tconv.h"

namespace tconv::testing {

class Pool {
public:
    explicit Pool(int32_t threads) {
        EXPECT_EQ(tconv_pool_create(threads, &pool_), TCONV_OK);
        tconv_hooks_init(&hooks, sizeof hooks);
        EXPECT_EQ(tconv_pool_hooks(pool_, &hooks), TCONV_OK);
    }
    ~Pool() { tconv_pool_destroy(pool_); }
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;

    template<typename Task>
    int run(int32_t count, Task &task) {
        return hooks.parallel_for(
            hooks.user, count, [](void *arg, int32_t i) { return (*static_cast<Task *>(arg))(i); }, &task);
    }

    tconv_hooks hooks;

private:
    tconv_pool *pool_ = nullptr;
};

}  // namespace tconv::testing
