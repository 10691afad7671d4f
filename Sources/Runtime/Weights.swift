import CKernels
import Checkpoints
import Devices
import Models

/// All weights of a stage, packed for the kernels in one arena; norms and biases as floats.
///
/// Invariant: every pointer handed out stays valid as long as this object.
final class Weights {
    private let arena: HostBuffer
    private var offset = 0
    private var floats: [UnsafeMutablePointer<Float>] = []
    private let checkpoint: Checkpoint
    private let cpu: CPU
    private var packed: [TensorReference: mk_matrix] = [:]
    private let progress: ((Double) -> Void)?

    /// Bytes of packed matrices.
    let byteCount: Int

    /// - Parameter linears: every matrix that will be asked for, so that the arena can be sized.
    init(checkpoint: Checkpoint, cpu: CPU, linears: [LinearSpec], progress: ((Double) -> Void)?) throws {
        self.checkpoint = checkpoint
        self.cpu = cpu
        self.progress = progress
        var seen: Set<TensorReference> = []
        var total = 0
        for linear in linears where seen.insert(linear.weight).inserted {
            guard let bytes = packedByteCount(format: linear.weight.format, rows: linear.outputs, columns: linear.inputs) else {
                throw RuntimeError.invalidPlan("tensor '\(linear.weight.name)' is too large")
            }
            let (sum, overflow) = total.addingReportingOverflow(bytes + 4096)
            guard !overflow else { throw RuntimeError.invalidPlan("the weights are too large") }
            total = sum
        }
        guard let arena = HostBuffer(byteCount: total, hugePages: true) else {
            throw RuntimeError.outOfMemory(what: "the packed weights", needed: total, available: 0)
        }
        self.arena = arena
        byteCount = total
    }

    deinit { for pointer in floats { pointer.deallocate() } }

    /// Packs the matrix, or returns the one packed before where two modules share a tensor; the bias comes with this call.
    func matrix(_ linear: LinearSpec) throws -> mk_matrix {
        var matrix: mk_matrix
        if let known = packed[linear.weight] {
            matrix = known
        } else {
            matrix = try pack(linear)
            packed[linear.weight] = matrix
        }
        matrix.bias = try linear.bias.map { UnsafePointer(try vector($0, count: linear.outputs)) }
        return matrix
    }

    private func pack(_ linear: LinearSpec) throws -> mk_matrix {
        let reference = linear.weight
        let entry = try tensor(reference)
        guard linear.inputs % reference.format.blockElements == 0,
            let bytes = packedByteCount(format: reference.format, rows: linear.outputs, columns: linear.inputs)
        else { throw RuntimeError.unsupported("tensor '\(reference.name)': \(linear.inputs) columns in \(reference.format.name)") }
        let destination = arena.base + offset
        offset = (offset + bytes + 4095) / 4096 * 4096
        cpu.pack(
            reference.format, source: checkpoint.bytes(of: entry), storedShape: entry.shape, firstRow: reference.rowOffset, rows: linear.outputs,
            columns: linear.inputs, transposed: reference.transposed, into: destination)
        // What was packed is not needed from the file again: its pages stop counting as ours.
        checkpoint.discard(entry)
        progress?(Double(offset) / Double(max(1, byteCount)))
        var matrix = mk_matrix()
        matrix.data = UnsafePointer(destination.assumingMemoryBound(to: UInt8.self))
        matrix.format = reference.format.kernelFormat
        matrix.columns = Int64(linear.inputs)
        matrix.groups = Int64((linear.outputs + 15) / 16)
        return matrix
    }

    /// A vector as floats, padded with zeros to a multiple of 16.
    func vector(_ reference: TensorReference, count: Int) throws -> UnsafePointer<Float> {
        let entry = try tensor(reference)
        let format = reference.format
        guard format.blockElements == 1, let skipped = format.byteCount(elements: reference.rowOffset), let used = format.byteCount(elements: count),
            skipped + used <= entry.bytes.count, let base = checkpoint.bytes(of: entry).baseAddress
        else { throw RuntimeError.unsupported("vector '\(reference.name)' in \(format.name)") }
        let padded = (count + 15) / 16 * 16
        let pointer = UnsafeMutablePointer<Float>.allocate(capacity: padded)
        pointer.initialize(repeating: 0, count: padded)
        mk_dequantise_row(format.kernelFormat, base + skipped, Int64(count), pointer)
        floats.append(pointer)
        return UnsafePointer(pointer)
    }

    /// The stored rows of a table that is looked up, not multiplied.
    func table(_ reference: TensorReference) throws -> (base: UnsafeRawPointer, rowBytes: Int) {
        let entry = try tensor(reference)
        guard let base = checkpoint.bytes(of: entry).baseAddress, let columns = reference.shape.last,
            let rowBytes = reference.format.byteCount(elements: columns), !reference.transposed
        else { throw RuntimeError.unsupported("table '\(reference.name)'") }
        return (base + reference.rowOffset * rowBytes, rowBytes)
    }

    private func tensor(_ reference: TensorReference) throws -> TensorEntry {
        guard let entry = checkpoint.tensor(reference.name) else {
            throw RuntimeError.invalidPlan("the checkpoint has no tensor '\(reference.name)'")
        }
        return entry
    }
}
