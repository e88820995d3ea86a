"""What users write to conv1d, conv2d_transpose and their kind: checked, with full sentences where it cannot be."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..symbolic.dims import Dim, Shape, maximum, product, same, show
from ..symbolic.errors import DTypeError, ShapeError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.types import promote
from . import scalar
from .coerce import as_expr
from .elementwise import cast
from .movement import reshape
from .windows import SPATIAL, Padding, check_fits, check_rank, extent, pairs, per_axis, window_count

Sizes = tuple[int, ...]


class Arguments(NamedTuple):
    """The arguments of a convolution, checked one by one; `windows` are the dilated sizes of the kernel."""

    name: str
    x: Expr
    w: Expr
    strides: Sizes
    dilations: Sizes
    groups: int

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.strides)

    @property
    def sizes(self) -> Shape:
        """The spatial sizes of x."""
        return self.x.shape[2:]

    @property
    def windows(self) -> Shape:
        """How far the kernel reaches along each spatial axis."""
        return tuple(extent(k, d) for k, d in zip(self.w.shape[2:], self.dilations, strict=True))


def check_arguments(
    name: str, rank: int, x: Any, w: Any, stride: Any, dilation: Any, groups: Any, layout: tuple[str, str]
) -> Arguments:
    """The arguments that convolutions and transposed ones share.  `layout`: what the first two axes of w are."""
    node, kernel = as_expr(x), as_expr(w)
    check_rank(node, rank + 2, name, "x", ("batch", "channels", *SPATIAL[rank]), kernel)
    check_rank(kernel, rank + 2, name, "w", (*layout, *SPATIAL[rank]), node)
    for what, operand in (("x", node), ("w", kernel)):
        if not operand.type.is_float:
            error = DTypeError(f"{name} takes floats, and {what} is {operand.dtype.name}.")
            raise blame(error, user_site(), operand.site, hint=f"cast it: {what}.astype('float32')")
    if product(kernel.shape[2:]) == 0:
        error = ShapeError(f"{name}: the kernel is empty: w has shape {show(kernel.shape)}.")  # type: ignore[assignment]
        raise blame(error, user_site(), kernel.site, node.site)
    strides = per_axis(stride, rank, name, "stride", 1)
    dilations = per_axis(dilation, rank, name, "dilation", 1)
    count = per_axis(groups, 1, name, "groups", 1)[0]
    kind = promote(node.type, kernel.type)
    return Arguments(name, cast(node, kind), cast(kernel, kind), strides, dilations, count)


def check_channels(a: Arguments) -> None:
    """Raise ShapeError unless w (out, channels // groups, *kernel) fits the channels of x."""
    channels, expected = a.x.shape[1], a.w.shape[1] * a.groups
    _check_divides(a, channels, "channels of x")
    _check_divides(a, a.w.shape[0], "output channels of w")
    if same(channels, expected) is False:
        times = f" ({a.w.shape[1]} in each of {a.groups} groups)" if a.groups > 1 else ""
        text = f"{a.name}: x has {channels} channels, and w expects {expected}{times}"
        error = ShapeError(f"{text}: their shapes are {show(a.x.shape)} and {show(a.w.shape)}.")
        hint = "w has shape (out, channels // groups, *kernel)."
        raise blame(error, user_site(), a.x.site, a.w.site, hint=hint)


def check_transposed_channels(a: Arguments) -> None:
    """Raise ShapeError unless w (channels, out // groups, *kernel) fits the channels of x."""
    _check_divides(a, a.x.shape[1], "channels of x")
    if same(a.x.shape[1], a.w.shape[0]) is False:
        text = f"{a.name}: x has {a.x.shape[1]} channels, and w expects {a.w.shape[0]}"
        error = ShapeError(f"{text}: their shapes are {show(a.x.shape)} and {show(a.w.shape)}.")
        hint = "w has shape (channels, out // groups, *kernel): that of the convolution this is the transpose of."
        raise blame(error, user_site(), a.x.site, a.w.site, hint=hint)


def _check_divides(a: Arguments, channels: Dim, what: str) -> None:
    if isinstance(channels, int) and channels % a.groups:
        error = ShapeError(f"{a.name}: groups = {a.groups} does not divide the {channels} {what}.")
        raise blame(error, user_site(), a.x.site, a.w.site)


def forward_padding(a: Arguments, padding: Any) -> Padding:
    """The padding of a convolution.  Raises ShapeError where the kernel does not fit in the padded input."""
    found = pairs(padding, a.name, a.sizes, a.windows, a.strides)
    dilated = "" if a.windows == a.w.shape[2:] else f", dilated by {show_numbers(a.dilations)},"
    check_fits(a.name, "kernel", a.sizes, a.windows, found, a.x, a.w, dilated=dilated)
    return found


def show_numbers(values: Sizes) -> str:
    """One number where all are the same, else all of them."""
    return str(values[0] if len(set(values)) == 1 else values)


def transposed_padding(a: Arguments, padding: Any, output_padding: Any) -> Padding:
    """How the spread-out input of a transposed convolution is padded: the padding of the convolution it transposes,
    taken from `kernel - 1`, and more behind."""
    extra = per_axis(output_padding, a.rank, a.name, "output_padding", 0)
    for e, s, d in zip(extra, a.strides, a.dilations, strict=True):
        if e >= max(s, d):
            text = f"{a.name}: output_padding = {e} is not less than the stride {s} or the dilation {d}."
            raise blame(ShapeError(text), user_site(), a.x.site, a.w.site)
    if isinstance(padding, str) and padding == "same":
        # that of the convolution from size * stride to size; negative where the stride is longer than the kernel
        totals = [w - s for w, s in zip(a.windows, a.strides, strict=True)]
        forward: Any = [(maximum(t, 0) // 2, t - maximum(t, 0) // 2) for t in totals]
    else:
        forward = pairs(padding, a.name, a.sizes, a.windows, a.strides)
    found = tuple((w - 1 - b, w - 1 - c + e) for w, (b, c), e in zip(a.windows, forward, extra, strict=True))
    _check_nonempty(a, found)
    return found


def _check_nonempty(a: Arguments, padding: Padding) -> None:
    spatial = zip(SPATIAL[a.rank], a.sizes, a.strides, a.windows, padding, strict=True)
    for word, size, stride, window, pads in spatial:
        left = window_count(extent(size, stride), window, 1, pads)
        if isinstance(left, int) and left < 1:
            text = f"{a.name}: the result's {word} would be {left}: padding takes away more than there is."
            raise blame(ShapeError(text), user_site(), a.x.site, a.w.site, hint="take less padding.")


def with_bias(a: Arguments, out: Expr, bias: Any) -> Expr:
    """out + bias, one number for each output channel.  Raises ShapeError for a bias of another shape."""
    if bias is None:
        return out
    node, channels = as_expr(bias), out.shape[1]
    if node.ndim != 1 or same(node.shape[0], channels) is False:
        wanted = f"shape {show((channels,))}, a number for each output channel"
        error = ShapeError(f"{a.name}: bias needs {wanted}, and has shape {show(node.shape)}.")
        raise blame(error, user_site(), node.site, a.w.site)
    return scalar.add(out, reshape(node, (channels, *[1] * a.rank)))
