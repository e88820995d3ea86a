"""Images of another size: Resize and Upsample; images read at places that are computed; their middles."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....nn.layers import affine_grid, grid_sample
from ....ops import scalar
from ....ops.coerce import as_expr
from ....ops.elementwise import as_float, cast
from ....symbolic.dims import Dim
from ....symbolic.expr import Expr
from ....symbolic.leaves import constant
from ....symbolic.sizes import as_dim
from .interpolating import Line, fraction, interpolate
from .movement import axes_of, pad_axis, piece
from .node import ModelNode, scalars_of
from .registry import operator

Choose = Callable[..., Any]
ASPECTS: dict[str, tuple[Choose, Choose]] = {
    "not_larger": (min, scalar.minimum),
    "not_smaller": (max, scalar.maximum),
}
"""The one factor of several, by keep_aspect_ratio_policy: of numbers, and of expressions."""


@operator("Upsample", settings=(1,))
def read_upsample(node: ModelNode, x: Expr, scales: Expr | None = None) -> Expr:
    """x with each axis so many times as long."""
    return _resize_old(node, x, constant(np.float32(node["scales"])) if scales is None else scales)


def _resize_old(node: ModelNode, x: Expr, scales: Expr | None) -> Expr:
    """As opsets up to 10 do it: places are i / scale, and nearest is the left one of two, of a smaller image the right.

    Which one it is they leave open; runtimes do it so.
    """
    mode = {"bilinear": "linear"}.get(node["mode"], node["mode"])
    return interpolate(x, dict(enumerate(_scale(node, x.shape, scales))), mode, "asymmetric", "ceil of smaller")


@operator("Resize", settings=(1, 2))
def read_resize(node: ModelNode, x: Expr, *operands: Expr | None) -> Expr:
    """x of other sizes, or so many times as long, each element made of those of x that are nearest to its place."""
    if node.version < 11:
        return _resize_old(node, x, operands[0])
    roi, scales, sizes = [*operands, None, None, None][:3]
    along = range(x.ndim) if node["axes"] is None else [node.check_axis(a, x.ndim) for a in node["axes"]]
    lines = _lines(node, x, along, scales, sizes)
    where, options = node["coordinate_transformation_mode"], {}
    if where == "tf_crop_and_resize":
        lines = _crop(node, lines, roi)
        options["outside"] = node["extrapolation_value"]
    if node["mode"] == "cubic":
        options["slope"] = node["cubic_coeff_a"]
    options |= {"antialias": bool(node["antialias"]), "drop": bool(node["exclude_outside"])}
    return interpolate(x, dict(zip(along, lines, strict=True)), node["mode"], where, node["nearest_mode"], **options)


def _lines(node: ModelNode, x: Expr, along: Sequence[int], scales: Expr | None, sizes: Expr | None) -> list[Line]:
    """What becomes of each axis; scales without elements are none."""
    before = [x.shape[a] for a in along]
    if sizes is None or sizes.shape == (0,):
        return _scale(node, before, scales)
    wanted = node.sizes(sizes)
    _check_count("sizes", wanted, before)
    policy = node["keep_aspect_ratio_policy"] or "stretch"
    if policy == "stretch":
        return [Line(n, m, m, n) for n, m in zip(before, wanted, strict=True)]
    return _keep_aspect(before, wanted, policy)


def _check_count(what: str, given: Sequence[Any], before: Sequence[Dim]) -> None:
    if len(given) != len(before):
        raise ValueError(f"it has {len(given)} {what} for {len(before)} axes")


def _scale(node: ModelNode, before: Sequence[Dim], scales: Expr | None) -> list[Line]:
    """Axes so many times as long, of numbers or of what is computed."""
    if scales is None:
        raise ValueError("it has neither scales nor sizes")
    known = node.numbers(scales)
    given = scalars_of(scales) if known is None else [float(v) for v in known.reshape(-1)]
    _check_count("scales", given, before)
    return [_scale_line(n, scale) for n, scale in zip(before, given, strict=True)]


def _scale_line(n: Dim, scale: Any) -> Line:
    """An axis so many times as long: floor(n scale), in float32 as the standard's inference of shapes has it."""
    up, down = (scale, 1) if isinstance(scale, Expr) else fraction(scale)
    if isinstance(n, int) and not isinstance(scale, Expr):
        return Line(n, int(np.floor(np.float32(n) * np.float32(scale))), up, down)
    if isinstance(up, int):
        return Line(n, n * up // down, up, down)
    length = cast(as_expr(n), "float32") * cast(as_expr(scale), "float32")
    return Line(n, as_dim(cast(scalar.floor(length), "int64")), up, down)


def _keep_aspect(before: Sequence[Dim], wanted: Sequence[Dim], policy: str) -> list[Line]:
    """All axes by the one factor with which none is larger, or none smaller, than it is to be."""
    pairs = list(zip(before, wanted, strict=True))
    if policy not in ASPECTS:
        raise ValueError(f"its keep_aspect_ratio_policy {policy!r} is none of the standard's")
    if all(isinstance(d, int) and d > 0 for pair in pairs for d in pair):
        n, m = ASPECTS[policy][0](pairs, key=lambda pair: pair[1] / pair[0])
        return [Line(d, (2 * d * m + n) // (2 * n), m, n) for d in before]
    factors = [cast(as_expr(m), "float64") / cast(as_expr(n), "float64") for n, m in pairs]
    factor = functools.reduce(ASPECTS[policy][1], factors)
    lengths = [scalar.floor(cast(as_expr(n), "float64") * factor + 0.5) for n in before]
    return [Line(n, as_dim(cast(m, "int64")), factor, 1) for n, m in zip(before, lengths, strict=True)]


def _crop(node: ModelNode, lines: Sequence[Line], roi: Expr | None) -> list[Line]:
    """The lines, each with the part of x that is its image: from 0 to 1."""
    if roi is None:
        raise ValueError("it crops, and has no roi")
    known = node.numbers(roi)
    ends = scalars_of(cast(roi, "float64")) if known is None else [float(v) for v in known.reshape(-1)]
    _check_count("numbers in its roi", ends, [*lines, *lines])
    return [line._replace(part=part) for line, part in zip(lines, zip(*_halves(ends), strict=True), strict=True)]


def _halves(values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    return values[: len(values) // 2], values[len(values) // 2 :]


# ---- samplers --------------------------------------------------------------------------------------------------------


@operator("GridSample")
def read_grid_sample(node: ModelNode, x: Expr, grid: Expr) -> Expr:
    """x read at the places of a grid, whose ends are -1 and 1, between its elements."""
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(node["mode"], node["mode"])
    options = {"mode": mode, "padding_mode": node["padding_mode"], "align_corners": bool(node["align_corners"])}
    return cast(grid_sample(as_float(x), grid, **options), x.dtype)


@operator("AffineGrid")
def read_affine_grid(node: ModelNode, theta: Expr, size: Expr) -> Expr:
    """The places that an affine map takes each element of an image (n, c, *spatial) to."""
    return affine_grid(theta, node.sizes(size)[2:], align_corners=bool(node["align_corners"]))


@operator("CenterCropPad")
def read_center_crop_pad(node: ModelNode, x: Expr, shape: Expr) -> Expr:
    """The middle of x along some axes, or x in the middle of zeros."""
    along = axes_of(node, None, x.ndim) or range(x.ndim)
    for axis, wanted in zip(along, node.entries(shape), strict=True):
        x = _center(node, x, axis, wanted)
    return x


def _center(node: ModelNode, x: Expr, axis: int, wanted: Any) -> Expr:
    have = x.shape[axis]
    if isinstance(have, int) and isinstance(wanted, int):
        if wanted <= have:
            return x if wanted == have else piece(x, axis, (have - wanted) // 2, wanted)
        before = (wanted - have) // 2
        return pad_axis(x, axis, before, wanted - have - before, "constant", node.like(0, x))
    more = as_expr(wanted) - as_expr(have)
    half = scalar.where(scalar.gt(more, 0), more // 2, -(-more // 2))
    return pad_axis(x, axis, half, more - half, "constant", node.like(0, x))
