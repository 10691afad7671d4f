"""Writes Tests/Goldens/dequantise.json: random blocks of every quantised format and their values by the `gguf` package.

    python Tools/make_goldens/dequantise.py Tests/Goldens/dequantise.json
"""

import json
import sys

import numpy
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

# Offsets of the half-precision numbers of each format: random bytes there could be infinite.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "F16": [0], "BF16": [],
}

random = numpy.random.default_rng(2)
golden = {}
for name, halves in HALVES.items():
    kind = GGMLQuantizationType[name]
    elements, size = GGML_QUANT_SIZES[kind]
    blocks = 2 if elements == 256 else 4 if elements == 32 else 16
    data = random.integers(0, 256, (blocks, size), dtype=numpy.uint8)
    if name == "BF16":
        data[:, 1] &= 0xBF  # no exponent of all ones
    for offset in halves:
        data[:, offset : offset + 2] = random.normal(0, 0.1, (blocks, 1)).astype(numpy.float16).view(numpy.uint8)
    values = quants.dequantize(data.reshape(-1), kind).astype(numpy.float32)
    golden[name] = {"bytes": data.tobytes().hex(), "values": values.astype("<f4").tobytes().hex()}
with open(sys.argv[1], "w") as file:
    json.dump(golden, file, indent=0)
    file.write("\n")
