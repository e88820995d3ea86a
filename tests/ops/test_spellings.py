"""Exponentials, their sums and logarithms in random products and sums: as written, and after all passes."""

import functools
import inspect
import sys

import numpy as np
import pytest
import scipy.special

from weft.codegen.cpu import CPU
from weft.codegen.passes.pipeline import run as passes
from weft.ops import scalar
from weft.ops.elementwise import cast
from weft.ops.gather import Gather
from weft.ops.movement import Unslice, expand_dims, reshape, transpose
from weft.ops.reduce import max, mean, min, sum
from weft.ops.rules import canonical, special, stable
from weft.symbolic.evaluate import run
from weft.symbolic.expr import apply, toposort
from weft.symbolic.grad import grad
from weft.symbolic.graph import Graph
from weft.symbolic.leaves import Input, constant
from weft.symbolic.rewrite import rewrite
from weft.symbolic.variables import tensor
from weft.testing.agreement import disagreement, draw

X, Y = tensor("x", (3, 4), "float64"), tensor("y", (3, 4), "float64")
ROW, COLUMN, B = tensor("row", (4,), "float64"), tensor("column", (3, 1), "float64"), tensor("b", (3, 4), "bool")
exp, log, sigmoid = scalar.exp, scalar.log, scalar.sigmoid


def shifted(x, axes):
    return x - max(x, axes, keepdims=True)


def totals(x):
    yield from (sum(exp(x), axes, keepdims=True) for axes in (0, 1, (0, 1)))
    yield from (sum(exp(x), 0), expand_dims(sum(exp(x), 1), 1), mean(exp(x), 1, keepdims=True), exp(x) + exp(Y))
    yield from (sum(exp(shifted(x, 1)), 1, keepdims=True), sum(exp(shifted(x, (0, 1))), 1, keepdims=True))
    yield from (exp(x) + exp(Y) + exp(ROW), sum(exp(x * 0.5), 0), sum(x, 1, keepdims=True), 1 + exp(x))


def factors(x):
    yield from (exp(x), exp(-x), sigmoid(x), sigmoid(-x), exp(x[:1]), exp(ROW), exp(x - Y), exp(Y - x), exp(x * 2))
    yield from (exp(x * -2), exp(shifted(x, 1)), x, Y, ROW, COLUMN, constant(2.0), constant(-0.5), cast(B, "float64"))
    yield from totals(x)


FACTORS = tuple(factors(X))
HARMLESS = (Y, ROW, COLUMN, constant(3.0), constant(0.25), cast(B, "float64"))


def meeting(rng):
    """Factors of which some cancel: an exponential and what it may meet, in any order, over and under, with others."""
    terms = [(FACTORS[rng.integers(len(FACTORS))], int(rng.choice([1, -1]))) for _ in range(rng.integers(2, 4))]
    f, p = terms[0]
    if rng.random() < 0.4:
        terms.append((f, -p))
    terms += [(HARMLESS[rng.integers(len(HARMLESS))], 1) for _ in range(rng.integers(2))]
    return [terms[i] for i in rng.permutation(len(terms))]


def multiplied(terms, rng):
    """One product of these, as a tree of any form."""
    known = [(f, p) for f, p in terms]
    while len(known) > 1:
        i = int(rng.integers(len(known) - 1))
        (a, p), (b, q) = known.pop(i), known.pop(i)
        if p == q:
            known.insert(i, (scalar.mul_no_nan(a, b) if p == 1 and rng.random() < 0.5 else a * b, p))
        else:
            known.insert(i, (a / b, p) if rng.random() < 0.7 else (b / a, q))
    result, p = known[0]
    result = result if p == 1 else scalar.reciprocal(result)
    return -result if rng.random() < 0.2 else result


def product(rng):
    return multiplied(meeting(rng), rng)


def negated(rng):
    """-e y / e under new axes, where the sign stays inside."""
    e = exp(tensor("side", (3,), "float64"))
    sign = 1 if rng.random() < 0.5 else -1
    terms = [(expand_dims(-e, 1), sign), (expand_dims(e, 1), -sign)]
    terms += [(HARMLESS[rng.integers(len(HARMLESS))], 1) for _ in range(rng.integers(3))]
    return multiplied([terms[i] for i in rng.permutation(len(terms))], rng)


def distributed(rng):
    """e (a / e + b), with other factors."""
    e = FACTORS[rng.integers(4)]
    whole = next(t for i, t in enumerate([*totals(X), e]) if rng.random() < 0.2 or t is e)
    terms = [ROW / whole, Y * COLUMN, sigmoid(-X) * Y, scalar.square(sigmoid(X)), Y / (whole * whole), COLUMN]
    chosen = [terms[i] for i in rng.permutation(len(terms))[: rng.integers(2, 5)]]
    inner = functools.reduce(lambda a, b: a + b if rng.random() < 0.5 else a - b, chosen)
    return multiplied([(e, 1), (inner if rng.random() < 0.7 else -inner, 1), (COLUMN, 1)], rng)


def logarithm(rng):
    many = [*totals(X), exp(X), exp(ROW), constant(2.0), constant(0.5), exp(X[:1]), Y, sigmoid(X), X + 3.0]
    chosen = [many[i] for i in rng.permutation(len(many))[: rng.integers(1, 4)]]
    if rng.random() < 0.5:
        inside = functools.reduce(scalar.add, chosen)
    else:
        inside = multiplied([(f, int(rng.choice([1, 1, -1]))) for f in chosen], rng)
    return log(expand_dims(inside, 0) if rng.random() < 0.2 else inside)


def normalized(rng):
    """x - (m + s) and (m + s) - x[labels], with the maximum m and what is nearly that."""
    axis = int(rng.integers(2))
    m = [max(X, axis, keepdims=True), sum(X, axis, keepdims=True), max(Y, axis, keepdims=True)][rng.integers(3)]
    s = [log(sum(exp(X - m), axis, keepdims=True)), COLUMN, log(COLUMN + 9)][rng.integers(3)]
    whole = m + s if rng.random() < 0.5 else s + m
    if rng.random() < 0.5:
        return X - whole
    places = constant(np.array([[0, 2, 1], [3, 0, 3]][axis]))
    picked = apply(Gather((axis,)), X, places)
    return whole - (picked if axis == 0 or rng.random() < 0.5 else transpose(picked))


@pytest.mark.parametrize("spelling", [product, negated, distributed, logarithm, normalized])
@pytest.mark.parametrize("kind", ["ordinary", "nan"])
def test_spellings(spelling, kind):
    rng = np.random.default_rng(0)
    for _ in range(60):
        outs = [spelling(rng)]
        inputs = tuple(n for n in toposort(outs) if isinstance(n.op, Input))
        plain, after = (passes(Graph(inputs, tuple(outs)), level, CPU) for level in (0, 2))
        given = draw(inputs, rng, kind)
        left, right = (run(g.outputs, dict(zip(g.inputs, given.values(), strict=True)))[0] for g in (plain, after))
        fault = disagreement(plain.outputs[0], left, right, given)
        assert fault is None, f"{outs[0]!r} of {list(given.values())}: {fault}"


ARGUMENTS = (X, -X, X * 2.0, X / 0.5, X - Y, X - sum(X, 1, keepdims=True), X + min(X, 0), X - COLUMN, X * Y * 0.01)


@pytest.mark.parametrize("axes", [0, 1, (0, 1)])
def test_large_arguments(axes):
    """The logarithm of a sum of exponentials, and their shares of it, whatever the exponent is."""
    rng = np.random.default_rng(0)
    given = {node: rng.normal(size=node.shape) * 400 for node in (X, Y, ROW, COLUMN)}
    roots, wanted = [], []
    for argument, (a,) in zip(ARGUMENTS, ([run([n], given)[0]] for n in ARGUMENTS), strict=True):
        whole, powers = sum(exp(argument), axes, keepdims=True), exp(argument)
        total = scipy.special.logsumexp(a, axes, keepdims=True)
        shares, y, column, row = np.exp(a - total), given[Y], given[COLUMN], given[ROW]
        roots += [log(whole), log(mean(powers, axes, keepdims=True)), log(0.25 / whole), log(whole * scalar.abs(Y))]
        wanted += [total, total - np.log(a.size / total.size), np.log(0.25) - total, total + np.log(np.abs(y))]
        roots += [log(sum(powers, axes)), powers / whole, ROW * (powers * (COLUMN / whole)), Y * powers / (whole * 2)]
        wanted += [total.squeeze(axes), shares, row * shares * column, y * shares / 2]
    graph = passes(Graph(tuple(given), tuple(roots)), 2, CPU)
    found = run(graph.outputs, dict(zip(graph.inputs, given.values(), strict=True)))
    for root, value, right in zip(roots, found, wanted, strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-9, atol=1e-290, err_msg=repr(root))


@pytest.mark.parametrize("axes", [0, 1, (0, 1)])
def test_gradients_at_large_arguments(axes):
    rng = np.random.default_rng(0)
    x, y = 1000 + rng.normal(size=(3, 4)) * 100, rng.normal(size=(3, 4))
    whole = sum(exp(X), axes, keepdims=True)
    losses = [sum(exp(X) / whole * Y), sum(log(whole)), sum(exp(X) * (COLUMN * Y / whole))]
    shares = scipy.special.softmax(x, axes)
    column = rng.normal(size=(3, 1))
    one, other = (shares * (v - np.sum(shares * v, axes, keepdims=True)) for v in (y, column * y))
    graph = passes(Graph((X, Y, COLUMN), tuple(grad(loss, X) for loss in losses)), 2, CPU)
    found = run(graph.outputs, dict(zip(graph.inputs, (x, y, column), strict=True)))
    for value, right in zip(found, [one, shares, other], strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shares_of_the_largest_number(dtype):
    """Shares add up to 1 but for rounding, and what they are shares of is not more than the largest number."""
    x, largest = tensor("x", (200, 3), dtype), float(np.finfo(dtype).max)
    shares = exp(shifted(x, 1)) / sum(exp(shifted(x, 1)), 1, keepdims=True)
    root = sum(scalar.mul_no_nan(shares / sum(exp(x), 1, keepdims=True), constant(np.array(largest, dtype))), 1)
    given = {x: np.random.default_rng(0).normal(size=(200, 3)).astype(dtype) + 3}
    sides = [passes(Graph((x,), (root,)), level, CPU).outputs for level in (0, 2)]
    written, found = (run(outputs, given)[0] for outputs in sides)
    np.testing.assert_allclose(found, written, rtol=1e-5)


def test_long_chains():
    """Rules look a few levels deep, and not through a chain that is longer than Python's stack."""
    v, length = tensor("v", (3,), "float64"), 300
    terms = [v * float(i + 2) for i in range(length)]
    chains = [functools.reduce(f, terms) for f in (scalar.add, scalar.mul, scalar.sub, scalar.maximum)]
    chains += [functools.reduce(f, map(exp, terms)) for f in (scalar.add, scalar.mul)]
    for f in (scalar.tanh, scalar.sqrt, lambda x: 2.0 / (x + 1.0)):
        chains.append(functools.reduce(lambda x, _, f=f: f(x), range(length), exp(v)))
    wide = expand_dims(v, 1) * tensor("pair", (2,), "float64")  # no two of these moves are one
    moved = functools.reduce(lambda x, _: transpose(reshape(x, (2, 3))), range(length), wide)
    parts = [apply(Unslice((0,), (1,), (6,)), t) for t in terms]
    roots = [functools.reduce(scalar.add, parts)]
    for c in chains:
        roots += [log(exp(v) + c), log(c), exp(v) * c / (c + exp(v)), (exp(v) * c) * (v / c), scalar.abs(c)]
        roots += [scalar.mul_no_nan(v, c), scalar.mul_no_nan(c, v), v / scalar.sqrt(c), exp(c) * (v * exp(-c))]
    roots += [
        f(moved) for f in (scalar.abs, log, lambda c: scalar.mul_no_nan(moved, c), lambda c: exp(c) / (1 + exp(c)))
    ]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 150)
    try:
        rewrite(Graph((), tuple(roots)), canonical + stable + special)
    finally:
        sys.setrecursionlimit(limit)


def test_logarithms_of_sums_have_the_digits_of_their_dtype():
    x, y = tensor("x", (3,), "uint8"), tensor("y", (3,), "float64")
    total = scalar.log(scalar.exp(x) + scalar.exp(y) + 2.0)
    values = {x: np.array([5, 3, 60], "uint8"), y: np.array([0.1, 2.5, -3.0])}
    after = passes(Graph((x, y), (total,)), 2, CPU)
    found = run(list(after.outputs), dict(zip(after.inputs, values.values(), strict=True)))[0]
    np.testing.assert_allclose(found, np.log(np.exp(values[x].astype("float64")) + np.exp(values[y]) + 2.0), rtol=1e-14)
