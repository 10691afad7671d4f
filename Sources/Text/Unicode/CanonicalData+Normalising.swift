extension CanonicalData {
    /// Appends `text` in a normalisation form. Linear but for the sorting of long runs of combining marks.
    func append(_ text: UnsafeBufferPointer<UInt8>, in form: Normaliser.Form, to output: inout [UInt8]) {
        guard let base = text.baseAddress else { return }
        let unstable =
            switch form {
            case .nfc: unstableNFC
            case .nfd: unstableNFD
            case .nfkc: unstableNFKC
            case .nfkd: unstableNFKD
            }
        let composes = form == .nfc || form == .nfkc
        let decompositions = form == .nfc || form == .nfd ? canonical : compatible
        let count = text.count
        // `stable` is the start of the last scalar that is not copied yet and before which all is done.
        var copied = 0
        var stable = 0
        var position = 0
        while position < count {
            let scalar = decodeScalar(base, position, count)
            if !unstable.contains(scalar.value) {
                stable = position
                position += scalar.length
                continue
            }
            var scalars: [UInt32] = []
            var end = position
            var start = position
            if stable < position, stable >= copied {
                start = stable
                let first = decodeScalar(base, stable, position)
                if stable + first.length == position { decompose(first.value, decompositions, &scalars) } else { start = position }
            }
            while end < count {
                let next = decodeScalar(base, end, count)
                if !unstable.contains(next.value) { break }
                decompose(next.value, decompositions, &scalars)
                end += next.length
            }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: text[copied..<start]))
            reorder(&scalars)
            if composes { Self.compose(&scalars, compositions, classes) }
            for scalar in scalars { appendScalar(scalar, to: &output) }
            copied = end
            stable = end
            position = end
        }
        output.append(contentsOf: UnsafeBufferPointer(rebasing: text[copied..<count]))
    }

    private func decompose(_ value: UInt32, _ decompositions: [UInt32: [UInt32]], _ scalars: inout [UInt32]) {
        if (0xAC00..<0xD7A4).contains(value) {
            let index = value - 0xAC00
            scalars.append(0x1100 + index / 588)
            scalars.append(0x1161 + index % 588 / 28)
            if index % 28 > 0 { scalars.append(0x11A7 + index % 28) }
        } else if let mapping = decompositions[value] {
            scalars.append(contentsOf: mapping)
        } else {
            scalars.append(value)
        }
    }

    /// Canonical ordering: a stable sort of every run of combining marks by class.
    private func reorder(_ scalars: inout [UInt32]) {
        var start = 0
        while start < scalars.count {
            if classes[scalars[start]] == nil {
                start += 1
                continue
            }
            var end = start
            while end < scalars.count, classes[scalars[end]] != nil { end += 1 }
            if end - start > 1 {
                let ordered = scalars[start..<end].enumerated().sorted { a, b in
                    let (classA, classB) = (classes[a.element] ?? 0, classes[b.element] ?? 0)
                    return classA != classB ? classA < classB : a.offset < b.offset
                }
                scalars.replaceSubrange(start..<end, with: ordered.map(\.element))
            }
            start = end
        }
    }
}
