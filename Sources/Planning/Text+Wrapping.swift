/// Pages whose prose keeps to a width, whatever the figures in it are long.
extension Text {
    /// Paragraphs of Markdown in lines of at most `width` characters; table rows and headings as they are. No line begins with what would
    /// make it a list's item. A word longer than `width` has a line of its own.
    static func wrapped(_ page: String, width: Int = 140) -> String {
        var lines: [String] = [], paragraph: [Substring] = []
        func end() {
            if !paragraph.isEmpty { lines += filled(paragraph, width: width) }
            paragraph = []
        }
        for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty || line.hasPrefix("|") || line.hasPrefix("#") {
                end()
                lines.append(String(line))
            } else {
                paragraph += line.split(separator: " ")
            }
        }
        end()
        return lines.joined(separator: "\n")
    }

    private static func filled(_ words: [Substring], width: Int) -> [String] {
        var lines: [String] = [], line = ""
        for word in words {
            if line.isEmpty {
                line = String(word)
            } else if line.count + 1 + word.count <= width || isListMark(word) {
                line += " " + word
            } else {
                lines.append(line)
                line = String(word)
            }
        }
        return lines + [line]
    }

    private static func isListMark(_ word: Substring) -> Bool {
        ["-", "+", "*", ">"].contains(word) || (word.last == "." || word.last == ")") && word.dropLast().allSatisfy(\.isNumber)
    }
}
