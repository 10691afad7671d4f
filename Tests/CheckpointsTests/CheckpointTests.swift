import JSON
import Testing

@testable import Checkpoints

@Suite("Checkpoints") struct CheckpointTests {
    static func part(_ number: Int, of count: Int, tensor: String, total: Int = 2) -> [UInt8] {
        var writer = GGUFWriter()
        if number == 0 { writer.set("general.architecture", .string("test")) }
        writer.set("split.no", .uint16(UInt16(number)))
        writer.set("split.count", .uint16(UInt16(count)))
        writer.set("split.tensors.count", .int32(Int32(total)))
        writer.add(tensor, shape: [1], format: .f32, data: [UInt8(number), 0, 0, 0])
        return writer.bytes()
    }

    @Test func splitFilesOpenByAnyPart() throws {
        let directory = try TemporaryDirectory()
        let names = (1...2).map { directory.path + "/m-0000\($0)-of-00002.gguf" }
        try directory.write("m-00001-of-00002.gguf", Self.part(0, of: 2, tensor: "a"))
        try directory.write("m-00002-of-00002.gguf", Self.part(1, of: 2, tensor: "b"))
        for name in names {
            let checkpoint = try Checkpoint.open(path: name)
            #expect(checkpoint.tensors.map(\.name) == ["a", "b"])
            #expect(checkpoint.bytes(of: checkpoint.tensors[1])[0] == 1)
            guard case .gguf(let metadata) = checkpoint.metadata else { continue }
            #expect(try metadata.string("general.architecture") == "test")
        }
    }

    @Test func splitFilesMustAgree() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/m-00001-of-00002.gguf"
        try directory.write("m-00001-of-00002.gguf", Self.part(0, of: 2, tensor: "a"))
        #expect(throws: CheckpointError.self) { try Checkpoint.open(path: path) }
        try directory.write("m-00002-of-00002.gguf", Self.part(0, of: 2, tensor: "b"))
        #expect(throws: CheckpointError.self) { try Checkpoint.open(path: path) }
        try directory.write("m-00002-of-00002.gguf", Self.part(1, of: 2, tensor: "a"))
        #expect(#expect(throws: CheckpointError.self) { try Checkpoint.open(path: path) }?.subject == "tensor 'a'")
        try directory.write("m-00002-of-00002.gguf", Self.part(1, of: 2, tensor: "b", total: 3))
        try directory.write("m-00001-of-00002.gguf", Self.part(0, of: 2, tensor: "a", total: 3))
        #expect(#expect(throws: CheckpointError.self) { try Checkpoint.open(path: path) }?.subject == "key 'split.tensors.count'")
        try directory.write("other.gguf", Self.part(0, of: 2, tensor: "a"))
        #expect(throws: CheckpointError.self) { try Checkpoint.open(path: directory.path + "/other.gguf") }
    }

    static func shard(_ names: String...) -> [UInt8] {
        var writer = SafetensorsWriter()
        for name in names { writer.add(name, shape: [1], type: "F16", data: [1, 2]) }
        return writer.bytes()
    }

    @Test func shardsComeThroughTheIndex() throws {
        let directory = try TemporaryDirectory()
        try directory.write("config.json", "{}")
        try directory.write("one.safetensors", Self.shard("a", "unlisted"))
        try directory.write("two.safetensors", Self.shard("b"))
        try directory.write("model.safetensors.index.json", #"{"weight_map":{"b":"two.safetensors","a":"one.safetensors"}}"#)
        let checkpoint = try Checkpoint.open(path: directory.path)
        #expect(Set(checkpoint.tensors.map(\.name)) == ["a", "b"])
        #expect(checkpoint.totalBytes == 4)
        for (index, named) in [
            (#"{"weight_map":{"a":"../one.safetensors"}}"#, "plain file name"), (#"{"weight_map":{"a":"/etc/passwd"}}"#, "plain file name"),
            (#"{"weight_map":{"c":"one.safetensors"}}"#, "'c'"), (#"{"weight_map":{"a":"three.safetensors"}}"#, "three.safetensors"),
            (#"{"weight_map":{"a":7}}"#, "'a'"), (#"{"weight_map":{}}"#, "weight_map"), (#"{}"#, "weight_map"), ("[", "index.json"),
        ] {
            try directory.write("model.safetensors.index.json", index)
            let error = #expect(throws: CheckpointError.self, "\(index)") { try Checkpoint.open(path: directory.path) }
            #expect(error?.description.contains(named) == true, "\(String(describing: error))")
        }
    }

    @Test func onlyATokenizer() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: CheckpointError.self) { try Checkpoint.open(path: directory.path) }
        try directory.write("tokenizer.json", "{}")
        try directory.write(
            "tokenizer_config.json", #"{"chat_template":[{"name":"rag","template":"R"},{"name":"default","template":"D"}]}"#)
        let checkpoint = try Checkpoint.open(path: directory.path)
        #expect(checkpoint.tensors.isEmpty)
        let expected = [ChatTemplateSource(name: "default", source: "D"), ChatTemplateSource(name: "rag", source: "R")]
        #expect(try checkpoint.chatTemplates() == expected)
        try directory.write("chat_template.jinja", "J")
        #expect(try Checkpoint.open(path: directory.path).chatTemplates() == [ChatTemplateSource(name: "default", source: "J")])
    }

    @Test func badPaths() throws {
        let directory = try TemporaryDirectory()
        try directory.write("empty.gguf", "")
        try directory.write("model.bin", "PK")
        for name in ["absent.gguf", "empty.gguf", "model.bin"] {
            let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(path: directory.path + "/" + name) }
            #expect(error?.file.hasSuffix(name) == true)
        }
        #expect(throws: CheckpointError.self) { try Checkpoint.open(path: "/dev/null") }
    }

    /// Two fine-tunes differ in their tensors' bytes alone.
    @Test func fingerprintsFollowTensors() throws {
        func fingerprint(_ change: (inout [UInt8]) -> Void) throws -> String {
            var writer = GGUFWriter()
            var data = [UInt8](repeating: 7, count: 4096)
            change(&data)
            writer.add("a", shape: [1024], format: .f32, data: data)
            writer.add("b", shape: [1], format: .f32, data: [1, 2, 3, 4])
            return try Checkpoint(gguf: MappedFile(contents: writer.bytes(), name: "a")).fingerprintText()
        }
        let plain = try fingerprint { _ in }
        #expect(plain.count == 16)
        #expect(try plain == fingerprint { _ in })
        for place in [0, 63, 2048, 4032, 4095] { #expect(try plain != fingerprint { $0[place] = 8 }) }
    }

    /// The same files under other paths; another configuration beside them.
    @Test func fingerprintsOfDirectories() throws {
        func fingerprint(_ config: String) throws -> String {
            let directory = try TemporaryDirectory()
            try directory.write("config.json", config)
            try directory.write("model.safetensors", Self.shard("a", "b"))
            return try Checkpoint.open(path: directory.path).fingerprintText()
        }
        let plain = try fingerprint(#"{"rope_theta": 1}"#)
        #expect(try plain == fingerprint(#"{"rope_theta": 1}"#))
        #expect(try plain != fingerprint(#"{"rope_theta": 2}"#))
    }

    @Test func fingerprintsFollowHeaders() throws {
        func fingerprint(_ change: (inout GGUFWriter) -> Void) throws -> UInt64 {
            var writer = GGUFTests.sample()
            change(&writer)
            return try Checkpoint(gguf: MappedFile(contents: writer.bytes(), name: "a")).fingerprint()
        }
        let plain = try fingerprint { _ in }
        #expect(try plain == fingerprint { _ in })
        #expect(try plain != fingerprint { $0.set("more", .uint8(1)) })
    }

    @Test func adviceIsHarmless() throws {
        let directory = try TemporaryDirectory()
        try directory.write("file", Array(repeating: 7, count: 20_000))
        let file = try MappedFile(path: directory.path + "/file")
        file.prefetch(0..<20_000)
        file.discard(5..<20_000)
        file.discard(19_999..<50_000)
        #expect(file.bytes.allSatisfy { $0 == 7 })
    }
}
