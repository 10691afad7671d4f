import Glibc

/// Where a line of a file is.
struct LinePlace: Sendable, Equatable {
    /// From 1.
    var number: Int
    /// Bytes from the start of the file.
    var start: Int
    /// Whether a line feed ends it; only a file's last line can lack one.
    var isWhole: Bool
}

/// The lines of a file, one after another, in memory for one of them.
struct LineScanner {
    /// Most bytes of a line.
    static let limit = 64 << 20

    /// Why a file cannot be read to its end.
    enum Failure: Error {
        case system(Int32)
        /// The number of a line longer than `limit`.
        case tooLong(Int)
    }

    private let descriptor: Int32

    /// Reads from the descriptor's position on, which should be the file's start.
    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Calls `body` with every line, without its line feed. The bytes are valid during the call.
    func forEach(_ body: (UnsafeBufferPointer<UInt8>, LinePlace) throws -> Void) throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        /// `buffer[first..<end]` is what was read and not given out; `searched` of it hold no line feed.
        var first = 0, end = 0, searched = 0
        var place = LinePlace(number: 1, start: 0, isWhole: true)
        func give(_ bytes: Range<Int>) throws {
            try buffer.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[bytes]), place) }
            place.number += 1
            place.start += bytes.count + 1
        }
        while true {
            while let feed = buffer[first + searched..<end].firstIndex(of: 0x0A) {
                try give(first..<feed)
                first = feed + 1
                searched = 0
            }
            searched = end - first
            if searched > Self.limit { throw Failure.tooLong(place.number) }
            if first > 0 {
                buffer.replaceSubrange(0..<searched, with: buffer[first..<end])
                (first, end) = (0, searched)
            }
            if end == buffer.count { buffer += [UInt8](repeating: 0, count: buffer.count) }
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress.unsafelyUnwrapped + end, $0.count - end) }
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure.system(errno)
            }
            if count == 0 { break }
            end += count
        }
        place.isWhole = false
        if end > first { try give(first..<end) }
    }
}
