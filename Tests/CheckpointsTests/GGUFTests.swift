import Testing

@testable import Checkpoints

@Suite("GGUF files") struct GGUFTests {
    static func sample() -> GGUFWriter {
        var writer = GGUFWriter()
        writer.set("general.architecture", .string("test"))
        writer.set("a.u8", .uint8(200))
        writer.set("a.i64", .int64(-5))
        writer.set("a.f32", .float32(0.5))
        writer.set("a.bool", .bool(true))
        writer.set("tokens", .array(GGUFArray(strings: ["a", "", "ü"])))
        writer.set("scores", .array(GGUFArray(floats: [1, -2.5])))
        writer.add("first", shape: [2, 3], format: .f32, data: Array(repeating: 1, count: 24))
        writer.add("second", shape: [32], format: .q8_0, data: Array(repeating: 2, count: 34))
        return writer
    }

    static func open(_ bytes: [UInt8]) throws -> GGUFFile { try GGUFFile(file: MappedFile(contents: bytes, name: "test.gguf")) }

    @Test func readsWhatWasWritten() throws {
        let file = try Self.open(Self.sample().bytes())
        #expect(file.version == 3)
        #expect(try file.metadata.string("general.architecture") == "test")
        #expect(try file.metadata.integer("a.u8") == 200)
        #expect(try file.metadata.integer("a.i64") == -5)
        #expect(try file.metadata.number("a.f32") == 0.5)
        #expect(try file.metadata.bool("a.bool") == true)
        #expect(try file.metadata.strings("tokens") == ["a", "", "ü"])
        #expect(try file.metadata.floats("scores") == [1, -2.5])
        #expect(try file.metadata.string("absent") == nil)
        #expect(throws: CheckpointError.self) { try file.metadata.string("a.u8") }
        #expect(file.tensors.map(\.name) == ["first", "second"])
        #expect(file.tensors[0].shape == [2, 3])
        #expect(file.tensors[1].format == .q8_0)
        #expect(file.file.bytes[file.tensors[1].bytes].allSatisfy { $0 == 2 })
    }

    @Test func everyTruncationIsAnError() throws {
        let bytes = Self.sample().bytes()
        let end = try Self.open(bytes).tensors[1].bytes.upperBound
        for count in 0..<end {
            #expect(throws: CheckpointError.self, "\(count) bytes") { try Self.open(Array(bytes[..<count])) }
        }
    }
}
