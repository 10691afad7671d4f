import CKernels
import Checkpoints
import Devices
import Models

/// Rows of the embedding table, straight from the mapped checkpoint, and learned positions added to them.
struct EmbeddingLookup {
    private let format: mk_format
    private let base: UnsafeRawPointer
    private let rowBytes: Int
    let size: Int
    private let positions: (format: mk_format, base: UnsafeRawPointer, rowBytes: Int, offset: Int, count: Int)?

    init(model: ModelSpec, weights: Weights) throws {
        let table = try weights.table(model.embedding.table)
        (base, rowBytes) = table
        format = model.embedding.table.format.kernelFormat
        size = model.embedding.size
        if case .learned(let reference, let offset) = model.positions {
            let table = try weights.table(reference)
            positions = (reference.format.kernelFormat, table.base, table.rowBytes, offset, reference.shape.first ?? 0)
        } else {
            positions = nil
        }
    }

    /// Positions the table of learned positions has; nil where there is none.
    var positionLimit: Int? { positions.map { $0.count - $0.offset } }

    func embed(token: Int32, into row: UnsafeMutablePointer<Float>) {
        mk_dequantise_row(format, base + Int(token) * rowBytes, Int64(size), row)
    }

    /// Adds the learned position to a hidden state of `width` floats; `scratch` has room for as many.
    func addPosition(_ position: Int, to row: UnsafeMutablePointer<Float>, width: Int, scratch: UnsafeMutablePointer<Float>, isa: mk_isa) {
        guard let positions else { return }
        mk_dequantise_row(positions.format, positions.base + (position + positions.offset) * positions.rowBytes, Int64(width), scratch)
        mk_add(isa, row, scratch, Int64(width))
    }
}
