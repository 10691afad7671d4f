import Devices
import Models
import Plans

/// What a stage streams, piece by piece in the order of use.
struct StageStreams {
    private(set) var pieces: [StreamPiece] = []
    private var places: [LinearPart: (piece: Int, part: Int)] = [:]

    /// Lists the shards whose home is a disk. The output matrix comes in pieces of some rows, no larger than the largest layer's.
    ///
    /// - Parameter window: bytes of the window; where only the output matrix is streamed, three of its pieces fit.
    /// - Throws: `RuntimeError` where a size overflows.
    init(_ slice: StageSlice, window: Int) throws {
        let model = slice.model
        for placement in slice.modules {
            for shard in placement.shards where slice.isOnDisk(shard) {
                switch placement.module {
                case .attention(let layer):
                    let parts = model.layers[layer].attention.parts(of: shard.range, formats: slice.formats)
                    try add([parts.query, parts.key, parts.value, parts.output])
                case .feedForward(let layer):
                    let parts = model.layers[layer].feedForward.parts(of: shard.range, formats: slice.formats)
                    try add(parts.inner + [parts.down])
                case .output:
                    let largest = pieces.map(\.byteCount).max() ?? window / 3
                    for rows in try Self.cut(model.output, rows: shard.range, into: largest) { try add([rows], isForLogits: true) }
                case .embedding, .shared: break
                }
            }
        }
    }

    private mutating func add(_ parts: [LinearPart], isForLogits: Bool = false) throws {
        for (index, part) in parts.enumerated() { places[part] = (pieces.count, index) }
        pieces.append(try StreamPiece(parts, isForLogits: isForLogits))
    }

    /// Rows in groups of 16, so many together that they fit into `bytes`.
    private static func cut(_ linear: LinearSpec, rows: Range<Int>, into bytes: Int) throws -> [LinearPart] {
        let group = try WeightStore.byteCount(LinearPart(linear, rows: 0..<min(16, linear.outputs)))
        let step = max(1, bytes / max(1, group)) * 16
        return stride(from: rows.lowerBound, to: rows.upperBound, by: step).map { first in
            LinearPart(linear, rows: first..<min(rows.upperBound, first + step))
        }
    }

    /// Where a part comes in; nil: it is resident.
    func place(of part: LinearPart) -> (piece: Int, part: Int)? { places[part] }

    /// The pieces of a shard of the output matrix; empty where it is resident.
    func outputParts(_ rows: Range<Int>) -> [LinearPart] {
        pieces.filter(\.isForLogits).flatMap(\.parts).filter {
            rows.lowerBound <= $0.rows.lowerBound && $0.rows.upperBound <= rows.upperBound
        }
    }
}
