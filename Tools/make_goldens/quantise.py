"""GGUF tensor formats: numbers to bytes and back.

Bytes come from the `gguf` package where it can quantise, else from ggml's own library (K-quants). What the expected values are
computed from is always `dequantise(quantise(x))`, so an engine is tested on how it reads and multiplies a format, not on how it rounds.
"""

import ctypes
import glob
import importlib.util
import os

import gguf
import numpy as np

FORMATS = {name: getattr(gguf.GGMLQuantizationType, name) for name in
           ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K")}


def _library():
    root = os.path.dirname(importlib.util.find_spec("llama_cpp").origin)
    library = ctypes.CDLL(glob.glob(os.path.join(root, "lib", "libggml-base.so"))[0])
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    library.ggml_quantize_chunk.argtypes = [
        ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    return library


def fits(format_name, columns):
    """Whether rows of this many columns are whole blocks of the format."""
    return columns % gguf.GGML_QUANT_SIZES[FORMATS[format_name]][0] == 0


def quantise(array, format_name):
    """Rows of f32 to the format's array, as `GGUFWriter.add_tensor` takes it."""
    kind = FORMATS[format_name]
    array = np.ascontiguousarray(array, dtype=np.float32)
    if not format_name.endswith("_K"):
        return gguf.quants.quantize(array, kind)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    rows, columns = array.shape
    out = np.zeros((rows, columns // block * size), dtype=np.uint8)
    written = _library().ggml_quantize_chunk(int(kind), array.ctypes.data, out.ctypes.data, 0, rows, columns, None)
    assert written == out.nbytes, (format_name, written, out.nbytes)
    return out


def dequantise(data, format_name):
    return np.asarray(gguf.quants.dequantize(data, FORMATS[format_name]), dtype=np.float32)
