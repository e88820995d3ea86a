"""What windows cover.  Arrays are (batch, channels, *spatial), with one to three spatial axes.

Along an axis window number p holds p * stride - before + j * dilation, j < width, as far as the input goes.
Widths, strides and dilations are constants of a kernel; sizes, and what is in front, are numbers of a launch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ....symbolic.types import BOOL
from ..index.runs import combine
from ..trace.builder import KernelBuilder

_UNROLLED = 64  # elements of a window that a kernel names one by one


class WindowShape(NamedTuple):
    """The constants: widths and distances of windows along the spatial axes.

    ragged : whether windows may hang over the begin or the end of the input
    together : how many neighbours are read at once: 1, or the last width where windows stand side by side
    dilations : how far apart the elements of a window lie; (): 1 along every axis
    """

    widths: tuple[int, ...]
    strides: tuple[int, ...]
    ragged: bool
    together: int = 1
    dilations: tuple[int, ...] = ()

    @property
    def steps(self) -> tuple[int, ...]:
        """How far apart the elements of a window lie along each axis."""
        return self.dilations or (1,) * self.rank

    @property
    def reach(self) -> tuple[int, ...]:
        """How long a window is along each axis, from its first element to its last."""
        return tuple((width - 1) * step + 1 for width, step in zip(self.widths, self.steps, strict=True))

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.widths)

    @property
    def unrolled(self) -> bool:
        """Whether the elements of a window are named one by one."""
        return math.prod(self.widths) <= _UNROLLED


class SpanOfAxis(NamedTuple):
    """What a window covers of an axis: its begin, which may lie in front of the input, and what is in the input: every
    `step`th place from its first element there to the place behind its last."""

    begin: Any
    low: Any
    high: Any
    step: int = 1


def spans_of(
    k: KernelBuilder, windows: WindowShape, numbers: Sequence[Any], before: Sequence[Any], sizes: Sequence[Any]
) -> list[SpanOfAxis]:
    """What the windows with these numbers cover."""
    found = []
    for axis, number in enumerate(numbers):
        begin = number * windows.strides[axis] - before[axis]
        width, step = windows.widths[axis], windows.steps[axis]
        if windows.ragged and step > 1:
            skipped = k.quotient(k.maximum(step - 1 - begin, 0), step)
            held = k.minimum(k.quotient(k.maximum(sizes[axis] - begin + (step - 1), 0), step), width)
            found.append(SpanOfAxis(begin, begin + skipped * step, begin + held * step - (step - 1), step))
        elif windows.ragged:
            end = k.minimum(begin + width, sizes[axis])
            found.append(SpanOfAxis(begin, k.maximum(begin, 0), end))
        else:
            found.append(SpanOfAxis(begin, begin, begin + windows.reach[axis], step))
    return found


def holds_any(k: KernelBuilder, spans: Sequence[SpanOfAxis]) -> Any:
    """Whether a window holds an element at all."""
    return k.both(*[span.low < span.high for span in spans])


Sides = Sequence[tuple[Any, Sequence[Any]]]  # of each operand: where the plane begins, and the steps along its axes


def each_element(
    k: KernelBuilder, x: Any, windows: WindowShape, spans: Sequence[SpanOfAxis], sides: Sides
) -> Iterator[tuple[Any, list[Any], Any]]:
    """The elements of a window that holds some, in C order; the places of each in all sides, of which the first is
    that of x; and whether it counts.

    Where elements are named one by one, the place of one outside of the input is that of its neighbour inside, which
    so comes up more than once; elements in front of others still come first.
    """
    if not windows.unrolled:
        for places in each_place(k, spans, sides):
            yield x[places[0]], places, True
        return
    along = []
    for axis, (span, width) in enumerate(zip(spans, windows.widths, strict=True)):
        named = [span.begin + offset * span.step for offset in range(width)]
        inside = [(i >= span.low) & (i < span.high) if windows.ragged else True for i in named]
        if windows.ragged:
            named = [k.minimum(k.maximum(i, span.low), span.high - 1) for i in named]
        along.append([([i * steps[axis] for _, steps in sides], there) for i, there in zip(named, inside, strict=True)])
    row: list[Any] = []
    for parts in itertools.product(*along):
        places = [sum((part[number] for part, _ in parts), start) for number, (start, _) in enumerate(sides)]
        if not row:
            row = x.load(places[0], windows.together) if windows.together > 1 else [x[places[0]]]
        yield row.pop(0), places, k.both(*[there for _, there in parts]) if windows.ragged else True


def each_place(k: KernelBuilder, spans: Sequence[SpanOfAxis], sides: Sides) -> Iterator[list[Any]]:
    """The places in each operand of what lies in all spans, in C order: loops of the machine."""
    if not spans:
        yield [start for start, _ in sides]
        return
    for i in k.range(spans[0].low, spans[0].high, spans[0].step):
        yield from each_place(k, spans[1:], [(start + i * steps[0], steps[1:]) for start, steps in sides])


def sum_over(k: KernelBuilder, x: Any, spans: Sequence[SpanOfAxis], start: Any, steps: Sequence[Any]) -> Any:
    """The sum of what lies in all spans: the sums of rows are added up, so that long sums lose less."""
    if not spans:
        return x[start]
    total = k.register(x.dtype)
    for i in k.range(spans[0].low, spans[0].high):
        total.set(combine(total.get(), sum_over(k, x, spans[1:], start + i * steps[0], steps[1:])))
    return total.get()


def is_better(value: Any, best: Any) -> Any:
    """Whether a value takes the place of the best one in front of it: a NaN is larger than all others."""
    if not value.is_float:
        return value > best
    return (value > best) | (value.is_nan() & ~best.is_nan())


def comparable(dtype: np.dtype) -> np.dtype:
    """What elements are compared as: bools are bytes."""
    return np.dtype(np.uint8) if dtype == BOOL else dtype
