import Checkpoints
public import JSON

extension CheckpointReport {
    public func json(listingTensors: Bool) -> JSON {
        var object = JSONObject()
        object["path"] = .string(path)
        object["kind"] = .string(kind)
        object["architecture"] = architecture.map(JSON.string) ?? .null
        object["runnable"] = .bool(model != nil)
        if let fault { object["fault"] = .string(fault) }
        if let model {
            object["name"] = model.name.map(JSON.string) ?? .null
            object["parameters"] = .integer(model.parameterCount)
            object["hyperparameters"] = Self.hyperparameters(model)
        }
        object["bytes"] = .integer(totalBytes)
        object["files"] = .integer(fileCount)
        object["formats"] = .array(
            formats.map { format in
                [
                    "format": .string(format.name), "tensors": .integer(format.tensors), "elements": .integer(format.elements),
                    "bytes": .integer(format.bytes),
                ]
            })
        object["tokenizer"] = tokenizer.map(JSON.string) ?? .null
        object["chat_templates"] = .array(chatTemplates.map { ["name": .string($0.name), "source": .string($0.source)] })
        object["generation"] = Self.generation(generation)
        object["fingerprint"] = .string(fingerprintText)
        if listingTensors {
            object["tensors"] = .array(
                tensors.map { tensor in
                    [
                        "name": .string(tensor.name), "shape": .array(tensor.shape.map(JSON.integer)), "format": .string(tensor.formatName),
                        "bytes": .integer(tensor.bytes.count),
                    ]
                })
        }
        return .object(object)
    }

    private static func hyperparameters(_ model: ModelSpec) -> JSON {
        var object = JSONObject()
        object["layers"] = .integer(model.layers.count)
        object["hidden_size"] = .integer(model.hiddenSize)
        object["vocabulary_size"] = .integer(model.vocabularySize)
        object["context_length"] = .integer(model.contextLength)
        object["tied_output"] = .bool(model.isOutputTied)
        if let layer = model.layers.first {
            object["heads"] = .integer(layer.attention.headCount)
            object["key_value_heads"] = .integer(layer.attention.keyValueHeadCount)
            object["head_size"] = .integer(layer.attention.headSize)
            object["feed_forward_size"] = .integer(layer.feedForward.size)
            object["activation"] = .string(layer.feedForward.activation.rawValue)
            object["sliding_windows"] = .array(model.layers.map { $0.attention.slidingWindow.map(JSON.integer) ?? .null })
            object["norm_epsilon"] = .number(layer.attentionNorm.epsilon)
        }
        switch model.positions {
        case .rotary(let rotary):
            object["positions"] = "rotary"
            object["rotary_base"] = .number(rotary.base)
            object["rotary_dimensions"] = .integer(rotary.dimensions)
        case .learned: object["positions"] = "learned"
        }
        return .object(object)
    }

    private static func generation(_ defaults: GenerationDefaults) -> JSON {
        var object = JSONObject()
        if let value = defaults.temperature { object["temperature"] = .number(value) }
        if let value = defaults.topK { object["top_k"] = .integer(value) }
        if let value = defaults.topP { object["top_p"] = .number(value) }
        if let value = defaults.minP { object["min_p"] = .number(value) }
        if let value = defaults.repetitionPenalty { object["repetition_penalty"] = .number(value) }
        if let value = defaults.isSampling { object["do_sample"] = .bool(value) }
        if let value = defaults.beginOfSequence { object["bos_token_id"] = .integer(value) }
        object["eos_token_ids"] = .array(defaults.endOfSequence.map(JSON.integer))
        return .object(object)
    }
}
