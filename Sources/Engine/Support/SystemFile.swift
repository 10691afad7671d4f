import Glibc

/// Small files that are read whole: the system's own under /proc and /sys, and files that users name.
public enum SystemFile {
    /// The file's bytes, or nil with `errno` set if it cannot be read or is longer than `limit`.
    public static func read(_ path: String, limit: Int = 1 << 20) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return read(descriptor: descriptor, limit: limit)
    }

    /// Everything up to the end of the stream, or nil as above.
    public static func read(descriptor: Int32, limit: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else {
                errno = EFBIG
                return nil
            }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    /// What the system says of an error code.
    static func message(_ code: Int32) -> String { String(cString: strerror(code)) }

    static func text(_ path: String) -> String? { read(path).map { String(decoding: $0, as: UTF8.self) } }

    /// The number after `key` in a file of lines like `MemAvailable:  1234 kB`, in bytes where it says kB.
    static func figure(_ key: String, in path: String) -> Int? {
        guard let text = text(path) else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix(key) {
            let words = line.dropFirst(key.count).split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == ":" })
            guard let number = words.first.flatMap({ Int($0) }) else { return nil }
            return words.count > 1 && words[1] == "kB" ? number * 1024 : number
        }
        return nil
    }
}
