"""Elements around an array: a number, or its own, repeated, mirrored or from the other end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..symbolic.arguments import LARGEST, check_choice
from ..symbolic.dims import Dim, SymDim
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, apply
from .coerce import as_expr
from .elementwise import fit
from .movement import Pad, Slice, broadcast_to, concatenate

Piece = tuple[Dim, int, int]  # where it starts, its step (0: one element again and again), how many elements it has

PIECES: dict[str, tuple[int, Callable[[Any, int, int], tuple[Piece, Piece]]]] = {
    "edge": (0, lambda n, before, after: ((0, 0, before), (n - 1, 0, after))),
    "reflect": (1, lambda n, before, after: ((before, -1, before), (n - 2, -1, after))),
    "symmetric": (0, lambda n, before, after: ((before - 1, -1, before), (n - 1, -1, after))),
    "wrap": (0, lambda n, before, after: ((n - before, 1, before), (0, 1, after))),
}
"""What stands before and behind an axis of n elements; how many of these the widths leave out, at least."""


def pad(x: Any, widths: Any, value: Any = 0, mode: str = "constant") -> Expr:
    """x with more elements around it, as np.pad.

    Parameters
    ----------
    x : any dtype
    widths : how many elements are added, from 0 up: one number, (before, after), or a pair for each axis
    value : a number or a scalar expression: what is added by mode "constant"; the others take no heed of it
    mode : what is added along an axis a b c d, with widths 2
        - "constant": 0 0 a b c d 0 0
        - "edge": a a a b c d d d, what PyTorch calls "replicate"
        - "reflect": c b a b c d c b, mirrored at the outermost elements
        - "symmetric": b a a b c d d c, mirrored beside them
        - "wrap": c d a b c d a b, what PyTorch calls "circular"

    Several axes are padded one after the other, so that corners are mirrored twice.  A width is at most the size of the
    axis by "symmetric" and "wrap", less than it by "reflect"; NumPy begins anew where there is nothing left to mirror.

    Raises
    ------
    ShapeError
        if a width is below 0, or larger than the mode allows; for sizes that are symbols when the function is called,
        as an IndexRangeError
    ArgumentError
        if a width is no whole number, or mode none of these words

    Gradient
    --------
    Of x: g inside, and what was added comes back to the elements that it was made of.  Of the value: the sum of g
    around x.
    """
    node = as_expr(x)
    pairs = _pairs(node, widths)
    check_choice("pad: mode", mode, ("constant", *PIECES))
    if mode == "constant":
        around = fit(value, node.dtype)
        return apply(Pad(pairs), node, around) if pairs else node
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            node = pad_axis("pad", node, axis, before, after, mode)
    return node


def _pairs(node: Expr, widths: Any) -> tuple[tuple[int, int], ...]:
    """(before, after) for each axis."""
    try:
        given = np.asarray(widths)
        if given.dtype.kind not in "iu":
            raise blame(ArgumentError(f"pad: widths are whole numbers, not {widths!r}."), user_site(), node.site)
        pairs = np.broadcast_to(given, (node.ndim, 2)).tolist()
    except ValueError:
        text = f"pad: widths {widths!r} are neither a number, a pair, nor a pair for each of {node.ndim} axes."
        raise blame(ShapeError(text), user_site(), node.site) from None
    if min((w for pair in pairs for w in pair), default=0) < 0:
        raise blame(ShapeError(f"pad: widths must be from 0 up, not {widths!r}."), user_site(), node.site)
    return tuple((before, after) for before, after in pairs)


def pad_axis(name: str, x: Expr, axis: int, before: int, after: int, mode: str) -> Expr:
    """x with its own elements before and after along one axis; `mode` is one of PIECES."""
    size = x.shape[axis]
    fewer, pieces = PIECES[mode]
    most = size if mode != "edge" else LARGEST if size != 0 else 0
    if not isinstance(most, SymDim) and max(before, after) > max(most - fewer, 0):
        room = (
            f"mode {mode!r} adds at most {max(most - fewer, 0)} on each side of axis {axis}, which has {size} elements"
        )
        text = f"{name}: {room}, and the widths are {before} and {after}."
        raise blame(ShapeError(text), user_site(), x.site)
    front, back = (_piece(x, axis, piece) for piece in pieces(size, before, after))
    return concatenate([part for part in (front, x, back) if part is not None], axis)


def _piece(x: Expr, axis: int, piece: Piece) -> Expr | None:
    """Some elements of x along an axis; None: there are none."""
    start, step, count = piece
    if count == 0:
        return None
    starts = tuple(start if i == axis else 0 for i in range(x.ndim))
    steps = tuple(step or 1 if i == axis else 1 for i in range(x.ndim))
    sizes = tuple((count if step else 1) if i == axis else d for i, d in enumerate(x.shape))
    part = apply(Slice(starts, steps, sizes), x)
    return part if step else broadcast_to(part, tuple(count if i == axis else d for i, d in enumerate(x.shape)))
