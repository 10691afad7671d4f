#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The input being read, where a signal handler can find it. Set only by `CrashGuard`, on the one thread there is.
nonisolated(unsafe) private var currentInput = UnsafeRawBufferPointer(start: nil, count: 0)
nonisolated(unsafe) private var savePath: UnsafeMutablePointer<CChar>?

/// Saves the input at hand when the process crashes or hangs, and bounds its memory.
struct CrashGuard {
    /// Seconds of processor time one input may take.
    static let patience = 20
    /// Bytes of address space.
    static let memory: rlim_t = 8 << 30

    init(target: String) {
        mkdir("fuzz-out", 0o755)
        savePath = strdup("fuzz-out/crash-\(target)")
        var limit = rlimit(rlim_cur: Self.memory, rlim_max: Self.memory)
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGVTALRM] {
            signal(number) { number in
                if let savePath {
                    let file = open(savePath, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
                    _ = write(file, currentInput.baseAddress, currentInput.count)
                    let message: StaticString = "motley-fuzz: crashed or hung; the input is in fuzz-out (run it with --reproduce)\n"
                    _ = write(2, message.utf8Start, message.utf8CodeUnitCount)
                }
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }

    func run<Result>(_ input: [UInt8], _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        input.withUnsafeBytes { bytes in
            currentInput = bytes
            Self.setTimer(Self.patience)
            defer { Self.setTimer(0) }
            return body(bytes)
        }
    }

    /// Counts processor time, so that a busy machine looks like no hang.
    private static func setTimer(_ seconds: Int) {
        var interval = itimerval(it_interval: timeval(tv_sec: 0, tv_usec: 0), it_value: timeval(tv_sec: seconds, tv_usec: 0))
        setitimer(numericCast(ITIMER_VIRTUAL.rawValue), &interval, nil)
    }
}
