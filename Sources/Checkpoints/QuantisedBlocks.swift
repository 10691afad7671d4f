/// The scalar reference for every `TensorFormat`: stored bytes to single-precision values. Layouts: docs/formats.md.
///
/// Written to be read; tests measure the kernels against it, and it serves where speed does not matter.
public enum QuantisedBlocks {
    /// The values of whole blocks.
    /// - Precondition: `bytes` holds exactly `values.count` elements of `format`. Neither needs any alignment beyond its own type's.
    public static func dequantise(_ bytes: UnsafeRawBufferPointer, format: TensorFormat, into values: UnsafeMutableBufferPointer<Float>) {
        precondition(format.byteCount(elements: values.count) == bytes.count, "bytes and elements of \(format.name) do not match")
        let blocks = values.count / format.blockElements
        for block in 0..<blocks {
            let stored = Block(bytes: UnsafeRawBufferPointer(rebasing: bytes[block * format.blockBytes..<(block + 1) * format.blockBytes]))
            let range = block * format.blockElements..<(block + 1) * format.blockElements
            stored.dequantise(format, into: UnsafeMutableBufferPointer(rebasing: values[range]))
        }
    }

    /// The values of whole blocks as an array; nil where `bytes` is not a whole number of blocks.
    public static func dequantise(_ bytes: UnsafeRawBufferPointer, format: TensorFormat) -> [Float]? {
        guard bytes.count % format.blockBytes == 0 else { return nil }
        let count = bytes.count / format.blockBytes * format.blockElements
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialised in
            buffer.initialize(repeating: 0)
            dequantise(bytes, format: format, into: buffer)
            initialised = count
        }
    }
}

/// The bytes of one block.
struct Block {
    let bytes: UnsafeRawBufferPointer

    func dequantise(_ format: TensorFormat, into values: UnsafeMutableBufferPointer<Float>) {
        switch format {
        case .f32: values[0] = Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
        case .f16: values[0] = half(at: 0)
        case .bf16: values[0] = Float(bitPattern: UInt32(UInt16(littleEndian: bytes.loadUnaligned(as: UInt16.self))) << 16)
        case .q4_0: q4_0(values)
        case .q4_1: q4_1(values)
        case .q5_0: q5_0(values)
        case .q5_1: q5_1(values)
        case .q8_0: q8_0(values)
        case .q2_K: q2_K(values)
        case .q3_K: q3_K(values)
        case .q4_K: q4_K(values)
        case .q5_K: q5_K(values)
        case .q6_K: q6_K(values)
        }
    }

    /// The half-precision number at a byte offset.
    func half(at offset: Int) -> Float {
        Float(Float16(bitPattern: UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))))
    }

    /// The unsigned byte at an offset.
    func byte(_ offset: Int) -> Int { Int(bytes[offset]) }

    /// The signed byte at an offset.
    func signedByte(_ offset: Int) -> Int { Int(Int8(bitPattern: bytes[offset])) }
}
