import Engine

/// A bar on standard error for work that takes longer than a moment; nothing where standard error is no terminal.
final class ProgressBar: @unchecked Sendable {
    private struct State: Sendable {
        var fraction = 0.0
        var drawn = -1
        var isDone = false
    }

    /// Work shorter than this shows nothing (seconds).
    private static let patience = 0.3

    private let label: String
    private let isEnabled: Bool
    private let start = MonotonicClock.seconds()
    private let state = Monitor(State())

    init(_ label: String, isEnabled: Bool = true) {
        self.label = label
        self.isEnabled = isEnabled && Console.isErrorTerminal
    }

    /// - Parameter fraction: 0...1.
    func update(_ fraction: Double, note: String = "") {
        guard isEnabled, MonotonicClock.seconds() - start > Self.patience else { return }
        let width = max(10, min(40, Console.width - label.count - note.count - 12))
        let filled = Int(max(0, min(1, fraction)) * Double(width))
        let percent = Int(max(0, min(1, fraction)) * 100)
        let key = percent
        let draws = state.update { state in
            guard !state.isDone, key != state.drawn || !note.isEmpty else { return false }
            state.drawn = key
            return true
        }
        guard draws else { return }
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        Console.status("\r\(label) \(bar) \(percent)%\(note.isEmpty ? "" : " " + note)\u{1B}[K")
    }

    /// Removes the bar.
    func finish() {
        let wasDrawn = state.update { state in
            defer { state.isDone = true }
            return state.drawn >= 0 && !state.isDone
        }
        if wasDrawn { Console.status("\r\u{1B}[K") }
    }
}
