import Devices

/// What a lane does for one micro-batch, one after another. Payloads are trivial: running allocates and retains nothing.
enum LaneCommand {
    /// A segment of the device's program.
    case run(Int)
    case receive(Channel)
    case send(Channel)
    case copy(RowCopy)
    /// One of the lane's transfers of blocks of keys and values.
    case transfer(Int)
}

/// Rows of a micro-batch that are copied from one memory to another.
struct RowCopy {
    enum Extent {
        /// Of the tokens of a pool; nil: of all.
        case tokens(pool: Int?)
        /// Of the rows whose logits are wanted.
        case logits
    }

    /// Row 0 of step-wide buffers.
    var source: UnsafeMutableRawPointer
    var target: UnsafeMutableRawPointer
    /// Bytes from one row to the next, and that are copied of each.
    var sourceStride: Int
    var targetStride: Int
    var width: Int
    var extent: Extent

    /// `columns` floats of step-wide rows.
    init(_ source: Rows, to target: Rows, columns: Int, extent: Extent = .tokens(pool: nil)) {
        self.source = source.range.address
        self.target = target.range.address
        sourceStride = source.stride * MemoryLayout<Float>.stride
        targetStride = target.stride * MemoryLayout<Float>.stride
        width = columns * MemoryLayout<Float>.stride
        self.extent = extent
    }

    /// Parts of `columns` doubles.
    init(_ source: Parts, to target: Parts, columns: Int) {
        self.source = source.range.address
        self.target = target.range.address
        sourceStride = source.stride * MemoryLayout<Double>.stride
        targetStride = target.stride * MemoryLayout<Double>.stride
        width = columns * MemoryLayout<Double>.stride
        extent = .tokens(pool: nil)
    }

    /// Bytes of a micro-batch's rows.
    func bytes(_ tables: StepTables, _ part: MicroBatch) -> Int { rows(tables, part).count * width }

    /// Copies a micro-batch's rows.
    func run(_ tables: StepTables, _ part: MicroBatch) {
        let rows = rows(tables, part)
        for index in 0..<rows.count {
            let row = rows.lowerBound + index
            (target + row * targetStride).copyMemory(from: source + row * sourceStride, byteCount: width)
        }
    }

    private func rows(_ tables: StepTables, _ part: MicroBatch) -> Range<Int> {
        var first = part.firstToken, count = part.tokenCount
        switch extent {
        case .tokens(nil): break
        case .tokens(let pool?):
            let tokens = tables.tokens(of: part, pool: pool)
            (first, count) = (first + tokens.lowerBound, tokens.count)
        case .logits: (first, count) = (part.firstRow, part.rowCount)
        }
        return first..<first + count
    }
}

/// What a lane does in a step: phase after phase, in each all micro-batches one after another.
///
/// A phase begins wherever the lane waits for another, or for streamed weights: while it waits for one micro-batch's message, those of the
/// others are on their way. Each wait is for something that a phase with a lower number sends, so that lanes never wait for one another in
/// a circle.
struct LanePhase {
    /// Whether only micro-batches that want logits go through it.
    var isForLogits: Bool
    /// Pieces of streamed weights that must be there from now on, and that are no longer needed afterwards.
    var acquired: [Int]
    var released: [Int]
    /// Received before the first micro-batch and sent after the last, in every step.
    var opening: [Channel]
    var closing: [Channel]
    /// By variant.
    var commands: [[LaneCommand]]
}
