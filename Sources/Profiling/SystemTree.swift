import Glibc

/// The system's own small files, below a root that tests set. What is missing, unreadable, too long or no text is nil, never an error.
struct SystemTree: Sendable {
    var root = ""

    func text(_ path: String, limit: Int = 1 << 20) -> String? {
        let descriptor = open(root + path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0, bytes.count + count <= limit else { return nil }
            if count == 0 { return String(validating: bytes, as: UTF8.self) }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    /// The file's only line, without white space around it.
    func line(_ path: String) -> String? {
        guard let text = text(path, limit: 1 << 16) else { return nil }
        let words = text.split(whereSeparator: \.isWhitespace)
        return words.isEmpty ? nil : words.joined(separator: " ")
    }

    /// A number that is not negative.
    func number(_ path: String) -> Int? { line(path).flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil } }

    /// The number after `key` in a file of lines like `MemAvailable:  1234 kB`, in bytes where it says kB.
    func figure(_ key: String, in path: String) -> Int? {
        guard let text = text(path) else { return nil }
        return Self.figure(key, in: text)
    }

    static func figure(_ key: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") {
            // NUMA nodes begin each line with "Node 0".
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == ":" })
            guard let at = words.firstIndex(where: { $0 == key }), at == 0 || words[0] == "Node", at + 1 < words.count,
                let number = Int(words[at + 1]),
                number >= 0
            else { continue }
            guard at + 2 < words.count, words[at + 2] == "kB" else { return number }
            let (bytes, overflow) = number.multipliedReportingOverflow(by: 1024)
            return overflow ? nil : bytes
        }
        return nil
    }

    /// Names in a directory, sorted; at most `limit`.
    func names(_ path: String, limit: Int = 65536) -> [String] {
        guard let directory = opendir(root + path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while names.count < limit, let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    func exists(_ path: String) -> Bool { access(root + path, F_OK) == 0 }

    /// `0-3,8,10-11` as numbers, ascending; nil where it is nothing of the kind. At most 65,536 processors.
    static func list(_ text: String) -> [Int]? {
        var found: Set<Int> = []
        for part in text.split(separator: ",") {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0.filter { !$0.isWhitespace }) }
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first >= 0, first <= last, last < 65536
            else {
                return nil
            }
            found.formUnion(first...last)
        }
        return found.isEmpty ? nil : found.sorted()
    }
}
