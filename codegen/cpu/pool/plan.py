"""Plans for pooling: y = max or sum over windows, its gradient, and the gradient's gradient.

Arrays are (batch, channels, *spatial) with one to three spatial axes; `padding` is ((before, after), ...), and only
what is in front matters: where windows end, and hang over the end, is said by the sizes of `out`.  What is outside of
the input counts as nothing: -inf for the maximum, 0 for the sum.  A window without any element has maximum -inf (or
the least integer), and no gradient.

The common windows have kernels of their own (`kernels.py`); others go through `general.py`.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..launch import Array, Kernel, KernelRef, Launch, Plan
from ..model import POOL_BYTE_NS, POOL_GENERAL_NS, POOL_VECTOR_NS, vector_bytes
from ..tiles.copy import contiguous_strides, copy_launch
from . import general, kernels

Sizes = Sequence[int]
Padding = Sequence[tuple[int, int]]

_UNITS = 64  # enough to share among the cores of any machine that will meet a small pooling


def plan_max_pool(
    out: Array, x: Array, *, window: Sizes, strides: Sizes, padding: Padding, dilation: Sizes = ()
) -> Plan:
    """out = the maximum over each window of x; NaN where a window holds one."""
    return _Pooling(out, x, window, strides, padding, dilation).forward("max", x)


def plan_max_pool_places(
    out: Array, x: Array, *, window: Sizes, strides: Sizes, padding: Padding, dilation: Sizes = ()
) -> Plan:
    """out = how many elements of the plane stand in front of each window's first maximum; -1 where it holds none."""
    return _Pooling(out, x, window, strides, padding, dilation).forward("places", x)


def plan_sum_pool(out: Array, x: Array, *, window: Sizes, strides: Sizes, padding: Padding) -> Plan:
    """out = the sum over each window of x."""
    return _Pooling(out, x, window, strides, padding).forward("sum", x)


def plan_max_pool_gather(
    out: Array, x: Array, v: Array, *, window: Sizes, strides: Sizes, padding: Padding, dilation: Sizes = ()
) -> Plan:
    """out = v, of the shape of x, at the first maximum of each window of x (the first NaN if there is one)."""
    return _Pooling(out, x, window, strides, padding, dilation).forward("gather", x, v)


def plan_max_pool_scatter(
    out: Array, x: Array, g: Array, *, window: Sizes, strides: Sizes, padding: Padding, dilation: Sizes = ()
) -> Plan:
    """out, of the shape of x, = each window's g added at the first maximum of the window: the gradient of max_pool."""
    return _Pooling(g, x, window, strides, padding, dilation).backward("max", out, x, g)


def plan_sum_pool_scatter(out: Array, g: Array, *, window: Sizes, strides: Sizes, padding: Padding) -> Plan:
    """out = for each element, the sum of g over the windows that hold it: the gradient of sum_pool."""
    return _Pooling(g, out, window, strides, padding).backward("sum", out, g)


class _Pooling:
    """The geometry that the six share.  `pooled` has the shape of the windows' grid, `full` that of the input."""

    def __init__(
        self, pooled: Array, full: Array, window: Sizes, strides: Sizes, padding: Padding, dilation: Sizes = ()
    ) -> None:
        self.dtype = np.dtype(np.uint8) if full.dtype.kind == "b" else full.dtype
        self.batch, self.channels, *spatial = full.shape
        missing = 3 - len(spatial)
        if not 0 <= missing < 3 or not len(window) == len(strides) == len(padding) == len(spatial):
            raise ValueError(f"pooling of {full.shape} over {tuple(window)} by {tuple(strides)}")
        self.sizes = (1,) * missing + tuple(spatial)
        self.grid = (1,) * missing + pooled.shape[2:]
        self.window = (1,) * missing + tuple(window)
        self.strides = (1,) * missing + tuple(strides)
        self.before = (0,) * missing + tuple(before for before, _ in padding)
        self.dilation = (1,) * missing + (tuple(dilation) or (1,) * len(spatial))
        self.dilated = (True,) * any(d > 1 for d in self.dilation)  # as the last argument of a kernel
        self.scratch: list[int] = []
        self.launches: list[Launch] = []

    def forward(self, what: str, *operands: Array) -> Plan:
        """One value for each window; stripes are of rows of windows."""
        makers: dict[str, tuple[Callable[..., Kernel], Callable[..., Kernel], tuple[bool | str, ...]]] = {
            "max": (kernels.make_pool, general.make_general_pool, (True,)),
            "sum": (kernels.make_pool, general.make_general_pool, (False,)),
            "gather": (kernels.make_max_gather, general.make_general_place, ("gather",)),
            "places": (kernels.make_max_gather, general.make_general_place, ("places",)),
        }
        fast, slow, flags = makers[what]
        depth, height, width = self.grid
        size = self.batch * self.channels * depth * height * width
        if size == 0:
            return Plan(())
        buffers, strides = self._operands(operands)
        arguments = None if what == "places" else self._special(what == "gather", True)
        if arguments is None:
            kernel = KernelRef(slow, (self.dtype.name, *flags, *self.dilated))
        else:
            flags = (*flags, *self.dilated) if what != "gather" else ()
            kernel = KernelRef(fast, (self.dtype.name, *arguments, *flags))
        return self._plan(kernel, buffers, strides, height, f"pool: {what} of each window, {self._how(arguments)}")

    def backward(self, what: str, out: Array, *operands: Array) -> Plan:
        """One value for each element of the input; stripes are of rows of the input."""
        if 0 in out.shape:
            return Plan(())
        buffers, strides = self._operands(operands)
        if what == "sum":
            strides = [(0,) * 4, *strides]
        arguments = self._special(what == "max", False)
        if arguments is not None:
            make = kernels.make_max_scatter if what == "max" else kernels.make_sum_scatter
            kernel = KernelRef(make, (self.dtype.name, *arguments))
        elif what == "max":
            kernel = KernelRef(general.make_general_place, (self.dtype.name, "scatter", *self.dilated))
        else:
            kernel = KernelRef(general.make_general_sum_scatter, (self.dtype.name,))
        way = f"pool: gradient of the {what}, {self._how(arguments)}"
        plan = self._plan(kernel, buffers, strides, self.sizes[1], way)
        if arguments is None or self._is_covered():
            return plan
        clear = plan.launches[-1]._replace(kernel=KernelRef(general.make_clear, (self.dtype.name,)))
        return plan._replace(launches=(*plan.launches[:-1], clear, plan.launches[-1]))

    def _is_covered(self) -> bool:
        """Whether every row of the input lies under a window."""
        for size, count, width, step, before in zip(
            self.sizes[:2], self.grid[:2], self.window[:2], self.strides[:2], self.before[:2], strict=True
        ):
            if count == 0 or step > width or (count - 1) * step + width < size + before:
                return False
        return True

    def _special(self, searching: bool, forward: bool) -> tuple[int, ...] | None:
        """Lanes, window and step of the vector kernel for these windows, if there is one and it is worth while."""
        lanes = vector_bytes() // max(self.dtype.itemsize, 4)
        width, step = self.window[2], self.strides[2]
        if step > 4 or max(self.sizes[2], self.before[2], width * self.dilation[2]) >= 1 << 30:
            return None
        # a gradient is put together from at most three neighbouring windows
        if width <= 4 and (forward or width <= 3 * step) and not self.dilated:
            if not searching:
                return lanes, width, step
            if max(self.window) <= 4 and math.prod(self.window) <= 27 and width <= 3 * step:
                return lanes, *self.window, step
        # any other width costs a load for each position, so that half the lanes should count
        return (lanes, 0, step) if forward and not searching and 2 * self.grid[2] >= lanes else None

    def _operands(self, operands: Sequence[Array]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
        """Buffers and strides (batch, channel, depth, height), after copies of what is not contiguous in its rows."""
        buffers, strides = [0], []
        for index, operand in enumerate(operands, 1):
            if operand.strides[-1] != 1 and operand.shape[-1] != 1:
                place = 1 + len(operands) + len(self.scratch)
                copied = Array(operand.dtype, operand.shape, contiguous_strides(operand.shape))
                launch = copy_launch(copied, operand, (place, index))
                if launch is not None:
                    self.launches.append(launch)
                self.scratch.append(math.prod(operand.shape) * operand.dtype.itemsize)
                operand, index = copied, place
            buffers.append(index)
            inner = operand.strides[2:-1]
            strides.append((*operand.strides[:2], *(0,) * (2 - len(inner)), *inner))
        return tuple(buffers), strides

    def _how(self, arguments: tuple[int, ...] | None) -> str:
        """Which kernel: one made for the windows, or the general one."""
        if arguments is None:
            return "general: window by window"
        lanes, *window, step = arguments
        sizes = " x ".join(map(str, window)) if len(window) > 1 else f"width {window[0]}" if window[0] else "any width"
        return f"{lanes} windows at a time, made for {sizes}, {step} apart"

    def _plan(
        self, kernel: KernelRef, buffers: tuple[int, ...], strides: Sequence[tuple[int, ...]], height: int, way: str
    ) -> Plan:
        """The pooling itself, after the copies."""
        planes = self.batch * self.channels
        # a stripe has to search a few windows of its neighbours again: not below eight rows
        rows = height if planes >= _UNITS else max(-(-height * planes // _UNITS), 8)
        stripes = -(-height // rows)
        second = strides[1] if len(strides) > 1 else (0,) * 4
        spans = (*self.window, *self.strides, *self.before)
        sides = (*strides[0], *self.sizes, *self.grid, *spans, *second, *self.dilation)
        params = kernels.PoolParams(stripes, rows, self.channels, *sides)
        positions = planes * math.prod(self.grid) * math.prod(self.window)
        elements = planes * (math.prod(self.sizes) + math.prod(self.grid))
        one = POOL_GENERAL_NS if kernel.make.__module__ == general.__name__ else POOL_VECTOR_NS
        cost = positions * one + POOL_BYTE_NS * elements * self.dtype.itemsize
        self.launches.append(Launch(kernel, buffers, params, planes * stripes, cost))
        return Plan(tuple(self.launches), tuple(self.scratch), way)
