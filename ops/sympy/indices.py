"""Elements at indices, and sums and products over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from ...symbolic.dims import Dim
from ...symbolic.expr import Expr, apply
from ...symbolic.leaves import Constant
from ...symbolic.sizes import value_dim
from .. import scalar
from ..elementwise import cast
from ..indexing import getitem
from ..movement import Slice
from .labelled import Labelled, apply_to, product_of, sum_of_products

Range: TypeAlias = "tuple[Dim, Dim]"  # the first value of an index, and how many it has


def plain_index(index: Any) -> Any:
    """The symbol of an Idx; all else as it is."""
    return getattr(index, "label", index)


# ---- sums and products -----------------------------------------------------------------------------------------------


def read_sum(reader: Any, part: Any) -> Labelled:
    """A sum or a product over indices, the last of which is the outermost."""
    inner, masks = reader.within({}), []
    for limits in reversed(part.limits):
        index = plain_index(limits[0])
        if index in reader.values:
            raise reader.error(f"{index} is the index of {part}, and symbols have a value for it.")
        inner.ranges[index], tests = _limits(inner, part, limits)
        masks += tests
    inner.may_lie_outside = reader.may_lie_outside or bool(masks)
    values = _factors(inner, part)
    if masks:
        values = [_mask(inner, part, masks, values)]
    for limits in part.limits:
        index = plain_index(limits[0])
        count = inner.ranges[index][1]
        is_sum = isinstance(part, reader.sympy.Sum)
        values = [sum_of_products(values, index, count) if is_sum else product_of(values[0], index, count)]
    return values[0]


def _factors(reader: Any, part: Any) -> list[Labelled]:
    whole = part.function
    if not isinstance(part, reader.sympy.Sum) or not whole.is_Mul:
        return [reader.read(whole)]
    return [reader.read(factor) for factor in reader.arguments(whole)]


def _mask(reader: Any, part: Any, tests: Sequence[Any], values: Sequence[Labelled]) -> Labelled:
    """The terms where their indices are within limits that depend on others, else 0, or 1 of a product."""
    nothing = reader.read(reader.sympy.Integer(0 if isinstance(part, reader.sympy.Sum) else 1))
    value = apply_to(reader.table["Mul"], values)
    return apply_to(scalar.where, [reader.read(reader.sympy.And(*tests)), value, nothing])


def _limits(reader: Any, part: Any, limits: Any) -> tuple[Range, list[Any]]:
    """The values that an index has at all, and where these are not always all of them, which it has."""
    if len(limits) != 3:
        hint = f"write ({limits[0]}, 0, n - 1)."
        raise reader.error(f"The index {limits[0]} of {part} has no limits.", hint)
    index, low, high = plain_index(limits[0]), limits[1], limits[2]
    bound = {s for s in (low.free_symbols | high.free_symbols) if s in reader.ranges}
    if not bound:
        return limits_of(reader, limits, part), []
    least, most = _extreme(reader, part, low, bound, 1), _extreme(reader, part, high, bound, -1)
    tests = [
        *([index >= low] if low.free_symbols & bound else []),
        *([index <= high] if high.free_symbols & bound else []),
    ]
    return limits_of(reader, (index, least, most), part), tests


def _extreme(reader: Any, part: Any, limit: Any, bound: set[Any], sign: int) -> Any:
    """The least value (1) or the largest (-1) of a limit that is linear in other indices."""
    for other in sorted(limit.free_symbols & bound, key=str):
        slope = limit.diff(other)
        if not slope.is_Integer:
            text = f"The limit {limit} of {part} depends on the index {other}, and is no sum of whole numbers of it."
            raise reader.error(text, "take all values, and multiply by a Piecewise that is 0 outside.")
        first, count = (reader.size_expression(d) for d in reader.ranges[other])
        limit = limit.subs(other, first if slope * sign > 0 else first + count - 1)
    return limit


def limits_of(reader: Any, limits: Any, part: Any) -> Range:
    """The first value of an index, and how many it has."""
    infinite = [reader.sympy.oo, -reader.sympy.oo]
    if any(limit in infinite for limit in limits[1:]):
        text = f"The index {limits[0]} of {part} has infinitely many values."
        raise reader.error(text, "find a closed form first: .doit(); or end the sum where its terms are small enough.")
    first, last = (whole_number(reader, limit, part) for limit in limits[1:])
    count = last - first + 1
    return first, max(count, 0) if isinstance(count, int) else count


def whole_number(reader: Any, part: Any, whole: Any) -> Dim:
    """A size, or a limit."""
    node = reader.read(reader.sympy.sympify(part)).node
    if node.ndim or node.dtype.kind not in "iu":
        raise reader.error(f"The limits and sizes of {whole} are whole numbers, and {part} is {node.type}.")
    return value_dim(cast(node, "int64"))


# ---- elements --------------------------------------------------------------------------------------------------------


def read_element(reader: Any, part: Any) -> Labelled:
    """An element of what an IndexedBase stands for."""
    known = reader.array(part.base)
    if known is None:
        raise reader.error(f"There is no expression for {part.base}, of which {part} is an element.")
    return element(reader, known, part.indices, part)


def element(reader: Any, array: Expr, indices: Sequence[Any], part: Any) -> Labelled:
    """The elements of an array at indices: the array itself where they run over its axes, else those at places."""
    if len(indices) != array.ndim:
        raise reader.error(f"{part} has {len(indices)} indices, and its expression {array.ndim} axes.")
    ranges = [_running(reader, index) for index in indices]
    running = [r[0] for r in ranges if r is not None]
    values = [None if r is not None else reader.read(i) for r, i in zip(ranges, indices, strict=True)]
    is_view = len(set(running)) == len(running) and all(v is None or not v.labels for v in values)
    if is_view and not (reader.may_lie_outside and _is_part(array, ranges)):
        return _view(array, ranges, values, running)
    return _at_places(array, [reader.read(index) for index in indices], reader.may_lie_outside)


def _running(reader: Any, index: Any) -> Any:
    """(symbol, first value, number of values) of an index that runs, plus a number."""
    index = plain_index(index)
    symbol, shift = (index, 0) if index in reader.ranges else (None, 0)
    if index.is_Add and len(index.args) == 2 and index.args[0].is_Integer and index.args[1] in reader.ranges:
        shift, symbol = int(index.args[0]), index.args[1]
    if symbol is None:
        return None
    start, count = reader.ranges[symbol]
    return symbol, start + shift, count


def _is_part(array: Expr, ranges: Sequence[Any]) -> bool:
    """Whether some indices do not run over just their axis."""
    pairs = zip(array.shape, ranges, strict=True)
    return any(r is None or r[1] != 0 or r[2] != d for d, r in pairs)


def _view(array: Expr, ranges: Sequence[Any], values: Sequence[Any], running: Sequence[Any]) -> Labelled:
    shape = array.shape
    starts = tuple(0 if r is None else r[1] for r in ranges)
    counts = tuple(d if r is None else r[2] for d, r in zip(shape, ranges, strict=True))
    if any(s != 0 for s in starts) or counts != shape:
        array = apply(Slice(starts, (1,) * array.ndim, counts), array)
    key = tuple(slice(None) if v is None else _place(v.node) for v in values)
    return Labelled(getitem(array, key) if any(v is not None for v in values) else array, tuple(running))


def _place(node: Expr) -> Any:
    return int(node.op.value) if isinstance(node.op, Constant) and node.ndim == 0 else node


def _at_places(array: Expr, given: Sequence[Labelled], may_lie_outside: bool) -> Labelled:
    """The elements at places; NaN where there is none and nobody looks: whoever did would see it."""

    def take(*places: Any) -> Any:
        whole = [cast(p, "int64") for p in places]
        if not may_lie_outside or not array.type.is_float:
            return getitem(array, tuple(whole))
        sizes = array.shape
        within = [scalar.minimum(scalar.maximum(p, 0), d - 1) for p, d in zip(whole, sizes, strict=True)]
        there = scalar.eq(whole[0], within[0])
        for place, inside in zip(whole[1:], within[1:], strict=True):
            there = scalar.logical_and(there, scalar.eq(place, inside))
        return scalar.where(there, getitem(array, tuple(within)), float("nan"))

    return apply_to(take, given)
