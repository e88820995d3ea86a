"""Sliding windows: the arguments and the arithmetic of sizes that convolution and pooling share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..symbolic.arguments import LARGEST
from ..symbolic.dims import Dim, Shape, SymDim, maximum, show
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr

Padding = tuple[tuple[Dim, Dim], ...]

SPATIAL = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
_NAMES = "'valid', 'same', 'half', 'full'"


def extent(size: Dim, dilation: int) -> Dim:
    """The length of `size` elements laid `dilation` apart: (size - 1) * dilation + 1, also of a size that is 0."""
    return size if dilation == 1 else (size - 1) * dilation + 1


def window_count(size: Dim, window: Dim, stride: int, padding: tuple[Dim, Dim]) -> Dim:
    """How many windows fit: floor((before + size + after - window) / stride) + 1."""
    return (size + (padding[0] + padding[1] - window + stride)) // stride


def same_padding(size: Dim, window: Dim, stride: int) -> tuple[Dim, Dim]:
    """(before, after) that make ceil(size / stride) windows, an odd element going behind, as TensorFlow and JAX do."""
    last = ((size + stride - 1) // stride - 1) * stride - size if stride > 1 else -1
    total = last + window
    before = maximum(total, 0) // 2
    # the total of a symbolic size may be negative: the elements that no window needs are then cut off
    return before, (max(total, 0) if isinstance(total, int) else total) - before


def per_axis(given: Any, rank: int, name: str, what: str, least: int) -> tuple[int, ...]:
    """A number for each spatial axis, out of one number or a sequence.  Raises ArgumentError or ShapeError."""
    values = [given] * rank if is_whole(given) else list(given) if isinstance(given, list | tuple) else []
    if len(values) != rank or not all(is_whole(v) for v in values):
        axes = f"for each of the {rank} spatial axes" if rank > 1 else "in a tuple for the spatial axis"
        error = ArgumentError(f"{name}: {what} is one whole number, or one {axes}; {given!r} is not.")
        raise blame(error, user_site())
    if min(values) < least or max(values) > LARGEST:
        limits = f"{least} or more" if min(values) < least else f"at most {LARGEST}"
        raise blame(ShapeError(f"{name}: {what} must be {limits}, and is {given!r}."), user_site())
    return tuple(int(v) for v in values)


def is_whole(value: Any) -> bool:
    """Whether it is an integer, and no bool."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def pairs(given: Any, name: str, sizes: Sequence[Dim], windows: Sequence[Dim], strides: Sequence[int]) -> Padding:
    """(before, after) for each spatial axis, out of any of the forms in which padding is written.

    `windows` are the extents of the windows, dilation included.
    """
    rank = len(windows)
    if isinstance(given, str):
        return _named_padding(given, name, sizes, windows, strides)
    values = [given] * rank if is_whole(given) else list(given) if isinstance(given, list | tuple) else []
    if len(values) != rank or not all(is_whole(v) or _is_pair(v) for v in values):
        each = f"{rank} numbers, {rank} pairs (before, after)" if rank > 1 else "((before, after),)"
        text = f"{name}: padding is a number, {each} or one of {_NAMES}; {given!r} is not."
        raise blame(ArgumentError(text), user_site())
    found = tuple((int(v), int(v)) if is_whole(v) else (int(v[0]), int(v[1])) for v in values)
    if min(min(pair) for pair in found) < 0:
        error = ShapeError(f"{name}: padding must be 0 or more, and is {given!r}.")
        raise blame(error, user_site(), hint="to cut elements off, slice x.")
    return found


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(is_whole(v) for v in value)


def _named_padding(
    given: str, name: str, sizes: Sequence[Dim], windows: Sequence[Dim], strides: Sequence[int]
) -> tuple[tuple[Dim, Dim], ...]:
    if given == "valid":
        return ((0, 0),) * len(windows)
    if given == "half":
        return tuple((w // 2, w // 2) for w in windows)
    if given == "full":
        return tuple((w - 1, w - 1) for w in windows)
    if given == "same":
        return tuple(same_padding(n, w, s) for n, w, s in zip(sizes, windows, strides, strict=True))
    raise blame(ArgumentError(f"{name}: padding by name is one of {_NAMES}; {given!r} is not."), user_site())


def check_rank(node: Expr, rank: int, name: str, what: str, axes: Sequence[str], *others: Expr) -> None:
    """Raise ShapeError unless the node has `rank` axes."""
    if node.ndim == rank:
        return
    error = ShapeError(
        f"{name}: {what} needs {rank} axes, ({', '.join(axes)}), and has {node.ndim}: its shape is {show(node.shape)}."
    )
    hint = "x[None] gives it a batch axis." if what == "x" and node.ndim == rank - 1 else ""
    raise blame(error, user_site(), node.site, *[o.site for o in others], hint=hint)


def check_fits(
    name: str, what: str, sizes: Shape, windows: Shape, padding: Padding, *nodes: Expr, dilated: str = ""
) -> None:
    """Raise ShapeError where a window is certainly larger than the padded input."""
    for axis, word in enumerate(SPATIAL[len(windows)]):
        numbers: Any = (*padding[axis], sizes[axis], windows[axis])
        before, after, size, window = numbers
        if any(isinstance(d, SymDim) for d in numbers) or before + size + after >= window:
            continue
        padded = f" with padding {before} and {after} is {before + size + after}" if before or after else f" is {size}"
        error = ShapeError(
            f"{name}: the {what} is larger than the input: its {word}{dilated} is {window}, x's{padded}."
        )
        raise blame(error, user_site(), *[n.site for n in nodes], hint=f"pad x, or take a smaller {what}.")
