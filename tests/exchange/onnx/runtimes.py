"""Who runs models: onnxruntime, and, for dtypes that it has no kernels for, the standard's own reference."""

from __future__ import annotations

from typing import Any

import numpy as np


def run_model(model: Any, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The outputs of a checked model for its first inputs."""
    import onnx
    import onnxruntime
    from onnx.reference import ReferenceEvaluator

    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    names = [given.name for given in model.graph.input]
    given = dict(zip(names, arrays, strict=False))
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        return ReferenceEvaluator(model).run(None, given)
    return session.run(None, given)
