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
    case pack(UnsafeMutablePointer<mk_pack_job>, places: JobPlaces)
    /// One or more products with the same input.
    case product(UnsafeMutablePointer<mk_product_job>, places: JobPlaces)
    case store(UnsafeMutablePointer<mk_store_job>, rotary: Int, pool: Int, isStaged: Bool, places: JobPlaces)
    case attend(UnsafeMutablePointer<mk_attention_job>, tiling: Int, pool: Int, isStaged: Bool, places: JobPlaces)
    /// Parts of products, bias and residual.
    case sum(UnsafeMutablePointer<mk_sum_job>, places: JobPlaces)

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

/// Pointers of a job that are set before it runs, since they point to the rows of a micro-batch.
struct JobPlaces {
    /// One of them: the pointer in the job, where rows begin, and what a row takes.
    struct Place {
        var pointer: UnsafeMutableRawPointer
        var base: UnsafeMutableRawPointer
        var rowBytes: Int
        var isStepWide: Bool
    }

    var places: UnsafeMutablePointer<Place>
    var count: Int

    /// Points to rows from `stepRow` on where they are step-wide, from `localRow` on where they are one micro-batch's.
    @inline(__always) func set(stepRow: Int, localRow: Int = 0) {
        for index in 0..<count {
            let place = places[index]
            let address = place.base + (place.isStepWide ? stepRow : localRow) * place.rowBytes
            place.pointer.storeBytes(of: address, as: UnsafeMutableRawPointer.self)
        }
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

    /// The pointers of a job that follow a micro-batch, by the pointers' addresses.
    func places(_ rows: [(pointer: UnsafeMutableRawPointer, rows: Rows)], parts: [(pointer: UnsafeMutableRawPointer, parts: Parts)] = [])
        -> JobPlaces
    {
        var places = rows.map { pointer, rows in
            JobPlaces.Place(
                pointer: pointer, base: rows.range.address, rowBytes: rows.stride * MemoryLayout<Float>.stride, isStepWide: rows.isStepWide)
        }
        for (pointer, parts) in parts {
            places.append(
                JobPlaces.Place(
                    pointer: pointer, base: parts.range.address, rowBytes: parts.stride * MemoryLayout<Double>.stride, isStepWide: true))
        }
        return JobPlaces(places: make(places), count: places.count)
    }

    deinit { for release in releases { release() } }
}

extension UnsafeMutablePointer {
    /// The address of a member of what it points at.
    func address<Member>(of member: KeyPath<Pointee, Member>, index: Int = 0) -> UnsafeMutableRawPointer {
        guard let offset = MemoryLayout<Pointee>.offset(of: member) else { preconditionFailure("a member that is computed") }
        return UnsafeMutableRawPointer(self) + offset + index * MemoryLayout<UnsafeRawPointer>.stride
    }
}
