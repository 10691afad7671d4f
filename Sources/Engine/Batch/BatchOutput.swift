import Glibc
import JSON

/// The answers of a batch: a file that only grows, a whole line at a time, and from which an interrupted batch goes on.
///
/// Always holds after `init`: every line is whole and of its own `custom_id`, and the file is locked against a second process.
public final class BatchOutput {
    public let path: String
    /// By line of the input: whether its answer is in the file.
    private(set) var isDone: [Bool]
    /// Answers that were there already, and how many of them say that a request failed.
    public private(set) var kept = 0
    public private(set) var keptFailures = 0
    private let descriptor: Int32
    private var size = 0

    /// Opens the file or makes it, reads what is there and cuts a torn last line off.
    /// - Throws: `BatchError.refused` for a file that is not the output of this input, or that another process writes.
    public init(path: String, input: BatchInput) throws(BatchError) {
        self.path = path
        isDone = Array(repeating: false, count: input.count)
        descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o666)
        guard descriptor >= 0 else { throw .refused(BatchError.system(path, "cannot be opened", errno)) }
        do {
            guard try FileIdentity(descriptor, path) != input.identity else {
                throw BatchError.refused("\(path): is the input; name another file for the output")
            }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                throw BatchError.refused("\(path): another process is writing it")
            }
            try read(input)
        } catch {
            close(descriptor)
            throw error as? BatchError ?? .refused("\(path): \(error)")
        }
    }

    deinit {
        // Also where another process has been started meanwhile and has not closed its copy yet.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    private func read(_ input: BatchInput) throws {
        var torn: LinePlace?
        do {
            try LineScanner(descriptor).forEach { bytes, place in
                guard place.isWhole else {
                    torn = place
                    return
                }
                size = place.start + bytes.count + 1
                func fault(_ what: String) -> BatchError {
                    .refused("\(path): line \(place.number): \(what); name another file for the output")
                }
                guard let json = try? JSON(parsing: bytes), let id = json["custom_id"]?.string else {
                    throw fault("is no answer of a batch")
                }
                guard let index = input.ids.find(id) else {
                    throw fault("custom_id \(BatchInput.quoted(id)) is not in \(input.path): this is the output of another input")
                }
                guard !isDone[index] else { throw fault("custom_id \(BatchInput.quoted(id)) was answered before") }
                isDone[index] = true
                kept += 1
                if json["response"]?["status_code"]?.int != 200 { keptFailures += 1 }
            }
        } catch LineScanner.Failure.system(let code) {
            throw BatchError.refused(BatchError.system(path, "cannot be read", code))
        } catch LineScanner.Failure.tooLong(let number) {
            throw BatchError.refused("\(path): line \(number): is no answer of a batch; name another file for the output")
        }
        if let torn, ftruncate(descriptor, torn.start) != 0 {
            throw BatchError.refused(BatchError.system(path, "its torn last line cannot be cut off", errno))
        }
    }

    /// Adds a line, whole: with one call of the system. Where that writes a part only, the part is taken back.
    func append(_ text: String) throws(BatchError) {
        var line = text + "\n"
        let (count, code) = line.withUTF8 { bytes in
            var count = 0
            repeat { count = write(descriptor, bytes.baseAddress, bytes.count) } while count < 0 && errno == EINTR
            return (count, errno)
        }
        if count == line.utf8.count {
            size += count
            return
        }
        if count > 0 { _ = ftruncate(descriptor, size) }
        throw .interrupted(BatchError.system(path, "cannot be written", count < 0 ? code : ENOSPC))
    }
}
