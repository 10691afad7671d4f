import CKernels
import Devices
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct DeviceTests {
    @Test func aLedgerRefusesWhatDoesNotFitAndForgetsWhatIsReleased() throws {
        let memory = HostMemory(name: "small", capacity: 10_000)
        var kept: Buffer? = try memory.allocate(6_000, for: .weights)
        #expect(memory.ledger.used == 6_000 && memory.ledger.bytes(for: .weights) == 6_000)
        #expect(throws: MemoryError(memory: "small", purpose: .keyValue, needed: 4_001, available: 4_000)) {
            try memory.allocate(4_001, for: .keyValue)
        }
        let other = try memory.allocate(4_000, for: .keyValue)
        #expect(memory.ledger.available == 0)
        withExtendedLifetime(kept) {}
        kept = nil
        #expect(memory.ledger.used == 4_000 && memory.ledger.peak == 10_000)
        #expect(throws: MemoryError.self) { try memory.allocate(-1, for: .weights) }
        #expect(throws: MemoryError.self) { try memory.allocate(.max, for: .weights) }
        withExtendedLifetime(other) {}
    }

    /// A lane does its turns in order, none before it was asked for, and those who wait see what it wrote.
    @Test func lanesTakeTurnsInOrder() throws {
        let seen = UnsafeMutablePointer<UInt32>.allocate(capacity: 1000)
        seen.initialize(repeating: 0, count: 1000)
        defer { seen.deallocate() }
        let address = UInt(bitPattern: seen)
        let first = try Lane(name: "first") { number in
            UnsafeMutablePointer<UInt32>(bitPattern: address)?[Int(number) - 1] = number
        }
        let done = first.done
        let second = try Lane(name: "second") { number in
            done.wait(number)
            UnsafeMutablePointer<UInt32>(bitPattern: address)?[Int(number) - 1] += 1000
        }
        for number in 1...1000 as ClosedRange<UInt32> {
            second.request(number)
            first.request(number)
            if number % 7 == 0 { second.done.wait(number) }
        }
        second.done.wait(1000)
        #expect((0..<1000).allSatisfy { seen[$0] == UInt32($0) + 1001 })
        first.stop()
        second.stop()
    }

    @Test func eventsOnlyRise() {
        let event = Event()
        event.signal(5)
        event.signal(3)
        #expect(event.has(5) && !event.has(6))
        event.wait(4)
    }

    @Test func emulatedDevicesAreReadFromText() throws {
        let full = try Emulation(parsing: "gpu0: memory=2GiB, read=300GB/s, int8=50TOP/s, link=12GB/s, latency=10us, compute=none")
        #expect(
            full
                == Emulation(
                    name: "gpu0", memoryBytes: 2 << 30, readBytesPerSecond: 300e9, operationsPerSecond: 50e12, linkBytesPerSecond: 12e9,
                    latency: 10 * 1e-6, computes: false))
        #expect(try Emulation(parsing: "a: memory=1000") == Emulation(name: "a", memoryBytes: 1000))
        for wrong in [
            "", "gpu0", "gpu0:", "gpu0: memory", "gpu0: memory=", "gpu0: memory=-1GiB", "gpu0: memory=nan", "gpu0: memory=1e30",
            "gpu0: memory=2 potatoes", "gpu0: link=1GB/s", "gpu0: memory=1GiB, memory=1GiB", "gpu0: memory=1GiB, foo=1",
            "gpu0: memory=1GiB, compute=some", "cpu0: memory=1GiB", "a b: memory=1GiB", "gpu0: memory=1GiB, link=0", "gpu0: memory=1GiB,",
        ] { #expect(throws: EmulationError.self, "\(wrong)") { try Emulation(parsing: wrong) } }
    }
}
