public import Plans

/// A device, or a machine with all its devices, that is gone from a moment on.
public struct DeviceFailure: Sendable, Equatable {
    /// Seconds from the start.
    public var seconds: Double
    /// Label of a device or name of a machine, as in `exclude`.
    public var device: String

    public init(seconds: Double, device: String) {
        self.seconds = seconds
        self.device = device
    }

    /// `{"at": "30s", "device": "server/gpu1"}`.
    public init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["at", "device"])
        seconds = try field.required("at", expected: "seconds from the start").quantity(.seconds, in: 0...1e9)
        device = try field.required("device", expected: "a device's label or a machine's name").string()
    }

    /// `30=server/gpu1` or `30s=server/gpu1`, as on the command line.
    public init(parsing text: String) throws(ConstraintError) {
        let sides = text.split(separator: "=", maxSplits: 1).map { $0.split(separator: " ").joined(separator: " ") }
        guard sides.count == 2, !sides[1].isEmpty, let seconds = Quantity.parse(sides[0], .seconds), seconds >= 0, seconds <= 1e9 else {
            throw ConstraintError(message: "\"\(text.prefix(80))\": expected SECONDS=DEVICE, for example 30=gpu1")
        }
        self.seconds = seconds
        device = sides[1]
    }

    /// Refuses names that the hardware does not have.
    func check(_ hardware: Hardware) throws(ConstraintError) {
        guard hardware.devices.contains(where: { $0.label == device || hardware.profile.machines[$0.machine].name == device }) else {
            throw ConstraintError(
                message:
                    "failure of \(device.prefix(80)): no such machine or device; there are "
                    + "\(hardware.devices.map(\.label).prefix(20).joined(separator: ", "))"
            )
        }
    }
}
