"""Random steps that only move, pick, join and reduce: as written, and after all passes, to the last bit.

The numbers are small and whole, so that no order of additions and no product rounds.
"""

import numpy as np
import pytest

from weft.codegen.cpu import CPU
from weft.codegen.passes.pipeline import run as passes
from weft.ops import scalar
from weft.ops.creation import arange
from weft.ops.elementwise import cast
from weft.ops.gather import Gather, ScatterAdd
from weft.ops.movement import Slice, Unslice, broadcast_to, concatenate, expand_dims, reshape, squeeze, transpose
from weft.ops.pool import MaxPool, MaxPoolGather, MaxPoolScatter, SumPool, SumPoolScatter
from weft.ops.reduce import KINDS, Reduce
from weft.symbolic.dims import SymDim
from weft.symbolic.errors import WeftError
from weft.symbolic.evaluate import run
from weft.symbolic.expr import apply, toposort
from weft.symbolic.graph import Graph
from weft.symbolic.leaves import Input, constant
from weft.symbolic.variables import tensor

SIZES = (1, 1, 2, 3, 4, 2, 3, 1, 0, SymDim("n"))
DTYPES = ("float64", "float64", "int64", "uint8", "float16")


def some(rng, axes, least=0):
    """A few of the axes, in order."""
    axes = list(axes)
    count = rng.integers(min(least, len(axes)), len(axes) + 1)
    return tuple(sorted(int(a) for a in rng.permutation(axes)[:count]))


def fresh(rng, dtype, rank=None):
    rank = int(rng.choice([0, 1, 2, 2, 3, 3])) if rank is None else rank
    return tensor("x", [SIZES[i] for i in rng.integers(len(SIZES), size=rank)], dtype)


def with_axes(x, rng):
    return expand_dims(x, some(rng, range(x.ndim + 2), 1)[:2])


def without_axes(x, rng):
    return squeeze(x, some(rng, [a for a, d in enumerate(x.shape) if d == 1], 1))


def in_another_order(x, rng):
    return transpose(x, [int(a) for a in rng.permutation(x.ndim)])


def repeated(x, rng):
    leading = [SIZES[i] for i in rng.integers(len(SIZES), size=rng.integers(2))]
    return broadcast_to(x, [*leading, *(SIZES[rng.integers(len(SIZES))] if d == 1 else d for d in x.shape)])


def of_another_shape(x, rng):
    shape = list(x.shape)
    turn, at = rng.integers(3), int(rng.integers(x.ndim + 1))
    if turn == 0:
        shape = [d for d in shape if d != 1]
    elif turn == 1 and len(shape) > 1:
        at = min(at, len(shape) - 2)
        shape[at : at + 2] = [shape[at] * shape[at + 1]]
    shape.insert(min(at, len(shape)), 1)
    return reshape(x, shape)


def part(x, rng):
    rows = []
    for size in x.shape:
        if not isinstance(size, int) or rng.random() < 0.3:
            rows.append((0, 1, size))
            continue
        step, count = int(rng.choice([1, 1, 2, -1, -2])), int(rng.integers(size + 1))
        count = min(count, (size + abs(step) - 1) // abs(step))
        span = abs(step) * (count - 1)
        low = int(rng.integers(size - span)) if count else 0
        rows.append((low if step > 0 else low + span, step, count))
    return apply(Slice(*zip(*rows, strict=True)), x) if rows else x


def placed(x, rng):
    """The sum of two or three parts of zeros, one beside the other or anywhere, and of something else."""
    axis, end = int(rng.integers(x.ndim)), 0
    whole = tuple(d + 4 if isinstance(d, int) else d for d in x.shape)
    result = tensor("whole", whole, x.dtype) if rng.random() < 0.3 else x.dtype.type(0)
    for _ in range(rng.integers(1, 4)):
        piece = x if rng.random() < 0.6 else part(x, rng)
        room = [w - d if isinstance(d, int) else 0 for w, d in zip(whole, piece.shape, strict=True)]
        starts = [int(rng.integers(max(r, 0) + 1)) if rng.random() < 0.2 else 0 for r in room]
        starts[axis] = end if rng.random() < 0.7 else starts[axis]
        end = starts[axis] + piece.shape[axis]
        term = apply(Unslice(tuple(starts), (1,) * x.ndim, whole), piece)
        result = term + result if rng.random() < 0.5 else result + term
    return result


def joined(x, rng):
    """Parts beside each other, and a part of that."""
    axis = int(rng.integers(x.ndim))
    parts = [x if rng.random() < 0.5 else scalar.square(x) for _ in range(rng.integers(1, 4))]
    if isinstance(x.shape[axis], int):
        steps, sizes = (1,) * x.ndim, list(x.shape)
        sizes[axis] = int(rng.integers(x.shape[axis] + 1))
        parts.append(apply(Slice((0,) * x.ndim, steps, tuple(sizes)), x))
    whole = concatenate([concatenate(parts[:2], axis), *parts[2:]], axis)
    return part(whole, rng) if rng.random() < 0.7 else whole


def reduced(x, rng):
    if not x.ndim:
        return x
    same = isinstance(x.op, Reduce) and rng.random() < 0.7
    return apply(Reduce(x.op.kind if same else list(KINDS)[rng.integers(4)], some(rng, range(x.ndim), 1)[:2]), x)


def picked(x, rng):
    axes = some(rng, range(x.ndim), 1)[:2]
    if rng.random() < 0.3 and len(axes) == 1:
        return apply(Gather(axes), x, arange(x.shape[axes[0]]))
    places = [constant(rng.integers(-x.shape[a], x.shape[a], 3)) for a in axes]
    return apply(Gather(axes), x, *places)


def scattered(x, rng):
    """Elements at places among zeros, times or over something."""
    count = int(rng.integers(1, 5))
    v = tensor("v", (count,), x.dtype)
    rows = [np.arange(count), rng.permutation(count), rng.integers(-count, count, count)][rng.integers(3)]
    columns = rng.integers(-3, 3, count)
    zeros = broadcast_to(constant(np.zeros((), v.dtype)), (count, 3))
    whole = apply(ScatterAdd((0, 1)), zeros, v, constant(rows), constant(columns))
    beside = [fresh(rng, v.dtype, 0), cast(tensor("m", (3,), "bool"), v.dtype), tensor("r", (count, 1), v.dtype)]
    other = beside[rng.integers(3)]
    choices = [-whole, whole * other, other * whole, scalar.mul_no_nan(whole, other), scalar.mul_no_nan(other, whole)]
    choices += [apply(Reduce("sum", (axis,)), whole) for axis in (0, 1)]
    return choices[rng.integers(len(choices))]


def computed(x, rng):
    other = fresh(rng, x.dtype, min(x.ndim, 2)) if rng.random() < 0.5 else x
    f = (scalar.add, scalar.mul, scalar.maximum, scalar.sub, lambda a, b: scalar.where(a > b, b, a))[rng.integers(5)]
    return f(x, other) if rng.random() < 0.5 else f(other, x)


def negated(x, rng):
    return -x


STEPS = (
    *(with_axes, without_axes, in_another_order, repeated, of_another_shape, part, placed, joined, reduced, picked),
    *(scattered, computed, negated),
)
MOVES = (with_axes, without_axes, in_another_order, repeated, of_another_shape, part)
PAIRS = {
    **{f"reduced {step.__name__}": (step, reduced) for step in (*MOVES, reduced, negated, computed)},
    **{f"moved {step.__name__}": (step, MOVES) for step in MOVES},
    **{f"{step.__name__} twice": (step, step) for step in MOVES},
    **{f"a part of {step.__name__}": (step, part) for step in (part, joined, placed)},
    **{f"picked {step.__name__}": (step, picked) for step in (computed, repeated, negated)},
    **{f"of a function {step.__name__}": (step, computed) for step in (with_axes, repeated, without_axes)},
    "scattered": (negated, scattered),
    "placed": (MOVES, placed),
}


def taken(step, x, rng):
    """The step, or one of several, where it can be taken."""
    chosen = step[rng.integers(len(step))] if isinstance(step, tuple) else step
    try:
        return chosen(x, rng)
    except (WeftError, ValueError, TypeError):
        return x


def program(rng, pair):
    """The two steps of the pair; one before or after them, sometimes."""
    for _ in range(20):
        x = fresh(rng, DTYPES[rng.integers(len(DTYPES))])
        x = taken(STEPS, x, rng) if rng.random() < 0.3 else x
        first = taken(pair[0], x, rng)
        second = taken(pair[1], first, rng)
        if x is not first is not second:
            break
    return taken(STEPS, second, rng) if rng.random() < 0.3 else second


def whole_numbers(node, rng, special):
    shape = [d if isinstance(d, int) else 3 for d in node.shape]
    numbers = rng.integers(0 if node.dtype.kind == "u" else -2, 4, shape)
    if node.dtype.kind == "f" and special:
        numbers = np.where(rng.random(shape) < 0.1, rng.choice([np.nan, np.inf], shape), numbers)
    return np.asarray(numbers).astype(node.dtype)


def agree(outs, rng):
    inputs = tuple(n for n in toposort(outs) if isinstance(n.op, Input))
    plain, after = (passes(Graph(inputs, tuple(outs)), level, CPU) for level in (0, 2))
    for special in (False, True):
        given = [whole_numbers(n, rng, special) for n in inputs]
        try:
            sides = [run(plain.outputs, dict(zip(inputs, given, strict=True)), {"n": 3})]
        except WeftError:
            return
        sides.append(run(after.outputs, dict(zip(after.inputs, given, strict=True)), {"n": 3}))
        for node, left, right in zip(outs, *sides, strict=True):
            assert (left.dtype, left.shape) == (right.dtype, right.shape), repr(node)
            np.testing.assert_array_equal(right, left, err_msg=f"{node!r} of {given}")


@pytest.mark.parametrize("pair", PAIRS)
def test_pairs_of_steps(pair):
    rng = np.random.default_rng(0)
    for _ in range(24):
        agree([program(rng, PAIRS[pair])], rng)


@pytest.mark.parametrize("of", [MaxPool, SumPool, MaxPoolScatter, MaxPoolGather, SumPoolScatter])
def test_windows(of):
    """Over everything, over nearly everything, and over nothing."""
    rng, made = np.random.default_rng(0), 0
    while made < 60:
        sizes = tuple(int(n) for n in rng.choice([0, 1, 2, 3, 3], 2))
        window, strides = (tuple(int(n) for n in rng.integers(1, m, 2)) for m in (5, 4))
        padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 3, (2, 2)) * (rng.random() < 0.6))
        x, v = (tensor(n, ("n", 2, *sizes), "float64") for n in "xv")
        try:
            grid = of(window, strides, padding, bool(rng.integers(2)), *((sizes,) if of is SumPoolScatter else ()))
            g = tensor("g", (*x.shape[:2], *grid.grid(sizes)), "float64")
            args = {MaxPoolScatter: (x, g), MaxPoolGather: (x, v), SumPoolScatter: (g,)}.get(of, (x,))
            node = apply(grid, *args)
        except WeftError:
            continue
        made += 1
        agree([node], rng)
