"""A small network to train by each optimiser, and its gradients in NumPy."""

import numpy as np

import weft as wf
from weft.symbolic.evaluate import evaluate

_rng = np.random.default_rng(7)
X, T = _rng.normal(size=(5, 3)), _rng.uniform(-0.9, 0.9, size=(5, 2))
START = {"w": _rng.normal(size=(3, 2)), "b": _rng.normal(size=2)}


def make_params(dtype="float64"):
    return {name: wf.shared(value.astype(dtype), name) for name, value in START.items()}


def loss_of(params):
    kind = params["w"].dtype
    y = wf.tanh(wf.constant(X.astype(kind)) @ params["w"] + params["b"])
    return wf.sum(wf.square(y - wf.constant(T.astype(kind))))


def gradients(values):
    y = np.tanh(X @ values["w"] + values["b"])
    back = 2 * (y - T) * (1 - y * y)
    return {"w": X.T @ back, "b": back.sum(0)}


def advance(changes, steps):
    """Do the updates so many times, by the reference evaluator."""
    for _ in range(steps):
        for cell, value in zip(changes, evaluate(list(changes.values())), strict=True):
            cell.set_value(value)


def train(make, steps=6, dtype="float64"):
    """[{name: value}] of the parameters after each step."""
    params, path = make_params(dtype), []
    changes = make(loss_of(params), params)
    for cell, new in changes.items():
        assert (cell.dtype, cell.shape) == (new.dtype, new.shape), cell.name
    for _ in range(steps):
        advance(changes, 1)
        path.append({name: p.get_value() for name, p in params.items()})
    return path


def by_numpy(step, steps=6):
    """The same path by step(param, gradient, state, t), t = 1, 2 ..., with a dict for each parameter's state."""
    values, states, path = dict(START), {name: {} for name in START}, []
    for t in range(1, steps + 1):
        grads = gradients(values)
        values = {name: step(p, grads[name], states[name], t) for name, p in values.items()}
        path.append(values)
    return path


def kept(state, name, value, first=0.0):
    """value(what was kept under this name, at first `first`), which is kept in turn."""
    state[name] = value(state.get(name, first))
    return state[name]


def assert_same(found, wanted, rtol=1e-10, atol=1e-13):
    assert len(found) == len(wanted)
    for number, (a, b) in enumerate(zip(found, wanted, strict=True)):
        for name in START:
            np.testing.assert_allclose(a[name], b[name], rtol, atol, err_msg=f"{name} after step {number + 1}")
