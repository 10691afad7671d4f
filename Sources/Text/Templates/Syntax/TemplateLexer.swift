/// Splits a template's source into tokens: text outside the tags, with the white space that tags ask to be removed gone, and what is
/// in the tags.
///
/// Follows jinja2 with `trim_blocks` and `lstrip_blocks` set: a newline after a block or comment is dropped, as is white space from
/// the start of a line to a block or comment; `-` next to a delimiter strips all white space on that side, `+` keeps it.
struct TemplateLexer {
    let source: [UInt8]
    var position = 0
    var line = 1
    /// Whether what was read last ended a line.
    var isLineStart = true
    var tokens: [TemplateToken] = []
    /// Closing brackets still to come in the current tag.
    var brackets: [UInt8] = []

    init(_ text: String) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var afterReturn = false
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\n"), afterReturn {
                afterReturn = false
                continue
            }
            afterReturn = byte == UInt8(ascii: "\r")
            bytes.append(afterReturn ? UInt8(ascii: "\n") : byte)
        }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        source = bytes
    }

    static func tokens(of text: String) throws(TemplateError) -> [TemplateToken] {
        var lexer = TemplateLexer(text)
        try lexer.readAll()
        lexer.tokens.append(TemplateToken(kind: .end, line: lexer.line))
        return lexer.tokens
    }

    private mutating func readAll() throws(TemplateError) {
        while position < source.count {
            guard let opening = nextOpening() else {
                emitData(source[position...], lineBreaks: 0)
                position = source.count
                return
            }
            try read(opening)
        }
    }

    private enum Tag { case block, variable, comment, raw }

    private struct Opening {
        let tag: Tag
        let start: Int
        let end: Int
        /// `-`, `+` or 0.
        let sign: UInt8
    }

    private func nextOpening() -> Opening? {
        var index = position
        while index + 1 < source.count {
            guard source[index] == UInt8(ascii: "{") else {
                index += 1
                continue
            }
            let tag: Tag
            switch source[index + 1] {
            case UInt8(ascii: "%"): tag = .block
            case UInt8(ascii: "{"): tag = .variable
            case UInt8(ascii: "#"): tag = .comment
            default:
                index += 1
                continue
            }
            let sign = sign(at: index + 2)
            let end = sign == 0 ? index + 2 : index + 3
            if tag == .block, let rawEnd = rawOpeningEnd(from: end) {
                return Opening(tag: .raw, start: index, end: rawEnd, sign: sign)
            }
            return Opening(tag: tag, start: index, end: end, sign: sign)
        }
        return nil
    }

    private func sign(at index: Int) -> UInt8 {
        guard index < source.count, source[index] == UInt8(ascii: "-") || source[index] == UInt8(ascii: "+") else { return 0 }
        return source[index]
    }

    /// Where a `{% raw %}` that started before `index` ends, if it is one.
    private func rawOpeningEnd(from index: Int) -> Int? {
        var index = skipSpace(index)
        guard has("raw", at: index) else { return nil }
        index = skipSpace(index + 3)
        if has("-%}", at: index) { return skipSpace(index + 3) }
        return has("%}", at: index) ? index + 2 : nil
    }

    private mutating func read(_ opening: Opening) throws(TemplateError) {
        let text = source[position..<opening.start]
        emitStripped(text, sign: opening.sign, isVariable: opening.tag == .variable)
        let beginLine = line
        line += newlines(in: opening.start..<opening.end)
        isLineStart = source[opening.end - 1] == UInt8(ascii: "\n")
        position = opening.end
        switch opening.tag {
        case .block:
            tokens.append(TemplateToken(kind: .blockBegin, line: beginLine))
            try readTag(isBlock: true)
        case .variable:
            tokens.append(TemplateToken(kind: .variableBegin, line: beginLine))
            try readTag(isBlock: false)
        case .comment: try readComment()
        case .raw: try readRaw()
        }
    }

    /// Emits the text before a tag without the white space that the tag's sign, or its being a block at the start of a line, removes.
    private mutating func emitStripped(_ text: ArraySlice<UInt8>, sign: UInt8, isVariable: Bool) {
        if sign == UInt8(ascii: "-") {
            var end = text.endIndex
            while end > text.startIndex {
                let before = source.scalarStart(before: end)
                guard source.scalar(at: before).0.isPythonSpace else { break }
                end = before
            }
            emitData(source[text.startIndex..<end], lineBreaks: newlines(in: end..<text.endIndex))
            return
        }
        if sign != UInt8(ascii: "+"), !isVariable {
            let lineStart = text.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? text.startIndex
            if lineStart > text.startIndex || isLineStart, lineStart < text.endIndex, skipSpace(lineStart) >= text.endIndex {
                emitData(source[text.startIndex..<lineStart], lineBreaks: 0)
                return
            }
        }
        emitData(text, lineBreaks: 0)
    }

    private mutating func emitData(_ text: ArraySlice<UInt8>, lineBreaks: Int) {
        if !text.isEmpty { tokens.append(TemplateToken(kind: .data(PythonText(text)), line: line)) }
        line += newlines(in: text.startIndex..<text.endIndex) + lineBreaks
    }

    private mutating func readComment() throws(TemplateError) {
        guard position < source.count else { return }
        var index = position
        while index < source.count {
            if let end = closing("#}", at: index, trimsNewline: true) {
                finishTag(at: end)
                return
            }
            index += 1
        }
        throw TemplateError(.syntax, "missing end of comment tag '#}'", line: line)
    }

    private mutating func readRaw() throws(TemplateError) {
        guard position < source.count else { return }
        var index = position
        while index + 1 < source.count {
            if has("{%", at: index) {
                let sign = sign(at: index + 2)
                let name = skipSpace(sign == 0 ? index + 2 : index + 3)
                if has("endraw", at: name), let end = closing("%}", at: skipSpace(name + 6), trimsNewline: true) {
                    emitStripped(source[position..<index], sign: sign, isVariable: false)
                    position = index
                    finishTag(at: end)
                    return
                }
            }
            index += 1
        }
        throw TemplateError(.syntax, "missing end of raw directive '{% endraw %}'", line: line)
    }

    /// Where a closing delimiter at `index`, signed or not, ends together with the white space it removes.
    func closing(_ delimiter: StaticString, at index: Int, trimsNewline: Bool) -> Int? {
        if has(delimiter, at: index) {
            let end = index + 2
            return trimsNewline && end < source.count && source[end] == UInt8(ascii: "\n") ? end + 1 : end
        }
        guard index < source.count else { return nil }
        if source[index] == UInt8(ascii: "-"), has(delimiter, at: index + 1) { return skipSpace(index + 3) }
        if source[index] == UInt8(ascii: "+"), trimsNewline, has(delimiter, at: index + 1) { return index + 3 }
        return nil
    }

    /// Moves to `end`, which lies behind the current position.
    mutating func finishTag(at end: Int) {
        line += newlines(in: position..<end)
        isLineStart = source[end - 1] == UInt8(ascii: "\n")
        position = end
    }

    func has(_ string: StaticString, at index: Int) -> Bool {
        let count = string.utf8CodeUnitCount
        guard index + count <= source.count else { return false }
        for offset in 0..<count where source[index + offset] != string.utf8Start[offset] { return false }
        return true
    }

    func skipSpace(_ index: Int) -> Int {
        var index = index
        while index < source.count {
            let (scalar, length) = source.scalar(at: index)
            guard scalar.isPythonSpace else { break }
            index += length
        }
        return index
    }

    private func newlines(in range: Range<Int>) -> Int {
        source[range].reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
    }
}
