import Glibc

/// Reads lines: with editing and history on a terminal, plainly otherwise.
final class LineEditor {
    private var history: [String] = []
    private var pending: [UInt8] = []
    private let isTerminal = Console.isInputTerminal && Console.isErrorTerminal

    /// The next line without its end, or nil at the end of input.
    func readLine(prompt: String) -> String? {
        guard isTerminal else { return Swift.readLine(strippingNewline: true) }
        guard let settings = Self.enterRawMode() else {
            Console.status(prompt)
            return Swift.readLine(strippingNewline: true)
        }
        defer { Self.leaveRawMode(settings) }
        let line = edit(prompt)
        Console.status("\r\n")
        if let line, !line.isEmpty, history.last != line { history.append(line) }
        return line
    }

    // MARK: Editing

    private enum Key: Equatable {
        case character(Character)
        case enter, endOfInput, interrupt, backspace, delete, left, right, home, end, up, down, killAfter, killBefore, killWord,
            clearScreen, ignored
    }

    private func edit(_ prompt: String) -> String? {
        var line: [Character] = []
        var cursor = 0
        var place = history.count
        var draft: [Character] = []
        func recall(_ next: Int) {
            guard (0...history.count).contains(next) else { return }
            if place == history.count { draft = line }
            place = next
            line = next == history.count ? draft : Array(history[next])
            cursor = line.count
        }
        while true {
            draw(prompt, line, cursor)
            switch nextKey() {
            case .character(let character):
                line.insert(character, at: cursor)
                cursor += 1
            case .enter: return String(line)
            case .endOfInput:
                if line.isEmpty { return nil }
                if cursor < line.count { line.remove(at: cursor) }
            case .interrupt:
                if line.isEmpty { return nil }
                line = []
                cursor = 0
            case .backspace:
                if cursor > 0 {
                    cursor -= 1
                    line.remove(at: cursor)
                }
            case .delete: if cursor < line.count { line.remove(at: cursor) }
            case .left: cursor = max(0, cursor - 1)
            case .right: cursor = min(line.count, cursor + 1)
            case .home: cursor = 0
            case .end: cursor = line.count
            case .up: recall(place - 1)
            case .down: recall(place + 1)
            case .killAfter: line.removeSubrange(cursor...)
            case .killBefore:
                line.removeSubrange(..<cursor)
                cursor = 0
            case .killWord:
                var start = cursor
                while start > 0, line[start - 1].isWhitespace { start -= 1 }
                while start > 0, !line[start - 1].isWhitespace { start -= 1 }
                line.removeSubrange(start..<cursor)
                cursor = start
            case .clearScreen: Console.status("\u{1B}[2J\u{1B}[H")
            case .ignored: break
            }
        }
    }

    /// Draws the part of the line around the cursor that fits into one row.
    private func draw(_ prompt: String, _ line: [Character], _ cursor: Int) {
        let room = max(8, Console.width - prompt.count - 1)
        var start = 0
        while columns(line[start..<cursor]) >= room { start += 1 }
        var end = start
        while end < line.count, columns(line[start...end]) <= room { end += 1 }
        let before = prompt.count + columns(line[start..<cursor])
        Console.status("\r\(prompt)\(String(line[start..<end]))\u{1B}[K\r" + (before > 0 ? "\u{1B}[\(before)C" : ""))
    }

    private func columns(_ characters: ArraySlice<Character>) -> Int { characters.reduce(0) { $0 + Self.columns($1) } }

    /// Two for the wide characters of East Asia and emoji, otherwise one.
    private static func columns(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first?.value else { return 0 }
        switch scalar {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
            0x1F300...0x1FAFF,
            0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }

    // MARK: Keys

    private func nextKey() -> Key {
        guard let byte = nextByte() else { return .endOfInput }
        switch byte {
        case 0x01: return .home
        case 0x02: return .left
        case 0x03: return .interrupt
        case 0x04: return .endOfInput
        case 0x05: return .end
        case 0x06: return .right
        case 0x08, 0x7F: return .backspace
        case 0x0A, 0x0D: return .enter
        case 0x0B: return .killAfter
        case 0x0C: return .clearScreen
        case 0x0E: return .down
        case 0x10: return .up
        case 0x15: return .killBefore
        case 0x17: return .killWord
        case 0x1B: return escape()
        case 0x09: return .character(" ")
        case 0..<0x20: return .ignored
        default: return character(byte)
        }
    }

    private func escape() -> Key {
        guard let second = nextByte() else { return .ignored }
        guard second == UInt8(ascii: "[") || second == UInt8(ascii: "O") else { return .ignored }
        var number = 0
        while let byte = nextByte() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = (number * 10 + Int(byte - 0x30)) % 1000
            case UInt8(ascii: ";"): number = 0
            case UInt8(ascii: "A"): return .up
            case UInt8(ascii: "B"): return .down
            case UInt8(ascii: "C"): return .right
            case UInt8(ascii: "D"): return .left
            case UInt8(ascii: "H"): return .home
            case UInt8(ascii: "F"): return .end
            case UInt8(ascii: "~"):
                switch number {
                case 1, 7: return .home
                case 3: return .delete
                case 4, 8: return .end
                default: return .ignored
                }
            default: return .ignored
            }
        }
        return .ignored
    }

    private func character(_ first: UInt8) -> Key {
        var bytes = [first]
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1
        while bytes.count < length, let byte = nextByte() { bytes.append(byte) }
        guard let character = String(decoding: bytes, as: UTF8.self).first else { return .ignored }
        return .character(character)
    }

    private func nextByte() -> UInt8? {
        if pending.isEmpty {
            var buffer = [UInt8](repeating: 0, count: 4096)
            var count = 0
            repeat {
                count = buffer.withUnsafeMutableBytes { read(STDIN_FILENO, $0.baseAddress, $0.count) }
            } while count < 0 && errno == EINTR
            guard count > 0 else { return nil }
            pending = buffer[..<count].reversed()
        }
        return pending.popLast()
    }

    // MARK: Terminal

    nonisolated(unsafe) private static var savedSettings: termios?

    private static func enterRawMode() -> termios? {
        var settings = termios()
        guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
        var raw = settings
        raw.c_iflag &= ~tcflag_t(BRKINT | ICRNL | INPCK | ISTRIP | IXON)
        raw.c_lflag &= ~tcflag_t(ECHO | ICANON | IEXTEN | ISIG)
        guard tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0 else { return nil }
        savedSettings = settings
        return settings
    }

    private static func leaveRawMode(_ settings: termios) {
        var settings = settings
        tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
        savedSettings = nil
    }

    /// For a program that ends while a line is edited.
    static func restoreTerminal() {
        if var settings = savedSettings { tcsetattr(STDIN_FILENO, TCSADRAIN, &settings) }
    }
}
