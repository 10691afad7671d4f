extension Checkpoint {
    /// Tells checkpoints apart, fine-tunes of one model among them: FNV-1a (64 bit, eight bytes at a time) over every file's size and
    /// header, a directory's config.json, and a sample of every tensor's bytes. Independent of paths; the same in every run.
    ///
    /// Reads at most three pages of each tensor, all asked for ahead: milliseconds for a file that the system has in memory.
    public func fingerprint() -> UInt64 {
        var hash = FNV1a()
        for (file, header) in zip(files, headers) {
            hash.combine(UInt64(file.size))
            hash.combine(UnsafeRawBufferPointer(rebasing: file.bytes[header]))
        }
        if case .huggingFace(let files) = metadata, let config = files.configFile { hash.combine(config.bytes) }
        let samples = samples
        for (file, range) in samples { files[file].prefetch(range) }
        for (file, range) in samples { hash.combine(UnsafeRawBufferPointer(rebasing: files[file].bytes[range])) }
        return hash.value
    }

    /// The fingerprint in 16 hexadecimal digits, as plans carry it.
    public func fingerprintText() -> String {
        let digits = String(fingerprint(), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// 64 bytes at the beginning, middle and end of every tensor; of very many tensors only the middle.
    private var samples: [(file: Int, range: Range<Int>)] {
        let length = 64
        var result: [(Int, Range<Int>)] = []
        for tensor in tensors where !tensor.bytes.isEmpty {
            let (first, end) = (tensor.bytes.lowerBound, tensor.bytes.upperBound)
            let middle = first + max(0, tensor.bytes.count - length) / 2
            for start in tensors.count <= 4096 ? [first, middle, max(first, end - length)] : [middle] {
                result.append((tensor.file, start..<min(end, start + length)))
            }
        }
        return result
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
