public import JSON
public import Plans

extension Workload {
    /// `{"prompt_tokens": 512, "output_tokens": 32, "batch": 144}`, or with `"rate"`, or with `"trace": [[seconds, prompt, output], ...]`.
    public init(reading field: FieldReader) throws(FieldError) {
        let field = try field.object(keys: ["prompt_tokens", "output_tokens", "batch", "rate", "trace", "context_limit"])
        let given = ["batch", "rate", "trace"].filter { field.optional($0) != nil }
        guard given.count <= 1 else { throw field.failure("has \(given.joined(separator: " and ")); expected one of batch, rate, trace") }
        contextLimit = try field.optional("context_limit")?.integer(in: 1...100_000_000)
        if let trace = field.optional("trace") {
            var requests: [Request] = []
            for entry in try trace.array(limit: 10_000_000) {
                let numbers = try entry.array(limit: 3)
                guard numbers.count == 3 else { throw entry.failure("expected [arrival seconds, prompt tokens, output tokens]") }
                requests.append(
                    Request(
                        arrival: try numbers[0].number(in: 0...1e9), promptTokens: try numbers[1].integer(in: 1...100_000_000),
                        outputTokens: try numbers[2].integer(in: 1...100_000_000)))
            }
            guard !requests.isEmpty else { throw trace.failure("expected at least one request") }
            requests.sort { $0.arrival < $1.arrival }
            demand = .trace(requests)
            prompt = .values(requests.map(\.promptTokens))
            output = .values(requests.map(\.outputTokens))
            return
        }
        prompt = try TokenLengths(reading: field.required("prompt_tokens", expected: "a number of tokens"))
        output = try TokenLengths(reading: field.required("output_tokens", expected: "a number of tokens"))
        if let rate = field.optional("rate") {
            demand = .rate(try rate.number(in: 1e-9...1e9))
        } else {
            demand = .batch(try field.optional("batch")?.integer(in: 1...10_000_000) ?? 1)
        }
    }

    public var json: JSON {
        var fields: [JSONObject.Element] = []
        switch demand {
        case .trace(let requests):
            fields.append(("trace", .array(requests.map { [.number($0.arrival), .integer($0.promptTokens), .integer($0.outputTokens)] })))
        case .batch(let count): fields = [("prompt_tokens", prompt.json), ("output_tokens", output.json), ("batch", .integer(count))]
        case .rate(let rate): fields = [("prompt_tokens", prompt.json), ("output_tokens", output.json), ("rate", .number(rate))]
        }
        if let contextLimit { fields.append(("context_limit", .integer(contextLimit))) }
        return .object(JSONObject(fields))
    }
}

extension TokenLengths {
    /// A number, `{"uniform": [32, 512]}`, `{"lognormal": {"median": 200, "sigma": 1.1, "most": 4096}}` or `{"values": [17, 300, 4000]}`.
    init(reading field: FieldReader) throws(FieldError) {
        let range = 1...100_000_000
        if field.value.object == nil {
            self = .fixed(try field.integer(in: range))
            return
        }
        let field = try field.object(keys: ["uniform", "lognormal", "values"])
        if let values = field.optional("values") {
            var numbers: [Int] = []
            for entry in try values.array(limit: 10_000_000) { numbers.append(try entry.integer(in: range)) }
            guard !numbers.isEmpty else { throw values.failure("expected at least one number") }
            self = .values(numbers)
            return
        }
        if let spread = field.optional("lognormal") {
            let spread = try spread.object(keys: ["median", "sigma", "most"])
            let median = try spread.required("median", expected: "a number of tokens").integer(in: range)
            let most = try spread.required("most", expected: "the largest number of tokens").integer(in: median...range.upperBound)
            self = .logNormal(median: median, sigma: try spread.required("sigma", expected: "a number").number(in: 0...5), most: most)
            return
        }
        let uniform = try field.required("uniform", expected: "[least, most]")
        let ends = try uniform.array(limit: 2)
        guard ends.count == 2 else { throw uniform.failure("expected [least, most]") }
        let low = try ends[0].integer(in: range)
        self = .uniform(low, try ends[1].integer(in: low...range.upperBound))
    }

    var json: JSON {
        switch self {
        case .fixed(let count): .integer(count)
        case .uniform(let low, let high): ["uniform": [.integer(low), .integer(high)]]
        case .logNormal(let median, let sigma, let most):
            ["lognormal": ["median": .integer(median), "sigma": .number(sigma), "most": .integer(most)]]
        case .values(let values): ["values": .array(values.map { .integer($0) })]
        }
    }
}

extension Objective {
    /// `"throughput"`, or `{"kind": "slo", ...}` with `deadline`, with `scale` and `reference`, or with `ttft` and `tpot`.
    public init(reading field: FieldReader) throws(FieldError) {
        if field.value.string != nil {
            self = try Self.plain(field)
            return
        }
        let field = try field.object(keys: ["kind", "deadline", "scale", "reference", "ttft", "tpot"])
        let kind = try field.required("kind", expected: "latency, ttft, throughput, slo or cost")
        guard try kind.string() == "slo" else {
            self = try Self.plain(kind)
            return
        }
        if let deadline = field.optional("deadline") {
            self = .slo(.deadline(try deadline.quantity(.seconds, in: 1e-9...1e9)))
        } else if let scale = field.optional("scale") {
            let factor = try scale.number(in: 1e-6...1e9)
            let reference = try field.required("reference", expected: "{\"device\": \"A100-40GB\", \"count\": 8}")
                .object(keys: ["device", "count"])
            let name = try reference.required("device", expected: "a catalogue name")
            guard let device = CatalogueDevice.named(try name.string()), device.kind == .gpu else {
                throw name.failure("not a GPU of the catalogue")
            }
            self = .slo(.scaled(factor, device: device.name, count: try reference.optional("count")?.integer(in: 1...64) ?? 1))
        } else {
            let first = try field.optional("ttft")?.quantity(.seconds, in: 1e-9...1e9)
            let each = try field.optional("tpot")?.quantity(.seconds, in: 1e-9...1e9)
            guard first != nil || each != nil else {
                throw field.failure("expected a deadline, a scale with a reference, or ttft and tpot")
            }
            self = .slo(.limits(timeToFirstToken: first, timePerOutputToken: each))
        }
    }

    private static func plain(_ field: FieldReader) throws(FieldError) -> Objective {
        switch try field.string() {
        case "latency": .latency
        case "ttft": .timeToFirstToken
        case "throughput": .throughput
        case "cost": .cost
        case "slo": throw field.failure("slo needs limits: {\"kind\": \"slo\", \"ttft\": \"2s\", \"tpot\": \"100ms\"}")
        default: throw field.failure("expected latency, ttft, throughput, slo or cost")
        }
    }

    public var json: JSON {
        guard case .slo(let level) = self else { return .string(name) }
        switch level {
        case .deadline(let seconds): return ["kind": "slo", "deadline": .number(seconds)]
        case .scaled(let factor, let device, let count):
            return ["kind": "slo", "scale": .number(factor), "reference": ["device": .string(device), "count": .integer(count)]]
        case .limits(let first, let each):
            return ["kind": "slo", "ttft": first.map { .number($0) } ?? .null, "tpot": each.map { .number($0) } ?? .null]
        }
    }
}
