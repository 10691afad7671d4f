import Foundation
import JSON

/// Runs the command as another program would.
struct MotleyProcess {
    var status: Int32
    var output: String
    var error: String

    static let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The binary beside the test bundle.
    static let executable: String? = {
        let beside = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent(
            "motley"
        )
        .path
        let named = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("motley").path
        let debug = packageRoot.appendingPathComponent(".build/debug/motley").path
        return [beside, named, debug].first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    static func golden(_ name: String) -> String { packageRoot.appendingPathComponent("Tests/Goldens/" + name).path }

    init(_ arguments: [String], input: String = "") throws {
        let process = Process()
        guard let executable = Self.executable else { throw CocoaError(.fileNoSuchFile) }
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        // Files without a name: a pipe could fill up, and Foundation waits for the disk where it writes a file.
        let files = try ["", "", input].map { contents in
            guard let file = tmpfile() else { throw CocoaError(.fileWriteUnknown) }
            fputs(contents, file)
            rewind(file)
            return file
        }
        defer { for file in files { fclose(file) } }
        let handles = files.map { FileHandle(fileDescriptor: fileno($0), closeOnDealloc: false) }
        process.standardOutput = handles[0]
        process.standardError = handles[1]
        process.standardInput = handles[2]
        try process.run()
        process.waitUntilExit()
        status = process.terminationStatus
        func text(_ handle: FileHandle) throws -> String {
            try handle.seek(toOffset: 0)
            return String(decoding: try handle.readToEnd() ?? Data(), as: UTF8.self)
        }
        output = try text(handles[0])
        error = try text(handles[1])
    }

    /// Standard output as one JSON value.
    func json() throws -> JSON { try JSON(parsing: output) }

    /// Standard output as JSON lines.
    func jsonLines() throws -> [JSON] { try output.split(separator: "\n").map { try JSON(parsing: String($0)) } }
}
