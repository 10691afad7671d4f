import Devices
import Models
import Plans

/// What a device streams in a stage, piece by piece in the order of use.
struct StageStreams {
    private(set) var pieces: [StreamPiece] = []
    private var places: [LinearPart: (piece: Int, part: Int)] = [:]

    /// Lists the shards that the device multiplies and that are elsewhere. The output matrix comes in pieces of some rows, no larger than
    /// the largest layer's.
    ///
    /// - Parameter window: bytes of the window; where only the output matrix is streamed, three of its pieces fit.
    /// - Throws: `RuntimeError` where a size overflows.
    init(_ slice: StageSlice, to device: DeviceID, window: Int) throws {
        for placement in slice.modules where placement.module != .embedding {
            let shards = placement.shards.filter {
                slice.isStreamed($0, to: device) && slice.uses(of: $0, of: placement.module, by: device) != 0
            }
            let rounds = shards.map { slice.rounds(of: placement.module, $0.range) }
            for round in 0..<(rounds.first?.count ?? 0) where placement.module != .output {
                for (shard, parts) in zip(shards, rounds) {
                    let uses = slice.uses(of: shard, of: placement.module, by: device)
                    try add(parts[round], of: shard, uses: uses, whole: parts[round])
                }
            }
            for shard in shards {
                let uses = slice.uses(of: shard, of: placement.module, by: device)
                if placement.module == .output {
                    let largest = pieces.map(\.byteCount).max() ?? window / 3
                    // What a memory holds comes from there whole; groups of rows are together in it.
                    for part in try Self.cut(slice.model.output, rows: shard.range, into: largest) {
                        try add(
                            [part], of: shard, uses: uses, isForLogits: true, whole: [LinearPart(slice.model.output, rows: shard.range)])
                    }
                }
            }
        }
    }

    private mutating func add(
        _ parts: [LinearPart], of shard: Shard, uses: VariantSet, isForLogits: Bool = false, whole: [LinearPart]
    ) throws {
        for (index, part) in parts.enumerated() { places[part] = (pieces.count, index) }
        pieces.append(try StreamPiece(parts, whole: whole, home: shard.home, uses: uses, isForLogits: isForLogits))
    }

    /// Rows in groups of 16, so many together that they fit into `bytes`.
    private static func cut(_ linear: LinearSpec, rows: Range<Int>, into bytes: Int) throws -> [LinearPart] {
        let group = try WeightStore.byteCount(LinearPart(linear, rows: 0..<min(16, linear.outputs)))
        let step = max(1, bytes / max(1, group)) * 16
        return stride(from: rows.lowerBound, to: rows.upperBound, by: step).map { first in
            LinearPart(linear, rows: first..<min(rows.upperBound, first + step))
        }
    }

    /// Where a part comes in; nil: it is not streamed.
    func place(of part: LinearPart) -> (piece: Int, part: Int)? { places[part] }

    /// The pieces of a shard of the output matrix; empty where it is not streamed.
    func outputParts(_ rows: Range<Int>) -> [LinearPart] {
        pieces.filter(\.isForLogits).flatMap(\.parts).filter {
            rows.lowerBound <= $0.rows.lowerBound && $0.rows.upperBound <= rows.upperBound
        }
    }
}
