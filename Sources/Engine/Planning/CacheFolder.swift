import Glibc

/// Where Motley keeps what it can make again: `$XDG_CACHE_HOME/motley`, or `~/.cache/motley`.
public enum CacheFolder {
    /// The folder, made if it is not there (readable by its owner alone); nil where none can be made.
    public static var path: String? {
        let base: String
        if let folder = getenv("XDG_CACHE_HOME"), folder.pointee == UInt8(ascii: "/") {
            base = String(cString: folder)
        } else if let home = getenv("HOME"), home.pointee == UInt8(ascii: "/") {
            base = String(cString: home) + "/.cache"
        } else {
            return nil
        }
        mkdir(base, 0o700)
        let folder = base + "/motley"
        mkdir(folder, 0o700)
        return access(folder, W_OK | X_OK) == 0 ? folder : nil
    }

    /// Writes a file whole: under another name first, so that nobody reads half of it. Failures are ignored: it can be made again.
    static func write(_ text: String, to name: String) {
        guard let folder = path else { return }
        let temporary = "\(folder)/.\(name).\(getpid())"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return }
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { break }
            done += count
        }
        close(descriptor)
        if done == bytes.count, rename(temporary, "\(folder)/\(name)") == 0 { return }
        unlink(temporary)
    }

    static func read(_ name: String) -> [UInt8]? { path.flatMap { SystemFile.read("\($0)/\(name)", limit: 16 << 20) } }
}
