import Plans

@testable import Engine
@testable import Runtime

/// A model whose logits are a function of all tokens before, computed from what was written into its blocks: whoever reads a wrong block
/// gets other logits. Runs a step where it is submitted.
final class FakeExecutor: StepExecutor {
    let keyValueBlockTokens: Int
    let blockCount: Int
    let vocabularySize: Int
    let maximumStepTokens: Int
    let maximumLogits: Int
    /// Steps run so far; each is recorded as its entries' token counts.
    private(set) var steps: [[Int]] = []
    var failure: (any Error)?
    let stepsInFlight = 1
    private var memory: [UInt64]
    private let rows: UnsafeMutableBufferPointer<Float>

    init(blockTokens: Int = 4, blockCount: Int = 64, vocabularySize: Int = 50, stepTokens: Int = 32, logits: Int = 16) {
        keyValueBlockTokens = blockTokens
        self.blockCount = blockCount
        self.vocabularySize = vocabularySize
        maximumStepTokens = stepTokens
        maximumLogits = logits
        memory = Array(repeating: 0, count: blockTokens * blockCount)
        rows = .allocate(capacity: logits * vocabularySize)
        rows.initialize(repeating: .nan)
    }

    deinit { rows.deallocate() }

    func submit(_ step: Step) throws -> StepTicket {
        if let failure { throw failure }
        rows.update(repeating: .nan)
        let computed = run(step)
        for (row, logits) in computed.enumerated() {
            _ = UnsafeMutableBufferPointer(rebasing: rows[(row * vocabularySize)...]).update(from: logits)
        }
        return StepTicket(number: UInt32(steps.count), logitsRows: computed.count)
    }

    func wait(_ ticket: StepTicket) throws {}

    func logits(_ ticket: StepTicket, row: Int) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(rebasing: rows[(row * vocabularySize)..<((row + 1) * vocabularySize)])
    }

    /// Writes the step's tokens into its blocks; gives the rows of logits it asks for.
    func run(_ step: Step) -> [[Float]] {
        steps.append(step.entries.map(\.tokens.count))
        var rows: [[Float]] = []
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
        return rows
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
