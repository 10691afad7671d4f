import CKernels
import Checkpoints
import Devices
import Models

/// The weights of a stage in one memory: matrices packed for kernels, norms and biases as floats, tables where the checkpoint has them.
///
/// Made in two steps: everything is sized and reserved, then (`load`) read, checked and packed tensor by tensor. Programs are compiled in
/// between: they only want to know where everything is.
/// Invariant: nothing in it moves or goes as long as this object or a buffer range of it lives.
final class WeightStore {
    private let arena: Buffer
    private let floats: Buffer
    private var matrices: [LinearPart: Matrix] = [:]
    private var vectors: [VectorPart: Vector] = [:]
    private var tables: [TensorReference: Operation.Table] = [:]
    /// In the order in which they are read.
    private var parts: [LinearPart] = []
    private var vectorParts: [VectorPart] = []

    /// Bytes of packed matrices.
    let matrixBytes: Int

    /// Sizes and reserves what was asked for, each part once.
    ///
    /// - Throws: `RuntimeError` where the checkpoint lacks a table or sizes overflow, `MemoryError`.
    init(_ requests: WeightRequests, checkpoint: Checkpoint, memory: any Memory) throws {
        var sizes: [(part: LinearPart, offset: Int)] = []
        var total = 0
        var seen: Set<LinearPart> = []
        for part in requests.matrices where seen.insert(part).inserted {
            sizes.append((part, total))
            let (sum, overflow) = total.addingReportingOverflow(try Self.byteCount(part))
            guard !overflow, sum < Int.max - Self.alignment else { throw RuntimeError.invalidPlan("the weights are too large") }
            total = (sum + Self.alignment - 1) / Self.alignment * Self.alignment
        }
        var lengths: [(part: VectorPart, offset: Int)] = []
        var floatCount = 0
        var seenVectors: Set<VectorPart> = []
        for part in requests.vectors where seenVectors.insert(part).inserted {
            lengths.append((part, floatCount))
            floatCount += Self.padded(part.range.count)
        }
        arena = try memory.allocate(total, for: .weights)
        floats = try memory.allocate(floatCount * MemoryLayout<Float>.stride, for: .weights)
        matrixBytes = total
        for (part, offset) in lengths {
            let range = BufferRange(floats, offset: offset * 4, byteCount: Self.padded(part.range.count) * 4)
            vectors[part] = Vector(range, count: part.range.count)
            vectorParts.append(part)
        }
        for (part, offset) in sizes {
            matrices[part] = part.matrix(in: BufferRange(arena, offset: offset, byteCount: try Self.byteCount(part)))
            parts.append(part)
        }
        let mapped = MappedMemory(checkpoint)
        for reference in requests.tables where tables[reference] == nil {
            tables[reference] = try WeightReader.table(reference, checkpoint: checkpoint, in: mapped)
        }
    }

    /// Reads, checks and packs everything; `progress` gets bytes from the calling thread.
    ///
    /// - Throws: `RuntimeError` where the checkpoint lacks something.
    func load(_ checkpoint: Checkpoint, cpu: CPU, progress: (Int) -> Void) throws {
        let reader = WeightReader(checkpoint: checkpoint, cpu: cpu)
        for part in vectorParts { try reader.read(part, into: vector(part).range.address.assumingMemoryBound(to: Float.self)) }
        for part in parts {
            let range = matrix(part).range
            try reader.pack(part, into: range.address)
            progress(range.byteCount)
        }
    }

    /// Matrices begin on pages, so that huge ones serve them.
    private static let alignment = 4096

    private static func padded(_ count: Int) -> Int { (count + 15) / 16 * 16 }

    /// Bytes of a packed part.
    static func byteCount(_ part: LinearPart) throws(RuntimeError) -> Int {
        let reference = part.linear.weight
        guard let bytes = packedByteCount(format: reference.format, rows: part.rows.count, columns: part.columns.count) else {
            throw RuntimeError.invalidPlan("tensor '\(reference.name)' is too large")
        }
        return bytes
    }

    /// - Precondition: it was asked for.
    func matrix(_ part: LinearPart) -> Matrix {
        guard let matrix = matrices[part] else { preconditionFailure("\(part.linear.weight.name) was not asked for") }
        return matrix
    }

    /// - Precondition: it was asked for.
    func vector(_ part: VectorPart) -> Vector {
        guard let vector = vectors[part] else { preconditionFailure("\(part.reference.name) was not asked for") }
        return vector
    }

    /// - Precondition: it was asked for.
    func table(_ reference: TensorReference) -> Operation.Table {
        guard let table = tables[reference] else { preconditionFailure("\(reference.name) was not asked for") }
        return table
    }
}
