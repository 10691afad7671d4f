/// Pieces by id and ids by piece, over one block of bytes.
///
/// Open addressing; a place holds 32 bits of the hash beside the id, so that a search rarely touches another piece's bytes. Of equal pieces
/// the first id is found.
struct PieceTable: Sendable {
    private(set) var bytes: [UInt8] = []
    /// `count + 1` offsets into `bytes`.
    private(set) var offsets: [UInt32] = [0]
    private var places: [UInt64]
    private let mask: Int
    private let seed: UInt64

    /// Enters all pieces; an empty piece takes an id but is never found.
    init(_ pieces: [String]) throws(TokenizerError) {
        var size = 16
        while size < pieces.count * 2 { size *= 2 }
        places = [UInt64](repeating: 0, count: size)
        mask = size - 1
        seed = UInt64.random(in: .min ... .max)
        var total = 0
        for piece in pieces { total += piece.utf8.count }
        guard total < Int(UInt32.max), pieces.count < Int(Int32.max) / 2 else {
            throw TokenizerError("the vocabulary is larger than 4 GiB")
        }
        bytes.reserveCapacity(total)
        offsets.reserveCapacity(pieces.count + 1)
        for (id, piece) in pieces.enumerated() {
            var piece = piece
            piece.withUTF8 { utf8 in
                bytes.append(contentsOf: utf8)
                enter(UInt32(truncatingIfNeeded: id), utf8)
            }
            offsets.append(UInt32(truncatingIfNeeded: bytes.count))
        }
    }

    var count: Int { offsets.count - 1 }

    private mutating func enter(_ id: UInt32, _ piece: UnsafeBufferPointer<UInt8>) {
        if piece.isEmpty { return }
        let hash = Self.hash(piece, seed)
        var place = Int(truncatingIfNeeded: hash >> 32) & mask
        while places[place] != 0 {
            if UInt32(truncatingIfNeeded: places[place] >> 32) == UInt32(truncatingIfNeeded: hash),
                isPiece(Int(UInt32(truncatingIfNeeded: places[place])) - 1, piece)
            {
                return
            }
            place = (place + 1) & mask
        }
        places[place] = hash << 32 | UInt64(id + 1)
    }

    /// The id of a piece, or -1.
    func id(of piece: UnsafeBufferPointer<UInt8>) -> Int32 {
        if piece.isEmpty { return -1 }
        let hash = Self.hash(piece, seed)
        var place = Int(truncatingIfNeeded: hash >> 32) & mask
        while places[place] != 0 {
            if UInt32(truncatingIfNeeded: places[place] >> 32) == UInt32(truncatingIfNeeded: hash) {
                let id = Int(UInt32(truncatingIfNeeded: places[place])) - 1
                if isPiece(id, piece) { return Int32(truncatingIfNeeded: id) }
            }
            place = (place + 1) & mask
        }
        return -1
    }

    func id(of piece: String) -> Int32? {
        var piece = piece
        let id = piece.withUTF8 { self.id(of: $0) }
        return id < 0 ? nil : id
    }

    /// Calls `body` with the bytes of a piece.
    @inline(__always)
    func withPiece<Result>(_ id: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBufferPointer { bytes in
            try body(UnsafeBufferPointer(rebasing: bytes[Int(offsets[id])..<Int(offsets[id + 1])]))
        }
    }

    @inline(__always)
    private func isPiece(_ id: Int, _ piece: UnsafeBufferPointer<UInt8>) -> Bool {
        // While a table is built the offset after the newest piece is missing; no piece is compared with itself then.
        let start = Int(offsets[id])
        guard Int(offsets[id + 1]) - start == piece.count else { return false }
        return bytes.withUnsafeBufferPointer { bytes in
            for index in 0..<piece.count where bytes[start + index] != piece[index] { return false }
            return true
        }
    }

    /// Eight bytes at a time, multiplied and folded.
    @inline(__always)
    private static func hash(_ piece: UnsafeBufferPointer<UInt8>, _ seed: UInt64) -> UInt64 {
        var state = seed ^ UInt64(truncatingIfNeeded: piece.count)
        let raw = UnsafeRawBufferPointer(piece)
        var position = 0
        while position + 8 <= raw.count {
            state = mix(state ^ raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            position += 8
        }
        var last: UInt64 = 0
        while position < raw.count {
            last = last << 8 | UInt64(raw[position])
            position += 1
        }
        return mix(state ^ last ^ 0x9E37_79B9_7F4A_7C15)
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        return product.high ^ product.low
    }
}
