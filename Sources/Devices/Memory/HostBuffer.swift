#if canImport(Glibc)
    import Glibc
#endif

/// Zeroed host memory straight from the system, aligned to pages, in huge pages where asked; given back on release.
///
/// Pages take no physical memory until they are touched.
public final class HostBuffer: @unchecked Sendable {
    public let base: UnsafeMutableRawPointer
    public let byteCount: Int
    private let mapped: Int

    /// nil where the system refuses the mapping.
    public init?(byteCount: Int, hugePages: Bool = false) {
        let page = 1 << 21
        guard byteCount >= 0, byteCount < Int.max - 2 * page else { return nil }
        mapped = max(byteCount, 1) + page
        guard let address = mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            address != MAP_FAILED
        else { return nil }
        start = address
        // Huge pages need their own alignment.
        base = hugePages ? address.alignedUp(toMultipleOf: page) : address
        self.byteCount = byteCount
        if hugePages { madvise(base, max(byteCount, 1), 14 /* MADV_HUGEPAGE */) }
    }

    private let start: UnsafeMutableRawPointer

    deinit { munmap(start, mapped) }

    /// The buffer's first bytes as elements of `Element`.
    public func pointer<Element>(as type: Element.Type = Element.self) -> UnsafeMutablePointer<Element> {
        base.assumingMemoryBound(to: type)
    }
}
