/// Makes hostile inputs out of valid ones. The same seed gives the same sequence.
struct Mutator {
    private var random: SplitMix
    private let seeds: [[UInt8]]
    private let words: [[UInt8]]
    /// Longest input, so that growth does not slow the loop down.
    private let longest: Int

    /// - Parameter seeds: valid inputs; at least one.
    init(seeds: [[UInt8]], words: [String], seed: UInt64) {
        self.seeds = seeds.isEmpty ? [[]] : seeds
        self.words = words.map { Array($0.utf8) }
        random = SplitMix(state: seed)
        longest = max(4096, 2 * (seeds.map(\.count).max() ?? 0))
    }

    mutating func next() -> [UInt8] {
        var input = pick(seeds)
        for _ in 0..<1 + random.below(8) { mutate(&input) }
        if input.count > longest { input.removeSubrange(longest...) }
        return input
    }

    private mutating func mutate(_ input: inout [UInt8]) {
        guard !input.isEmpty else {
            input = [UInt8(truncatingIfNeeded: random.next())]
            return
        }
        // Headers come first and matter most: half of all changes hit the first quarter.
        let reach = random.below(2) == 0 ? max(1, input.count / 4) : input.count
        let place = random.below(reach)
        switch random.below(11) {
        case 0: input[place] ^= 1 << UInt8(random.below(8))
        case 1: input[place] = UInt8(truncatingIfNeeded: random.next())
        case 2: input[place] = pick([0, 1, 0x7F, 0x80, 0xFF, UInt8(ascii: "\""), UInt8(ascii: "{"), UInt8(ascii: "\\"), UInt8(ascii: "9")])
        case 3: overwrite(&input, at: place, number(), width: pick([1, 2, 4, 8]))
        case 4: input.removeSubrange(place..<min(input.count, place + 1 + random.below(16)))
        case 5: input.insert(contentsOf: input[place..<min(input.count, place + 1 + random.below(64))], at: random.below(input.count))
        case 6: input.removeSubrange(place...)
        case 7: if !words.isEmpty { input.insert(contentsOf: pick(words), at: place) }
        case 8:
            if !words.isEmpty {
                let word = pick(words)
                for (offset, byte) in word.enumerated() where place + offset < input.count { input[place + offset] = byte }
            }
        case 9:
            let other = pick(seeds)
            if !other.isEmpty {
                let start = random.below(other.count)
                input.replaceSubrange(place..., with: other[start...])
            }
        default: adjustDigit(&input, near: place)
        }
    }

    /// Changes the next decimal digit, the likeliest way to a wrong number in text.
    private mutating func adjustDigit(_ input: inout [UInt8], near place: Int) {
        guard let digit = input[place...].firstIndex(where: { (0x30...0x39).contains($0) }) else { return }
        input[digit] = 0x30 + UInt8(random.below(10))
    }

    /// Numbers at which arithmetic goes wrong.
    private mutating func number() -> UInt64 {
        switch random.below(5) {
        case 0: return UInt64(random.below(300))
        case 1: return UInt64.max - UInt64(random.below(64))
        case 2: return (1 << UInt64(random.below(64))) &+ UInt64(random.below(3)) &- 1
        case 3: return UInt64(Int64.max) - UInt64(random.below(64))
        default: return random.next()
        }
    }

    private func overwrite(_ input: inout [UInt8], at place: Int, _ number: UInt64, width: Int) {
        for byte in 0..<width where place + byte < input.count {
            input[place + byte] = UInt8(truncatingIfNeeded: number >> UInt64(8 * byte))
        }
    }

    private mutating func pick<Element>(_ list: [Element]) -> Element { list[random.below(list.count)] }
}

/// Sebastiano Vigna's SplitMix64.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
