import Checkpoints
import Devices
import Models

/// The rows and columns of a linear map that one shard multiplies.
struct LinearPart: Hashable {
    let linear: LinearSpec
    let rows: Range<Int>
    let columns: Range<Int>
    /// Columns that are one chain of floats before they are added exactly (`CutGrain`), where the matrix may be cut along its columns; else
    /// 0.
    let chunk: Int

    init(_ linear: LinearSpec, rows: Range<Int>? = nil, columns: Range<Int>? = nil, chunk: Int = 0) {
        self.linear = linear
        self.chunk = chunk
        self.rows = rows ?? 0..<linear.outputs
        self.columns = columns ?? 0..<linear.inputs
    }

    static func == (a: LinearPart, b: LinearPart) -> Bool {
        a.linear.weight == b.linear.weight && a.rows == b.rows && a.columns == b.columns
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(linear.weight)
        hasher.combine(rows)
        hasher.combine(columns)
    }

    /// Chunks of the whole matrix.
    var chunkCount: Int { chunk > 0 ? (linear.inputs + chunk - 1) / chunk : 1 }

    /// A matrix of its rows and columns in a device's layout.
    func matrix(in range: BufferRange) -> Matrix {
        Matrix(
            range, format: linear.weight.format.kernelFormat, rows: rows.count, columns: columns.count, chunk: chunk, chunkCount: chunkCount
        )
    }

    /// Its rows of the bias; nil where there is none.
    var bias: VectorPart? { linear.bias.map { VectorPart($0, range: rows) } }
}

/// Neighbouring elements of a norm's weight or a bias.
struct VectorPart: Hashable {
    let reference: TensorReference
    let range: Range<Int>

    init(_ reference: TensorReference, range: Range<Int>) {
        self.reference = reference
        self.range = range
    }
}

extension AttentionSpec {
    /// Query heads of each KV head.
    var groupSize: Int { headCount / max(1, keyValueHeadCount) }

    /// Query heads and elements of a range of KV-head groups.
    func heads(of groups: Range<Int>) -> Range<Int> { groups.lowerBound * groupSize..<groups.upperBound * groupSize }
    func queryElements(of groups: Range<Int>) -> Range<Int> {
        groups.lowerBound * groupSize * headSize..<groups.upperBound * groupSize * headSize
    }
    func keyElements(of groups: Range<Int>) -> Range<Int> { groups.lowerBound * headSize..<groups.upperBound * headSize }

    /// Query, key and value rows of a shard, and the columns of the output matrix that go with them.
    ///
    /// - Parameter formats: those of all the model's matrices, which decide where the output matrix may be cut.
    func parts(of groups: Range<Int>, formats: [TensorFormat]) -> (
        query: LinearPart, key: LinearPart, value: LinearPart, output: LinearPart
    ) {
        let queries = queryElements(of: groups), keys = keyElements(of: groups), columns = groupSize * headSize
        let chunk = columns * CutGrain.attention(keyValueHeads: keyValueHeadCount, groupColumns: columns, formats: formats)
        return (
            LinearPart(query, rows: queries), LinearPart(key, rows: keys), LinearPart(value, rows: keys),
            LinearPart(output, columns: queries, chunk: chunk)
        )
    }
}

extension FeedForwardSpec {
    /// Rows of gate (if there is one) and up of a shard, and the columns of down that go with them.
    ///
    /// - Parameter formats: those of all the model's matrices, which decide where down may be cut.
    func parts(of columns: Range<Int>, formats: [TensorFormat]) -> (inner: [LinearPart], down: LinearPart) {
        let inner = gate.map { [$0, up] } ?? [up]
        let chunk = CutGrain.feedForward(size: size, formats: formats)
        return (inner.map { LinearPart($0, rows: columns) }, LinearPart(down, columns: columns, chunk: chunk))
    }
}
