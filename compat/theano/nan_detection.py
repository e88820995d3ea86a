"""theano.compile.monitormode.detect_nan: a function that MonitorMode calls after each application."""

from __future__ import annotations

from typing import Any

import numpy as np

from .display import debugprint


def detect_nan(i: int, node: Any, fn: Any) -> None:
    """Print an application whose output holds NaN: a post_func for MonitorMode."""
    for output in fn.outputs:
        if isinstance(output[0], np.ndarray) and output[0].dtype.kind == "f" and np.isnan(output[0]).any():
            print("*** NaN detected ***")
            debugprint(node.outputs[0])
            print(f"Inputs : {[each[0] for each in fn.inputs]}")
            print(f"Outputs: {[each[0] for each in fn.outputs]}")
            break
