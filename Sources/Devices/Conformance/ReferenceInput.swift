import CKernels

/// Input vectors as a product sees them: rounded to 8 bits with a scale per block, or to bfloat16.
struct ReferenceInput {
    /// The rounded values.
    var values: [Double]
    /// How far rounding may have moved each.
    var errors: [Double]

    init(_ row: ArraySlice<Float>, kind: mk_input) {
        values = []
        errors = []
        values.reserveCapacity(row.count)
        errors.reserveCapacity(row.count)
        switch kind {
        case MK_INPUT_F32:
            for x in row {
                values.append(Double(x))
                errors.append(0)
            }
        case MK_INPUT_BF16:
            for x in row {
                values.append(Double(Self.bfloat(x)))
                errors.append(abs(Double(x)) / 256 + 1e-40)
            }
        default:
            let size = kind == MK_INPUT_Q32 ? 32 : 256
            var start = row.startIndex
            while start < row.endIndex {
                Self.quantise(row[start..<min(start + size, row.endIndex)], into: &values, &errors)
                start += size
            }
        }
    }

    /// Scale = largest / 127; values are rounded to whole multiples, halves to even. A block too small for a scale is zero.
    static func quantise(_ block: ArraySlice<Float>, into values: inout [Double], _ errors: inout [Double]) {
        let top = block.reduce(Float(0)) { max($0, abs($1)) }
        var inverse = top > 0 ? 127 / top : 0
        if !(inverse < 3e38) { inverse = 0 }
        let scale = inverse > 0 ? top / 127 : 0
        for x in block {
            values.append(Double(scale) * Double((x * inverse).rounded(.toNearestOrEven)))
            errors.append(inverse > 0 ? Double(scale) * 0.501 : Double(top))
        }
    }

    /// The nearest bfloat16, halves to even.
    static func bfloat(_ x: Float) -> Float {
        let bits = x.bitPattern
        return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
    }
}
