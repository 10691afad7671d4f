/// One tensor of a checkpoint as its header lists it; the range has been checked against the file.
public struct TensorEntry: Sendable, Hashable {
    public var name: String
    /// Outermost dimension first; a matrix is rows x columns. Empty for a single value.
    public var shape: [Int]
    /// nil where Motley cannot compute with the storage; `formatName` still says what it is.
    public var format: TensorFormat?
    /// For example `Q4_K`, `I64`, `IQ2_XS`.
    public var formatName: String
    /// Index into the checkpoint's files.
    public var file: Int
    /// Where its bytes are in that file. Safetensors promise no alignment: load with `loadUnaligned`.
    public var bytes: Range<Int>

    public init(name: String, shape: [Int], format: TensorFormat?, formatName: String, file: Int, bytes: Range<Int>) {
        self.name = name
        self.shape = shape
        self.format = format
        self.formatName = formatName
        self.file = file
        self.bytes = bytes
    }

    /// Product of the shape, which was checked not to overflow.
    public var elementCount: Int { shape.reduce(1, *) }

    /// Product of a shape's dimensions, or nil where one is negative or the product overflows.
    static func elementCount(_ shape: [Int]) -> Int? {
        var count = 1
        for dimension in shape {
            guard dimension >= 0 else { return nil }
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard !overflow else { return nil }
            count = product
        }
        return count
    }
}
