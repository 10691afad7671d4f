import Checkpoints

/// A matrix as a file stores it, and its values.
struct RandomMatrix: Sendable {
    let format: TensorFormat
    let rows: Int
    let columns: Int
    /// rows x columns in `format`.
    let bytes: [UInt8]

    var rowBytes: Int { format.byteCount(elements: columns) ?? 0 }

    /// Every seventh row is zero, some blocks have a scale of zero or below the normal range. `extreme`: every quantised value is at an end
    /// of its range.
    init(format: TensorFormat, rows: Int, columns: Int, extreme: Bool = false, random: inout SeededRandom) {
        self.format = format
        self.rows = rows
        self.columns = columns
        var bytes: [UInt8] = []
        for row in 0..<rows {
            for _ in 0..<columns / format.blockElements {
                bytes.append(
                    contentsOf: row % 7 == 3 ? [UInt8](repeating: 0, count: format.blockBytes) : Self.block(format, extreme, &random))
            }
        }
        self.bytes = bytes
    }

    private init(format: TensorFormat, rows: Int, columns: Int, bytes: [UInt8]) {
        self.format = format
        self.rows = rows
        self.columns = columns
        self.bytes = bytes
    }

    /// The matrix that consists of a range alone; `columns` counts elements and falls on blocks.
    func cut(rows: Range<Int>, columns: Range<Int>) -> RandomMatrix {
        let from = columns.lowerBound / format.blockElements * format.blockBytes
        let to = columns.upperBound / format.blockElements * format.blockBytes
        var result: [UInt8] = []
        for row in rows { result += bytes[row * rowBytes + from..<row * rowBytes + to] }
        return RandomMatrix(format: format, rows: rows.count, columns: columns.count, bytes: result)
    }

    /// The same numbers stored columns x rows; plain formats only.
    var transposed: RandomMatrix {
        let width = format.blockBytes
        var result: [UInt8] = []
        for column in 0..<columns {
            for row in 0..<rows {
                let at = row * rowBytes + column * width
                result += bytes[at..<at + width]
            }
        }
        return RandomMatrix(format: format, rows: columns, columns: rows, bytes: result)
    }

    /// A matrix whose product is its input: element (r, r) is 1.
    init(identityIn format: TensorFormat, columns: Int) {
        self.format = format
        rows = columns
        self.columns = columns
        let rowBytes = format.byteCount(elements: columns) ?? 0
        var bytes = [UInt8](repeating: 0, count: rowBytes * columns)
        func write(_ word: UInt16, at offset: Int) {
            bytes[offset] = UInt8(word & 255)
            bytes[offset + 1] = UInt8(word >> 8)
        }
        for row in 0..<columns {
            let block = row * rowBytes + row / format.blockElements * format.blockBytes
            let element = row % format.blockElements
            switch format {
            case .f32: write(0x3F80, at: block + 2)
            case .bf16: write(0x3F80, at: block)
            case .q8_0:
                write(0x3C00, at: block)
                bytes[block + 2 + element] = 1
            case .q6_K:
                // Scale 1 for every part; 32 is zero, 33 one: high bits 2 everywhere, one low nibble of 1.
                write(0x3C00, at: block + 208)
                for part in 0..<16 { bytes[block + 192 + part] = 1 }
                for index in 0..<64 { bytes[block + 128 + index] = 0b1010_1010 }
                let within = element % 128
                bytes[block + element / 128 * 64 + within % 64] = within < 64 ? 0x01 : 0x10
            default: preconditionFailure("no identity in \(format.name)")
            }
        }
        self.bytes = bytes
    }

    /// The values, row by row, by the reference that shares nothing with the kernels.
    func values() -> [Float] { bytes.withUnsafeBytes { QuantisedBlocks.dequantise($0, format: format) } ?? [] }

    /// What each value was made of: the scaled part and the minimum, by their absolute values. The two may cancel in the value.
    func sizes() -> [Double] {
        let values = values()
        var scaledBytes = bytes
        // The second half-precision number of a block is the minimum's.
        if let minimum = Self.scaleOffsets(format).dropFirst().first {
            for block in stride(from: 0, to: bytes.count, by: format.blockBytes) {
                scaledBytes[block + minimum] = 0
                scaledBytes[block + minimum + 1] = 0
            }
        }
        let scaled = scaledBytes.withUnsafeBytes { QuantisedBlocks.dequantise($0, format: format) } ?? []
        return zip(values, scaled).map { abs(Double($1)) + abs(Double($0) - Double($1)) }
    }

    private static func block(_ format: TensorFormat, _ extreme: Bool, _ random: inout SeededRandom) -> [UInt8] {
        switch format {
        case .f32:
            let bits = (random.normal() * 0.1).bitPattern
            return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
        case .bf16:
            let bits = (random.normal() * 0.1).bitPattern >> 16
            return [UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8)]
        case .f16:
            let half = scale(&random)
            return [UInt8(half & 255), UInt8(half >> 8)]
        default: break
        }
        let end: [UInt8] = [0x00, 0x7F, 0x80, 0xFF]
        var bytes = [UInt8](repeating: end[random.below(4)], count: format.blockBytes)
        if !extreme {
            for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: random.next() >> 20) }
        }
        for offset in scaleOffsets(format) {
            let half = scale(&random)
            bytes[offset] = UInt8(half & 255)
            bytes[offset + 1] = UInt8(half >> 8)
        }
        return bytes
    }

    /// Where a block keeps its half-precision numbers.
    private static func scaleOffsets(_ format: TensorFormat) -> [Int] {
        switch format {
        case .f32, .f16, .bf16: []
        case .q4_0, .q5_0, .q8_0: [0]
        case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
        case .q2_K: [80, 82]
        case .q3_K: [108]
        case .q6_K: [208]
        }
    }

    /// A half-precision number: mostly around 0.05, some zero, some subnormal.
    private static func scale(_ random: inout SeededRandom) -> UInt16 {
        switch random.below(16) {
        case 0: 0
        case 1: UInt16(1 + random.below(1023))
        default: Float16(random.normal() * 0.05).bitPattern
        }
    }
}
