import Checkpoints

extension CheckpointReport {
    /// Lines for a person. With `tensors` one more per tensor.
    public func text(listingTensors: Bool) -> String {
        var lines: [(label: String, value: String)] = []
        lines.append(("model", model?.name.map { "\(path) (\(CheckpointError.quote($0)))" } ?? path))
        lines.append(("kind", fileCount == 1 ? "\(kind), 1 file" : "\(kind), \(fileCount) files"))
        lines.append(("architecture", architecture.map(CheckpointError.quote) ?? "none given"))
        if let model { lines.append(contentsOf: Self.lines(model)) }
        if let fault { lines.append(("cannot run", fault)) }
        for (index, format) in formats.enumerated() {
            let count = format.tensors == 1 ? "1 tensor" : "\(format.tensors) tensors"
            lines.append(
                (
                    index == 0 ? "formats" : "",
                    "\(format.name): \(count), \(Self.count(format.elements)) elements, \(Self.bytes(format.bytes))"
                ))
        }
        lines.append(("total", Self.bytes(totalBytes)))
        lines.append(("tokenizer", tokenizer ?? "none"))
        if chatTemplates.isEmpty { lines.append(("chat template", "none")) }
        for template in chatTemplates {
            lines.append(("chat template", "\(CheckpointError.quote(template.name)), \(template.source.count) characters"))
        }
        if let sampling = Self.line(generation) { lines.append(("generation", sampling)) }
        lines.append(("fingerprint", fingerprintText))
        var text = ""
        for line in lines { text += Self.pad(line.label, 15) + line.value + "\n" }
        guard listingTensors else { return text }
        let widest = min(48, tensors.map(\.name.count).max() ?? 0)
        text += "\n"
        for tensor in tensors {
            let shape = tensor.shape.map(String.init).joined(separator: " x ")
            text += Self.pad(tensor.formatName, 6) + " " + Self.pad(CheckpointError.quote(tensor.name), widest + 3) + " \(shape)\n"
        }
        return text
    }

    /// Sixteen hexadecimal digits.
    var fingerprintText: String {
        let digits = String(fingerprint, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func lines(_ model: ModelSpec) -> [(label: String, value: String)] {
        var lines: [(label: String, value: String)] = [("parameters", count(model.parameterCount))]
        if let layer = model.layers.first {
            let part = layer.feedForward
            lines.append(
                (
                    "layers",
                    "\(model.layers.count), hidden size \(model.hiddenSize), feed-forward \(part.size) "
                        + "(\(part.activation.rawValue)\(part.gate == nil ? "" : ", gated"))"
                ))
            let attention = layer.attention
            let windows = Set(model.layers.map(\.attention.slidingWindow))
            let window = windows == [nil] ? "" : ", window " + windows.compactMap { $0 }.map(String.init).joined(separator: "/")
            lines.append(
                (
                    "attention",
                    "\(attention.headCount) heads of \(attention.headSize), \(attention.keyValueHeadCount) for keys and values\(window)"
                ))
        }
        switch model.positions {
        case .rotary(let rotary): lines.append(("positions", "rotary, base \(number(rotary.base)), pairs \(rotary.pairing.rawValue)"))
        case .learned: lines.append(("positions", "learned"))
        }
        lines.append(("context", "\(model.contextLength) tokens"))
        lines.append(
            ("vocabulary", "\(model.vocabularySize) tokens, output matrix \(model.isOutputTied ? "tied to the embedding" : "of its own")"))
        return lines
    }

    private static func line(_ generation: GenerationDefaults) -> String? {
        var parts: [String] = []
        if let value = generation.temperature { parts.append("temperature \(value)") }
        if let value = generation.topK { parts.append("top-k \(value)") }
        if let value = generation.topP { parts.append("top-p \(value)") }
        if let value = generation.minP { parts.append("min-p \(value)") }
        if let value = generation.repetitionPenalty { parts.append("repetition penalty \(value)") }
        if let value = generation.beginOfSequence { parts.append("begins with \(value)") }
        if !generation.endOfSequence.isEmpty {
            parts.append("ends with " + generation.endOfSequence.map(String.init).joined(separator: ", "))
        }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    // MARK: Figures for people

    private static func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }

    private static func number(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? String(value) }

    /// 1.10 B, 74.05 M, 940
    static func count(_ value: Int) -> String {
        switch value {
        case 1_000_000_000...: decimals(Double(value) / 1e9) + " B"
        case 1_000_000...: decimals(Double(value) / 1e6) + " M"
        default: String(value)
        }
    }

    static func bytes(_ value: Int) -> String {
        switch value {
        case (1 << 30)...: decimals(Double(value) / Double(1 << 30)) + " GiB"
        case (1 << 20)...: decimals(Double(value) / Double(1 << 20)) + " MiB"
        default: String(value) + " bytes"
        }
    }

    private static func decimals(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100)." + (fraction < 10 ? "0" : "") + String(fraction)
    }
}
