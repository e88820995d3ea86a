"""Gradient checks find what is wrong, and only that."""

import numpy as np
import pytest

from weft.codegen.check import check_grad, compare_gradients
from weft.ops import scalar
from weft.ops.activations import crossentropy
from weft.ops.elementwise import cast
from weft.ops.random import Stream
from weft.symbolic.errors import ArgumentError, GradientError, ShapeError
from weft.symbolic.grad import custom_gradient
from weft.symbolic.leaves import matrix, shared, vector

RNG = np.random.default_rng(0)


def wrong_at(limit, order):
    """exp, whose derivative of that order is wrong above the limit."""
    if order == 1:
        return custom_gradient(scalar.exp, lambda g, out, x: g * scalar.where(scalar.gt(x, limit), 1.1 * out, out))
    inner = custom_gradient(
        lambda x: scalar.exp(x), lambda g, out, x: g * scalar.where(scalar.gt(x, limit), 2 * out, out)
    )
    return custom_gradient(scalar.exp, lambda g, out, x: g * inner(x))


def test_right_gradients_pass_whatever_the_dtype():
    x, w = matrix("x", ("n", 3)), shared(RNG.normal(size=(3, 2)).astype(np.float32), "w")
    check_grad(scalar.tanh(x @ w), [x, w], {x: RNG.normal(size=(4, 3))}, order=3)


def test_a_shared_variable_may_be_given_a_value():
    w = shared(np.zeros(3), "w")
    check_grad(scalar.sqrt(w), w, {w: np.array([1.0, 2, 3])})
    with pytest.raises(GradientError):
        check_grad(scalar.sqrt(w - 1), w)


def test_the_worst_element_is_named():
    x = vector("x", (5,))
    value = np.array([0.0, 1, 3, -1, 2])
    with pytest.raises(GradientError, match=r"The derivative to x is wrong: at \[2\] the graph says .*2 of 5 elements"):
        check_grad(wrong_at(1.5, 1)(x), x, {x: value})
    check_grad(wrong_at(5, 1)(x), x, {x: value})


def test_the_second_order_is_checked_when_asked_for():
    x = vector("x", (3,))
    f = wrong_at(0.5, 2)
    check_grad(f(x), x, {x: np.array([0.0, 1, -1])}, order=1)
    with pytest.raises(GradientError, match="of order 2"):
        check_grad(f(x), x, {x: np.array([0.0, 1, -1])}, order=2)


def test_a_large_array_with_one_wrong_element_fails():
    x = vector("x", (5000,), "float64")
    value = RNG.uniform(-1, 1, 5000)
    value[4321] = 3.0
    with pytest.raises(GradientError):
        check_grad(wrong_at(2, 1)(x), x, {x: value})


def test_a_nan_gradient_fails():
    x = vector("x", (2,), "float64")
    with pytest.raises(GradientError, match=r"says (nan|inf)"):
        check_grad(scalar.sqrt(scalar.abs(x)), x, {x: np.array([0.0, 1.0])})


def test_casts_and_draws_do_not_disturb_it():
    x = vector("x", (6,))
    noisy = cast(cast(x, "float64") * 2, "float32") * Stream(0).uniform((6,))
    check_grad(noisy, x, {x: RNG.normal(size=6)})


def test_only_leaves_can_be_varied():
    x = vector("x")
    with pytest.raises(ArgumentError, match="varies inputs and shared variables"):
        check_grad(x * x, x * 2, {x: np.ones(2)})


@pytest.fixture
def network():
    rng = np.random.default_rng(1)
    x, t = matrix("x", ("n", 4)), vector("t", ("n",), "int64")
    v, w = shared(rng.normal(size=(4, 6)), "v"), shared(rng.normal(size=(6, 3)), "w")
    x64 = cast(x, "float64")
    loss = crossentropy(scalar.tanh(x64 @ v) @ w, t).mean()
    return loss, [v, w], {x: rng.normal(size=(5, 4)).astype(np.float32), t: rng.integers(0, 3, 5)}


def backward(values, slope=lambda h: 1 - h * h):
    x, t, v, w = (np.asarray(a) for a in by_name(values, "x", "t", "v", "w"))
    h = np.tanh(x @ v)
    p = np.exp(h @ w)
    p /= p.sum(1, keepdims=True)
    p[np.arange(5), t] -= 1
    return {"v": x.T @ (p @ w.T * slope(h)) / 5, "w": h.T @ p / 5}


def by_name(values, *names):
    known = {node.name: array for node, array in values.items()}
    return [known[name] for name in names]


def test_right_backpropagation_agrees(network):
    loss, params, values = network
    found = compare_gradients(loss, params, backward, values)
    assert found.agrees
    assert [row.name for row in found.rows] == ["w", "v"]  # as backpropagation reaches them
    assert found.by_hand_seconds > 0
    assert "all gradients agree" in str(found)


def test_the_first_layer_that_departs_is_named(network):
    loss, params, values = network
    found = compare_gradients(loss, params, lambda values: backward(values, lambda h: h), values)
    assert [row.agrees for row in found.rows] == [True, False]
    assert found.departs.name == "v"
    text = str(found)
    assert "the first to depart is v:" in text
    assert "test_check.py" in text
    row = found.departs
    assert row.graph != row.by_hand
    assert len(row.where) == 2


@pytest.mark.parametrize("form", ["list", "names", "parameters", "no arguments"])
def test_gradients_by_hand_come_in_any_form(network, form):
    loss, params, values = network
    right = backward({**values, **{p: p.get_value() for p in params}})
    given = {
        "list": [right["v"], right["w"]],
        "names": right,
        "parameters": {p: right[p.name] for p in params},
        "no arguments": lambda: (right["v"], right["w"]),
    }[form]
    found = compare_gradients(loss, params, given, values)
    assert found.agrees
    assert (found.by_hand_seconds is None) == (form != "no arguments")


def test_what_does_not_fit_is_an_error(network):
    loss, params, values = network
    with pytest.raises(ArgumentError, match="by_hand gives 1 gradients for 2 parameters"):
        compare_gradients(loss, params, [np.zeros((4, 6))], values)
    with pytest.raises(ArgumentError, match="no gradient for w"):
        compare_gradients(loss, params, {"v": np.zeros((4, 6))}, values)
    with pytest.raises(ShapeError, match=r"The gradient to v has shape \(4, 6\), and the one by hand \(6, 4\)"):
        compare_gradients(loss, params, [np.zeros((6, 4)), np.zeros((6, 3))], values)


def test_nan_on_one_side_only_departs(network):
    loss, params, values = network
    right = backward({**values, **{p: p.get_value() for p in params}})
    right["v"][1, 1] = np.nan
    found = compare_gradients(loss, params, right, values)
    assert found.departs.name == "v"
    assert found.departs.where == (1, 1)
