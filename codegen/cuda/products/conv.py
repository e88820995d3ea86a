"""out[n, o, q] = sum over c, k of x[n, c, (q * stride + k * w_dilation - before) / x_dilation] w[o, c, k]: plans.

Forward convolutions, their gradients and transposed ones are this one sum.  Where x is dilated, it is done as several
convolutions of an x that is not.  A kernel of one element makes it a matrix product; images whose piece under a tile
fits into shared memory are read from there (patch.py), all others element by element (window.py).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ....symbolic.errors import ArgumentError
from ...lowering.bind import Array
from ...lowering.convolution import Convolution, normalise, phases
from ..launch import GridLaunch, GridPlan, LaunchArgument, Processor, Slot, SlotKind, Strided
from ..trace.builder import KernelBuilder
from ..trace.division import divisor_numbers
from ..trace.kernel import TracedKernel, TraceRef
from .gemm import BlockTile, Frame, compute
from .geometry import Weights, describe_axis, find_weights, has_pairs, kept_axes, out_numbers
from .matmul import choose_frame, is_wide, join_axes, multiply, plan_product, plan_zeros
from .numbers import DIVISOR, MOST_INT32, Numbers
from .operands import Layout, Staging
from .patch import plan_patch
from .tiles import ProductSize
from .window import Axis, PlaceWriter, TapAddresses, WindowAddresses, conv_parameters

_OPERANDS = (2, 1)  # A is w, B is x


def plan_conv(
    out: Strided,
    x: Strided,
    w: Strided,
    processor: Processor,
    *,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    x_dilation: Sequence[int],
    w_dilation: Sequence[int],
    groups: int = 1,
    batch_groups: int = 1,
) -> GridPlan:
    """The launches for the cross-correlation of x with w, as XLA's conv_general_dilated.

    Parameters
    ----------
    out : Strided
        (n // batch_groups, o, *spatial), contiguous; 1 to 3 spatial axes.
    x : Strided
        (n, groups * c, *spatial), any strides.
    w : Strided
        (o, c, *kernel), any strides.
    strides, padding, x_dilation, w_dilation, groups, batch_groups
        As those of `ops.conv.Conv`.
    """
    if 0 in out.shape:
        return GridPlan(())
    if 0 in x.shape or 0 in w.shape:
        return plan_zeros(out)
    before = [pair[0] for pair in padding]
    y, image, weights = (Array(array.dtype, array.shape, array.strides) for array in (out, x, w))
    whole = normalise(y, image, weights, strides, before, x_dilation, w_dilation, groups, batch_groups)
    whole = whole._replace(
        out=whole.out._replace(offset=out.start), x=whole.x._replace(offset=x.start), w=whole.w._replace(offset=w.start)
    )
    parts = list(phases(whole))
    plans = [] if all(part.depth for part in parts) else [plan_zeros(out)]
    wide = is_wide(out, x, w)
    plans += [_plan(part, wide, processor) for part in parts if part.depth]
    return _join_plans(plans)


def _join_plans(plans: Sequence[GridPlan]) -> GridPlan:
    """One plan after the other."""
    launches: list[GridLaunch] = []
    scratch: list[int] = []
    tables: list[Any] = []
    for plan in plans:
        for launch in plan.launches:
            moved = tuple(_move_slot(x, len(scratch), len(tables)) for x in launch.arguments)
            launches.append(launch._replace(arguments=moved))
        scratch += plan.scratch
        tables += plan.tables
    counts = Counter(plan.way for plan in plans)
    way = "; ".join(f"{count} x {way}" if len(plans) > 1 else way for way, count in counts.items())
    return GridPlan(tuple(launches), tuple(scratch), tuple(tables), way)


def _move_slot(argument: LaunchArgument, scratch: int, tables: int) -> LaunchArgument:
    if not isinstance(argument, Slot):
        return argument
    return argument._replace(
        number=argument.number + {SlotKind.SCRATCH: scratch, SlotKind.TABLE: tables}.get(argument.source, 0)
    )


def _plan(problem: Convolution, wide: bool, processor: Processor) -> GridPlan:
    """One convolution that adds up something."""
    _check_sizes(problem)
    return (
        _plan_matrices(problem, processor)
        or plan_patch(problem, wide, processor)
        or _plan_window(problem, wide, processor)
    )


def _check_sizes(problem: Convolution) -> None:
    """Raises ArgumentError where a place along an axis does not fit into int32."""
    for axis in zip(problem.size, problem.kernel, problem.stride, problem.before, problem.w_dilation, strict=True):
        size, kernel, stride, before, dilation = axis
        if size * stride + kernel * dilation + abs(before) > MOST_INT32 // 2:
            raise ArgumentError(f"A convolution over an axis with {size} places, {stride} apart, is too large.")


def _plan_matrices(problem: Convolution, processor: Processor) -> GridPlan | None:
    """A kernel of one element: out[n] = w x[n], as matrices of channels and places."""
    p = problem
    plain = p.kernel == p.stride == p.x_dilation == (1, 1, 1) and p.before == (0, 0, 0) and p.size == p.image
    (sizes, x_steps) = join_axes(p.size, p.x.space)
    (_, out_steps) = join_axes(p.size, p.out.space)
    contiguous = p.out.axes == (p.o * math.prod(p.size), math.prod(p.size)) and out_steps in ((), (1,))
    if not plain or p.groups > 1 or len(sizes) > 1 or not contiguous or p.out.offset:
        return None
    places, step = (sizes[0], x_steps[0]) if sizes else (1, 1)
    dtype = np.dtype(p.dtype)
    out = Strided(dtype, (p.n, p.o, places), (p.o * places, places, 1))
    w = Strided(dtype, (p.o, p.c), p.w.axes, p.w.offset)
    x = Strided(dtype, (p.n, p.c, places), (*p.x.axes, step), p.x.offset)
    return multiply(out, w, x, processor, _OPERANDS, "conv as matmul")


class WindowCode(NamedTuple):
    """What decides on the code of a convolution."""

    frame: Frame
    weights: Weights
    x: Layout
    axes: tuple[Axis, ...]
    pairs: bool
    wide: bool


def _plan_window(problem: Convolution, wide: bool, processor: Processor) -> GridPlan:
    p = problem
    kept = kept_axes(p)
    size = ProductSize(p.o, p.n * math.prod(p.size), p.depth, p.groups)
    frame, choice = choose_frame(np.dtype(p.dtype), size, processor, computed=True)
    weights, weight_numbers = find_weights(p)
    axes = tuple(describe_axis(p, i) for i in kept)
    along_k = math.prod(p.kernel) > math.prod(p.size) or (math.prod(p.kernel) == 1 and p.x.axes[1] == 1)
    code = WindowCode(frame, weights, Layout(along_k), axes, has_pairs(p, kept), wide)
    numbers: list[int] = []
    for i in kept:
        numbers += divisor_numbers(p.size[i])
    numbers += weight_numbers
    numbers += [p.x.offset, p.x.group, *p.x.axes]
    for i in kept:
        numbers += [p.x.space[i], p.image[i], p.stride[i], p.before[i], p.w_dilation[i]]
        numbers += divisor_numbers(p.x_dilation[i]) if p.x_dilation[i] > 1 else ()
    for i in kept:
        numbers += divisor_numbers(p.kernel[i])
    numbers += out_numbers(p, kept)
    return plan_product(TraceRef(make_window, (code,)), frame, size, choice, numbers, "conv", _OPERANDS)


def make_window(code: WindowCode) -> TracedKernel:
    """The kernel of a convolution; sizes, strides, padding and dilations are its parameters."""
    frame, tile, wide, rank = code.frame, code.frame.tile, code.wide, len(code.axes)
    parameters = conv_parameters(
        frame.parameters,
        DIVISOR * rank,
        TapAddresses.parameters(wide, code.weights.axes),
        WindowAddresses.parameters(wide, code.axes),
        PlaceWriter.parameters(wide, rank),
    )

    def body(k: KernelBuilder, out: Any, w: Any, x: Any, *rest: Any) -> None:
        shared = list(rest[: 2 * frame.shared_sums])
        numbers = Numbers(k, rest[len(shared) :])
        block = BlockTile(k, tile, numbers)
        places = [numbers.divisor() for _ in code.axes]
        taps = TapAddresses(k, tile, wide, code.weights.axes, numbers, block)
        window = WindowAddresses(k, tile, wide, code.axes, numbers, block, places)
        writer = PlaceWriter(k, out, code.pairs, wide, numbers, block, places)
        a = Staging(k, w, taps, code.weights.layout, tile.rows, tile, frame.sums)
        b = Staging(k, x, window, code.x, tile.columns, tile, frame.sums)
        compute(k, frame, block, a, b, writer, shared)

    return TracedKernel("conv", parameters, tile.threads, body)
