"""One value for each window: a thread for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....symbolic.types import INT64
from ..index.places import THREADS, Parameters, StridedAxes, place_at, thread_number
from ..index.runs import combine
from ..trace.builder import KernelBuilder, place_type
from ..trace.kernel import Pointer, TracedKernel
from .windows import (
    Sides,
    SpanOfAxis,
    WindowShape,
    comparable,
    each_element,
    holds_any,
    is_better,
    spans_of,
    sum_over,
)


def make_max_pool(element: str, windows: WindowShape, planes: int, wide: bool) -> TracedKernel:
    """out = the largest element of each window, NaN if it holds one; the least number there is of an empty one."""
    dtype = comparable(np.dtype(element))
    lowest = -np.inf if dtype.kind == "f" else np.iinfo(dtype).min

    def find(k: KernelBuilder, arrays: Sequence[Any], spans: Sequence[SpanOfAxis], sides: Sides) -> Any:
        return find_maximum(k, arrays[0], windows, spans, sides)[0]

    return _make("max_pool", dtype, (dtype,), windows, planes, wide, lowest, find)


def make_max_places(element: str, windows: WindowShape, planes: int, wide: bool) -> TracedKernel:
    """out = the place of each window's first maximum, as the second side counts them; -1 of an empty one."""
    dtype = comparable(np.dtype(element))

    def find(k: KernelBuilder, arrays: Sequence[Any], spans: Sequence[SpanOfAxis], sides: Sides) -> Any:
        return find_maximum(k, arrays[0], windows, spans, sides)[1]

    return _make("max_places", place_type(wide), (dtype,), windows, planes, wide, -1, find, 2)


def make_max_indices(element: str, windows: WindowShape, planes: int, wide: bool) -> TracedKernel:
    """The same, as int64."""
    dtype = comparable(np.dtype(element))

    def find(k: KernelBuilder, arrays: Sequence[Any], spans: Sequence[SpanOfAxis], sides: Sides) -> Any:
        return k.cast(find_maximum(k, arrays[0], windows, spans, sides)[1], INT64)

    return _make("max_indices", INT64, (dtype,), windows, planes, wide, -1, find, 2)


def make_max_gather(element: str, moved: str, windows: WindowShape, planes: int, wide: bool) -> TracedKernel:
    """out = v at each window's first maximum in x; 0 for an empty one."""
    dtype, kind = comparable(np.dtype(element)), np.dtype(moved)

    def find(k: KernelBuilder, arrays: Sequence[Any], spans: Sequence[SpanOfAxis], sides: Sides) -> Any:
        return arrays[1][find_maximum(k, arrays[0], windows, spans, sides)[1]]

    return _make("max_gather", kind, (dtype, kind), windows, planes, wide, 0, find)


def make_sum_pool(element: str, windows: WindowShape, planes: int, wide: bool) -> TracedKernel:
    """out = the sum of each window."""
    dtype = np.dtype(element)

    def find(k: KernelBuilder, arrays: Sequence[Any], spans: Sequence[SpanOfAxis], sides: Sides) -> Any:
        if not windows.unrolled:
            return sum_over(k, arrays[0], spans, *sides[0])
        total = k.constant(dtype, 0)
        for value, _, counts in each_element(k, arrays[0], windows, spans, sides):
            more = combine(total, value)
            total = more if counts is True else k.select(counts, more, total)
        return total

    return _make("sum_pool", dtype, (dtype,), windows, planes, wide, 0, find)


def find_maximum(
    k: KernelBuilder, x: Any, windows: WindowShape, spans: Sequence[SpanOfAxis], sides: Sides
) -> tuple[Any, Any]:
    """The first maximum of a window that holds elements, the first NaN if there is one; and its place in the last
    side.  The first side is that of x."""
    if windows.unrolled:
        elements = each_element(k, x, windows, spans, sides)
        best, (*_, at), _ = next(elements)
        for value, (*_, place), _ in elements:
            better = is_better(value, best)
            best, at = k.select(better, value, best), k.select(better, place, at)
        return best, at
    first = [place_at(start, [span.low for span in spans], steps) for start, steps in sides]
    largest, where = k.register(x.dtype, x[first[0]]), k.register(first[-1].dtype, first[-1])
    for value, (*_, place), _ in each_element(k, x, windows, spans, sides):
        better = is_better(value, largest.get())
        largest.set(k.select(better, value, largest.get()))
        where.set(k.select(better, place, where.get()))
    return largest.get(), where.get()


def _make(
    name: str,
    result: np.dtype,
    arrays: Sequence[np.dtype],
    windows: WindowShape,
    planes: int,
    wide: bool,
    empty: Any,
    find: Any,
    operands: int = 0,
) -> TracedKernel:
    """The kernel that writes what `find` says of each window, `empty` where one holds nothing."""
    several, rank, kind = len(arrays), windows.rank, place_type(wide)
    axes = StridedAxes(planes + rank, operands or several, wide)

    def body(k: KernelBuilder, out: Any, *given: Any) -> None:
        (count, *rest), numbers = given[several : several + 1 + 2 * rank], given[several + 1 + 2 * rank :]
        sizes, before = rest[:rank], rest[rank:]
        number = thread_number(k, wide)
        with k.when(number < count):
            indices = axes.indices(k, number, numbers)
            plane, spans = indices[:planes], spans_of(k, windows, indices[planes:], before, sizes)
            sides = [(place_at(start, plane, s[:planes]), s[planes:]) for start, s in axes.steps(numbers)]
            if windows.ragged:
                found = k.register(result, empty)
                with k.when(holds_any(k, spans)):
                    found.set(find(k, given[:several], spans, sides))
                out[number] = found.get()
            else:
                out[number] = find(k, given[:several], spans, sides)

    parameters: Parameters = (Pointer(result), *map(Pointer, arrays), kind, *(kind,) * (2 * rank), *axes.types)
    return TracedKernel(name, parameters, THREADS, body)
