"""Gradient checks find what is wrong, and only that."""

import numpy as np
import pytest

from weft.ops import scalar
from weft.ops.activations import crossentropy
from weft.ops.callback import callback
from weft.ops.control import cond, scan
from weft.ops.elementwise import cast
from weft.ops.random import Stream
from weft.symbolic.errors import ArgumentError, GradientError, ShapeError
from weft.symbolic.grad import custom_gradient
from weft.symbolic.variables import matrix, shared, vector
from weft.symbolic.variables import scalar as scalar_leaf
from weft.testing.gradients import check_grad, compare_gradients

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


def slope_of(value):
    """x, with this for its derivative at 3 and what is above."""
    return custom_gradient(lambda x: x * 1, lambda g, out, x: g * scalar.where(scalar.ge(x, 3.0), value, 1.0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, 1.1])
def test_the_worst_of_several_wrong_elements_is_named_and_their_number(value):
    x, y, w = matrix("x", (2, 3), "float64"), scalar_leaf("y", dtype="float64"), vector(None, (2,), "float64")
    given = np.array([[2.5, 0, 2], [-1, 4, 1]])
    with pytest.raises(GradientError, match=r"derivative to x is wrong: at \[1, 1\] the graph .*; 1 of 6 elements"):
        check_grad(slope_of(value)(x) + x * x, x, {x: given})
    with pytest.raises(GradientError, match=r"derivative to y is wrong: the graph says .*; 1 of 1 elements"):
        check_grad(slope_of(value)(y), [x, y], {x: given, y: 4.0})
    with pytest.raises(GradientError, match=r"derivative to the variable is wrong: at \[1\] the graph"):
        check_grad(slope_of(value)(w), w, {w: np.array([2.0, 4.0])})


def test_values_of_any_size_and_infinite_ones():
    x = vector("x", (3,), "float64")
    check_grad(x * x, x, {x: np.array([1e9, 1e-9, 3.0])})
    check_grad(scalar.exp(-x), x, {x: np.array([np.inf, 1.0, 2.0])})
    nothing = vector("nothing", ("n",), "float64")
    check_grad(nothing.sum() * np.nan, nothing, {nothing: np.zeros(0)})


def test_leaves_that_do_not_matter_and_orders_beyond_the_last():
    x, y = vector("x", (3,), "float64"), vector("y", (2,), "float64")
    values = {x: np.array([0.5, -1.0, 2.0]), y: np.array([1.0, 3.0])}
    check_grad(x * 2, [x, y], values, order=3)
    check_grad(wrong_at(0, 2)(x), x, values)  # of the first order, if nothing else is said
    for leaves in ([x, y], (y, x)):
        with pytest.raises(GradientError, match="of order 2 to y"):
            check_grad(x.sum() * x.sum() + wrong_at(2, 2)(y), leaves, values, order=2)


def test_the_error_that_is_allowed():
    x = vector("x", (1,), "float64")
    values = {x: np.array([4.0])}
    check_grad(slope_of(1.1)(x), x, values, rtol=0.2)
    check_grad(slope_of(1.1)(x), x, values, rtol=0, atol=0.2)
    check_grad(slope_of(1e-9)(x) * 1e-8, x, values, rtol=0)
    with pytest.raises(GradientError):
        check_grad(slope_of(1.1)(x), x, values, rtol=0.05, atol=0)


def test_integers_bools_and_bodies_keep_what_they_are():
    x, w = matrix("x", ("n", 3)), shared(RNG.normal(size=3).astype(np.float32), "w")
    i, mask, table = vector("i", ("k",), "int64"), vector("b", (3,), "bool"), shared(np.array([2, 0, 1]), "table")
    rows = x[i] * w[table] + scalar.where(mask, x[0], w)
    last, _ = scan(lambda c, row: (scalar.tanh(c * row), None), w + 1, rows)
    chosen = cond(i[0] > 0, lambda: last * w, lambda: last)
    values = {x: RNG.normal(size=(4, 3)), i: np.array([3, 0, -1]), mask: np.array([True, False, True])}
    check_grad(chosen, [x, w], values, order=2)
    vjp = lambda g, out, a: [g[0] * scalar.cos(a) + g[1] * a * 2]  # noqa: E731
    waves, squares = callback(lambda a: [np.sin(a), a * a], [w.type] * 2, w, vjp=vjp)
    check_grad(waves * squares, w, order=2)


def test_casts_and_draws_do_not_disturb_it():
    x = vector("x", (6,))
    noisy = cast(cast(x, "float64") * 2, "float32") * Stream(0).uniform((6,))
    check_grad(noisy, x, {x: RNG.normal(size=6)})


def test_only_leaves_can_be_varied():
    x = vector("x")
    with pytest.raises(ArgumentError, match="checked for inputs and shared variables"):
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


def test_shared_variables_may_be_given_values_for_both_sides(network):
    loss, params, values = network
    elsewhere = {**values, params[0]: np.sin(np.arange(24.0)).reshape(4, 6)}
    found = compare_gradients(loss, params, backward, elsewhere)
    assert found.agrees
    assert not np.isclose(found.rows[1].graph, compare_gradients(loss, params, backward, values).rows[1].graph)


def test_the_first_layer_that_departs_is_named(network):
    loss, params, values = network
    found = compare_gradients(loss, params, lambda values: backward(values, lambda h: h), values)
    assert [row.agrees for row in found.rows] == [True, False]
    assert found.departs.name == "v"
    text = str(found)
    assert "the first to depart is v:" in text
    assert "test_gradients.py" in text
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


def test_how_far_gradients_are_apart():
    kinds = ("float32", "float64")
    for kind, agreed, departed in zip(kinds, (5e-5, 5e-10), (2e-4, 2e-9), strict=True):
        p = shared(np.array([[1, 2, 3], [4, 5, 6]], kind), "p")
        right = 2 * p.get_value().astype("float64")
        for error, agrees in ((agreed, True), (departed, False)):
            hand = right.copy()
            hand[1, 0] -= 12 * error  # of the largest, which is 12
            (row,) = compare_gradients((p * p).sum(), [p], hand).rows  # an array stands for a list of one
            assert (row.agrees, row.where, row.shape, row.name) == (agrees, (1, 0), (2, 3), "p")
            assert row.error == pytest.approx(error, rel=0.02)
            assert (row.graph, row.by_hand) == (8, hand[1, 0])
        assert compare_gradients((p * p).sum(), [p], hand, rtol=1.0).agrees
        assert not compare_gradients((p * p).sum(), [p], hand * 1.001, rtol=1e-12).agrees


def test_equal_infinities_agree_and_zeros_and_nothing_do_too():
    p, q, r = shared(np.ones(3), "p"), shared(np.zeros((2, 0)), "q"), shared(np.float64(2))
    loss = (p * np.array([np.inf, 0.0, np.nan])).sum() + q.sum() + r * 0
    by_hand = {p: np.array([np.inf, 0, np.nan]), q: np.zeros((2, 0)), r: np.float64(0)}
    found = compare_gradients(loss, [q, p, r], by_hand)
    assert found.agrees
    assert {row.name: (row.error, row.shape) for row in found.rows} == {
        "p": (0, (3,)),
        "q": (0, (2, 0)),
        "a parameter": (0, ()),
    }
    for wrong, where in (([-np.inf, 0, np.nan], 0), ([np.inf, 0, 1], 2), ([np.inf, 0.5, np.nan], 1)):
        departs = compare_gradients(loss, [q, p, r], {**by_hand, p: np.array(wrong)}).departs
        assert departs.name == "p"
        assert departs.where == (where,)
    small = compare_gradients(loss, [r], [np.float64(1e-3)]).departs  # against 1 where all by hand... are finite
    assert small.error == 1


def test_parameters_come_in_the_order_of_the_way_back():
    a, b, c, d = (shared(np.full(2, 0.5), name) for name in "abcd")
    loss = (scalar.exp(scalar.tanh(a * b) * c) + a).sum()
    zero = {p: np.zeros(2) for p in (a, b, c, d)}
    found = compare_gradients(loss, [d, b, a, c], zero)
    assert [row.name for row in found.rows] == ["a", "c", "b", "d"]
    assert [row.agrees for row in found.rows] == [False, False, False, True]
    text = str(found).splitlines()
    assert [line.split()[0] for line in text[:5]] == ["parameter", "a", "c", "b", "d"]
    assert text[1].endswith("<- differs")
    assert text[4].split()[1:5] == ["2", "0.0e+00", "[0]", "0"]
    assert "going back from the loss, the first to depart is a:" in text[5]
