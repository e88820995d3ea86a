"""Convolutions, their transposes, and windows put together again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....nn.layers.patches import fold
from ....ops.conv import Conv, exchange_channels, flip_kernel
from ....ops.conv_arguments import check_arguments, check_channels, with_bias
from ....ops.creation import iota
from ....ops.elementwise import cast
from ....ops.movement import expand_dims, reshape
from ....ops.windows import check_fits, extent
from ....symbolic.dims import Dim, maximum
from ....symbolic.expr import Expr, apply
from .node import ModelNode
from .registry import Unsaid, operator
from .sampling import sample
from .windows import WindowOptions, options_of


@operator("Conv")
def read_conv(node: ModelNode, x: Expr, w: Expr, bias: Expr | None = None) -> Expr:
    """The convolution of networks: x (n, c, *spatial), w (o, c / group, *kernel)."""
    return convolve(node, x, w, bias)


def convolve(node: ModelNode, x: Expr, w: Expr, bias: Expr | None = None) -> Expr:
    """The convolution that a node says, in the dtype of x."""
    windows = options_of(node, x.shape[2:], node["kernel_shape"] or w.shape[2:])
    layout, rank = ("out", "channels // group"), len(windows.strides)
    a = check_arguments("Conv", rank, x, w, windows.strides, windows.dilations, node["group"] or 1, layout)
    check_channels(a)
    check_fits("Conv", "kernel", a.sizes, a.windows, windows.padding, a.x, a.w)
    op = Conv(a.strides, windows.padding, (1,) * rank, a.dilations, a.groups, fitting=True)
    return with_bias(a, apply(op, a.x, a.w), bias)


@operator("ConvInteger")
def read_conv_integer(
    node: ModelNode, x: Expr, w: Expr, x_zero: Expr | None = None, w_zero: Expr | None = None
) -> Expr:
    """The convolution of integers less their zero points, as int32: in float64, where such sums are exact."""
    return cast(convolve(node, without_zero(x, x_zero), without_zero(w, w_zero)), "int32")


def without_zero(x: Expr, zero: Expr | None, axis: int = 0) -> Expr:
    """x - zero as float64; several zeros stand along an axis."""
    wide = cast(x, "float64")
    if zero is None:
        return wide
    if zero.ndim == 1:
        zero = (
            reshape(zero, [-1 if i == axis else 1 for i in range(x.ndim)]) if zero.shape[0] != 1 else reshape(zero, ())
        )
    return wide - cast(zero, "float64")


# ---- transposed ------------------------------------------------------------------------------------------------------


@operator("ConvTranspose")
def read_conv_transpose(node: ModelNode, x: Expr, w: Expr, bias: Expr | None = None) -> Expr:
    """Elements of x (n, c, *spatial) spread over the result, with w (c, o / group, *kernel) as weights."""
    groups, rank = node["group"] or 1, x.ndim - 2
    strides, dilations = (tuple(node[name] or (1,) * rank) for name in ("strides", "dilations"))
    extra = tuple(node["output_padding"] or (0,) * rank)
    reach = [extent(k, d) for k, d in zip(w.shape[2:], dilations, strict=True)]
    cut = _cut(node, x.shape[2:], reach, strides, extra)
    padding = tuple((r - 1 - a, r - 1 - b + e) for r, (a, b), e in zip(reach, cut, extra, strict=True))
    op = Conv((1,) * rank, padding, strides, dilations, groups)
    found = apply(op, x, flip_kernel(exchange_channels(w, groups)))
    return found if bias is None else found + reshape(bias, (-1, *[1] * rank))


def _cut(
    node: ModelNode, spatial: Sequence[Dim], reach: Sequence[Dim], strides: Sequence[int], extra: Sequence[int]
) -> list[tuple[Any, Any]]:
    """How much of the border is cut off: what an attribute says, or what is too much for the result's size."""
    rank, automatic, wanted = len(spatial), node["auto_pad"] or "NOTSET", node["output_shape"]
    if wanted is None and automatic in ("NOTSET", "VALID"):
        given = tuple(node["pads"] or (0,) * 2 * rank) if automatic == "NOTSET" else (0,) * 2 * rank
        return list(zip(given[:rank], given[rank:], strict=True))
    sizes = [n * s for n, s in zip(spatial, strides, strict=True)] if wanted is None else list(wanted)[-rank:]
    found = []
    for n, r, s, e, size in zip(spatial, reach, strides, extra, sizes, strict=True):
        total = (n - 1) * s + e + r - size
        half = maximum(total if automatic == "SAME_UPPER" else total + 1, 0) // 2
        found.append((half, total - half))  # a result that is larger has zeros behind
    return found


@operator("Col2Im")
def read_col2im(node: ModelNode, x: Expr, image: Expr, block: Expr) -> Expr:
    """Columns of windows (n, c prod(block), places) added up where they are from: (n, c, *image)."""
    size = node.integers(block, "block_shape")
    rank = len(size)
    given = tuple(node["pads"] or (0,) * 2 * rank)
    padding = tuple(zip(given[:rank], given[rank:], strict=True))
    strides, dilations = (tuple(node[name] or (1,) * rank) for name in ("strides", "dilations"))
    return fold(x, node.sizes(image), tuple(size), stride=strides, padding=padding, dilation=dilations)


# ---- deformed --------------------------------------------------------------------------------------------------------


@operator("DeformConv")
def read_deform_conv(
    node: ModelNode, x: Expr, w: Expr, offset: Expr, bias: Expr | None = None, mask: Expr | None = None
) -> Expr:
    """A convolution whose windows are read at places moved by `offset`, between pixels too.

    x (n, c, h, w), w (o, c / group, kh, kw), offset (n, groups kh kw 2, oh, ow), mask (n, groups kh kw, oh, ow)
    """
    if x.ndim != 4:
        raise Unsaid(f"has {x.ndim - 2} spatial axes, and 2 are read")
    windows = options_of(node, x.shape[2:], node["kernel_shape"] or w.shape[2:])
    parts, (n, c), (kh, kw) = node["offset_group"] or 1, x.shape[:2], windows.sizes
    oh, ow = offset.shape[2:]
    moved = reshape(offset, (n, parts, kh * kw, 2, oh, ow))
    places = [moved[:, :, :, axis] + _grid(windows, axis, (kh, kw, oh, ow), x.dtype) for axis in (0, 1)]
    taken = sample(reshape(x, (n, parts, c // parts, *x.shape[2:])), places)  # (n, parts, c / parts, taps, oh, ow)
    if mask is not None:
        taken = taken * expand_dims(reshape(mask, (n, parts, kh * kw, oh, ow)), 2)
    return _weigh(reshape(taken, (n, c, kh * kw, oh, ow)), w, bias, node["group"] or 1)


def _grid(windows: WindowOptions, axis: int, shape: tuple[Dim, ...], dtype: Any) -> Expr:
    """Where windows are read along an axis, before anything is moved: (kh kw, oh, ow)."""
    tap, place = iota(shape, axis), iota(shape, axis + 2)
    found = place * windows.strides[axis] + tap * windows.dilations[axis] - windows.padding[axis][0]
    return cast(reshape(found, (shape[0] * shape[1], *shape[2:])), dtype)


def _weigh(taken: Expr, w: Expr, bias: Expr | None, groups: int) -> Expr:
    """The sum over channels and taps, group by group: taken (n, c, taps, oh, ow)."""
    n, c, taps, oh, ow = taken.shape
    outs = w.shape[0]
    columns = reshape(taken, (n, groups, (c // groups) * taps, oh * ow))
    weights = reshape(w, (groups, outs // groups, (c // groups) * taps))
    found = reshape(weights @ columns, (n, outs, oh, ow))
    return found if bias is None else found + reshape(bias, (-1, 1, 1))
