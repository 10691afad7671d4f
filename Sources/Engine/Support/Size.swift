/// Bytes and numbers as people read them.
public enum Size {
    /// Decimal gigabytes or megabytes, for example `0.61 GB`.
    public static func text(_ bytes: Int) -> String {
        if bytes >= 50_000_000 { return decimal(Double(bytes) / 1e9, 2) + " GB" }
        if bytes >= 1_000_000 { return decimal(Double(bytes) / 1e6, 1) + " MB" }
        return decimal(Double(bytes) / 1e3, 1) + " kB"
    }

    /// A number with so many digits after the point.
    public static func decimal(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return String(value) }
        var power = 1
        for _ in 0..<max(0, min(6, digits)) { power *= 10 }
        let scaled = (abs(value) * Double(power)).rounded()
        guard scaled < 9e18 else { return String(value) }
        let whole = Int(scaled)
        let sign = value < 0 && whole > 0 ? "-" : ""
        if power == 1 { return sign + String(whole) }
        let fraction = String(whole % power)
        return sign + String(whole / power) + "." + String(repeating: "0", count: String(power).count - 1 - fraction.count) + fraction
    }
}
