import CKernels

extension KernelTimer {
    /// Norms, activations, rotations and sums of `tokens` rows, shared out among the workers.
    func vector(_ operation: KernelOperation, _ variant: String, _ tokens: Int) -> KernelWork? {
        let isa = cpu.instructionSet, columns = columns, n = Int64(columns)
        guard let x = numbers(tokens * columns), let weight = numbers(columns), let y = HostBuffer(byteCount: tokens * columns * 4) else {
            return nil
        }
        let from = x.pointer(as: Float.self), weights = weight.pointer(as: Float.self), to = y.pointer(as: Float.self)
        // Floats read and written per element.
        var traffic = 2
        let body: (Int) -> Void
        switch operation {
        case .rmsNorm: body = { mk_rms_norm(isa, from + $0 * columns, n, weights, 1e-5, to + $0 * columns) }
        case .layerNorm: body = { mk_layer_norm(isa, from + $0 * columns, n, weights, weights, 1e-5, to + $0 * columns) }
        case .activation:
            guard let kind = [MK_RELU, MK_SILU, MK_GELU, MK_GELU_TANH].first(where: { $0.name == variant }) else { return nil }
            body = { mk_activate(isa, kind, from + $0 * columns, nil, n, to + $0 * columns) }
        case .rotation:
            guard ["halves", "interleaved"].contains(variant) else { return nil }
            let interleaved = variant == "interleaved"
            // A rotation by the same angle again and again: cosine and sine must keep lengths.
            for index in 0..<64 { weights[index] = index % 2 == 0 ? 0.6 : 0.8 }
            body = { mk_rotate(isa, from + $0 * columns, n / 128, 128, 128, interleaved, weights, weights + 1) }
        case .addition:
            traffic = 3
            // Zeros, so that sums stay as they are.
            for index in 0..<tokens * columns { to[index] = 0 }
            body = { mk_add(isa, from + $0 * columns, to + $0 * columns, n) }
        case .logSumExp:
            traffic = 1
            body = { to[$0] = Float(mk_log_sum_exp(isa, from + $0 * columns, n)) }
        default: return nil
        }
        let cpu = cpu
        return KernelWork(
            shape: operation == .rotation ? "\(columns / 128) heads of 128" : "\(columns)", operations: 0,
            bytes: Double(tokens * columns * 4 * traffic)
        ) { _ in
            withExtendedLifetime((x, weight, y)) { cpu.forEach(tokens, body) }
        }
    }
}
