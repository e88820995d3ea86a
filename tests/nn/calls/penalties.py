"""Regularisers, constraints and minimisers."""

import importlib.util

import numpy as np

import weft as wf

from ...calls import BIAS, W, X, call

penalties, constraints, nn = wf.nn.regularizers, wf.nn.constraints, wf.nn
PARAMS = [W, BIAS]
A = X @ W
OWN = wf.shared(np.ones(3, np.float32), "own")  # what the calls write into


def applied(make):
    """The constraint of a parameter, rather than the function that it is."""
    return lambda *args, **options: make(*args, **options)(W)


CALLS = {
    "regularizers.l1": call(penalties.l1, PARAMS),
    "regularizers.l2": call(penalties.l2, PARAMS),
    "regularizers.elastic_net": call(penalties.elastic_net, PARAMS, l1=0.1, l2=0.1),
    "regularizers.group_lasso": call(penalties.group_lasso, PARAMS, axes=0),
    "regularizers.orthogonality": call(penalties.orthogonality, PARAMS),
    "regularizers.sparsity": call(penalties.sparsity, wf.sigmoid(X), target=0.1),
    "regularizers.contractive": call(penalties.contractive, wf.tanh(A), A, W),
    "constraints.apply": call(constraints.apply, {W: W + 1}, {W: constraints.non_negative}),
    "constraints.max_norm": call(applied(constraints.max_norm), 2.0, axes=0),
    "constraints.unit_norm": call(applied(constraints.unit_norm), axes=0),
    "constraints.min_max_norm": call(applied(constraints.min_max_norm), 0.1, 2.0, rate=0.5, axes=0),
    "constraints.non_negative": call(constraints.non_negative, W),
    "constraints.clip": call(applied(constraints.clip), -1.0, 1.0),
    "nn.flat": call(nn.flat, PARAMS),
    "nn.set_flat": call(nn.set_flat, [OWN], np.ones(3)),
}
if importlib.util.find_spec("scipy") is not None:
    CALLS["nn.minimize"] = call(
        nn.minimize, wf.sum(wf.square(OWN)), [OWN], inputs=None, method="CG", tol=0.1, options={"maxiter": 2}
    )
