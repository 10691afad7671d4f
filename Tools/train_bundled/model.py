"""A Llama-architecture decoder, as small as it reads. Rotary pairs are (i, i + head_size / 2), as in Hugging Face."""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn

from tokens import VOCABULARY_SIZE


@dataclass(frozen=True)
class Configuration:
    hidden: int = 256
    layers: int = 4
    heads: int = 8
    key_value_heads: int = 4
    feed_forward: int = 512
    vocabulary: int = VOCABULARY_SIZE
    rope_theta: float = 100_000.0
    norm_epsilon: float = 1e-5
    context: int = 4096

    @property
    def head_size(self):
        return self.hidden // self.heads

    def dictionary(self):
        return asdict(self)


class Norm(nn.Module):
    def __init__(self, configuration):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(configuration.hidden))
        self.epsilon = configuration.norm_epsilon

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.epsilon)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.q = nn.Linear(c.hidden, c.heads * c.head_size, bias=False)
        self.k = nn.Linear(c.hidden, c.key_value_heads * c.head_size, bias=False)
        self.v = nn.Linear(c.hidden, c.key_value_heads * c.head_size, bias=False)
        self.o = nn.Linear(c.heads * c.head_size, c.hidden, bias=False)

    def forward(self, x, cosine, sine):
        c = self.c
        rows, length, _ = x.shape  # [rows, length, hidden]
        q = rotate(self.q(x).view(rows, length, c.heads, c.head_size), cosine, sine)
        k = rotate(self.k(x).view(rows, length, c.key_value_heads, c.head_size), cosine, sine)
        v = self.v(x).view(rows, length, c.key_value_heads, c.head_size)
        group = c.heads // c.key_value_heads
        k, v = k.repeat_interleave(group, 2), v.repeat_interleave(group, 2)
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True)
        return self.o(y.transpose(1, 2).reshape(rows, length, -1))


def rotate(x, cosine, sine):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


class FeedForward(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate = nn.Linear(c.hidden, c.feed_forward, bias=False)
        self.up = nn.Linear(c.hidden, c.feed_forward, bias=False)
        self.down = nn.Linear(c.feed_forward, c.hidden, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.attention_norm, self.attention = Norm(c), Attention(c)
        self.feed_forward_norm, self.feed_forward = Norm(c), FeedForward(c)

    def forward(self, x, cosine, sine):
        x = x + self.attention(self.attention_norm(x), cosine, sine)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Model(nn.Module):
    def __init__(self, configuration):
        super().__init__()
        self.c = c = configuration
        self.embedding = nn.Embedding(c.vocabulary, c.hidden)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = Norm(c)
        self.head = nn.Linear(c.hidden, c.vocabulary, bias=False)
        for name, parameter in self.named_parameters():
            if name.endswith(("o.weight", "down.weight", "head.weight")):
                nn.init.zeros_(parameter)
            elif name == "embedding.weight":
                nn.init.normal_(parameter, std=0.5)
            elif parameter.dim() == 2:
                nn.init.normal_(parameter, std=1 / math.sqrt(parameter.shape[1]))

    def tables(self, length, dtype):
        half = self.c.head_size // 2
        frequencies = self.c.rope_theta ** (-torch.arange(half, dtype=torch.float64) / half)
        angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
        return angles.cos().to(dtype)[:, None], angles.sin().to(dtype)[:, None]

    def forward(self, tokens):
        """[rows, length] tokens to [rows, length, vocabulary] logits."""
        x = self.embedding(tokens)
        cosine, sine = self.tables(tokens.shape[1], x.dtype)
        for block in self.blocks:
            x = block(x, cosine, sine)
        return self.head(self.norm(x))
