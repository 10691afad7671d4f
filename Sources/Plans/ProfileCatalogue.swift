/// Published figures of devices one does not have, and how attainable rates are made of them.
///
/// Tensor rates are dense ones: sheets since Ampere print twice as much "with sparsity". "Checked" in a source: the figures were compared
/// with the sheet's text or with cores x clock x operations per cycle, whichever could be had. A data sheet's peak is never planned with:
/// see `attainableBandwidth` and its neighbours. Own figures in a cluster file override single fields.
public struct CatalogueDevice: Sendable, Equatable {
    public var name: String
    public var kind: PlannedDevice.Kind
    /// GiB of its own memory; 0 for CPUs, whose machine has the memory.
    public var gibibytes: Double
    /// Published 10^9 bytes per second of its memory (CPU: all channels of a socket).
    public var gigabytesPerSecond: Double
    /// Published dense 10^12 operations per second: f32, f16 (with f32 sums where that is slower), int8.
    public var single: Double
    public var half: Double
    public var integer: Double
    /// Usual link to the host, 10^9 bytes per second and direction, as published (PCIe 3 x16: 15.75). 0 for CPUs.
    public var hostLink: Double
    /// Direct link to its neighbours, per direction; nil: through the host.
    public var peerLink: Double?
    public var source: String

    /// Shares of the published figures that good kernels reach: read bandwidth, products, attention, host link, peer link.
    public static let attainableBandwidth = 0.85
    public static let attainableProducts = 0.6
    public static let attainableAttention = 0.35
    public static let attainableLink = 0.8
    /// How rates come of the sheet's figures, for people.
    public static let estimate =
        "estimates: published peak x \(attainableBandwidth) reading, x \(attainableProducts) products, x \(attainableAttention) attention, "
        + "x \(attainableLink) links"
    /// Bytes a driver's context takes of a GPU's memory.
    public static let reserved = 400 << 20

    public var profile: DeviceProfile {
        let bandwidth = gigabytesPerSecond * 1e9 * Self.attainableBandwidth
        let rates = OperationRates(
            single: single * 1e12 * Self.attainableProducts, half: half * 1e12 * Self.attainableProducts,
            integer: integer * 1e12 * Self.attainableProducts)
        let link = hostLink * 1e9 * Self.attainableLink
        return DeviceProfile(
            name: name, kind: kind,
            memory: kind == .cpu
                ? nil : MemoryProfile(capacity: Int(gibibytes * 1_073_741_824), bytesPerSecond: bandwidth, reserved: Self.reserved),
            readBytesPerSecond: bandwidth, operations: rates, attentionOperations: half * 1e12 * Self.attainableAttention,
            link: kind == .cpu ? nil : DeviceLink(toDevice: link, fromDevice: link, latency: 10e-6),
            peer: peerLink.map { LinkProfile(bytesPerSecond: $0 * 1e9 * Self.attainableLink, latency: 5e-6) },
            launch: kind == .cpu ? 2e-6 : 5e-6, origin: .declared, source: source + "; " + Self.estimate)
    }
}

extension CatalogueDevice {
    /// The device of that name: exact, or the same but for case, spaces and hyphens.
    public static func named(_ name: String) -> CatalogueDevice? {
        func plain(_ text: String) -> String { String(text.lowercased().filter { $0.isLetter || $0.isNumber }) }
        return all.first { $0.name == name } ?? all.first { plain($0.name) == plain(name) }
    }

    static func gpu(
        _ name: String, _ gibibytes: Double, _ bandwidth: Double, single: Double, half: Double, integer: Double, link: Double,
        peer: Double? = nil,
        _ source: String
    ) -> CatalogueDevice {
        CatalogueDevice(
            name: name, kind: .gpu, gibibytes: gibibytes, gigabytesPerSecond: bandwidth, single: single, half: half, integer: integer,
            hostLink: link,
            peerLink: peer, source: source)
    }

    static func cpu(_ name: String, _ bandwidth: Double, single: Double, half: Double, integer: Double, _ source: String) -> CatalogueDevice
    {
        CatalogueDevice(
            name: name, kind: .cpu, gibibytes: 0, gigabytesPerSecond: bandwidth, single: single, half: half, integer: integer, hostLink: 0,
            peerLink: nil,
            source: source)
    }

    static let pcie3 = 15.75
    static let pcie4 = 31.5
    static let pcie5 = 63.0

    public static let all: [CatalogueDevice] = [
        // Data-centre GPUs. Half precision: dense tensor rate with f32 sums.
        gpu("T4", 15, 320, single: 8.1, half: 65, integer: 130, link: pcie3, "NVIDIA T4 data sheet, checked; 15 of 16 GiB left by ECC"),
        gpu(
            "P100", 16, 732, single: 9.3, half: 18.7, integer: 9.3, link: pcie3,
            "NVIDIA Tesla P100 PCIe data sheet, checked; int8 without instructions of its own"),
        gpu(
            "V100-16GB", 16, 900, single: 15.7, half: 125, integer: 62.8, link: pcie3, peer: 150,
            "NVIDIA V100 SXM2 data sheet, checked; int8 by dot instructions"),
        gpu(
            "V100-32GB", 32, 900, single: 15.7, half: 125, integer: 62.8, link: pcie3, peer: 150,
            "NVIDIA V100 SXM2 data sheet, checked; int8 by dot instructions"),
        gpu("A10", 24, 600, single: 31.2, half: 125, integer: 250, link: pcie4, "NVIDIA A10 data sheet, checked; dense"),
        gpu("A40", 48, 696, single: 37.4, half: 149.7, integer: 299.3, link: pcie4, "NVIDIA A40 data sheet, checked; dense"),
        gpu(
            "A100-40GB", 40, 1555, single: 19.5, half: 312, integer: 624, link: pcie4, peer: 300,
            "NVIDIA A100 SXM data sheet, checked; dense"),
        gpu(
            "A100-80GB", 80, 2039, single: 19.5, half: 312, integer: 624, link: pcie4, peer: 300,
            "NVIDIA A100 SXM data sheet, checked; dense"),
        gpu(
            "L4", 24, 300, single: 30.3, half: 121, integer: 242, link: pcie4,
            "NVIDIA L4 data sheet, checked; half of its figures with sparsity"),
        gpu("L40S", 48, 864, single: 91.6, half: 362, integer: 733, link: pcie4, "NVIDIA L40S data sheet, checked; dense"),
        gpu(
            "H100", 80, 3350, single: 67, half: 989, integer: 1979, link: pcie5, peer: 450,
            "NVIDIA H100 SXM data sheet, checked; half of its figures with sparsity"),
        gpu(
            "H200", 141, 4800, single: 67, half: 989, integer: 1979, link: pcie5, peer: 450,
            "NVIDIA H200 SXM data sheet, checked; half of its figures with sparsity"),
        // Workstation GPUs.
        gpu(
            "A4000", 16, 448, single: 19.2, half: 76.7, integer: 153.4, link: pcie4,
            "NVIDIA RTX A4000 data sheet, checked; half of its tensor figure, which is with sparsity"),
        gpu(
            "A5000", 24, 768, single: 27.8, half: 111.1, integer: 222.2, link: pcie4,
            "NVIDIA RTX A5000 data sheet, checked; half of its tensor figure, which is with sparsity"),
        gpu(
            "A6000", 48, 768, single: 38.7, half: 154.8, integer: 309.7, link: pcie4,
            "NVIDIA RTX A6000 data sheet, checked; half of its tensor figure, which is with sparsity"),
        // Desktop GPUs: half precision with f32 sums runs at half the tensor rate.
        gpu(
            "RTX 2080 Ti", 11, 616, single: 13.4, half: 53.8, integer: 215, link: pcie3,
            "NVIDIA Turing white paper, reference clock, checked"),
        gpu(
            "RTX 3060", 12, 360, single: 12.7, half: 25.5, integer: 101.9, link: pcie4,
            "cores and clock of NVIDIA's product page, rates per core of the GA102 white paper"),
        gpu("RTX 3090", 24, 936, single: 35.6, half: 71, integer: 284, link: pcie4, "NVIDIA GA102 white paper, checked; dense"),
        gpu(
            "RTX 3090 Ti", 24, 1008, single: 40, half: 80, integer: 320, link: pcie4,
            "NVIDIA Ada white paper, comparison table, checked; dense"),
        gpu(
            "RTX 4060 Ti 16GB", 16, 288, single: 22.1, half: 44.1, integer: 176.5, link: 15.75,
            "cores and clock of NVIDIA's product page, rates per core of the Ada white paper; PCIe 4 x8"),
        gpu("RTX 4090", 24, 1008, single: 82.6, half: 165.2, integer: 660.6, link: pcie4, "NVIDIA Ada white paper, checked; dense"),
        gpu(
            "RTX 5090", 32, 1792, single: 104.8, half: 209.5, integer: 838, link: pcie5,
            "NVIDIA RTX Blackwell white paper, checked; dense"),
        gpu(
            "RX 7900 XTX", 24, 960, single: 61.4, half: 122.8, integer: 122.8, link: pcie4,
            "AMD Radeon RX 7900 XTX product page, checked; f32 with dual issue"),
        gpu(
            "Arc A770", 16, 560, single: 17.2, half: 137.6, integer: 275, link: pcie4,
            "Intel Arc A770 16GB product page, checked; at 2.1 GHz, XMX rates"),
        // Unified memory: three quarters of it may be wired for the GPU; the link to "the host" is the same memory.
        gpu(
            "M2 Max", 72, 400, single: 13.6, half: 13.6, integer: 13.6, link: 400,
            "Apple M2 Max announcement (memory, bandwidth), f32 rate as usually given for 38 cores, 96 GB version"),
        gpu(
            "M3 Max", 96, 400, single: 14.2, half: 14.2, integer: 14.2, link: 400,
            "Apple M3 Max announcement (memory, bandwidth), f32 rate as usually given for 40 cores, 128 GB version"),
        // CPUs: cores x base clock x operations per cycle of the widest instructions; bandwidth of all channels of one socket.
        cpu("EPYC 7742", 204.8, single: 4.6, half: 4.6, integer: 9.2, "AMD EPYC 7742 product page; AVX2, 8 x DDR4-3200"),
        cpu("EPYC 9654", 460.8, single: 7.4, half: 14.7, integer: 29.5, "AMD EPYC 9654 product page; AVX-512 VNNI/BF16, 12 x DDR5-4800"),
        cpu(
            "Xeon Platinum 8380", 204.8, single: 5.9, half: 5.9, integer: 23.6,
            "Intel Xeon Platinum 8380 product page; AVX-512 VNNI, 8 x DDR4-3200"),
        cpu(
            "Xeon Platinum 8480+", 307.2, single: 7.2, half: 14.3, integer: 28.7,
            "Intel Xeon Platinum 8480+ product page; AVX-512 VNNI/BF16 without AMX, which no kernel here uses, 8 x DDR5-4800"),
        cpu("Ryzen 7 5800X", 51.2, single: 0.97, half: 0.97, integer: 1.95, "AMD Ryzen 7 5800X product page; AVX2, 2 x DDR4-3200"),
        cpu(
            "Ryzen 9 7950X", 83.2, single: 2.3, half: 4.6, integer: 9.2,
            "AMD Ryzen 9 7950X product page; AVX-512 VNNI/BF16, 2 x DDR5-5200"),
        cpu(
            "Core i9-13900K", 89.6, single: 1.3, half: 1.3, integer: 5.3,
            "Intel Core i9-13900K product page; 8 cores at 3.0 and 16 at 2.2 GHz, AVX2 VNNI, 2 x DDR5-5600"),
    ]
}
