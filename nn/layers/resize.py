"""Images of another size, by interpolation between their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from ...ops import scalar
from ...ops.coerce import as_expr
from ...ops.creation import iota
from ...ops.elementwise import cast
from ...ops.indexing import take
from ...ops.movement import Slice, expand_dims, repeat, reshape, transpose
from ...symbolic.arguments import check_choice, check_flag, is_number
from ...symbolic.dims import Dim, product, show
from ...symbolic.errors import ArgumentError, DTypeError, ShapeError, axes, blame, user_site
from ...symbolic.evaluate import evaluate
from ...symbolic.expr import Expr, apply
from ...symbolic.leaves import constant
from ...symbolic.sizes import as_dim

WORDS = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}
LARGE = 1 << 22  # elements of a matrix that is computed when the expression is made, else in each call
MODES = ("nearest", "nearest-exact", "linear", "cubic", *WORDS)


class Scale(NamedTuple):
    """From n pixels of an axis to m, whose distance is over / under pixels of the first: whole numbers all."""

    n: Dim
    m: Dim
    over: Dim
    under: Dim


def resize(x: Any, size: Any = None, *, scale: Any = None, mode: str = "nearest", align_corners: bool = False) -> Expr:
    """x of another size along its axes of space, each pixel made of those of x that are nearest to its place.

    Pixels are squares, and both images cover the same area: the middle of pixel i of the result lies at
    (i + 1/2) in / out - 1/2 in x.  With align_corners=True the middles of the outermost pixels stay where they are:
    i (in - 1) / (out - 1).  Pixels outside of x are those at its border.

    Parameters
    ----------
    x : (batch, channels, ...) with 1 to 3 axes of space; "nearest" takes any dtype, the others floats
    size : the new sizes: numbers or symbols, one, or one for each axis of space
    scale : in place of size: out = floor(in * scale), and the distance of pixels is 1 / scale; one number above 0, or
        one for each axis of space
    mode : how a pixel is made
        - "nearest": x at floor(i in / out): the left of two neighbours, as PyTorch's and OpenCV's "nearest" are
        - "nearest-exact": x at the place nearest to the middle
        - "linear" (also "bilinear", "trilinear"): 2 neighbours along each axis, weighted by nearness
        - "cubic" (also "bicubic"): 4 neighbours, weighted by Keys' cubic with a = -0.75
    align_corners : see above; for "linear" and "cubic" only

    Returns
    -------
    (batch, channels, *size), the dtype of x.  Smaller images are made of as few pixels as larger ones: blur, or pool,
    before that.

    Raises
    ------
    ShapeError
        if x has another number of axes, or a size is 0
    ArgumentError
        if not exactly one of size and scale is given, or they and mode are none of the above
    DTypeError
        if x is no float and mode "linear" or "cubic"

    Gradient
    --------
    The transposed interpolation of g.

    Numerics
    --------
    Places are computed in whole numbers, without rounding.  "linear" and "cubic" are a product with a matrix of weights
    for each axis: an infinity or NaN in x reaches all pixels of its rows.

    References
    ----------
    R. Keys 1981, Cubic convolution interpolation for digital image processing, equation 15.

    Examples
    --------
    >>> x = wf.tensor("x", ("batch", 3, "height", "width"))
    >>> wf.nn.layers.resize(x, scale=2).shape
    (batch, 3, 2*height, 2*width)
    """
    node = as_expr(x)
    if not 3 <= node.ndim <= 5:
        text = f"resize: x has {axes(node.ndim)}, and needs 3 to 5: batch, channels and one to three of space."
        raise blame(ShapeError(text), user_site(), node.site)
    check_choice("resize: mode", mode, MODES)
    mode, corners = WORDS.get(mode, mode), check_flag("resize", "align_corners", align_corners)
    smooth = mode in ("linear", "cubic")
    if corners and not smooth:
        text = f"resize: align_corners=True belongs to modes 'linear' and 'cubic', not to {mode!r}."
        raise blame(ArgumentError(text), user_site())
    if smooth and not node.type.is_float:
        text = f"resize: mode {mode!r} takes floats, and x is {node.dtype.name}."
        raise blame(DTypeError(text), user_site(), node.site, hint="cast it: x.astype('float32')")
    for axis, step in enumerate(_steps(node, size, scale), 2):
        if step.n != step.m or not (corners or step.over == step.under):
            node = _weigh(node, axis, step, mode, corners) if smooth else _nearest(node, axis, step, mode)
    return node


def _steps(x: Expr, size: Any, scale: Any) -> list[Scale]:
    """What becomes of each axis of space."""
    if (size is None) == (scale is None):
        text = f"resize: give size or scale, one of the two, not {size!r} and {scale!r}."
        raise blame(ArgumentError(text), user_site(), x.site)
    sizes = x.shape[2:]
    if scale is None:
        found = [Scale(n, m, n, m) for n, m in zip(sizes, _each(x, "size", size, as_dim), strict=True)]
    else:
        ratios = _each(x, "scale", scale, _ratio)
        steps = zip(sizes, ratios, strict=True)
        found = [Scale(n, n * r.numerator // r.denominator, r.denominator, r.numerator) for n, r in steps]
    if any(d == 0 for step in found for d in (step.n, step.m)):
        text = f"resize: from {show(sizes)} to {show(step.m for step in found)}: a size is 0."
        raise blame(ShapeError(text), user_site(), x.site)
    return found


def _each(x: Expr, what: str, given: Any, check: Any) -> list[Any]:
    """A value for each axis of space, out of one or a sequence."""
    listed = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given] * (x.ndim - 2)
    if len(listed) != x.ndim - 2 or any(v is None for v in listed):
        text = f"resize: {what} is one number, or one for each of the {x.ndim - 2} axes of space, not {given!r}."
        raise blame(ArgumentError(text), user_site(), x.site)
    return [check(v) for v in listed]


def _ratio(scale: Any) -> Fraction:
    """The fraction that a scale is meant to be: a third, not the float next to it."""
    number = isinstance(scale, Fraction) or is_number(scale)
    if not number or not 1e-4 <= scale <= 1e6:
        text = f"resize: scale is a number from 0.0001 to a million, or one for each axis of space, not {scale!r}."
        raise blame(ArgumentError(text), user_site())
    return Fraction(scale if isinstance(scale, Fraction) else float(scale)).limit_denominator(10_000)


def _nearest(x: Expr, axis: int, step: Scale, mode: str) -> Expr:
    n, m, over, under = step
    up = under if over == 1 else _times(n, m) if over == n else 0
    if isinstance(up, int) and up:
        return repeat(x, up, axis)
    down = over if under == 1 else _times(m, n) if over == n else 0
    if isinstance(down, int) and down:  # every so many pixels
        starts = tuple(down // 2 if i == axis and mode != "nearest" else 0 for i in range(x.ndim))
        steps = tuple(down if i == axis else 1 for i in range(x.ndim))
        return apply(Slice(starts, steps, (*x.shape[:axis], m, *x.shape[axis + 1 :])), x)
    i = iota((m,))
    place = i * over // under if mode == "nearest" else (2 * i + 1) * over // (2 * under)
    return take(x, scalar.minimum(place, as_expr(n) - 1), axis)


def _times(small: Dim, large: Dim) -> int:
    """What the one size is multiplied by for the other; 0: that is no whole number, or not known."""
    times = large // small
    return times if isinstance(times, int) and small * times == large else 0


def _weigh(x: Expr, axis: int, step: Scale, mode: str, corners: bool) -> Expr:
    """The matrix of weights times the pixels along one axis."""
    matrix = _weights(step, mode, corners, x.dtype)
    if axis == x.ndim - 1:
        return x @ transpose(matrix)
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    return reshape(matrix @ reshape(x, (*before, step.n, product(after))), (*before, step.m, *after))


def _weights(step: Scale, mode: str, corners: bool, kind: Any) -> Expr:
    """How much of each pixel of x (columns) is in each of the result (rows)."""
    n, m, over, under = step
    i = iota((m,))
    if corners:  # of a single pixel the first
        top, bottom = i * (n - 1), scalar.maximum(as_expr(m) - 1, 1)
    else:
        top, bottom = (2 * i + 1) * over - under, as_expr(2 * under)
    place = top // bottom
    rest = cast(top - place * bottom, "float64") / cast(bottom, "float64")
    matrix: Any = 0
    for offset, weight in taps(mode, rest):
        there = expand_dims(scalar.clip(place + offset, 0, as_expr(n) - 1), 1)
        matrix = matrix + scalar.where(scalar.eq(there, iota((1, n), 1)), expand_dims(weight, 1), 0.0)
    matrix = cast(matrix, kind)
    known = isinstance(matrix.type.size, int) and matrix.type.size <= LARGE
    return constant(evaluate(matrix)) if known else matrix


def taps(mode: str, t: Expr) -> list[tuple[int, Expr]]:
    """(offset, weight) of the pixels around a place that lies t, from 0 to 1, behind a pixel."""
    if mode == "linear":
        return [(0, 1 - t), (1, t)]
    return [(-1, _far(1 + t)), (0, _near(t)), (1, _near(1 - t)), (2, _far(2 - t))]


_A = -0.75  # the slope of Keys' cubic at distance 1


def _near(d: Expr) -> Expr:
    """Keys' cubic at distances from 0 to 1."""
    return ((_A + 2) * d - (_A + 3)) * d * d + 1


def _far(d: Expr) -> Expr:
    """Keys' cubic at distances from 1 to 2."""
    return ((_A * d - 5 * _A) * d + 8 * _A) * d - 4 * _A
