/// Finds a plan's devices (or memories) of one kind in one machine among those that are there.
struct BindingPlaces {
    /// For messages: what is looked for, and the machine's name.
    let what: String
    let machine: String
    /// Keys by order are this and a number.
    let prefix: String
    let wanted: [String]
    let there: [String]
    let names: [String]

    /// For each of `wanted` its place in `there`; no place twice.
    func found() throws(BindingError) -> [Int] {
        var places: [Int?] = Array(repeating: nil, count: wanted.count)
        var taken: Set<Int> = []
        for (index, key) in wanted.enumerated() {
            let candidates = there.indices.filter { there[$0] == key }
            guard candidates.count <= 1 else { throw failure("is \(quote(key)) twice", candidates) }
            guard let place = candidates.first else { continue }
            guard taken.insert(place).inserted else {
                throw BindingError("the plan names \(what) \(quote(key)) of machine \(machine) twice")
            }
            places[index] = place
        }
        for (index, key) in wanted.enumerated() where places[index] == nil {
            guard let place = ordinal(key), there.indices.contains(place), taken.insert(place).inserted else { continue }
            places[index] = place
        }
        let left = places.indices.filter { places[$0] == nil }, free = there.indices.filter { !taken.contains($0) }
        guard left.count <= free.count else {
            throw BindingError(
                "the plan uses \(what) \(left.map { quote(wanted[$0]) }.joined(separator: ", ")) of machine \(machine), "
                    + "which is not there: plan again"
            )
        }
        guard left.isEmpty || left.count == free.count else {
            throw failure("could be any of these for the plan's \(left.map { quote(wanted[$0]) }.joined(separator: ", "))", free)
        }
        for (index, place) in zip(left, free) { places[index] = place }
        return places.compactMap { $0 }
    }

    private func failure(_ reason: String, _ candidates: [Int]) -> BindingError {
        let listed = candidates.prefix(16).map { "\(quote(there[$0])) (\(names[$0].prefix(60)))" }.joined(separator: ", ")
        return BindingError("a \(what) of machine \(machine) \(reason): \(listed); plan again with a profile whose devices have keys")
    }

    private func quote(_ key: String) -> String { "'\(key.prefix(60))'" }

    /// 1 for `gpu1`.
    private func ordinal(_ key: String) -> Int? {
        guard key.hasPrefix(prefix) else { return nil }
        let digits = key.dropFirst(prefix.count)
        return digits.isEmpty || digits.count > 4 || !digits.allSatisfy(\.isNumber) ? nil : Int(digits)
    }
}
