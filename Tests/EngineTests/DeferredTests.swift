import Engine
import Testing

@Suite struct DeferredTests {
    private struct Failure: Error {}

    @Test func aValueIsMadeOnceForAll() throws {
        for isPrepared in [false, true] {
            let made = Monitor(0)
            let value = Deferred {
                made.update {
                    $0 += 1; return $0
                }
            }
            if isPrepared { value.prepare() }
            let results = Monitor([Int]())
            let threads = (0..<8).map { _ in
                SystemThread {
                    let one = (try? value.value()) ?? 0; results.update { $0.append(one) }
                }
            }
            for thread in threads { thread.join() }
            #expect(results.update { $0 } == Array(repeating: 1, count: 8) && made.update { $0 } == 1)
        }
    }

    @Test func errorsAreKept() {
        let made = Monitor(0)
        let value = Deferred<Int> {
            made.update { $0 += 1 }
            throw Failure()
        }
        for _ in 0..<2 { #expect(throws: Failure.self) { try value.value() } }
        #expect(made.update { $0 } == 1)
    }
}
