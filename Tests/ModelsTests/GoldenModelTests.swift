import Checkpoints
import Foundation
import Testing

@testable import Models

@Suite("Golden models") struct GoldenModelTests {
    /// Every committed model, whatever wrote it, has a description, and its report names its formats.
    @Test func areDescribed() throws {
        let goldens = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
            "Goldens")
        for name in try FileManager.default.contentsOfDirectory(atPath: goldens.path).sorted() {
            let path = goldens.appendingPathComponent(name).path
            guard name.hasSuffix(".gguf") || FileManager.default.fileExists(atPath: path + "/config.json") else { continue }
            let checkpoint = try Checkpoint.open(path: path)
            let model = try ModelSpec(checkpoint: checkpoint)
            #expect(model.tensors.allSatisfy { checkpoint.tensor($0.name)?.format == $0.format }, "\(name)")
            #expect(model.parameterCount <= checkpoint.elementCount, "\(name)")
            let text = try CheckpointReport(checkpoint: checkpoint).text(listingTensors: true)
            #expect(text.contains(model.formats[0].format.name), "\(name)")
        }
    }
}
