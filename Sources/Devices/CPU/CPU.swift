public import CKernels

/// The processor as a device: an instruction set and a pinned pool of workers. The thread that calls `run` is worker 0.
public final class CPU: @unchecked Sendable {
    public let instructionSet: mk_isa
    public let workers: Int
    private let pool: OpaquePointer

    /// - Parameter instructionSet: nil takes the best this processor has.
    public init?(threads: Int, instructionSet: mk_isa? = nil) {
        let best = mk_best_isa()
        self.instructionSet = instructionSet.map { $0.rawValue < best.rawValue ? $0 : best } ?? best
        guard let pool = mk_pool_create(Int32(clamping: max(1, threads)), threads > 1) else { return nil }
        self.pool = pool
        workers = Int(mk_pool_workers(pool))
    }

    deinit { mk_pool_destroy(pool) }

    /// Runs a job on every worker and returns when all are done.
    @inline(__always)
    public func run(_ job: mk_job, _ context: UnsafeMutableRawPointer) { mk_pool_run(pool, job, context) }

    public var name: String { String(cString: mk_isa_name(instructionSet)) }
}
