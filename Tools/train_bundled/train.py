#!/usr/bin/env python3
"""Trains the bundled model on generated questions. Resumable: the checkpoint is written every few minutes.

    python train.py --checkpoint run/checkpoint.pt --steps 2000 [--resume]

Weights are kept in float32 and used in bfloat16. Matrices learn by Muon (orthogonalised momentum), the rest by Adam.
"""

import argparse
import json
import math
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F

import data
from model import Configuration, Model
from tokens import END, PADDING, encode_text

#: How often each skill is drawn for a question of a short row, relative to the others.
MIXTURE = {
    "reverse": 1.2,
    "spell": 0.5,
    "capitals": 0.3,
    "repeat": 0.7,
    "sort": 1.6,
    "compare": 0.9,
    "calendar": 0.15,
    "identity": 0.25,
    "lookup": 0.5,
}


def orthogonalise(stack):
    """The nearest orthogonal matrices of a stack [count, rows, columns], by a quintic Newton-Schulz iteration."""
    x = stack.bfloat16()
    wide = x.shape[1] > x.shape[2]
    if wide:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x.mT if wide else x).float()


class Muon:
    """Momentum whose update is orthogonalised; matrices of one shape are treated as one stack."""

    def __init__(self, parameters, momentum=0.95, decay=0.02):
        self.momentum, self.decay = momentum, decay
        self.groups = {}
        for parameter in parameters:
            self.groups.setdefault(parameter.shape, []).append(parameter)
        self.velocity = {shape: torch.zeros(len(group), *shape) for shape, group in self.groups.items()}

    def step(self, rate):
        for shape, group in self.groups.items():
            gradient = torch.stack([parameter.grad for parameter in group])
            velocity = self.velocity[shape].lerp_(gradient, 1 - self.momentum)
            update = orthogonalise(gradient.lerp(velocity, self.momentum))
            scale = rate * math.sqrt(max(1.0, shape[0] / shape[1]))
            for parameter, change in zip(group, update):
                parameter.data.mul_(1 - rate * self.decay).add_(change, alpha=-scale)


def batch(generator, kind, step_fraction, tokens, limits):
    """One worker's rows of equal length. Long texts come in once the short ones have taught looking things up.

    `kind` in 0..<1 chooses the length; all workers of a step share it, so that none waits long for another.
    """
    long_share = 0.0 if step_fraction < limits["long_from"] else limits["long_share"]
    if kind < long_share:
        length, facts, filler = 1536, (24, 38), (18, 32)
    elif kind < long_share + limits["middle_share"]:
        length, facts, filler = generator.choice(((256, (4, 9), (0, 3)), (384, (8, 16), (0, 4))))
    else:
        length, facts, filler = 160, None, None
    rows = []
    for _ in range(max(1, tokens // length)):
        if facts:
            rows.append(data.lookup_row(generator, length, generator.randint(*facts), generator.randint(*filler)))
        else:
            rows.append(data.short_row(generator, length, limits["mixture"]))
    ids = torch.tensor([row.tokens[: length + 1] for row in rows])
    weights = torch.tensor([row.weights[1 : length + 1] for row in rows])
    return ids[:, :-1], ids[:, 1:], weights, length


@torch.no_grad()
def exact_match(model, skill, count, seed=7):
    """The share of held-out questions whose greedy answer is right, by teacher forcing: all of its tokens are first choices."""
    turns = data.evaluation_turns(seed, skill, count)
    prompts = [data.prompt_tokens(turn) for turn in turns]
    answers = [encode_text(turn.answer) + [END] for turn in turns]
    rows = [prompt + answer[:-1] for prompt, answer in zip(prompts, answers)]
    longest = max(map(len, rows))
    choices = model(torch.tensor([row + [PADDING] * (longest - len(row)) for row in rows])).argmax(-1).tolist()
    right = sum(
        choice[len(prompt) - 1 : len(row)] == answer for choice, prompt, row, answer in zip(choices, prompts, rows, answers)
    )
    return right / count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch-tokens", type=int, default=3072)
    parser.add_argument("--rate", type=float, default=0.015, help="of Muon; Adam's follows it")
    parser.add_argument("--cooldown", type=float, default=0.7, help="the last share of the steps, in which the rate falls to 0")
    parser.add_argument("--middle-share", type=float, default=0.25)
    parser.add_argument("--long-share", type=float, default=0.2)
    parser.add_argument("--long-from", type=float, default=0.5, help="share of the steps after which long texts come in")
    parser.add_argument("--mixture", type=json.loads, default={}, help='JSON that overrides weights, as {"add": 3}')
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-seconds", type=float, default=120)
    parser.add_argument("--probe-seconds", type=float, default=480)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    model = Model(Configuration())  # float32, the weights that learn
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and n.startswith("blocks")]
    others = [p for n, p in model.named_parameters() if not (p.dim() == 2 and n.startswith("blocks"))]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, lr=1e-3, betas=(0.9, 0.98), weight_decay=0.0)
    generators = [random.Random(arguments.seed * 1000 + worker) for worker in range(arguments.threads)]
    step, seen = 0, 0
    if arguments.resume and os.path.exists(arguments.checkpoint):
        state = torch.load(arguments.checkpoint, weights_only=False)
        model.load_state_dict(state["model"])
        adam.load_state_dict(state["adam"])
        muon.velocity = state["velocity"]
        for generator, saved_state in zip(generators, state.get("generators", [])):
            generator.setstate(saved_state)
        step, seen = state["step"], state["seen"]
    halves = [Model(model.c).bfloat16() for _ in generators]  # the weights that compute
    share_tokens = arguments.batch_tokens // len(halves)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, from step {step}", flush=True)

    def save():
        state = dict(
            model=model.state_dict(), adam=adam.state_dict(), velocity=muon.velocity,
            generators=[generator.getstate() for generator in generators],
            step=step, seen=seen, configuration=model.c.dictionary(),
        )  # fmt: skip
        os.makedirs(os.path.dirname(os.path.abspath(arguments.checkpoint)), exist_ok=True)
        torch.save(state, arguments.checkpoint + ".new")
        os.replace(arguments.checkpoint + ".new", arguments.checkpoint)

    limits = dict(
        long_from=arguments.long_from, long_share=arguments.long_share, middle_share=arguments.middle_share,
        mixture=MIXTURE | arguments.mixture,
    )  # fmt: skip

    def work(worker, kind, fraction):
        """Gradients of one worker's rows. Workers meet once per step, so that a busy processor delays few of them."""
        torch.set_num_threads(1)
        half = halves[worker]
        with torch.no_grad():
            for copy, source in zip(half.parameters(), model.parameters()):
                copy.copy_(source)
        half.zero_grad(set_to_none=True)
        inputs, targets, weights, length = batch(generators[worker], kind, fraction, share_tokens, limits)
        loss = F.cross_entropy(half(inputs).float().flatten(0, 1), targets.flatten(), reduction="none")
        weights = weights.flatten()
        loss = (loss * weights).sum() / weights.sum()
        loss.backward()
        return length, loss.item(), inputs.numel()

    losses = {}
    saved = probed = logged = time.time()
    since = seen
    pool = ThreadPoolExecutor(len(halves))
    while step < arguments.steps:
        fraction = step / arguments.steps
        warm = min(1.0, (step + 1) / 40)
        cool = min(1.0, max(0.02, (1 - fraction) / arguments.cooldown))
        rate = arguments.rate * warm * cool
        kind = random.Random(f"{arguments.seed} {step}").random()
        for length, loss, count in pool.map(lambda worker: work(worker, kind, fraction), range(len(halves))):
            losses.setdefault(length, []).append(loss)
            seen += count
        for source, *copies in zip(model.parameters(), *(half.parameters() for half in halves)):
            source.grad = sum(copy.grad.float() for copy in copies) / len(copies)
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for group in adam.param_groups:
            group["lr"] = rate / 5
        adam.step()
        muon.step(rate)
        step += 1
        now = time.time()
        if step % 25 == 0 or step == arguments.steps:
            means = " ".join(f"{length}:{sum(l) / len(l):.4f}" for length, l in sorted(losses.items()))
            print(f"step {step} seen {seen / 1e6:.2f} M  loss {means}  {(seen - since) / (now - logged):.0f} tok/s", flush=True)
            losses, logged, since = {}, now, seen
        if now - probed > arguments.probe_seconds or step == arguments.steps:
            begun = time.time()
            scores = {skill: exact_match(model, skill, 6 if skill == "lookup-long" else 32) for skill in data.SKILLS}
            text = " ".join(f"{k}={v:.2f}" for k, v in scores.items())
            print(f"probe {step}: {text}  ({time.time() - begun:.0f} s)", flush=True)
            probed = logged = time.time()
            since = seen
        if now - saved > arguments.save_seconds or step == arguments.steps:
            save()
            saved = time.time()


if __name__ == "__main__":
    main()
