import CKernels

/// One instruction of a stage's flat program. Payloads are trivial: running a program retains and allocates nothing.
enum Operation {
    /// Optional norm, then packing of inputs for products.
    case pack(UnsafeMutablePointer<mk_pack_job>)
    /// One or more matrix products with the same input.
    case product(UnsafeMutablePointer<mk_product_job>)
    /// Head norms, rotation, keys and values into the cache.
    case store(UnsafeMutablePointer<mk_store_job>)
    case attention(UnsafeMutablePointer<mk_attention_job>)
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

    deinit { for release in releases { release() } }
}
