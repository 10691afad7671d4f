#!/usr/bin/env python3
"""Makes the golden models of Tests/Goldens: tiny random models, and what transformers says they say.

usage: make_goldens.py [--out DIRECTORY] [--only SUBSTRING] [--list]
"""

import argparse
import copy
import json
import os
import shutil

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

import gguf_files
import huggingface_files
import lively
import oracle
import small_tokenizers
from variants import all_variants

PROMPT_TOKENS, WINDOW_TOKENS = 40, 64
LOGIT_POSITIONS = (19, 39)
GENERATION = {"do_sample": True, "temperature": 0.7, "top_k": 20, "top_p": 0.9, "repetition_penalty": 1.05}


def configuration(config):
    kind = AutoConfig.for_model(config["model_type"]).__class__
    # As loading a directory does it, so that old keys are understood as transformers understands them; on a copy, since it edits nested
    # values.
    given = {key: value for key, value in config.items() if value is not None or key == "sliding_window"}
    return kind.from_dict(copy.deepcopy(given), attn_implementation="eager")


def build(variant):
    """The model in f32, with its lively weights."""
    model = AutoModelForCausalLM.from_config(configuration(variant.config), dtype=torch.float32).eval()
    lively.fill(model, variant.name)
    return model


def ballast(variant, model):
    config = model.config
    if config.model_type == "gpt2":
        size = 16  # in real files the number of positions
        return {f"h.{layer}.attn.bias": torch.tril(torch.ones(1, 1, size, size)) for layer in range(config.num_hidden_layers)}
    return {f"model.layers.{layer}.self_attn.rotary_emb.inv_freq": model.model.rotary_emb.inv_freq.clone()
            for layer in range(config.num_hidden_layers)}


def load(directory):
    loaded, info = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager",
                                                        output_loading_info=True)
    assert not info["missing_keys"] and not info["mismatched_keys"], info
    return loaded.eval()


def write_huggingface(variant, out, tokenizer):
    directory = os.path.join(out, variant.name)
    shutil.rmtree(directory, ignore_errors=True)
    model = build(variant)
    if variant.bare:
        huggingface_files.write_saved(directory, model, variant.format)
        return load(directory), variant.name
    state = {name: parameter for name, parameter in model.named_parameters()}
    extra = ballast(variant, model) if variant.ballast else {}
    state = huggingface_files.renamed(state, variant.prefix_removed, extra)
    generation = GENERATION | {key: variant.config[key] for key in ("bos_token_id", "eos_token_id")}
    huggingface_files.write(directory, variant.config, state, variant.format, tokenizer, generation, variant.shards)
    return load(directory), variant.name


def write_gguf(variant, out, tokenizer):
    model = build(variant)
    path = os.path.join(out, variant.name + ".gguf")
    conversion = gguf_files.Conversion(model, variant.architecture, variant.format, variant.fallback, variant.overrides, variant.bare)
    path = conversion.write(path, tokenizer, variant.name, variant.split_tensors)
    return model, os.path.basename(path)


def short(value):
    """Floats with six significant digits, all else unchanged."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    return [short(item) for item in value] if isinstance(value, list) else value


def expected(variant, model, file, tokenizer):
    vocabulary = model.config.vocab_size
    prompt = lively.tokens(variant.name, PROMPT_TOKENS, vocabulary)
    window = lively.tokens(variant.name, WINDOW_TOKENS, vocabulary)
    every = oracle.logits(model, prompt)
    windows = [{"tokens": window, "nll": oracle.mean_nll(model, window)}]
    if variant.long_window:
        long = lively.tokens(variant.name, variant.long_window, vocabulary)
        windows.append({"tokens": long, "nll": oracle.mean_nll(model, long)})
    return {
        "name": variant.name, "model": file, "container": variant.container, "architecture": variant.config["model_type"],
        "format": variant.format,
        "note": variant.note, "vocabulary_size": vocabulary, "prompt": prompt,
        "argmax": [int(token) for token in every.argmax(-1)],
        "logits": [{"position": position, "values": every[position].tolist()} for position in LOGIT_POSITIONS],
        "logits_deviation": float(every.std(axis=-1).mean()), "drift": oracle.drift(model, prompt),
        "greedy": oracle.greedy(model, prompt), "windows": windows, "tokenizer": tokenizer.expected(),
    }


def dump(value, path):
    """One line per key of the outermost object: small, and still readable in a diff."""
    lines = [f"{json.dumps(key)}: {json.dumps(item, ensure_ascii=False, separators=(',', ':'))}" for key, item in short(value).items()]
    with open(path, "w") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.path.join(here, "..", "..", "Tests", "Goldens"))
    parser.add_argument("--only", default="", help="only the models whose name contains this")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    chosen = [variant for variant in all_variants() if options.only in variant.name]
    if options.list:
        print("\n".join(f"{variant.name:32} {variant.note}" for variant in chosen))
        return
    os.makedirs(options.out, exist_ok=True)
    for variant in chosen:
        tokenizer = small_tokenizers.MAKERS[variant.tokenizer]()
        write = write_gguf if variant.container == "gguf" else write_huggingface
        model, file = write(variant, options.out, tokenizer)
        result = expected(variant, model, file, tokenizer)
        dump(result, os.path.join(options.out, variant.name + ".expected.json"))
        drift = "  ".join(f"{rounding} {value['largest']:.4f}" for rounding, value in result["drift"].items())
        margin = min(step["margin"] for step in result["greedy"])
        print(f"{variant.name:32} logits +-{result['logits_deviation']:.2f}  nll {result['windows'][0]['nll']:.3f}  "
              f"least margin {margin:.3f}  {drift}", flush=True)


if __name__ == "__main__":
    main()
