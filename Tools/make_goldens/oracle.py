"""What a model is expected to say, computed by transformers in f32."""

import contextlib

import numpy as np
import torch
from transformers.pytorch_utils import Conv1D

GREEDY_TOKENS = 16


def logits(model, ids):
    """Logits at every position: tokens x vocabulary, f64."""
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits[0].double().numpy()


def log_softmax(row):
    shifted = row - row.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def mean_nll(model, ids):
    """Mean negative log likelihood, in nats, of ids[1...], each given all before it."""
    scores = log_softmax(logits(model, ids))
    return float(-np.mean([scores[i, ids[i + 1]] for i in range(len(ids) - 1)]))


def greedy(model, prompt, count=GREEDY_TOKENS):
    """Greedy continuation, end-of-text tokens ignored; with the lead of the best token's logit and the five best log probabilities."""
    ids, steps = list(prompt), []
    for _ in range(count):
        row = logits(model, ids)[-1]
        best = np.argsort(-row, kind="stable")[:5]
        scores = log_softmax(row)
        steps.append({"token": int(best[0]), "margin": float(row[best[0]] - row[best[1]]),
                      "best": [[int(token), float(scores[token])] for token in best]})
        ids.append(int(best[0]))
    return steps


def _round_int8(x):
    """Blocks of 32 along the last axis, scaled so that the largest becomes 127."""
    width = x.shape[-1]
    padded = torch.nn.functional.pad(x, (0, -width % 32)).unflatten(-1, (-1, 32))
    scale = padded.abs().amax(-1, keepdim=True) / 127
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    return ((padded / scale).round() * scale).flatten(-2)[..., :width]


ROUNDINGS = {"int8": _round_int8, "bf16": lambda x: x.to(torch.bfloat16).to(x.dtype), "f16": lambda x: x.to(torch.float16).to(x.dtype)}


@contextlib.contextmanager
def _rounded_activations(model, rounding):
    hooks = [module.register_forward_pre_hook(lambda _, inputs: (ROUNDINGS[rounding](inputs[0]),) + inputs[1:])
             for module in model.modules() if isinstance(module, (torch.nn.Linear, Conv1D))]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def drift(model, ids):
    """How far logits move (largest and root mean square difference over all positions) when every matrix product's input is rounded.

    A measure for tolerances: an engine that rounds activations like this may be expected within a small multiple.
    """
    exact, result = logits(model, ids), {}
    for rounding in ROUNDINGS:
        with _rounded_activations(model, rounding):
            difference = logits(model, ids) - exact
        result[rounding] = {"largest": float(np.abs(difference).max()), "rms": float(np.sqrt(np.mean(difference ** 2)))}
    return result
