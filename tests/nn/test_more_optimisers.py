"""Optimisers that are rarer, against their equations in NumPy, Optax and Keras."""

import os

import numpy as np
import pytest

import weft as wf
from weft.nn import schedules, updates

from .descents import START, advance, assert_same, by_numpy, gradients, loss_of, make_params, train
from .test_optimisers import kept
from .test_optimisers_against_torch import STEPS, by_optax


def yogi(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-3, start=1e-6):
    m = kept(state, "m", lambda m: beta1 * m + (1 - beta1) * g)
    v = kept(state, "v", lambda v: v - (1 - beta2) * np.sign(v - g * g) * g * g, start)
    return p - rate * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon)


def adan(p, g, state, t, rate=0.1, beta1=0.98, beta2=0.92, beta3=0.99, epsilon=1e-8, decay=0.0):
    change = g - state.get("g", g)
    state["g"] = g
    m = kept(state, "m", lambda m: beta1 * m + (1 - beta1) * g)
    d = kept(state, "d", lambda d: beta2 * d + (1 - beta2) * change)
    n = kept(state, "n", lambda n: beta3 * n + (1 - beta3) * (g + beta2 * change) ** 2)
    step = m / (1 - beta1**t) + beta2 * d / (1 - beta2**t)
    return (p - rate * step / (np.sqrt(n / (1 - beta3**t)) + epsilon)) / (1 + rate * decay)


def novograd(p, g, state, t, rate=0.1, beta1=0.95, beta2=0.98, epsilon=1e-8, decay=0.0):
    v = kept(state, "v", lambda v: beta2 * v + (1 - beta2) * (g * g).sum(), (g * g).sum())
    return p - rate * kept(state, "m", lambda m: beta1 * m + g / (np.sqrt(v) + epsilon) + decay * p)


def signum(p, g, state, t, rate=0.1, momentum=0.9, decay=0.0):
    return p - rate * (np.sign(kept(state, "v", lambda v: momentum * v + (1 - momentum) * g)) + decay * p)


def fromage(p, g, state, t, rate=0.1):
    return (p - rate * np.linalg.norm(p) / np.linalg.norm(g) * g) / np.sqrt(1 + rate**2)


def ftrl(p, g, state, t, rate=0.1, beta=1.0, l1=0.0, l2=0.0, start=0.0):
    before = np.sqrt(state.get("n", start))
    n = np.sqrt(kept(state, "n", lambda n: n + g * g, start))
    z = kept(state, "z", lambda z: z + g - (n - before) / rate * p)
    return np.where(np.abs(z) <= l1, 0, (np.sign(z) * l1 - z) / ((beta + n) / rate + l2))


def sm3(p, g, state, t, rate=0.1, momentum=0.9):
    if g.ndim == 1:
        total = state["0"] = state.get("0", 0.0) + g * g
    else:
        total = np.minimum(state.get("0", 0.0), state.get("1", 0.0)) + g * g
        state["0"], state["1"] = total.max(1, keepdims=True), total.max(0, keepdims=True)
    return p - rate * kept(state, "v", lambda v: momentum * v + (1 - momentum) * g / np.sqrt(total))


SHORT, LIMITS = {"beta1": 0.5, "beta2": 0.3}, {"beta": 0.5, "l1": 1.5, "l2": 0.7, "start": 0.1}
CASES = [
    (yogi, "yogi", {}, {}),
    (yogi, "yogi", {"start": 3.0, "beta2": 0.5}, {"start": 3.0, "beta2": 0.5}),
    (adan, "adan", {}, {}),
    (adan, "adan", {**SHORT, "beta3": 0.6, "weight_decay": 0.3}, {**SHORT, "beta3": 0.6, "decay": 0.3}),
    (novograd, "novograd", {}, {}),
    (novograd, "novograd", {**SHORT, "weight_decay": 0.3}, {**SHORT, "decay": 0.3}),
    (signum, "signum", {}, {}),
    (signum, "signum", {"momentum": 0, "weight_decay": 0.3}, {"momentum": 0, "decay": 0.3}),
    (fromage, "fromage", {}, {}),
    (ftrl, "ftrl", {}, {}),
    (ftrl, "ftrl", LIMITS, LIMITS),
    (sm3, "sm3", {}, {}),
    (sm3, "sm3", {"momentum": 0}, {"momentum": 0}),
]
NAMES = [f"{name}-{number}" for number, (_, name, _, _) in enumerate(CASES)]


@pytest.mark.parametrize(("reference", "name", "options", "own"), CASES, ids=NAMES)
def test_each_follows_its_equations(reference, name, options, own):
    path = train(lambda loss, params: getattr(updates, name)(loss, params, 0.1, **options))
    assert_same(path, by_numpy(lambda p, g, state, t: reference(p, g, state, t, **own)))


@pytest.mark.parametrize("name", sorted({name for _, name, _, _ in CASES}))
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_is_remembered_is_in_the_dtype_of_the_parameter(name, dtype):
    options = {"epsilon": 1e-3} if name in ("adan", "novograd") else {"start": 1e-3} if name == "yogi" else {}
    options |= {"least": 1e-4} if name == "fromage" else {}
    make = lambda loss, params: getattr(updates, name)(loss, params, 0.01, **options)  # noqa: E731
    found = train(make, 3, dtype)
    assert {v.dtype.name for v in found[-1].values()} == {dtype}
    assert_same(found, train(make, 3), *((2e-3, 1e-4) if dtype == "float32" else (0.03, 0.03)))
    params = make_params(dtype)
    assert {cell.dtype.name for cell in make(loss_of(params), params).remembered} <= {dtype, "int64"}


OPTAX = {
    "yogi": ({"start": 0.0}, lambda o: o.chain(o.scale_by_yogi(initial_accumulator_value=0.0), o.scale(-0.1))),
    "adan": ({"beta2": 0.5}, lambda o: o.adan(0.1, b2=0.5, eps_root=0.0)),  # where 1 - b2 is b2
    "novograd": ({"weight_decay": 0.3}, lambda o: o.novograd(0.1, 0.95, 0.98, 1e-8, weight_decay=0.3)),
    "signum": ({}, lambda o: o.signum(0.1)),
    "fromage": ({}, lambda o: o.fromage(0.1)),
    "sm3": ({}, lambda o: o.sm3(0.1)),
}


@pytest.mark.parametrize("name", OPTAX)
def test_optax(name):
    own, theirs = OPTAX[name]
    pytest.importorskip("optax")
    found = train(lambda loss, params: getattr(updates, name)(loss, params, 0.1, **own), STEPS)
    assert_same(found, by_optax(theirs), 1e-6, 1e-8)


def test_keras_ftrl(monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    own = {"beta": 0.5, "l1": 0.3, "l2": 0.8, "start": 0.1}
    found = train(lambda loss, params: updates.ftrl(loss, params, 0.1, **own), STEPS)
    options = {"l1_regularization_strength": 0.3, "l2_regularization_strength": 0.4, "beta": 0.5}
    optimiser, path = keras.optimizers.Ftrl(0.1, initial_accumulator_value=0.1, **options), []
    values = {n: keras.Variable(v) for n, v in START.items()}
    for _ in range(STEPS):
        grads = gradients({n: np.asarray(v, "float64") for n, v in values.items()})
        optimiser.apply(list(grads.values()), list(values.values()))
        path.append({n: np.asarray(v, "float64") for n, v in values.items()})
    assert_same(found, path, 1e-4, 1e-5)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_optimism(name):
    pytest.importorskip("optax")
    make = lambda loss, params: updates.apply_optimism(getattr(updates, name)(loss, params, 0.1), part=0.7)  # noqa: E731
    theirs = lambda o: o.chain(getattr(o, name)(0.1), o.scale_by_optimistic_gradient(1.0, 0.7))  # noqa: E731
    assert_same(train(make, STEPS), by_optax(theirs), 1e-6, 1e-8)


def test_optimism_ends_games_in_which_descent_circles():
    def far(treat):
        x, y = wf.shared(np.array(1.0), "x"), wf.shared(np.array(1.0), "y")
        changes = treat(updates.sgd([y, -x], [x, y], 0.1))  # of x y, least in x and most in y
        advance(changes, 200)
        return np.hypot(x.get_value(), y.get_value())

    assert far(updates.apply_optimism) < 0.6 < 1.0 < far(lambda changes: changes)


def test_polyak():
    def steps(least, most):
        values, path = dict(START), []
        for _ in range(6):
            params = {n: wf.shared(v, n) for n, v in values.items()}
            loss, grads = float(wf.evaluate(loss_of(params))), gradients(values)
            rate = min(most, max(loss - least, 0) / sum((g * g).sum() for g in grads.values()))
            values = {n: v - rate * grads[n] for n, v in values.items()}
            path.append(values)
        return path

    for least, most in ((0.0, 1.0), (0.2, 1.0), (0.0, 0.05), (50.0, 1.0)):
        assert_same(train(lambda loss, p, a=least, b=most: updates.polyak(loss, p, a, b)), steps(least, most))
    flat = wf.shared(np.zeros(2), "flat")
    advance(updates.polyak(wf.square(flat).sum() + 1.0, [flat]), 1)
    assert flat.get_value().tolist() == [0, 0]


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_optax_schedule_free(decay):
    pytest.importorskip("optax")
    make = lambda loss, p: updates.schedule_free(updates.adamw(loss, p, 0.1, beta1=0.0, weight_decay=decay))  # noqa: E731
    found = train(lambda loss, params: make(loss, params)[0], STEPS)
    theirs = by_optax(lambda o: o.contrib.schedule_free_adamw(0.1, weight_decay=decay))
    assert_same(found, theirs, 1e-6, 1e-8)


def test_schedule_free_averages_leads_by_weights():
    p = wf.shared(np.array(2.0), "p")
    weight = schedules.linear(0.0, 4, 1.0)
    changes, averages = updates.schedule_free(updates.sgd(wf.square(p), [p], 0.1), 0.5, weight)
    lead = average = y = 2.0
    total = 0.0
    for t in range(6):
        advance(changes, 1)
        total += weight(t)
        c = weight(t) / total if total else 0.0
        lead -= 0.1 * 2 * y
        average = (1 - c) * average + c * lead
        y = 0.5 * lead + 0.5 * average
        assert [p.get_value(), averages[p].get_value()] == pytest.approx([y, average], rel=1e-12)


def test_scaled_losses_leave_out_what_overflows():
    w, x = wf.shared(np.float32(2.0), "w"), wf.shared(np.float32(1.0), "x")
    loss = wf.cast(wf.square(wf.cast(w, "float16") * wf.cast(x, "float16")), "float32")
    changes = updates.scale_loss(loss, [w], lambda g, p: updates.momentum(g, p, 0.1), factor=2.0**20, every=2)
    factor = next(c for c in changes if c.name == "loss_factor")
    step = wf.function([], None, updates=changes)
    factors, values = [], []
    for _ in range(9):
        step()
        factors.append(int(np.log2(factor.get_value())))
        values.append(float(w.get_value()))
    # 2 w times the factor is below 65504, float16's largest, from 2**13 on; two such steps double it
    assert factors == [19, 18, 17, 16, 15, 14, 13, 13, 14]
    assert values[:7] == [2.0] * 7
    assert values[8] < values[7] < 2


def test_scaled_losses_keep_small_gradients():
    """In float16 a gradient of 1e-9 is 0."""
    w = wf.shared(np.float32(1.0), "w")
    loss = wf.cast(wf.cast(w, "float16") * wf.cast(1.0, "float16"), "float32") * 1e-9
    rule = lambda grads, params: updates.sgd(grads, params, 1e6)  # noqa: E731
    advance(rule(wf.grad(loss, [w]), [w]), 1)
    assert w.get_value() == 1.0
    advance(updates.scale_loss(loss, [w], rule), 1)
    assert w.get_value() == pytest.approx(1.0 - 1e-3, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda loss, p: updates.polyak(wf.grad(loss, p), p), "polyak: loss is an expression"),
        (lambda loss, p: updates.scale_loss(wf.grad(loss, p), p, updates.sgd), "scale_loss: loss is an expression"),
        (lambda loss, p: updates.scale_loss(loss, p, updates.sgd, factor=0), "factor is above 0"),
        (lambda loss, p: updates.ftrl(loss, p, start=-1.0), "start is a finite number from 0 up"),
        (lambda loss, p: updates.apply_optimism({p[0]: p[0]}, [p[1]]), "no new value"),
    ],
)
def test_wrong_arguments_are_told(make, text):
    params = make_params()
    with pytest.raises(wf.WeftError, match=text):
        make(loss_of(params), list(params.values()))
