/// The members of a JSON object, in the order they were written.
///
/// Keys are unique by their bytes; of duplicate keys the last value wins and the first place is kept. Up to eight members are searched
/// one by one; more get a hash table, so that a lookup takes constant time in a vocabulary of 100,000 entries too.
public struct JSONObject: Sendable {
    public typealias Element = (key: String, value: JSON)

    private static let linearLimit = 8

    private var members: [Element]
    /// Open addressing: a power of two of places, each the number of a member or -1. Empty up to `linearLimit` members.
    private var table: [Int32] = []

    public init() {
        members = []
    }

    /// Collects members in order; of duplicate keys the last value wins.
    public init(_ elements: [Element]) {
        members = elements
        removeDuplicates()
    }

    public var isEmpty: Bool { members.isEmpty }
    public var count: Int { members.count }
    public var keys: some RandomAccessCollection<String> { members.lazy.map { $0.key } }
    public var values: some RandomAccessCollection<JSON> { members.lazy.map { $0.value } }

    /// The value of `key`. Setting a value replaces in place or appends; setting nil removes, in linear time.
    public subscript(key: String) -> JSON? {
        get { position(of: key).map { members[$0].value } }
        set {
            switch (position(of: key), newValue) {
            case (let position?, let value?):
                members[position].value = value
            case (let position?, nil):
                members.remove(at: position)
                rebuildTable()
            case (nil, let value?):
                members.append((key: key, value: value))
                if members.count > Self.linearLimit {
                    if members.count * 2 > table.count { rebuildTable() } else { enter(members.count - 1) }
                }
            case (nil, nil):
                break
            }
        }
    }

    private func position(of key: String) -> Int? {
        if table.isEmpty {
            return members.firstIndex { sameBytes($0.key, key) }
        }
        let mask = table.count - 1
        var place = Self.hash(key) & mask
        while table[place] >= 0 {
            let position = Int(table[place])
            if sameBytes(members[position].key, key) { return position }
            place = (place + 1) & mask
        }
        return nil
    }

    private mutating func removeDuplicates() {
        if members.count <= Self.linearLimit {
            var kept = 0
            for index in members.indices {
                let member = members[index]
                if let earlier = members[..<kept].firstIndex(where: { sameBytes($0.key, member.key) }) {
                    members[earlier].value = member.value
                } else {
                    members[kept] = member
                    kept += 1
                }
            }
            members.removeSubrange(kept...)
            return
        }
        table = Self.emptyTable(for: members.count)
        var kept = 0
        for index in members.indices {
            if let earlier = position(of: members[index].key) {
                members[earlier].value = members[index].value
            } else {
                if kept != index { members[kept] = members[index] }
                enter(kept)
                kept += 1
            }
        }
        members.removeSubrange(kept...)
        if kept <= Self.linearLimit { table = [] }
    }

    private mutating func rebuildTable() {
        table = []
        guard members.count > Self.linearLimit else { return }
        table = Self.emptyTable(for: members.count)
        for index in members.indices { enter(index) }
    }

    /// Room for `count` members at a load of at most a half, and as many again.
    private static func emptyTable(for count: Int) -> [Int32] {
        var size = 32
        while size < count * 2 { size *= 2 }
        return [Int32](repeating: -1, count: size)
    }

    private mutating func enter(_ position: Int) {
        let mask = table.count - 1
        var place = Self.hash(members[position].key) & mask
        while table[place] >= 0 { place = (place + 1) & mask }
        table[place] = Int32(truncatingIfNeeded: position)
    }

    /// Seeded per process, so that hostile keys cannot be chosen to collide.
    private static func hash(_ key: String) -> Int {
        var hasher = Hasher()
        var key = key
        key.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        return hasher.finalize()
    }
}

extension JSONObject: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { members.count }
    /// The member at a position.
    public subscript(position: Int) -> Element { members[position] }
}

extension JSONObject: Equatable {
    /// Equal members in any order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.allSatisfy { member in right[member.key] == member.value }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self.init(elements.map { (key: $0.0, value: $0.1) })
    }
}
