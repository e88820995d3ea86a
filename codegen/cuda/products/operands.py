"""Where the elements of an operand stand, and how a block brings tiles of it to shared memory.

An operand has a free index, which is the row of A or the column of B, and the index k, over which is summed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ....symbolic.types import DType
from ..trace.builder import INT32, KernelBuilder, place_type
from .numbers import Numbers, as_place
from .tiles import Tile


class Addresses(ABC):
    """Where element (free index, k) of an operand stands, as two parts that are computed apart."""

    @abstractmethod
    def free_part(self, index: Any) -> Any:
        """What the free index, counted from the block's first, contributes: computed once."""

    @abstractmethod
    def depth_part(self, first: Any, index: Any) -> Any:
        """What the k that is `index` behind `first`, the first of a k tile, contributes: computed for each k tile."""

    @abstractmethod
    def locate(self, free: Any, depth: Any) -> tuple[Any, Any]:
        """The element's place, and whether there is such an element: else it counts as 0."""

    @abstractmethod
    def prepare(self, first: Any) -> None:
        """Called by all threads of a block for each k tile in order, a barrier before any `depth_part` of it."""

    @abstractmethod
    def advance(self) -> None:
        """Called by all threads behind the last `depth_part` of a k tile."""


class Layout(NamedTuple):
    """How an operand is brought to shared memory.

    along_k : whether neighbouring threads read neighbours along k, and not along the free index
    width : elements that are read at once
    """

    along_k: bool
    width: int = 1


class AffineAddresses(Addresses):
    """start + index * free_step + k * k_step."""

    def __init__(self, k: KernelBuilder, wide: bool, numbers: Numbers, first: Any, counts: tuple[Any, Any]) -> None:
        self.k, self.wide, self.first = k, wide, first
        self.free_count, self.depth_count = counts
        self.start, self.free_step, self.depth_step = numbers.take(3)

    @staticmethod
    def parameters(wide: bool) -> list[DType]:
        """The dtypes of the numbers that it takes."""
        return [place_type(wide)] * 3

    def move(self, offset: Any) -> None:
        """Begin elsewhere."""
        self.start = self.start + offset

    def free_part(self, index: Any) -> Any:
        index = self.first + index
        return self.start + as_place(self.k, index, self.wide) * self.free_step, index < self.free_count

    def depth_part(self, first: Any, index: Any) -> Any:
        index = first + index
        return as_place(self.k, index, self.wide) * self.depth_step, index < self.depth_count

    def locate(self, free: Any, depth: Any) -> tuple[Any, Any]:
        return free[0] + depth[0], free[1] & depth[1]

    def prepare(self, first: Any) -> None:
        pass  # nothing is known before

    def advance(self) -> None:
        pass


def affine_layout(
    itemsize: int, start: int, steps: tuple[int, int], counts: tuple[int, int], others: Sequence[int] = ()
) -> Layout:
    """The layout of an operand with these steps and sizes along the free index and k.

    others : steps by which the operand begins elsewhere
    """
    (free_step, k_step), (free_count, k_count) = steps, counts
    along_k = k_count > 1 and (free_count == 1 or _distance(k_step) < _distance(free_step))
    step, count, across, rows = (k_step, k_count, free_step, free_count)
    if not along_k:
        step, count, across, rows = (free_step, free_count, k_step, k_count)
    width = 16 // itemsize
    multiples = (start, count, *others, across if rows > 1 else 0)
    fits = step == 1 and itemsize >= 4 and all(number % width == 0 for number in multiples)
    return Layout(along_k, width if fits else 1)


def _distance(step: int) -> float:
    """How far neighbours are; those that are one element are not what threads are laid along."""
    return abs(step) or float("inf")


class Fragments(ABC):
    """An operand in shared memory, as the threads that multiply read it."""

    neighbours: bool  # whether elements of neighbouring free indices lie side by side

    @abstractmethod
    def begin(self, free: Any, offsets: Sequence[int], depth: Any) -> None:
        """This thread will ask for elements of the free indices `free + offset`, and of k = depth + ...; both within a
        tile."""

    @abstractmethod
    def values(self, index: int) -> list[Any]:
        """The elements of all these free indices for k = depth + index of the present k tile."""

    @abstractmethod
    def start(self) -> None:
        """Begin to bring what stays in shared memory."""

    @abstractmethod
    def prepare(self, first: Any) -> None:
        """As `Addresses.prepare`."""

    @abstractmethod
    def issue(self, first: Any) -> None:
        """Begin to copy the next k tile, whose first k this is."""

    @abstractmethod
    def fetch(self, first: Any) -> None:
        """Read the next k tile into registers."""

    @abstractmethod
    def put(self) -> None:
        """Write what was fetched to shared memory."""

    @abstractmethod
    def release(self) -> None:
        """The present k tile is done with, and the next one is present."""


class _Spot(NamedTuple):
    """What a thread copies in one pass: where it goes, and its parts; `there`: which threads have any."""

    at: Any
    free: Any
    row: Any
    column: Any
    there: Any


class Staging(Fragments):
    """k tiles of an operand in a ring of stages, as rows along which they are read from global memory."""

    def __init__(
        self,
        k: KernelBuilder,
        source: Any,
        addresses: Addresses,
        layout: Layout,
        count: int,
        tile: Tile,
        dtype: np.dtype,
    ) -> None:
        self.k, self.source, self.addresses, self.layout, self.tile = k, source, addresses, layout, tile
        self.rows, self.columns = (count, tile.depth) if layout.along_k else (tile.depth, count)
        # Rows are a little longer than what they hold, so that a warp's fragment lies in different banks.
        self.pitch = self.columns + (16 if layout.along_k else 32) // dtype.itemsize
        self.size = self.rows * self.pitch
        self.free_step, self.depth_step = (self.pitch, 1) if layout.along_k else (1, self.pitch)
        self.neighbours = not layout.along_k
        self.dtype = dtype
        self.shared = k.shared_array(dtype, tile.stages * self.size)
        self.to, self.present = k.register(INT32, 0), k.register(INT32, 0)  # where stages begin
        self.fetched: list[list[Any]] = []

    # ---- from global memory ---------------------------------------------------------------------------------------

    def start(self) -> None:
        k, width, threads = self.k, self.layout.width, self.tile.threads
        each = self.columns // width  # copies of a row
        across = max(1, each // threads)  # passes over a row
        row, column = k.quotient(k.thread, each), k.remainder(k.thread, each) * width
        columns = [column + part * (threads * width) for part in range(across)]
        self.spots: list[_Spot] = []
        for number in range(-(-self.rows * each // threads)):
            at_row = row + number // across * max(1, threads // each)
            self.spots.append(self._spot(at_row, columns[number % across], (number + 1) * threads <= self.rows * each))

    def _spot(self, row: Any, column: Any, full: bool) -> _Spot:
        index = row if self.layout.along_k else column
        free = next((s.free for s in self.spots if (s.row if self.layout.along_k else s.column) is index), None)
        free = self.addresses.free_part(index) if free is None else free
        return _Spot(row * self.pitch + column, free, row, column, True if full else row < self.rows)

    def _places(self, first: Any) -> list[tuple[Any, Any]]:
        """Where the next k tile's elements stand in global memory, and whether they exist, for each spot."""
        parts: dict[int, Any] = {}
        found = []
        for spot in self.spots:
            index = spot.column if self.layout.along_k else spot.row
            if id(index) not in parts:
                parts[id(index)] = self.addresses.depth_part(first, index)
            found.append(self.addresses.locate(spot.free, parts[id(index)]))
        self.addresses.advance()
        return found

    def prepare(self, first: Any) -> None:
        self.addresses.prepare(first)

    def issue(self, first: Any) -> None:
        k, to = self.k, self.to.get()
        for spot, (place, inside) in zip(self.spots, self._places(first), strict=True):
            if spot.there is True:
                k.copy_async(self.shared, to + spot.at, self.source, place, self.layout.width, inside)
            else:
                with k.when(spot.there):
                    k.copy_async(self.shared, to + spot.at, self.source, place, self.layout.width, inside)
        self._turn(self.to)

    def fetch(self, first: Any) -> None:
        k, width = self.k, self.layout.width
        self.fetched = []
        for spot, (place, inside) in zip(self.spots, self._places(first), strict=True):
            inside = k.both(inside, spot.there)
            found = self.source.load(k.select(inside, place, 0), width)
            listed = found if width > 1 else [found]
            self.fetched.append([k.select(inside, k.cast(value, self.dtype), 0) for value in listed])

    def put(self) -> None:
        k, to = self.k, self.to.get()
        for spot, values in zip(self.spots, self.fetched, strict=True):
            stored = values if len(values) > 1 else values[0]
            if spot.there is True:
                self.shared.store(to + spot.at, stored)
            else:
                with k.when(spot.there):
                    self.shared.store(to + spot.at, stored)
        self._turn(self.to)

    def _turn(self, stage: Any) -> None:
        following = stage.get() + self.size
        stage.set(self.k.select(following.eq(self.size * self.tile.stages), 0, following))

    # ---- to those who multiply ------------------------------------------------------------------------------------

    def begin(self, free: Any, offsets: Sequence[int], depth: Any) -> None:
        self.base = free * self.free_step + depth * self.depth_step
        self.offsets = [offset * self.free_step for offset in offsets]
        runs = [offsets[i : i + 4] for i in range(0, len(offsets), 4)]
        self.by_four = self.neighbours and all(list(run) == list(range(run[0], run[0] + 4)) for run in runs)

    def values(self, index: int) -> list[Any]:
        base = self.base + self.present.get()
        if not self.by_four:
            return [self.shared[base + (offset + index * self.depth_step)] for offset in self.offsets]
        count = 16 // self.dtype.itemsize
        found: list[Any] = []
        for offset in self.offsets[::count]:
            found += self.shared.load(base + (offset + index * self.depth_step), count)
        return found

    def release(self) -> None:
        self._turn(self.present)
