import Foundation
import JSON
import Testing

@testable import Checkpoints

@Suite("Dequantisation") struct QuantisedBlocksTests {
    /// Random blocks of every format against the values another implementation gives (Tools/make_goldens/dequantise.py).
    @Test(arguments: TensorFormat.allCases.filter { $0 != .f32 })
    func agreesWithGoldens(format: TensorFormat) throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Goldens/dequantise.json")
        let golden = try #require(try JSON(parsing: Array(Data(contentsOf: file)))[format.name])
        let bytes = try #require(golden["bytes"]?.string.flatMap(Self.bytes))
        let expected = try #require(golden["values"]?.string.flatMap(Self.bytes))
        let values = try #require(bytes.withUnsafeBytes { QuantisedBlocks.dequantise($0, format: format) })
        #expect(values.count * 4 == expected.count)
        for (index, value) in values.enumerated() {
            let bits = expected.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)) }
            let reference = Float(bitPattern: bits)
            #expect(abs(value - reference) <= 1e-6 * max(1, abs(reference)), "element \(index): \(value) instead of \(reference)")
        }
    }

    @Test func partOfABlockIsRefused() {
        let bytes = [UInt8](repeating: 0, count: 35)
        #expect(bytes.withUnsafeBytes { QuantisedBlocks.dequantise($0, format: .q8_0) } == nil)
    }

    static func bytes(_ hexadecimal: String) -> [UInt8]? {
        let digits = Array(hexadecimal.utf8).compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == hexadecimal.utf8.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
    }
}
