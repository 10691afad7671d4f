extension TensorFormat {
    /// Bytes of a matrix of `rows` x `columns` packed for the kernels (docs/formats.md, Packed layouts): groups of 16 rows, each as large
    /// as its rows in the file. Where 16 rows of a block are an odd number of half cache lines two blocks share their scales, and an odd
    /// last one is padded by 32 bytes. Half-precision columns are paired.
    ///
    /// nil where a row is no whole number of blocks, a count is negative or the size overflows.
    public func packedByteCount(rows: Int, columns: Int) -> Int? {
        guard rows >= 0, columns >= 0, columns % blockElements == 0 else { return nil }
        let (padded, tooMany) = rows.addingReportingOverflow(15)
        let pairs = self == .f16 || self == .bf16
        let blocks = pairs ? columns / 2 + columns % 2 : columns / blockElements
        let (group, tooWide) = blocks.multipliedReportingOverflow(by: 16 * blockBytes * (pairs ? 2 : 1))
        let padding = isQuantised && 16 * blockBytes % 64 != 0 && blocks % 2 == 1 ? 32 : 0
        let (whole, overflow) = group.addingReportingOverflow(padding)
        let (bytes, tooLarge) = whole.multipliedReportingOverflow(by: padded / 16)
        return tooMany || tooWide || overflow || tooLarge ? nil : bytes
    }
}
