"""Gradients in general: a thread for each element of the input adds up what the windows over it give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..index.places import THREADS, Parameters, StridedAxes, place_at, thread_number
from ..index.runs import combine
from ..trace.builder import KernelBuilder, place_type
from ..trace.kernel import Pointer, TracedKernel
from .windows import SpanOfAxis, WindowShape, each_place, sum_over


def make_elements(moved: str, windows: WindowShape, planes: int, searching: bool, wide: bool) -> TracedKernel:
    """out, in C order = the sum of g over the windows that hold an element; or only over those whose place it is.

    searching : the array in front of g has the place of each window's maximum, as the second side counts places
    """
    kind, places, rank = np.dtype(moved), place_type(wide), windows.rank
    several = 3 if searching else 1
    axes = StridedAxes(planes + rank, several, wide)
    first = 2 if searching else 1  # arrays

    def body(k: KernelBuilder, out: Any, *given: Any) -> None:
        arrays, count = given[:first], given[first]
        rest, numbers = given[first + 1 :][: 2 * rank], given[first + 1 + 2 * rank :]
        number = thread_number(k, wide)
        with k.when(number < count):
            indices = axes.indices(k, number, numbers)
            plane, at = indices[:planes], indices[planes:]
            sides = [(place_at(start, plane, s[:planes]), s[planes:]) for start, s in axes.steps(numbers)]
            spans = _windows_over(k, windows, at, rest[:rank], rest[rank:])
            if not searching:
                out[number] = sum_over(k, arrays[0], spans, *sides[0])
                return
            own, total = place_at(*sides[1][:1], at, sides[1][1]), k.register(kind)
            for place, from_g in each_place(k, spans, [sides[0], sides[2]]):
                with k.when(arrays[0][place].eq(own)):
                    total.set(combine(total.get(), arrays[1][from_g]))
            out[number] = total.get()

    pointers = (Pointer(kind), *((Pointer(places),) if searching else ()), Pointer(kind))
    parameters: Parameters = (*pointers, places, *(places,) * (2 * rank), *axes.types)
    return TracedKernel("max_elements" if searching else "sum_elements", parameters, THREADS, body)


def _windows_over(
    k: KernelBuilder, windows: WindowShape, at: Sequence[Any], grid: Sequence[Any], before: Sequence[Any]
) -> list[SpanOfAxis]:
    """The windows that reach over an element."""
    found = []
    for i, width, step, count, pad in zip(at, windows.reach, windows.strides, grid, before, strict=True):
        place = i + pad
        low = k.quotient(k.maximum(place - (width - 1), 0) + (step - 1), step)
        found.append(SpanOfAxis(low, low, k.minimum(k.quotient(place, step) + 1, count)))
    return found
