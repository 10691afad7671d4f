import Checkpoints
import Devices
import Models

/// Matrices that a stage uses together and that pass through one slot of its window together.
struct StreamPiece {
    let parts: [LinearPart]
    /// Where each begins in the slot.
    let offsets: [Int]
    let byteCount: Int
    /// Whether only steps that want logits use it.
    let isForLogits: Bool

    /// - Throws: `RuntimeError.invalidPlan` where a size overflows.
    init(_ parts: [LinearPart], isForLogits: Bool = false) throws {
        self.parts = parts
        self.isForLogits = isForLogits
        var offsets: [Int] = []
        var total = 0
        for part in parts {
            offsets.append(total)
            let (sum, overflow) = total.addingReportingOverflow(try WeightStore.byteCount(part))
            guard !overflow, sum < Int.max - 8192 else { throw RuntimeError.invalidPlan("streamed weights are too large") }
            total = (sum + 4095) / 4096 * 4096
        }
        self.offsets = offsets
        byteCount = total
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

    /// Bytes that packing needs beside source and destination.
    var scratchBytes: Int { isTransposed ? 16 * columns.count * format.blockBytes : 0 }
}
