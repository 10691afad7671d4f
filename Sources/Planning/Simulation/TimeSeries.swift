/// A quantity over time in at most `limit` equal spans: its time-weighted mean and its peak in each. Spans double in length when there are
/// too many.
struct TimeSeries: Sendable {
    private(set) var span: Double
    private(set) var sums: [Double] = []
    private(set) var peaks: [Double] = []
    private var last = 0.0
    private var value = 0.0
    private(set) var integral = 0.0
    private(set) var peak = 0.0
    private let limit: Int

    /// - Parameter span: seconds of a span to begin with.
    init(span: Double = 1e-3, limit: Int = 256) {
        self.span = span
        self.limit = limit
    }

    /// The quantity from now on; times ascend.
    mutating func set(_ new: Double, at now: Double) {
        advance(to: now)
        value = new
        peak = max(peak, new)
        if now / span < Double(limit) {
            let index = Int(now / span)
            grow(to: index)
            peaks[index] = max(peaks[index], new)
        }
    }

    /// Holds the quantity until `now`.
    mutating func advance(to now: Double) {
        guard now > last, now.isFinite else { return }
        integral += value * (now - last)
        while now / span >= Double(limit) { double() }
        var index = Int(last / span)
        let end = Int(now / span)
        grow(to: end)
        while index <= end {
            let from = max(last, Double(index) * span), to = min(now, Double(index + 1) * span)
            if to > from {
                sums[index] += value * (to - from)
                peaks[index] = max(peaks[index], value)
            }
            index += 1
        }
        last = now
    }

    /// Mean over each span; the last may be shorter.
    var means: [Double] {
        sums.enumerated().map { index, sum in
            let length = min(span, last - Double(index) * span)
            return length > 1e-12 * span ? sum / length : 0
        }
    }

    private mutating func grow(to index: Int) {
        while sums.count <= index {
            sums.append(0)
            peaks.append(0)
        }
    }

    private mutating func double() {
        span *= 2
        let half = (sums.count + 1) / 2
        for index in 0..<half {
            let odd = 2 * index + 1 < sums.count
            sums[index] = sums[2 * index] + (odd ? sums[2 * index + 1] : 0)
            peaks[index] = max(peaks[2 * index], odd ? peaks[2 * index + 1] : 0)
        }
        sums.removeLast(sums.count - half)
        peaks.removeLast(peaks.count - half)
    }
}
