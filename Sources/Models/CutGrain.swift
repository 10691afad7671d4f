public import Checkpoints

/// Where matrices whose *columns* are divided may be cut: attention's output matrix and a feed-forward's second one. Fixed by the model, so
/// that partial sums are the same whoever computes them.
///
/// Parts of such a matrix are partial sums over columns. Each chunk between two possible cuts is one chain of additions, and chunks are
/// added exactly; a cut inside a chunk would give other bits. A chunk is a whole number of blocks of every format that the model's matrices
/// are stored or planned in, and grows to 512 columns where a matrix has enough of them, since every chunk costs an exact addition.
public enum CutGrain {
    /// Columns that a format keeps together: K formats and blocks of 32 pack two blocks at a time, half precision pairs of columns.
    public static func block(_ format: TensorFormat) -> Int {
        switch format.blockElements {
        case 1: format == .f32 ? 1 : 2
        case 32: 64
        default: 512
        }
    }

    /// Columns of a grain of a feed-forward of `size` columns: it may be cut at multiples of it, the last chunk may be shorter. Where
    /// `size` is no larger it is not cut.
    public static func feedForward(size: Int, formats: [TensorFormat]) -> Int {
        var grain = leastCommonMultiple(16, block(formats))
        while 2 * grain <= longestChunk, 32 * grain <= size { grain *= 2 }
        return grain
    }

    /// KV groups of a grain of attention: a KV head with its query heads is one group, of `groupColumns` columns of the output matrix. It
    /// may be cut at multiples of it, the last part may be smaller. Where there are no more `keyValueHeads` it is not cut.
    public static func attention(keyValueHeads: Int, groupColumns: Int, formats: [TensorFormat]) -> Int {
        let columns = max(1, groupColumns)
        var grain = leastCommonMultiple(leastCommonMultiple(columns, block(formats)), 16) / columns
        while 2 * grain * columns <= longestChunk, 2 * grain <= keyValueHeads { grain *= 2 }
        return grain
    }

    /// Rows of the embedding and of the output matrix: what kernels keep together.
    public static let vocabularyRows = 16

    private static let longestChunk = 512

    private static func block(_ formats: [TensorFormat]) -> Int { formats.reduce(1) { max($0, block($1)) } }

    private static func leastCommonMultiple(_ a: Int, _ b: Int) -> Int {
        var (x, y) = (a, b)
        while y != 0 { (x, y) = (y, x % y) }
        return a / x * b
    }
}
