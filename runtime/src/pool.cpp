// A small thread pool for tconv_hooks.parallel_for. Workers wait for a job; a job is a task function, a count
// and an atomic next index that the caller and the workers draw from, so uneven tasks balance themselves.
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "structs.h"
#include "tconv/tconv.h"

namespace {

// A layer's tasks take 10 us to 10 ms, and waking a sleeping thread takes 5 to 50 us: between the jobs of one
// network a worker therefore looks for the next for a moment before it sleeps. A pause instruction takes 15
// to 50 ns.
constexpr int kSpins = 4000;

constexpr int32_t kMostThreads = 1024;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

struct Job {
    int (*task)(void *arg, int32_t index);
    void *arg;
    int32_t count;
};

// Set while this thread runs tasks of any pool: a parallel_for from inside one runs serially, because its
// workers are the ones busy with the outer loop.
thread_local bool inside_task = false;

}  // namespace

struct tconv_pool {
    pthread_mutex_t submit;  // held by the one caller whose job is running
    pthread_mutex_t state;   // guards sleeping and waking; the two conditions go with it
    pthread_cond_t wake;     // workers: generation changed
    pthread_cond_t idle;     // caller: working reached zero
    Job job;
    std::atomic<uint32_t> generation;  // one more for each job; workers compare it with the last they saw
    std::atomic<int32_t> next;         // next index of the job
    std::atomic<int32_t> working;      // workers that have not finished with the job
    std::atomic<int32_t> result;       // first non-zero result of a task
    std::atomic<bool> stop;
    pid_t owner;  // a forked child has this memory but not the workers
    int32_t workers;
    pthread_t *threads;
};

namespace {

void draw_tasks(tconv_pool *pool, const Job &job) {
    inside_task = true;
    for (;;) {
        // After a failure, nothing more is started.
        if (pool->result.load(std::memory_order_relaxed) != 0) break;
        const int32_t index = pool->next.fetch_add(1, std::memory_order_relaxed);
        if (index >= job.count) break;
        if (const int result = job.task(job.arg, index)) {
            int32_t none = 0;
            pool->result.compare_exchange_strong(none, result);
        }
    }
    inside_task = false;
}

int run_serially(int32_t count, int (*task)(void *, int32_t), void *arg) {
    for (int32_t i = 0; i < count; ++i) {
        if (const int result = task(arg, i)) return result;
    }
    return 0;
}

void await_generation(tconv_pool *pool, uint32_t seen) {
    for (int i = 0; i < kSpins; ++i) {
        if (pool->generation.load(std::memory_order_acquire) != seen) return;
        relax();
    }
    pthread_mutex_lock(&pool->state);
    while (pool->generation.load(std::memory_order_acquire) == seen)
        pthread_cond_wait(&pool->wake, &pool->state);
    pthread_mutex_unlock(&pool->state);
}

void *work(void *argument) {
    tconv_pool *const pool = static_cast<tconv_pool *>(argument);
    uint32_t seen = 0;
    for (;;) {
        await_generation(pool, seen);
        seen = pool->generation.load(std::memory_order_acquire);
        if (pool->stop.load(std::memory_order_acquire)) return nullptr;
        draw_tasks(pool, pool->job);
        if (pool->working.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&pool->state);
            pthread_cond_signal(&pool->idle);
            pthread_mutex_unlock(&pool->state);
        }
    }
}

void start_generation(tconv_pool *pool) {
    pthread_mutex_lock(&pool->state);
    pool->generation.fetch_add(1, std::memory_order_release);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->state);
}

void await_workers(tconv_pool *pool) {
    for (int i = 0; i < kSpins; ++i) {
        if (pool->working.load(std::memory_order_acquire) == 0) return;
        relax();
    }
    pthread_mutex_lock(&pool->state);
    while (pool->working.load(std::memory_order_acquire) != 0) pthread_cond_wait(&pool->idle, &pool->state);
    pthread_mutex_unlock(&pool->state);
}

int pool_parallel_for(void *user, int32_t count, int (*task)(void *, int32_t), void *arg) {
    tconv_pool *const pool = static_cast<tconv_pool *>(user);
    const bool serial = count <= 1 || pool->workers == 0 || inside_task || pool->owner != getpid();
    if (serial || pthread_mutex_trylock(&pool->submit) != 0) return run_serially(count, task, arg);
    pool->job = {task, arg, count};
    pool->next.store(0, std::memory_order_relaxed);
    pool->result.store(0, std::memory_order_relaxed);
    pool->working.store(pool->workers, std::memory_order_relaxed);
    start_generation(pool);
    draw_tasks(pool, pool->job);
    await_workers(pool);
    const int result = pool->result.load(std::memory_order_relaxed);
    pthread_mutex_unlock(&pool->submit);
    return result;
}

void stop_workers(tconv_pool *pool) {
    pool->stop.store(true, std::memory_order_release);
    start_generation(pool);
    for (int32_t i = 0; i < pool->workers; ++i) pthread_join(pool->threads[i], nullptr);
}

void free_pool(tconv_pool *pool) {
    // After fork the copied condition still counts waiters that do not exist, and glibc would wait for them.
    if (pool->owner == getpid()) {
        pthread_cond_destroy(&pool->idle);
        pthread_cond_destroy(&pool->wake);
        pthread_mutex_destroy(&pool->state);
        pthread_mutex_destroy(&pool->submit);
    }
    std::free(pool->threads);
    std::free(pool);
}

}  // namespace

tconv_status tconv_pool_create(int32_t threads, tconv_pool **out) {
    if (out == nullptr || threads < 1 || threads > kMostThreads) return TCONV_INVALID_ARGUMENT;
    // Zero bytes are the initial value of every member; the synchronisation objects follow.
    tconv_pool *const pool = static_cast<tconv_pool *>(std::calloc(1, sizeof(tconv_pool)));
    if (pool == nullptr) return TCONV_OUT_OF_MEMORY;
    pthread_mutex_init(&pool->submit, nullptr);
    pthread_mutex_init(&pool->state, nullptr);
    pthread_cond_init(&pool->wake, nullptr);
    pthread_cond_init(&pool->idle, nullptr);
    pool->owner = getpid();
    pool->threads = static_cast<pthread_t *>(std::calloc(static_cast<size_t>(threads), sizeof(pthread_t)));
    bool started = pool->threads != nullptr;
    while (started && pool->workers < threads - 1) {
        started = pthread_create(&pool->threads[pool->workers], nullptr, work, pool) == 0;
        if (started) ++pool->workers;
    }
    if (!started) {
        stop_workers(pool);
        free_pool(pool);
        return TCONV_OUT_OF_MEMORY;
    }
    *out = pool;
    return TCONV_OK;
}

tconv_status tconv_pool_hooks(tconv_pool *pool, tconv_hooks *hooks) {
    if (pool == nullptr || hooks == nullptr) return TCONV_INVALID_ARGUMENT;
    if (!tconv::struct_size_known<tconv_hooks>(hooks->struct_size)) return TCONV_INVALID_STRUCT;
    hooks->user = pool;
    hooks->parallel_for = pool_parallel_for;
    hooks->concurrency = pool->workers + 1;
    return TCONV_OK;
}

void tconv_pool_destroy(tconv_pool *pool) {
    if (pool == nullptr) return;
    if (pool->owner == getpid()) stop_workers(pool);
    free_pool(pool);
}
