// Counts heap allocations of chosen threads. For tests: linking it replaces malloc and its kin by wrappers around the C library's own.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H
#include <stdbool.h>
#include <stdint.h>

/// Starts counting this thread's allocations from zero.
void allocation_counter_start(void);
/// Stops and gives the count. On a platform without wrappers it is -1.
long allocation_counter_stop(void);

// The same for a job that several threads share: each is told to watch itself, and all add to one total.

/// Whether counting works here (glibc, no sanitizer).
bool allocation_counter_works(void);
/// Starts or stops counting the calling thread's allocations.
void allocation_counter_watch(bool watch);
/// Allocations of all watched threads so far.
int64_t allocation_counter_total(void);
#endif
