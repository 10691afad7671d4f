// Counts what a thread allocates. Linking this target puts counting wrappers before the C library's allocation functions.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

/// Starts counting this thread's allocations from zero.
void allocation_counter_start(void);
/// Stops and gives the count. On a platform without wrappers it is -1.
long allocation_counter_stop(void);
#endif
