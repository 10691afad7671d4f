extension TemplateRuntime {
    /// `==`.
    func isEqual(_ left: PythonValue, _ right: PythonValue) throws(TemplateError) -> Bool {
        try spend(1)
        if let first = left.text, let second = right.text {
            try spend(min(first.bytes.count, second.bytes.count) / 64)
            return first == second
        }
        switch (left, right) {
        case (.undefined, .undefined), (.missing, .missing): return true
        case (.integer(let first), .integer(let second)): return first == second
        case (.integer(let first), .float(let second)), (.float(let second), .integer(let first)):
            return Int(exactly: second) == first
        case (.list(let first), .list(let second)), (.tuple(let first), .tuple(let second)):
            return try isEqual(first.items, second.items)
        case (.dictionary(let first), .dictionary(let second)):
            guard first.count == second.count else { return false }
            if first === second { return true }
            for (key, value) in zip(first.keys, first.values) {
                guard let other = second[try PythonKey(key)] else { return false }
                let equal = try nested { () throws(TemplateError) in try isSame(value, other) }
                if !equal { return false }
            }
            return true
        case (.range(let first), .range(let second)):
            return first.count == second.count
                && (first.count == 0 || first.start == second.start && (first.count == 1 || first.step == second.step))
        case (.view(let first), .view(let second)):
            guard first.kind != .values, second.kind != .values, first.dictionary.count == second.dictionary.count else { return false }
            for item in first.items where !(try contains(right, item)) { return false }
            return true
        default:
            if let first = left.double, let second = right.double { return first == second }
            return left.isIdentical(to: right)
        }
    }

    /// Equality within containers, which takes the same object as equal to itself.
    private func isSame(_ left: PythonValue, _ right: PythonValue) throws(TemplateError) -> Bool {
        switch (left, right) {
        case (.list(let first), .list(let second)) where first === second: true
        case (.dictionary(let first), .dictionary(let second)) where first === second: true
        default: try isEqual(left, right)
        }
    }

    private func isEqual(_ left: [PythonValue], _ right: [PythonValue]) throws(TemplateError) -> Bool {
        guard left.count == right.count else { return false }
        return try nested { () throws(TemplateError) -> Bool in
            for (first, second) in zip(left, right) where !(try isSame(first, second)) { return false }
            return true
        }
    }

    /// `<`, `<=`, `>` and `>=`.
    func isOrdered(_ left: PythonValue, _ right: PythonValue, _ operation: ComparisonOperation) throws(TemplateError) -> Bool {
        try spend(1)
        if case .undefined(let undefined) = left { throw undefined.error }
        if case .undefined(let undefined) = right { throw undefined.error }
        if let first = left.text, let second = right.text {
            try spend(min(first.bytes.count, second.bytes.count) / 64)
            return Self.holds(operation, first < second, first == second)
        }
        if let first = left.integer, let second = right.integer { return Self.holds(operation, first < second, first == second) }
        if let first = left.double, let second = right.double {
            if first.isNaN || second.isNaN { return false }
            return Self.holds(operation, first < second, first == second)
        }
        switch (left, right) {
        case (.list(let first), .list(let second)), (.tuple(let first), .tuple(let second)):
            return try nested { () throws(TemplateError) -> Bool in
                for (first, second) in zip(first.items, second.items) where !(try isSame(first, second)) {
                    return try isOrdered(first, second, operation)
                }
                return Self.holds(operation, first.items.count < second.items.count, first.items.count == second.items.count)
            }
        case (.view(let first), .view(let second)) where first.kind != .values && second.kind != .values:
            throw .runtime("comparing views of dictionaries is not supported")
        default:
            throw .runtime("'\(operation.rawValue)' not supported between '\(left.typeName)' and '\(right.typeName)'")
        }
    }

    private static func holds(_ operation: ComparisonOperation, _ isLess: Bool, _ isEqual: Bool) -> Bool {
        switch operation {
        case .less: isLess
        case .lessOrEqual: isLess || isEqual
        case .greater: !isLess && !isEqual
        default: !isLess
        }
    }

    /// `in`.
    func contains(_ container: PythonValue, _ value: PythonValue) throws(TemplateError) -> Bool {
        switch container {
        case .text(let text), .markup(let text):
            guard let needle = value.text else { throw .runtime("'in <string>' requires a string, not '\(value.typeName)'") }
            try spend(text.bytes.count / 16)
            return text.contains(needle)
        case .dictionary(let dictionary): return dictionary[try PythonKey(value)] != nil
        case .view(let view) where view.kind == .keys: return view.dictionary[try PythonKey(value)] != nil
        case .view(let view) where view.kind == .items:
            guard case .tuple(let pair) = value, pair.items.count == 2 else { return false }
            guard let found = view.dictionary[try PythonKey(pair.items[0])] else { return false }
            return try isSame(found, pair.items[1])
        case .range(let range):
            guard let number = value.integer ?? value.double.flatMap({ Int(exactly: $0) }), range.count > 0 else { return false }
            let (offset, overflow) = number.subtractingReportingOverflow(range.start)
            return !overflow && offset % range.step == 0 && (0..<range.count).contains(offset / range.step)
        case .list(let list), .tuple(let list):
            for item in list.items where try isSame(item, value) { return true }
            return false
        case .view, .undefined:
            for item in try elements(of: container) where try isSame(item, value) { return true }
            return false
        case .iterator, .loop:
            let iterator = try iterator(over: container)
            while let item = try iterator.next() { if try isSame(item, value) { return true } }
            return false
        default: throw .runtime("argument of type '\(container.typeName)' is not iterable")
        }
    }

    /// Sorts by keys, stably, in ascending order or in descending order with equal elements still in their order.
    func sorted(
        _ items: [PythonValue], by keys: [PythonValue], descending: Bool = false
    ) throws(TemplateError) -> [PythonValue] {
        guard items.count > 1 else { return items }
        try allocateList(items.count * 2)
        var order = Array(items.indices)
        var spare = order
        var width = 1
        while width < order.count {
            var start = 0
            while start < order.count {
                let middle = min(start + width, order.count)
                let end = min(start + 2 * width, order.count)
                var (left, right) = (start, middle)
                for position in start..<end {
                    let takesRight: Bool
                    if left >= middle {
                        takesRight = true
                    } else if right >= end {
                        takesRight = false
                    } else {
                        let (first, second) = (keys[order[left]], keys[order[right]])
                        takesRight = try descending ? isOrdered(first, second, .less) : isOrdered(second, first, .less)
                    }
                    spare[position] = takesRight ? order[right] : order[left]
                    if takesRight { right += 1 } else { left += 1 }
                }
                start = end
            }
            swap(&order, &spare)
            width *= 2
        }
        return order.map { items[$0] }
    }
}
