"""The package onnx, which is an extra."""

from __future__ import annotations


def need_onnx() -> None:
    """Raise ImportError, with what to install, where there is none."""
    try:
        import onnx  # noqa: F401
        import onnx_ir  # noqa: F401
    except ImportError as error:
        raise ImportError("Models in ONNX need onnx and onnx-ir: pip install onnx onnx-ir.") from error
