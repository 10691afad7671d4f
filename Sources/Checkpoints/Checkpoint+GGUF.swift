extension Checkpoint {
    static func openGGUF(path: String) throws(CheckpointError) -> Checkpoint {
        let named = try GGUFFile(path: path)
        guard let count = try named.metadata.integer("split.count"), count > 1 else { return try Checkpoint(path: path, parts: [named]) }
        guard let name = SplitName(path), name.count == count else {
            throw CheckpointError(
                .malformed, file: path, subject: "key 'split.count'", fault: "is \(count), which the file's name does not say",
                remedy: "name the parts …-00001-of-\(SplitName.padded(count)).gguf and so on")
        }
        var parts: [GGUFFile] = []
        for number in 0..<count {
            let partPath = name.path(part: number)
            let file = try MappedFile(path: partPath)
            let part = try GGUFFile(file: file, fileIndex: number)
            guard try part.metadata.integer("split.count") == count, try part.metadata.integer("split.no") == number else {
                throw CheckpointError(
                    .malformed, file: partPath, subject: "keys 'split.no' and 'split.count'",
                    fault: "do not say that it is part \(number) of \(count)")
            }
            parts.append(part)
        }
        if let expected = try parts[0].metadata.integer("split.tensors.count") {
            let found = parts.reduce(0) { $0 + $1.tensors.count }
            guard found == expected else {
                throw CheckpointError(
                    .malformed, file: path, subject: "key 'split.tensors.count'",
                    fault: "is \(expected), but the \(count) parts hold \(found) tensors")
            }
        }
        return try Checkpoint(path: path, parts: parts)
    }

    /// A checkpoint of one unsplit GGUF file that is mapped already, or in memory.
    public convenience init(gguf file: MappedFile) throws(CheckpointError) {
        try self.init(path: file.path, parts: [try GGUFFile(file: file)])
    }

    /// The first part's metadata is the model's.
    convenience init(path: String, parts: [GGUFFile]) throws(CheckpointError) {
        try self.init(
            path: path, metadata: .gguf(parts.first?.metadata ?? GGUFMetadata(file: path)), files: parts.map(\.file),
            headers: parts.map(\.header),
            tensors: parts.flatMap(\.tensors))
    }
}

/// The name of one part of a split file: `PREFIX-00002-of-00003.gguf`.
struct SplitName {
    var prefix: String
    var count: Int

    init?(_ path: String) {
        let suffix = "-00000-of-00000.gguf".utf8.count
        let bytes = Array(path.utf8)
        guard bytes.count > suffix else { return nil }
        let tail = bytes[(bytes.count - suffix)...]
        let start = tail.startIndex
        guard tail[start] == UInt8(ascii: "-"), tail[(start + 6)..<(start + 10)].elementsEqual("-of-".utf8),
            tail[(start + 15)...].elementsEqual(".gguf".utf8), Self.number(tail[(start + 1)..<(start + 6)]) != nil,
            let count = Self.number(tail[(start + 10)..<(start + 15)])
        else { return nil }
        prefix = String(decoding: bytes[..<start], as: UTF8.self)
        self.count = count
    }

    /// - Parameter part: from 0; names count from 1.
    func path(part: Int) -> String { "\(prefix)-\(Self.padded(part + 1))-of-\(Self.padded(count)).gguf" }

    static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        digits.allSatisfy { (0x30...0x39).contains($0) } ? digits.reduce(0) { $0 * 10 + Int($1 - 0x30) } : nil
    }
}
