import Models
import Plans

extension StageModel {
    /// Kernels launched per module and micro-batch.
    static let attentionKernels = 6.0
    static let feedForwardKernels = 4.0
    static let outputKernels = 2.0
    /// Bytes of an element of hidden states on their way between devices.
    static let hiddenBytes = 2.0

    /// Seconds of a step through this stage. docs/cost-model.md has the equations; everything is O(groups x devices).
    func time(_ load: StepLoad) -> StageTime {
        var time = StageTime(devices: devices.count)
        guard load.tokens > 0 else { return time }
        let hidden = Double(shape.hiddenSize)
        let batches = Double(max(1, load.microBatches))
        let perBatch = load.tokens / batches
        let hiddenMessage = perBatch * hidden * Self.hiddenBytes
        // Layers that differ and are streamed: what each kind of them asks for, for the window's sake.
        var layers: [LayerTime] = []
        let differ = groups.count > 1 && isStreaming

        for group in groups {
            let count = Double(group.count)
            let before = differ ? time : nil
            let attention = group.attention.isEmpty ? nil : Self.choose(group.attention, perBatch)
            let shared = group.shared.isEmpty ? nil : Self.choose(group.shared, perBatch)
            let feedForward = group.feedForward.isEmpty ? nil : Self.choose(group.feedForward, perBatch)
            // Seconds per layer and block on the site that multiplies, on others that only attend, and on the way between.
            var main = 0.0, aside = 0.0, between = 0.0
            if let attention {
                let parts = attentionSeconds(
                    group.layer, attention, group.keyValue, load, count: count, time: &time)
                (main, aside, between) = parts
                time.terms.hops += parts.between * count
            }
            if let shared { main += sharedSeconds(group.layer, shared, load, count: count, time: &time) }
            if let feedForward { main += feedForwardSeconds(group.layer, feedForward, load, count: count, time: &time) }
            if let attention, let feedForward {
                let hop = hopSeconds(from: attention.site, to: feedForward.site, bytes: hiddenMessage) * batches
                between += hop
                time.terms.hops += hop * count
            }
            // The shared part's result to where the experts' are added.
            if let from = shared?.site.first, let feedForward, !feedForward.site.contains(from) {
                let hop = hopSeconds(from: [from], to: feedForward.site, bytes: hiddenMessage) * batches
                between += hop
                time.terms.hops += hop * count
            }
            if hiddenOnHost && batches > 1, let first = (attention ?? feedForward)?.site.first,
                let link = hardware.devices[devices[first]].profile.link
            {
                let bytes = load.tokens * hidden * Self.hiddenBytes
                time.receiving[first] += count * bytes / link.toDevice
                time.sending[first] += count * bytes / link.fromDevice
                time.hostBytes += 2 * bytes * count
            }
            let longest = max(main, aside, between)
            time.chain += count * (longest + (main + aside + between - longest) / batches)
            if let before { layers.append(LayerTime(before, time, count: max(1, count))) }
        }
        for transition in transitions {
            let last = groups[transition.from], next = groups[transition.to]
            let from = Self.choose(last.feedForward.isEmpty ? last.attention : last.feedForward, perBatch)
            let to = Self.choose(next.attention.isEmpty ? next.feedForward : next.attention, perBatch)
            let hop = hopSeconds(from: from.site, to: to.site, bytes: hiddenMessage) * batches * Double(transition.count)
            time.terms.hops += hop
            time.chain += hop
        }
        if !output.isEmpty && load.logits > 0 {
            let variant = Self.choose(output, load.logits / batches)
            let seconds =
                self.seconds(
                    Product(elements: Double(shape.outputElements), tokens: load.logits / batches, kernels: Self.outputKernels),
                    variant.parts,
                    batches: batches, count: 1, time: &time)
                + vectors(variant.site, elements: 2 * hidden, tokens: load.logits / batches, batches: batches, count: 1, time: &time)
            time.terms.output += seconds
            time.chain += seconds
        }
        let host = hardware.memories[hardware.hosts[machine]]
        time.hostMemory = time.hostBytes / host.readBytesPerSecond
        time.overhead = hardware.profile.machines[machine].stepOverhead * batches
        var longest = max(time.chain, time.diskRead, time.diskWrite, time.hostMemory)
        for index in devices.indices { longest = max(longest, time.receiving[index], time.sending[index]) }
        if differ { longest = max(longest, windowedSeconds(layers, time)) }
        time.seconds = longest + time.overhead
        return time
    }

    /// An attention module of one layer, and its exchange: seconds on the site that multiplies, on others that only attend, and on the way
    /// between.
    func attentionSeconds(
        _ layer: LayerShape, _ variant: Variant, _ keyValue: [KeyValuePart], _ load: StepLoad, count: Double, time: inout StageTime
    ) -> (main: Double, aside: Double, between: Double) {
        let batches = Double(max(1, load.microBatches)), tokens = load.tokens / batches
        let product =
            seconds(
                Product(elements: Double(layer.attention.elements), tokens: tokens, kernels: Self.attentionKernels), variant.parts,
                batches: batches, count: count, time: &time)
            + vectors(variant.site, elements: attentionElements(layer), tokens: tokens, batches: batches, count: count, time: &time)
        time.terms.attentionWeights += product * count
        let (own, other, moved) = attend(layer.attention, keyValue, load: load, site: variant, count: count, time: &time)
        time.terms.keyValue += max(own, other) * count
        let exchanged = exchange(variant, tokens * Double(shape.hiddenSize) * Self.hiddenBytes) * batches
        time.terms.exchange += exchanged * count
        return (product + own + exchanged, other, moved)
    }

    /// Router and shared experts of one layer.
    func sharedSeconds(
        _ layer: LayerShape, _ variant: Variant, _ load: StepLoad, count: Double, time: inout StageTime
    ) -> Double {
        let batches = Double(max(1, load.microBatches))
        let product = Product(
            elements: Double(layer.feedForward.sharedModuleElements), tokens: load.tokens / batches, kernels: Self.feedForwardKernels)
        let seconds = seconds(product, variant.parts, batches: batches, count: count, time: &time)
        time.terms.feedForward += seconds * count
        return seconds
    }

    /// A feed-forward module of one layer, and its exchange.
    func feedForwardSeconds(
        _ layer: LayerShape, _ variant: Variant, _ load: StepLoad, count: Double, time: inout StageTime
    ) -> Double {
        let batches = Double(max(1, load.microBatches)), tokens = load.tokens / batches
        let product =
            feedForwardProducts(
                layer.feedForward, variant, load: load, perBatch: tokens, batches: batches, count: count, time: &time)
            + vectors(variant.site, elements: feedForwardElements(layer), tokens: tokens, batches: batches, count: count, time: &time)
        time.terms.feedForward += product * count
        let exchanged = exchange(variant, tokens * Double(shape.hiddenSize) * Self.hiddenBytes) * batches
        time.terms.exchange += exchanged * count
        return product + exchanged
    }

    private static func choose(_ variants: [Variant], _ tokens: Double) -> Variant {
        guard variants.count > 1 else { return variants[0] }
        return variants.last { $0.fromTokens <= tokens } ?? variants[0]
    }

    /// A matrix product of one layer and micro-batch.
    private struct Product {
        var elements: Double
        /// Share of the elements that a micro-batch's tokens touch, and by how much more those of a whole block do.
        var touched = 1.0
        var streamed = 1.0
        /// Tokens that meet each element if all were touched.
        var tokens: Double
        var kernels: Double
    }

    /// Seconds of the slowest device for one layer's product over the whole block; notes bytes and busy times of `count` layers.
    private func seconds(_ product: Product, _ parts: [Part], batches: Double, count: Double, time: inout StageTime) -> Double {
        let (elements, touched, tokens) = (product.elements, product.touched, product.tokens)
        var slowest = 0.0
        for (index, part) in parts.enumerated() {
            let device = hardware.devices[devices[part.device]].profile
            let share = elements * part.share
            let compute = batches * share * touched * secondsPerElement(part, on: device, tokens: tokens / touched)
            // Parts of one device from several sources are one kernel.
            let starts = parts[..<index].contains { $0.device == part.device } ? 0 : batches * product.kernels * device.launch
            time.busy[part.device] += (compute + starts) * count
            time.terms.launches += starts * count
            note(part.source, bytes: share * part.bytesPerElement * touched * product.streamed * count, device: part.device, time: &time)
            if device.kind == .cpu { time.hostBytes += batches * share * part.bytesPerElement * touched * count }
            var total = compute + batches * product.kernels * device.launch
            for earlier in parts[..<index] where earlier.device == part.device {
                total += batches * elements * earlier.share * touched * secondsPerElement(earlier, on: device, tokens: tokens / touched)
            }
            slowest = max(slowest, total)
        }
        return slowest
    }

    /// Seconds per weight of a part; one in the checkpoint's own formats takes what their mixture takes.
    private func secondsPerElement(_ part: Part, on device: DeviceProfile, tokens: Double) -> Double {
        if part.format == shape.format, part.bytesPerElement == shape.bytesPerElement,
            let mixed = device.secondsPerElement(formats: shape.formats, tokens: tokens)
        {
            return mixed
        }
        return device.secondsPerElement(format: part.format, bytesPerElement: part.bytesPerElement, tokens: tokens)
    }

    /// Elements of one token that pass through vector operations: norm and rounding of hidden states, rotation and storing, rounding of
    /// what was attended to.
    private func attentionElements(_ layer: LayerShape) -> Double {
        let attended = layer.attention.headCount * layer.attention.valueSize
        return Double(2 * shape.hiddenSize + 2 * attended + layer.attention.keyValueElements)
    }

    /// Norm and rounding of hidden states, activation and rounding of what is between the matrices.
    private func feedForwardElements(_ layer: LayerShape) -> Double {
        Double(2 * shape.hiddenSize + 2 * layer.feedForward.size * (layer.feedForward.expertsPerToken ?? 1))
    }

    /// Seconds of the slowest device for vector operations, which each device of a site does for itself; nothing where they were not
    /// measured.
    private func vectors(_ site: [Int], elements: Double, tokens: Double, batches: Double, count: Double, time: inout StageTime) -> Double {
        var slowest = 0.0
        for device in site {
            let seconds = batches * hardware.devices[devices[device]].profile.vectorSeconds(elements: elements, tokens: tokens)
            time.busy[device] += seconds * count
            slowest = max(slowest, seconds)
        }
        return slowest
    }

    /// Experts: each token's, spread over those that any token touches.
    private func feedForwardProducts(
        _ layer: FeedForwardShape, _ variant: Variant, load: StepLoad, perBatch: Double, batches: Double, count: Double,
        time: inout StageTime
    ) -> Double {
        let units = Double(layer.units) * Double(layer.elementsPerUnit)
        guard let chosen = layer.expertsPerToken else {
            let product = Product(elements: Double(layer.dividedElements), tokens: perBatch, kernels: Self.feedForwardKernels)
            return seconds(product, variant.parts, batches: batches, count: count, time: &time)
        }
        let touched = layer.touchedShare(tokens: perBatch)
        // Streamed experts are loaded once per block: those that any of its tokens touches.
        let streamed = layer.touchedShare(tokens: load.tokens) / touched
        let each = perBatch * Double(chosen) / Double(layer.units)
        let product = Product(
            elements: units, touched: touched, streamed: streamed, tokens: each,
            kernels: Self.feedForwardKernels * Double(chosen).squareRoot())
        return seconds(product, variant.parts, batches: batches, count: count, time: &time)
    }

    /// Attention over the KV cache where it lives: seconds per layer and block on the multiplying site, elsewhere, and moving queries and
    /// results there.
    private func attend(
        _ layer: AttentionShape, _ keyValue: [KeyValuePart], load: StepLoad, site: Variant, count: Double, time: inout StageTime
    ) -> (own: Double, other: Double, moved: Double) {
        var cached = load.cached, pairs = load.pairs
        if let window = layer.slidingWindow, load.sequences > 0 {
            let longest = load.sequences * Double(window) + load.tokens
            cached = min(cached, longest)
            pairs = min(pairs, load.tokens * Double(window))
        }
        let perToken = Double(layer.headCount * (layer.keySize + layer.valueSize) + layer.keyValueElements) * Self.hiddenBytes
        var own = 0.0, other = 0.0, moved = 0.0
        let perBatch = load.tokens / Double(max(1, load.microBatches))
        for share in keyValue {
            let part = share.attending(tokens: perBatch)
            let device = hardware.devices[devices[part.device]].profile
            // Of one position.
            let bytes = share.share * layer.keyValuePositionBytes(share.format)
            let seconds = device.attentionSeconds(
                format: share.format, bytes: cached * bytes, operations: share.share * pairs * layer.operationsPerPosition,
                rows: Double(layer.headCount) / Double(max(1, layer.keyValueHeadCount)) * load.tokens / max(1, load.sequences))
            time.busy[part.device] += seconds * count
            if device.kind == .cpu { time.hostBytes += cached * bytes * count }
            // What this step itself computes need not be fetched.
            let fetched = max(0, cached - load.tokens)
            note(part.source, bytes: fetched * bytes * count, device: part.device, time: &time)
            noteWrite(part.source, bytes: load.tokens * bytes * count, device: part.device, time: &time)
            let here = site.parts.reduce(0) { $1.device == part.device ? $0 + $1.share : $0 }
            if here > 0 { own = max(own, seconds) } else { other = max(other, seconds) }
            let missing = share.share - here
            if missing > 1e-9, let from = site.site.first(where: { $0 != part.device }) {
                let link = hardware.link(devices[from], devices[part.device])
                let bytes = missing * load.tokens * perToken
                moved = max(moved, bytes / link.bytesPerSecond + 2 * link.latency * Double(max(1, load.microBatches)))
                for device in [from, part.device] where hardware.devices[devices[device]].profile.link != nil {
                    time.sending[device] += bytes / 2 / link.bytesPerSecond * count
                    time.receiving[device] += bytes / 2 / link.bytesPerSecond * count
                }
                time.hostBytes += bytes * count
            }
        }
        return (own, other, moved)
    }

    /// All-reduce of the hidden states on the set's slowest link: whichever is sooner of the ring, 2 (D - 1) messages of 1/D, and recursive
    /// doubling, log2 D whole messages (what MPI and collective libraries take for short ones).
    private func exchange(_ variant: Variant, _ bytes: Double) -> Double {
        guard variant.site.count > 1, let link = slowest[Self.mask(variant.site)] else { return 0 }
        let devices = Double(variant.site.count)
        let ring = 2 * (devices - 1) * (link.latency + bytes / devices / link.bytesPerSecond)
        var steps = 0.0, reached = 1.0
        while reached < devices {
            reached *= 2
            steps += 1
        }
        return min(ring, steps * (link.latency + bytes / link.bytesPerSecond))
    }

    /// Hidden states to a device that has not seen them; nothing where the next site is part of the last.
    func hopSeconds(from: [Int], to: [Int], bytes: Double) -> Double {
        guard from != to, let first = from.first, let missing = to.first(where: { !from.contains($0) }) else { return 0 }
        return hardware.link(devices[first], devices[missing]).seconds(bytes: bytes)
    }

    /// Bytes that come to a device from elsewhere.
    private func note(_ source: Source, bytes: Double, device: Int, time: inout StageTime) {
        let link = hardware.devices[devices[device]].profile.link
        switch source {
        case .resident: break
        case .host:
            time.receiving[device] += link.map { bytes / $0.toDevice } ?? 0
            time.hostBytes += bytes
        case .disk:
            time.diskRead += bytes / (hardware.disks[machine].map { hardware.memories[$0].readBytesPerSecond } ?? 1e8)
            time.hostBytes += bytes
            if let link {
                time.receiving[device] += bytes / link.toDevice
                time.hostBytes += bytes
            }
        case .peer(let from):
            time.receiving[device] += link.map { bytes / $0.toDevice } ?? 0
            if from >= 0 { time.sending[from] += hardware.devices[devices[from]].profile.link.map { bytes / $0.fromDevice } ?? 0 }
        }
    }

    /// New keys and values on their way to a memory that is not the attending device's own.
    private func noteWrite(_ source: Source, bytes: Double, device: Int, time: inout StageTime) {
        let link = hardware.devices[devices[device]].profile.link
        switch source {
        case .resident: break
        case .host, .peer:
            time.sending[device] += link.map { bytes / $0.fromDevice } ?? 0
            time.hostBytes += bytes
        case .disk:
            time.diskWrite += bytes / (hardware.disks[machine].map { hardware.memories[$0].writeBytesPerSecond } ?? 1e8)
            time.hostBytes += bytes
            if let link { time.sending[device] += bytes / link.fromDevice }
        }
    }
}
