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
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("motley-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        func file(_ name: String, _ contents: String = "") throws -> FileHandle {
            let url = directory.appendingPathComponent(name)
            try Data(contents.utf8).write(to: url)
            return try FileHandle(forUpdating: url)
        }
        let inputHandle = try file("input", input)
        let outputHandle = try file("output")
        let errorHandle = try file("error")
        process.standardInput = inputHandle
        process.standardOutput = outputHandle
        process.standardError = errorHandle
        try process.run()
        process.waitUntilExit()
        status = process.terminationStatus
        func text(_ name: String) -> String {
            String(decoding: (try? Data(contentsOf: directory.appendingPathComponent(name))) ?? Data(), as: UTF8.self)
        }
        output = text("output")
        error = text("error")
    }

    /// Standard output as one JSON value.
    func json() throws -> JSON { try JSON(parsing: output) }

    /// Standard output as JSON lines.
    func jsonLines() throws -> [JSON] { try output.split(separator: "\n").map { try JSON(parsing: String($0)) } }
}
