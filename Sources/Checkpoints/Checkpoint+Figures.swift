extension Checkpoint {
    /// Bytes of all tensors.
    public var totalBytes: Int { tensors.reduce(0) { $0 + $1.bytes.count } }

    /// Elements of all tensors.
    public var elementCount: Int { tensors.reduce(0) { $0 &+ $1.elementCount } }

    /// Tensors, elements and bytes by the name of their format, most bytes first.
    public var formats: [(name: String, tensors: Int, elements: Int, bytes: Int)] {
        var sums: [String: (tensors: Int, elements: Int, bytes: Int)] = [:]
        for tensor in tensors {
            let sum = sums[tensor.formatName, default: (0, 0, 0)]
            sums[tensor.formatName] = (sum.tensors + 1, sum.elements &+ tensor.elementCount, sum.bytes + tensor.bytes.count)
        }
        return sums.map { (name: $0.key, tensors: $0.value.tensors, elements: $0.value.elements, bytes: $0.value.bytes) }
            .sorted { ($1.bytes, $0.name) < ($0.bytes, $1.name) }
    }

    /// Tells checkpoints apart without reading their tensors: FNV-1a (64 bit, eight bytes at a time) over every file's size and header.
    public func fingerprint() -> UInt64 {
        var hash = FNV1a()
        for (file, header) in zip(files, headers) {
            hash.combine(UInt64(file.size))
            hash.combine(UnsafeRawBufferPointer(rebasing: file.bytes[header]))
        }
        if case .huggingFace(let files) = metadata, let config = files.configFile { hash.combine(config.bytes) }
        return hash.value
    }
}

/// Fowler, Noll and Vo's hash 1a with 64 bits, fed eight bytes at a time.
struct FNV1a {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func combine(_ word: UInt64) { value = (value ^ word) &* 0x100_0000_01B3 }

    mutating func combine(_ bytes: UnsafeRawBufferPointer) {
        let words = bytes.count / 8
        for word in 0..<words { combine(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self))) }
        for byte in bytes[(words * 8)...] { combine(UInt64(byte)) }
    }
}
