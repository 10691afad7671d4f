import CKernels
import Checkpoints
import Devices
import Testing

/// Products of matrices that are cut along their columns: the jobs of any number of workers, over any cut, give the same bits.
@Suite struct CutTests {
    /// A matrix in chunks, its inputs, and what its products are added to.
    private struct Problem {
        var format: TensorFormat
        var isa: mk_isa
        var rows: Int
        var columns: Int
        var chunk: Int
        var tokens: Int
        var stored: [UInt8]
        var inputs: [Float]
        var bias: [Float]
        var residual: [Float]

        var padded: Int { (rows + 15) / 16 * 16 }
        var chunks: Int { (columns + chunk - 1) / chunk }

        init(_ format: TensorFormat, _ isa: mk_isa, rows: Int, columns: Int, chunk: Int, tokens: Int, _ random: inout Numbers) {
            (self.format, self.isa, self.rows, self.columns, self.chunk, self.tokens) = (format, isa, rows, columns, chunk, tokens)
            stored = random.bytes(rows * (format.byteCount(elements: columns) ?? 0))
            inputs = random.floats(tokens * columns)
            bias = random.floats((rows + 15) / 16 * 16)
            residual = random.floats(tokens * ((rows + 15) / 16 * 16))
        }

        /// The columns packed for the kernels, with their inputs; kept as long as `body` runs.
        func withProduct<R>(_ range: Range<Int>, _ cpu: CPU, _ body: (inout mk_product_job) throws -> R) rethrows -> R {
            let kind = mk_input_kind(format.kernelFormat), width = Int64(range.count)
            let packed = UnsafeMutableRawPointer.allocate(
                byteCount: packedByteCount(format: format, rows: rows, columns: range.count) ?? 0, alignment: 64)
            let x = UnsafeMutableRawPointer.allocate(byteCount: mk_input_bytes(isa, kind, Int64(tokens), width), alignment: 64)
            let stride = (mk_product_scratch(width) + 63) / 64 * 64
            let scratch = UnsafeMutableRawPointer.allocate(byteCount: stride * cpu.workers, alignment: 64)
            defer { for pointer in [packed, x, scratch] { pointer.deallocate() } }
            stored.withUnsafeBytes {
                cpu.pack(
                    format, source: $0, storedShape: [rows, columns], firstRow: 0, rows: rows, firstColumn: range.lowerBound,
                    columns: range.count, transposed: false, into: packed)
            }
            inputs.withUnsafeBufferPointer {
                guard let base = $0.baseAddress else { return }
                mk_pack_input(isa, kind, base + range.lowerBound, Int64(columns), Int64(tokens), 0, Int64(tokens), width, x)
            }
            var job = mk_product_job()
            job.isa = isa
            job.count = 1
            job.matrices.0.data = UnsafePointer(packed.assumingMemoryBound(to: UInt8.self))
            job.matrices.0.format = format.kernelFormat
            job.matrices.0.columns = width
            job.matrices.0.groups = Int64(padded / 16)
            job.matrices.0.chunk = Int64(chunk)
            job.matrices.0.chunks = Int64(chunks)
            job.inputs.0 = UnsafeRawPointer(x)
            job.strides.0 = Int64(padded)
            job.tokens = Int64(tokens)
            job.scratch = scratch.assumingMemoryBound(to: UInt8.self)
            job.scratch_stride = Int64(stride)
            return try body(&job)
        }

        /// residual + W x + bias of the whole matrix.
        func whole(_ cpu: CPU) -> [Float] {
            var y = residual
            withProduct(0..<columns, cpu) { job in
                y.withUnsafeMutableBufferPointer { y in
                    bias.withUnsafeBufferPointer { bias in
                        job.outputs.0 = y.baseAddress
                        job.matrices.0.bias = bias.baseAddress
                        job.add = true
                        cpu.run(mk_run_product, &job)
                    }
                }
            }
            return y
        }

        /// The same from the parts of some ranges, in their order.
        func cut(_ ranges: [Range<Int>], _ cpu: CPU) -> [Float] {
            let parts = ranges.map { range in
                let part = UnsafeMutablePointer<Double>.allocate(capacity: tokens * padded)
                part.initialize(repeating: .nan, count: tokens * padded)
                withProduct(range, cpu) { job in
                    job.parts.0 = part
                    cpu.run(mk_run_product, &job)
                }
                return UnsafePointer(part) as UnsafePointer<Double>?
            }
            defer { for part in parts { part?.deallocate() } }
            var y = residual
            y.withUnsafeMutableBufferPointer { y in
                bias.withUnsafeBufferPointer { bias in
                    parts.withUnsafeBufferPointer { parts in
                        var job = mk_sum_job()
                        job.isa = isa
                        job.parts = parts.baseAddress
                        job.count = Int64(parts.count)
                        job.part_stride = Int64(padded)
                        job.bias = bias.baseAddress
                        job.y = y.baseAddress
                        job.stride = Int64(padded)
                        job.rows = Int64(padded)
                        job.tokens = Int64(tokens)
                        job.add = true
                        cpu.run(mk_run_sum, &job)
                    }
                }
            }
            return y
        }
    }

    /// Numbers that follow from a seed.
    private struct Numbers {
        var state: UInt64

        mutating func next() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33)
        }

        mutating func floats(_ count: Int, size: Float = 1) -> [Float] {
            (0..<count).map { _ in size * (Float(next()) / Float(1 << 30) - 1) }
        }

        /// Bytes that are moderate numbers in every format: a half or a float that ends anywhere in them is below 2.
        mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(next() >> 10 & 0xBF) } }

        /// Ranges that end at chunks, shuffled.
        mutating func cut(_ problem: Problem) -> [Range<Int>] {
            var ranges: [Range<Int>] = []
            var first = 0
            while first < problem.chunks {
                let end = first + 1 + next() % (problem.chunks - first)
                ranges.append(first * problem.chunk..<min(end * problem.chunk, problem.columns))
                first = end
            }
            for index in ranges.indices.reversed() { ranges.swapAt(index, next() % (index + 1)) }
            return ranges
        }
    }

    /// Equal bits; not-a-number equals itself.
    private func same(_ a: [Float], _ b: [Float]) -> Bool {
        zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN }
    }

    @Test(arguments: Conformance.instructionSets.map(\.rawValue), TensorFormat.allCases)
    func anyCutGivesTheBitsOfTheWhole(_ set: UInt32, _ format: TensorFormat) throws {
        let isa = mk_isa(rawValue: set)
        let one = try #require(CPU(threads: 1, instructionSet: isa)), three = try #require(CPU(threads: 3, instructionSet: isa))
        var random = Numbers(state: UInt64(format.rawValue) + 1)
        let block = format.blockElements, quantum = block == 1 ? 16 : 2 * block
        for (turn, tokens) in [1, 2, 5, 21].enumerated() {
            // More rows than one piece of the sum's job, once.
            let rows = [1100, 40, 70, 16][turn], chunk = quantum * [1, 2, 1, 3][turn]
            let columns = chunk * [5, 2, 4, 2][turn] + [0, block, quantum - block, quantum][turn] % chunk
            let problem = Problem(format, isa, rows: rows, columns: columns, chunk: chunk, tokens: tokens, &random)
            let whole = problem.whole(one)
            let isSound = whole.contains { $0 != 0 } && whole.allSatisfy { $0.isFinite }
            #expect(isSound)
            #expect(same(problem.whole(three), whole))
            for cpu in [one, three] {
                for _ in 0..<3 {
                    let ranges = random.cut(problem)
                    #expect(same(problem.cut(ranges, cpu), whole), "\(tokens) tokens, \(cpu.workers) workers, \(ranges)")
                }
            }
        }
    }

    /// A token alone has the bits it has in any company.
    @Test(arguments: Conformance.instructionSets.map(\.rawValue)) func companyChangesNothing(_ set: UInt32) throws {
        let isa = mk_isa(rawValue: set)
        let cpu = try #require(CPU(threads: 2, instructionSet: isa))
        var random = Numbers(state: 3)
        for format in [TensorFormat.f32, .bf16, .q4_0, .q6_K] {
            let chunk = format.blockElements == 256 ? 512 : 64
            let problem = Problem(format, isa, rows: 32, columns: 3 * chunk, chunk: chunk, tokens: 19, &random)
            let together = problem.whole(cpu)
            for token in 0..<problem.tokens {
                var alone = problem
                alone.tokens = 1
                alone.inputs = Array(problem.inputs[token * problem.columns..<(token + 1) * problem.columns])
                alone.residual = Array(problem.residual[token * 32..<(token + 1) * 32])
                #expect(same(alone.whole(cpu), Array(together[token * 32..<(token + 1) * 32])))
            }
        }
    }

    /// Sums that are out of range or no numbers make the output not a number, over any cut, and leave other outputs alone.
    @Test(arguments: Conformance.instructionSets.map(\.rawValue)) func sumsOutOfRangeAreNotNumbers(_ set: UInt32) throws {
        let isa = mk_isa(rawValue: set)
        let cpu = try #require(CPU(threads: 2, instructionSet: isa))
        var random = Numbers(state: 5)
        let chunk = 32, columns = 7 * chunk
        var problem = Problem(.f32, isa, rows: 16, columns: columns, chunk: chunk, tokens: 8, &random)
        // Row r is its column r; token t has one number in column t of some chunks, and row t is what it makes.
        problem.stored = [UInt8](repeating: 0, count: problem.stored.count)
        for row in 0..<16 {
            for start in stride(from: 0, to: columns, by: chunk) {
                problem.stored[(row * columns + start + row) * 4 + 2] = 0x80
                problem.stored[(row * columns + start + row) * 4 + 3] = 0x3F
            }
        }
        problem.bias = [Float](repeating: 0, count: 16)
        problem.residual = [Float](repeating: 0, count: 8 * 16)
        // Seven chunks share the range as eight would.
        let limit = Float(1 << (53 - MK_SUM_UNIT_BITS)) / 8
        let values: [[Float]] = [
            [limit.nextDown, limit.nextDown, limit.nextDown], [limit, -limit], [-limit], [.infinity], [.infinity, -.infinity], [.nan],
            [3e38, -3e38], [1e-30, limit / 2, -limit / 2],
        ]
        problem.inputs = [Float](repeating: 0, count: 8 * columns)
        for (token, numbers) in values.enumerated() {
            for (index, number) in numbers.enumerated() { problem.inputs[token * columns + index * 2 * chunk + token] = number }
        }
        let whole = problem.whole(cpu)
        // Infinity times another row's zero is no number either.
        for token in 0..<8 where ![3, 4, 5].contains(token) {
            for row in 0..<16 where row != token { #expect(whole[token * 16 + row] == 0) }
        }
        let diagonal = (0..<8).map { whole[$0 * 16 + $0] }
        #expect(diagonal[0] == Float(3 * Double(limit.nextDown)))
        let areNotNumbers = diagonal[1..<7].map { $0.isNaN }
        #expect(areNotNumbers == [true, true, true, true, true, true])
        #expect(diagonal[7] == 0)
        for _ in 0..<10 { #expect(same(problem.cut(random.cut(problem), cpu), whole)) }
    }

    /// What rounding to whole units costs: nothing that shows beside the rounding of floats where sums are ordinary or massive, half
    /// a unit of each chunk where they are tiny.
    @Test(arguments: [1e5, 1e4, 1, 1e-3, 1e-5] as [Float]) func tinyAndMassiveSumsKeepTheirPrecision(_ size: Float) throws {
        let cpu = try #require(CPU(threads: 1))
        var random = Numbers(state: 7)
        let chunk = 512, columns = 28 * chunk
        var problem = Problem(.f32, cpu.instructionSet, rows: 16, columns: columns, chunk: chunk, tokens: 4, &random)
        problem.stored = random.floats(16 * columns).flatMap { value in (0..<4).map { UInt8(value.bitPattern >> (8 * $0) & 255) } }
        // Sums of `size`: of so many products of numbers whose squares are a third in the mean.
        problem.inputs = random.floats(4 * columns, size: size * 3 / Float(columns).squareRoot())
        problem.bias = [Float](repeating: 0, count: 16)
        problem.residual = [Float](repeating: 0, count: 64)
        let y = problem.whole(cpu)
        var squares = 0.0, errors = 0.0, ordinary = 0.0
        for token in 0..<4 {
            for row in 0..<16 {
                var exact = 0.0
                var chain: Float = 0
                for column in 0..<columns {
                    let at = (row * columns + column) * 4
                    let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(problem.stored[at + $1]) << UInt32(8 * $1) }
                    let weight = Float(bitPattern: bits), x = problem.inputs[token * columns + column]
                    exact += Double(weight) * Double(x)
                    chain += weight * x
                }
                squares += exact * exact
                errors += (Double(y[token * 16 + row]) - exact) * (Double(y[token * 16 + row]) - exact)
                ordinary += (Double(chain) - exact) * (Double(chain) - exact)
            }
        }
        let rms = (errors / 64).squareRoot(), typical = (squares / 64).squareRoot(), one = (ordinary / 64).squareRoot()
        #expect(abs(typical / Double(size) - 1) < 0.5)
        // Half a unit, uniformly, from each of 28 chunks, beside what one chain of floats loses.
        let units = (28.0 / 12).squareRoot() / Double(1 << MK_SUM_UNIT_BITS)
        #expect(rms <= one + 1.5 * units, "\(rms / typical) of the sums; one chain \(one / typical)")
    }
}
