"""Plans for pooling: maxima and sums over windows, their gradients, and the gradient's gradient.

Arrays are (batch, channels, *spatial).  `padding` is ((before, after), ...), of which only what is in front matters:
the sizes of the pooled operand say how many windows there are.  What is outside of the input counts as nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..index.places import Arguments, StridedAxes, blocks_for, contiguous_steps, is_wide, merge_axes
from ..launch import GridLaunch, GridPlan, Processor, Slot, Strided, operand, scratch
from ..trace.builder import place_type
from ..trace.kernel import TracedKernel, TraceRef
from .cells import is_small, make_cells
from .elements import make_elements
from .forward import make_max_gather, make_max_indices, make_max_places, make_max_pool, make_sum_pool
from .windows import WindowShape

Sizes = Sequence[int]
Padding = Sequence[tuple[int, int]]


def plan_max_pool(
    out: Strided,
    x: Strided,
    processor: Processor,
    *,
    window: Sizes,
    strides: Sizes,
    padding: Padding,
    dilation: Sizes = (),
) -> GridPlan:
    """out = the maximum of each window of x; NaN where it holds one."""
    pooling = _WindowPlan(out, x, window, strides, padding, dilation)
    launches = pooling.forward(make_max_pool, (x.dtype.name,), (operand(0), operand(1)), [x])
    return GridPlan(launches, way="pool: the maximum of each window")


def plan_max_pool_places(
    out: Strided,
    x: Strided,
    processor: Processor,
    *,
    window: Sizes,
    strides: Sizes,
    padding: Padding,
    dilation: Sizes = (),
) -> GridPlan:
    """out = how many elements of the plane stand in front of each window's first maximum; -1 where it holds none."""
    pooling = _WindowPlan(out, x, window, strides, padding, dilation)
    sides = [x, pooling.number_elements(x)]
    launches = pooling.forward(make_max_indices, (x.dtype.name,), (operand(0), operand(1)), sides)
    return GridPlan(launches, way="pool: the place of the maximum of each window")


def plan_sum_pool(
    out: Strided, x: Strided, processor: Processor, *, window: Sizes, strides: Sizes, padding: Padding
) -> GridPlan:
    """out = the sum of each window of x."""
    pooling = _WindowPlan(out, x, window, strides, padding)
    launches = pooling.forward(make_sum_pool, (x.dtype.name,), (operand(0), operand(1)), [x])
    return GridPlan(launches, way="pool: the sum of each window")


def plan_max_pool_gather(
    out: Strided,
    x: Strided,
    v: Strided,
    processor: Processor,
    *,
    window: Sizes,
    strides: Sizes,
    padding: Padding,
    dilation: Sizes = (),
) -> GridPlan:
    """out = v, of the shape of x, at the first maximum of each window of x."""
    pooling = _WindowPlan(out, x, window, strides, padding, dilation, v)
    slots = operand(0), operand(1), operand(2)
    launches = pooling.forward(make_max_gather, (x.dtype.name, v.dtype.name), slots, [x, v])
    return GridPlan(launches, way="pool: what stands at the maximum of each window")


def plan_max_pool_scatter(
    out: Strided,
    x: Strided,
    g: Strided,
    processor: Processor,
    *,
    window: Sizes,
    strides: Sizes,
    padding: Padding,
    dilation: Sizes = (),
) -> GridPlan:
    """out, of the shape of x, = each window's g added at its first maximum: the gradient of the maximum."""
    pooling = _WindowPlan(g, x, window, strides, padding, dilation, out)
    if 0 not in g.shape and is_small(pooling.windows, True):
        launches = pooling.cells((x.dtype.name, g.dtype.name), (operand(0), operand(1), operand(2)), [out, x, g])
        return GridPlan(launches, way="pool: the gradient of the maximum, cell by cell")
    numbers = pooling.number_elements(x)
    maxima = Strided(numbers.dtype, g.shape, contiguous_steps(g.shape))
    slots = operand(0), scratch(0), operand(2)
    launches = (
        *pooling.forward(make_max_places, (x.dtype.name,), (scratch(0), operand(1)), [x, numbers]),
        *pooling.elements(g.dtype.name, slots, [maxima, numbers, g]),
    )
    size = math.prod(g.shape) * numbers.dtype.itemsize
    return GridPlan(launches, (size,), way="pool: the places of the maxima, then the gradient, element by element")


def plan_sum_pool_scatter(
    out: Strided, g: Strided, processor: Processor, *, window: Sizes, strides: Sizes, padding: Padding
) -> GridPlan:
    """out = for each element, the sum of g over the windows that hold it: the gradient of the sum."""
    pooling = _WindowPlan(g, out, window, strides, padding)
    if 0 not in g.shape and is_small(pooling.windows, False):
        launches = pooling.cells(("", g.dtype.name), (operand(0), operand(1)), [out, g])
        return GridPlan(launches, way="pool: the gradient of the sum, cell by cell")
    launches = pooling.elements(g.dtype.name, (operand(0), operand(1)), [g])
    return GridPlan(launches, way="pool: the gradient of the sum, element by element")


class _WindowPlan:
    """The geometry that the six share.  `pooled` has the shape of the windows' grid, `full` that of the input."""

    def __init__(
        self,
        pooled: Strided,
        full: Strided,
        window: Sizes,
        strides: Sizes,
        padding: Padding,
        dilation: Sizes = (),
        *others: Strided,
    ) -> None:
        if not len(window) == len(strides) == len(padding) == len(full.shape) - 2:
            raise ValueError(f"pooling of {full.shape} over {tuple(window)} by {tuple(strides)}")
        self.sizes, self.grid = full.shape[2:], pooled.shape[2:]
        self.before = tuple(before for before, _ in padding)
        windows = WindowShape(
            tuple(window), tuple(strides), True, 1, tuple(dilation) if max(dilation, default=1) > 1 else ()
        )
        ends = [
            (count - 1) * step + width - before
            for count, step, width, before in zip(self.grid, strides, windows.reach, self.before, strict=True)
        ]
        ragged = any(self.before) or any(end > size for end, size in zip(ends, self.sizes, strict=True))
        self.windows = windows._replace(ragged=ragged)
        # windows may reach far around a small array
        around = [end + size + 2 * before for end, size, before in zip(ends, self.sizes, self.before, strict=True)]
        self.wide = is_wide(pooled, full, *others, farthest=max(*around, *strides, *windows.reach, *windows.steps))

    def number_elements(self, x: Strided) -> Strided:
        """The places of the elements of a plane of x, in C order: the same ones for all planes."""
        return Strided(place_type(self.wide), x.shape, (0, 0, *contiguous_steps(x.shape[2:])))

    def forward(
        self, make: Callable[..., TracedKernel], names: tuple[str, ...], slots: Sequence[Slot], sides: Sequence[Strided]
    ) -> tuple[GridLaunch, ...]:
        """A thread for each window."""
        side_by_side = not self.windows.ragged and self.windows.unrolled
        windows = self.windows._replace(together=self._count_together(sides[:1]) if side_by_side else 1)
        return self._launch(make, names, windows, slots, self.grid, sides, (), (*self.sizes, *self.before))

    def cells(self, names: tuple[str, ...], slots: Sequence[Slot], sides: Sequence[Strided]) -> tuple[GridLaunch, ...]:
        """A thread for each cell of the input: also of cells with nothing but padding, if there is an input at all."""
        if 0 in self.sizes:
            return ()
        parts = list(zip(self.sizes, self.grid, self.windows.strides, self.before, strict=True))
        exact = self.windows.widths == self.windows.strides
        exact = exact and all(size == count * step and before == 0 for size, count, step, before in parts)
        cells = [-(-(size + before) // step) for size, _, step, before in parts]
        numbers = (*self.sizes, *self.grid, *self.before)
        windows = self.windows._replace(together=self._count_together(sides[:-1]) if exact else 1)
        return self._launch(make_cells, names, windows, slots, cells, sides, (exact,), numbers)

    def elements(self, name: str, slots: Sequence[Slot], sides: Sequence[Strided]) -> tuple[GridLaunch, ...]:
        """A thread for each element of the input."""
        searching = (len(sides) > 1,)
        numbers = (*self.grid, *self.before)
        return self._launch(make_elements, (name,), self.windows, slots, self.sizes, sides, searching, numbers)

    def _count_together(self, operands: Sequence[Strided]) -> int:
        """How many neighbours of all operands are one access, where windows stand side by side and inside of them."""
        width = self.windows.widths[-1]
        if width != self.windows.strides[-1] or width not in (2, 4) or self.windows.dilations:
            return 1
        for x in operands:
            if x.strides[-1] != 1 or any(step % width for step in (x.start, *x.strides[:-1])):
                return 1
        return width if max(x.dtype.itemsize for x in operands) * width <= 16 else 1

    def _launch(
        self,
        make: Callable[..., TracedKernel],
        names: tuple[str, ...],
        windows: WindowShape,
        slots: Sequence[Slot],
        sizes: Sequence[int],
        sides: Sequence[Strided],
        flags: tuple[bool, ...],
        geometry: Sequence[int],
    ) -> tuple[GridLaunch, ...]:
        """A thread for each of these places of each plane; none where there are none."""
        planes, steps = merge_axes(sides[0].shape[:2], *[side.strides[:2] for side in sides])
        count = math.prod(planes) * math.prod(sizes)
        if count == 0:
            return ()
        axes = StridedAxes(len(planes) + len(sizes), len(sides), self.wide)
        starts = [(side.start, (*step, *side.strides[2:])) for side, step in zip(sides, steps, strict=True)]
        numbers = axes.numbers((*planes, *sizes), *starts)
        arguments: Arguments = (*slots, count, *geometry, *numbers)
        kernel = TraceRef(make, (*names, windows, len(planes), *flags, self.wide))
        return (GridLaunch(kernel, blocks_for(count), arguments),)
