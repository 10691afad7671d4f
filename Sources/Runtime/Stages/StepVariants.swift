import Plans

/// A set of variants.
typealias VariantSet = UInt64

/// Into which kinds steps fall by who computes: a plan's `computers` change at some numbers of tokens, or rows of logits, of a micro-batch.
/// Programs are made for every kind beforehand.
struct StepVariants: Sendable, Equatable {
    /// Numbers at which something changes, ascending from 1.
    private let tokens: [Int]
    private let rows: [Int]

    var count: Int { tokens.count * rows.count }
    var all: VariantSet { count == 64 ? .max : (1 << VariantSet(count)) - 1 }

    /// - Throws: `RuntimeError.unsupported` for more than 64 kinds.
    init(_ replica: Replica) throws(RuntimeError) {
        var tokens: Set<Int> = [1], rows: Set<Int> = [1]
        for stage in replica.stages {
            for placement in stage.placements {
                for shard in placement.shards {
                    let changes = shard.computers.map { max(1, $0.fromTokens) }
                    if placement.module == .output { rows.formUnion(changes) } else { tokens.formUnion(changes) }
                }
            }
            for share in stage.keyValue { tokens.formUnion(share.computers.map { max(1, $0.fromTokens) }) }
        }
        self.tokens = tokens.sorted()
        self.rows = rows.sorted()
        if count > 64 { throw .unsupported("devices that change at more than 64 numbers of tokens") }
    }

    /// The variant of a micro-batch.
    func variant(tokens tokenCount: Int, rows rowCount: Int) -> Int {
        var token = tokens.count - 1, row = rows.count - 1
        while token > 0, tokens[token] > tokenCount { token -= 1 }
        while row > 0, rows[row] > rowCount { row -= 1 }
        return token * rows.count + row
    }

    /// Who computes in a variant.
    func device(_ computers: [Computer], of module: Module?, in variant: Int) -> DeviceID {
        let count = module == .output ? rows[variant % rows.count] : tokens[variant / rows.count]
        guard let device = computers.device(tokens: count) else { preconditionFailure("nobody computes") }
        return device
    }

    func set(_ condition: (Int) -> Bool) -> VariantSet {
        var set: VariantSet = 0
        for variant in 0..<count where condition(variant) { set |= 1 << VariantSet(variant) }
        return set
    }
}
