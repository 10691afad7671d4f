/// Searching, splitting and replacing. All in linear time.
extension PythonText {
    /// Where `needle`, which is not empty, starts in the bytes of `range`; by Knuth, Morris and Pratt where it is long.
    func find(_ needle: PythonText, from start: Int, to end: Int) -> Int? {
        let length = needle.bytes.count
        guard end - start >= length else { return nil }
        if length <= 8 {
            return bytes.withUnsafeBufferPointer { hay in
                needle.bytes.withUnsafeBufferPointer { wanted in
                    var index = start
                    let first = wanted[0]
                    while index <= end - length {
                        if hay[index] == first {
                            var matched = 1
                            while matched < length, hay[index + matched] == wanted[matched] { matched += 1 }
                            if matched == length { return index }
                        }
                        index += 1
                    }
                    return nil
                }
            }
        }
        let failure = needle.failureTable
        var matched = 0
        for index in start..<end {
            while matched > 0, bytes[index] != needle.bytes[matched] { matched = failure[matched - 1] }
            if bytes[index] == needle.bytes[matched] { matched += 1 }
            if matched == length { return index - length + 1 }
        }
        return nil
    }

    private var failureTable: [Int] {
        var table = [Int](repeating: 0, count: bytes.count)
        var matched = 0
        for index in bytes.indices.dropFirst() {
            while matched > 0, bytes[index] != bytes[matched] { matched = table[matched - 1] }
            if bytes[index] == bytes[matched] { matched += 1 }
            table[index] = matched
        }
        return table
    }

    /// The byte offsets of every occurrence of `needle`, none overlapping, from the left, at most `limit`.
    func occurrences(of needle: PythonText, limit: Int = .max) -> [Int] {
        var result: [Int] = []
        var start = 0
        let length = needle.bytes.count
        if length > 8 {
            let failure = needle.failureTable
            var matched = 0
            for index in bytes.indices where result.count < limit {
                while matched > 0, bytes[index] != needle.bytes[matched] { matched = failure[matched - 1] }
                if bytes[index] == needle.bytes[matched] { matched += 1 }
                if matched == length {
                    result.append(index - length + 1)
                    matched = 0
                }
            }
            return result
        }
        while result.count < limit, let found = find(needle, from: start, to: bytes.count) {
            result.append(found)
            start = found + length
        }
        return result
    }

    /// The text with its scalars in the opposite order.
    func reversed() -> PythonText {
        isASCII ? PythonText(ascii: bytes.reversed()) : PythonText(scalars.reversed())
    }

    /// The last occurrence in a range of bytes, found as the first of the reversed text.
    func findLast(_ needle: PythonText, from start: Int, to end: Int) -> Int? {
        let length = needle.bytes.count
        guard end - start >= length else { return nil }
        let backward = PythonText(ascii: bytes[start..<end].reversed())
        let wanted = PythonText(ascii: needle.bytes.reversed())
        return backward.find(wanted, from: 0, to: end - start).map { end - $0 - length }
    }

    func contains(_ needle: PythonText) -> Bool {
        needle.isEmpty || find(needle, from: 0, to: bytes.count) != nil
    }

    func hasPrefix(_ prefix: PythonText) -> Bool { bytes.starts(with: prefix.bytes) }
    func hasSuffix(_ suffix: PythonText) -> Bool {
        bytes.count >= suffix.bytes.count && bytes[(bytes.count - suffix.bytes.count)...].elementsEqual(suffix.bytes)
    }

    /// The text between `drop`ped scalars at either end.
    func stripped(left: Bool, right: Bool, _ drop: (Unicode.Scalar) -> Bool = { $0.isPythonSpace }) -> PythonText {
        var start = 0
        var end = bytes.count
        if left {
            while start < end {
                let (scalar, length) = bytes.scalar(at: start)
                guard drop(scalar) else { break }
                start += length
            }
        }
        if right {
            while end > start {
                let before = bytes.scalarStart(before: end)
                guard drop(bytes.scalar(at: before).0) else { break }
                end = before
            }
        }
        return start == 0 && end == bytes.count ? self : PythonText(bytes[start..<end])
    }

    func split(_ separator: PythonText, limit: Int) -> [PythonText] {
        var parts: [PythonText] = []
        var start = 0
        for found in occurrences(of: separator, limit: limit) {
            parts.append(PythonText(bytes[start..<found]))
            start = found + separator.bytes.count
        }
        parts.append(PythonText(bytes[start...]))
        return parts
    }

    func splitFromRight(_ separator: PythonText, limit: Int) -> [PythonText] {
        let backward = PythonText(ascii: bytes.reversed())
        let parts = backward.split(PythonText(ascii: separator.bytes.reversed()), limit: limit)
        return parts.reversed().map { PythonText($0.bytes.reversed()) }
    }

    /// Splits at runs of white space.
    func splitAtSpace(limit: Int) -> [PythonText] {
        var parts: [PythonText] = []
        var index = 0
        while true {
            while index < bytes.count {
                let (scalar, length) = bytes.scalar(at: index)
                guard scalar.isPythonSpace else { break }
                index += length
            }
            if index >= bytes.count { return parts }
            if parts.count >= limit {
                parts.append(PythonText(bytes[index...]).stripped(left: false, right: true))
                return parts
            }
            let start = index
            while index < bytes.count {
                let (scalar, length) = bytes.scalar(at: index)
                if scalar.isPythonSpace { break }
                index += length
            }
            parts.append(PythonText(bytes[start..<index]))
        }
    }

    func splitAtSpaceFromRight(limit: Int) -> [PythonText] {
        PythonText(scalars.reversed()).splitAtSpace(limit: limit).reversed().map { PythonText($0.scalars.reversed()) }
    }

    func lines(keepingEnds: Bool = false) -> [PythonText] {
        var result: [PythonText] = []
        var start = 0
        var index = 0
        while index < bytes.count {
            let (scalar, length) = bytes.scalar(at: index)
            guard scalar.isPythonLineBreak else {
                index += length
                continue
            }
            var next = index + length
            if scalar.value == 0x0D, next < bytes.count, bytes[next] == 0x0A { next += 1 }
            result.append(PythonText(bytes[start..<(keepingEnds ? next : index)]))
            start = next
            index = next
        }
        if start < bytes.count { result.append(PythonText(bytes[start...])) }
        return result
    }
}
