#include "memory.h"

#include <map>

#include "failure.h"

namespace tconv::python {

namespace {

std::map<int32_t, std::weak_ptr<tconv_pool>> &pools() {
    static std::map<int32_t, std::weak_ptr<tconv_pool>> pools;  // the interpreter's lock guards it
    return pools;
}

}  // namespace

std::shared_ptr<tconv_pool> shared_pool(int32_t threads) {
    std::weak_ptr<tconv_pool> &known = pools()[threads];
    std::shared_ptr<tconv_pool> pool = known.lock();
    if (!pool) {
        tconv_pool *created = nullptr;
        const tconv_status status = tconv_pool_create(threads, &created);
        if (status == TCONV_INVALID_ARGUMENT)
            raise(status, "threads = " + std::to_string(threads) + "; it must be between 1 and 1024");
        if (status != TCONV_OK)
            raise(status, "cannot start " + std::to_string(threads - 1) + " threads");
        pool.reset(created, tconv_pool_destroy);
        known = pool;
    }
    return pool;
}

void forget_pools() {
    pools().clear();
}

}  // namespace tconv::python
