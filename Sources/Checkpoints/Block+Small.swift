/// Blocks of 32: one scale, and a minimum in the `_1` formats.
extension Block {
    /// scale, 16 bytes of two nibbles: the low ones are elements 0-15, the high ones 16-31.
    func q4_0(_ values: UnsafeMutableBufferPointer<Float>) {
        let scale = half(at: 0)
        for index in 0..<16 {
            values[index] = Float((byte(2 + index) & 15) - 8) * scale
            values[index + 16] = Float((byte(2 + index) >> 4) - 8) * scale
        }
    }

    /// scale, minimum, nibbles.
    func q4_1(_ values: UnsafeMutableBufferPointer<Float>) {
        let scale = half(at: 0)
        let minimum = half(at: 2)
        for index in 0..<16 {
            values[index] = Float(byte(4 + index) & 15) * scale + minimum
            values[index + 16] = Float(byte(4 + index) >> 4) * scale + minimum
        }
    }

    /// scale, 32 fifth bits (bit i of the little-endian word is element i's), nibbles.
    func q5_0(_ values: UnsafeMutableBufferPointer<Float>) {
        let scale = half(at: 0)
        for index in 0..<16 {
            values[index] = Float((byte(6 + index) & 15 | fifthBit(index, at: 2)) - 16) * scale
            values[index + 16] = Float((byte(6 + index) >> 4 | fifthBit(index + 16, at: 2)) - 16) * scale
        }
    }

    /// scale, minimum, 32 fifth bits, nibbles.
    func q5_1(_ values: UnsafeMutableBufferPointer<Float>) {
        let scale = half(at: 0)
        let minimum = half(at: 2)
        for index in 0..<16 {
            values[index] = Float(byte(8 + index) & 15 | fifthBit(index, at: 4)) * scale + minimum
            values[index + 16] = Float(byte(8 + index) >> 4 | fifthBit(index + 16, at: 4)) * scale + minimum
        }
    }

    /// scale, 32 signed bytes.
    func q8_0(_ values: UnsafeMutableBufferPointer<Float>) {
        let scale = half(at: 0)
        for index in 0..<32 { values[index] = Float(signedByte(2 + index)) * scale }
    }

    /// Bit `element` of the word at `offset`, as the value 16 or 0.
    private func fifthBit(_ element: Int, at offset: Int) -> Int {
        (byte(offset + element / 8) >> (element % 8) & 1) << 4
    }
}
