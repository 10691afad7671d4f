import Synchronization

extension Tokenizer {
    /// The token ids of a text.
    ///
    /// - Parameters:
    ///   - addSpecial: put the tokens around the text that the model expects, such as one that starts it.
    ///   - parseSpecial: read control tokens written in the text (`<|im_end|>`) as tokens; pass false for text from strangers.
    public func encode(_ text: String, addSpecial: Bool = true, parseSpecial: Bool = true) -> [Int32] {
        var text = text
        return text.withUTF8 { encode(utf8: $0, addSpecial: addSpecial, parseSpecial: parseSpecial) }
    }

    /// The token ids of a text in UTF-8. Bytes that are no UTF-8 are encoded as bytes where the vocabulary can express them.
    public func encode(_ text: [UInt8], addSpecial: Bool = true, parseSpecial: Bool = true) -> [Int32] {
        text.withUnsafeBufferPointer { encode(utf8: $0, addSpecial: addSpecial, parseSpecial: parseSpecial) }
    }

    /// As `encode(_:addSpecial:parseSpecial:)` without a copy of the text.
    public func encode(utf8 text: UnsafeBufferPointer<UInt8>, addSpecial: Bool = true, parseSpecial: Bool = true) -> [Int32] {
        var ids: [Int32] = []
        ids.reserveCapacity(text.count / 4 + 8)
        if addSpecial { ids.append(contentsOf: prefix) }
        if let base = text.baseAddress, !text.isEmpty {
            let scratch = takeScratch()
            if rawTokens.isEmpty {
                encode(text, isAtStart: true, parseSpecial: parseSpecial, scratch, &ids)
            } else {
                rawTokens.split(base, 0, text.count, parseSpecial: parseSpecial) { start, end in
                    let part = UnsafeBufferPointer(rebasing: text[start..<end])
                    encode(part, isAtStart: start == 0, parseSpecial: parseSpecial, scratch, &ids)
                } token: { id in
                    ids.append(id)
                }
            }
            giveBack(scratch)
        }
        if addSpecial { ids.append(contentsOf: suffix) }
        return ids
    }

    /// A part between two added tokens.
    private func encode(
        _ text: UnsafeBufferPointer<UInt8>, isAtStart: Bool, parseSpecial: Bool, _ scratch: EncodingScratch, _ ids: inout [Int32]
    ) {
        if normalisation.isEmpty {
            encodeNormalised(text, isAtStart: isAtStart, parseSpecial: parseSpecial, scratch, &ids)
        } else {
            normalisation.normalise(text).withUnsafeBufferPointer {
                encodeNormalised($0, isAtStart: isAtStart, parseSpecial: parseSpecial, scratch, &ids)
            }
        }
    }

    private func encodeNormalised(
        _ text: UnsafeBufferPointer<UInt8>, isAtStart: Bool, parseSpecial: Bool, _ scratch: EncodingScratch, _ ids: inout [Int32]
    ) {
        guard !normalisedTokens.isEmpty, let base = text.baseAddress else {
            splitting.encode(text, isAtStart: isAtStart, scratch, &ids)
            return
        }
        normalisedTokens.split(base, 0, text.count, parseSpecial: parseSpecial) { start, end in
            splitting.encode(UnsafeBufferPointer(rebasing: text[start..<end]), isAtStart: isAtStart && start == 0, scratch, &ids)
        } token: { id in
            ids.append(id)
        }
    }

    private static var pooledScratches: Int { 8 }

    private func takeScratch() -> EncodingScratch {
        pool.withLock { $0.popLast() } ?? EncodingScratch(steps: splitting.stepCount)
    }

    private func giveBack(_ scratch: EncodingScratch) {
        pool.withLock { if $0.count < Self.pooledScratches { $0.append(scratch) } }
    }
}
