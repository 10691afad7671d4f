#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Files that are too large to commit: beside the checkout, or where `MOTLEY_SHARED` says.
enum SharedFixtures {
    static let root: String = {
        if let path = getenv("MOTLEY_SHARED") { return String(cString: path) }
        // …/Tests/TextTests/Tokenization/SharedFixtures.swift
        let parts = #filePath.split(separator: "/").dropLast(4)
        return "/" + parts.joined(separator: "/") + "/../shared"
    }()

    static func path(_ name: String) -> String { root + "/fixtures/" + name }

    static func exists(_ name: String) -> Bool { access(path(name), R_OK) == 0 }

    static func read(_ name: String) -> [UInt8]? {
        guard let file = fopen(path(name), "rb") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }
}
