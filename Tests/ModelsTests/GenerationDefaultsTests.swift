import Checkpoints
import JSON
import Testing

@testable import Models

@Suite("Generation defaults") struct GenerationDefaultsTests {
    @Test func fromHuggingFace() throws {
        var directory = TinyDirectory.llama()
        directory.set("eos_token_id", 7)
        directory.set("bos_token_id", 1)
        #expect(try GenerationDefaults(checkpoint: directory.checkpoint()).endOfSequence == [7])
        directory.generationConfig = [
            "eos_token_id": [2, 3], "temperature": 0.6, "top_k": 20, "top_p": 0.95, "do_sample": true, "min_p": .null,
        ]
        let defaults = try GenerationDefaults(checkpoint: directory.checkpoint())
        #expect(defaults.endOfSequence == [2, 3])
        #expect(defaults.beginOfSequence == 1)
        #expect(defaults.temperature == 0.6)
        #expect(defaults.topK == 20)
        #expect(defaults.topP == 0.95)
        #expect(defaults.minP == nil)
        #expect(defaults.isSampling == true)
        directory.generationConfig = ["temperature": "hot"]
        #expect(
            #expect(throws: CheckpointError.self) { try GenerationDefaults(checkpoint: directory.checkpoint()) }?.subject
                == "key 'temperature'")
        directory.generationConfig = ["eos_token_id": [-1]]
        #expect(throws: CheckpointError.self) { try GenerationDefaults(checkpoint: directory.checkpoint()) }
    }

    @Test func fromGGUF() throws {
        var file = TinyGGUF(architecture: "llama")
        file.metadata += [
            ("tokenizer.ggml.eos_token_id", .uint32(2)), ("tokenizer.ggml.eot_token_id", .uint32(5)),
            ("tokenizer.ggml.eom_token_id", .uint32(2)),
            ("tokenizer.ggml.bos_token_id", .uint32(.max)), ("general.sampling.temp", .float32(0.5)),
            ("general.sampling.top_k", .int32(40)),
        ]
        let defaults = try GenerationDefaults(checkpoint: file.checkpoint())
        #expect(defaults.endOfSequence == [2, 5])
        #expect(defaults.beginOfSequence == nil)
        #expect(defaults.temperature == 0.5)
        #expect(defaults.topK == 40)
    }
}
