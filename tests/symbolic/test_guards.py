"""What is taken for granted of sizes: told at once where it is certain, else checked by every call."""

import itertools
import pickle

import numpy as np
import pytest

import weft as wf
from weft.ops.decompositions import Solve
from weft.ops.linalg import MatMul
from weft.ops.movement import Concatenate, Pad, Slice, Transpose, Unslice
from weft.symbolic.dims import SymDim, at_least, value
from weft.symbolic.guards import Guard, Nonempty, Within, collecting, unify, within

N, M = SymDim("n"), SymDim("m")
FLOAT, DOUBLE = "float32", "float64"


def ones(*shape):
    return np.ones(shape, FLOAT)


def typed(dtype, *shape):
    return wf.Type(np.dtype(dtype), shape)


def refuses(call, *says, error=wf.WeftError):
    """The call raises one of ours, whose text has these words."""
    with pytest.raises(error) as caught:
        call()
    text = str(caught.value) + "".join(getattr(caught.value, "__notes__", ()))
    for word in says:
        assert word in text, text
    return text


# ---- meet and within -------------------------------------------------------------------------------------------------


def test_certain_equality_leaves_no_guard():
    with collecting() as found:
        assert unify(3, 3, str) == 3
        assert unify(N, N, str) == N
        assert unify(N + 1, 1 + N, str) == N + 1
    assert found.guards == ()


@pytest.mark.parametrize(("left", "right"), [(3, 4), (N, N + 1), (2 * N + 1, 2 * N)], ids=str)
def test_certain_inequality_is_told_at_once(left, right):
    with pytest.raises(wf.ShapeError, match="these words"):
        unify(left, right, lambda: "these words")


def test_what_only_a_call_knows_is_a_guard_and_numbers_win():
    with collecting() as found:
        assert unify(N, 3, str) == 3
        assert unify(3, M, str) == 3
        unify(N, M, str)
        unify(N, M, str)
    assert found.guards == (Guard(N, 3), Guard(3, M), Guard(N, M))
    assert Guard(N, M).holds({"n": 2, "m": 2})
    assert not Guard(N, M).holds({"n": 2, "m": 3})
    text = str(Guard(N, M).error("add", {"n": 2, "m": 3}))
    assert "n and m" in text
    assert "2 and 3" in text


WITHIN = [  # start, step, places, size; certain
    (0, 1, 3, 3, True),
    (1, 1, 3, 3, False),
    (2, -1, 3, 3, True),
    (2, -1, 4, 3, False),
    (-1, 1, 1, 3, False),
    (5, 1, 0, 3, True),
    (0, 3, 2, 4, True),
    (0, 3, 2, 3, False),
    (0, 1, N, N, True),
    (N - 1, -1, N, N, True),
    (0, 1, N, N + 2, True),
    (0, 1, N, M, None),
    (5, 1, 1, N, None),
    (N, 1, 1, N + 1, True),
    (9, 1, 0, N, True),
]


@pytest.mark.parametrize(("start", "step", "places", "size", "certain"), WITHIN, ids=str)
def test_places_within_an_axis(start, step, places, size, certain):
    guard = Within(start, step, places, size, 0)
    assert guard.certain() is certain
    for n in range(5):
        for m in range(5):
            sizes = {"n": n, "m": m}
            first, count, length = (d if isinstance(d, int) else d.value(sizes) for d in (start, places, size))
            inside = all(0 <= first + step * k < length for k in range(count))
            assert guard.holds(sizes) is inside
            assert inside or certain is not True


DIMS = (
    0,
    1,
    3,
    N,
    M,
    N + 1,
    N - 1,
    2 * N,
    N + M,
    N * M,
    N // 2,
    2 * (N // 2),
    N - N // 2,
    (N + 1) // 2,
    N - 1 - N // 3,
)
SIZES = [{"n": n, "m": m} for n in range(5) for m in (0, 1, 4)]


def test_what_is_certain_is_so_for_all_sizes():
    """At the edge of what can be told: an element more, an axis that only a size of 0 makes empty, rounded halves."""
    known = {d: [value(d, sizes) for sizes in SIZES] for d in DIMS}
    for left, right in itertools.product(DIMS, DIMS):
        if at_least(left, right):
            assert all(a >= b for a, b in zip(known[left], known[right], strict=True)), (left, right)
    guards = [Nonempty(size, 0) for size in DIMS]
    guards += [Within(first, 1, 1, size, 0) for first in DIMS[:10] for size in DIMS]
    guards += [
        Within(first, step, n, n, 0) for first in (0, N, N - 1, 1) for step in (1, -1) for n in (N, N + 1, N // 2)
    ]
    for guard in guards:
        assert guard.certain() is not True or all(map(guard.holds, SIZES)), guard
        assert guard.certain() is not False or not any(map(guard.holds, SIZES)), guard


def test_within_tells_what_is_wrong_and_guards_the_rest():
    refuses(lambda: within("slice", 2, 1, 2, 3, 1), "2 to 3", "axis 1", "size 3")
    with collecting() as found:
        within("slice", 0, 1, 2, 3, 0)
        within("slice", 5, 1, 1, N, 0)
    assert found.guards == (Within(5, 1, 1, N, 0),)
    assert "index 5 is out of range" in str(found.guards[0].error("get", {"n": 3}))
    assert "index -5 is out of range" in str(Within(N - 5, 1, 1, N, 0).error("get", {"n": 3}))


@pytest.mark.parametrize(
    ("op", "args"),
    [
        (Slice((0,), (1,), (3,)), [typed(FLOAT, 2)]),
        (Slice((0,), (1,), (2,)), [typed(FLOAT, 2, 2)]),
        (Slice((0, 0), (1,), (2, 2)), [typed(FLOAT, 2, 2)]),
        (Slice((0,), (0,), (2,)), [typed(FLOAT, 2)]),
        (Slice((-1,), (1,), (2,)), [typed(FLOAT, 2)]),
        (Slice((1,), (-1,), (3,)), [typed(FLOAT, 3)]),
        (Unslice((0,), (1,), (2,)), [typed(FLOAT, 3)]),
        (Unslice((2,), (2,), (4,)), [typed(FLOAT, 2)]),
        (Unslice((0,), (1,), (4, 4)), [typed(FLOAT, 2)]),
        (Pad(((1, 1),)), [typed(FLOAT, 2, 2), typed(FLOAT)]),
        (Pad(((1, -1),)), [typed(FLOAT, 2), typed(FLOAT)]),
        (Pad(((1, 1),)), [typed(FLOAT, 2), typed(FLOAT, 1)]),
        (Pad(((1, 1),)), [typed(FLOAT, 2), typed(DOUBLE)]),
        (Concatenate(0), [typed(FLOAT, 2), typed(DOUBLE, 2)]),
        (Concatenate(0), [typed(FLOAT, 2), typed(FLOAT, 2, 2)]),
        (Concatenate(0), [typed(FLOAT, 2, 3), typed(FLOAT, 2, 2)]),
        (Concatenate(2), [typed(FLOAT, 2, 3), typed(FLOAT, 2, 3)]),
        (Concatenate(-1), [typed(FLOAT, 2, 3), typed(FLOAT, 2, 3)]),
        (Transpose((0,)), [typed(FLOAT, 2, 3)]),
        (Transpose((0, 0)), [typed(FLOAT, 2, 3)]),
        (Transpose((1, 2)), [typed(FLOAT, 2, 3)]),
        (MatMul(), [typed(FLOAT, 2, 3), typed(FLOAT, 4, 3)]),
        (MatMul(), [typed(FLOAT, 2, 3), typed(DOUBLE, 3, 3)]),
        (Solve(), [typed(FLOAT, 2, 3), typed(FLOAT, 2, 3)]),
        (Solve(), [typed(FLOAT, 2, 2), typed(FLOAT, 3, 3)]),
        (Solve(), [typed(FLOAT, 2, 2), typed(DOUBLE, 2, 2)]),
    ],
    ids=lambda value: value.name if isinstance(value, wf.Op) else "",
)
def test_ops_refuse_types_that_their_kernels_would_misread(op, args):
    with pytest.raises((wf.ShapeError, wf.DTypeError, wf.IndexRangeError)):
        op.infer(*args)


# ---- gradients -------------------------------------------------------------------------------------------------------


def derivatives():
    """Each kind of derivative of (a * b).sum() with nothing of b's size left in it."""
    a, b = wf.vector("a", ("p",)), wf.vector("b", ("q",))
    y = a * b
    loss, cubic = y.sum(), (wf.sum(y * 2.0) * 1.0)
    t = wf.vector("t", ("p",))
    return a, b, t, {
        "grad": wf.grad(loss, b),
        "grad of a number": wf.grad(cubic, a),
        "vjp": wf.vjp(loss, a, 1.0),
        "jvp": wf.jvp(loss, a, t),
        "hvp": wf.hvp(wf.sum(y * y), a, t),
        "jacobian": wf.jacobian(y, a),
    }  # fmt: skip


@pytest.mark.parametrize("kind", list(derivatives()[-1]))
@pytest.mark.parametrize("optimize", [0, 2])
def test_a_derivative_alone_is_guarded_as_its_value(kind, optimize):
    a, b, t, found = derivatives()
    f = wf.function([a, b, t], found[kind], on_unused_input="ignore", optimize=optimize)
    f(ones(3), ones(3), ones(3))
    refuses(lambda: f(ones(3), ones(4), ones(3)), "3", "4", "test_guards.py")
    refuses(lambda: f(ones(4), ones(1), ones(4)), "4", "1")


def test_the_gradient_of_a_product_of_matrices():
    m, r = wf.matrix("A", ("p", 3)), wf.matrix("B", ("r", "k"))
    g = wf.function([m, r], wf.grad(wf.sum(m @ r), m))
    np.testing.assert_array_equal(g(ones(2, 3), ones(3, 5)), np.full((2, 3), 5))
    refuses(lambda: g(ones(2, 3), ones(4, 5)), "3", "4")


# ---- whole functions -------------------------------------------------------------------------------------------------


def test_a_second_guard_of_one_node():
    x, y = wf.matrix("x", ("a", "b")), wf.matrix("y", ("c", "d"))
    f = wf.function([x, y], x + y)
    f(ones(2, 3), ones(2, 3))
    refuses(lambda: f(ones(2, 3), ones(2, 4)), "3", "4", error=wf.GuardError)
    refuses(lambda: f(ones(3, 3), ones(2, 3)), "3", "2", error=wf.GuardError)


def test_a_guard_of_a_node_that_rewriting_removes():
    a, b = wf.vector("a", ("n",)), wf.vector("b", ("m",))
    for y in (wf.where(True, a, a + b), wf.where(False, wf.exp(a * b), a), (a + b) * 0 + 1.0):
        f = wf.function([a, b], y, on_unused_input="ignore")
        f(ones(3), ones(3))
        refuses(lambda f=f: f(ones(3), ones(4)), "3", "4", error=wf.GuardError)


def test_a_guard_within_a_loops_body():
    a, b, xs = wf.vector("a", ("n",)), wf.vector("b", ("m",)), wf.vector("xs", ("k",))
    last, _ = wf.scan(lambda c, x: (c + (a * c + b * x).sum(), None), wf.constant(0.5, FLOAT), xs)
    f = wf.function([a, b, xs], last)
    f(ones(3), ones(3), ones(2))
    for steps in (0, 1, 5):
        refuses(lambda steps=steps: f(ones(3), ones(4), ones(steps)), "3", "4", error=wf.GuardError)
    g = wf.function([a, b, xs], wf.grad(last, a))
    refuses(lambda: g(ones(3), ones(4), ones(2)), "3", "4", error=wf.GuardError)


def test_a_guard_within_a_branch():
    a, b, p = wf.vector("a", ("n",)), wf.vector("b", ("m",)), wf.scalar("p", dtype="bool")
    f = wf.function([a, b, p], wf.cond(p, lambda: (a * b).sum(), lambda: a.sum()))
    assert f(ones(3), 2 * ones(3), True) == 6
    for which in (True, False):
        refuses(lambda which=which: f(ones(3), ones(4), which), "3", "4", error=wf.GuardError)


def test_an_input_of_twice_a_size():
    n = SymDim("n")
    a, b = wf.vector("a", (n,)), wf.vector("b", (2 * n,))
    f = wf.function([a, b], wf.concatenate([a, a]) + b)
    np.testing.assert_array_equal(f(np.float32([1, 2]), np.float32([3, 4, 5, 6])), [4, 6, 6, 8])
    for wrong in (3, 5, 0):
        refuses(lambda wrong=wrong: f(ones(2), ones(wrong)), "4", str(wrong))


@pytest.mark.parametrize("less", [3, 5])
def test_a_computed_size_below_nothing(less):
    x = wf.vector("x", ("n",))
    f = wf.function([x], wf.ones((x.shape[0] - less,)).sum())
    assert f(ones(less)) == 0
    assert f(ones(less + 2)) == 2
    refuses(lambda: f(ones(less - 1)), "-1", "test_guards.py")


def test_a_value_as_a_size_that_needs_a_value_as_a_size():
    n = wf.scalar("n", dtype="int64")
    first = wf.zeros((n,)) + 2.0
    second = wf.zeros((wf.cast(first.sum(), "int64"),)) + 3.0
    f = wf.function([n], [second, wf.zeros((wf.cast(second.sum(), "int64"),))])
    for size in (0, 1, 4):
        a, b = f(size)
        np.testing.assert_array_equal(a, np.full(2 * size, 3))
        assert b.shape == (6 * size,)


# ---- guards that travel ----------------------------------------------------------------------------------------------


def test_guards_survive_the_renaming_of_sizes_by_givens():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("m",))
    z = wf.vector("z", ("k",))
    f = wf.function([z, y], x + y, givens={x: z * 2})
    np.testing.assert_array_equal(f(ones(3), ones(3)), [3, 3, 3])
    refuses(lambda: f(ones(3), ones(4)), "3", "4", error=wf.GuardError)
    g = wf.function([z, y], wf.grad((x * y).sum(), x), givens={x: z * 2}, on_unused_input="ignore")
    refuses(lambda: g(ones(3), ones(4)), "3", "4", error=wf.GuardError)


def test_guards_travel_by_pickle_and_as_python():
    a, b = wf.vector("a", ("n",)), wf.vector("b", ("m",))
    y = wf.grad((a * b).sum() + a[4], a)
    a2, b2, y2 = pickle.loads(pickle.dumps((a, b, y)))
    scope = {}
    exec(wf.to_python([a, b, y]), scope)
    for *inputs, gradient in ((a, b, y), (a2, b2, y2), scope["outputs"]):
        f = wf.function(inputs, gradient)
        np.testing.assert_array_equal(f(ones(5), ones(5)), [1, 1, 1, 1, 2])
        refuses(lambda f=f: f(ones(5), ones(6)), "5", "6")
        refuses(lambda f=f: f(ones(4), ones(4)), "4")
