import CKernels
import Testing

/// What the jobs below share: one counter per worker, far apart, and one for all.
private struct Tally {
    var counts: UnsafeMutablePointer<Int64>
    var next: Int64 = 0
    var items: Int64
}

private let stride = 16

/// Takes items one at a time and counts them for its worker.
private func take(_ context: UnsafeMutableRawPointer?, _ worker: Int32, _ workers: Int32) {
    guard let tally = context?.assumingMemoryBound(to: Tally.self) else { return }
    let next = UnsafeMutableRawPointer(tally).advanced(by: MemoryLayout<Tally>.offset(of: \Tally.next) ?? 0).assumingMemoryBound(
        to: Int64.self)
    while mk_take(next, 1) < tally.pointee.items { tally.pointee.counts[Int(worker) * stride] += 1 }
}

/// Marks that the worker was here; the sum over workers is the number of runs.
private func visit(_ context: UnsafeMutableRawPointer?, _ worker: Int32, _ workers: Int32) {
    guard let tally = context?.assumingMemoryBound(to: Tally.self) else { return }
    tally.pointee.counts[Int(worker) * stride] += 1
}

@Suite(.serialized) struct PoolTests {
    private func withTally<R>(workers: Int, items: Int64, _ body: (UnsafeMutablePointer<Tally>) throws -> R) rethrows -> R {
        let counts = UnsafeMutablePointer<Int64>.allocate(capacity: workers * stride)
        counts.initialize(repeating: 0, count: workers * stride)
        defer { counts.deallocate() }
        var tally = Tally(counts: counts, items: items)
        return try withUnsafeMutablePointer(to: &tally, body)
    }

    /// Every worker runs every job exactly once and has finished when the call returns, whether it was spinning or asleep.
    @Test(arguments: [1, 2, 3, 9]) func everyWorkerRunsEveryJobOnce(_ workers: Int) throws {
        let pool = try #require(mk_pool_create(Int32(workers), true))
        defer { mk_pool_destroy(pool) }
        #expect(mk_pool_workers(pool) == Int32(workers))
        let runs = workers > 3 ? 60 : 1000
        withTally(workers: workers, items: 0) { tally in
            for run in 1...runs {
                mk_pool_run(pool, visit, tally)
                // Read at once: a worker that is late or missed the wake-up shows here.
                let wrong = (0..<workers).filter { tally.pointee.counts[$0 * stride] != Int64(run) }
                if !wrong.isEmpty {
                    Issue.record("run \(run): workers \(wrong) did not run exactly once each")
                    return
                }
            }
        }
    }

    /// Pauses of every length around the point where workers fall asleep: no wake-up may be lost.
    @Test func workersWakeFromSleep() throws {
        let workers = 3
        let pool = try #require(mk_pool_create(Int32(workers), false))
        defer { mk_pool_destroy(pool) }
        withTally(workers: workers, items: 0) { tally in
            for run in 0..<150 {
                pause(nanoseconds: run * 20_000)
                mk_pool_run(pool, visit, tally)
            }
            for worker in 0..<workers { #expect(tally.pointee.counts[worker * stride] == 150) }
        }
    }

    /// Work taken from a shared counter is done once, whoever does it.
    @Test func sharedCountersHandOutEachItemOnce() throws {
        let workers = 5
        let pool = try #require(mk_pool_create(Int32(workers), false))
        defer { mk_pool_destroy(pool) }
        for items in [0, 1, 4, 5, 1000] {
            withTally(workers: workers, items: Int64(items)) { tally in
                mk_pool_run(pool, take, tally)
                let total = (0..<workers).reduce(Int64(0)) { $0 + tally.pointee.counts[$1 * stride] }
                #expect(total == Int64(items))
            }
        }
    }

    /// Pools end at once: new, spinning, or long asleep.
    @Test func poolsEndWheneverAsked() throws {
        for round in 0..<40 {
            let pool = try #require(mk_pool_create(Int32(1 + round % 6), round % 2 == 0))
            if round % 3 > 0 { withTally(workers: 6, items: 0) { mk_pool_run(pool, visit, $0) } }
            if round % 4 == 3 { pause(nanoseconds: 3_000_000) }
            mk_pool_destroy(pool)
        }
        mk_pool_destroy(nil)
    }

    /// Several pools work side by side.
    @Test func poolsDoNotDisturbEachOther() throws {
        let pools = try (0..<3).map { _ in try #require(mk_pool_create(2, true)) }
        defer { for pool in pools { mk_pool_destroy(pool) } }
        withTally(workers: 2, items: 0) { tally in
            for run in 0..<600 { mk_pool_run(pools[run % 3], visit, tally) }
            #expect(tally.pointee.counts[0] == 600)
            #expect(tally.pointee.counts[stride] == 600)
        }
    }

    @Test func aPoolHasAtLeastTheCaller() throws {
        for asked in [Int32.min, -1, 0, 1] {
            let pool = try #require(mk_pool_create(asked, true))
            #expect(mk_pool_workers(pool) == 1)
            mk_pool_destroy(pool)
        }
    }
}
