import Testing

@testable import Checkpoints

@Suite("Hostile GGUF files") struct HostileGGUFTests {
    /// A header written by hand, so that it may lie.
    struct Header {
        var bytes = GGUFFile.magic

        init(version: UInt32 = 3, tensors: UInt64 = 0, metadata: UInt64 = 0) {
            bytes.append(littleEndian: version)
            bytes.append(littleEndian: tensors)
            bytes.append(littleEndian: metadata)
        }

        func string(_ text: String) -> Header { string(Array(text.utf8)) }
        func string(_ text: [UInt8], claiming count: UInt64? = nil) -> Header { number(count ?? UInt64(text.count)).raw(text) }
        func raw(_ more: [UInt8]) -> Header {
            var copy = self
            copy.bytes += more
            return copy
        }
        func number<Value: FixedWidthInteger>(_ value: Value) -> Header {
            var copy = self
            copy.bytes.append(littleEndian: value)
            return copy
        }
        func tensor(_ name: String, _ dimensions: [UInt64], type: UInt32 = 0, offset: UInt64 = 0) -> Header {
            dimensions.reduce(string(name).number(UInt32(dimensions.count))) { $0.number($1) }.number(type).number(offset)
        }
        /// Aligned, and followed by so many bytes of data.
        func data(_ count: Int) -> Header { raw(Array(repeating: 0, count: (32 - bytes.count % 32) % 32 + count)) }
    }

    static let cases: [(String, Header, [String])] = [
        ("version 1", Header(version: 1), ["version 1"]),
        ("big endian", Header(version: UInt32(3).byteSwapped), ["big-endian"]),
        ("huge tensor count", Header(tensors: .max), ["tensors"]),
        ("huge metadata count", Header(metadata: 1 << 62), ["metadata"]),
        ("huge key", Header(metadata: 1).string([1], claiming: .max).data(64), ["entry 0"]),
        ("empty key", Header(metadata: 1).string("").data(64), ["entry 0"]),
        ("key not UTF-8", Header(metadata: 1).string([0xFF, 0xFE]).data(64), ["UTF-8"]),
        ("value type", Header(metadata: 1).string("k").number(UInt32(13)).data(64), ["'k'", "13"]),
        ("boolean of 2", Header(metadata: 1).string("k").number(UInt32(7)).number(UInt8(2)).data(64), ["'k'"]),
        ("string not UTF-8", Header(metadata: 1).string("k").number(UInt32(8)).string([0xC0, 0x80]).data(64), ["'k'", "UTF-8"]),
        ("huge string", Header(metadata: 1).string("k").number(UInt32(8)).string([0], claiming: 1 << 63).data(64), ["'k'"]),
        (
            "nested array", Header(metadata: 1).string("k").number(UInt32(9)).number(UInt32(9)).number(UInt64(1)).data(64),
            ["'k'", "array of arrays"]
        ),
        ("huge array", Header(metadata: 1).string("k").number(UInt32(9)).number(UInt32(4)).number(UInt64.max).data(64), ["'k'"]),
        (
            "huge string array", Header(metadata: 1).string("k").number(UInt32(9)).number(UInt32(8)).number(UInt64(1 << 40)).data(64),
            ["'k'"]
        ),
        (
            "long element",
            Header(metadata: 1).string("k").number(UInt32(9)).number(UInt32(8)).number(UInt64(2)).string("a").string([], claiming: 999)
                .data(64),
            ["'k'", "element 1"]
        ),
        (
            "key twice", Header(metadata: 2).string("k").number(UInt32(0)).raw([1]).string("k").number(UInt32(0)).raw([1]).data(64),
            ["'k'", "twice"]
        ),
        ("alignment", Header(metadata: 1).string("general.alignment").number(UInt32(4)).number(UInt32(0)).data(64), ["general.alignment"]),
        (
            "alignment of 48", Header(metadata: 1).string("general.alignment").number(UInt32(4)).number(UInt32(48)).data(64),
            ["general.alignment"]
        ),
        (
            "alignment as text", Header(metadata: 1).string("general.alignment").number(UInt32(8)).string("x").data(64),
            ["general.alignment"]
        ),
        ("tensor twice", Header(tensors: 2).tensor("t", [4]).tensor("t", [4], offset: 32).data(64), ["'t'", "twice"]),
        ("five dimensions", Header(tensors: 1).tensor("t", [1, 1, 1, 1, 1]).data(64), ["'t'", "dimensions"]),
        ("zero dimension", Header(tensors: 1).tensor("t", [4, 0]).data(64), ["'t'", "0"]),
        ("negative dimension", Header(tensors: 1).tensor("t", [UInt64(bitPattern: -4)]).data(64), ["'t'"]),
        ("overflowing shape", Header(tensors: 1).tensor("t", [1 << 32, 1 << 32]).data(64), ["'t'"]),
        ("overflowing bytes", Header(tensors: 1).tensor("t", [1 << 62]).data(64), ["'t'"]),
        ("data beyond the end", Header(tensors: 1).tensor("t", [17]).data(64), ["'t'", "beyond"]),
        ("offset beyond the end", Header(tensors: 1).tensor("t", [4], offset: 1 << 40).data(64), ["'t'", "beyond"]),
        ("overflowing offset", Header(tensors: 1).tensor("t", [4], offset: 0xFFFF_FFFF_FFFF_FFE0).data(64), ["'t'", "beyond"]),
        ("offset near the limit", Header(tensors: 1).tensor("t", [4], offset: 0x7FFF_FFFF_FFFF_FFE0).data(64), ["'t'", "beyond"]),
        ("misaligned", Header(tensors: 1).tensor("t", [4], offset: 8).data(64), ["'t'", "alignment"]),
        ("overlapping", Header(tensors: 2).tensor("a", [9]).tensor("b", [4], offset: 32).data(64), ["'a'", "'b'", "overlap"]),
        ("part of a block", Header(tensors: 1).tensor("t", [33], type: 8).data(64), ["'t'", "Q8_0"]),
        ("rows of part of a block", Header(tensors: 1).tensor("t", [16, 2], type: 8).data(64), ["'t'", "Q8_0"]),
        ("unknown type beyond the end", Header(tensors: 1).tensor("t", [4], type: 999, offset: 4096).data(64), ["'t'", "beyond"]),
    ]

    @Test(arguments: cases.indices) func isRefusedByName(index: Int) {
        let (name, header, named) = Self.cases[index]
        let error = #expect(throws: CheckpointError.self, "\(name)") { try GGUFTests.open(header.bytes) }
        for part in ["test.gguf"] + named { #expect(error?.description.contains(part) == true, "\(name): \(String(describing: error))") }
    }

    @Test func unknownTypesAreListed() throws {
        let file = try GGUFTests.open(
            Header(tensors: 2).tensor("a", [256], type: 17).tensor("b", [4], type: 27, offset: 64).data(128).bytes)
        #expect(file.tensors.map(\.format) == [nil, nil])
        #expect(file.tensors.map(\.formatName) == ["IQ2_XS", "I64"])
        #expect(file.tensors[1].bytes.count == 32)
    }

    @Test func errorsCarryNoControlCharacters() {
        let header = Header(metadata: 1).string("\u{1B}[31m\u{202E}" + String(repeating: "x", count: 1000)).number(UInt32(99)).data(64)
        let error = #expect(throws: CheckpointError.self) { try GGUFTests.open(header.bytes) }
        #expect(error?.description.unicodeScalars.allSatisfy { $0.value >= 32 && $0 != "\u{202E}" } == true)
        #expect((error?.description.count ?? 0) < 300)
    }

    @Test func onlyAVocabulary() throws {
        var writer = GGUFWriter()
        writer.set("tokenizer.ggml.model", .string("gpt2"))
        let checkpoint = try Checkpoint(gguf: MappedFile(contents: writer.bytes(), name: "vocabulary.gguf"))
        #expect(checkpoint.tensors.isEmpty)
        #expect(checkpoint.totalBytes == 0)
    }

    @Test func versionTwo() throws {
        var writer = GGUFTests.sample()
        writer.version = 2
        #expect(try GGUFTests.open(writer.bytes()).version == 2)
    }
}
