import JSON
import Testing

@testable import Checkpoints

@Suite("Safetensors files") struct SafetensorsTests {
    static func open(_ bytes: [UInt8]) throws -> SafetensorsFile {
        try SafetensorsFile(file: MappedFile(contents: bytes, name: "test.safetensors"))
    }

    /// A file with this header and so many bytes of data.
    static func file(_ header: String, data: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian, Array.init) + Array(header.utf8) + Array(repeating: 0, count: data)
    }

    @Test func readsWhatWasWritten() throws {
        var writer = SafetensorsWriter()
        writer.add("a", shape: [2, 2], type: "BF16", data: Array(repeating: 1, count: 8))
        writer.add("ids", shape: [1], type: "I64", data: Array(repeating: 2, count: 8))
        writer.add("scalar", shape: [], type: "F32", data: Array(repeating: 3, count: 4))
        let file = try Self.open(writer.bytes())
        #expect(file.tensors.map(\.name) == ["a", "ids", "scalar"])
        #expect(file.tensors.map(\.format) == [.bf16, nil, .f32])
        #expect(file.tensors.map(\.formatName) == ["BF16", "I64", "F32"])
        #expect(file.tensors[0].shape == [2, 2])
        #expect(file.file.bytes[file.tensors[2].bytes].elementsEqual([3, 3, 3, 3]))
        for count in 0..<writer.bytes().count {
            #expect(throws: CheckpointError.self, "\(count) bytes") { try Self.open(Array(writer.bytes()[..<count])) }
        }
    }

    @Test(arguments: [
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, "x"),
        (#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#, 4, "x"),
        (#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4, "x"),
        (#"{"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, "x"),
        (#"{"x":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, 4, "x"),
        (#"{"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#, 4, "x"),
        (#"{"x":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}}"#, 4, "x"),
        (#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#, 4, "x"),
        (#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 4, "y"),
        (#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "x"),
        (#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 8, "last tensor"),
        (#"{"x":{"shape":[1],"data_offsets":[0,4]}}"#, 4, "dtype"),
        (#"{"x":7}"#, 0, "x"),
        (#"[]"#, 0, "object"),
        (#"{"x""#, 0, "header"),
        (String(repeating: "[", count: 100_000), 0, "header"),
    ])
    func hostileHeaders(header: String, data: Int, named: String) {
        let error = #expect(throws: CheckpointError.self) { try Self.open(Self.file(header, data: data)) }
        #expect(error?.description.contains(named) == true, "\(String(describing: error))")
    }
}
