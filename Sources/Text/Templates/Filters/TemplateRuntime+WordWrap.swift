extension TemplateRuntime {
    /// The filter `wordwrap`: breaks each line at white space and after hyphens, as Python's `textwrap` does.
    func wrapWords(_ value: PythonValue, _ arguments: TemplateValues) throws(TemplateError) -> PythonText {
        let bound = try arguments.bind("wordwrap", ["width", "break_long_words", "wrapstring", "break_on_hyphens"])
        let width = try bound[0].map { value throws(TemplateError) in try requiredInteger(value) } ?? 79
        let breaksWords = try flag(bound[1], true)
        let separator = try bound[2].flatMap { $0.isNone ? nil : $0 }.map { value throws(TemplateError) in try requiredText(value) } ?? "\n"
        let breaksHyphens = try flag(bound[3], true)
        guard let text = value.text else { throw .runtime("can only wrap a string, not '\(value.typeName)'") }
        guard width > 0 else { throw .runtime("invalid width \(width) (must be > 0)") }
        var paragraphs: [PythonText] = []
        for line in text.lines() {
            try spend(1 + line.bytes.count)
            let chunks = Self.chunks(line.scalars, breaksHyphens)
            paragraphs.append(try join(Self.wrap(chunks, width, breaksWords, breaksHyphens), with: separator))
        }
        return try join(paragraphs, with: separator)
    }

    private typealias Chunk = [Unicode.Scalar]

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09...0x0D, 0x20: true
        default: false
        }
    }

    /// Words, runs of white space, and pieces of words that end in a hyphen or are a dash.
    private static func chunks(_ line: [Unicode.Scalar], _ breaksHyphens: Bool) -> [Chunk] {
        var result: [Chunk] = []
        var index = 0
        while index < line.count {
            let start = index
            let isSpace = isSpace(line[index])
            while index < line.count, Self.isSpace(line[index]) == isSpace { index += 1 }
            if isSpace || !breaksHyphens {
                result.append(Array(line[start..<index]))
            } else {
                result.append(contentsOf: hyphenated(Array(line[start..<index])))
            }
        }
        return result
    }

    /// Splits a word after hyphens between letters, and around dashes of two hyphens or more.
    private static func hyphenated(_ word: Chunk) -> [Chunk] {
        func isLetter(_ index: Int) -> Bool {
            word.indices.contains(index) && word[index].isPythonWord && !word[index].isPythonDecimal
        }
        func isWordPunctuation(_ index: Int) -> Bool {
            guard word.indices.contains(index) else { return false }
            return word[index].isPythonWord || "!\"'&.,?".unicodeScalars.contains(word[index])
        }
        var pieces: [Chunk] = []
        var piece: Chunk = []
        var index = 0
        while index < word.count {
            guard word[index] == "-" else {
                piece.append(word[index])
                index += 1
                continue
            }
            var end = index
            while end < word.count, word[end] == "-" { end += 1 }
            if end - index >= 2, isWordPunctuation(index - 1), end < word.count, word[end].isPythonWord {
                if !piece.isEmpty { pieces.append(piece) }
                pieces.append(Array(word[index..<end]))
                piece = []
                index = end
                continue
            }
            piece.append(contentsOf: word[index..<end])
            let letters = isLetter(index - 1) && (isLetter(index - 2) || index >= 3 && word[index - 2] == "-" && isLetter(index - 3))
            if end == index + 1, letters, isLetter(end),
                isLetter(end + 1) || end + 2 < word.count && word[end + 1] == "-" && isLetter(end + 2)
            {
                pieces.append(piece)
                piece = []
            }
            index = end
        }
        if !piece.isEmpty { pieces.append(piece) }
        return pieces
    }

    private static func wrap(_ chunks: [Chunk], _ width: Int, _ breaksWords: Bool, _ breaksHyphens: Bool) -> [PythonText] {
        var lines: [PythonText] = []
        var rest = Array(chunks.reversed())
        while !rest.isEmpty {
            var line: [Chunk] = []
            var length = 0
            if !lines.isEmpty, let chunk = rest.last, chunk.allSatisfy(isSpace) { rest.removeLast() }
            while let chunk = rest.last, length + chunk.count <= width {
                length += chunk.count
                line.append(chunk)
                rest.removeLast()
            }
            if let chunk = rest.last, chunk.count > width {
                let room = width < 1 ? 1 : width - length
                if breaksWords {
                    var end = room
                    if breaksHyphens, chunk.count > room, let hyphen = chunk[..<room].lastIndex(of: "-"), hyphen > 0,
                        chunk[..<hyphen].contains(where: { $0 != "-" })
                    {
                        end = hyphen + 1
                    }
                    line.append(Array(chunk[..<end]))
                    rest[rest.count - 1] = Array(chunk[end...])
                } else if line.isEmpty {
                    line.append(chunk)
                    rest.removeLast()
                }
            }
            if let last = line.last, last.allSatisfy(isSpace) { line.removeLast() }
            if !line.isEmpty { lines.append(PythonText(line.joined())) }
        }
        return lines
    }
}
