"""The list of golden models: each a configuration, a container, a format, and what is odd about it."""

from dataclasses import dataclass, field


@dataclass
class Variant:
    name: str
    config: dict
    format: str
    tokenizer: str
    #: `huggingface` or `gguf`
    container: str = "huggingface"
    #: GGUF's word for the architecture
    architecture: str = ""
    note: str = ""
    shards: int = 1
    split_tensors: int = 0
    fallback: str = "F16"
    overrides: dict = field(default_factory=dict)
    prefix_removed: str = ""
    #: GPT-2's causal masks, Llama 2's inverse frequencies: tensors of old checkpoints that must be ignored
    ballast: bool = False
    #: tokens of a second, longer window; 0: none
    long_window: int = 0
    #: Hugging Face: the directory as `save_pretrained` writes it. GGUF: no key that has a default.
    bare: bool = False


def llama(**changes):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 96,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 307, "max_position_embeddings": 1024,
            "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
            "rope_theta": 10000.0, "rope_scaling": None} | changes


def mistral(**changes):
    base = llama(architectures=["MistralForCausalLM"], model_type="mistral", sliding_window=12) | changes
    base.pop("rope_scaling")
    return base


def qwen(kind, **changes):
    word = {"qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}[kind]
    base = llama(architectures=[word], model_type=kind, rms_norm_eps=1e-6, rope_theta=1000000.0, use_sliding_window=False, sliding_window=8,
                 max_window_layers=2, bos_token_id=297, eos_token_id=299)
    base.pop("rope_scaling")
    return base | changes


def opt(**changes):
    return {"architectures": ["OPTForCausalLM"], "model_type": "opt", "hidden_size": 48, "ffn_dim": 104, "num_hidden_layers": 2,
            "num_attention_heads": 2, "vocab_size": 301, "max_position_embeddings": 128, "do_layer_norm_before": True,
            "word_embed_proj_dim": 48, "activation_function": "relu", "_remove_final_layer_norm": False, "enable_bias": True,
            "layer_norm_elementwise_affine": True, "pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 2, "dropout": 0.1} | changes


def gpt2(**changes):
    return {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 48, "n_layer": 2, "n_head": 3, "n_positions": 128,
            "n_ctx": 128, "vocab_size": 301, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "bos_token_id": 299,
            "eos_token_id": 299} | changes


LLAMA3_SCALING = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 24,
                  "rope_type": "llama3"}

#: Shape of the K-quant files: rows of 256 everywhere but in the attention output, whose rows of 64 fall back to another format.
K_SHAPE = llama(hidden_size=256, intermediate_size=256, num_attention_heads=2, num_key_value_heads=1, head_dim=32, vocab_size=301,
                tie_word_embeddings=True, num_hidden_layers=1)


def huggingface_variants():
    yield Variant("llama2-hf-f32", llama(hidden_size=48, intermediate_size=80, num_attention_heads=2, num_key_value_heads=2,
                                         vocab_size=301),
                  "F32", "sentencepiece", ballast=True, note="MHA, untied, head size 24, inverse frequencies in the file")
    yield Variant("llama3-hf-bf16-sharded",
                  llama(hidden_size=80, intermediate_size=88, num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=True,
                        rope_theta=500000.0, rope_scaling=LLAMA3_SCALING, bos_token_id=297, eos_token_id=[298, 299]),
                  "BF16", "llama3", shards=3, long_window=320,
                  note="GQA, tied, head size 40, llama3 rope scaling, three files, several end tokens")
    yield Variant("llama3-hf-f16-rope-parameters",
                  {key: value for key, value in llama(
                      hidden_size=32, intermediate_size=72, num_attention_heads=2, num_key_value_heads=1, rope_parameters=LLAMA3_SCALING |
                      {"rope_theta": 500000.0}).items() if key not in ("rope_theta", "rope_scaling")},
                  "F16", "llama3", note="rope_parameters and dtype as newer configurations write them")
    yield Variant("llama-hf-f16-linear-rope",
                  llama(hidden_size=32, intermediate_size=72, num_attention_heads=2, num_key_value_heads=2,
                        rope_scaling={"type": "linear", "factor": 4.0}),
                  "F16", "sentencepiece", note="linear rope scaling under its old key")
    yield Variant("llama-hf-f16-odd",
                  llama(hidden_size=56, intermediate_size=200, num_attention_heads=2, num_key_value_heads=1, head_dim=80, vocab_size=309,
                        num_hidden_layers=1, attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
                  "F16", "sentencepiece", note="biases everywhere, head size 80 on hidden 56, FFN 200, vocabulary 309")
    yield Variant("mistral-hf-f16", mistral(hidden_size=48, head_dim=24), "F16", "sentencepiece", long_window=200,
                  note="sliding window of 12, head size set apart")
    yield Variant("mistral-hf-bf16-full", mistral(sliding_window=None, hidden_size=32, num_attention_heads=2, num_key_value_heads=1,
                                                  rope_theta=1000000.0), "BF16", "sentencepiece", note="no sliding window")
    yield Variant("qwen2-hf-bf16", qwen("qwen2", tie_word_embeddings=True), "BF16", "qwen2",
                  note="QKV biases, tied, sliding window switched off")
    yield Variant("qwen2-hf-f16-sliding",
                  qwen("qwen2", hidden_size=32, num_attention_heads=2, num_key_value_heads=1, use_sliding_window=True, max_window_layers=1),
                  "F16", "qwen2", note="the second layer of two slides")
    yield Variant("qwen3-hf-bf16", qwen("qwen3", head_dim=48, num_attention_heads=2, num_key_value_heads=2, attention_bias=False), "BF16",
                  "qwen2", note="q and k norms, 2 heads of 48 on hidden 64")
    small = {"hidden_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 67, "intermediate_size": 24}
    no_groups = {key: value for key, value in small.items() if key not in ("num_key_value_heads", "intermediate_size")}
    for name, config in (
        ("llama", llama(**small, head_dim=16, rope_theta=10000000.0)), ("mistral", mistral(**small)),
        ("qwen2", qwen("qwen2", **small, bos_token_id=None, eos_token_id=None)),
        ("qwen3", qwen("qwen3", **small, bos_token_id=None, eos_token_id=None, head_dim=12, tie_word_embeddings=True)),
        ("opt", opt(**no_groups, ffn_dim=40, word_embed_proj_dim=16)),
        ("opt-postnorm", opt(**no_groups, ffn_dim=40, word_embed_proj_dim=8, do_layer_norm_before=False)),
        ("gpt2", gpt2(n_embd=16, n_head=2, vocab_size=67, bos_token_id=0, eos_token_id=0)),
    ):
        yield Variant(f"{name}-hf-f32-saved", config, "F32", "none", bare=True, note="written by save_pretrained, no tokenizer")
    yield Variant("opt-hf-bf16", opt(), "BF16", "gpt2", note="pre-norm, positions offset by 2")
    yield Variant("opt-hf-f16-postnorm", opt(do_layer_norm_before=False, word_embed_proj_dim=40), "F16", "gpt2", prefix_removed="model.",
                  note="post-norm, project_in and project_out, names without `model.`")
    yield Variant("gpt2-hf-bf16", gpt2(), "BF16", "gpt2", note="head size 16, names with `transformer.`")
    yield Variant("gpt2-hf-f16-hub", gpt2(n_embd=40, n_head=2, n_inner=72), "F16", "gpt2", prefix_removed="transformer.", ballast=True,
                  note="n_inner, names without `transformer.`, causal masks in the file")


def gguf_variants():
    def variant(name, config, kind, tokenizer, architecture="llama", **more):
        return Variant(name, config, kind, tokenizer, container="gguf", architecture=architecture, **more)

    for kind in ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"):
        shape = llama()
        if kind in ("F16", "BF16"):
            shape = llama(hidden_size=32, intermediate_size=72, num_attention_heads=2, num_key_value_heads=1)
        if kind == "F32":
            shape = llama(hidden_size=48, intermediate_size=80, num_attention_heads=2, num_key_value_heads=1)
        yield variant(f"llama-gguf-{kind.lower()}", shape, kind, "sentencepiece", note="GQA, untied, rotary rows interleaved")
    for kind in ("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"):
        yield variant(f"llama-gguf-{kind.lower()}", K_SHAPE, kind, "sentencepiece", fallback="Q8_0" if kind != "Q4_K" else "Q5_0",
                      note="tied, head size 32 on hidden 256, attention output in another format")
    yield variant("llama-gguf-mixed", K_SHAPE | {"intermediate_size": 512}, "Q4_K", "sentencepiece",
                  fallback="Q5_1", overrides={"attn_v|ffn_down": "Q6_K", "token_embd": "Q3_K", "ffn_gate": "Q5_K", "attn_q": "Q2_K"},
                  note="a format per tensor, rows of two super-blocks")
    yield variant("llama3-gguf-f16", llama(hidden_size=48, num_attention_heads=2, num_key_value_heads=1, head_dim=32,
                                           tie_word_embeddings=True, rope_theta=500000.0,
                                           rope_scaling=LLAMA3_SCALING, bos_token_id=297, eos_token_id=298),
                  "F16", "llama3", long_window=320, note="rope_freqs.weight, head size 32")
    yield variant("llama-gguf-q8_0-split", llama(intermediate_size=128, num_attention_heads=2, num_key_value_heads=2), "Q8_0",
                  "sentencepiece", split_tensors=8, note="several files")
    yield variant("llama-gguf-f16-linear-rope", llama(hidden_size=32, num_attention_heads=2,
                                                      rope_scaling={"type": "linear", "factor": 4.0}), "F16",
                  "sentencepiece", note="rope scaling keys")
    yield variant("llama-gguf-f16-bias", llama(hidden_size=48, num_attention_heads=2, num_key_value_heads=1, head_dim=40,
                                               attention_bias=True, intermediate_size=72),
                  "F16", "sentencepiece", note="attention biases (interleaved like the rows), head size 40 on hidden 48")
    yield variant("llama-gguf-f16-bare", llama(hidden_size=32, num_attention_heads=2, num_key_value_heads=2, vocab_size=259), "F16", "none",
                  bare=True, note="no tokenizer, no key that has a default, alignment 64")
    yield variant("mistral-gguf-q8_0", mistral(), "Q8_0", "sentencepiece", note="Llama's names with llama.attention.sliding_window")
    yield variant("qwen2-gguf-q8_0", qwen("qwen2"), "Q8_0", "qwen2", "qwen2", note="QKV biases, untied, rotary halves")
    yield variant("qwen2-gguf-q4_0-tied", qwen("qwen2", tie_word_embeddings=True), "Q4_0", "qwen2", "qwen2", note="tied: no output.weight")
    yield variant("qwen3-gguf-f16", qwen("qwen3", hidden_size=32, head_dim=48, num_attention_heads=2, num_key_value_heads=1,
                                         tie_word_embeddings=True), "F16", "qwen2", "qwen3", note="attn_q_norm, attn_k_norm, key_length")
    yield variant("gpt2-gguf-f16", gpt2(n_embd=40, n_head=2), "F16", "gpt2", "gpt2", note="fused QKV, learned positions, tied")
    yield variant("gpt2-gguf-q4_0", gpt2(n_embd=64, n_head=2), "Q4_0", "gpt2", "gpt2", note="positions stay f32")


def all_variants():
    return list(gguf_variants()) + list(huggingface_variants())
