import Glibc

/// Buffers that notice what is written around them: canaries on both sides, and an unreadable page behind.
///
/// A kernel that writes near a buffer is reported by `overruns`; one that reads or writes far behind it ends the process at the culprit.
final class GuardedMemory {
    private struct Region {
        var name: String
        var mapping: UnsafeMutableRawPointer
        var mapped: Int
        var base: UnsafeMutableRawPointer
        var byteCount: Int
        var end: UnsafeMutableRawPointer
    }

    private var regions: [Region] = []
    private var reports: [String] = []
    private static let page = 4096
    private static let canary: UInt8 = 0xA5

    /// `count` elements, aligned to 64 bytes, every byte 0xFF: not a number, read as floats.
    func make<Element>(_ name: String, _ count: Int, of type: Element.Type = Element.self) -> UnsafeMutablePointer<Element> {
        let byteCount = count * MemoryLayout<Element>.stride
        let usable = (byteCount + 64 + Self.page - 1) / Self.page * Self.page
        let mapped = usable + Self.page
        guard let mapping = mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), mapping != MAP_FAILED else {
            preconditionFailure("no memory for \(name): \(byteCount) bytes")
        }
        let end = mapping + usable
        mprotect(end, Self.page, PROT_NONE)
        memset(mapping, Int32(Self.canary), usable)
        let base = mapping + (usable - byteCount) / 64 * 64
        memset(base, 0xFF, byteCount)
        regions.append(Region(name: name, mapping: mapping, mapped: mapped, base: base, byteCount: byteCount, end: end))
        return base.bindMemory(to: type, capacity: count)
    }

    func make(_ name: String, _ values: [Float]) -> UnsafeMutablePointer<Float> {
        let pointer = make(name, values.count, of: Float.self)
        for (index, value) in values.enumerated() { pointer[index] = value }
        return pointer
    }

    /// Adds a fault that the user of a buffer saw.
    func report(_ fault: String) { reports.append(fault) }

    /// What was written where it must not be.
    var overruns: [String] {
        reports
            + regions.filter { region in
                let before = UnsafeRawBufferPointer(start: region.base - 64, count: region.base - 64 < region.mapping ? 0 : 64)
                let behind = UnsafeRawBufferPointer(
                    start: region.base + region.byteCount, count: region.end - region.base - region.byteCount)
                return before.contains { $0 != Self.canary } || behind.contains { $0 != Self.canary }
            }.map { "something was written beside '\($0.name)'" }
    }

    deinit { for region in regions { munmap(region.mapping, region.mapped) } }
}
