import ArgumentParser

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// `motley-fuzz`: feeds mutated files to one reader until the inputs or the time are used up. Any crash, hang or flood of memory is a bug.
@main
struct FuzzCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "motley-fuzz", abstract: "Feeds hostile input to Motley's readers.")

    @Argument(help: "Which reader: \(FuzzTarget.all.map(\.name).joined(separator: ", ")).")
    var name: String?

    @Option(name: .customLong("target"), help: "The same, as an option.")
    var targetOption: String?

    @Option(help: "Inputs to try.")
    var inputs = 1_000_000

    @Option(help: "Stops after so many seconds even if inputs are left.")
    var seconds: Double?

    @Option(help: "Where the sequence of inputs starts.")
    var seed: UInt64 = 1

    @Option(help: "Files to mutate besides the built-in ones.")
    var corpus: [String] = []

    @Option(help: "Runs this one file unchanged, for example a saved crash.")
    var reproduce: String?

    @Flag(help: "Prints the readers' names, one a line.")
    var list = false

    func run() throws {
        if list {
            for target in FuzzTarget.all { print(target.name) }
            return
        }
        guard let name = name ?? targetOption, let target = FuzzTarget.all.first(where: { $0.name == name }) else {
            throw ValidationError("name a target: \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
        }
        if let reproduce {
            print(target.run(try Files.read(reproduce)) ? "accepted" : "refused")
            return
        }
        var seeds = target.seeds()
        for path in corpus { seeds.append([UInt8](try Files.read(path))) }
        let guardian = CrashGuard(target: name)
        let start = Self.now()
        var mutator = Mutator(seeds: seeds, words: target.words, seed: seed)
        var accepted = 0
        var count = 0
        var slowest = 0.0
        while count < inputs {
            var input = mutator.next()
            if count % 2 == 1 { target.repair(&input) }
            let before = Self.now(CLOCK_PROCESS_CPUTIME_ID)
            let isAccepted = guardian.run(input) { target.run($0) }
            slowest = max(slowest, Self.now(CLOCK_PROCESS_CPUTIME_ID) - before)
            accepted += isAccepted ? 1 : 0
            count += 1
            if let seconds, Self.now() - start >= seconds { break }
        }
        print(
            "\(name): \(count) inputs from seed \(seed) in \(Int(Self.now() - start)) s, \(accepted) accepted, "
                + "the slowest \(Int(slowest * 1000)) ms, no crash"
        )
    }

    /// Seconds of a clock.
    static func now(_ clock: clockid_t = CLOCK_MONOTONIC) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
