#include "allocation_counter.h"
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <features.h>

#ifdef __GLIBC__
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static _Thread_local bool counting __attribute__((tls_model("initial-exec")));
static _Thread_local long count __attribute__((tls_model("initial-exec")));

static inline void note(void) {
    if (counting) count++;
}

void *malloc(size_t size) {
    note();
    return __libc_malloc(size);
}

void *calloc(size_t members, size_t size) {
    note();
    return __libc_calloc(members, size);
}

void *realloc(void *block, size_t size) {
    note();
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (alignment < sizeof(void *) || (alignment & (alignment - 1))) return EINVAL;
    void *result = memalign(alignment, size);
    if (!result && size) return ENOMEM;
    *block = result;
    return 0;
}

void allocation_counter_start(void) {
    count = 0;
    counting = true;
}

long allocation_counter_stop(void) {
    counting = false;
    return count;
}
#else
void allocation_counter_start(void) {}
long allocation_counter_stop(void) { return -1; }
#endif
