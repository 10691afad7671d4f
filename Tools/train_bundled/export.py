#!/usr/bin/env python3
"""Writes a checkpoint of train.py as GGUF, and on request as a Hugging Face directory.

    python export.py --checkpoint run/checkpoint.pt --output ../../Models/motley-bundled.gguf [--format Q8_0|F16|F32]
                     [--huggingface DIRECTORY]

GGUF keeps rotary pairs next to each other (2i, 2i + 1), training keeps them half a head apart, so the rows of the
query and key matrices are reordered on the way. Norms stay in float32.
"""

import argparse
import json
import os

import gguf
import numpy
import torch

from model import Configuration, Model
from tokens import BEGIN, CHAT_TEMPLATE, END, PADDING, SPECIAL_TOKENS, vocabulary

FILE_TYPES = {
    "F32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "F16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "Q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}

DESCRIPTION = "A tiny character-level model for trying and testing Motley; trained only on generated questions."


def load(path):
    state = torch.load(path, weights_only=False, map_location="cpu")
    model = Model(Configuration(**state["configuration"]))
    model.load_state_dict(state["model"])
    return model.float().eval(), state


def adjacent_pairs(weight, heads):
    """Rows (i, i + half) of each head become rows (2i, 2i + 1)."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def gguf_tensors(model):
    """Names of llama.cpp's convention with float32 arrays."""
    c = model.c
    array = lambda parameter: parameter.detach().numpy()  # noqa: E731
    yield "token_embd.weight", array(model.embedding.weight)
    for index, block in enumerate(model.blocks):
        prefix = f"blk.{index}."
        attention, feed_forward = block.attention, block.feed_forward
        yield prefix + "attn_norm.weight", array(block.attention_norm.weight)
        yield prefix + "attn_q.weight", adjacent_pairs(array(attention.q.weight), c.heads)
        yield prefix + "attn_k.weight", adjacent_pairs(array(attention.k.weight), c.key_value_heads)
        yield prefix + "attn_v.weight", array(attention.v.weight)
        yield prefix + "attn_output.weight", array(attention.o.weight)
        yield prefix + "ffn_norm.weight", array(block.feed_forward_norm.weight)
        yield prefix + "ffn_gate.weight", array(feed_forward.gate.weight)
        yield prefix + "ffn_up.weight", array(feed_forward.up.weight)
        yield prefix + "ffn_down.weight", array(feed_forward.down.weight)
    yield "output_norm.weight", array(model.norm.weight)
    yield "output.weight", array(model.head.weight)


def write_gguf(model, path, kind):
    c = model.c
    tensor_type, file_type = FILE_TYPES[kind]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Motley Bundled")
    writer.add_description(DESCRIPTION)
    writer.add_license("apache-2.0")
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(c.layers)
    writer.add_context_length(c.context)
    writer.add_embedding_length(c.hidden)
    writer.add_feed_forward_length(c.feed_forward)
    writer.add_head_count(c.heads)
    writer.add_head_count_kv(c.key_value_heads)
    writer.add_rope_dimension_count(c.head_size)
    writer.add_rope_freq_base(c.rope_theta)
    writer.add_layer_norm_rms_eps(c.norm_epsilon)
    writer.add_vocab_size(c.vocabulary)
    texts, merges = vocabulary()
    types = [gguf.TokenType.CONTROL if token in SPECIAL_TOKENS else gguf.TokenType.NORMAL for token in range(len(texts))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(texts)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_eot_token_id(END)
    writer.add_pad_token_id(PADDING)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_sampling_temp(0.0)  # greedy unless asked otherwise: an answer is right or wrong
    writer.add_chat_template(CHAT_TEMPLATE)
    for name, values in gguf_tensors(model):
        kept = gguf.GGMLQuantizationType.F32 if values.ndim == 1 else tensor_type
        values = numpy.ascontiguousarray(values, dtype=numpy.float32)
        writer.add_tensor(name, gguf.quants.quantize(values, kept), raw_dtype=kept)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_huggingface(model, directory):
    """config.json, model.safetensors, tokenizer.json and tokenizer_config.json."""
    from safetensors.torch import save_file

    c = model.c
    os.makedirs(directory, exist_ok=True)
    names = {
        "embedding.": "model.embed_tokens.", "blocks.": "model.layers.", "head.": "lm_head.", "attention_norm.": "input_layernorm.",
        "feed_forward_norm.": "post_attention_layernorm.", "attention.": "self_attn.", "feed_forward.": "mlp.",
        ".q.": ".q_proj.", ".k.": ".k_proj.", ".v.": ".v_proj.", ".o.": ".o_proj.", ".gate.": ".gate_proj.", ".up.": ".up_proj.",
        ".down.": ".down_proj.",
    }  # fmt: skip
    tensors = {}
    for name, value in model.state_dict().items():
        name = "model.norm.weight" if name == "norm.weight" else name
        for old, new in names.items():
            name = name.replace(old, new)
        tensors[name] = value.detach().clone().contiguous()
    save_file(tensors, os.path.join(directory, "model.safetensors"), metadata={"format": "pt"})

    def write(name, value):
        with open(os.path.join(directory, name), "w") as file:
            json.dump(value, file, indent=1, ensure_ascii=False)

    write("config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": c.hidden, "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads, "num_key_value_heads": c.key_value_heads, "head_dim": c.head_size,
        "intermediate_size": c.feed_forward, "vocab_size": c.vocabulary, "rope_theta": c.rope_theta, "rms_norm_eps": c.norm_epsilon,
        "max_position_embeddings": c.context, "hidden_act": "silu", "tie_word_embeddings": False, "attention_bias": False,
        "mlp_bias": False, "bos_token_id": BEGIN, "eos_token_id": END, "pad_token_id": PADDING, "torch_dtype": "float32",
    })  # fmt: skip
    texts, merges = vocabulary()
    added = [
        {"id": token, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for token, text in SPECIAL_TOKENS.items()
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    begin = SPECIAL_TOKENS[BEGIN]
    write("tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": byte_level, "decoder": byte_level,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": begin, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {begin: {"id": begin, "ids": [BEGIN], "tokens": [begin]}},
        },
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": {text: token for token, text in enumerate(texts)}, "merges": [merge.split(" ") for merge in merges],
        },
    })  # fmt: skip
    write("tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": begin, "eos_token": SPECIAL_TOKENS[END],
        "pad_token": SPECIAL_TOKENS[PADDING], "model_max_length": c.context, "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
    })  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--format", choices=FILE_TYPES, default="Q8_0")
    parser.add_argument("--huggingface", help="also write this directory")
    arguments = parser.parse_args()
    model, state = load(arguments.checkpoint)
    write_gguf(model, arguments.output, arguments.format)
    print(f"{arguments.output}: {os.path.getsize(arguments.output)} bytes, after step {state['step']}")
    if arguments.huggingface:
        write_huggingface(model, arguments.huggingface)


if __name__ == "__main__":
    main()
