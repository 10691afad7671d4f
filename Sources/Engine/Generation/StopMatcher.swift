/// Watches streamed text for stop strings and holds back what might be the beginning of one, so that no part of a stop string is ever
/// shown.
struct StopMatcher {
    private let stops: [[UInt8]]
    private let longest: Int
    private var held: [UInt8] = []

    /// Most stop strings, and most bytes of one.
    static let maximumCount = 64
    static let maximumLength = 1024

    init(_ stops: [String]) throws(GenerationError) {
        guard stops.count <= Self.maximumCount else {
            throw .invalidParameter("\(stops.count) stop strings were given; at most \(Self.maximumCount) are allowed")
        }
        for stop in stops {
            guard !stop.isEmpty else { throw .invalidParameter("a stop string is empty") }
            guard stop.utf8.count <= Self.maximumLength else {
                throw .invalidParameter("a stop string has \(stop.utf8.count) bytes; at most \(Self.maximumLength) are allowed")
            }
        }
        self.stops = stops.map { [UInt8]($0.utf8) }
        longest = stops.map(\.utf8.count).max() ?? 0
    }

    var isEmpty: Bool { stops.isEmpty }

    /// Takes more text; gives what can be shown, and whether a stop string was reached. After that nothing more may be fed.
    mutating func feed(_ text: String) -> (shown: String, isStopped: Bool) {
        if stops.isEmpty { return (text, false) }
        held.append(contentsOf: text.utf8)
        for start in held.indices {
            if stops.contains(where: { held[start...].starts(with: $0) }) {
                let shown = String(decoding: held[..<start], as: UTF8.self)
                held = []
                return (shown, true)
            }
        }
        // Everything before the first place where a stop string may have begun can be shown.
        var start = max(0, held.count - longest + 1)
        while start < held.count, !stops.contains(where: { $0.starts(with: held[start...]) }) { start += 1 }
        // Only whole characters: a stop string begins at one, so `start` always does.
        let shown = String(decoding: held[..<start], as: UTF8.self)
        held.removeFirst(start)
        return (shown, false)
    }

    /// What was held back when generation ends for another reason.
    mutating func flush() -> String {
        defer { held = [] }
        return String(decoding: held, as: UTF8.self)
    }
}
