import Plans

@testable import Engine

/// A model whose logits are a function of all tokens before, computed from what was written into its blocks: whoever reads a wrong block gets
/// other logits.
final class FakeExecutor: StepExecutor {
    let keyValueBlockTokens: Int
    let blockCount: Int
    let vocabularySize: Int
    let maximumStepTokens: Int
    let maximumLogits: Int
    /// Steps run so far; each is recorded as its entries' token counts.
    private(set) var steps: [[Int]] = []
    var failure: (any Error)?
    private var memory: [UInt64]
    private var rows: [[Float]] = []

    init(blockTokens: Int = 4, blockCount: Int = 64, vocabularySize: Int = 50, stepTokens: Int = 32, logits: Int = 16) {
        keyValueBlockTokens = blockTokens
        self.blockCount = blockCount
        self.vocabularySize = vocabularySize
        maximumStepTokens = stepTokens
        maximumLogits = logits
        memory = Array(repeating: 0, count: blockTokens * blockCount)
    }

    func run(_ step: Step) throws {
        if let failure { throw failure }
        steps.append(step.entries.map(\.tokens.count))
        rows = []
        for entry in step.entries {
            func cell(_ position: Int) -> Int {
                Int(entry.blocks[position / keyValueBlockTokens]) * keyValueBlockTokens + position % keyValueBlockTokens
            }
            var hash = entry.start == 0 ? 1 : memory[cell(entry.start - 1)]
            for (offset, token) in entry.tokens.enumerated() {
                hash = Self.extend(hash, token)
                memory[cell(entry.start + offset)] = hash
                if entry.logits.contains(offset) { rows.append(Self.logits(hash, vocabularySize)) }
            }
        }
    }

    func logits(row: Int) -> UnsafeBufferPointer<Float> {
        let copy = UnsafeMutableBufferPointer<Float>.allocate(capacity: vocabularySize)
        _ = copy.initialize(from: rows[row])
        return UnsafeBufferPointer(copy)
    }

    static func extend(_ hash: UInt64, _ token: Int32) -> UInt64 { (hash &* 6_364_136_223_846_793_005) ^ UInt64(token) &+ 77 }

    static func logits(_ hash: UInt64, _ count: Int) -> [Float] {
        var random = SeededGenerator(state: hash)
        return (0..<count).map { _ in Float.random(in: -4...4, using: &random) }
    }

    /// Greedy tokens after a prompt.
    static func expected(_ prompt: [Int32], count: Int, vocabularySize: Int = 50) -> [Int32] {
        var hash = prompt.reduce(1, extend)
        return (0..<count).map { _ in
            let logits = logits(hash, vocabularySize)
            let token = Int32(logits.indices.max { logits[$0] < logits[$1] } ?? 0)
            hash = extend(hash, token)
            return token
        }
    }
}

/// Writes a token as a letter and a space, the way words stream.
struct LetterDecoder: TokenDecoder {
    mutating func append(_ token: Int32) -> String { String(UnicodeScalar(UInt8(97 + token % 26))) }
    mutating func finish() -> String { "" }
}
