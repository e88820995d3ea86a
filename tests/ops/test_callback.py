"""callback against NumPy: values, derivatives, loops and branches, and whatever goes wrong in Python."""

import ctypes
import inspect
import pickle
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import weft as wf
from weft.symbolic.leaves import Constant

RNG = np.random.default_rng(5)
SCALAR = wf.Type("float32", ())


def normal(*shape, dtype="float32"):
    return RNG.normal(size=shape).astype(dtype)


def compiled(inputs, outputs, *values):
    """What the compiled function says; the reference must say the same."""
    found = wf.function(inputs, outputs)(*values)
    expected = wf.evaluate(outputs, dict(zip(inputs, values, strict=True)))
    many = isinstance(outputs, list)
    for a, b in zip(found if many else [found], expected if many else [expected], strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)
    return found


class Counted:
    """A function that remembers its calls."""

    def __init__(self, f):
        self.f, self.calls = f, []

    def __call__(self, *args):
        self.calls.append(args)
        return self.f(*args)


def line_of(text):
    """How errors show the one line of this file that ends so."""
    lines = Path(__file__).read_text().splitlines()
    (number,) = [n for n, line in enumerate(lines, 1) if line.endswith("# " + text)]
    return f"test_callback.py:{number}"


# ---- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint64", "int64", "bool"])
def test_any_dtype_and_shape(dtype):
    shapes = [(), (0,), (3, 0), (1,), (4, 3), (2, 3, 4)]
    values = [RNG.integers(0, 2, shape).astype(dtype) for shape in shapes]
    inputs = [wf.tensor(f"x{i}", shape, dtype) for i, shape in enumerate(shapes)]
    f = Counted(lambda a: a[::-1] if a.ndim else a)
    for found, value in zip(
        compiled(inputs, [wf.callback(f, x.type, x) for x in inputs], *values), values, strict=True
    ):
        np.testing.assert_array_equal(found, value[::-1] if value.ndim else value)
    kinds = {(type(a), a.dtype, a.shape) for (a,) in f.calls}
    assert kinds == {(np.ndarray, np.dtype(dtype), shape) for shape in shapes}
    assert len(f.calls) == 2 * len(shapes)


def test_symbolic_sizes_are_those_of_the_call():
    x = wf.matrix("x", ("rows", "columns"))
    y = wf.callback(np.sort, x.type, x)
    z = wf.callback(lambda a: np.outer(a[:, 0], a[0]), wf.Type("float32", ("rows", "columns")), x)
    both = wf.callback(lambda a: np.append(a, a, 0), wf.Type("float32", (2 * x.shape[0], x.shape[1])), x)
    f = wf.function([x], [y, z, both])
    for shape in ((2, 3), (5, 1), (2, 3), (1, 7)):
        value = normal(*shape)
        for found, expected in zip(f(value), (np.sort(value), np.outer(value[:, 0], value[0])), strict=False):
            np.testing.assert_array_equal(found, expected)
    assert f(value)[2].shape == (2, 7)


def test_views_numbers_and_sizes_as_arguments():
    x = wf.matrix("x", ("n", 3))
    value = normal(4, 3)

    def f(a, b, c, scale, n):
        assert [v.flags.c_contiguous for v in (a, b, c, scale, n)] == [True] * 5
        assert (scale.dtype, scale.shape, n.dtype) == (np.float32, (), np.int64)
        return (a + b + c) * scale + np.float32(n)

    stretched = wf.broadcast_to(x[0], (3, 3))
    y = wf.callback(f, wf.Type("float32", (3, 3)), x[::-1][:3].T, x[1:, ::-1], stretched, 0.5, x.shape[0])
    found, reference = wf.function([x], y * 2)(value), wf.evaluate(y * 2, {x: value})
    np.testing.assert_allclose(found, reference, rtol=1e-6)
    expected = (value[::-1][:3].T + value[1:, ::-1] + value[0]) * np.float32(0.5) + 4
    np.testing.assert_allclose(found, 2 * expected, rtol=1e-6)


def test_several_results():
    x = wf.vector("x", ("n",))
    types = [wf.Type("float32", ("n",)), wf.Type("int64", ("n",)), wf.Type("bool", ())]
    value = normal(5)
    parts = wf.callback(lambda a: (np.sort(a), np.argsort(a), np.any(a > 0)), types, x)
    assert isinstance(parts, list)
    ordered, places, some = compiled([x], parts, value)
    np.testing.assert_array_equal(ordered, value[places])
    assert some
    assert compiled([x], parts[1] + 1, value).dtype == "int64"
    (one,) = wf.callback(lambda a: [a], [x.type], x)
    np.testing.assert_array_equal(compiled([x], one, value), value)


def test_without_arguments():
    f = Counted(lambda: np.arange(3.0))
    y = wf.callback(f, wf.Type("float64", (3,)))
    g = wf.function([], [y, y + 1])
    for n in (1, 2):
        np.testing.assert_array_equal(g()[1], [1, 2, 3])
        assert len(f.calls) == n


@pytest.mark.parametrize(("dtype", "number"), [("float32", 0.1), ("float64", 3), ("int8", 7), ("int64", True)])
def test_python_numbers_are_scalars_of_the_promised_dtype(dtype, number):
    x = wf.vector("x", (2,))
    y = wf.callback(lambda a: number, wf.Type(dtype, ()), x)
    assert compiled([x], y, normal(2)) == np.dtype(dtype).type(number)


def test_other_byte_orders_and_lists_of_numbers():
    x = wf.vector("x", (3,), "float64")
    swapped = wf.callback(lambda a: a.astype(">f8"), x.type, x)
    listed = wf.callback(lambda a: a.tolist(), x.type, x)
    value = normal(3, dtype="float64")
    for found in compiled([x], [swapped, listed], value):
        np.testing.assert_array_equal(found, value)


def test_the_arrays_belong_to_the_function():
    kept = []

    def f(a):
        kept.append(a)
        before = a.copy()
        a[:] = 77
        return before

    x = wf.vector("x", (4,))
    y = wf.exp(x)
    g = wf.function([x], [wf.callback(f, x.type, y), wf.callback(f, x.type, x), y])
    values = [normal(4) for _ in range(3)]
    for value in values:
        given = value.copy()
        a, b, c = g(given)
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, value)
        np.testing.assert_array_equal(given, value)
        assert (a != 77).all()
    del g
    assert len(kept) == 6
    assert all((k == 77).all() for k in kept)


def test_a_result_that_is_used_again():
    buffer = np.zeros(3, "float32")

    def f(a):
        buffer[:] = a
        return buffer

    x, y = wf.vector("x", (3,)), wf.vector("y", (3,))
    a, b = compiled([x, y], [wf.callback(f, x.type, x), wf.callback(f, y.type, y)], np.ones(3, "f4"), np.zeros(3, "f4"))
    assert (a == 1).all()
    assert (b == 0).all()


def test_callable_objects_of_all_kinds():
    @dataclass
    class Scale:  # compared by value, and so without a hash
        factor: float

        def __call__(self, a):
            return a * np.float32(self.factor)

        def method(self, a):
            return a + np.float32(self.factor)

    x = wf.vector("x", (3,))
    value, scale = normal(3), Scale(2.0)
    outputs = [wf.callback(f, x.type, x) for f in (scale, scale.method, np.cbrt, abs)]
    assert [o.op.name for o in outputs[1:]] == ["callback:method", "callback:cbrt", "callback:abs"]
    for found, expected in zip(
        compiled([x], outputs, value), (value * 2, value + 2, np.cbrt(value), abs(value)), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


# ---- derivatives -----------------------------------------------------------------------------------------------------


def sine(x):
    return wf.callback(np.sin, x.type, x, vjp=lambda g, out, x: g * cosine(x))


def cosine(x):
    return wf.callback(np.cos, x.type, x, vjp=lambda g, out, x: [-g * sine(x)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_given_derivative(dtype):
    x = wf.matrix("x", ("n", 3), dtype)
    value = normal(4, 3, dtype=dtype)
    wf.check_grad(sine(x * x), x, {x: value}, order=3)
    found = wf.function([x], wf.grad(wf.sum(sine(x)), x))(value)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, np.cos(value), rtol=1e-6)


def test_the_derivative_of_several_results_and_arguments():
    def f(a, b, places):
        return a * b, a.sum(), places + 1

    def vjp(g, out, a, b, places):
        to_product, to_sum, to_places = g
        assert to_places is None
        assert out[0].shape == ("n",) or out[0].shape == a.shape
        return [to_product * b + to_sum, to_product * a, None]

    n = wf.vector("a", ("n",), "float64")
    b, places = wf.vector("b", n.shape, "float64"), wf.vector("i", n.shape, "int64")
    types = [n.type, wf.Type("float64", ()), places.type]
    product, total, moved = wf.callback(f, types, n, b, places, vjp=vjp)
    values = {n: normal(4, dtype="float64"), b: normal(4, dtype="float64"), places: np.arange(4)}
    wf.check_grad(wf.sin(product) * total + moved, [n, b], values, order=2)
    wf.check_grad(wf.exp(total), [n, b], values, order=2)


def test_no_derivative():
    x = wf.vector("x", (3,))
    y = wf.callback(np.sin, x.type, x)  # no derivative here
    with pytest.raises(wf.GradientError) as caught:
        wf.grad(wf.sum(y), x)
    text = "callback:sin runs in Python and has no derivative: give callback a vjp, or use stop_gradient."
    assert str(caught.value) == text
    assert line_of("no derivative here") in caught.value.__notes__[0]
    stopped = wf.grad(wf.sum(wf.stop_gradient(y) * x), x)
    value = normal(3)
    np.testing.assert_allclose(wf.function([x], stopped)(value), np.sin(value), rtol=1e-6)
    whole = wf.callback(lambda a: np.argsort(a), wf.Type("int64", (3,)), x)
    assert (wf.function([x], wf.grad(wf.sum(x * whole), x))(value) == np.argsort(value)).all()


def test_a_derivative_of_the_wrong_number():
    x = wf.vector("x", (3,))
    y = wf.callback(np.sin, x.type, x, vjp=lambda g, out, x: [g, g])
    with pytest.raises(wf.GradientError, match="returned 2 cotangents for 1 arguments"):
        wf.grad(wf.sum(y), x)


# ---- loops and branches ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [0, 1, 6])
def test_in_a_scan(steps):
    x, h = wf.matrix("x", ("time", 3)), wf.vector("h", (3,))
    mixed = Counted(lambda a, b: np.tanh(a + b))

    def step(h, x):
        h = wf.callback(mixed, h.type, h * 0.5, x)
        return h, (h * 2, wf.callback(lambda a: a.argmax(), wf.Type("int64", ()), h))

    last, (ys, places) = wf.scan(step, h, x)
    values, start = normal(steps, 3), normal(3)
    found = wf.function([x, h], [last, ys, places])(values, start)
    assert len(mixed.calls) == steps
    expected, state = [], start
    for value in values:
        state = np.tanh(state * np.float32(0.5) + value)
        expected.append(state)
    np.testing.assert_allclose(found[0], state, rtol=1e-6)
    np.testing.assert_allclose(found[1], 2 * np.reshape(expected, (steps, 3)), rtol=1e-6)
    np.testing.assert_array_equal(found[2], [e.argmax() for e in expected])
    compiled([x, h], [last, ys, places], values, start)


def test_derivatives_through_a_scan():
    x, h, w = wf.matrix("x", ("time", 3)), wf.vector("h", (3,)), wf.vector("w", (3,))
    last, ys = wf.scan(lambda h, x: ((new := sine(h * w + x)), new * new), h, x)
    values = {x: normal(4, 3), h: normal(3), w: normal(3)}
    loss = wf.sum(last) + wf.sum(ys)
    wf.check_grad(loss, [x, h, w], values, order=2)
    found = wf.function([x, h, w], wf.grad(loss, [x, h, w]))(*values.values())
    for a, b in zip(found, wf.evaluate(wf.grad(loss, [x, h, w]), values), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_in_the_body_and_the_test_of_a_while_loop():
    x = wf.scalar("x")
    below = Counted(lambda a: bool(a < 100))
    doubled = Counted(lambda a: a * 2)
    y = wf.while_loop(
        lambda v: wf.callback(below, wf.Type("bool", ()), v), lambda v: wf.callback(doubled, SCALAR, v), x
    )
    f = wf.function([x], y)
    assert f(3.0) == 192
    assert len(doubled.calls) == 6
    assert f(300.0) == 300
    assert len(doubled.calls) == 6
    assert wf.evaluate(y, {x: 7.0}) == 112


def test_only_the_branch_taken_calls():
    x, p = wf.vector("x", ("n",)), wf.scalar("p", dtype="bool")
    left, right = Counted(lambda a: a + 1), Counted(lambda a: a - 1)
    y = wf.cond(p, lambda: wf.callback(left, x.type, x), lambda: wf.callback(right, x.type, x))
    f = wf.function([x, p], y)
    value = normal(3)
    np.testing.assert_array_equal(f(value, True), value + 1)
    assert (len(left.calls), len(right.calls)) == (1, 0)
    np.testing.assert_array_equal(f(value, False), value - 1)
    assert (len(left.calls), len(right.calls)) == (1, 1)
    np.testing.assert_array_equal(wf.evaluate(y, {x: value, p: True}), value + 1)
    assert (len(left.calls), len(right.calls)) == (2, 1)


def test_in_a_branch_in_a_loop_in_a_loop():
    x = wf.matrix("x", ("n", "m"))
    odd = Counted(lambda a: a * 10)

    def inner(total, v):
        big = wf.cond(v > 0, lambda: wf.callback(odd, SCALAR, v), v)
        return total + big, big

    _, ys = wf.scan(lambda carry, row: (carry, wf.scan(inner, 0.0, row)), 0.0, x)
    value = normal(4, 5)
    totals, found = wf.function([x], list(ys))(value)
    expected = np.where(value > 0, value * 10, value)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(totals, expected.sum(1), rtol=1e-4, atol=1e-5)
    assert len(odd.calls) == (value > 0).sum()


# ---- what is done once, and what as often as it is written ----------------------------------------------------------


def test_without_effects_equal_calls_are_one():
    x, v = wf.vector("x", (3,)), wf.vector("v", ("n",))
    f = Counted(lambda a: a + 1)
    first, second = (wf.callback(f, x.type, x) for _ in range(2))
    assert first is second
    _, ys = wf.scan(lambda c, v: (c, wf.callback(f, x.type, x) * v), 0.0, v)
    wf.function([x, v], ys)(normal(3), normal(5))
    assert len(f.calls) == 1


def test_without_effects_a_call_of_constants_is_computed_ahead():
    f = Counted(lambda a: a + 1)
    y = wf.callback(f, wf.Type("float32", (2,)), np.ones(2, "float32"))
    g = wf.function([], y)
    assert len(f.calls) == 1
    assert isinstance(g.graph.outputs[0].args[0].op, Constant)
    assert (g() == 2).all()
    assert len(f.calls) == 1
    assert (wf.function([], y, optimize=0)() == 2).all()


def test_what_fails_ahead_fails_in_the_call():
    error = LookupError("nothing of that name")

    def f(a):
        raise error

    p = wf.scalar("p", dtype="bool")
    y = wf.cond(p, lambda: wf.callback(f, SCALAR, 1.0), 3.0)
    g = wf.function([p], y)
    assert g(False) == 3
    with pytest.raises(LookupError) as caught:
        g(True)
    assert caught.value is error
    assert len(error.__notes__) == 1


def test_with_effects_every_call_stands():
    seen = []

    def show(a):
        seen.append(float(a))
        return a

    x, v = wf.scalar("x"), wf.vector("v", ("n",))

    def shown(value):
        return wf.callback(show, SCALAR, value, effects=True)

    assert shown(x) is not shown(x)
    g = wf.function([], shown(3.0) + shown(3.0))
    assert seen == []
    assert g() == 6
    assert seen == [3, 3]
    del seen[:]
    _, ys = wf.scan(lambda c, v: (c, shown(x) * v), 0.0, v)
    np.testing.assert_array_equal(wf.function([x, v], ys)(2.0, [1, 1, 1]), [2, 2, 2])
    assert seen == [2, 2, 2]
    last, _ = wf.scan(lambda c, v: (c + shown(1.0), None), 0.0, v)
    del seen[:]
    assert wf.function([v], last, on_unused_input="ignore")([1] * 4) == 4
    assert seen == [1, 1, 1, 1]


# ---- errors ----------------------------------------------------------------------------------------------------------


def refused(f, types, kind, **options):
    """The text of the error of a result that is not as promised, compiled and not; later calls are as before."""
    good, texts = [], []
    x = wf.vector("x", ("n",))
    y = wf.callback(lambda a: (f if not good else good[0])(a), types, x, name="f", **options)  # the promise
    outputs = y if isinstance(y, list) else [y]
    g = wf.function([x], outputs)
    for run in (lambda v: g(v), lambda v: wf.evaluate(outputs, {x: v})):
        with pytest.raises(kind) as caught:
            run(np.ones(2, "float32"))
        first, *rest = caught.value.__notes__
        assert line_of("the promise") in first
        assert first.endswith("# the promise    <- here")
        texts.append("\n".join([str(caught.value), *rest]))
    assert texts[0] == texts[1]
    good.append(lambda a: (a, a.astype("int64")) if isinstance(types, list) else a)
    np.testing.assert_array_equal(g(np.ones(3, "float32"))[0], np.ones(3))
    np.testing.assert_array_equal(g(np.ones(2, "float32"))[0], np.ones(2))
    return texts[0]


VECTOR = wf.Type("float32", ("n",))
PAIR = [VECTOR, wf.Type("int64", ("n",))]


def test_results_that_are_not_as_promised():
    say = "callback:f must return float32(2,), and it returned"
    assert refused(lambda a: a[:1], VECTOR, wf.ShapeError) == f"{say} float32(1,)."
    assert refused(lambda a: a.sum(), VECTOR, wf.ShapeError) == f"{say} float32()."
    hint = "  hint: return result.astype('float32'), or promise the dtype that it has."
    assert refused(lambda a: a.astype("f8"), VECTOR, wf.DTypeError) == f"{say} float64(2,).\n{hint}"
    assert refused(lambda a: a * 1j, VECTOR, wf.DTypeError) == f"{say} complex64(2,).\n{hint}"
    assert refused(lambda a: None, VECTOR, wf.ShapeError) == f"{say} None."
    text = "callback:f must return int64(2,) as result number 1, and it returned float32(2,)."
    assert refused(lambda a: (a, a), PAIR, wf.DTypeError).startswith(text)
    say = "callback:f must return a tuple of 2 arrays, and it returned"
    assert refused(lambda a: (a, a, a), PAIR, wf.ArgumentError) == f"{say} a tuple of 3."
    assert refused(lambda a: a, PAIR, wf.ArgumentError) == f"{say} a ndarray."


def test_numbers_that_the_dtype_does_not_hold():
    x = wf.vector("x", (1,))
    for dtype, number, kind in (
        ("int64", 1.5, wf.DTypeError),
        ("bool", 1, wf.DTypeError),
        ("int8", 300, OverflowError),
    ):
        f = wf.function([x], wf.callback(lambda a, n=number: n, wf.Type(dtype, ()), x))
        with pytest.raises(kind):
            f([1])


class Mine(Exception):
    """An error that weft does not know."""


def test_exceptions_pass_through():
    error, cause = Mine("at 3"), ValueError("why")

    def f(a):
        if a[0] == 3:
            raise error from cause
        return a

    x = wf.vector("x", (2,))
    y = wf.callback(f, x.type, x * 2)  # it raises
    g = wf.function([x], y + 1)
    for n in range(3):
        assert (g([n] * 2) == 2 * n + 1).all()
        with pytest.raises(Mine) as caught:
            g([1.5] * 2)
        assert caught.value is error
        assert error.__cause__ is cause
        assert [frame.name for frame in traceback.extract_tb(error.__traceback__)][-1] == "f"
        (note,) = error.__notes__
        assert line_of("it raises") in note
    with pytest.raises(Mine):
        wf.evaluate(y, {x: [1.5] * 2})
    assert len(error.__notes__) == 1


@pytest.mark.parametrize("kind", [IndexError, StopIteration, GeneratorExit, KeyboardInterrupt, SystemExit])
def test_exceptions_that_mean_something_to_others(kind):
    error = kind("stop")
    wrong = [True]

    def f(a):
        if wrong:
            raise error
        return a

    x = wf.vector("x", (2,))
    g = wf.function([x], wf.callback(f, x.type, x))
    for _ in range(2):
        with pytest.raises(kind) as caught:
            g([1, 1])
        assert caught.value is error
    del wrong[:]
    assert (g([1, 1]) == 1).all()


def test_exceptions_within_loops():
    def f(a):
        if a > 2.5:
            raise Mine(float(a))
        return a

    x = wf.vector("x", ("n",))

    def step(total, v):
        total = total + wf.callback(f, SCALAR, v)  # in the loop
        return total, total

    g = wf.function([x], wf.scan(step, 0.0, x)[1])
    for _ in range(2):
        with pytest.raises(Mine, match=r"3\.0") as caught:
            g([0, 1, 2, 3, 4, 5])
        assert line_of("in the loop") in caught.value.__notes__[0]
        np.testing.assert_array_equal(g([0, 1, 2]), [0, 1, 3])
        np.testing.assert_array_equal(g([0] * 6), [0] * 6)


def test_shared_variables_stay_as_they_were():
    def f(a):
        if a > 1:
            raise Mine
        return a

    x, w = wf.scalar("x"), wf.shared(np.zeros(3, "float32"), "w")
    y = wf.callback(f, SCALAR, x)
    g = wf.function([x], y, updates={w: w + y})
    for _ in range(2):
        with pytest.raises(Mine):
            g(2.0)
        assert (w.get_value() == 0).all()
    g(1.0)
    assert (w.get_value() == 1).all()


def test_updates_are_all_made_or_none():
    wrong = [True]

    def f(a):
        if wrong and a[0] > 1:
            raise Mine
        return a

    x = wf.vector("x", (3,))
    v, w, m, n = (wf.shared(np.zeros((2, 3) if name == "n" else 3, "float32"), name) for name in "vwmn")
    in_loop = wf.scan(lambda c, s: (c, wf.callback(f, x.type, x * s)), 0.0, np.array([1, 2], "float32"))[1]
    updates = {v: v - x, w: wf.callback(f, x.type, w + x), m: m + 1, n: in_loop}
    g = wf.function([x], x + v, updates=updates)
    for _ in range(2):
        with pytest.raises(Mine):
            g([1, 1, 1])
        assert [float(abs(s.get_value()).max()) for s in (v, w, m, n)] == [0, 0, 0, 0]
    del wrong[:]
    g([1, 1, 1])
    assert [s.get_value().tolist()[-1] for s in (v, w, m)] == [-1, 1, 1]
    np.testing.assert_array_equal(n.get_value(), [[1, 1, 1], [2, 2, 2]])


def test_what_is_refused():
    x = wf.vector("x", (3,))
    with pytest.raises(wf.ArgumentError, match="callback: f is a function, not 3"):
        wf.callback(3, x.type, x)
    with pytest.raises(wf.ArgumentError, match=r"types is a wf.Type\(dtype, shape\) or a list of such, not 'float32'"):
        wf.callback(np.sin, "float32", x)
    with pytest.raises(wf.ArgumentError, match="types is empty"):
        wf.callback(np.sin, [], x)
    with pytest.raises(wf.DTypeError, match="complex64 is not supported") as caught:
        wf.callback(np.sin, wf.Type("complex64", (3,)), x)
    assert "test_callback.py" in caught.value.__notes__[0]
    with pytest.raises(wf.ShapeError, match="-1 is none"):
        wf.callback(np.sin, wf.Type("float32", (-1,)), x)


# ---- the way into Python ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Interrupted(wf.Op):
    """x; a signal arrives meanwhile."""

    def infer(self, x):
        return x


@pytest.mark.skipif(sys.platform == "win32", reason="looks up a function of the C library")
@pytest.mark.usefixtures("interrupts")
def test_a_signal_that_waited_for_python():
    send = getattr(ctypes.CDLL(None), "raise")
    send.argtypes, send.restype = [ctypes.c_int], ctypes.c_int
    interrupt = 2

    @wf.kernel(Interrupted, "cpu")
    def interrupted(x, out):
        for i in range(x.size):
            out[i] = x[i]
            if x[i] > 0:
                send(interrupt)

    x = wf.vector("x", (2,))
    f = Counted(lambda a: a)
    g = wf.function([x], wf.callback(f, x.type, wf.apply(Interrupted(), x)))
    for n in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            g([1, 1])
        assert len(f.calls) == n - 1
        assert (g([0, 0]) == 0).all()
        assert len(f.calls) == n


def test_at_the_limit_of_recursion(monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", lambda *args: None)  # Python says that it could not call
    x = wf.vector("x", (2,))
    g = wf.function([x], wf.callback(lambda a: a, x.type, x))
    value = np.ones(2, "float32")
    assert (g(value) == 1).all()

    refused, before = 0, sys.getrecursionlimit()
    for more in range(1, 40):
        try:
            sys.setrecursionlimit(len(inspect.stack()) + more)
            g(value)
        except RecursionError:
            refused += 1
        finally:
            sys.setrecursionlimit(before)
        assert (g(value) == 1).all()
    assert 3 < refused < 39


def test_it_runs_on_the_thread_that_calls():
    x = wf.matrix("x", ("n", 50))
    where = {}

    def f(a):
        where.setdefault(threading.get_ident(), set()).add(float(a[0, 0]))
        return np.exp(a)

    y = wf.callback(f, x.type, wf.sin(x) * 0 + x)
    g = wf.function([x], wf.sum(wf.log(y), 1))
    values = [np.full((3000, 50), n, "float32") for n in range(8)]

    def call(value):
        for _ in range(5):
            np.testing.assert_allclose(g(value), 50 * value[:, 0], rtol=1e-5)
        return threading.get_ident(), float(value[0, 0])

    with ThreadPoolExecutor(4) as pool:
        calls = list(pool.map(call, values))
    for ident, number in calls:
        assert number in where[ident]
    assert set(where) == {ident for ident, _ in calls}


def test_exceptions_of_threads_do_not_mix():
    def f(a):
        if a[0] % 2:
            raise Mine(int(a[0]))
        return a

    x = wf.vector("x", ("n",))
    g = wf.function([x], wf.callback(f, x.type, x))

    def call(n):
        try:
            return g([n] * 3)[0]
        except Mine as error:
            return -error.args[0]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(call, range(200))) == [-n if n % 2 else n for n in range(200)]


def test_it_may_call_compiled_functions():
    x = wf.matrix("x", ("n", 200))
    inner = wf.function([x], wf.tanh(x).sum(1))  # large enough for several threads

    def f(a, depth):
        if depth > 0:
            return outer(a, depth - 1)
        return inner(a)

    depth = wf.scalar("depth", dtype="int64")
    outer = wf.function([x, depth], wf.callback(f, wf.Type("float32", ("n",)), wf.exp(x), depth) + 1)
    value = normal(2000, 200) * 0.1
    expected = np.tanh(np.exp(np.exp(np.exp(value)))).sum(1) + 3
    np.testing.assert_allclose(outer(value, 2), expected, rtol=1e-4)


def test_it_may_read_what_is_being_updated():
    w = wf.shared(np.zeros(2, "float32"), "w")
    x = wf.scalar("x")
    y = wf.callback(lambda a: a + w.get_value().sum(), SCALAR, x)
    g = wf.function([x], y, updates={w: w + 1})
    assert [g(1.0) for _ in range(3)] == [1, 3, 5]


# ---- reading and keeping ---------------------------------------------------------------------------------------------


def test_explain_and_profile_show_it():
    x = wf.vector("x", ("n",))
    f = wf.function([x], wf.callback(np.sort, x.type, x, name="ordered", effects=True))  # shown
    assert "callback:ordered(x, effects)" in f.explain("graph")
    assert "kernel callback:ordered(%0 x(n,)) -> %1 callback:ordered: float32(n,)" in f.explain("nests")
    profile = f.profile(normal(3), repeat=2)
    assert [row.what for row in profile.rows] == ["callback:ordered"]
    assert "# shown" in str(profile)


def halved(a):
    return a / 2


def test_graphs_travel_if_the_function_does():
    x = wf.vector("x", (3,))
    y = wf.callback(halved, x.type, x, effects=True)
    assert pickle.loads(pickle.dumps(y)) is y
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(wf.callback(lambda a: a, x.type, x))
    sines = wf.callback(np.sin, x.type, x)
    found: dict[str, object] = {}
    exec(wf.to_python(sines), found)
    assert found["outputs"][0].op == sines.op
    with pytest.raises(wf.ArgumentError, match="cannot be imported"):
        wf.to_python(wf.callback(Counted(np.sin), x.type, x))
