import Engine
import Glibc

/// Ctrl-C as an event instead of a death: a thread waits for the signal, everybody else has it blocked.
enum Interrupts {
    private static let handler = Monitor<(@Sendable () -> Void)?>(nil)

    /// Call before any other thread starts. Until `handle` is given something, an interrupt ends the program as always.
    static func watch() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        _ = SystemThread {
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGINT)
            sigaddset(&signals, SIGTERM)
            var signal: Int32 = 0
            while sigwait(&signals, &signal) == 0 {
                if signal == SIGINT, let action = handler.update({ $0 }) {
                    action()
                } else {
                    if Console.isErrorTerminal { Console.status("\r\u{1B}[K") }
                    LineEditor.restoreTerminal()
                    _exit(128 + signal)
                }
            }
        }
    }

    /// What an interrupt does from now on; nil: ends the program with status 130.
    static func handle(_ action: (@Sendable () -> Void)?) { handler.update { $0 = action } }
}
