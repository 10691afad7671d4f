public import CKernels

/// Rows of floats in a buffer: row t begins `t * stride` floats after the first.
///
/// *Step-wide* rows hold all tokens of a step, and a micro-batch works on its own among them; others hold one micro-batch, whose first
/// token is row 0.
public struct Rows: Sendable {
    public var range: BufferRange
    /// Floats from one row to the next.
    public var stride: Int
    public var isStepWide: Bool

    public init(_ range: BufferRange, stride: Int, isStepWide: Bool = false) {
        self.range = range
        self.stride = stride
        self.isStepWide = isStepWide
    }

    /// The same rows from another column on.
    public func from(column: Int) -> Rows {
        var rows = self
        let skipped = column * MemoryLayout<Float>.stride
        rows.range = BufferRange(range.buffer, offset: range.offset + skipped, byteCount: range.byteCount - skipped)
        return rows
    }
}

/// Parts of sums of all tokens of a step, in doubles: token t's begin `t * stride` doubles after the first.
public struct Parts: Sendable {
    public var range: BufferRange
    /// Doubles from one token's part to the next.
    public var stride: Int

    public init(_ range: BufferRange, stride: Int) {
        self.range = range
        self.stride = stride
    }
}

/// A weight matrix in a device's packed layout: y = W x.
public struct Matrix: Sendable {
    public var range: BufferRange
    public var format: mk_format
    /// Outputs and inputs.
    public var rows: Int
    public var columns: Int
    /// Columns whose products are added up apart before they are added exactly to the rest (`CutGrain`); 0: one chain of floats.
    public var chunk: Int
    /// Chunks of the whole matrix this is a part of.
    public var chunkCount: Int

    public init(_ range: BufferRange, format: mk_format, rows: Int, columns: Int, chunk: Int = 0, chunkCount: Int = 1) {
        self.range = range
        self.format = format
        self.rows = rows
        self.columns = columns
        self.chunk = chunk
        self.chunkCount = chunkCount
    }
}

/// Floats, padded with zeros to a multiple of 16.
public struct Vector: Sendable {
    public var range: BufferRange
    public var count: Int

    public init(_ range: BufferRange, count: Int) {
        self.range = range
        self.count = count
    }
}
