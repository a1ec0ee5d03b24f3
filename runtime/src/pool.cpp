// A small thread pool for tconv_hooks.parallel_for. A job is a task function, a count and an atomic next index that the
// caller and the workers draw from, so uneven tasks balance themselves. Workers join a job while it is open; the caller
// works too, closes the job when its indices run out, and waits only for those that joined: a worker that the system
// has not scheduled yet delays nobody.
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
    pthread_mutex_t submit;       // held by the one caller whose job is running
    pthread_mutex_t state;        // guards sleeping and waking; the two conditions go with it
    pthread_cond_t wake;          // workers: gate has a new job number
    pthread_cond_t idle;          // caller: the last worker left a closed job
    Job job;                      // read by workers that joined, written while none can
    std::atomic<uint64_t> gate;   // job number << 32 | kClosed | workers inside
    std::atomic<int64_t> next;    // next index of the job; each thread draws one past the last
    std::atomic<int32_t> result;  // first non-zero result of a task
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
        if (pool->result.load(std::memory_order_relaxed) != 0)
            break;
        const int64_t index = pool->next.fetch_add(1, std::memory_order_relaxed);
        if (index >= job.count)
            break;
        if (const int result = job.task(job.arg, static_cast<int32_t>(index))) {
            int32_t none = 0;
            pool->result.compare_exchange_strong(none, result);
        }
    }
    inside_task = false;
}

int run_serially(int32_t count, int (*task)(void *, int32_t), void *arg) {
    for (int32_t i = 0; i < count; ++i) {
        if (const int result = task(arg, i))
            return result;
    }
    return 0;
}

constexpr uint64_t kClosed = uint64_t{1} << 31;
constexpr uint32_t number_of(uint64_t gate) {
    return static_cast<uint32_t>(gate >> 32);
}
constexpr uint32_t inside_of(uint64_t gate) {
    return static_cast<uint32_t>(gate & (kClosed - 1));
}

// The number of the first job after `seen`.
uint32_t await_job(tconv_pool *pool, uint32_t seen) {
    for (int i = 0; i < kSpins; ++i) {
        const uint32_t number = number_of(pool->gate.load(std::memory_order_acquire));
        if (number != seen)
            return number;
        relax();
    }
    pthread_mutex_lock(&pool->state);
    uint32_t number;
    while ((number = number_of(pool->gate.load(std::memory_order_acquire))) == seen) {
        pthread_cond_wait(&pool->wake, &pool->state);
    }
    pthread_mutex_unlock(&pool->state);
    return number;
}

bool join(tconv_pool *pool, uint32_t number) {
    uint64_t gate = pool->gate.load(std::memory_order_acquire);
    while (number_of(gate) == number && (gate & kClosed) == 0) {
        if (pool->gate.compare_exchange_weak(gate, gate + 1, std::memory_order_acq_rel))
            return true;
    }
    return false;
}

void leave(tconv_pool *pool) {
    const uint64_t before = pool->gate.fetch_sub(1, std::memory_order_acq_rel);
    if ((before & kClosed) == 0 || inside_of(before) != 1)
        return;
    pthread_mutex_lock(&pool->state);
    pthread_cond_signal(&pool->idle);
    pthread_mutex_unlock(&pool->state);
}

void *work(void *argument) {
    tconv_pool *const pool = static_cast<tconv_pool *>(argument);
    uint32_t seen = 0;
    for (;;) {
        seen = await_job(pool, seen);
        if (pool->stop.load(std::memory_order_acquire))
            return nullptr;
        if (!join(pool, seen))
            continue;
        draw_tasks(pool, pool->job);
        leave(pool);
    }
}

// Only while the gate is closed with nobody inside, or before the first job.
void open_gate(tconv_pool *pool) {
    const uint32_t number = number_of(pool->gate.load(std::memory_order_relaxed)) + 1;
    pthread_mutex_lock(&pool->state);
    pool->gate.store(uint64_t{number} << 32, std::memory_order_release);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->state);
}

void close_gate(tconv_pool *pool) {
    pool->gate.fetch_or(kClosed, std::memory_order_acq_rel);
    for (int i = 0; i < kSpins; ++i) {
        if (inside_of(pool->gate.load(std::memory_order_acquire)) == 0)
            return;
        relax();
    }
    pthread_mutex_lock(&pool->state);
    while (inside_of(pool->gate.load(std::memory_order_acquire)) != 0)
        pthread_cond_wait(&pool->idle, &pool->state);
    pthread_mutex_unlock(&pool->state);
}

int pool_parallel_for(void *user, int32_t count, int (*task)(void *, int32_t), void *arg) {
    tconv_pool *const pool = static_cast<tconv_pool *>(user);
    const bool serial = count <= 1 || pool->workers == 0 || inside_task || pool->owner != getpid();
    if (serial || pthread_mutex_trylock(&pool->submit) != 0)
        return run_serially(count, task, arg);
    pool->job = {task, arg, count};
    pool->next.store(0, std::memory_order_relaxed);
    pool->result.store(0, std::memory_order_relaxed);
    open_gate(pool);
    draw_tasks(pool, pool->job);
    close_gate(pool);
    const int result = pool->result.load(std::memory_order_relaxed);
    pthread_mutex_unlock(&pool->submit);
    return result;
}

void stop_workers(tconv_pool *pool) {
    pool->stop.store(true, std::memory_order_release);
    open_gate(pool);
    for (int32_t i = 0; i < pool->workers; ++i)
        pthread_join(pool->threads[i], nullptr);
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
    if (out == nullptr || threads < 1 || threads > kMostThreads)
        return TCONV_INVALID_ARGUMENT;
    // Zero bytes are the initial value of every member; the synchronisation objects follow.
    tconv_pool *const pool = static_cast<tconv_pool *>(std::calloc(1, sizeof(tconv_pool)));
    if (pool == nullptr)
        return TCONV_OUT_OF_MEMORY;
    pthread_mutex_init(&pool->submit, nullptr);
    pthread_mutex_init(&pool->state, nullptr);
    pthread_cond_init(&pool->wake, nullptr);
    pthread_cond_init(&pool->idle, nullptr);
    pool->owner = getpid();
    pool->threads = static_cast<pthread_t *>(std::calloc(static_cast<size_t>(threads), sizeof(pthread_t)));
    bool started = pool->threads != nullptr;
    while (started && pool->workers < threads - 1) {
        started = pthread_create(&pool->threads[pool->workers], nullptr, work, pool) == 0;
        if (started)
            ++pool->workers;
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
    if (pool == nullptr || hooks == nullptr)
        return TCONV_INVALID_ARGUMENT;
    if (!tconv::struct_size_known<tconv_hooks>(hooks->struct_size))
        return TCONV_INVALID_STRUCT;
    hooks->user = pool;
    hooks->parallel_for = pool_parallel_for;
    hooks->concurrency = pool->workers + 1;
    return TCONV_OK;
}

void tconv_pool_destroy(tconv_pool *pool) {
    if (pool == nullptr)
        return;
    if (pool->owner == getpid())
        stop_workers(pool);
    free_pool(pool);
}
