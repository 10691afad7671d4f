public import CKernels
public import Checkpoints

extension TensorFormat {
    /// The kernels' word for the format; the numbers are the same.
    public var kernelFormat: mk_format { mk_format(rawValue: rawValue) }
}

/// How many bytes a matrix of `rows` x `columns` takes once packed for the kernels; nil where the size overflows.
public func packedByteCount(format: TensorFormat, rows: Int, columns: Int) -> Int? {
    let group = mk_packed_group_bytes(format.kernelFormat, Int64(columns))
    let (bytes, overflow) = Int(group).multipliedReportingOverflow(by: (rows + 15) / 16)
    return overflow ? nil : bytes
}

extension CPU {
    /// Packs the rows of one matrix on all workers.
    ///
    /// - Parameters:
    ///   - source: the whole tensor as stored.
    ///   - storedShape: its shape, outermost first; inputs x outputs where `transposed`.
    ///   - firstRow: first output row taken.
    ///   - destination: room for `packedByteCount`.
    public func pack(
        _ format: TensorFormat, source: UnsafeRawBufferPointer, storedShape: [Int], firstRow: Int, rows: Int, columns: Int, transposed: Bool,
        into destination: UnsafeMutableRawPointer
    ) {
        guard let base = source.baseAddress, rows > 0, columns > 0 else { return }
        let width = format == .f32 ? 4 : 2
        let perWorker = transposed ? 16 * columns * width : 0
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: max(64, perWorker * workers), alignment: 64)
        defer { scratch.deallocate() }
        var job = mk_packing_job()
        job.format = format.kernelFormat
        job.source = base.assumingMemoryBound(to: UInt8.self)
        job.row_bytes = transposed ? 0 : Int64(format.byteCount(elements: columns) ?? 0)
        job.first_row = Int64(firstRow)
        job.rows = Int64(rows)
        job.columns = Int64(columns)
        job.transposed = transposed
        job.stored_rows = Int64(storedShape.last ?? 0)
        job.destination = destination.assumingMemoryBound(to: UInt8.self)
        job.scratch = scratch.assumingMemoryBound(to: UInt8.self)
        job.scratch_stride = Int64(perWorker)
        withUnsafeMutablePointer(to: &job) { run(mk_run_packing, UnsafeMutableRawPointer($0)) }
    }
}
