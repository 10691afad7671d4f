import CKernels
import Checkpoints
import Devices
import Models

/// Reads parts of a checkpoint's tensors in the form that kernels want.
struct WeightReader {
    let checkpoint: Checkpoint
    let cpu: CPU

    /// Packs a part of a matrix; what was packed stops counting as this process's memory.
    func pack(_ part: LinearPart, into destination: UnsafeMutableRawPointer) throws {
        let reference = part.linear.weight
        let entry = try tensor(reference)
        let block = reference.format.blockElements
        guard part.linear.inputs % block == 0, part.columns.lowerBound % block == 0, part.columns.upperBound % block == 0 else {
            throw RuntimeError.unsupported(
                "columns \(part.columns) of tensor '\(reference.name)' in \(reference.format.name), blocks of \(block)")
        }
        cpu.pack(
            reference.format, source: checkpoint.bytes(of: entry), storedShape: entry.shape,
            firstRow: reference.rowOffset + part.rows.lowerBound, rows: part.rows.count, firstColumn: part.columns.lowerBound,
            columns: part.columns.count, transposed: reference.transposed, into: destination)
        checkpoint.discard(entry)
    }

    /// Elements of a vector as floats, padded with zeros to a multiple of 16.
    func read(_ part: VectorPart, into destination: UnsafeMutablePointer<Float>) throws {
        let reference = part.reference, format = reference.format
        let entry = try tensor(reference)
        guard format.blockElements == 1, let skipped = format.byteCount(elements: reference.rowOffset + part.range.lowerBound),
            let used = format.byteCount(elements: part.range.count), skipped + used <= entry.bytes.count,
            let base = checkpoint.bytes(of: entry).baseAddress
        else { throw RuntimeError.unsupported("vector '\(reference.name)' in \(format.name)") }
        destination.initialize(repeating: 0, count: (part.range.count + 15) / 16 * 16)
        mk_dequantise_row(format.kernelFormat, base + skipped, Int64(part.range.count), destination)
    }

    /// The stored rows of a table.
    static func table(_ reference: TensorReference, checkpoint: Checkpoint, in mapped: MappedMemory) throws -> Operation.Table {
        let entry = try tensor(reference, checkpoint: checkpoint)
        guard let columns = reference.shape.last, let rowBytes = reference.format.byteCount(elements: columns), !reference.transposed,
            let skipped = reference.format.byteCount(elements: reference.rowOffset * columns)
        else { throw RuntimeError.unsupported("table '\(reference.name)'") }
        return Operation.Table(
            BufferRange(mapped.buffer(of: entry), offset: skipped), format: reference.format.kernelFormat, rowBytes: rowBytes,
            columns: columns)
    }

    private func tensor(_ reference: TensorReference) throws -> TensorEntry {
        try Self.tensor(reference, checkpoint: checkpoint)
    }

    private static func tensor(_ reference: TensorReference, checkpoint: Checkpoint) throws -> TensorEntry {
        guard let entry = checkpoint.tensor(reference.name) else {
            throw RuntimeError.invalidPlan("the checkpoint has no tensor '\(reference.name)'")
        }
        return entry
    }
}

/// A checkpoint's mapped files as a memory: tensors that are used where they are.
final class MappedMemory: Memory {
    let name = "checkpoint"
    let ledger = Ledger()
    private let checkpoint: Checkpoint

    init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

    func allocate(_ byteCount: Int, for purpose: MemoryPurpose) throws(MemoryError) -> Buffer {
        throw MemoryError(memory: name, purpose: purpose, needed: byteCount, available: 0)
    }

    /// A tensor as stored; never written.
    func buffer(of entry: TensorEntry) -> Buffer {
        let bytes = checkpoint.bytes(of: entry)
        _ = ledger.reserve(bytes.count, for: .weights)
        return Buffer(
            memory: self, byteCount: bytes.count, purpose: .weights,
            address: bytes.baseAddress.map { UnsafeMutableRawPointer(mutating: $0) },
            owner: checkpoint)
    }
}
