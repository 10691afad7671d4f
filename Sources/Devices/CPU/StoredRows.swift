public import Checkpoints

/// Consecutive rows of a tensor in memory, as its file stores them: all of it, or the part that was read into a buffer.
public struct StoredRows {
    public var format: TensorFormat
    /// The first byte of stored row `first`.
    public var base: UnsafeRawPointer
    /// Which of the tensor's stored rows is at `base`.
    public var first: Int
    /// Bytes from one stored row to the next.
    public var rowBytes: Int
    /// true where the file stores inputs x outputs (GPT-2's Conv1D): a stored row then holds one column of the matrix. Plain formats only.
    public var isTransposed: Bool

    public init(format: TensorFormat, base: UnsafeRawPointer, first: Int = 0, rowBytes: Int, isTransposed: Bool = false) {
        self.format = format
        self.base = base
        self.first = first
        self.rowBytes = rowBytes
        self.isTransposed = isTransposed
    }
}
