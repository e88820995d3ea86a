"""A vector of pooling windows at a time: what `kernels.py` calls, emitted as LLVM vector IR.

Lane l stands for the window whose first column is left + step * l.  Position k of all windows together is made from
`spans` neighbouring vectors of a row, by shuffles, so that memory is read in whole vectors, once.  A *position* in a
window is counted in row-major order: (z * height + y) * width + k.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import types

from ..tiles.lanes import (
    LaneKind,
    VectorType,
    add,
    any_lane,
    inside,
    is_nan,
    larger,
    load,
    maximum,
    shuffle,
    splat,
    store,
    vector_function,
)

_INT64 = ir.IntType(64)
Values = Sequence[ir.Value]


class WindowLanes(NamedTuple):
    """Windows of depth * height lines of `width` columns, `step` apart (depth and height are 0: any)."""

    kind: LaneKind
    depth: int
    height: int
    width: int
    step: int

    @property
    def spans(self) -> int:
        """How many vectors of a row, beginning with column `left`, hold all columns of a vector of windows."""
        columns = self.step * (self.kind.lanes - 1) + self.width
        return -(-columns // self.kind.lanes)


def _columns(builder: Any, windows: WindowLanes, spans: Values) -> list[ir.Value]:
    """For each column of the windows, its value in all of them."""
    count, step = windows.kind.lanes, windows.step
    result: list[ir.Value] = []
    for k in range(windows.width):
        last = k + step * (count - 1)
        if k >= step and last // count > 1 + k // count:
            # columns of neighbouring windows are the same: all but the last lane are there already
            result.append(
                shuffle(builder, result[k - step], spans[last // count], [*range(1, count), count + last % count])
            )
        else:
            result.append(_collect(builder, spans, [(i // count, i % count) for i in range(k, last + 1, step)]))
    return result


def _collect(builder: Any, vectors: Values, lanes: Sequence[tuple[int, int]]) -> ir.Value:
    """The vector of these lanes, each (which vector, which lane)."""
    sources, count = sorted({source for source, _ in lanes}), len(lanes)
    result = vectors[sources[0]]
    order = [lane if source == sources[0] else 0 for source, lane in lanes]
    for other in sources[1:] or sources:
        order = [count + lane if source == other else place for place, (source, lane) in zip(order, lanes, strict=True)]
        result, order = shuffle(builder, result, vectors[other], order), list(range(count))
    return result


def _proper_maximum(builder: Any, kind: LaneKind, best: ir.Value, value: ir.Value) -> ir.Value:
    """The larger in each lane, NaN where either is."""
    result = maximum(builder, kind, best, value)
    return builder.select(is_nan(builder, kind, [value]), value, result) if kind.floating else result


def _across(builder: Any, windows: WindowLanes, args: Values, combine: Callable[..., ir.Value]) -> ir.Value:
    """The windows' columns combined, from spans that have been combined over the lines."""
    fold = functools.partial(combine, builder, windows.kind)
    return functools.reduce(fold, _columns(builder, windows, args))


class _Line(NamedTuple):
    """One line of the windows: the address of the row under it, and the position of its first column."""

    row: ir.Value
    position: ir.Value


def _lines(builder: Any, windows: WindowLanes, args: Values) -> tuple[list[_Line], ir.Value]:
    """The lines, and the size of their rows: 0 where the windows have no line within the input.

    A line outside of the input is replaced by the nearest one inside, row *and* position: a repetition changes neither
    the maximum nor its place, and all lines can do without masks of their own.
    """
    origin, depth_step, line_step, z0, z1, y0, y1, size = args
    one = ir.Constant(_INT64, 1)

    def clamp(index: int, low: ir.Value, high: ir.Value) -> ir.Value:
        value = ir.Constant(_INT64, index)
        value = builder.select(builder.icmp_signed("<", value, low), low, value)
        return builder.select(builder.icmp_signed("<", value, high), value, builder.sub(high, one))

    result = []
    for z in range(windows.depth):
        for y in range(windows.height):
            iz, iy = clamp(z, z0, z1), clamp(y, y0, y1)
            row = builder.add(origin, builder.add(builder.mul(iz, depth_step), builder.mul(iy, line_step)))
            line = builder.add(builder.mul(iz, ir.Constant(_INT64, windows.height)), iy)
            result.append(_Line(row, builder.mul(line, ir.Constant(_INT64, windows.width))))
    some = builder.and_(builder.icmp_signed("<", z0, z1), builder.icmp_signed("<", y0, y1))
    return result, builder.select(some, size, ir.Constant(_INT64, 0))


def _spans(builder: Any, windows: WindowLanes, row: ir.Value, left: ir.Value, size: ir.Value, fill: ir.Value) -> Values:
    """The vectors of a row that hold all columns of the windows."""
    firsts = [builder.add(left, ir.Constant(_INT64, i * windows.kind.lanes)) for i in range(windows.spans)]
    return [load(builder, windows.kind, row, first, size, fill) for first in firsts]


def _code(builder: Any, windows: WindowLanes, position: ir.Value, k: int) -> ir.Value:
    """The position, k columns on, in every lane."""
    codes = windows.kind.codes
    return splat(builder, codes, builder.trunc(builder.add(position, ir.Constant(_INT64, k)), codes.element))


def _first(builder: Any, windows: WindowLanes, args: Values) -> ir.Value:
    """The position of each window's first maximum, or of its first NaN; -1 where it is empty."""
    *place, left, size, least, column, count = args
    kind = windows.kind
    lines, size = _lines(builder, windows, [*place, size])
    rows = [_spans(builder, windows, line.row, left, size, least) for line in lines]
    fold = functools.partial(maximum, builder, kind)
    largest = functools.reduce(
        fold, _columns(builder, windows, [functools.reduce(fold, spans) for spans in zip(*rows, strict=True)])
    )
    values = [_columns(builder, windows, row) for row in rows]
    codes = [[_code(builder, windows, line.position, k) for k in range(windows.width)] for line in lines]
    # what is outside of the input may be taken for a maximum where that is the least value; this, and NaN, are rare
    low = builder.not_(larger(builder, kind, largest, least, ">"))
    strange = builder.and_(low, inside(builder, kind, column, count, 1))
    strange = builder.or_(strange, is_nan(builder, kind, [span for row in rows for span in row]))
    with builder.if_else(any_lane(builder, kind, strange), likely=False) as (rare, common):
        with rare:
            careful = _careful(builder, windows, values, codes, left, size)
            rare_block = builder.block
        with common:
            quick: ir.Value = ir.Constant(kind.codes, [-1] * kind.lanes)
            for value, code in reversed(_pairs(values, codes)):
                same = builder.fcmp_ordered if kind.floating else builder.icmp_signed
                quick = builder.select(same("==", value, largest), code, quick)
            common_block = builder.block
    result = builder.phi(kind.codes)
    result.add_incoming(careful, rare_block)
    result.add_incoming(quick, common_block)
    return result


def _pairs(values: Sequence[Values], codes: Sequence[Values]) -> list[tuple[ir.Value, ir.Value]]:
    """Values with their positions, in row-major order."""
    return [pair for row in zip(values, codes, strict=True) for pair in zip(*row, strict=True)]


def _careful(
    builder: Any,
    windows: WindowLanes,
    values: Sequence[Values],
    codes: Sequence[Values],
    left: ir.Value,
    size: ir.Value,
) -> ir.Value:
    """As _first, with regard to NaN and to what is outside: the window is walked from its end."""
    kind = windows.kind
    masks = []
    for k in range(windows.width):
        masks.append(inside(builder, kind, builder.add(left, ir.Constant(_INT64, k)), size, windows.step))
    best, result = values[-1][-1], ir.Constant(kind.codes, [-1] * kind.lanes)
    for index, (value, code) in reversed(list(enumerate(_pairs(values, codes)))):
        # a NaN goes before all that follow it, and what follows is never at least as large as a NaN
        taken = builder.or_(larger(builder, kind, value, best, ">="), is_nan(builder, kind, [value]))
        taken = builder.and_(taken, masks[index % windows.width])
        best, result = builder.select(taken, value, best), builder.select(taken, code, result)
    return result


def _choose(builder: Any, windows: WindowLanes, args: Values) -> ir.Value:
    """The value at the position, in each window; 0 where that is -1."""
    *place, left, size, at = args
    kind = windows.kind
    lines, size = _lines(builder, windows, [*place, size])
    result = zero = ir.Constant(kind.vector, None)
    for line in lines:
        spans = _spans(builder, windows, line.row, left, size, zero)
        for k, value in enumerate(_columns(builder, windows, spans)):
            equal = builder.icmp_signed("==", at, _code(builder, windows, line.position, k))
            result = builder.select(equal, value, result)
    return result


def _spread(builder: Any, windows: WindowLanes, args: Values, picked: bool) -> None:
    """Element left + step m + r of the row = (or +=, if `more`) the sum over q of g[q][m] at position q step + r.

    g[q][m] is the gradient of window m - q, and counts where the maximum is at that position (`picked`) or anywhere.
    """
    row, left, size, more, position, *vectors = args
    kind, (at, g) = windows.kind, (vectors[:3], vectors[3:])
    zero = ir.Constant(kind.vector, None)
    held = builder.select(more, size, ir.Constant(_INT64, 0))
    parts = []
    for r in range(windows.step):
        total: ir.Value = zero
        for q, k in enumerate(range(r, windows.width, windows.step)):
            term = g[q]
            if picked:
                term = builder.select(
                    builder.icmp_signed("==", at[q], _code(builder, windows, position, k)), g[q], zero
                )
            total = add(builder, kind, total, term) if q else term
        parts.append(total)
    for index, value in enumerate(_interleave(builder, kind, parts)):
        begin = builder.add(left, ir.Constant(_INT64, index * kind.lanes))
        # where nothing is to be added to, nothing is read
        value = add(builder, kind, load(builder, kind, row, begin, held, zero), value)
        store(builder, kind, row, begin, size, value)


def _interleave(builder: Any, kind: LaneKind, parts: list[ir.Value]) -> list[ir.Value]:
    """The vectors whose lanes are parts[0][0], parts[1][0], ..., parts[0][1], ..."""
    count, total = len(parts), kind.lanes * len(parts)
    order = [(i % count, i // count) for i in range(total)]
    return [_collect(builder, parts, order[first : first + kind.lanes]) for first in range(0, total, kind.lanes)]


def _later(builder: Any, windows: WindowLanes, args: Values) -> ir.Value:
    """All lanes moved up by one: the last lane of `before`, then all but the last of `value`."""
    count = windows.kind.lanes
    before, value = args
    return shuffle(builder, before, value, range(count - 1, 2 * count - 1))


class Functions(NamedTuple):
    """What kernels call.  `row` is an address; columns and sizes count elements; values and positions are vectors.

    `place` is (origin, depth_step, line_step, z0, z1, y0, y1): the address of the row under line (0, 0) of the windows
    (where there is one), the steps in bytes, and the ranges of lines that lie inside the input.
    """

    splat: Any  # (scalar) -> value
    nowhere: Any  # () -> positions that are all -1
    load: Any  # (row, first, size, fill) -> lane l: row[first + l], fill outside [0, size)
    store: Any  # (row, first, size, value): row[first + l] = value[l]
    strided: Any  # (row, first, size, fill) -> lane l: row[first + step l]
    maximum: Any  # (a, b), NaN if one is
    add: Any  # (a, b)
    across_maximum: Any  # (spans[4]) -> the maximum over the columns of each window
    across_sum: Any
    first: Any  # (*place, left, size, least, window, windows) -> position of the first maximum
    chosen: Any  # (*place, left, size, positions) -> value there
    put: Any  # (row, left, size, more, position, at[3], g[3]): the gradients of windows onto the row, see _spread
    put_all: Any  # ... whatever the position
    later: Any  # (before, value): all lanes moved up by one
    later_code: Any  # the same for positions


def functions(name: str, lanes: int, depth: int = 0, height: int = 0, width: int = 1, step: int = 1) -> Functions:
    """The functions for windows of this size; `name` is a dtype's."""
    dtype = np.dtype(name)
    windows = WindowLanes(LaneKind(dtype, lanes), depth, height, width, step)
    integer, element = types.int64, numba.from_dtype(dtype)
    position = types.Integer.from_bitwidth(windows.kind.codes.element.width, signed=True)
    value, codes = VectorType(element, lanes), VectorType(position, lanes)

    def make(emit: Callable[..., Any], result: types.Type, *arguments: types.Type) -> Any:
        return vector_function(emit, windows, result, *arguments)

    place, row, five = (integer,) * 7, (integer,) * 3, (value,) * 5
    onto = (*row, types.boolean, integer, codes, codes, codes, value, value, value)
    return Functions(
        splat=make(lambda b, w, a: splat(b, w.kind.vector, a[0]), value, element),
        nowhere=make(lambda b, w, a: ir.Constant(w.kind.codes, [-1] * w.kind.lanes), codes),
        load=make(lambda b, w, a: load(b, w.kind, *a), value, *row, value),
        store=make(lambda b, w, a: store(b, w.kind, *a), types.void, *row, value),
        strided=make(lambda b, w, a: _columns(b, w, _spans(b, w, *a))[0], value, *row, value),
        maximum=make(lambda b, w, a: _proper_maximum(b, w.kind, *a), value, value, value),
        add=make(lambda b, w, a: add(b, w.kind, *a), value, value, value),
        across_maximum=make(lambda b, w, a: _across(b, w, a, _proper_maximum), *five),
        across_sum=make(lambda b, w, a: _across(b, w, a, add), *five),
        first=make(_first, codes, *place, integer, integer, value, integer, integer),
        chosen=make(_choose, value, *place, integer, integer, codes),
        put=make(lambda b, w, a: _spread(b, w, a, True), types.void, *onto),
        put_all=make(lambda b, w, a: _spread(b, w, a, False), types.void, *onto),
        later=make(_later, value, value, value),
        later_code=make(_later, codes, codes, codes),
    )
