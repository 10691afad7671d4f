import Foundation
import JSON

@testable import Engine

/// A directory for the files of a batch, in memory where there is a file system for that, and what is in them.
final class BatchFiles {
    let directory: String
    var input: String { directory + "/requests.jsonl" }
    var output: String { directory + "/results.jsonl" }

    init() throws {
        let place = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : FileManager.default.temporaryDirectory.path
        directory = "\(place)/motley-batch-\(UUID().uuidString)"
        guard mkdir(directory, 0o755) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func write(_ bytes: some Collection<UInt8>, to path: String) throws {
        guard let stream = fopen(path, "w") else { throw CocoaError(.fileWriteUnknown) }
        fwrite(Array(bytes), 1, bytes.count, stream)
        fclose(stream)
    }

    func writeInput(_ text: String) throws { try write(text.utf8, to: input) }
    func writeOutput(_ text: String) throws { try write(text.utf8, to: output) }

    func bytes(_ path: String) throws -> [UInt8] {
        guard let bytes = SystemFile.read(path, limit: 1 << 30) else { throw CocoaError(.fileReadUnknown) }
        return bytes
    }

    var outputBytes: [UInt8] { get throws { try bytes(output) } }

    /// The lines of the output by `custom_id`; nil where one is twice there, or a line is not whole.
    func answers() throws -> [String: JSON]? {
        let bytes = try outputBytes
        guard bytes.isEmpty || bytes.last == 0x0A else { return nil }
        var answers: [String: JSON] = [:]
        for line in bytes.split(separator: 0x0A) {
            let json = try JSON(parsing: line)
            guard let id = json["custom_id"]?.string, answers.updateValue(json, forKey: id) == nil else { return nil }
        }
        return answers
    }

    static func line(_ id: String, _ body: String, url: String = "/v1/completions") -> String {
        #"{"custom_id": "\#(id)", "method": "POST", "url": "\#(url)", "body": \#(body)}"# + "\n"
    }
}
