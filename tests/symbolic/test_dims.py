"""Sizes: arithmetic over symbols against plain integers, certainty of equality, and the guards that follow."""

import itertools
import math
import operator
import pickle

import numpy as np
import pytest

import weft as wf
from weft.symbolic.dims import SymDim, at_least, fresh, maximum, minimum, product, restore, same, show, value
from weft.symbolic.guards import Guard

N, M = SymDim("n"), SymDim("m")
SIZES = [{"n": n, "m": m} for n, m in itertools.product((1, 2, 3, 7, 10), (1, 4, 5))]

EXPRESSIONS = {
    "n + 1": (lambda n, m: n + 1),
    "1 + n": (lambda n, m: 1 + n),
    "n - 1": (lambda n, m: n - 1),
    "10 - n": (lambda n, m: 10 - n),
    "2 n": (lambda n, m: 2 * n),
    "n m": (lambda n, m: n * m),
    "n // 2": (lambda n, m: n // 2),
    "(n - 3) // 2 + 1": (lambda n, m: (n - 3) // 2 + 1),
    "(2 n + m - 1) // 2": (lambda n, m: (2 * n + m - 1) // 2),
    "(n m) // n": (lambda n, m: (n * m) // n),
    "100 // n": (lambda n, m: 100 // n),
    "n % 3": (lambda n, m: n % 3),
    "-(-n // 4)": (lambda n, m: -(-n // 4)),
    "3 n - 2 m + n m": (lambda n, m: 3 * n - 2 * m + n * m),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_arithmetic_is_that_of_integers(name):
    expression = EXPRESSIONS[name]
    symbolic = expression(N, M)
    for sizes in SIZES:
        assert value(symbolic, sizes) == expression(**sizes)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_arithmetic_travels(name):
    symbolic = EXPRESSIONS[name](N, M)
    assert pickle.loads(pickle.dumps(symbolic)) == symbolic


def test_symbols_of_another_process_are_new_and_the_same_among_themselves():
    made = (b"elsewhere", ("d7",))
    one, again = (restore("d7", None, {}, made) for _ in range(2))
    assert one == again != SymDim("d7")
    assert restore("d7 + 1", "d7 + 1", {}, made) == one + 1
    assert restore("d7", None, {}, (b"a third one", ("d7",))) not in (one, SymDim("d7"))
    assert restore("d7", None) == SymDim("d7")
    assert restore("N + S*m", "N + S*m") == SymDim("N") + SymDim("S") * M


STEPS = [
    *((f, f) for f in (operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod)),
    *((maximum, max), (minimum, min)),
]


def arithmetic(rng, levels=2):
    """(a size, the same of numbers), at random."""
    if not levels or rng.random() < 0.2:
        k = int(rng.integers(1, 6))
        return [(N, lambda n, m: n), (M, lambda n, m: m), (k, lambda n, m: k)][rng.integers(3)]
    (a, f), (b, g) = arithmetic(rng, levels - 1), arithmetic(rng, levels - 1)
    symbolic, plain = STEPS[rng.integers(len(STEPS))]
    return symbolic(a, b), lambda n, m: plain(f(n, m), g(n, m))


def test_any_arithmetic_is_that_of_integers():
    """As it is, with others in place of its names, pickled, and of another process; what is certain is true."""
    rng, made = np.random.default_rng(0), 0
    while made < 100:
        try:
            (dim, plain), (other, beside) = arithmetic(rng), arithmetic(rng, 1)
            expected = [(plain(**s), beside(**s), s) for s in SIZES]
            moved = [plain(s["m"] + 2, s["m"]) for s in SIZES], [plain(3, s["m"]) for s in SIZES]
        except ZeroDivisionError:
            continue
        if not isinstance(dim, SymDim):
            continue
        made += 1
        there = restore(dim.text, None if dim.is_name else str(dim), {}, (b"elsewhere", ("n",)))
        certain, enough = same(dim, other), at_least(dim, other)
        name = next((x for x in there.names if x != "m"), "none")
        forms = [dim.rename({"n": M + 2}), dim.rename({"n": 3}), dim.rename({"k": 3, "m": M}), there]
        for (here, of_other, sizes), one, two in zip(expected, *moved, strict=True):
            assert value(dim, sizes) == here, (dim, sizes)
            found = [value(form, {**sizes, name: sizes["n"]}) for form in forms]
            assert found == [one, two, here, here], (dim, forms, sizes)
            assert here >= of_other or not enough, (dim, other, sizes)
            assert certain in (None, here == of_other), (dim, other, sizes)
        assert pickle.loads(pickle.dumps(dim)) == dim


def test_equal_text_is_the_same_symbol():
    assert SymDim("n") == N
    assert hash(SymDim("n")) == hash(N)
    assert N != M
    assert N != 3
    assert N + M == M + N
    assert (N + 1) - 1 == N


@pytest.mark.parametrize(
    ("left", "right", "answer"),
    [
        (3, 3, True),
        (3, 4, False),
        (N, N, True),
        (N, M, None),
        (N, 3, None),
        (N + 1, N, False),
        (N + 1, 1 + N, True),
        (2 * (N + M), 2 * N + 2 * M, True),
        (N + M, N, None),
        (N + M + 1, N, False),
    ],
)
def test_same_is_certain_or_none(left, right, answer):
    assert same(left, right) is answer
    assert same(right, left) is answer


@pytest.mark.parametrize(
    ("left", "right", "answer"),
    [(3, 2, True), (2, 3, False), (N, 0, True), (N, 1, False), (N + 2, N, True), (N, N - 1, True), (N, M, False)],
)
def test_at_least_says_only_what_is_certain(left, right, answer):
    assert at_least(left, right) is answer


def test_maximum_and_minimum():
    assert maximum(N + 1, N) == N + 1
    assert minimum(N + 1, N) == N
    assert maximum(3, 4) == 4
    for sizes in SIZES:
        assert value(maximum(N, M), sizes) == max(sizes.values())
        assert value(minimum(N, M), sizes) == min(sizes.values())


def test_product_and_show():
    assert product(()) == 1
    assert product((2, 3)) == 6
    assert product((2, N, 0)) == 0
    assert value(product((N, 2, M)), {"n": 3, "m": 5}) == 30
    assert show(()) == "()"
    assert show((N,)) == "(n,)"
    assert show((N, 784)) == "(n, 784)"


def test_a_size_by_itself_and_beside_what_is_none():
    assert N // N == 1
    assert (N + 1) // (1 + N) == 1
    assert N - N == 0
    assert (N * 1, 1 * N, N // 1, N + 0, 0 + N, N - 0) == (N,) * 6
    for wrong in (lambda: N + "a", lambda: None // N, lambda: N % "a"):
        with pytest.raises(wf.DTypeError, match="cannot be part of an expression"):
            wrong()
    for flag in (True + N, N * False):
        assert isinstance(flag, wf.Expr)
    assert wf.evaluate([True + N, 2.5 * N, N // 2.5], {wf.vector("x", ("n",)): np.ones(4)}) == [5, 10, 1]
    assert value(-7 % N, {"n": 4}) == 1


def test_fresh_symbols_are_new():
    assert fresh("d") != fresh("d")
    a, b = wf.vector("x"), wf.vector("x")
    assert a.shape != b.shape


@pytest.mark.parametrize("bad", [-1, 1.5, True, "two words", "", b"n", object()])
def test_sizes_that_are_none(bad):
    with pytest.raises(wf.ShapeError):
        wf.vector("x", (bad,))


def test_sizes_meet_values_of_the_graph():
    x = wf.matrix("x", ("n", "m"), "float64")
    mean = x.sum() / x.shape[0] / x.shape[1]
    given = np.arange(6.0).reshape(2, 3)
    assert wf.evaluate(mean, {x: given}) == given.mean()
    twice = x.shape[0] * wf.constant(2)
    assert wf.evaluate(twice + 0 * x.sum(), {x: given}) == 4


class TestGuards:
    def test_different_symbols_that_meet_are_assumed_equal(self):
        x, y = wf.vector("x", ("a",)), wf.vector("y", ("b",))
        node = x + y
        assert node.guards == (Guard(SymDim("a"), SymDim("b")),)
        np.testing.assert_array_equal(wf.evaluate(node, {x: [1, 2], y: [3, 4]}), [4, 6])
        with pytest.raises(wf.GuardError, match="a and b have to be the same size, and in this call they are 2 and 3"):
            wf.evaluate(node, {x: [1, 2], y: [3, 4, 5]})

    def test_a_symbol_never_stretches(self):
        x, y = wf.vector("x", ("a",)), wf.vector("y", ("b",))
        with pytest.raises(wf.GuardError):
            wf.evaluate(x + y, {x: [1], y: [3, 4, 5]})

    def test_a_symbol_that_meets_a_number_takes_the_number(self):
        x, y = wf.vector("x", ("a",)), wf.vector("y", (3,))
        assert (x + y).shape == (3,)
        assert (y + x).shape == (3,)

    def test_a_literal_one_stretches_without_a_guard(self):
        x, y = wf.matrix("x", ("a", 1)), wf.vector("y", ("b",))
        assert (x + y).guards == ()
        assert (x + y).shape == (SymDim("a"), SymDim("b"))

    def test_certain_inequality_is_an_error_at_once(self):
        x = wf.vector("x", ("n",))
        with pytest.raises(wf.ShapeError, match=r"sizes n \+ 1 and n|sizes n and n \+ 1"):
            wf.concatenate([x, wf.ones(1)]) + x

    def test_guards_belong_to_the_node_that_needs_them(self):
        x, y = wf.vector("x", ("a",)), wf.vector("y", ("b",))

        @wf.elementwise
        def composite(u, v):
            return u * v + u

        assert composite(x, y).guards == (Guard(SymDim("a"), SymDim("b")),)
        inner, _ = composite.body(x.dtype, y.dtype)
        assert all(node.guards == () for node in inner)
        graph = wf.Graph((x, y), (wf.exp(composite(x, y)),))
        assert [guard for guard, _ in graph.guards] == [Guard(SymDim("a"), SymDim("b"))]


PYTHON_USES = {
    "max": lambda n, m: max(n, m),
    "min": lambda n, m: min(n, 3),
    ">=": lambda n, m: n >= 3,
    "< of NumPy's": lambda n, m: n < np.int64(3),
    "/": lambda n, m: n / 2,
    "1 /": lambda n, m: 1 / n,
    "**": lambda n, m: n**2,
    "ceil": lambda n, m: math.ceil(n / 2),
    "round": lambda n, m: round(n),
    "range": lambda n, m: range(n),
    "bool": lambda n, m: "some" if n else "none",
    "int": lambda n, m: int(n),
    "float": lambda n, m: float(n),
    "index": lambda n, m: [1, 2, 3][n],
    "divmod": lambda n, m: divmod(n, 2),
}


@pytest.mark.parametrize("name", PYTHON_USES)
@pytest.mark.parametrize("arithmetic", [False, True])
def test_python_cannot_decide_by_a_size(name, arithmetic):
    n = wf.tensor("x", ("n", "m")).shape[0]
    with pytest.raises(TypeError, match=r"^The size [nm].* is known only when a function is called") as caught:
        PYTHON_USES[name](n + 1 if arithmetic else n, M)
    notes = "".join(caught.value.__notes__)
    assert "test_dims.py" in notes
    assert "wf.maximum" in notes


def test_the_graph_can():
    x, s = wf.tensor("x", ("n", "m")), wf.scalar("s", dtype="float64")
    n, m = x.shape
    uses = [wf.maximum(n, m), n / s, s / n, n < s, n >= s, n**s, wf.where(s > 2, n, m), wf.arange(n).sum()]
    found = wf.function([x, s], [wf.cast(u, "float64") for u in uses])(np.zeros((4, 3), "float32"), 2.5)
    np.testing.assert_allclose(found, [4, 4 / 2.5, 2.5 / 4, 0, 1, 4**2.5, 4, 6])
