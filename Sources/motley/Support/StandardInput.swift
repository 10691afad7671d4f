import Engine
import Glibc
import JSON

/// Standard input and files, read whole and bounded.
enum StandardInput {
    /// Most bytes of a text or JSON document.
    static let limit = 1 << 30

    static func bytes() throws -> [UInt8] {
        guard let bytes = SystemFile.read(descriptor: STDIN_FILENO, limit: limit) else {
            throw CommandError("standard input cannot be read: \(String(cString: strerror(errno)))")
        }
        return bytes
    }

    static func text() throws -> String {
        guard let text = String(validating: try bytes(), as: UTF8.self) else { throw CommandError("standard input is not valid UTF-8") }
        return text
    }

    static func file(_ path: String) throws -> [UInt8] {
        guard let bytes = SystemFile.read(path, limit: limit) else {
            throw CommandError("\(path): cannot be read: \(String(cString: strerror(errno)))")
        }
        return bytes
    }

    static func textFile(_ path: String) throws -> String {
        guard let text = String(validating: try file(path), as: UTF8.self) else { throw CommandError("\(path): is not valid UTF-8") }
        return text
    }

    static func write(_ text: String, to path: String) throws {
        guard let stream = fopen(path, "w") else { throw CommandError("\(path): cannot be written: \(String(cString: strerror(errno)))") }
        var text = text
        let written = text.withUTF8 { fwrite($0.baseAddress, 1, $0.count, stream) }
        guard fclose(stream) == 0, written == text.utf8.count else {
            throw CommandError("\(path): cannot be written: \(String(cString: strerror(errno)))")
        }
    }
}
