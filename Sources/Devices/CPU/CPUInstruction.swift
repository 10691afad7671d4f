import CKernels

/// An operation in the processor's form. Payloads are trivial: running a program retains and allocates nothing.
///
/// Jobs that read or write step-wide rows keep where those begin, since a micro-batch works on its own rows among them.
enum CPUInstruction {
    case embed(table: UnsafeRawPointer, format: mk_format, rowBytes: Int, columns: Int, output: StepRows)
    case addPositions(table: UnsafeRawPointer, format: mk_format, rowBytes: Int, columns: Int, offset: Int, rows: StepRows)
    case logitsRows
    case gather(input: StepRows, output: StepRows)
    /// Optional norm, then packing of inputs for products; or a norm in place.
    case pack(UnsafeMutablePointer<mk_pack_job>, input: StepRows)
    /// One or more products with the same input; the first one's output, where it is rows.
    case product(UnsafeMutablePointer<mk_product_job>, output: StepRows?)
    case store(UnsafeMutablePointer<mk_store_job>, rotary: Int)
    case attend(UnsafeMutablePointer<mk_attention_job>, tiling: Int)
    /// Parts of products, bias and residual.
    case sum(UnsafeMutablePointer<mk_sum_job>, rows: StepRows)

    /// Where rows begin, and the floats from one to the next where a micro-batch must skip those before its own; 0: it need not.
    struct StepRows {
        var base: UnsafeMutablePointer<Float>
        var stride: Int
        var skip: Int

        init(_ rows: Rows) {
            base = rows.range.address.assumingMemoryBound(to: Float.self)
            stride = rows.stride
            skip = rows.isStepWide ? rows.stride : 0
        }

        @inline(__always) func first(_ row: Int) -> UnsafeMutablePointer<Float> { base + row * skip }
    }
}

/// Owns the jobs that programs point at.
final class JobStorage {
    private var releases: [() -> Void] = []

    func make<Job>(_ job: Job) -> UnsafeMutablePointer<Job> {
        let pointer = UnsafeMutablePointer<Job>.allocate(capacity: 1)
        pointer.initialize(to: job)
        releases.append { pointer.deallocate() }
        return pointer
    }

    /// An array that a job points at.
    func make<Element>(_ elements: [Element]) -> UnsafeMutablePointer<Element> {
        let pointer = UnsafeMutablePointer<Element>.allocate(capacity: max(1, elements.count))
        for (index, element) in elements.enumerated() { (pointer + index).initialize(to: element) }
        releases.append { pointer.deallocate() }
        return pointer
    }

    deinit { for release in releases { release() } }
}
