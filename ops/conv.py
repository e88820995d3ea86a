"""Convolution in one to three dimensions.  One op, whose derivatives are the same op over rearranged arguments."""

from __future__ import annotations

import itertools
from dataclasses import field
from typing import Any

import numpy as np

from ..symbolic.arguments import check_flag
from ..symbolic.dims import Shape, show
from ..symbolic.errors import ShapeError
from ..symbolic.expr import Expr, Op, apply
from ..symbolic.guards import fits, unify
from ..symbolic.records import record
from ..symbolic.types import Type
from .conv_arguments import (
    Arguments,
    check_arguments,
    check_channels,
    check_transposed_channels,
    forward_padding,
    transposed_padding,
    with_bias,
)
from .conv_docs import CONV, TRANSPOSE, documented
from .movement import flip, reshape, swapaxes
from .operands import check_floats, check_same_dtype
from .windows import Padding, extent, window_count


@record
class Conv(Op):
    """out[n, o, p] = sum over c, k of x[n, c, (p * stride + k * w_dilation - before) / x_dilation] w[o, c, k].

    x (n, c, *spatial), w (o, c // groups, *kernel) -> (n // batch_groups, o, *out), with

        out = floor((before + (in - 1) * x_dilation + 1 + after - (kernel - 1) * w_dilation - 1) / stride) + 1

    Terms whose place in x is no whole number or outside of x count as 0.  `padding` may be negative: elements are cut
    off.  `groups`: the o-th of as many blocks of output channels reads the o-th block of input channels.
    `batch_groups`: it reads all channels of the o-th block of the batch.  At most one of the two is more than 1.
    """

    strides: tuple[int, ...]
    padding: Padding
    x_dilation: tuple[int, ...]
    w_dilation: tuple[int, ...]
    groups: int = 1
    batch_groups: int = 1
    fitting: bool = field(default=False, repr=False)  # whether the kernel must fit in the input: a user's convolution

    def infer(self, x: Type, w: Type) -> Type:
        if not x.ndim == w.ndim == len(self.strides) + 2:
            raise ShapeError(
                f"conv: shapes {show(x.shape)} and {show(w.shape)} need {len(self.strides) + 2} axes each."
            )
        check_same_dtype("conv", x, w)
        check_floats("conv", x, w)
        self._check_numbers()
        (n, c), (o, per_group) = x.shape[:2], w.shape[:2]
        unify(c, per_group * self.groups, lambda: f"conv: {c} channels of x, and w takes {per_group * self.groups}.")
        blocks = self.groups * self.batch_groups
        unify(o, o // blocks * blocks, lambda: f"conv: {blocks} groups do not divide {o} output channels.")
        batch = n // self.batch_groups
        unify(n, batch * self.batch_groups, lambda: f"conv: {self.batch_groups} groups do not divide a batch of {n}.")
        if self.fitting:
            self._check_fits(x.shape[2:], w.shape[2:])
        return Type(x.dtype, (batch, o, *self.out_sizes(x.shape[2:], w.shape[2:])))

    def _check_numbers(self) -> None:
        """Raise ShapeError unless kernels can rely on them: strides and dilations from 1 up for each spatial axis."""
        parts = self.strides, self.x_dilation, self.w_dilation, (self.groups, self.batch_groups)
        axes = {len(part) for part in (*parts[:3], self.padding)}
        if axes != {len(self.strides)} or not axes or min(map(min, parts)) < 1 or min(parts[3]) > 1:
            text = f"conv: strides {self.strides}, dilations {self.x_dilation} and {self.w_dilation}, padding"
            raise ShapeError(f"{text} {self.padding} and groups {parts[3]} are none of a convolution.")

    def _check_fits(self, sizes: Shape, kernel: Shape) -> None:
        for axis, (n, k, d, (before, after)) in enumerate(
            zip(sizes, kernel, self.w_dilation, self.padding, strict=True), 2
        ):
            fits(self.name, extent(k, d), n, before + after, axis)

    def out_sizes(self, sizes: Shape, kernel: Shape) -> Shape:
        """The spatial sizes of the result.  Raises ShapeError where one is negative."""
        axes = zip(sizes, self.x_dilation, kernel, self.w_dilation, self.strides, self.padding, strict=True)
        found = tuple(window_count(extent(n, a), extent(k, d), s, pads) for n, a, k, d, s, pads in axes)
        if any(isinstance(size, int) and size < 0 for size in found):
            raise ShapeError(
                f"conv: a kernel of {show(kernel)} does not fit in {show(sizes)} with padding {self.padding}."
            )
        return found

    def numpy(self, x: np.ndarray, w: np.ndarray) -> Any:
        sizes, kernel, blocks = x.shape[2:], w.shape[2:], self.groups * self.batch_groups
        batch, channels, outs = x.shape[0] // self.batch_groups, x.shape[1] // self.groups, w.shape[0] // blocks
        grouped = x.reshape(self.batch_groups, batch, self.groups, channels, *sizes).swapaxes(1, 2)
        images: Any = np.moveaxis(grouped.reshape(blocks, batch, channels, *sizes), (1, 2), (-2, -1)).astype(np.float64)
        taps: Any = w.reshape(blocks, *[1] * len(sizes), outs, channels, *kernel).astype(np.float64)
        out: Any = np.zeros((blocks, *self.out_sizes(sizes, kernel), batch, outs))
        tap: Any
        for tap in itertools.product(*map(range, kernel)):
            here, there = self._places(tap, sizes, out.shape[1:-2])
            out[:, *np.ix_(*here)] += images[:, *np.ix_(*there)] @ taps[..., *tap].swapaxes(-1, -2)
        return np.moveaxis(np.moveaxis(out, -1, 1).reshape(blocks * outs, *out.shape[1:-1]), -1, 0).astype(x.dtype)

    def _places(self, tap: tuple[int, ...], sizes: Any, out: Any) -> tuple[list[Any], list[Any]]:
        """Along each axis: the places of the result to which this tap of the kernel contributes, and what it reads."""
        here, there = [], []
        for axis, k in enumerate(tap):
            p, dilation = np.arange(out[axis]), self.x_dilation[axis]
            at = p * self.strides[axis] + k * self.w_dilation[axis] - self.padding[axis][0]
            exists = (at >= 0) & (at % dilation == 0) & (at // dilation < sizes[axis])
            here.append(p[exists])
            there.append(at[exists] // dilation)
        return here, there

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [self._wrt_x(g, *args), self._wrt_w(g, *args)]

    def _wrt_x(self, g: Expr, x: Expr, w: Expr) -> Expr:
        """The transposed convolution: stride and dilation of the input change places, and the kernel is turned."""
        padding = tuple(
            (extent(k, d) - 1 - before, extent(n, a) - extent(m, s) + before)
            for n, m, k, a, s, d, (before, _) in self._axes(g, x, w)
        )
        blocks = self.groups * self.batch_groups
        conv = Conv(self.x_dilation, padding, self.strides, self.w_dilation, groups=blocks)
        result = apply(conv, g, flip_kernel(exchange_channels(w, blocks)))
        if self.batch_groups == 1:
            return result
        batch, channels = g.shape[0], x.shape[1]
        parts = reshape(result, (batch, self.batch_groups, channels, *x.shape[2:]))
        return reshape(swapaxes(parts, 0, 1), x.shape)

    def _wrt_w(self, g: Expr, x: Expr, w: Expr) -> Expr:
        """x convolved with g, batch and channels exchanged: stride and dilation of the kernel change places."""
        padding = tuple(
            (before, extent(m, s) - extent(n, a) + (extent(k, d) - 1 - before))
            for n, m, k, a, s, d, (before, _) in self._axes(g, x, w)
        )
        conv = Conv(self.w_dilation, padding, self.x_dilation, self.strides, self.batch_groups, self.groups)
        return swapaxes(apply(conv, swapaxes(x, 0, 1), swapaxes(g, 0, 1)), 0, 1)

    def _axes(self, g: Expr, x: Expr, w: Expr) -> Any:
        """For each spatial axis: sizes of x, the result and the kernel, dilation of x, stride, dilation, padding."""
        sizes = (x.shape[2:], g.shape[2:], w.shape[2:])
        return zip(*sizes, self.x_dilation, self.strides, self.w_dilation, self.padding, strict=True)


def flip_kernel(w: Expr) -> Expr:
    """The kernel reversed along its spatial axes."""
    axes = [i for i in range(2, w.ndim) if w.shape[i] != 1]
    return flip(w, axes) if axes else w


def exchange_channels(w: Expr, groups: int) -> Expr:
    """(o, c // groups, *kernel) -> (c, o // groups, *kernel): input and output channels exchanged within each group."""
    if groups == 1:
        return swapaxes(w, 0, 1)
    outs, ins, *kernel = w.shape
    parts = swapaxes(reshape(w, (groups, outs // groups, ins, *kernel)), 1, 2)
    return reshape(parts, (ins * groups, outs // groups, *kernel))


_FORWARD, _BACKWARD = ("out", "channels // groups"), ("channels", "out // groups")  # the first two axes of w


def _convolve(a: Arguments, bias: Any, padding: Any, flip: bool) -> Expr:
    check_channels(a)
    flip = check_flag(a.name, "flip", flip)
    conv = Conv(a.strides, forward_padding(a, padding), (1,) * a.rank, a.dilations, a.groups, fitting=True)
    return with_bias(a, apply(conv, a.x, flip_kernel(a.w) if flip else a.w), bias)


def _transpose(a: Arguments, bias: Any, padding: Any, output_padding: Any, flip: bool) -> Expr:
    check_transposed_channels(a)
    flip = check_flag(a.name, "flip", flip)
    padded = transposed_padding(a, padding, output_padding)
    conv = Conv((1,) * a.rank, padded, a.strides, a.dilations, a.groups)
    weights = exchange_channels(a.w, a.groups)
    return with_bias(a, apply(conv, a.x, weights if flip else flip_kernel(weights)), bias)


@documented(CONV, 1)
def conv1d(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    flip: bool = False,
) -> Expr:
    return _convolve(check_arguments("conv1d", 1, x, w, stride, dilation, groups, _FORWARD), bias, padding, flip)


@documented(CONV, 2)
def conv2d(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    flip: bool = False,
) -> Expr:
    return _convolve(check_arguments("conv2d", 2, x, w, stride, dilation, groups, _FORWARD), bias, padding, flip)


@documented(CONV, 3)
def conv3d(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    flip: bool = False,
) -> Expr:
    return _convolve(check_arguments("conv3d", 3, x, w, stride, dilation, groups, _FORWARD), bias, padding, flip)


@documented(TRANSPOSE, 1)
def conv1d_transpose(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    flip: bool = False,
) -> Expr:
    a = check_arguments("conv1d_transpose", 1, x, w, stride, dilation, groups, _BACKWARD)
    return _transpose(a, bias, padding, output_padding, flip)


@documented(TRANSPOSE, 2)
def conv2d_transpose(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    flip: bool = False,
) -> Expr:
    a = check_arguments("conv2d_transpose", 2, x, w, stride, dilation, groups, _BACKWARD)
    return _transpose(a, bias, padding, output_padding, flip)


@documented(TRANSPOSE, 3)
def conv3d_transpose(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    flip: bool = False,
) -> Expr:
    a = check_arguments("conv3d_transpose", 3, x, w, stride, dilation, groups, _BACKWARD)
    return _transpose(a, bias, padding, output_padding, flip)
