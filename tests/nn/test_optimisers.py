"""Optimisers against their equations in NumPy over some steps, run by the reference evaluator."""

import numpy as np
import pytest

import weft as wf
from weft.nn import schedules, updates

from .descents import START, advance, assert_same, by_numpy, gradients, loss_of, make_params, train


def kept(state, name, value, first=0.0):
    state[name] = value(state.get(name, first))
    return state[name]


def moments(g, state, beta1, beta2):
    m = kept(state, "m", lambda m: beta1 * m + (1 - beta1) * g)
    return m, kept(state, "v", lambda v: beta2 * v + (1 - beta2) * g * g)


def adamw(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8, decay=0.01):
    m, v = moments(g, state, beta1, beta2)
    return p * (1 - rate * decay) - rate * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon)


def amsgrad(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.8, epsilon=1e-8):
    m, v = moments(g, state, beta1, beta2)
    largest = kept(state, "largest", lambda s: np.maximum(s, v))
    return p - rate * m / (1 - beta1**t) / (np.sqrt(largest / (1 - beta2**t)) + epsilon)


def nadam(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8, slow=0.004):
    m, v = moments(g, state, beta1, beta2)
    now, later = (beta1 * (1 - 0.5 * 0.96 ** (s * slow)) for s in (t, t + 1))
    product = kept(state, "product", lambda s: s * now, 1.0)
    ahead = later * m / (1 - product * later) + (1 - now) * g / (1 - product)
    return p - rate * ahead / (np.sqrt(v / (1 - beta2**t)) + epsilon)


def radam(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v = moments(g, state, beta1, beta2)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    if length <= 5:
        return p - rate * m / (1 - beta1**t)
    r = np.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
    return p - rate * r * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon)


def adamax(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, _ = moments(g, state, beta1, beta2)
    largest = kept(state, "u", lambda u: np.maximum(beta2 * u, np.abs(g) + epsilon))
    return p - rate * m / (1 - beta1**t) / largest


def adabelief(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-16):
    m, _ = moments(g, state, beta1, beta2)
    s = kept(state, "s", lambda s: beta2 * s + (1 - beta2) * (g - m) ** 2 + epsilon)
    return p - rate * m / (1 - beta1**t) / (np.sqrt(s / (1 - beta2**t)) + epsilon)


def lion(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.99, decay=0.0):
    direction = np.sign(beta1 * state.get("v", 0.0) + (1 - beta1) * g)
    kept(state, "v", lambda v: beta2 * v + (1 - beta2) * g)
    return p - rate * (direction + decay * p)


def lars(p, g, state, t, rate=0.1, momentum=0.9, decay=0.0, trust=0.001):
    g = g + decay * p
    g = trust * np.linalg.norm(p) / np.linalg.norm(g) * g
    return p + kept(state, "v", lambda v: momentum * v - rate * g)


def lamb(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-6, decay=0.0):
    m, v = moments(g, state, beta1, beta2)
    step = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon) + decay * p
    return p - rate * np.linalg.norm(p) / np.linalg.norm(step) * step


def rprop(p, g, state, t, rate=0.1, shrink=0.5, grow=1.2, least=1e-6, most=50.0):
    before = state.get("g", np.zeros_like(g))
    factor = np.where(g * before > 0, grow, np.where(g * before < 0, shrink, 1))
    step = kept(state, "step", lambda s: np.clip(s * factor, least, most), rate)
    g = state["g"] = np.where(g * before < 0, 0, g)
    return p - step * np.sign(g)


def adafactor(p, g, state, t, rate=0.1, exponent=0.8, least=1e-3, limit=1.0, epsilon=None, decay=0.0):
    epsilon = np.finfo(p.dtype).eps if epsilon is None else epsilon
    part = t**-exponent
    if g.ndim == 2:
        rows = kept(state, "rows", lambda r: (1 - part) * r + part * (g * g).mean(1, keepdims=True))
        columns = kept(state, "columns", lambda c: (1 - part) * c + part * (g * g).mean(0, keepdims=True))
        second = rows * columns / max(rows.mean(), epsilon)
    else:
        second = kept(state, "v", lambda v: (1 - part) * v + part * g * g)
    step = g / np.sqrt(np.maximum(second, epsilon**2))
    pace = max(least, np.sqrt((p * p).mean())) * min(rate, t**-0.5)
    return p * (1 - rate * decay) - pace * step / max(1, np.sqrt((step * step).mean()) / limit)


def muon(p, g, state, t, rate=0.1, momentum=0.95, nesterov=True, decay=0.0, iterations=5):
    if g.ndim == 1:
        return adamw(p, g, state, t, 0.001, decay=0)
    v = kept(state, "velocity", lambda v: momentum * v + (1 - momentum) * g)
    slope = momentum * v + (1 - momentum) * g if nesterov else v
    x = slope / np.linalg.norm(slope)
    for _ in range(iterations):
        gram = x.T @ x
        x = 3.4445 * x + x @ (-4.7750 * gram + 2.0315 * gram @ gram)
    return p * (1 - rate * decay) - rate * np.sqrt(max(1, p.shape[1] / p.shape[0])) * x


def rmsprop(p, g, state, t, rate=0.1, rho=0.9, epsilon=1e-6, momentum=0.8):
    m, v = moments(g, state, rho, rho)
    return p + kept(state, "velocity", lambda s: momentum * s - rate * g / np.sqrt(v - m * m + epsilon))


def rmsprop_uncentered(p, g, state, t):
    _, v = moments(g, state, 0.9, 0.9)
    return p + kept(state, "velocity", lambda s: 0.8 * s - 0.1 * g / np.sqrt(v + 1e-6))


def decayed_momentum(p, g, state, t):
    return p + kept(state, "v", lambda v: 0.9 * v - 0.1 * (g + 0.3 * p))


def decayed_nesterov(p, g, state, t):
    step = 0.1 * (g + 0.3 * p)
    return p + 0.9 * kept(state, "v", lambda v: 0.9 * v - step) - step


CASES = [
    (adamw, "adamw", {}, {}),
    (adamw, "adamw", {"weight_decay": 0.5, "epsilon": 0.3}, {"decay": 0.5, "epsilon": 0.3}),
    (amsgrad, "adam", {"amsgrad": True, "beta2": 0.8}, {}),
    (nadam, "nadam", {}, {}),
    (nadam, "nadam", {"momentum_decay": 0.5, "beta1": 0.7}, {"slow": 0.5, "beta1": 0.7}),
    (radam, "radam", {}, {}),
    (radam, "radam", {"beta2": 0.8}, {"beta2": 0.8}),
    (radam, "radam", {"beta2": 0.6}, {"beta2": 0.6}),
    (adamax, "adamax", {}, {}),
    (adabelief, "adabelief", {}, {}),
    (adabelief, "adabelief", {"epsilon": 0.1}, {"epsilon": 0.1}),
    (lion, "lion", {}, {}),
    (lion, "lion", {"beta1": 0.5, "beta2": 0.6, "weight_decay": 0.3}, {"beta1": 0.5, "beta2": 0.6, "decay": 0.3}),
    (lars, "lars", {}, {}),
    (lars, "lars", {"weight_decay": 0.3, "trust": 0.5}, {"decay": 0.3, "trust": 0.5}),
    (lamb, "lamb", {}, {}),
    (lamb, "lamb", {"weight_decay": 0.3, "epsilon": 0.1}, {"decay": 0.3, "epsilon": 0.1}),
    (rprop, "rprop", {}, {}),
    (rprop, "rprop", {"least": 0.03, "most": 0.11, "shrink": 0.2}, {"least": 0.03, "most": 0.11, "shrink": 0.2}),
    (adafactor, "adafactor", {}, {}),
    (
        adafactor,
        "adafactor",
        {"weight_decay": 0.3, "epsilon": 0.3, "limit": 0.5, "least": 3.0, "exponent": 0.5},
        {"decay": 0.3, "epsilon": 0.3, "limit": 0.5, "least": 3.0, "exponent": 0.5},
    ),
    (muon, "muon", {}, {}),
    (muon, "muon", {"weight_decay": 0.3, "nesterov": False}, {"decay": 0.3, "nesterov": False}),
    (rmsprop, "rmsprop", {"centered": True, "momentum": 0.8}, {}),
    (rmsprop_uncentered, "rmsprop", {"momentum": 0.8}, {}),
    (decayed_momentum, "momentum", {"weight_decay": 0.3}, {}),
    (decayed_nesterov, "nesterov", {"weight_decay": 0.3}, {}),
    (lambda p, g, state, t: p - 0.1 * (g + 0.3 * p), "sgd", {"weight_decay": 0.3}, {}),
]
NAMES = [f"{name}-{number}" for number, (_, name, _, _) in enumerate(CASES)]


@pytest.mark.parametrize(("reference", "name", "options", "own"), CASES, ids=NAMES)
def test_each_follows_its_equations(reference, name, options, own):
    path = train(lambda loss, params: getattr(updates, name)(loss, params, 0.1, **options))
    loose = 1e-5 if name == "adabelief" else 1e-10  # differences of nearly equal numbers
    assert_same(path, by_numpy(lambda p, g, state, t: reference(p, g, state, t, **own)), loose)


def narrow(name):
    """Coefficients that float16 has digits for."""
    return {"epsilon": 1e-3} if name.startswith("ada") or name in ("nadam", "radam", "lamb", "rmsprop") else {}


@pytest.mark.parametrize("name", sorted({name for _, name, _, _ in CASES} | {"lbfgs", "adagrad", "adadelta"}))
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_is_remembered_is_in_the_dtype_of_the_parameter(name, dtype):
    options = narrow(name)
    make = lambda loss, params: getattr(updates, name)(loss, params, 0.01, **options)  # noqa: E731
    rtol, atol = (2e-3, 1e-4) if dtype == "float32" else (0.03, 0.03)
    found = train(make, 3, dtype)
    assert {v.dtype.name for v in found[-1].values()} == {dtype}
    if name != "lbfgs":  # differences of gradients are noise after short steps
        assert_same(found, train(make, 3), rtol, atol)
    params = make_params(dtype)
    own = make(loss_of(params), params)
    kinds = {cell.dtype.name for cell in own.remembered}
    assert kinds <= {dtype, "int64"} | ({"float64"} if name == "nadam" else set())


def lbfgs(steps, history=10, rate=1.0):
    values = np.concatenate([START["w"].ravel(), START["b"]])
    split = lambda x: {"w": x[:6].reshape(3, 2), "b": x[6:]}  # noqa: E731
    pairs, path, before, step = [], [], None, None
    for number in range(steps):
        g = np.concatenate([v.ravel() for v in gradients(split(values)).values()])
        if before is not None and step @ (g - before) > 1e-10:
            pairs = [*pairs, (step, g - before)][-history:]
        q, parts = g.copy(), []
        for s, y in reversed(pairs):
            parts.append(s @ q / (s @ y))
            q -= parts[-1] * y
        q *= pairs[-1][0] @ pairs[-1][1] / (pairs[-1][1] @ pairs[-1][1]) if pairs else 1
        for s, y in pairs:
            q += (parts.pop() - y @ q / (s @ y)) * s
        step = -(rate if number else rate * min(1, 1 / np.abs(g).sum())) * q
        values, before = values + step, g
        path.append(split(values))
    return path


@pytest.mark.parametrize("history", [1, 3, 10])
def test_lbfgs(history):
    path = train(lambda loss, params: updates.lbfgs(loss, params, history=history, learning_rate=0.5), 9)
    assert_same(path, lbfgs(9, history, 0.5), 1e-8)


def test_lbfgs_ends_where_the_gradient_does():
    path = train(lambda loss, params: updates.lbfgs(loss, params, 0.8), 60)
    grads = gradients(path[-1])
    assert max(np.abs(g).max() for g in grads.values()) < 1e-6
    assert_same(path[-2:-1], path[-1:], 1e-6)


def test_some_parameters_decay():
    for chosen in (["w"], lambda p: p.ndim > 1):
        make = lambda loss, params, c=chosen: updates.adamw(  # noqa: E731
            loss, params, 0.1, weight_decay=0.5, decayed=[params[n] for n in c] if isinstance(c, list) else c
        )
        wanted = by_numpy(lambda p, g, state, t: adamw(p, g, state, t, decay=0.5 if p.ndim > 1 else 0))
        assert_same(train(make), wanted)


def test_some_parameters_are_adapted():
    make = lambda loss, params: updates.lamb(loss, params, 0.1, weight_decay=0.5, adapted=[params["w"]])  # noqa: E731
    other = lambda p, g, state, t: (  # noqa: E731
        lamb(p, g, state, t, decay=0.5) if p.ndim > 1 else adamw(p, g, state, t, decay=0, epsilon=1e-6)
    )
    assert_same(train(make), by_numpy(other))


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adamw", "lion", "lars", "adafactor", "muon", "lbfgs"])
def test_schedules_are_computed_of_a_counter_among_the_updates(name):
    params = make_params()
    rate = schedules.step(0.1, 2, 0.5)
    changes = getattr(updates, name)(loss_of(params), params, rate)
    counters = [cell for cell in changes if cell.dtype == "int64"]
    own = {"adamw": ["adam"], "muon": ["muon", "adam"]}.get(name, [name])  # muon leaves vectors to adamw
    assert [c.name for c in counters] == [f"{n}_steps" for n in own]
    advance(changes, 3)
    assert {int(c.get_value()) for c in counters} == {3}
    with_cell, cell = make_params(), wf.shared(np.array(0.0), "rate")
    others = getattr(updates, name)(loss_of(with_cell), with_cell, cell)
    for number in range(3):
        cell.set_value(np.float64(rate(number)))
        advance(others, 1)
    for p, q in zip(params.values(), with_cell.values(), strict=True):
        np.testing.assert_allclose(p.get_value(), q.get_value(), rtol=1e-12)


def test_momentum_by_a_schedule_shares_the_counter():
    params = make_params()
    changes = updates.momentum(loss_of(params), params, schedules.linear(0.1, 5), lambda n: wf.minimum(0.9, 0.2 * n))
    assert [c.name for c in changes if c.dtype == "int64"] == ["momentum_steps"]


def test_compiled_and_joined():
    """One function does what all optimisers do, each with parameters of its own."""
    kinds = ["sgd", "momentum", "nesterov", "lion", "lars", "lamb", "adafactor", "muon", "adamw", "nadam", "radam"]
    kinds += ["adamax", "adabelief", "rmsprop", "adagrad", "adadelta", "adam", "rprop"]
    joined = updates.Updates()
    for name in kinds:
        params, rate = make_params("float32"), 0.01 if name == "rprop" else schedules.cosine(0.01, 9)
        joined |= getattr(updates, name)(loss_of(params), params, rate, **narrow(name))
    params = make_params("float64")
    joined |= updates.lbfgs(loss_of(params), params)
    assert len(joined.params) == 2 * len(kinds) + 2
    first = {cell: cell.get_value() for cell in joined}
    step = wf.function([], None, updates=joined)
    step()
    step()
    found = {cell: cell.get_value() for cell in joined}
    for cell, value in first.items():
        cell.set_value(value)
    advance(joined, 2)
    for cell in joined:
        np.testing.assert_allclose(found[cell], cell.get_value(), rtol=1e-3, atol=1e-5, err_msg=cell.name)
