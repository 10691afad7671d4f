// The worker pool: pinned threads that spin briefly for the next job, then sleep on a futex.
#define _GNU_SOURCE
#include "motley_kernels.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define relax() __builtin_ia32_pause()
#else
#define relax() ((void)0)
#endif

/// Spins before a worker sleeps: about 200 microseconds; before a lane does, whose processor others want: about 20.
#define SPINS 6000
#define EVENT_SPINS 600

struct mk_pool {
    int workers;
    pthread_t *threads;
    struct worker { mk_pool *pool; int index; } *arguments;
    mk_job job;
    void *context;
    _Alignas(64) uint32_t epoch;    // a new value: a new job
    uint32_t sleepers;
    _Alignas(64) uint32_t pending;  // workers still busy
    bool stop;
};

static void sleep_while(uint32_t *word, uint32_t value) { syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0); }
static void wake_all(uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0); }

static void *work(void *argument) {
    struct worker *self = argument;
    mk_pool *pool = self->pool;
    uint32_t seen = 0;
    for (;;) {
        uint32_t epoch;
        int spins = 0;
        while ((epoch = __atomic_load_n(&pool->epoch, __ATOMIC_ACQUIRE)) == seen) {
            if (++spins < SPINS) {
                relax();
            } else {
                __atomic_add_fetch(&pool->sleepers, 1, __ATOMIC_SEQ_CST);
                if (__atomic_load_n(&pool->epoch, __ATOMIC_SEQ_CST) == seen) sleep_while(&pool->epoch, seen);
                __atomic_sub_fetch(&pool->sleepers, 1, __ATOMIC_SEQ_CST);
            }
        }
        seen = epoch;
        if (pool->stop) return NULL;
        pool->job(pool->context, self->index, pool->workers);
        __atomic_sub_fetch(&pool->pending, 1, __ATOMIC_RELEASE);
    }
}

/// The n-th processor of those this process may run on, or -1.
static int allowed_processor(int n) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return -1;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set) && n-- == 0) return i;
    return -1;
}

mk_pool *mk_pool_create(int workers, bool pin) {
    if (workers < 1) workers = 1;
    mk_pool *pool = aligned_alloc(64, (sizeof *pool + 63) / 64 * 64);
    if (!pool) return NULL;
    *pool = (mk_pool){.workers = workers};
    pool->threads = calloc((size_t)workers, sizeof *pool->threads);
    pool->arguments = calloc((size_t)workers, sizeof *pool->arguments);
    if (!pool->threads || !pool->arguments) { mk_pool_destroy(pool); return NULL; }
    for (int i = 1; i < workers; i++) {
        pool->arguments[i] = (struct worker){pool, i};
        if (pthread_create(&pool->threads[i], NULL, work, &pool->arguments[i])) {
            pool->workers = i;
            break;
        }
        int processor = pin ? allowed_processor(i) : -1;
        if (processor >= 0) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(processor, &set);
            pthread_setaffinity_np(pool->threads[i], sizeof set, &set);
        }
    }
    return pool;
}

void mk_pool_destroy(mk_pool *pool) {
    if (!pool) return;
    if (pool->threads && pool->arguments) {
        pool->stop = true;
        __atomic_add_fetch(&pool->epoch, 1, __ATOMIC_SEQ_CST);
        wake_all(&pool->epoch);
        for (int i = 1; i < pool->workers; i++) pthread_join(pool->threads[i], NULL);
    }
    free(pool->threads);
    free(pool->arguments);
    free(pool);
}

int mk_pool_workers(const mk_pool *pool) { return pool->workers; }

void mk_pool_run(mk_pool *pool, mk_job job, void *context) {
    if (pool->workers == 1) { job(context, 0, 1); return; }
    pool->job = job;
    pool->context = context;
    __atomic_store_n(&pool->pending, (uint32_t)(pool->workers - 1), __ATOMIC_RELAXED);
    __atomic_add_fetch(&pool->epoch, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&pool->sleepers, __ATOMIC_SEQ_CST)) wake_all(&pool->epoch);
    job(context, 0, pool->workers);
    int spins = 0;
    while (__atomic_load_n(&pool->pending, __ATOMIC_ACQUIRE)) {
        relax();
        // Another program may hold the worker's processor: let it run rather than burn ours.
        if (++spins % 4096 == 0) sched_yield();
    }
}

/// Counters wrap around: a value is reached if it is no more than half the range behind.
static bool reached(uint32_t now, uint32_t value) { return (int32_t)(now - value) >= 0; }

bool mk_event_has(const mk_event *event, uint32_t value) { return reached(__atomic_load_n(&event->value, __ATOMIC_ACQUIRE), value); }

void mk_event_signal(mk_event *event, uint32_t value) {
    uint32_t old = __atomic_load_n(&event->value, __ATOMIC_RELAXED);
    while (!reached(old, value) && !__atomic_compare_exchange_n(&event->value, &old, value, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {}
    if (__atomic_load_n(&event->sleepers, __ATOMIC_SEQ_CST)) wake_all(&event->value);
}

void mk_event_wait(mk_event *event, uint32_t value) {
    for (int spins = 0; spins < EVENT_SPINS; spins++) {
        if (mk_event_has(event, value)) return;
        relax();
    }
    __atomic_add_fetch(&event->sleepers, 1, __ATOMIC_SEQ_CST);
    for (uint32_t now; !reached(now = __atomic_load_n(&event->value, __ATOMIC_SEQ_CST), value);) sleep_while(&event->value, now);
    __atomic_sub_fetch(&event->sleepers, 1, __ATOMIC_SEQ_CST);
}
