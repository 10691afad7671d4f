"""Random weights that make a tiny model lively: attention that picks, norms that matter, logits that differ by a few nats.

Each tensor has its own generator, seeded by the model's name and the tensor's, so that adding a tensor moves no other.
"""

import hashlib

import numpy as np
import torch


def generator(*words):
    digest = hashlib.sha256("/".join(words).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))


def values(model_name, tensor_name, shape, inputs):
    """Values of one tensor; `inputs` is how many numbers each output of a matrix sums over."""
    random = generator(model_name, tensor_name)
    leaf = tensor_name.rsplit(".", 2)[-2]
    if len(shape) == 1:
        is_norm = "norm" in leaf or leaf.startswith("ln_")
        if is_norm and tensor_name.endswith("weight"):
            return random.uniform(0.5, 1.5, shape)
        return random.normal(0.0, 0.3, shape)
    if leaf in ("embed_positions", "wpe"):
        return random.normal(0.0, 0.3, shape)
    if leaf in ("embed_tokens", "wte", "lm_head"):
        return random.normal(0.0, 2.5 / np.sqrt(shape[1]), shape)
    return random.normal(0.0, 1.0 / np.sqrt(inputs), shape)


def fill(model, name):
    """Replaces every parameter of a transformers model. Tied parameters are met once, under the embedding's name."""
    with torch.no_grad():
        for tensor_name, parameter in model.named_parameters():
            shape = tuple(parameter.shape)
            inputs = shape[-1]
            if len(shape) == 2 and model.config.model_type == "gpt2" and "wte" not in tensor_name and "wpe" not in tensor_name:
                inputs = shape[0]  # Conv1D keeps inputs x outputs
            parameter.copy_(torch.from_numpy(np.asarray(values(name, tensor_name, shape, inputs), dtype=np.float32)))


def tokens(name, count, vocabulary):
    """Token ids for a prompt; the first ids are left out, where tokenizers keep their special tokens."""
    return [int(token) for token in generator(name, "tokens", str(count)).integers(3, vocabulary, count)]
