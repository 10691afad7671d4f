/// The K-quants: blocks of 256 whose parts of 16 or 32 elements have small scales of their own, multiplied by the block's.
extension Block {
    /// 16 bytes of scale (low nibble) and minimum (high nibble) per 16 elements, 64 bytes of 2-bit values, scale, scale of the minimums.
    ///
    /// Each half of 128 elements has 32 bytes; element e of it is in byte e % 32 at bit 2 (e / 32).
    func q2_K(_ values: UnsafeMutableBufferPointer<Float>) {
        let scale = half(at: 80)
        let minimumScale = half(at: 82)
        for element in 0..<256 {
            let part = byte(element / 16)
            let value = byte(16 + element / 128 * 32 + element % 32) >> (element % 128 / 32 * 2) & 3
            values[element] = scale * Float(part & 15) * Float(value) - minimumScale * Float(part >> 4)
        }
    }

    /// 32 bytes of third bits (element e's is bit e / 32 of byte e % 32), 64 bytes of 2-bit values as in Q2_K, 12 bytes of scales, scale.
    ///
    /// A third bit of 0 subtracts 4. The 6-bit scale of part p (of 16 elements) has its low four bits in a nibble of bytes 0-7 (the low
    /// nibbles first), its high two in byte 8 + p % 4 at bit 2 (p / 4); it is stored with 32 added.
    func q3_K(_ values: UnsafeMutableBufferPointer<Float>) {
        let scale = half(at: 108)
        for element in 0..<256 {
            let part = element / 16
            let low = byte(96 + part % 8) >> (part / 8 * 4) & 15
            let high = byte(104 + part % 4) >> (part / 4 * 2) & 3
            let third = byte(element % 32) >> (element / 32) & 1
            let value = byte(32 + element / 128 * 32 + element % 32) >> (element % 128 / 32 * 2) & 3
            values[element] = scale * Float((low | high << 4) - 32) * Float(value - (third == 0 ? 4 : 0))
        }
    }

    /// scale, scale of the minimums, 12 bytes of scales and minimums, 128 bytes of nibbles.
    ///
    /// Each 64 elements have 32 bytes: the low nibbles are the first 32 elements.
    func q4_K(_ values: UnsafeMutableBufferPointer<Float>) {
        let scale = half(at: 0)
        let minimumScale = half(at: 2)
        for element in 0..<256 {
            let part = element / 32
            let value = byte(16 + element / 64 * 32 + element % 32) >> (part % 2 * 4) & 15
            values[element] = scale * Float(partScale(part)) * Float(value) - minimumScale * Float(partMinimum(part))
        }
    }

    /// As Q4_K, with 32 bytes of fifth bits before the nibbles: element e's is bit e / 32 of byte e % 32.
    func q5_K(_ values: UnsafeMutableBufferPointer<Float>) {
        let scale = half(at: 0)
        let minimumScale = half(at: 2)
        for element in 0..<256 {
            let part = element / 32
            let fifth = byte(16 + element % 32) >> part & 1
            let value = byte(48 + element / 64 * 32 + element % 32) >> (part % 2 * 4) & 15 | fifth << 4
            values[element] = scale * Float(partScale(part)) * Float(value) - minimumScale * Float(partMinimum(part))
        }
    }

    /// 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales (per 16 elements), scale. Values are stored with 32 added.
    ///
    /// In each half of 128 elements, element e has its low nibble in byte e % 64 of 64 (the low nibbles are the first 64 elements) and its
    /// high bits in byte e % 32 of 32 at bit 2 (e / 32).
    func q6_K(_ values: UnsafeMutableBufferPointer<Float>) {
        let scale = half(at: 208)
        for element in 0..<256 {
            let half = element / 128
            let within = element % 128
            let low = byte(half * 64 + within % 64) >> (within / 64 * 4) & 15
            let high = byte(128 + half * 32 + within % 32) >> (within / 32 * 2) & 3
            values[element] = scale * Float(signedByte(192 + element / 16)) * Float((low | high << 4) - 32)
        }
    }

    /// The 6-bit scale of part 0-7 of Q4_K and Q5_K: bytes 0-3 hold the first four; the others have four bits in bytes 8-11 and two
    /// above the first ones'.
    private func partScale(_ part: Int) -> Int {
        part < 4 ? byte(4 + part) & 63 : byte(8 + part) & 15 | (byte(part) >> 6) << 4
    }

    /// The 6-bit minimum of part 0-7, likewise from bytes 4-7 and 8-11.
    private func partMinimum(_ part: Int) -> Int {
        part < 4 ? byte(8 + part) & 63 : byte(8 + part) >> 4 | (byte(4 + part) >> 6) << 4
    }
}
