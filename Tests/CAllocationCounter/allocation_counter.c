#include "allocation_counter.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__GLIBC__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
// The local model: nothing is allocated when a thread first asks.
static _Thread_local bool watched __attribute__((tls_model("initial-exec"))), counting __attribute__((tls_model("initial-exec")));
static _Thread_local long own __attribute__((tls_model("initial-exec")));
static int64_t total;

// What glibc calls its own functions.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static void count(void) {
    if (counting) own++;
    if (watched) __atomic_add_fetch(&total, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size) { count(); return __libc_malloc(size); }
void *calloc(size_t n, size_t size) { count(); return __libc_calloc(n, size); }
void *realloc(void *pointer, size_t size) { count(); return __libc_realloc(pointer, size); }
void *memalign(size_t alignment, size_t size) { count(); return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { count(); return __libc_memalign(alignment, size); }
int posix_memalign(void **pointer, size_t alignment, size_t size) {
    if (alignment < sizeof(void *) || (alignment & (alignment - 1))) return EINVAL;
    count();
    void *made = __libc_memalign(alignment, size);
    if (!made) return ENOMEM;
    *pointer = made;
    return 0;
}
void allocation_counter_start(void) {
    own = 0;
    counting = true;
}
long allocation_counter_stop(void) {
    counting = false;
    return own;
}
bool allocation_counter_works(void) { return true; }
void allocation_counter_watch(bool watch) { watched = watch; }
int64_t allocation_counter_total(void) { return __atomic_load_n(&total, __ATOMIC_RELAXED); }
#else
void allocation_counter_start(void) {}
long allocation_counter_stop(void) { return -1; }
bool allocation_counter_works(void) { return false; }
void allocation_counter_watch(bool watch) { (void)watch; }
int64_t allocation_counter_total(void) { return 0; }
#endif
