/// Which line a `custom_id` is that of, without keeping the ids: 128 bits of each, from a hash seeded anew in every process, so that no two
/// ids that anybody can think of are taken for one.
///
/// About 24 bytes per line. Adding and finding take constant time.
struct CustomIDTable: Sendable {
    private struct Key: Equatable {
        var first: Int
        var second: Int

        init(_ id: String) {
            var id = id
            (first, second) = id.withUTF8 { bytes in
                var one = Hasher(), two = Hasher()
                two.combine(0x5EED)
                one.combine(bytes: UnsafeRawBufferPointer(bytes))
                two.combine(bytes: UnsafeRawBufferPointer(bytes))
                return (one.finalize(), two.finalize())
            }
        }
    }

    private var keys: [Key] = []
    /// Open addressing: a power of two of places, each a line's index or -1.
    private var places = [Int32](repeating: -1, count: 64)

    var count: Int { keys.count }

    /// The index of the id's line.
    func find(_ id: String) -> Int? {
        let index = places[place(of: Key(id))]
        return index >= 0 ? Int(index) : nil
    }

    /// Adds the next line; the index of the one that has this id already, which then stays the only one, or nil.
    mutating func add(_ id: String) -> Int? {
        let key = Key(id), place = place(of: key)
        if places[place] >= 0 { return Int(places[place]) }
        places[place] = Int32(keys.count)
        keys.append(key)
        if keys.count * 2 > places.count { grow() }
        return nil
    }

    /// Where the key is, or where it belongs.
    private func place(of key: Key) -> Int {
        var place = key.first & (places.count - 1)
        while places[place] >= 0, keys[Int(places[place])] != key { place = (place + 1) & (places.count - 1) }
        return place
    }

    private mutating func grow() {
        places = [Int32](repeating: -1, count: places.count * 2)
        for index in keys.indices { places[place(of: keys[index])] = Int32(index) }
    }
}
