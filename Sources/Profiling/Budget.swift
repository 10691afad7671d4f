import Devices

/// Time to spend, counted from when it was given out.
struct Budget {
    let start = Stopwatch.now()
    let seconds: Double

    init(seconds: Double) { self.seconds = max(0, seconds) }

    var left: Double { seconds - (Stopwatch.now() - start) }
    var isSpent: Bool { left <= 0 }

    /// So much of the whole, but no more than is left.
    func part(_ share: Double) -> Budget { Budget(seconds: min(seconds * share, max(0, left))) }
}
