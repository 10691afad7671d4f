import Glibc
import Plans

extension Double {
    func rounded(toPlaces places: Int) -> Double {
        let power = pow(10, Double(places))
        return (self * power).rounded() / power
    }

    /// Four significant digits: more are noise, and make files hard to read.
    var fourDigits: Double {
        guard isFinite, self != 0 else { return self }
        let exponent = 3 - Int(floor(log10(abs(self))))
        // Dividing by a whole power keeps decimal fractions short.
        return exponent >= 0
            ? (self * pow(10, Double(exponent))).rounded() / pow(10, Double(exponent))
            : (self / pow(10, Double(-exponent))).rounded() * pow(10, Double(-exponent))
    }
}

extension Profile {
    /// The same with measured figures cut to four digits.
    func rounded() -> Profile {
        var profile = self
        for index in profile.machines.indices { profile.machines[index].round() }
        return profile
    }
}

extension MachineProfile {
    fileprivate mutating func round() {
        memory.bytesPerSecond = memory.bytesPerSecond.fourDigits
        for index in memory.byThreads.indices { memory.byThreads[index].bytesPerSecond = memory.byThreads[index].bytesPerSecond.fourDigits }
        stepOverhead = stepOverhead.fourDigits
        for index in disks.indices {
            disks[index].readBytesPerSecond = disks[index].readBytesPerSecond.fourDigits
            disks[index].writeBytesPerSecond = disks[index].writeBytesPerSecond.fourDigits
        }
        for index in devices.indices { devices[index].round() }
    }
}

extension DeviceProfile {
    fileprivate mutating func round() {
        readBytesPerSecond = readBytesPerSecond.fourDigits
        operations = OperationRates(
            single: operations.single.fourDigits, half: operations.half.fourDigits, integer: operations.integer.fourDigits)
        rates = rates.compactMapValues { $0.rounded() }
        attentionOperations = attentionOperations.fourDigits
        attentionRates = attentionRates.compactMapValues { $0.rounded() }
        attentionBytesPerSecond = attentionBytesPerSecond?.fourDigits
        vectorRates = vectorRates?.rounded()
        launch = launch.fourDigits
    }
}

extension RateTable {
    fileprivate func rounded() -> RateTable? {
        RateTable(points: points.map { Point(tokens: $0.tokens, operationsPerSecond: $0.operationsPerSecond.fourDigits) })
    }
}
