"""Models in ONNX, in and out: `load` and `save`.  They need the package onnx: pip install "weft-compiler[onnx]"."""

from .loading import load
from .model import Model
from .saving import save, to_model
