"""Hugging Face directories: config.json as given, safetensors in one or several files, tokenizer and generation settings."""

import copy
import json
import os

import torch
from safetensors.torch import save_file

TYPES = {"F32": (torch.float32, "float32"), "F16": (torch.float16, "float16"), "BF16": (torch.bfloat16, "bfloat16")}


def save(state, path):
    save_file(state, path, metadata={"format": "pt"})
    os.chmod(path, 0o644)


def renamed(state, prefix_removed, extra):
    """The state under the names a hub checkpoint uses, and tensors that old checkpoints carry along though nobody reads them."""
    return {name.removeprefix(prefix_removed): tensor for name, tensor in state.items()} | extra


def write_saved(directory, model, format_name):
    """The directory as transformers itself writes it."""
    copy.deepcopy(model).to(TYPES[format_name][0]).save_pretrained(directory)
    os.chmod(os.path.join(directory, "model.safetensors"), 0o644)


def write(directory, config, state, format_name, tokenizer, generation, shards=1):
    os.makedirs(directory, exist_ok=True)
    kind, word = TYPES[format_name]
    config = dict(config)
    config["dtype" if "rope_parameters" in config else "torch_dtype"] = word
    for name, content in (("config.json", config), ("generation_config.json", generation)):
        with open(os.path.join(directory, name), "w") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
    tokenizer.write(directory)
    state = {name: tensor.detach().to(kind).contiguous() for name, tensor in state.items()}
    if shards == 1:
        save(state, os.path.join(directory, "model.safetensors"))
        return
    names = sorted(state)
    index = {"metadata": {"total_size": sum(tensor.nbytes for tensor in state.values())}, "weight_map": {}}
    for shard in range(shards):
        part = names[shard * len(names) // shards:(shard + 1) * len(names) // shards]
        file_name = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        save({name: state[name] for name in part}, os.path.join(directory, file_name))
        index["weight_map"] |= {name: file_name for name in part}
    with open(os.path.join(directory, "model.safetensors.index.json"), "w") as file:
        json.dump(index, file, indent=2)
        file.write("\n")
