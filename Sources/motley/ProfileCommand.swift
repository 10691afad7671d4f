import ArgumentParser
import Devices
import Engine
import Glibc
import JSON
import Plans
import Profiling

/// `motley profile`: measures this machine into a profile that `motley plan --hardware` takes.
struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Measures this machine: topology, memory, kernels and disk, for motley plan.",
        discussion: "The profile is JSON (docs/formats.md): motley plan --hardware FILE takes it, and it may be edited by hand.")

    @Option(help: "Write the profile to a file.")
    var output: String?

    @Flag(help: "Print JSON only.")
    var json = false

    @Flag(help: "Measure each point for longer: about a minute and a half.")
    var thorough = false

    @Option(help: "Seconds to take at most, about (default: 20, thorough 90).")
    var seconds: Double?

    @Option(name: [.customShort("t"), .long], help: "Worker threads (default: the cores this process may use).")
    var threads: Int?

    @Option(help: "Kernels to use: scalar, avx2, avx512 or avx512-bf16 (default: the best this processor has).")
    var isa: InstructionSet?

    @Option(help: "The directory where models live, whose disk is measured (default: Models if there is one, else the current one).")
    var models: String?

    @Flag(help: "Leave the disk out.")
    var noDisk = false

    @Option(help: "Name of the machine in the profile (default: the host's).")
    var name: String?

    func validate() throws {
        if let seconds, !(0.1...3600).contains(seconds) { throw ValidationError("--seconds is \(seconds); it must be from 0.1 to 3600.") }
        if let threads, threads < 1 || threads > 1024 { throw ValidationError("--threads is \(threads); it must be from 1 to 1024.") }
        if let isa, !InstructionSet.available.contains(isa) {
            throw ValidationError("--isa is \(isa.rawValue), which this processor does not have.")
        }
        if let name, name.isEmpty { throw ValidationError("--name is empty.") }
        if noDisk, models != nil { throw ValidationError("--models names a disk to measure, and --no-disk leaves it out.") }
    }

    func run() throws {
        Interrupts.watch()
        if let models, !Self.isDirectory(models) { throw CommandError("--models \(models): is no directory") }
        // Found out before half a minute is spent.
        if let output { try Self.checkWritable(output) }
        var profiler = Profiler()
        profiler.seconds = seconds ?? (thorough ? 90 : 20)
        profiler.isThorough = thorough
        profiler.threads = threads
        profiler.instructionSet = isa
        profiler.name = name
        profiler.modelsDirectory = noDisk ? nil : models ?? (Self.isDirectory("Models") ? "Models" : ".")
        let bar = ProgressBar("measuring")
        let profile = profiler.measure { bar.update($0, note: $1) }
        bar.finish()
        let text = profile.json.serialized(pretty: true) + "\n"
        if let output { try StandardInput.write(text, to: output) }
        if json {
            Console.output(text)
        } else {
            Console.output(ProfileTable(profile).text)
            if let output { Console.outputLine("\nwritten to \(output): motley plan --hardware \(output)") }
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// An existing file is left as it is; one that was not there is not there afterwards.
    private static func checkWritable(_ path: String) throws {
        let existed = access(path, F_OK) == 0
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw CommandError("\(path): cannot be written: \(String(cString: strerror(errno)))") }
        close(descriptor)
        if !existed { unlink(path) }
    }
}
