import JSON

/// For `motley-fuzz`: one line of a batch from bytes of any kind.
public enum BatchFuzzing {
    /// Whether the line is one and its request can be carried out as far as that is known without a model. Must return, whatever the bytes.
    public static func run(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let line = try? BatchLine(parsing: bytes.assumingMemoryBound(to: UInt8.self)) else { return false }
        var need = BatchNeed()
        need.add(bytes: bytes.count, maximumTokens: line.statedMaximum)
        _ = need.cacheTokens(sequences: 16, context: 4096)
        do throws(OpenAIError) {
            let settings = try line.request().settings(GenerationSettings())
            return (try? settings.sampling.validate(vocabularySize: 32_000)) != nil
        } catch {
            _ = BatchAnswer(customID: line.customID, outcome: .failure(error)).json.serialized()
            return false
        }
    }
}
