import Models
import Plans

/// What one more device, more memory, a faster link or a faster disk would gain, each planned anew.
public struct WhatIf: Sendable {
    public struct Line: Sendable {
        public var change: String
        /// The objective's score before over after: above 1 is better.
        public var gain: Double
        /// Money per hour more, where the change has a price.
        public var pricePerHour: Double?
        public var headline: String
    }

    let scenario: Scenario
    let strategy: Strategy
    let seed: UInt64

    public init(_ scenario: Scenario, strategy: Strategy = .auto, seed: UInt64 = 1) {
        self.scenario = scenario
        self.strategy = strategy
        self.seed = seed
    }

    /// Changes, best first; with prices, best per money first among those that have one.
    public func lines(baseline: Planner.Result, timeLimit: Double = 20) -> [Line] {
        let deadline = Deadline(seconds: timeLimit)
        var lines: [Line] = []
        for (change, price, profile) in changes() {
            if deadline.passed { break }
            var other = scenario
            other.hardware = profile
            guard let problem = try? Problem(other, seed: seed), let result = try? Planner(problem).plan(strategy, timeLimit: 5) else {
                continue
            }
            // A plan that was possible before is still possible: hardware only grew.
            let gain = max(1, baseline.best.score / result.best.score)
            lines.append(Line(change: change, gain: gain, pricePerHour: price, headline: Explanation(result, of: problem).headline))
        }
        return lines.sorted { a, b in
            if let x = a.pricePerHour, let y = b.pricePerHour, x > 0, y > 0 { return (a.gain - 1) / x > (b.gain - 1) / y }
            return a.gain == b.gain ? a.change < b.change : a.gain > b.gain
        }
    }

    private func changes() -> [(String, Double?, Profile)] {
        var result: [(String, Double?, Profile)] = []
        let machines = scenario.hardware.machines
        var seen: Set<String> = []
        for index in machines.indices.prefix(8) {
            let machine = machines[index]
            func with(_ text: String, _ price: Double? = nil, _ change: (inout MachineProfile) -> Void) {
                // Equal machines give equal answers.
                guard seen.insert("\(text)|\(machine.devices.map(\.name))|\(machine.memory.capacity)").inserted else { return }
                var profile = scenario.hardware
                change(&profile.machines[index])
                result.append(("\(machine.name): \(text)", price, profile))
            }
            var kinds: [DeviceProfile] = []
            for device in machine.devices where device.kind == .gpu && !kinds.contains(device) { kinds.append(device) }
            for device in kinds { with("one more \(device.name)", device.pricePerHour) { $0.devices.append(device) } }
            if kinds.isEmpty, let card = CatalogueDevice.named("RTX 3090")?.profile { with("an RTX 3090") { $0.devices.append(card) } }
            for device in kinds {
                with("\(device.name) with twice the memory") { machine in
                    for index in machine.devices.indices where machine.devices[index] == device {
                        machine.devices[index].memory?.capacity *= 2
                    }
                }
                if device.link != nil {
                    with("twice as fast a link to \(device.name)") { machine in
                        for index in machine.devices.indices where machine.devices[index] == device {
                            machine.devices[index].link?.toDevice *= 2
                            machine.devices[index].link?.fromDevice *= 2
                        }
                    }
                }
            }
            with("twice the host memory") { $0.memory.capacity *= 2 }
            with("twice the host memory's bandwidth") { machine in
                machine.memory.bytesPerSecond *= 2
                for index in machine.devices.indices where machine.devices[index].kind == .cpu {
                    machine.devices[index].readBytesPerSecond *= 2
                }
            }
            if !machine.disks.isEmpty {
                with("a disk twice as fast") { machine in
                    for index in machine.disks.indices {
                        machine.disks[index].readBytesPerSecond *= 2
                        machine.disks[index].writeBytesPerSecond *= 2
                    }
                }
            } else {
                with("a disk of 1 TB at 3 GB/s") {
                    $0.disks.append(
                        DiskProfile(name: "disk", capacity: 1_000_000_000_000, readBytesPerSecond: 3e9, writeBytesPerSecond: 2e9))
                }
            }
        }
        if machines.count > 1 {
            for (text, change) in [
                ("network with ten times the bandwidth", { (link: inout LinkProfile) in link.bytesPerSecond *= 10 }),
                ("network with a tenth of the latency", { (link: inout LinkProfile) in link.latency /= 10 }),
            ] {
                var profile = scenario.hardware
                change(&profile.network.standard)
                for index in profile.network.exceptions.indices { change(&profile.network.exceptions[index].link) }
                result.append((text, nil, profile))
            }
        }
        return result
    }

    /// A table for people.
    public static func table(_ lines: [Line]) -> String {
        let rows = lines.map { line in
            [line.change, line.gain < 1.005 ? "no gain" : "\(Text.fixed(line.gain, 2))x better"]
                + (line.pricePerHour.map { ["\(Text.digits($0)) per hour"] } ?? [])
        }
        return "what if:\n" + Text.table(rows)
    }
}
