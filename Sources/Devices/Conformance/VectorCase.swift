public import CKernels
import Glibc

/// Norms, activations, rotations and sums of one vector.
struct VectorCase: KernelCase {
    enum Form: Sendable {
        case rmsNorm
        case layerNorm(bias: Bool)
        case activation(mk_activation, gated: Bool)
        /// `count` is heads x headSize.
        case rotation(headSize: Int, dimensions: Int, interleaved: Bool)
        case addition
        case logSumExp
    }

    let form: Form
    let count: Int
    let pattern: InputPattern
    let x: [Float]
    let weight: [Float]
    let bias: [Float]
    private let epsilon: Float = 1e-5

    init(_ form: Form, count: Int, pattern: InputPattern = .normal, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        self.form = form
        self.count = count
        self.pattern = pattern
        var x = pattern.values(rows: 1, columns: count, random: &random)
        if case .logSumExp = form, pattern == .huge { x = x.map { $0 * 1e-12 } }
        self.x = x
        weight = InputPattern.normal.values(rows: 1, columns: count, random: &random)
        bias = InputPattern.normal.values(rows: 1, columns: count, random: &random)
    }

    var operation: KernelOperation {
        switch form {
        case .rmsNorm: .rmsNorm
        case .layerNorm: .layerNorm
        case .activation: .activation
        case .rotation: .rotation
        case .addition: .addition
        case .logSumExp: .logSumExp
        }
    }

    var variant: String {
        switch form {
        case .activation(let kind, _): kind.name
        case .rotation(_, _, let interleaved): interleaved ? "interleaved" : "halves"
        default: "F32"
        }
    }

    var shape: String {
        switch form {
        case .activation(_, let gated): "\(count)\(gated ? ", gated" : ""), \(pattern)"
        case .rotation(let size, let dimensions, _): "\(count / size) heads of \(size), \(dimensions) rotated, \(pattern)"
        case .layerNorm(let bias): "\(count)\(bias ? ", bias" : ""), \(pattern)"
        default: "\(count), \(pattern)"
        }
    }

    func expected() -> Expectation {
        let values = x.map(Double.init)
        let n = Double(count)
        var result = Expectation(tolerance: Expectation.tolerance(terms: count / 16))
        switch form {
        case .rmsNorm:
            let factor = 1 / (values.reduce(0) { $0 + $1 * $1 } / n + Double(epsilon)).squareRoot()
            for i in 0..<count {
                result.append(values[i] * factor * Double(weight[i]), magnitude: abs(values[i] * factor * Double(weight[i])) + 1e-30)
            }
        case .layerNorm(let hasBias):
            let mean = values.reduce(0, +) / n
            let factor = 1 / (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n + Double(epsilon)).squareRoot()
            let typical = values.reduce(0) { $0 + abs($1) } / n
            for i in 0..<count {
                let added = hasBias ? Double(bias[i]) : 0
                result.append(
                    (values[i] - mean) * factor * Double(weight[i]) + added,
                    magnitude: (abs(values[i]) + typical) * factor * abs(Double(weight[i])) + abs(added) + 1e-30)
            }
        case .activation(let kind, let gated):
            result.tolerance = 16 * Expectation.unit
            for i in 0..<count {
                let up = gated ? Double(weight[i]) : 1
                result.append(Self.activation(kind, values[i]) * up, magnitude: abs(values[i] * up) + 1e-30)
            }
        case .rotation(let size, let dimensions, let interleaved):
            result.tolerance = 3 * Expectation.unit
            var y = values
            var sizes = values.map { _ in 0.0 }
            for head in stride(from: 0, to: count, by: size) {
                for i in 0..<dimensions / 2 {
                    let first = head + (interleaved ? 2 * i : i), second = head + (interleaved ? 2 * i + 1 : dimensions / 2 + i)
                    let (c, s) = (Double(weight[i]), Double(bias[i]))
                    y[first] = values[first] * c - values[second] * s
                    y[second] = values[first] * s + values[second] * c
                    sizes[first] = abs(values[first] * c) + abs(values[second] * s) + 1e-30
                    sizes[second] = abs(values[first] * s) + abs(values[second] * c) + 1e-30
                }
            }
            result.values = y
            result.magnitudes = sizes
        case .addition:
            result.tolerance = 0
            for i in 0..<count { result.append(Double(x[i] + weight[i]), magnitude: 1) }
        case .logSumExp:
            let top = values.max() ?? 0
            result.tolerance = Expectation.tolerance(terms: 16)
            result.append(top + log(values.reduce(0) { $0 + exp($1 - top) }), magnitude: 1 + abs(top))
        }
        return result
    }

    static func activation(_ kind: mk_activation, _ x: Double) -> Double {
        switch kind {
        case MK_RELU: max(x, 0)
        case MK_SILU: x / (1 + exp(-x))
        case MK_GELU: 0.5 * x * (1 + erf(x / 2.0.squareRoot()))
        default: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        }
    }

    func outputs(_ instructionSet: mk_isa, memory: GuardedMemory) -> [Float] {
        let n = Int64(count)
        let from = memory.make("x", x), weights = memory.make("weight", weight), biases = memory.make("bias", bias)
        var result = from
        switch form {
        case .rmsNorm:
            result = memory.make("y", count, of: Float.self)
            mk_rms_norm(instructionSet, from, n, weights, epsilon, result)
        case .layerNorm(let hasBias):
            result = memory.make("y", count, of: Float.self)
            mk_layer_norm(instructionSet, from, n, weights, hasBias ? biases : nil, epsilon, result)
        case .activation(let kind, let gated):
            result = memory.make("y", count, of: Float.self)
            mk_activate(instructionSet, kind, from, gated ? weights : nil, n, result)
        case .rotation(let size, let dimensions, let interleaved):
            mk_rotate(instructionSet, from, Int64(count / size), Int64(size), Int64(dimensions), interleaved, weights, biases)
        case .addition:
            mk_add(instructionSet, from, weights, n)
        case .logSumExp:
            return [Float(mk_log_sum_exp(instructionSet, from, n))]
        }
        return (0..<count).map { result[$0] }
    }

    /// Norms and activations may write over their input.
    func brokenPromises(_ instructionSet: mk_isa, memory: GuardedMemory, outputs apart: [Float], expected: Expectation) -> [String] {
        let n = Int64(count)
        let from = memory.make("x", x), weights = memory.make("weight", weight), biases = memory.make("bias", bias)
        switch form {
        case .rmsNorm: mk_rms_norm(instructionSet, from, n, weights, epsilon, from)
        case .layerNorm(let hasBias): mk_layer_norm(instructionSet, from, n, weights, hasBias ? biases : nil, epsilon, from)
        case .activation(let kind, let gated): mk_activate(instructionSet, kind, from, gated ? weights : nil, n, from)
        default: return []
        }
        return (0..<count).allSatisfy { from[$0] == apart[$0] } ? [] : ["in place gives another result"]
    }
}

extension mk_activation {
    /// "relu", "silu", "gelu", "gelu-tanh".
    public var name: String {
        switch self {
        case MK_RELU: "relu"
        case MK_SILU: "silu"
        case MK_GELU: "gelu"
        default: "gelu-tanh"
        }
    }
}
