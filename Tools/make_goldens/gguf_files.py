"""GGUF files of transformers models: metadata keys, tensor names and the order of rotary rows as GGUF readers expect them."""

import math
import os
import re

import gguf
import numpy as np
import torch

import quantise

# transformers leaf name -> GGUF leaf name, inside a layer.
ROTARY_LAYER = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
GPT2_LAYER = {"ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
              "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
OUTSIDE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
           "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm"}


def tensor_name(name):
    stem, suffix = name.rsplit(".", 1)
    if stem in OUTSIDE:
        return f"{OUTSIDE[stem]}.{suffix}"
    layer, leaf = re.fullmatch(r"(?:model\.layers|transformer\.h)\.(\d+)\.(.+)", stem).groups()
    return f"blk.{layer}.{(ROTARY_LAYER | GPT2_LAYER)[leaf]}.{suffix}"


def interleave(rows, heads):
    """Rotary pairs (i, i + half) of each head become neighbours (2i, 2i + 1), the order GGUF keeps for Llama and Mistral."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def deinterleave(rows, heads):
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


class Conversion:
    """One model on its way into a GGUF file; afterwards the model holds exactly what the file says, dequantised."""

    def __init__(self, model, architecture, format_name, fallback="F16", overrides=None, bare=False):
        self.model, self.config, self.bare = model, model.config, bare
        self.architecture, self.format_name, self.fallback = architecture, format_name, fallback
        self.overrides = overrides or {}

    def rotary_heads(self, name):
        if self.architecture != "llama" or ".self_attn." not in name:
            return None
        if ".q_proj." in name:
            return self.config.num_attention_heads
        return self.config.num_key_value_heads if ".k_proj." in name else None

    def format_of(self, gguf_name, array):
        if array.ndim == 1 or gguf_name.startswith("position_embd"):
            return "F32"
        for pattern, wanted in self.overrides.items():
            if re.search(pattern, gguf_name):
                return wanted
        return self.format_name if quantise.fits(self.format_name, array.shape[1]) else self.fallback

    def tensors(self):
        """(GGUF name, array to write, its format) for each parameter; rounds the parameter itself on the way."""
        for name, parameter in self.model.named_parameters():
            array, heads = parameter.detach().numpy(), self.rotary_heads(name)
            transposed = self.architecture == "gpt2" and array.ndim == 2 and ".h." in name
            array = array.T if transposed else array
            array = interleave(array, heads) if heads else array
            target = tensor_name(name)
            kind = self.format_of(target, array)
            data = quantise.quantise(array, kind)
            back = quantise.dequantise(data, kind).reshape(array.shape)
            back = deinterleave(back, heads) if heads else back
            back = back.T if transposed else back
            with torch.no_grad():
                parameter.copy_(torch.from_numpy(np.ascontiguousarray(back)))
            yield target, data, kind

    def add_metadata(self, writer, tokenizer, name):
        config, key = self.config, lambda leaf: f"{self.architecture}.{leaf}"
        writer.add_name(name)
        types = {"F32": "ALL_F32", "Q2_K": "MOSTLY_Q2_K", "Q3_K": "MOSTLY_Q3_K_M", "Q4_K": "MOSTLY_Q4_K_M", "Q5_K": "MOSTLY_Q5_K_M"}
        writer.add_file_type(getattr(gguf.LlamaFileType, types.get(self.format_name, "MOSTLY_" + self.format_name)))
        writer.add_context_length(config.max_position_embeddings)
        writer.add_embedding_length(config.hidden_size)
        writer.add_block_count(config.num_hidden_layers)
        writer.add_head_count(config.num_attention_heads)
        if self.architecture == "gpt2":
            writer.add_feed_forward_length(config.n_inner or 4 * config.hidden_size)
            writer.add_layer_norm_eps(config.layer_norm_epsilon)
        else:
            self.add_rotary_metadata(writer, key)
        tokenizer.add_to_gguf(writer, config)

    def add_rotary_metadata(self, writer, key):
        config = self.config
        writer.add_feed_forward_length(config.intermediate_size)
        if not self.bare:
            writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        if self.bare:
            return
        writer.add_vocab_size(config.vocab_size)
        head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        if head_size != config.hidden_size // config.num_attention_heads:
            writer.add_key_length(head_size)
            writer.add_value_length(head_size)
        if self.architecture == "llama":
            writer.add_rope_dimension_count(head_size)
        if config.model_type == "mistral" and config.sliding_window:
            writer.add_sliding_window(config.sliding_window)
        rope = config.rope_parameters
        writer.add_rope_freq_base(float(rope["rope_theta"]))
        if rope["rope_type"] == "linear":
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(float(rope["factor"]))
        elif rope["rope_type"] == "llama3":
            writer.add_tensor("rope_freqs.weight", self.llama3_factors(rope, head_size))
        else:
            assert rope["rope_type"] == "default", rope

    @staticmethod
    def llama3_factors(rope, head_size):
        """What each rotary frequency is divided by: 1 for short waves, the factor for long ones, a blend between."""
        factors = []
        for index in range(0, head_size, 2):
            wavelength = 2 * math.pi * rope["rope_theta"] ** (index / head_size)
            original = rope["original_max_position_embeddings"]
            low, high = original / rope["low_freq_factor"], original / rope["high_freq_factor"]
            if wavelength < high:
                factors.append(1.0)
            elif wavelength > low:
                factors.append(rope["factor"])
            else:
                smooth = (original / wavelength - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"])
                factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
        return np.array(factors, dtype=np.float32)

    def write(self, path, tokenizer, name, split_tensors=0):
        """Writes PATH, or `PATH-00001-of-0000N.gguf` and so on where `split_tensors` a file is asked for. Returns the first file's path."""
        writer = gguf.GGUFWriter(path, self.architecture, split_max_tensors=split_tensors)
        self.add_metadata(writer, tokenizer, name)
        for target, data, kind in self.tensors():
            writer.add_tensor(target, data, raw_dtype=quantise.FORMATS[kind])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        if not split_tensors:
            return path
        stem = path[:-len(".gguf")]
        directory, prefix = os.path.split(stem)
        parts = (file for file in os.listdir(directory) if re.match(re.escape(prefix) + r"-\d{5}-of-", file))
        return sorted(os.path.join(directory, file) for file in parts)[0]
