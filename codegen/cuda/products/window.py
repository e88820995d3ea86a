"""Operands and results of a convolution whose elements are found one by one: implicit GEMM.

A(m, k) = w[o = m, k = (channel, tap)], B(k, n) = x[image, channel, place * stride + tap * w_dilation - before], where
n = (image, place), and D[m, n] = out[image, o = m, place].  What an index contributes is its parts along these axes:
those of n are computed once, those of k by one thread for the whole block, which finds them in shared memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ....symbolic.types import DType
from ..trace.builder import INT32, KernelBuilder, place_type
from ..trace.kernel import Parameter
from .gemm import ArrayWriter, BlockTile
from .numbers import DIVISOR, Divisor, Numbers, as_place, split_index
from .operands import Addresses
from .tiles import Tile

UINT32 = np.dtype(np.uint32)


class DepthTable:
    """What each k of the coming k tiles contributes to a place, and to places along axes: a ring in shared memory.

    It has one k tile more than stages, so that one is written while another is read.
    """

    def __init__(self, k: KernelBuilder, tile: Tile, dtype: DType, axes: int = 0) -> None:
        self.k, self.tile, self.axes = k, tile, axes
        self.count = tile.depth * (tile.stages + 1)
        self.offsets = k.shared_array(dtype, self.count)
        self.positions = [k.shared_array(INT32, self.count) for _ in range(axes)]
        self.to, self.present = k.register(INT32, 0), k.register(INT32, 0)

    def write(self, offset: Any, positions: Sequence[Any] = ()) -> None:
        """Called by the threads whose number is that of a k in its tile."""
        place = self.to.get() + self.k.thread
        self.offsets[place] = offset
        for table, position in zip(self.positions, positions, strict=True):
            table[place] = position

    def read(self, index: Any) -> tuple[Any, list[Any]]:
        """The contributions of a k of the present tile."""
        place = self.present.get() + index
        return self.offsets[place], [table[place] for table in self.positions]

    def turn(self, stage: Any) -> None:
        """`to` or `present` goes on to the next k tile."""
        following = stage.get() + self.tile.depth
        stage.set(self.k.select(following.eq(self.count), 0, following))


class TapAddresses(Addresses):
    """Weights: start + o * o_step, and a step along each of the axes that k runs over in C order."""

    def __init__(self, k: KernelBuilder, tile: Tile, wide: bool, axes: int, numbers: Numbers, block: BlockTile) -> None:
        self.k, self.tile, self.wide, self.block = k, tile, wide, block
        start, group_step, self.free_step = numbers.take(3)
        self.start = start + as_place(k, block.batch, wide) * group_step
        self.steps = numbers.take(axes)
        self.sizes = [numbers.divisor() for _ in range(axes - 1)]
        self.table = DepthTable(k, tile, place_type(wide)) if axes > 1 else None

    @staticmethod
    def parameters(wide: bool, axes: int) -> list[DType]:
        """The dtypes of the numbers that it takes."""
        return [*[place_type(wide)] * (3 + axes), *DIVISOR * (axes - 1)]

    def free_part(self, index: Any) -> Any:
        index = self.block.row + index
        return self.start + as_place(self.k, index, self.wide) * self.free_step, index < self.block.rows

    def depth_part(self, first: Any, index: Any) -> Any:
        exists = first + index < self.block.depth
        return (self.table.read(index)[0] if self.table else self._offset(first + index)), exists

    def _offset(self, index: Any) -> Any:
        parts = split_index(index, self.sizes)
        offset = as_place(self.k, parts[0], self.wide) * self.steps[0]
        for part, step in zip(parts[1:], self.steps[1:], strict=True):
            offset = offset + as_place(self.k, part, self.wide) * step
        return offset

    def locate(self, free: Any, depth: Any) -> tuple[Any, Any]:
        return free[0] + depth[0], free[1] & depth[1]

    def prepare(self, first: Any) -> None:
        if self.table:
            with self.k.when(self.k.thread < self.tile.depth):
                self.table.write(self._offset(first + self.k.thread))
            self.table.turn(self.table.to)

    def advance(self) -> None:
        if self.table:
            self.table.turn(self.table.present)


class Axis(NamedTuple):
    """What decides on the code of a spatial axis.

    dilated : whether there are zeros between the elements of x
    bordered : whether some places lie outside of x
    """

    dilated: bool
    bordered: bool


class _AxisNumbers:
    """The numbers of a spatial axis."""

    def __init__(self, axis: Axis, numbers: Numbers) -> None:
        self.axis = axis
        (self.step,) = numbers.take(1)
        self.size, self.stride, self.before, self.w_dilation = numbers.take(4)
        self.x_dilation = numbers.divisor() if axis.dilated else None

    @staticmethod
    def parameters(axis: Axis, wide: bool) -> list[DType]:
        return [place_type(wide), *[INT32] * 4, *(DIVISOR if axis.dilated else ())]


class WindowAddresses(Addresses):
    """The image: elements under the window of the kernel."""

    def __init__(
        self,
        k: KernelBuilder,
        tile: Tile,
        wide: bool,
        axes: Sequence[Axis],
        numbers: Numbers,
        block: BlockTile,
        places: Sequence[Divisor],
    ) -> None:
        self.k, self.tile, self.wide, self.block, self.places = k, tile, wide, block, places
        start, group_step, self.image_step, self.channel_step = numbers.take(4)
        self.start = start + as_place(k, block.batch, wide) * group_step
        self.axes = [_AxisNumbers(axis, numbers) for axis in axes]
        self.kernel = [numbers.divisor() for _ in axes]
        self.table = DepthTable(k, tile, place_type(wide), len(axes))

    @staticmethod
    def parameters(wide: bool, axes: Sequence[Axis]) -> list[DType]:
        """The dtypes of the numbers that it takes."""
        spatial = [dtype for axis in axes for dtype in _AxisNumbers.parameters(axis, wide)]
        return [*[place_type(wide)] * 4, *spatial, *DIVISOR * len(axes)]

    def _offset(self, first: Any, outer: Any, step: Any, positions: Sequence[Any]) -> Any:
        """A place, but for its parts along axes that are dilated: those take both positions."""
        offset = as_place(self.k, outer, self.wide) * step
        offset = offset if first is None else first + offset
        for axis, position in zip(self.axes, positions, strict=True):
            if not axis.axis.dilated:
                offset = offset + as_place(self.k, position, self.wide) * axis.step
        return offset

    def free_part(self, index: Any) -> Any:
        index = self.block.column + index
        image, *places = split_index(index, self.places)
        positions = [place * axis.stride - axis.before for place, axis in zip(places, self.axes, strict=True)]
        offset = self._offset(self.start, image, self.image_step, positions)
        return offset, positions, index < self.block.columns

    def prepare(self, first: Any) -> None:
        k = self.k
        with k.when(k.thread < self.tile.depth):
            channel, *taps = split_index(first + k.thread, self.kernel)
            positions = [tap * axis.w_dilation for tap, axis in zip(taps, self.axes, strict=True)]
            self.table.write(self._offset(None, channel, self.channel_step, positions), positions)
        self.table.turn(self.table.to)

    def advance(self) -> None:
        self.table.turn(self.table.present)

    def depth_part(self, first: Any, index: Any) -> Any:
        return *self.table.read(index), first + index < self.block.depth

    def locate(self, free: Any, depth: Any) -> tuple[Any, Any]:
        place, inside = free[0] + depth[0], free[2] & depth[2]
        for axis, at, behind in zip(self.axes, free[1], depth[1], strict=True):
            position = at + behind
            if axis.x_dilation:
                inside = inside & (position >= 0)
                position, rest = axis.x_dilation.split(self.k.maximum(position, 0))
                inside = inside & rest.eq(0)
                place = place + as_place(self.k, position, self.wide) * axis.step
            if axis.axis.bordered:  # one comparison: what is negative is large without a sign
                inside = inside & (self.k.cast(position, UINT32) < self.k.cast(axis.size, UINT32))
        return place, inside


class PlaceWriter(ArrayWriter):
    """out[image, o, place], with any strides."""

    def __init__(
        self,
        k: KernelBuilder,
        out: Any,
        pairs: bool,
        wide: bool,
        numbers: Numbers,
        block: BlockTile,
        places: Sequence[Divisor],
    ) -> None:
        super().__init__(k, out, pairs)
        self.wide, self.block, self.places = wide, block, places
        start, group_step, self.image_step, self.row_step = numbers.take(4)
        self.start = start + as_place(k, block.batch, wide) * group_step
        self.steps = numbers.take(len(places))

    @staticmethod
    def parameters(wide: bool, axes: int) -> list[DType]:
        """The dtypes of the numbers that it takes."""
        return [place_type(wide)] * (4 + axes)

    def row(self, index: Any) -> tuple[Any, Any]:
        index = self.block.row + index
        return self.start + as_place(self.k, index, self.wide) * self.row_step, index < self.block.rows

    def column(self, index: Any) -> tuple[Any, Any]:
        index = self.block.column + index
        return self.place(split_index(index, self.places)), index < self.block.columns

    def place(self, parts: Sequence[Any]) -> Any:
        """What an image and a place in it contribute."""
        total = as_place(self.k, parts[0], self.wide) * self.image_step
        for part, step in zip(parts[1:], self.steps, strict=True):
            total = total + as_place(self.k, part, self.wide) * step
        return total


def conv_parameters(frame: Sequence[Parameter], *parts: Sequence[DType]) -> tuple[Parameter, ...]:
    """All parameters of a kernel."""
    return (*frame, *(dtype for part in parts for dtype in part))
