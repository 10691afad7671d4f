import Foundation
import Plans
import Testing

@testable import Profiling

@Suite struct DiskProbeTests {
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("motley-disk-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        try body(url.path)
    }

    /// The file has no name even while it is measured.
    @Test func leavesNothingBehind() throws {
        try withDirectory { path in
            var seen: [String] = []
            let disk = try DiskProbe(directory: path, mostBytes: 64 << 20, spareBytes: 1 << 20).measure(seconds: 0.1) { _ in
                seen += (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            }
            #expect(disk.readBytesPerSecond > 1 && disk.writeBytesPerSecond > 1 && disk.capacity > 0)
            #expect(disk.source.contains(path))
            #expect(seen.isEmpty)
            #expect(try FileManager.default.contentsOfDirectory(atPath: path).isEmpty)
        }
    }

    @Test func refusals() throws {
        func refusal(_ probe: DiskProbe) -> String {
            do {
                _ = try probe.measure(seconds: 0.05)
                return ""
            } catch { return error.description }
        }
        #expect(refusal(DiskProbe(directory: "/nowhere/at/all")).contains("/nowhere/at/all"))
        try withDirectory { path in
            // As if the file system were full.
            let full = refusal(DiskProbe(directory: path, spareBytes: Int.max / 2))
            #expect(full.contains(path) && full.contains("MiB free"))
            let left = try FileManager.default.contentsOfDirectory(atPath: path)
            #expect(left.isEmpty)
        }
        // A file system that takes no files.
        #expect(refusal(DiskProbe(directory: "/proc/self")).contains("/proc/self"))
    }

    /// A request that fails half way: an error, and no file left.
    @Test func failingRequests() throws {
        let descriptor = open("/dev/full", O_RDWR)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let work = DiskWork(descriptor: descriptor, requestBytes: 4096, bytes: 1 << 20, deadline: monotonicSeconds() + 1, writes: true)
        work.run()
        #expect(work.failure == ENOSPC && work.finished == 0 && work.done == 1)
    }

    @Test func requestsThatEndOutOfTurnLeaveNoGap() throws {
        try withDirectory { path in
            let descriptor = open(path + "/file", O_RDWR | O_CREAT, 0o600)
            try #require(descriptor >= 0)
            defer { close(descriptor) }
            let work = DiskWork(
                descriptor: descriptor, requestBytes: 4096, bytes: 10 * 4096 + 17, deadline: monotonicSeconds() + 10, writes: true)
            work.run()
            #expect(work.finished == 10 * 4096 && work.failure == nil)
        }
    }
}
