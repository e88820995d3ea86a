"""Optimisers against their equations in NumPy over some steps, run by the reference evaluator."""

from functools import partial

import numpy as np
import pytest

import weft as wf
from weft.nn import schedules, updates

from . import equations
from .descents import START, advance, assert_same, by_numpy, gradients, loss_of, make_params, train
from .equations import CASES, NARROW, OPTIONS, RATES, adamw, lamb


@pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{n}-{number}" for number, (n, _) in enumerate(CASES)])
def test_each_follows_its_equations(name, options):
    path = train(lambda loss, params: getattr(updates, name)(loss, params, 0.1, **options))
    loose = 1e-5 if name == "adabelief" else 1e-10  # differences of nearly equal numbers
    assert_same(path, by_numpy(partial(getattr(equations, name), **options)), loose)


@pytest.mark.parametrize("name", [*OPTIONS, "lbfgs"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_is_remembered_is_in_the_dtype_of_the_parameter(name, dtype):
    rate, options = RATES.get(name, 0.01), NARROW.get(name, {})
    make = lambda loss, params: getattr(updates, name)(loss, params, rate, **options)  # noqa: E731
    found = train(make, 3, dtype)
    assert {v.dtype.name for v in found[-1].values()} == {dtype}
    if name != "lbfgs":  # differences of gradients are noise after short steps
        wanted = train(make, 3)
        assert_same(found, wanted, *((1e-5, 1e-6) if dtype == "float32" else (0, 4e-3)))
        assert all(np.abs(wanted[-1][n] - START[n]).max() > 0.02 for n in START if (name, n) != ("muon", "b"))
    params = make_params(dtype)
    own = make(loss_of(params), params)
    kinds = {cell.dtype.name for cell in own.remembered}
    assert kinds <= {dtype, "int64"} | ({"float64"} if name == "nadam" else set())


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_rprop_goes_by_signs_alone(size):
    """The product of two such gradients is 0 or infinite in float32."""
    w, sign = wf.shared(np.zeros(2, "float32"), "w"), wf.shared(np.float32([1, 1]), "sign")
    changes = updates.rprop([sign * np.float32(size)], [w], 0.1)
    step = next(c for c in changes if c.name == "w_step")
    advance(changes, 2)
    np.testing.assert_allclose(step.get_value(), [0.12, 0.12], rtol=1e-6)
    sign.set_value(np.float32([1, -1]))
    advance(changes, 1)
    np.testing.assert_allclose(step.get_value(), [0.144, 0.06], rtol=1e-6)


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
        wanted = by_numpy(lambda p, g, state, t: adamw(p, g, state, t, weight_decay=0.5 if p.ndim > 1 else 0))
        assert_same(train(make), wanted)


def test_errors_name_the_optimiser_that_was_called():
    params = make_params()
    with pytest.raises(wf.WeftError, match=r"^adamw: amsgrad is True or False, not 1"):
        updates.adamw(loss_of(params), params, amsgrad=1)


def test_some_parameters_are_adapted():
    make = lambda loss, params: updates.lamb(loss, params, 0.1, weight_decay=0.5, adapted=[params["w"]])  # noqa: E731
    other = lambda p, g, state, t: (  # noqa: E731
        lamb(p, g, state, t, weight_decay=0.5) if p.ndim > 1 else adamw(p, g, state, t, weight_decay=0, epsilon=1e-6)
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
        joined |= getattr(updates, name)(loss_of(params), params, rate, **NARROW.get(name, {}))
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
