import CKernels
import Checkpoints
import Devices
import Plans

/// Measures the processor with the kernels that models run on.
struct CPUProbe: DeviceProbe {
    var processor: String
    var workers: Int
    var instructionSet: InstructionSet?
    /// Data that products and attention take turns over: more than the caches hold.
    var coldBytes: Int
    /// Wants every point measured for longer.
    var isThorough = false

    var name: String { "processor" }
    var weight: Double { 1 }

    /// Those that most models come in first: what the time does not suffice for is at the end.
    static let formats: [TensorFormat] = [.q4_0, .q8_0, .q4_K, .bf16, .q6_K, .q5_K, .q4_1, .q5_0, .q5_1, .q3_K, .q2_K, .f32]
    /// F16 weights are packed as bfloat16: the same kernel on the same bytes.
    static let sharedFormats: [(TensorFormat, as: TensorFormat)] = [(.f16, as: .bf16)]
    /// The order in which token counts are measured: after a few the planner's interpolation is near everywhere.
    static let tokens = [1, 64, 8, 512, 2048, 16, 4, 2, 32, 128, 256, 1024]
    static let attentionRows = [1, 2048, 8, 64, 4, 16, 2, 256]

    func measure(seconds: Double, progress: (Double) -> Void) -> ProbeResult {
        let clock = Budget(seconds: seconds)
        var notes: [String] = []
        let device = DeviceProfile(
            name: processor, kind: .cpu, memory: nil, readBytesPerSecond: 1e9,
            operations: OperationRates(single: 1e9, half: 1e9, integer: 1e9),
            launch: 2e-6, origin: .measured, source: "motley profile")
        var result = ProbeResult(device: device)
        guard let cpu = CPU(threads: workers, instructionSet: instructionSet?.kernel) else {
            result.notes = ["the worker threads could not be started: nothing of the processor was measured"]
            return result
        }
        result.memory = bandwidths(cpu, clock.part(0.1)) { progress($0 * 0.1) }
        if result.memory.isEmpty { notes.append("no memory to measure the read bandwidth: 1 GB/s is assumed") }
        result.device.readBytesPerSecond = result.memory.last?.bytesPerSecond ?? 1e9
        let timer = StepTimer(cpu: cpu)
        result.device.launch = timer.launch(budget: clock.seconds * 0.003)
        // A moment suffices for small buffers alone.
        let isShort = seconds < 2
        let series = ProductSeries(cpu: cpu, columns: isShort ? 1024 : 4096, coldBytes: coldBytes, mostTokens: isShort ? 128 : 2048)
        if let series {
            series.select(.q4_0)
            result.device.launch = series.launch(least: result.device.launch, budget: clock.seconds * 0.015)
        } else {
            notes.append("no memory to measure products")
        }
        result.stepOverhead = timer.wake()
        result.device.vectorRates = table([1, 512, 8, 64], clock.part(0.05)) { timer.elementsPerSecond(tokens: $0, budget: $1) }
        attention(cpu, clock.part(0.2), &result.device, &notes) { progress(0.15 + $0 * 0.2) }
        if let series { products(series, clock.part(1), &result.device, &notes) { progress(0.35 + $0 * 0.65) } }
        result.notes = notes
        return result
    }

    /// 1, 2, 4 ... threads up to all workers.
    private func bandwidths(_ all: CPU, _ budget: Budget, progress: (Double) -> Void) -> [ThreadBandwidth] {
        guard let reader = MemoryReader(byteCount: coldBytes) else { return [] }
        var counts: [Int] = []
        var count = 1
        while count < all.workers {
            counts.append(count)
            count *= 2
        }
        var found: [ThreadBandwidth] = []
        for (index, threads) in (counts + [all.workers]).enumerated() {
            guard let cpu = threads == all.workers ? all : CPU(threads: threads, instructionSet: instructionSet?.kernel),
                cpu.workers == threads,
                threads == all.workers || !budget.isSpent
            else { continue }
            let each = min(0.4, max(0, budget.left / Double(counts.count + 1 - index)))
            found.append(ThreadBandwidth(threads: threads, bytesPerSecond: max(1, reader.bytesPerSecond(cpu, budget: each * 0.8))))
            progress(Double(index + 1) / Double(counts.count + 1))
        }
        return found
    }

    /// Rates at some counts, in order of importance until the time is up; at least the first.
    private func table(_ counts: [Int], _ budget: Budget, _ measure: (_ count: Int, _ seconds: Double) -> Double?) -> RateTable? {
        var points: [RateTable.Point] = []
        for (index, count) in counts.enumerated() {
            if index > 0 && budget.isSpent { break }
            guard let rate = measure(count, max(0, budget.left) / Double(counts.count - index) * 0.5), rate.isFinite, rate > 0 else {
                continue
            }
            points.append(.init(tokens: Double(count), operationsPerSecond: rate))
        }
        return RateTable(points: points.sorted { $0.tokens < $1.tokens })
    }

    private func attention(_ cpu: CPU, _ budget: Budget, _ device: inout DeviceProfile, _ notes: inout [String], progress: (Double) -> Void)
    {
        guard let series = AttentionSeries(cpu: cpu, coldBytes: coldBytes) else {
            notes.append("no memory to measure attention: half the rate of products is assumed")
            return
        }
        let launch = device.launch
        var read = 0.0
        for (index, format) in [KeyValueFormat.f16, .q8].enumerated() {
            let share = Budget(seconds: budget.left / Double(2 - index))
            let kernel = format == .f16 ? MK_KV_F16 : MK_KV_Q8
            read = max(read, series.bytesPerSecond(kernel, budget: share.seconds * 0.15) ?? 0)
            device.attentionRates[format] = table(Self.attentionRows, share) { rows, seconds in
                series.operationsPerSecond(kernel, rows: rows, launch: launch, budget: min(seconds, isThorough ? 1 : 0.08))
            }
            progress(Double(index + 1) / 2)
        }
        if read > 0 { device.attentionBytesPerSecond = read }
        if let table = device.attentionRates[.f16] { device.attentionOperations = table.operationsPerSecond(tokens: 2048) }
    }

    private func products(
        _ series: ProductSeries, _ budget: Budget, _ device: inout DeviceProfile, _ notes: inout [String], progress: (Double) -> Void
    ) {
        var missing: [TensorFormat] = []
        var gaps: [TensorFormat] = []
        for (index, format) in Self.formats.enumerated() {
            guard index == 0 || !budget.isSpent else {
                missing.append(format)
                continue
            }
            let share = Budget(seconds: budget.left / Double(Self.formats.count - index))
            series.select(format)
            let points = ProductCurve(series: series, budget: share, launch: device.launch, perPoint: isThorough ? 0.25 : 0.05).measure(
                Self.tokens)
            device.rates[format] = RateTable(points: points)
            if points.count < Self.tokens.count { gaps.append(format) }
            progress(Double(index + 1) / Double(Self.formats.count))
        }
        for (format, other) in Self.sharedFormats { device.rates[format] = device.rates[other] }
        func best(_ formats: [TensorFormat]) -> Double? {
            formats.compactMap { device.rates[$0]?.points.map(\.operationsPerSecond).max() }.min()
        }
        let integer = best(Self.formats.filter(\.isQuantised)) ?? 1e9
        let half = best([.bf16]) ?? integer / 2
        device.operations = OperationRates(single: best([.f32]) ?? half / 2, half: half, integer: integer)
        func names(_ formats: [TensorFormat]) -> String { formats.map(\.name).joined(separator: ", ") }
        if !missing.isEmpty { notes.append("no time to measure \(names(missing)): planned from bandwidth and rate of the others") }
        if !gaps.isEmpty { notes.append("some token counts of \(names(gaps)) were left out for lack of time: the planner interpolates") }
    }
}
