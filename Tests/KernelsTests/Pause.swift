#if canImport(Glibc)
    import Glibc
#endif

/// Sleeps this thread, less than a second.
func pause(nanoseconds: Int) {
    var time = timespec(tv_sec: 0, tv_nsec: nanoseconds)
    nanosleep(&time, nil)
}
