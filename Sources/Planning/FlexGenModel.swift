import Glibc

/// FlexGen's published cost model (arXiv 2303.06865, section 4.3 and the authors' code): per layer, f16. Kept to reproduce their figures
/// and to measure searches under their own model; plans are chosen under ours.
struct FlexGenModel {
    /// 11 numbers: block geometry and nine shares.
    struct Policy: Equatable {
        var batch: Int
        var batches: Int
        /// Weights, cache and hidden states on GPU, host and disk.
        var weights: [Double]
        var cache: [Double]
        var hidden: [Double]

        init(batch: Int, batches: Int, weights: [Double], cache: [Double], hidden: [Double]) {
            self.batch = batch
            self.batches = batches
            self.weights = weights
            self.cache = cache
            self.hidden = hidden
        }

        var shares: [Double] { weights + cache + hidden }
        var block: Double { Double(batch * batches) }
    }

    /// How the terms of a phase combine.
    enum Variant: CaseIterable {
        /// The greatest of the five terms in both phases.
        case paper
        /// Prefill: host to GPU with disk to host, GPU to host with host to disk, computing; decode: host to GPU plus the greatest of the
        /// others.
        case code
    }

    /// Bytes and operations per second.
    struct Constants {
        var toGPU = 12.89 * gibi
        var cacheFromGPU = 0.97 * gibi
        var hiddenFromGPU = 4.82 * gibi
        var diskRead = 0.473 * gibi
        var cacheToDisk = 0.746 * gibi
        var hiddenToDisk = 2.015 * gibi
        var decodeToDisk = 2.015 * gibi
        var prefillProducts = 21.24e12
        var decodeProducts = 4.3e12
        var prefillAttention = 9.97e12
        var decodeAttention = 0.079e12
        var cpuAttention = 0.0123e12
        /// Disk reads of weights in decode run a little below the rate.
        var weightReads = 0.95

        static let gibi = 1_073_741_824.0
        /// A T4 host, as the authors measured it.
        static let t4 = Constants()
    }

    var constants: Constants
    var layers: Double
    var hidden: Double
    var feedForward: Double
    var prompt: Double
    var output: Double
    /// Bytes of a weight and of a cached element over those of f16: `fourBit` for groups of 64.
    var weightScale = 1.0
    var cacheScale = 1.0

    /// 4-bit groups of 64 with a half-precision scale and minimum, against f16.
    static let fourBit = 4.5 / 16

    /// Bytes of a layer's weights as they are stored and moved.
    var weightBytes: Double { (8 * hidden * hidden + 4 * hidden * feedForward) * weightScale }

    /// The five terms as linear functions of the nine shares (coefficients, then the constant), seconds per layer.
    struct Terms {
        var toGPU: [Double]
        var fromGPU: [Double]
        var fromDisk: [Double]
        var toDisk: [Double]
        var compute: [Double]
    }

    /// Shares by index: wg wc wd cg cc cd hg hc hd, then the constant.
    func terms(batch: Int, batches: Int, prefill: Bool) -> Terms {
        let c = constants
        let block = Double(batch * batches), s = prompt, n = output, h = hidden, w = weightBytes
        var terms = Terms(
            toGPU: zeros, fromGPU: zeros, fromDisk: zeros, toDisk: zeros, compute: zeros)
        let tokens = prefill ? s : 1
        for place in [1, 2] {
            terms.toGPU[place] = w / c.toGPU
            terms.toGPU[6 + place] = 2 * tokens * h * block / c.toGPU
            terms.fromGPU[6 + place] = 2 * tokens * h * block / c.hiddenFromGPU
            if prefill { terms.fromGPU[3 + place] = 4 * (s + 1) * h * block * cacheScale / c.cacheFromGPU }
        }
        terms.fromDisk[2] = prefill ? w / c.diskRead : w / (c.weightReads * c.diskRead)
        terms.fromDisk[8] = 2 * tokens * h * block / c.diskRead
        if prefill {
            terms.toDisk[5] = 4 * block * (s + 1) * h * cacheScale / c.cacheToDisk
            terms.toDisk[8] = 2 * s * h * block / c.hiddenToDisk
            terms.compute[9] =
                block * (8 * s * h * h + 4 * s * h * feedForward) / c.prefillProducts + 4 * block * s * s * h / c.prefillAttention
        } else {
            terms.fromDisk[5] = 4 * block * (s + n / 2) * h * cacheScale / c.diskRead
            terms.toDisk[5] = 4 * block * h * cacheScale / c.decodeToDisk
            terms.toDisk[8] = 2 * h * block / c.decodeToDisk
            terms.compute[9] = block * (8 * h * h + 4 * h * feedForward) / c.decodeProducts
            terms.compute[3] = 4 * block * (s + n / 2) * h / c.decodeAttention
            for place in [4, 5] { terms.compute[place] = 4 * block * (s + n / 2) * h / cpuRate(batch) }
        }
        return terms
    }

    private var zeros: [Double] { Array(repeating: 0, count: 10) }

    /// What is left of the CPU's attention rate for small batches and small models.
    func cpuRate(_ batch: Int) -> Double {
        let a = max(0, log2(64 / Double(batch))), b = max(0, log2(4096 / hidden))
        return constants.cpuAttention * max(0.1, 1 + 0.0168 * a * b - 0.0328 * a - 0.0621 * b)
    }

    /// The linear functions whose greatest is the time of a phase.
    func bounds(_ terms: Terms, _ variant: Variant, prefill: Bool) -> [[Double]] {
        func sum(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map(+) }
        switch variant {
        case .paper: return [terms.toGPU, terms.fromGPU, terms.fromDisk, terms.toDisk, terms.compute]
        case .code where prefill: return [sum(terms.toGPU, terms.fromDisk), sum(terms.fromGPU, terms.toDisk), terms.compute]
        case .code: return [terms.fromGPU, terms.fromDisk, terms.toDisk, terms.compute].map { sum(terms.toGPU, $0) }
        }
    }

    struct Times: Equatable {
        /// Seconds per layer.
        var prefill: Double
        var decode: Double
        var total: Double
        var throughput: Double
    }

    func times(_ policy: Policy, _ variant: Variant) -> Times {
        func greatest(_ prefill: Bool) -> Double {
            bounds(terms(batch: policy.batch, batches: policy.batches, prefill: prefill), variant, prefill: prefill)
                .map { row in zip(row, policy.shares + [1]).reduce(0) { $0 + $1.0 * $1.1 } }.max() ?? 0
        }
        let prefill = greatest(true), decode = greatest(false)
        let total = prefill * layers + decode * max(0, output - 1) * layers
        return Times(prefill: prefill, decode: decode, total: total, throughput: policy.block * output / total)
    }

    /// Bytes on GPU, host and disk as linear functions of the shares: weights, cache at its end, hidden states of the block, and what
    /// computing one micro-batch needs on the GPU (its hidden states twice, a layer's streamed weights in a double buffer).
    func memory(batch: Int, batches: Int) -> [[Double]] {
        let block = Double(batch * batches)
        let cache = 4 * (prompt + output) * hidden * block * layers * cacheScale, states = 2 * prompt * hidden * block
        return [0, 1, 2].map { place in
            var row = zeros
            row[place] = weightBytes * layers
            row[3 + place] = cache
            row[6 + place] = states
            if place == 0 {
                row[1] = 2 * weightBytes
                row[2] = 2 * weightBytes
                row[9] = 4 * Double(batch) * prompt * hidden
            }
            return row
        }
    }

    /// The program for a geometry: nine shares, then seconds of prefill and of decode per layer.
    func program(batch: Int, batches: Int, capacities: [Double], variant: Variant) -> LinearProgram {
        var program = LinearProgram(cost: Array(repeating: 0, count: 9) + [layers, layers * max(0, output - 1)])
        for group in 0..<3 {
            program.rows.append(.init(coefficients: (0..<11).map { $0 / 3 == group && $0 < 9 ? 1 : 0 }, bound: 1, isEquality: true))
        }
        for (place, row) in memory(batch: batch, batches: batches).enumerated() {
            program.rows.append(.init(coefficients: Array(row[..<9]) + [0, 0], bound: capacities[place] - row[9]))
        }
        for prefill in [true, false] {
            for row in bounds(terms(batch: batch, batches: batches, prefill: prefill), variant, prefill: prefill)
            where row.contains(where: { $0 != 0 }) {
                program.rows.append(.init(coefficients: Array(row[..<9]) + (prefill ? [-1, 0] : [0, -1]), bound: -row[9]))
            }
        }
        return program
    }

    /// The best shares for a geometry under memory capacities; nil where nothing fits.
    func bestShares(batch: Int, batches: Int, capacities: [Double], variant: Variant) -> (policy: Policy, times: Times)? {
        guard let solution = program(batch: batch, batches: batches, capacities: capacities, variant: variant).solve() else { return nil }
        let values = solution.values.map { min(1, max(0, $0)) }
        let policy = Policy(
            batch: batch, batches: batches, weights: Array(values[0..<3]), cache: Array(values[3..<6]), hidden: Array(values[6..<9]))
        return (policy, times(policy, variant))
    }

    /// The best policy over geometries: micro-batches of 1, 2, 3, 4, 8, 16, ... sequences and so many of them, thinned; then whole numbers
    /// around the best three.
    func search(capacities: [Double], mostSequences: Int, mostBatches: Int = 64, variant: Variant) -> (policy: Policy, times: Times)? {
        var known: [[Int]: (policy: Policy, times: Times)?] = [:]
        func rate(_ batch: Int, _ batches: Int) -> Double {
            guard batch > 0, batches > 0, batches <= mostBatches, batch * batches <= mostSequences else { return 0 }
            if let found = known[[batch, batches]] { return found?.times.throughput ?? 0 }
            let found = bestShares(batch: batch, batches: batches, capacities: capacities, variant: variant)
            known[[batch, batches]] = .some(found)
            return found?.times.throughput ?? 0
        }
        let scanned = Self.geometries(mostSequences: mostSequences, mostBatches: mostBatches).map { ($0.0, $0.1, rate($0.0, $0.1)) }
        for start in scanned.sorted(by: { $0.2 > $1.2 }).prefix(3) where start.2 > 0 { _ = Self.climb(from: (start.0, start.1), rate) }
        return known.values.compactMap { $0 }.max { a, b in
            (a.times.throughput, -a.policy.batch, -a.policy.batches) < (b.times.throughput, -b.policy.batch, -b.policy.batches)
        }
    }

    /// Whole numbers near a geometry, for as long as one of them is better.
    static func climb(from start: (batch: Int, batches: Int), _ rate: (Int, Int) -> Double) -> (batch: Int, batches: Int) {
        var here = start
        var best = rate(start.batch, start.batches)
        for _ in 0..<64 {
            var next = here
            for (a, b) in [
                (1, 0), (-1, 0), (2, 0), (-2, 0), (4, 0), (-4, 0), (0, 1), (0, -1), (0, 2), (0, -2), (1, -1), (-1, 1), (1, 1), (-1, -1),
            ] {
                let value = rate(here.batch + a, here.batches + b)
                if value > best * (1 + 1e-12) { (best, next) = (value, (here.batch + a, here.batches + b)) }
            }
            // Half as many of twice the size, and the other way round.
            for (batch, batches) in [(here.batch * 2, here.batches / 2), (here.batch / 2, here.batches * 2)] {
                let value = rate(batch, batches)
                if value > best * (1 + 1e-12) { (best, next) = (value, (batch, batches)) }
            }
            if next == here { break }
            here = next
        }
        return here
    }

    static func geometries(mostSequences: Int, mostBatches: Int) -> [(Int, Int)] {
        var result: [(Int, Int)] = []
        for batch in [1, 2, 3, 4] + stride(from: 8, through: 128, by: 8) where batch <= mostSequences {
            for batches in [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64]
            where batches <= mostBatches && batch * batches <= mostSequences {
                result.append((batch, batches))
            }
        }
        return result
    }
}
