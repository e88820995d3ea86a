"""What rules ask before they fire is true wherever the answer is yes: of values, for expressions that nobody wrote."""

from fractions import Fraction

import numpy as np
import pytest

from weft.ops import scalar
from weft.ops.creation import arange, iota
from weft.ops.elementwise import cast
from weft.ops.movement import broadcast_to, expand_dims
from weft.ops.reduce import max, min, prod, sum
from weft.ops.rules import conditions, gather, softmax
from weft.symbolic.evaluate import run
from weft.symbolic.expr import toposort
from weft.symbolic.leaves import constant, size
from weft.symbolic.variables import tensor
from weft.testing.agreement import DRAWS, draw

X, Y = tensor("x", (3,), "float64"), tensor("y", (3,), "float64")
I, U, B = tensor("i", (3,), "int8"), tensor("u", (3,), "uint8"), tensor("b", (3,), "bool")
V = tensor("v", ("n",), "float64")
INPUTS = (X, Y, I, U, B, V)
LEAVES = (X, Y, X, I, U, B, size(V.shape[0]))
NUMBERS = (2.0, 0.5, 0.0, -0.0, -1.5, 1e-30, 1e-200, np.inf, np.nan, 3, 0)
FLOATS = ("float16", "float32", "float64")
DTYPES = (*FLOATS, "int8", "uint8", "int32", "int64", "uint64", "bool")
SAFE = (scalar.exp, scalar.square, scalar.abs, scalar.sigmoid, scalar.sqrt, scalar.reciprocal, scalar.cosh)
ONE = (*SAFE, scalar.exp2, scalar.neg, scalar.log, scalar.log1p, scalar.expm1, scalar.tanh, scalar.relu, scalar.rsqrt)
SUMS = (scalar.add, scalar.mul, scalar.div, scalar.sub, scalar.maximum, scalar.minimum)
TWO = (*SUMS, scalar.mul_no_nan, scalar.logaddexp, scalar.pow, lambda x, y: scalar.where(x > y, y, x))
WHOLE = (max, min, sum, prod, lambda x: broadcast_to(expand_dims(x, 0), (2, *x.shape)))


def expression(rng, levels=3):
    """A random one; what conditions say yes to is frequent in it."""
    step = rng.integers(7) if levels else 0
    if step == 0:
        return LEAVES[rng.integers(len(LEAVES))]
    first = expression(rng, levels - 1)
    if step == 1:
        return cast(first, rng.choice(DTYPES))
    if step == 2:
        return WHOLE[rng.integers(len(WHOLE))](first) if first.ndim else first
    if step in (3, 4):
        return (ONE, SAFE)[step - 3][rng.integers(len((ONE, SAFE)[step - 3]))](first)
    second = expression(rng, levels - 1) if step == 5 else constant(NUMBERS[rng.integers(len(NUMBERS))])
    args = (first, second) if rng.random() < 0.5 else (second, first)
    return TWO[rng.integers(len(TWO))](*args)


def expressions(seed, count=300):
    """Numbers, casts, each function of two terms that conditions say yes to or nearly so, and random ones."""
    numbers = [constant(c) for c in NUMBERS]
    yield from numbers
    terms = [scalar.exp(X), scalar.square(X), scalar.sigmoid(Y), cast(B, "float64"), cast(U, "int8"), *numbers[:4]]
    yield from (cast(a, kind) for a in (*LEAVES, *terms) for kind in FLOATS)
    yield from (f(a, b) for f in TWO for a in terms for b in terms if a.args or b.args)
    rng = np.random.default_rng(seed)
    while count:
        try:
            with np.errstate(all="ignore"):
                found = expression(rng)
        except (TypeError, ValueError):
            continue
        count -= 1
        yield found


def holds(condition, true, seed, kinds=DRAWS):
    """The condition says yes of some, and where it does, `true(value, values of what the node is made of)` is."""
    found = [n for n in expressions(seed) if n not in set(LEAVES) and condition(n)]
    assert len(found) > 20
    order = toposort(found)
    for kind in kinds:
        given = draw(INPUTS, np.random.default_rng(seed), kind)
        known = dict(zip(order, run(order, given), strict=True))
        for node in found:
            assert true(known[node], [known[n] for n in toposort([node])]), f"{node!r} of {given} is {known[node]}"


def test_nonnegative():
    holds(conditions.nonnegative, lambda v, _: not np.any((v < 0) | ((v == 0) & np.signbit(v * 1.0))), 0)


def test_positive_but_for_underflow():
    def above(v, way):
        floats = [np.abs(w[w != 0]) for w in way if w.dtype.kind == "f"]
        left = any(np.any((w > 1e30) | (w < 1e-30)) for w in floats)  # what 1 / w of may be 0
        return not np.any((v < 0) if left else (v <= 0))

    holds(lambda n: conditions.positive(n) and n.dtype == "float64", above, 1, kinds=("ordinary", "ordinary"))


def test_always_finite():
    holds(lambda n: n.type.is_float and conditions.always_finite(n), lambda v, _: np.isfinite(v).all(), 2)


def test_never_zero():
    """Products of numbers, sizes, and quotients by them; float32 and float16 have few numbers below 1."""
    n, yes = size(V.shape[0]), 0
    for dtype in FLOATS:
        numbers = [constant(np.dtype(dtype).type(c)) for c in NUMBERS if abs(c) < 6e4 or not np.isfinite(c)]
        factors = [*numbers, cast(n, dtype), tensor("s", (), dtype), scalar.reciprocal(cast(n, dtype))]
        factors += [k / cast(n, dtype) for k in numbers]
        products = [(a, b, a * b) for a in factors for b in factors]
        with np.errstate(all="ignore"):
            products += [(c, p, c * p) for *_, p in products[::5] for c in factors[::3]]
        for node in (p for *_, p in products if conditions.never_zero(p)):
            yes += 1
            for count in (1, 10**6) if dtype == "float32" else (0, 3):
                assert run([node], {}, {"n": count})[0] != 0, f"{node!r} at {count}"
    assert yes > 100


def test_carries():
    """A node over x alone and what has no NaN, at a NaN: in each function's every place."""
    x, others = X, [Y, constant(0.0), constant(np.inf), Y - Y, scalar.gt(Y, 9)]
    firsts = [f(x) for f in ONE] + [f(*p) for f in TWO for o in others[:4] for p in ((x, o), (o, x))]
    firsts += [scalar.where(c, x, Y) for c in (x > 0, others[4])] + [scalar.where(others[4], x, 1.0)]
    found = [
        n for n in [*firsts, *(g(f) for f in firsts for g in (scalar.exp, scalar.relu))] if conditions.carries(n, x)
    ]
    assert len(found) > 40
    for node in found:
        for y in (0.0, 2.0, np.inf):
            (value,) = run([node], {X: np.full(3, np.nan), Y: np.full(3, y)})
            assert np.isnan(value).all(), f"{node!r} at NaN and {y} is {value}"


def nested(f, x, times=5):
    for _ in range(times):
        x = f(x)
    return x


E, S = scalar.exp(X), scalar.square(X)
WIDE = broadcast_to(expand_dims(E, 0), (2, 3))
COUNT = cast(size(V.shape[0]), "float64")
CERTAIN = {
    conditions.nonnegative: [
        *(E, S, scalar.abs(X), scalar.sigmoid(X), scalar.cosh(X), scalar.exp2(X), U, B, size(V.shape[0])),
        *(E + S, E * S, S / E, scalar.maximum(S, E), scalar.sqrt(S), scalar.reciprocal(S), constant(0.0), S * 2.0),
        *(sum(S), max(S, 0), min(WIDE, 1), prod(WIDE, (0, 1)), WIDE, cast(S, "float32"), cast(U, "float64"), S[::-1]),
        nested(scalar.sqrt, S),
    ],
    conditions.positive: [
        *(E, scalar.exp2(X), scalar.sigmoid(X), scalar.cosh(X), constant(2.0), E + E * 2.0, E / 3.0, scalar.sqrt(E)),
        *(scalar.rsqrt(E), scalar.reciprocal(E), sum(E), max(E, 0), min(E, 0), prod(WIDE, 1), WIDE, E[::-1]),
        nested(scalar.sqrt, E),
    ],
    conditions.always_finite: [
        *(constant(2.0), cast(I, "float32"), cast(B, "float64"), I, B, cast(U, "float64")[::-1]),
        broadcast_to(expand_dims(cast(I, "float64"), 0), (2, 3)),
        nested(lambda x: expand_dims(x, 0), cast(I, "float64")),
    ],
    conditions.never_zero: [
        *(constant(-2.0), 0.5 / COUNT, constant(np.inf), scalar.reciprocal(COUNT), -2.0 * scalar.reciprocal(COUNT)),
        *(
            broadcast_to(expand_dims(1.5 / COUNT, 0), (3,)),
            0.5 / cast(size(V.shape[0]), "float32"),
            (0.5 / COUNT) / COUNT,
        ),
    ],
    lambda x: conditions.carries(x, X): [
        *(X, E, -X, X + Y, Y - X, Y / X, X * 2.0, scalar.log(S), scalar.logaddexp(Y, X), scalar.rsqrt(E)),
        nested(scalar.tanh, X),
    ],
    conditions.is_size: [size(V.shape[0]), COUNT],
}


@pytest.mark.parametrize("condition", CERTAIN, ids=lambda c: c.__name__)
def test_what_is_certain(condition):
    """A rule that waits for these may wait for nothing less."""
    for node in CERTAIN[condition]:
        assert condition(node), repr(node)


def test_opposite():
    """Of what floats are the negatives of: also those made of integers, which wrap."""
    terms = [X, I, U, -X, -I, -U, X - Y, Y - X, X * 2.0, X * -2.0, X / 3.0, I * 2, I * -2, X / -3.0, I - U, U - I]
    terms += [cast(t, "float64") for t in terms if not t.type.is_float]
    pairs = [(a, b) for a in terms for b in terms if softmax.opposite(a, b)]
    assert len(pairs) > 6
    for a, b in pairs:
        given = draw(INPUTS, np.random.default_rng(0), "ordinary")
        given |= {I: np.array([-128, 5, 127], "i1"), U: np.array([255, 0, 128], "u1")}
        left, right = run([scalar.exp(a), scalar.exp(b)], given)
        np.testing.assert_allclose(left * right, 1.0, rtol=1e-9, err_msg=f"{a!r}, {b!r}")


# ---- constants -------------------------------------------------------------------------------------------------------

CONSTANTS = (2.0, 0.3, -49.0, 98.0, 0.125, 1e-30, -1e30, 3e38, 1e-45, 1e-200, 1e300, 0.0, np.inf, -np.inf, np.nan)
VARIABLES = (1.0, -0.7, 3.0, 1e-30, 1e20, -1e38, 1e300, 1e-300)


def _rounded(value, dtype):
    """An exact number in a dtype; infinite beyond its range."""
    with np.errstate(over="ignore"):
        return dtype.type(float(value)) if abs(value) < Fraction(2) ** 1024 else dtype.type(np.inf * (value > 0 or -1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_constants_as_one(dtype):
    """What one multiplication gives is near what both give, without leaving the range between them."""
    x = tensor("x", (), dtype)
    kind, yes = x.dtype, 0
    with np.errstate(all="ignore"):
        numbers = [float(kind.type(c)) for c in CONSTANTS]
        for c, d in ((c, d) for c in numbers for d in numbers):
            joined = [(c * d, 1)] if conditions.product_fits(x, c, d) else []
            joined += [(c / d, -1)] if conditions.quotient_exact(x, c, d) else []
            for one, power in joined:
                yes += 1
                for v in (float(kind.type(v)) for v in VARIABLES if abs(v) < np.finfo(kind).max):
                    exact = _rounded(Fraction(v) * Fraction(c) * Fraction(d) ** power, kind)
                    found = kind.type(v) * kind.type(one)
                    np.testing.assert_allclose(found, exact, rtol=4 * np.finfo(kind).eps, atol=np.finfo(kind).tiny)
                    if power == -1:
                        assert Fraction(float(kind.type(one))) == Fraction(c) / Fraction(d)
    assert yes > 20


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_division_by_a_power_of_two(dtype):
    x = tensor("x", (), dtype)
    kind = x.dtype
    values = np.array([v for v in VARIABLES if abs(v) < float(np.finfo(kind).max)], kind)
    with np.errstate(all="ignore"):
        found = [c for c in (*CONSTANTS, 0.5, -4.0, 2.0**-100, 2.0**127, 2.0**-1022) if conditions.power_of_two(x, c)]
        for c in found:
            np.testing.assert_array_equal(values / kind.type(c), values * kind.type(1 / c))
    assert len(found) > 4


# ---- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 2, 127, 130, 257, 33_000])
def test_places_in_order(length):
    ends = [arange(length), arange(1, length + 1), arange(length + 1), expand_dims(arange(length), 0)]
    small = [iota((length,), 0, np.dtype(d)) for d in ("int8", "uint8", "int16", "int32", "int64", "uint64")]
    known = [constant(np.arange(length)), constant(np.arange(length)[::-1]), constant(np.arange(length) % 2)]
    found = [i for i in (*ends, *small, *known) if gather._counts(i, length)]
    assert len(found) > 3
    for index in found:
        np.testing.assert_array_equal(run([index], {})[0], np.arange(length))


def test_places_of_their_own():
    """Places from the end are the same as some from the start."""
    rng, yes = np.random.default_rng(0), 0
    for number in range(300):
        places = rng.integers(-4 * (number % 2), 4, (number % 3 + 1,))
        if gather._distinct(constant(places)):
            yes += 1
            assert len(set(places % 4)) == len(places), places
    assert yes > 50


@pytest.mark.parametrize(("kind", "of", "certain"), [("int32", "float16", False), ("int32", "float32", True)])
def test_integers_as_floats_that_reach_so_far(kind, of, certain):
    assert conditions.always_finite(cast(tensor("x", (3,), kind), of)) is certain
