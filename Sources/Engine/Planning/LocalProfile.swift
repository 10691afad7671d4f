public import Devices
import Glibc
import JSON
public import Plans
import Profiling

/// What this machine was measured to do: kept in the user's cache folder, measured in a few seconds where it is not there.
public enum LocalProfile {
    /// Seconds of a measurement that nobody asked for.
    private static let seconds = 3.0

    /// The kept profile of this machine and program, or a new one.
    ///
    /// - Parameters:
    ///   - threads: worker threads that run models.
    ///   - directory: on the disk that is measured.
    ///   - progress: gets the finished share of a measurement, 0...1.
    public static func load(threads: Int, instructionSet: InstructionSet?, directory: String, progress: (Double) -> Void) -> Profile {
        let name = fileName(threads: threads, instructionSet: instructionSet, directory: directory)
        if let bytes = CacheFolder.read(name), let kept = try? Profile(reading: FieldReader(JSON(parsing: bytes))) { return kept }
        var profiler = Profiler()
        profiler.seconds = seconds
        profiler.threads = threads
        profiler.instructionSet = instructionSet
        profiler.modelsDirectory = directory
        let profile = profiler.measure { fraction, _ in progress(fraction) }
        keep(profile, threads: threads, instructionSet: instructionSet, directory: directory)
        return profile
    }

    /// Keeps a profile in place of the one that is there.
    public static func keep(_ profile: Profile, threads: Int, instructionSet: InstructionSet?, directory: String) {
        CacheFolder.write(
            profile.json.serialized(pretty: true) + "\n",
            to: fileName(threads: threads, instructionSet: instructionSet, directory: directory))
    }

    /// Forgets a kept profile that a run was far from, so that the machine is measured again; not one that was measured a moment ago.
    /// - Returns: whether it was forgotten.
    public static func doubt(threads: Int, instructionSet: InstructionSet?, directory: String) -> Bool {
        guard let folder = CacheFolder.path else { return false }
        let path = folder + "/" + fileName(threads: threads, instructionSet: instructionSet, directory: directory)
        var status = stat()
        guard stat(path, &status) == 0, time(nil) - status.st_mtim.tv_sec > leastAge else { return false }
        return unlink(path) == 0
    }

    /// Seconds that a profile is kept whatever runs say.
    private static let leastAge = 600

    /// By everything that makes figures another machine's: host, processor, threads, kernels, the disk, the program.
    private static func fileName(threads: Int, instructionSet: InstructionSet?, directory: String) -> String {
        let host = SystemFile.text("/proc/sys/kernel/hostname") ?? ""
        let processor = (SystemFile.text("/proc/cpuinfo") ?? "").split(separator: "\n").first { $0.hasPrefix("model name") } ?? ""
        var status = stat()
        let disk = stat(directory, &status) == 0 ? Int(truncatingIfNeeded: status.st_dev) : 0
        let key = "\(Profiler.version)|\(host)|\(processor)|\(threads)|\((instructionSet ?? .best).rawValue)|\(disk)"
        // FNV-1a.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in key.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return "profile-\(String(hash, radix: 16)).json"
    }
}
