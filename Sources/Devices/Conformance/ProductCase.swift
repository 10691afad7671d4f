import CKernels
import Checkpoints

/// y = (y +) W x (+ bias) for packed weights of one format.
struct ProductCase: KernelCase {
    let matrix: RandomMatrix
    let tokens: Int
    let pattern: InputPattern
    /// tokens x columns.
    let inputs: [Float]
    /// rows padded to 16, or nil.
    let bias: [Float]?
    /// What the outputs held before, tokens x padded rows, or nil where the product replaces it.
    let previous: [Float]?
    /// Columns whose sum is rounded and added exactly; 0: all are one chain of floats.
    var chunk = 0

    init(format: TensorFormat, rows: Int, columns: Int, tokens: Int, pattern: InputPattern, bias: Bool, add: Bool, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let matrix = RandomMatrix(format: format, rows: rows, columns: columns, extreme: pattern == .extreme, random: &random)
        self.init(matrix, tokens: tokens, pattern: pattern, bias: bias, add: add, random: &random)
    }

    init(_ matrix: RandomMatrix, tokens: Int, pattern: InputPattern, bias: Bool, add: Bool, random: inout SeededRandom) {
        let (rows, columns) = (matrix.rows, matrix.columns)
        self.matrix = matrix
        self.tokens = tokens
        self.pattern = pattern
        inputs = pattern.values(rows: tokens, columns: columns, random: &random)
        let padded = (rows + 15) / 16 * 16
        self.bias = bias ? (0..<padded).map { $0 < rows ? random.normal() : 0 } : nil
        previous = add ? InputPattern.normal.values(rows: tokens, columns: padded, random: &random) : nil
    }

    var operation: KernelOperation { .product }
    var variant: String { matrix.format.name }
    var shape: String {
        "\(matrix.rows)x\(matrix.columns), \(tokens) tokens, \(pattern)" + (bias == nil ? "" : ", bias") + (previous == nil ? "" : ", add")
    }

    var groups: Int { (matrix.rows + 15) / 16 }
    var padded: Int { groups * 16 }
    var kind: mk_input { mk_input_kind(matrix.format.kernelFormat) }

    /// Weights as the product sees them: 16-bit ones are bfloat16 once packed.
    private func weights() -> [Float] {
        let values = matrix.values()
        return kind == MK_INPUT_BF16 ? values.map(ReferenceInput.bfloat) : values
    }

    func expected() -> Expectation {
        let weights = weights(), sizes = matrix.sizes(), columns = matrix.columns
        var expectation = Expectation(tolerance: Expectation.tolerance(terms: matrix.format.isQuantised ? columns / 8 : columns))
        for token in 0..<tokens {
            let input = ReferenceInput(inputs[token * columns..<(token + 1) * columns], kind: kind)
            for row in 0..<padded {
                var sum = 0.0
                // Products below the normal range may be taken as zero.
                var magnitude = 1e-30
                if row < matrix.rows {
                    for column in 0..<columns {
                        sum += Double(weights[row * columns + column]) * input.values[column]
                        magnitude += sizes[row * columns + column] * abs(input.values[column])
                    }
                }
                for extra in [bias?[row], previous?[token * padded + row]] {
                    sum += Double(extra ?? 0)
                    magnitude += abs(Double(extra ?? 0))
                }
                expectation.append(sum, magnitude: magnitude)
            }
        }
        return expectation
    }

    func outputs(_ instructionSet: mk_isa, memory: GuardedMemory) -> [Float] {
        outputs(instructionSet, memory: memory, weights: matrix.packed(in: memory))
    }

    /// The product with `weights` in place of the matrix's own.
    func outputs(_ instructionSet: mk_isa, memory: GuardedMemory, weights: UnsafeMutablePointer<UInt8>) -> [Float] {
        run(instructionSet, memory, weights: weights, inputs: inputs, tokens: 0..<tokens, wholeGroups: true)
    }

    /// Packs inputs and multiplies; by single groups where not `wholeGroups`.
    private func run(
        _ instructionSet: mk_isa, _ memory: GuardedMemory, weights: UnsafeMutablePointer<UInt8>, inputs: [Float], tokens: Range<Int>,
        wholeGroups: Bool
    ) -> [Float] {
        let columns = matrix.columns, count = tokens.count
        var bound = mk_matrix()
        bound.data = UnsafePointer(weights)
        bound.format = matrix.format.kernelFormat
        bound.columns = Int64(columns)
        bound.groups = Int64(groups)
        bound.bias = bias.map { UnsafePointer(memory.make("bias", $0)) }
        bound.chunk = Int64(chunk)
        bound.chunks = chunk == 0 ? 0 : Int64((columns + chunk - 1) / chunk)
        let x = memory.make("inputs", Array(inputs[tokens.lowerBound * columns..<tokens.upperBound * columns]))
        let packed = memory.make("packed inputs", Int(mk_input_bytes(instructionSet, kind, Int64(count), Int64(columns))), of: UInt8.self)
        // In two parts, the way several workers do it.
        let middle = Int64(count / 2)
        for (first, last) in [(middle, Int64(count)), (0, middle)] {
            mk_pack_input(instructionSet, kind, x, Int64(columns), Int64(count), first, last, Int64(columns), packed)
        }
        let scratch = memory.make("scratch", mk_product_scratch(Int64(columns)), of: UInt8.self)
        // Sixteen floats between rows of outputs that nobody may touch.
        let stride = padded + 16, mark: Float = -12_345.5
        let y = memory.make("outputs", count * stride, of: Float.self)
        for index in 0..<count * stride { y[index] = mark }
        for token in 0..<count {
            guard let previous else { break }
            for row in 0..<padded { y[token * stride + row] = previous[(tokens.lowerBound + token) * padded + row] }
        }
        for group in 0..<(wholeGroups ? 1 : groups) {
            mk_product(
                instructionSet, &bound, wholeGroups ? 0 : Int64(group), wholeGroups ? Int64(groups) : Int64(group + 1), packed,
                Int64(count), y,
                Int64(stride), previous != nil, scratch)
        }
        var result: [Float] = []
        for token in 0..<count {
            for row in 0..<padded { result.append(y[token * stride + row]) }
            for row in padded..<stride where y[token * stride + row] != mark { memory.report("a row of outputs is longer than its groups") }
        }
        return result
    }

    func brokenPromises(_ instructionSet: mk_isa, memory: GuardedMemory, outputs whole: [Float], expected: Expectation) -> [String] {
        var faults = looseBound(whole, expected)
        let weights = matrix.packed(in: memory)
        if run(instructionSet, memory, weights: weights, inputs: inputs, tokens: 0..<tokens, wholeGroups: false) != whole {
            faults.append("the result depends on how groups are cut into chunks")
        }
        guard tokens > 1 else { return faults }
        for token in 0..<tokens {
            let alone = run(instructionSet, memory, weights: weights, inputs: inputs, tokens: token..<token + 1, wholeGroups: true)
            if alone != Array(whole[token * padded..<(token + 1) * padded]) {
                faults.append("token \(token) alone differs from its place in the batch")
            }
        }
        var poisoned = inputs
        let victim = tokens / 2
        poisoned[victim * matrix.columns] = .infinity
        poisoned[(victim + 1) * matrix.columns - 1] = .nan
        let beside = run(instructionSet, memory, weights: weights, inputs: poisoned, tokens: 0..<tokens, wholeGroups: true)
        for index in whole.indices where index / padded != victim && beside[index] != whole[index] {
            faults.append("an infinity in token \(victim) changes token \(index / padded)")
            break
        }
        return faults
    }

    /// The result against unrounded inputs and weights: apart by no more than rounding them explains.
    private func looseBound(_ outputs: [Float], _ margin: Expectation) -> [String] {
        let exact = matrix.values(), weights = weights(), columns = matrix.columns
        for token in 0..<tokens {
            let row = inputs[token * columns..<(token + 1) * columns]
            let input = ReferenceInput(row, kind: kind)
            for output in 0..<matrix.rows {
                var sum = Double(bias?[output] ?? 0) + Double(previous?[token * padded + output] ?? 0)
                var bound = 0.0
                for column in 0..<columns {
                    let x = Double(row[row.startIndex + column]), w = Double(exact[output * columns + column])
                    sum += w * x
                    bound += abs(w) * input.errors[column] + abs(w - Double(weights[output * columns + column])) * abs(input.values[column])
                }
                let index = token * padded + output
                let error = abs(Double(outputs[index]) - sum)
                if !(error <= bound + margin.tolerance * margin.magnitudes[index]) {
                    return ["row \(output), token \(token) is \(error) from the product of unrounded inputs; rounding explains \(bound)"]
                }
            }
        }
        return []
    }
}

extension RandomMatrix {
    var packedByteCount: Int { (rows + 15) / 16 * Int(mk_packed_group_bytes(format.kernelFormat, Int64(columns))) }

    /// The matrix packed for the kernels, missing rows of the last group left out.
    func packed(in memory: GuardedMemory) -> UnsafeMutablePointer<UInt8> {
        let groups = (rows + 15) / 16
        let size = mk_packed_group_bytes(format.kernelFormat, Int64(columns))
        let packed = memory.make("weights", groups * size, of: UInt8.self)
        bytes.withUnsafeBytes { stored in
            for group in 0..<groups {
                var pointers = [UnsafeRawPointer?](repeating: nil, count: 16)
                for row in 0..<16 where group * 16 + row < rows {
                    pointers[row] = stored.baseAddress.map { $0 + (group * 16 + row) * rowBytes }
                }
                mk_pack_group(format.kernelFormat, pointers, Int64(columns), packed + group * size)
            }
        }
        return packed
    }
}
