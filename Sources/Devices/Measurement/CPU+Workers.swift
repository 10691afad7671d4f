extension CPU {
    /// Runs a closure on every worker and returns when all are done. For measuring: jobs of the steady state are plain C.
    func onEveryWorker(_ body: (_ worker: Int, _ workers: Int) -> Void) {
        typealias Body = (Int, Int) -> Void
        withoutActuallyEscaping(body) { escaping in
            var body: Body = escaping
            withUnsafeMutablePointer(to: &body) { pointer in
                run({ context, worker, workers in context?.assumingMemoryBound(to: Body.self).pointee(Int(worker), Int(workers)) }, pointer)
            }
        }
    }

    /// Items 0 ..< count, each worker its own part.
    func forEach(_ count: Int, _ body: (Int) -> Void) {
        onEveryWorker { worker, workers in
            for item in count * worker / workers..<count * (worker + 1) / workers { body(item) }
        }
    }
}
