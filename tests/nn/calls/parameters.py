"""What networks hold."""

import numpy as np

import weft as wf

from ...calls import LOSS, V, X, call

nn = wf.nn

CALLS = {
    "nn.parameters": call(nn.parameters, LOSS),
    "nn.variables": call(nn.variables, LOSS),
    "nn.count": call(nn.count, LOSS),
    "with_updates": call(wf.with_updates, X, {wf.shared(np.zeros(4, np.float32), "mean"): V}),
}
