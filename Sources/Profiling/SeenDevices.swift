/// Devices that the system shows and that no probe measures yet.
enum SeenDevices {
    private static let vendors = ["0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel", "0x106b": "Apple", "0x1af4": "virtio"]

    /// For people: `NVIDIA GPU (renderD128)`.
    static func list(_ tree: SystemTree) -> [String] {
        var found: [String] = []
        var sawNVIDIA = false
        for name in tree.names("/dev/dri", limit: 256) where name.hasPrefix("renderD") {
            let vendor = tree.line("/sys/class/drm/\(name)/device/vendor").flatMap { vendors[$0.lowercased()] }
            sawNVIDIA = sawNVIDIA || vendor == "NVIDIA"
            found.append("\(vendor.map { $0 + " " } ?? "")GPU (\(name))")
        }
        guard !sawNVIDIA else { return found }
        for name in tree.names("/dev", limit: 65536)
        where name.hasPrefix("nvidia") && name.count > 6 && name.dropFirst(6).allSatisfy(\.isNumber) {
            found.append("NVIDIA GPU (\(name))")
        }
        return found
    }
}
