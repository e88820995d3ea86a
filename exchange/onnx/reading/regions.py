"""Pooling over regions of images: RoiAlign and MaxRoiPool."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ....ops import reduce, scalar
from ....ops.creation import full_like, iota
from ....ops.elementwise import cast
from ....ops.indexing import getitem, take
from ....ops.movement import expand_dims, reshape, transpose
from ....symbolic.dims import Dim
from ....symbolic.expr import Expr
from ....symbolic.leaves import size
from ....symbolic.sizes import as_dim
from .node import ModelNode
from .registry import operator


@operator("RoiAlign")
def read_roi_align(node: ModelNode, x: Expr, rois: Expr, batch: Expr) -> Expr:
    """The mean, or the largest, of samples between pixels in each cell of a grid over each region.

    x (n, c, h, w), rois (r, 4) as x1, y1, x2, y2, batch (r,) -> (r, c, output_height, output_width)
    """
    cells = node["output_height"], node["output_width"]
    halved = (node["coordinate_transformation_mode"] or "output_half_pixel") == "half_pixel"
    places, weights, counts = zip(
        *[_samples(node, rois, axis, cells[axis], x.shape[2 + axis], halved) for axis in (0, 1)], strict=True
    )
    values = _corners(x, cast(batch, "int64"), places, weights, node["mode"] == "max")
    r, c = rois.shape[0], x.shape[1]
    samples = [p[0].shape[1] // n for p, n in zip(places, cells, strict=True)]
    apart = reshape(values, (r, cells[0], samples[0], cells[1], samples[1], c))
    found = reduce.max(apart, (2, 4)) if node["mode"] == "max" else _mean(apart, counts)
    return transpose(found, (0, 3, 1, 2))


def _samples(node: ModelNode, rois: Expr, axis: int, cells: int, length: Dim, halved: bool) -> Any:
    """Along an axis: (lower and upper pixel) and (weights of both) of each sample (r, cells * k), how many count (r,).

    A sample farther outside than a pixel counts as 0.
    """
    scale, shift = node["spatial_scale"], 0.5 if halved else 0.0
    first = rois[:, 1 - axis] * scale - shift
    extent = rois[:, 3 - axis] * scale - shift - first
    extent = extent if halved else scalar.maximum(extent, 1.0)
    step, ratio = extent / cells, node["sampling_ratio"]
    counts = scalar.maximum(scalar.ceil(step), 0.0) if ratio == 0 else full_like(step, float(ratio))
    most: Any = as_dim(cast(scalar.maximum(reduce.max(counts), 1.0), "int64")) if ratio == 0 else ratio
    cell, each = (cast(iota((cells, most), k), rois.dtype) for k in (0, 1))
    nth = scalar.minimum(each, _column(counts) - 1)  # those that are too many are the last one once more
    at = _column(first) + _column(step) * (cell + (nth + 0.5) / scalar.maximum(_column(counts), 1.0))
    inside = scalar.ge(at, -1.0) & scalar.le(at, cast(size(length), at.dtype))
    if node["mode"] != "max":
        inside = inside & scalar.lt(each, _column(counts))
    return *_pixels(at, inside, length), counts


def _pixels(at: Expr, inside: Expr, length: Dim) -> Any:
    """The two pixels around places (r, cells, k) along an axis, and their weights: pairs of (r, cells * k)."""
    last = cast(size(length) - 1, at.dtype)
    at = scalar.clip(at, 0.0, last)
    low = scalar.floor(at)
    part = at - low
    flat = (at.shape[0], at.shape[1] * at.shape[2])
    pixels = [reshape(cast(p, "int64"), flat) for p in (low, scalar.minimum(low + 1, last))]
    return pixels, [reshape(scalar.where(inside, w, 0.0), flat) for w in (1 - part, part)]


def _column(x: Expr) -> Expr:
    return expand_dims(x, (1, 2))


def _corners(x: Expr, batch: Expr, places: Any, weights: Any, largest: bool) -> Expr:
    """The samples (r, a, b, c), each of four pixels: their weighted sum, or the largest of the weighted."""
    total: Expr | None = None
    image = expand_dims(batch, (1, 2))
    for i, j in itertools.product((0, 1), repeat=2):
        row, column = expand_dims(places[0][i], 2), expand_dims(places[1][j], 1)
        taken = getitem(x, (image, slice(None), row, column))
        term = taken * expand_dims(expand_dims(weights[0][i], 2) * expand_dims(weights[1][j], 1), 3)
        total = term if total is None else scalar.maximum(total, term) if largest else total + term
    assert total is not None  # there are four
    return total


def _mean(apart: Expr, counts: Any) -> Expr:
    number = expand_dims(scalar.maximum(counts[0] * counts[1], 1.0), (1, 2, 3))
    return reduce.sum(apart, (2, 4)) / number


@operator("MaxRoiPool")
def read_max_roi_pool(node: ModelNode, x: Expr, rois: Expr) -> Expr:
    """The largest element in each cell of a grid over each region; 0 where a cell is empty.

    x (n, c, h, w), rois (r, 5) as batch, x1, y1, x2, y2 -> (r, c, *pooled_shape)
    """
    found = take(x, cast(rois[:, 0], "int64"), 0)
    for axis, cells in enumerate(node["pooled_shape"]):
        found = _cells(node, found, rois, axis, cells)
    return scalar.where(scalar.eq(found, -np.inf), 0.0, found)


def _cells(node: ModelNode, x: Expr, rois: Expr, axis: int, cells: int) -> Expr:
    """The largest elements of x (r, c, h, w) in each cell along one axis."""
    ends = [scalar.floor(rois[:, k] * node["spatial_scale"] + 0.5) for k in (2 - axis, 4 - axis)]
    step = scalar.maximum(ends[1] - ends[0] + 1, 1.0) / cells
    cell, place = cast(iota((cells,)), rois.dtype), cast(iota((x.shape[2 + axis],)), rois.dtype)
    low = scalar.floor(expand_dims(step, 1) * cell) + expand_dims(ends[0], 1)
    high = scalar.ceil(expand_dims(step, 1) * (cell + 1)) + expand_dims(ends[0], 1)
    inside = scalar.ge(place, expand_dims(low, 2)) & scalar.lt(place, expand_dims(high, 2))
    lines = transpose(x, (0, 1, 3, 2)) if axis == 0 else x
    picked = scalar.where(expand_dims(inside, (1, 2)), expand_dims(lines, 3), -np.inf)  # (r, c, others, cells, along)
    found = reduce.max(picked, 4)
    return transpose(found, (0, 1, 3, 2)) if axis == 0 else found
