"""Gradients where windows are small: a thread owns a cell of the input, as large as the distance of windows.

It computes what the few windows that reach into its cell give to it, so that no two threads add to one element.  For
the maximum it reads all elements of these windows once, and finds the maximum of each among them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..index.places import THREADS, Parameters, StridedAxes, place_at, thread_number
from ..index.runs import combine
from ..trace.builder import INT32, KernelBuilder, place_type
from ..trace.kernel import Pointer, TracedKernel
from .windows import Sides, WindowShape, comparable, is_better

_MOST_READ = 32  # elements of x that stay in registers
_MOST_COMPARED = 64
_MOST_OWNED = 16  # elements of a cell: neighbouring threads write far from each other
_MOST_ADDED = 128

Index = tuple[int, ...]


def reaching(windows: WindowShape) -> tuple[int, ...]:
    """How many windows reach into a cell along each axis."""
    return tuple(-(-width // step) for width, step in zip(windows.widths, windows.strides, strict=True))


def is_small(windows: WindowShape, searching: bool) -> bool:
    """Whether a thread should own a cell."""
    several, owned = math.prod(reaching(windows)), math.prod(windows.strides)
    if owned > _MOST_OWNED or windows.dilations:
        return False
    if not searching:
        return several * owned <= _MOST_ADDED
    return math.prod(_lengths(windows)) <= _MOST_READ and several * math.prod(windows.widths) <= _MOST_COMPARED


def _lengths(windows: WindowShape) -> list[int]:
    """What all windows that reach into a cell cover along each axis."""
    parts = zip(reaching(windows), windows.widths, windows.strides, strict=True)
    return [(count - 1) * step + width for count, width, step in parts]


def _product(lengths: Sequence[int]) -> list[Index]:
    return list(itertools.product(*map(range, lengths)))


class _Named(NamedTuple):
    """A run of places along an axis, each moved into the axis, and whether it lay there."""

    places: list[Any]
    inside: list[Any]


def _name_places(k: KernelBuilder, begin: Any, count: int, size: Any, exact: bool) -> _Named:
    places = [begin + offset for offset in range(count)]
    if exact:
        return _Named(places, [True] * count)
    inside = [(place >= 0) & (place < size) for place in places]
    return _Named([k.maximum(k.minimum(place, size - 1), 0) for place in places], inside)


def _read(array: Any, side: tuple[Any, Sequence[Any]], named: Sequence[_Named], together: int = 1) -> dict[Index, Any]:
    """All elements at named places; `together` neighbours at once."""
    found = {}
    for *outer, last in _product([len(axis.places) for axis in named]):
        if last % together == 0:
            place = _place_of(side, named, (*outer, last))
            values = array.load(place, together) if together > 1 else [array[place]]
            found.update({(*outer, last + j): value for j, value in enumerate(values)})
    return found


def _place_of(side: tuple[Any, Sequence[Any]], named: Sequence[_Named], at: Index) -> Any:
    return place_at(side[0], [axis.places[i] for axis, i in zip(named, at, strict=True)], side[1])


def _are_inside(k: KernelBuilder, named: Sequence[_Named], at: Index) -> Any:
    return k.both(*[axis.inside[i] for axis, i in zip(named, at, strict=True)])


def make_cells(element: str, moved: str, windows: WindowShape, planes: int, exact: bool, wide: bool) -> TracedKernel:
    """out = the g of each window added at its first maximum in x; or at all of its elements: `element` is "" then.

    exact : cells are windows, and cover the input exactly; only then are neighbours read and written at once
    """
    dtype, kind, searching = comparable(np.dtype(element or moved)), np.dtype(moved), bool(element)
    rank, places, several = windows.rank, place_type(wide), 3 if searching else 2
    axes, counts, lengths = StridedAxes(planes + rank, several, wide), reaching(windows), _lengths(windows)

    def body(k: KernelBuilder, out: Any, *given: Any) -> None:
        *arrays, count = given[:several]
        rest, numbers = given[several : several + 3 * rank], given[several + 3 * rank :]
        sizes, grid, before = rest[:rank], rest[rank : 2 * rank], rest[2 * rank :]
        number = thread_number(k, wide)
        with k.when(number < count):
            indices = axes.indices(k, number, numbers)
            plane, cell = indices[:planes], indices[planes:]
            sides: Sides = [(place_at(start, plane, s[:planes]), s[planes:]) for start, s in axes.steps(numbers)]
            origin = [i * step - pad for i, step, pad in zip(cell, windows.strides, before, strict=True)]
            given_by = [
                _name_places(k, i - (c - 1), c, n, exact) for i, c, n in zip(cell, counts, grid, strict=True)
            ]  # windows
            gradient = _read(arrays[-1], sides[-1], given_by)
            totals = {at: k.constant(kind, 0) for at in _product(windows.strides)}
            if searching:
                covered = [
                    _name_places(k, i - (c - 1) * step, length, n, exact)
                    for i, c, step, length, n in zip(origin, counts, windows.strides, lengths, sizes, strict=True)
                ]
                values = _read(arrays[0], sides[1], covered, windows.together)
            for window in _product(counts):
                there = _are_inside(k, given_by, window)
                best = _find_best(k, windows, window, values, covered) if searching else None
                for at, place in _shared_with(windows, window):
                    takes = there if best is None else there & best.eq(_flatten(place, lengths))
                    totals[at] = k.select(takes, combine(totals[at], gradient[window]), totals[at])
            own = [
                _name_places(k, i, step, n, exact) for i, step, n in zip(origin, windows.strides, sizes, strict=True)
            ]
            for *outer, last in list(totals)[:: windows.together]:
                run = [totals[(*outer, last + j)] for j in range(windows.together)]
                with k.when(_are_inside(k, own, (*outer, last))):
                    out.store(_place_of(sides[0], own, (*outer, last)), run if len(run) > 1 else run[0])

    pointers = (Pointer(kind), *((Pointer(dtype),) if searching else ()), Pointer(kind))
    parameters: Parameters = (*pointers, places, *(places,) * (3 * rank), *axes.types)
    return TracedKernel("max_cells" if searching else "sum_cells", parameters, THREADS, body)


def _flatten(place: Index, lengths: Sequence[int]) -> int:
    return int(np.ravel_multi_index(place, lengths))


def _shared_with(windows: WindowShape, window: Index) -> list[tuple[Index, Index]]:
    """The elements of the cell that a window covers: their places in the cell, and in all that is covered."""
    found = []
    for at in _product(windows.strides):
        place = [(c - 1) * s + i for c, s, i in zip(reaching(windows), windows.strides, at, strict=True)]
        within = [p - w * s for p, w, s in zip(place, window, windows.strides, strict=True)]
        if all(i < width for i, width in zip(within, windows.widths, strict=True)):
            found.append((at, tuple(place)))
    return found


def _find_best(
    k: KernelBuilder, windows: WindowShape, window: Index, values: dict[Index, Any], covered: Sequence[_Named]
) -> Any:
    """The number, among all that is covered, of a window's first maximum; -1 if it holds nothing."""
    lengths = _lengths(windows)
    best, number = None, k.constant(INT32, -1)
    for offset in _product(windows.widths):
        at = tuple(w * s + i for w, s, i in zip(window, windows.strides, offset, strict=True))
        if best is None:
            best, better = values[at], _are_inside(k, covered, at)
        else:
            better = _are_inside(k, covered, at) & (is_better(values[at], best) | (number < 0))
            best = k.select(better, values[at], best)
        number = k.select(better, k.constant(INT32, _flatten(at, lengths)), number)
    return number
