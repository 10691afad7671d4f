public import CKernels

/// One instruction of a stage's program, for any device: what is computed, over which buffers. How, is the device's own affair
/// (`Device.compile`).
///
/// Token counts are not here: the same program runs steps of every size.
public enum Operation: Sendable {
    /// Rows of the token table.
    case embed(Embed)
    /// Adds rows of a table of learned positions.
    case addPositions(AddPositions)
    /// From here on in this segment, rows are those whose logits are wanted, not tokens.
    case logitsRows
    /// The same, and those rows are copied to another buffer first.
    case gather(Gather)
    /// Optional norm, then the form in which products of given formats want their inputs.
    case pack(Pack)
    /// Products of one packed input with up to four matrices.
    case product(Product)
    /// Head norms, rotation, keys and values into the cache.
    case store(Store)
    case attend(Attend)
    /// Adds parts of products over cuts, bias and residual.
    case sum(Sum)
    /// A norm in place.
    case normalise(Normalise)

    /// A table whose rows are looked up, as the checkpoint stores them.
    public struct Table: Sendable {
        public var range: BufferRange
        public var format: mk_format
        public var rowBytes: Int
        public var columns: Int

        public init(_ range: BufferRange, format: mk_format, rowBytes: Int, columns: Int) {
            self.range = range
            self.format = format
            self.rowBytes = rowBytes
            self.columns = columns
        }
    }

    public struct Embed: Sendable {
        public var table: Table
        public var output: Rows

        public init(table: Table, output: Rows) {
            self.table = table
            self.output = output
        }
    }

    public struct AddPositions: Sendable {
        public var table: Table
        /// Row of position 0.
        public var offset: Int
        public var rows: Rows

        public init(table: Table, offset: Int, rows: Rows) {
            self.table = table
            self.offset = offset
            self.rows = rows
        }
    }

    public struct Gather: Sendable {
        public var input: Rows
        public var output: Rows
        public var columns: Int

        public init(input: Rows, output: Rows, columns: Int) {
            self.input = input
            self.output = output
            self.columns = columns
        }
    }

    public struct Norm: Sendable {
        public enum Kind: Sendable {
            case rms
            case layer
        }

        public var kind: Kind
        public var weight: Vector
        public var bias: Vector?
        public var epsilon: Float

        public init(kind: Kind, weight: Vector, bias: Vector?, epsilon: Float) {
            self.kind = kind
            self.weight = weight
            self.bias = bias
            self.epsilon = epsilon
        }
    }

    public struct Pack: Sendable {
        public var input: Rows
        public var columns: Int
        public var norm: Norm?
        /// Formats of the matrices that will multiply it.
        public var formats: [mk_format]

        public init(input: Rows, columns: Int, norm: Norm? = nil, formats: [mk_format]) {
            self.input = input
            self.columns = columns
            self.norm = norm
            self.formats = formats
        }
    }

    public struct Normalise: Sendable {
        public var rows: Rows
        public var columns: Int
        public var norm: Norm

        public init(rows: Rows, columns: Int, norm: Norm) {
            self.rows = rows
            self.columns = columns
            self.norm = norm
        }
    }

    /// Multiplies what the last `pack` made.
    public struct Product: Sendable {
        /// What becomes of a product.
        public enum Target: Sendable {
            case store(Rows)
            /// Adds to what is there.
            case add(Rows)
            /// Exact sums of this matrix's columns, to be added to others' by `sum`; added to what is there if `adding`.
            case parts(Parts, adding: Bool)
        }

        public struct Factor: Sendable {
            public var matrix: Matrix
            public var bias: Vector?
            public var target: Target

            public init(matrix: Matrix, bias: Vector?, target: Target) {
                self.matrix = matrix
                self.bias = bias
                self.target = target
            }
        }

        public enum Gate: Sendable {
            case none
            /// first = activation(first) * second
            case gated(mk_activation)
            /// first = activation(first)
            case activated(mk_activation)
        }

        public var factors: [Factor]
        public var gate: Gate

        public init(_ factors: [Factor], gate: Gate = .none) {
            self.factors = factors
            self.gate = gate
        }
    }

    /// Keys and values of some KV heads of one layer: block b, head h at `offset + b * blockStride + h * headStride` of the buffer.
    public struct Cache: Sendable {
        public var range: BufferRange
        public var format: mk_kv_format
        public var blockStride: Int
        public var headStride: Int

        public init(_ range: BufferRange, format: mk_kv_format, blockStride: Int, headStride: Int) {
            self.range = range
            self.format = format
            self.blockStride = blockStride
            self.headStride = headStride
        }
    }

    /// Heads of a part of an attention layer.
    public struct Heads: Sendable {
        public var count: Int
        public var keyValueCount: Int
        public var size: Int

        public init(count: Int, keyValueCount: Int, size: Int) {
            self.count = count
            self.keyValueCount = keyValueCount
            self.size = size
        }
    }

    public struct Store: Sendable {
        public var heads: Heads
        public var query: Rows
        public var key: Rows
        public var value: Rows
        /// Over each head, before rotation; RMS.
        public var queryNorm: Norm?
        public var keyNorm: Norm?
        /// Index of the step's rotary table; nil: no rotation.
        public var rotary: Int?
        public var rotatedDimensions: Int
        public var isInterleaved: Bool
        public var cache: Cache
        /// The cache's pool: only tokens of its sequences are stored.
        public var pool: Int
        /// Whether the cache is an area to which the pool's blocks are brought.
        public var isStaged: Bool

        public init(
            heads: Heads, query: Rows, key: Rows, value: Rows, queryNorm: Norm? = nil, keyNorm: Norm? = nil, rotary: Int? = nil,
            rotatedDimensions: Int = 0, isInterleaved: Bool = false, cache: Cache, pool: Int = 0, isStaged: Bool = false
        ) {
            self.heads = heads
            self.query = query
            self.key = key
            self.value = value
            self.queryNorm = queryNorm
            self.keyNorm = keyNorm
            self.rotary = rotary
            self.rotatedDimensions = rotatedDimensions
            self.isInterleaved = isInterleaved
            self.cache = cache
            self.pool = pool
            self.isStaged = isStaged
        }
    }

    public struct Attend: Sendable {
        public var heads: Heads
        public var query: Rows
        public var output: Rows
        public var scale: Float
        /// Positions a token sees, itself included; 0: all.
        public var window: Int
        /// Index of the step's tiling.
        public var tiling: Int
        public var cache: Cache
        /// The cache's pool: only tokens of its sequences attend.
        public var pool: Int
        /// Whether the cache is an area to which the pool's blocks are brought.
        public var isStaged: Bool

        public init(
            heads: Heads, query: Rows, output: Rows, scale: Float, window: Int, tiling: Int, cache: Cache, pool: Int = 0,
            isStaged: Bool = false
        ) {
            self.heads = heads
            self.query = query
            self.output = output
            self.scale = scale
            self.window = window
            self.tiling = tiling
            self.cache = cache
            self.pool = pool
            self.isStaged = isStaged
        }
    }

    /// rows += parts + bias, rounded once.
    public struct Sum: Sendable {
        public var parts: [Parts]
        public var columns: Int
        public var bias: Vector?
        public var rows: Rows

        public init(parts: [Parts], columns: Int, bias: Vector?, rows: Rows) {
            self.parts = parts
            self.columns = columns
            self.bias = bias
            self.rows = rows
        }
    }
}
