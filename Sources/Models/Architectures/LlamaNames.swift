/// Names of a Llama-like decoder's modules; a tensor's name is its module's with `.weight` or `.bias`.
struct LlamaNames: Sendable {
    struct Layer {
        var attentionNorm, query, key, value, queryNorm, keyNorm, attentionOutput, feedForwardNorm, gate, up, down: String
    }

    var embedding, finalNorm, output: String
    var layer: @Sendable (Int) -> Layer

    static let gguf = LlamaNames(embedding: "token_embd", finalNorm: "output_norm", output: "output") { index in
        let block = "blk.\(index)."
        return Layer(
            attentionNorm: block + "attn_norm", query: block + "attn_q", key: block + "attn_k", value: block + "attn_v",
            queryNorm: block + "attn_q_norm", keyNorm: block + "attn_k_norm", attentionOutput: block + "attn_output",
            feedForwardNorm: block + "ffn_norm", gate: block + "ffn_gate", up: block + "ffn_up", down: block + "ffn_down")
    }

    static let huggingFace = LlamaNames(embedding: "model.embed_tokens", finalNorm: "model.norm", output: "lm_head") { index in
        let layer = "model.layers.\(index)."
        let attention = layer + "self_attn."
        return Layer(
            attentionNorm: layer + "input_layernorm", query: attention + "q_proj", key: attention + "k_proj", value: attention + "v_proj",
            queryNorm: attention + "q_norm", keyNorm: attention + "k_norm", attentionOutput: attention + "o_proj",
            feedForwardNorm: layer + "post_attention_layernorm", gate: layer + "mlp.gate_proj", up: layer + "mlp.up_proj",
            down: layer + "mlp.down_proj")
    }
}
