import Glibc

/// The requests of a batch: a file of lines, checked as a whole and then read a line at a time. Of each line only its place and a hash of
/// its id are kept, so that memory hardly grows with the file.
public final class BatchInput: Sendable {
    public let path: String
    let identity: FileIdentity
    private let descriptor: Int32
    private let lines: [Line]
    let ids: CustomIDTable
    /// What the lines need of a KV cache.
    public let need: BatchNeed

    private struct Line: Sendable {
        var start: Int
        var length: Int32
    }

    /// Complaints that are listed; more are counted.
    private static let listed = 20
    /// Most lines: their indices are 32-bit numbers.
    private static let mostLines = Int(Int32.max)

    public var count: Int { lines.count }

    /// Opens the file and reads it through once.
    /// - Parameter defaultMaximum: tokens to generate for lines that do not say how many; nil: the caller knows no better.
    /// - Throws: `BatchError` with every line that is no JSON object with a `custom_id` of its own. Empty lines are left out.
    public init(path: String, defaultMaximum: Int? = nil) throws(BatchError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .refused(BatchError.system(path, "cannot be opened", errno)) }
        var lines: [Line] = [], ids = CustomIDTable(), need = BatchNeed()
        do {
            identity = try FileIdentity(descriptor, path)
            var complaints: [String] = [], faults = 0
            func complain(_ place: LinePlace, _ what: String) {
                faults += 1
                if complaints.count < Self.listed { complaints.append("line \(place.number): \(what)") }
            }
            var numbers = LineNumbers()
            do {
                try LineScanner(descriptor).forEach { bytes, place in
                    if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return }
                    guard ids.count < Self.mostLines else { throw BatchError.refused("\(path): has more than \(Self.mostLines) lines") }
                    do throws(BatchLine.Fault) {
                        let line = try BatchLine(parsing: bytes)
                        if let first = ids.add(line.customID) {
                            complain(place, "custom_id \(Self.quoted(line.customID)) is that of line \(numbers.number(ofLine: first)) too")
                        } else {
                            numbers.note(place.number, line: lines.count)
                            lines.append(Line(start: place.start, length: Int32(bytes.count)))
                            need.add(bytes: bytes.count, maximumTokens: line.statedMaximum ?? defaultMaximum)
                        }
                    } catch { complain(place, error.what) }
                }
            } catch LineScanner.Failure.tooLong(let number) {
                faults += 1
                complaints.append("line \(number): is longer than \(LineScanner.limit >> 20) MiB")
            } catch LineScanner.Failure.system(let code) {
                throw BatchError.refused(BatchError.system(path, "cannot be read", code))
            }
            if faults > 0 { throw BatchError.badInput(file: path, complaints: complaints, more: faults - complaints.count) }
        } catch {
            close(descriptor)
            throw error as? BatchError ?? .refused("\(path): \(error)")
        }
        self.lines = lines
        self.ids = ids
        self.need = need
    }

    deinit { close(descriptor) }

    /// Reads a line again.
    /// - Throws: `BatchError.interrupted` where the file is no longer what it was.
    func line(_ index: Int) throws(BatchError) -> BatchLine {
        let place = lines[index]
        var bytes = [UInt8](repeating: 0, count: Int(place.length))
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress.unsafelyUnwrapped + done, $0.count - done, place.start + done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw .interrupted(count < 0 ? BatchError.system(path, "cannot be read", errno) : "\(path): became shorter meanwhile")
            }
            done += count
        }
        guard let line = bytes.withUnsafeBufferPointer({ try? BatchLine(parsing: $0) }), ids.find(line.customID) == index else {
            throw .interrupted("\(path): changed meanwhile")
        }
        return line
    }

    static func quoted(_ id: String) -> String { "\"\(id.count > 60 ? id.prefix(60) + "..." : id[...])\"" }

    /// The numbers of lines by index: the same but for empty lines before them, so that only where those are is kept.
    private struct LineNumbers {
        /// From this index on, so many more than the index.
        private var steps: [(line: Int, more: Int)] = []

        mutating func note(_ number: Int, line: Int) {
            if number - line != steps.last?.more ?? 0 { steps.append((line, number - line)) }
        }

        func number(ofLine line: Int) -> Int { line + (steps.last { $0.line <= line }?.more ?? 0) }
    }
}
