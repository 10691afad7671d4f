import Checkpoints
import Devices
import Models
import Plans

/// Matrices that a stage uses together and that pass through one slot of its window together.
struct StreamPiece {
    let parts: [LinearPart]
    /// What their home holds of each: the parts themselves, or matrices of which they are some rows.
    let whole: [LinearPart]
    let home: MemoryID
    /// Where each begins in the slot.
    let offsets: [Int]
    let byteCount: Int
    /// The kinds of steps that use it.
    let uses: VariantSet
    /// Whether only steps that want logits use it.
    let isForLogits: Bool

    /// - Throws: `RuntimeError.invalidPlan` where a size overflows.
    init(_ parts: [LinearPart], whole: [LinearPart], home: MemoryID, uses: VariantSet, isForLogits: Bool) throws(RuntimeError) {
        self.parts = parts
        self.whole = whole
        self.home = home
        self.uses = uses
        self.isForLogits = isForLogits
        (offsets, byteCount) = try Self.layout(parts)
    }

    /// Bytes of a slot that holds these parts.
    static func byteCount(_ parts: [LinearPart]) throws(RuntimeError) -> Int { try layout(parts).byteCount }

    private static func layout(_ parts: [LinearPart]) throws(RuntimeError) -> (offsets: [Int], byteCount: Int) {
        var offsets: [Int] = []
        var total = 0
        for part in parts {
            offsets.append(total)
            let (sum, overflow) = total.addingReportingOverflow(try WeightStore.byteCount(part))
            guard !overflow, sum < Int.max - 8192 else { throw RuntimeError.invalidPlan("streamed weights are too large") }
            total = (sum + 4095) / 4096 * 4096
        }
        return (offsets, total)
    }
}

/// What one thread brings at a time of a piece.
enum StreamSource {
    /// Rows that are read from the checkpoint and packed.
    case file(StreamChunk)
    /// Packed bytes in another memory, and where they go in the slot.
    case memory(BufferRange, destination: Int)

    /// Bytes that are read.
    var byteCount: Int {
        switch self {
        case .file(let chunk): chunk.bytes.count
        case .memory(let range, _): range.byteCount
        }
    }

    /// The bytes of a piece whose parts a memory holds, in the order of use.
    static func list(_ piece: StreamPiece, in store: WeightStore) -> [StreamSource] {
        var result: [StreamSource] = []
        for index in piece.parts.indices {
            let part = piece.parts[index], whole = store.matrix(piece.whole[min(index, piece.whole.count - 1)]).range
            let skipped = (part.rows.lowerBound - piece.whole[min(index, piece.whole.count - 1)].rows.lowerBound) / 16
            let group = packedByteCount(format: part.linear.weight.format, rows: 16, columns: part.columns.count) ?? 0
            let bytes = (part.rows.count + 15) / 16 * group
            for first in stride(from: 0, to: bytes, by: StreamChunk.targetBytes) {
                let range = BufferRange(
                    whole.buffer, offset: whole.offset + skipped * group + first, byteCount: min(StreamChunk.targetBytes, bytes - first))
                result.append(.memory(range, destination: piece.offsets[index] + first))
            }
        }
        return result
    }
}

/// Some rows of one matrix: what one thread reads and packs at a time.
struct StreamChunk {
    /// Index of the checkpoint's file, and the bytes of it that hold the rows.
    let file: Int
    let bytes: Range<Int>
    let format: TensorFormat
    let rowBytes: Int
    let isTransposed: Bool
    /// First stored row in `bytes`, and the rows and columns of the matrix that are packed from it.
    let storedRow: Int
    let rows: Range<Int>
    let columns: Range<Int>
    /// Where the packed rows go in the slot.
    let destination: Int

    /// About so many bytes are read at once: enough for a disk, few enough that several fit beside the window.
    static let targetBytes = 4 << 20

    /// The chunks of a piece, in the order of use.
    /// - Throws: `RuntimeError` where the checkpoint has not what the piece wants.
    static func chunks(of piece: StreamPiece, checkpoint: Checkpoint) throws -> [StreamChunk] {
        var result: [StreamChunk] = []
        for (part, offset) in zip(piece.parts, piece.offsets) {
            let reference = part.linear.weight, format = reference.format
            guard let entry = checkpoint.tensor(reference.name), let rowBytes = format.byteCount(elements: entry.shape.last ?? 0),
                let group = packedByteCount(format: format, rows: 16, columns: part.columns.count)
            else { throw RuntimeError.invalidPlan("the checkpoint has no tensor '\(reference.name)' that could be streamed") }
            if reference.transposed {
                // Its rows are the file's columns: all of it is read, whatever part is wanted.
                let rows = reference.rowOffset + part.rows.lowerBound..<reference.rowOffset + part.rows.upperBound
                result.append(
                    StreamChunk(
                        file: entry.file, bytes: entry.bytes, format: format, rowBytes: rowBytes, isTransposed: true, storedRow: 0,
                        rows: rows,
                        columns: part.columns, destination: offset))
                continue
            }
            let step = max(16, targetBytes / max(1, rowBytes) / 16 * 16)
            for first in stride(from: 0, to: part.rows.count, by: step) {
                let count = min(step, part.rows.count - first)
                let row = reference.rowOffset + part.rows.lowerBound + first
                let start = entry.bytes.lowerBound + row * rowBytes
                guard start + count * rowBytes <= entry.bytes.upperBound else {
                    throw RuntimeError.invalidPlan("tensor '\(reference.name)' has fewer rows than the plan says")
                }
                result.append(
                    StreamChunk(
                        file: entry.file, bytes: start..<start + count * rowBytes, format: format, rowBytes: rowBytes, isTransposed: false,
                        storedRow: row, rows: row..<row + count, columns: part.columns, destination: offset + first / 16 * group))
            }
        }
        return result
    }

    /// Bytes of the packed rows.
    var packedBytes: Int { packedByteCount(format: format, rows: rows.count, columns: columns.count) ?? 0 }

    /// Bytes that packing needs beside source and destination.
    var scratchBytes: Int { isTransposed ? 16 * columns.count * format.blockBytes : 0 }
}
