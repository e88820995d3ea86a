"""Programs one step away from where a structural rule holds: as written, and after all passes, to the last bit."""

import numpy as np
import pytest

from weft.codegen.cpu import CPU
from weft.codegen.passes.pipeline import run as passes
from weft.ops import scalar
from weft.ops.elementwise import cast
from weft.ops.gather import ScatterAdd
from weft.ops.movement import Slice, Unslice, broadcast_to, concatenate, expand_dims, transpose
from weft.ops.pool import MaxPool, SumPool
from weft.ops.reduce import max, min, prod, sum
from weft.symbolic.evaluate import run
from weft.symbolic.expr import apply, toposort
from weft.symbolic.graph import Graph
from weft.symbolic.leaves import Input, constant
from weft.symbolic.variables import tensor
from weft.testing.agreement import disagreement

INF, NAN = np.inf, np.nan
EDGES = {
    "b": [[True, False]],
    "i": [[-128, 127, -1, 3, 0, 1], [2**53 + 1, -(2**31) - 1, 255, 2**63 - 1, -(2**63)]],
    "u": [[200, 0, 1, 255, 128], [2**53 + 1, 2**64 - 1, 2**63, 1]],
    "f": [
        *([1.0, -2.0, 0.5, 3.0, 7.0], [INF, 0.0, NAN, -INF, 1.0], [0.0, 0.0, -0.0], [1e30, 1e-30, 2e19, 1e-38]),
        *([3e38, 3e38, 1.0, 3e38], [3e38, -3e38, 1.0], [1e30] * 4 + [1e-30] * 4),  # in range only in one order
    ],
}


def like(*shape, dtype="float64", name="x"):
    return tensor(name, shape, dtype)


def part(x, starts, steps, sizes):
    return apply(Slice(starts, steps, sizes), x)


def placed(x, start, step, size):
    return apply(Unslice((start,), (step,), (size,)), x)


def scattered(v, rows, columns):
    zeros = broadcast_to(constant(np.zeros((), v.dtype)), (3, 4))
    return apply(ScatterAdd((0, 1)), zeros, v, constant(np.array(rows)), constant(np.array(columns)))


A, B, N = like(2, 4, name="a"), like(3, 4, name="b"), like("n").shape[0]
P, Q, V = like(2, name="p"), like(2, name="q"), like(3, name="v")
M, W = like(3, 3, name="m"), like(3, 4, name="w")
F32, ROWS, T = like(3, 4, dtype="float32", name="f"), like(3, 4, name="r"), like(3, 1, name="t")
V32, A32 = like(3, dtype="float32", name="v32"), like(2, 4, dtype="float32", name="a32")
I8, U8 = like(3, dtype="int8", name="i"), like(3, dtype="uint8", name="u")
I64, U64 = like(3, dtype="int64", name="j"), like(3, dtype="uint64", name="k")
E, Z = scalar.exp(V), like(3, name="z")
LARGE = scalar.square(Z) * 1e3 + 800
HUGE, TINY, NOTHING = scalar.exp(LARGE), scalar.exp(-LARGE), scalar.square(Z) - scalar.square(Z)
ZERO = scalar.where(scalar.eq(Z, Z), Z * 0.5, 0.0)  # 0 where Z is NaN
KNOWN = cast(scalar.eq(V, V), "float64")  # 0 where V is NaN
SQUARE = like(2, 1, 2, 2, name="square")
FEW = like(2, 1, 5, 5, name="few")
TOTAL = sum(scalar.exp(F32), 1, keepdims=True)
SHARE = scalar.exp(F32) / TOTAL
MASK = scalar.where(SHARE <= -F32, broadcast_to(constant(np.ones((), "float32")), (3, 4)), 0.0)


def tops(x, axes):
    return max(x, axes, keepdims=True)


PROGRAMS = {
    "a join read backwards": [part(concatenate([A, B]), (at, 0), (-1, 1), (3, 4)) for at in (2, 3, 4)],
    "a join read in steps": [part(concatenate([A, B]), (at, 0), (2, 1), (2, 4)) for at in (0, 1, 2)],
    "a transpose of a square": [transpose(M), transpose(transpose(M) + M), scalar.exp(transpose(M)) * M],
    "nothing repeated": [sum(broadcast_to(V, (0, 3)), 0), sum(broadcast_to(V, (N, 3)), 0)],
    "a product of products": [
        prod(prod(F32, 0), 0),
        prod(prod(ROWS, 1), 0),
        prod(prod(cast(A32, "float64") ** 8.0, 0), 0),
    ],
    "the largest of negated": [f(-x) for f in (max, min, sum) for x in (I8, U8, I64, U64)],
    "narrower and wider": [
        *(cast(cast(x, k), x.dtype) for x, k in ((V, "float32"), (I64, "int32"), (U64, "int64"), (F32, "float16"))),
        *(cast(cast(x, k), x.dtype) for x, k in ((I8, "uint8"), (I8, "bool"), (I64, "uint64"), (U8, "float32"))),
    ],
    "zeros times infinity": [scalar.mul_no_nan(scattered(V, [0, 1, 2], [1, 3, 0]), W)],
    "infinity times zeros": [scalar.mul_no_nan(W, scattered(V, [0, 1, 2], [1, 3, 0]))],
    "places twice": [W * 0 + 2 * scattered(V, [0, -3, 1], [1, 1, 3]), -scattered(V, [2, 0, -1], [3, 0, 3])],
    "rows in another order": [sum(scattered(V, rows, [1, 3, 0]), 1) for rows in ([2, 0, 1], [0, 2, 1], [0, 1, 1])],
    "parts in steps": [placed(P, 0, s, 6) + placed(Q, 2, t, 6) for s, t in ((1, 2), (2, 1), (1, 3), (1, 1))],
    "mixed dtypes": [
        -I8 * I64,
        I64 + -I8,
        I64 - -U8,
        I64 * (-U8),
        (I8 + 100) + I64,
        scalar.abs(-I8) * I64,
        I64 - (I8 - 3),
    ],
    "numbers nearly 0 and 1": [
        *(f(V, constant(np.full(1, c))) for c in (1e-9, 1 + 1e-9) for f in (scalar.add, scalar.mul, scalar.sub)),
        *(V**c for c in (0.5 + 1e-9, 1.5 - 1e-9, -0.5 - 1e-9, 2 + 1e-9)),
    ],
    "large factors in a logarithm": [scalar.log(sum(scalar.exp(F32), 1) * c) for c in (3e38, 1e-45)],
    "a total of a larger maximum": [
        B * 1e-5 / sum(scalar.exp(W * c - tops(W * c, (0, 1))), 1, keepdims=True) for c in (1.0, 178.0)
    ],
    "small factors of a sum": [sum(F32 * c, 1) for c in (1e-30, -0.1, INF, NAN, 0.0)],
    "a window over some": [apply(k((3, 3), (3, 3), ((0, 0), (0, 0))), FEW) for k in (MaxPool, SumPool)],
    "a total that a mask hides": [
        sum(scalar.mul_no_nan(SHARE / TOTAL, MASK), 1),
        sum(SHARE / TOTAL * MASK, 1),
        sum(scalar.mul_no_nan(SHARE, MASK) / TOTAL, 1),
    ],
    "infinite powers": [scalar.log(V**c) for c in (INF, -INF, NAN, 3.0, 2.0, 0.0)],
    "negative terms": [scalar.log(scalar.exp(V) + c + scalar.exp(V * 0.5)) for c in (-0.1, -2.0, 0.0)],
    "a shift beyond the range": [V32 - (tops(V32, 0) + s) for s in (min(V32, 0, keepdims=True), V32 * -1.0)],
    "a window over everything, then over less": [
        apply(k((3, 3), (1, 1), pad), SQUARE)
        for k in (MaxPool, SumPool)
        for pad in (((0, 2), (0, 2)), ((1, 1), (0, 1)))
    ],
    "a slice across a join": [part(concatenate([A, B]), (at, 0), (1, 1), (3, 4)) for at in (0, 1, 2)],
    "a factor twice": [
        *((E * V) * (E / (V * E)), (E * Z * E) / (scalar.square(Z) * E)),
        (E * V * E) / (E * Z),
    ],
    "a factor that cancels, and is masked": [
        *(scalar.mul_no_nan(E, scalar.mul_no_nan(Z / E, KNOWN)), scalar.mul_no_nan(E * (Z / E), KNOWN)),
        *(scalar.mul_no_nan(scalar.mul_no_nan(Z / E, KNOWN), E), scalar.mul_no_nan(E / Z, KNOWN) * (Z / E)),
        scalar.mul_no_nan(scalar.mul_no_nan(E, Z * KNOWN) / E, Z),
        scalar.mul_no_nan(E, scalar.mul_no_nan(Z * scalar.exp(-V), KNOWN)),
        scalar.mul_no_nan(scalar.sigmoid(Z), scalar.mul_no_nan(1 / (scalar.sigmoid(Z) * E), KNOWN)),
    ],
    "a sum of which one term is 0, beside what overflows": [
        *(HUGE * (sum(V) / HUGE + NOTHING), HUGE * (scalar.sigmoid(-LARGE) * Z + scalar.sqrt(scalar.sigmoid(-LARGE)))),
        scalar.mul_no_nan(V / TINY + scalar.exp(LARGE), TINY),
    ],
    "a share that is NaN beside 0": [
        *(
            scalar.mul_no_nan(E, ZERO / (E + scalar.exp(Z))),
            scalar.mul_no_nan(scalar.exp(Z), ZERO / (scalar.exp(Z) + E)),
        ),
        *(scalar.mul_no_nan(scalar.sigmoid(-V), E * ZERO), scalar.mul_no_nan(E, scalar.sigmoid(-V) * ZERO)),
        scalar.mul_no_nan(E, scalar.mul_no_nan(scalar.sigmoid(-V), KNOWN)),
        scalar.mul_no_nan(E, scalar.mul_no_nan(Z / (E + scalar.exp(Z)), KNOWN)),
    ],
    "a sum in the wider of two dtypes": [
        sum(F32 * constant(np.full(1, c)), axis) for c in (2.5, -3.0) for axis in (0, 1)
    ],
    "new axes in different places": [expand_dims(V, 0) + expand_dims(V, 1), expand_dims(V, 1) * expand_dims(V, 1)],
}


def values(node, turn):
    edges = EDGES[node.dtype.kind]
    chosen = edges[turn % len(edges)]
    array = np.array(chosen) if node.dtype.kind == "f" else np.array([e % 2**64 for e in chosen], "uint64")
    with np.errstate(over="ignore"):
        return np.resize(array, node.shape).astype(node.dtype)  # integers wrap


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program(name):
    outs = PROGRAMS[name]
    inputs = tuple(n for n in toposort(outs) if isinstance(n.op, Input))
    plain, after = (passes(Graph(inputs, tuple(outs)), level, CPU) for level in (0, 2))
    for turn in range(7):
        given = [values(n, turn) for n in inputs]
        sides = [(g.outputs, dict(zip(g.inputs, given, strict=True)), {"n": turn % 3}) for g in (plain, after)]
        for node, left, right in zip(plain.outputs, *(run(*side) for side in sides), strict=True):
            fault = disagreement(node, left, right, sides[0][1])
            assert fault is None, f"{node!r} of {given}: {fault}"
