"""Pictures of what a network has learnt: images in a grid, filters, the values of each layer."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..symbolic.arguments import check_count, check_flag, check_mapping
from ..symbolic.arrays import as_array
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.variables import get_value
from .history import figure_class, write_figure

__all__ = ["filters", "grid", "histograms", "images"]


def grid(images: Any, columns: int | None = None, *, each: bool = True) -> np.ndarray:
    """Images beside one another, a pixel apart, as one: (height, width) grey or (height, width, 3) coloured, in [0, 1].

    Parameters
    ----------
    images : (n, height, width), (n, 1, height, width) or (n, 3, height, width) numbers
    columns : images in a row; None: as many as make it nearly square
    each : whether each is stretched from its own least to its own largest value; if not, all by those of all.  An image
        that is the same everywhere is grey; between them it is white

    Raises ShapeError for arrays of other shapes.
    """
    values = as_array("grid: images", images)
    if values.ndim == 4 and values.shape[1] in (1, 3):
        values = np.moveaxis(values, 1, -1)
        values = values[..., 0] if values.shape[-1] == 1 else values
    elif values.ndim != 3:
        text = f"grid: images have the shape (n, height, width), (n, 1, ...) or (n, 3, ...), not {values.shape}."
        raise blame(ShapeError(text), user_site())
    if not values.size:
        raise blame(ArgumentError(f"grid: there are no pixels in images of shape {values.shape}."), user_site())
    count, height, width = values.shape[:3]
    wanted = math.ceil(math.sqrt(count)) if columns is None else columns
    across = min(count, check_count("grid", "columns", wanted, least=1))
    check_flag("grid", "each", each)
    down = math.ceil(count / across)
    out = np.ones((down * (height + 1) - 1, across * (width + 1) - 1, *values.shape[3:]), np.float32)
    for number, image in enumerate(_stretch(values.astype(np.float64), each)):
        row, column = divmod(number, across)
        top, left = row * (height + 1), column * (width + 1)
        out[top : top + height, left : left + width] = image
    return out


def _stretch(values: np.ndarray, each: bool) -> np.ndarray:
    """The values in [0, 1]."""
    axes = tuple(range(1, values.ndim)) if each else None
    low, high = values.min(axes, keepdims=True), values.max(axes, keepdims=True)
    span = high - low
    flat = span == 0
    stretched: np.ndarray = np.where(flat, 0.5, (values - low) / np.where(flat, 1, span))
    return stretched


def images(values: Any, path: str | os.PathLike[str] | None = None, title: str = "", **options: Any) -> Any:
    """A figure of matplotlib's with images in a grid; `values` and `options` as `grid` takes them.

    path : where it is written; None: nowhere
    """
    picture = grid(values, **options)
    width = 4.0
    figure = figure_class()(figsize=(width, width * picture.shape[0] / picture.shape[1] + 0.4), layout="constrained")
    plot = figure.subplots()
    plot.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    plot.set(xticks=[], yticks=[], title=title)
    return write_figure("images: path", figure, path)


def filters(w: Any, path: str | os.PathLike[str] | None = None, title: str = "filters", **options: Any) -> Any:
    """A figure of the kernels of a convolution, each stretched from black to white: `nn.pictures.filters(w)`.

    w : (filters, channels, height, width), an array or a shared variable; of three channels in colour, else each
        channel of each filter as an image of its own, a filter in a row
    """
    values = get_value(w) if isinstance(w, Expr) else as_array("filters: w", w)
    if values.ndim != 4:
        text = f"filters: kernels have the shape (filters, channels, height, width), not {values.shape}."
        raise blame(ShapeError(text), user_site())
    if values.shape[1] not in (1, 3):
        options = {"columns": values.shape[1], **options}
        values = values.reshape(-1, *values.shape[2:])
    return images(values, path, title, **options)


def histograms(values: Mapping[str, Any], path: str | os.PathLike[str] | None = None, bins: int = 50) -> Any:
    """A figure with the distribution of each array, beside one another: {"layer 1": its values, ...}.

    Above each its mean and standard deviation: where these die out or saturate from layer to layer, nothing is learnt.
    """
    named = check_mapping("histograms: values", values, "name: array", str)
    check_count("histograms", "bins", bins, 1, 10**6)
    if not named:
        raise blame(ArgumentError("histograms: there are no arrays."), user_site())
    figure = figure_class()(figsize=(1.5 * len(named) + 0.5, 2.2), layout="constrained")
    for plot, (name, value) in zip(figure.subplots(1, len(named), squeeze=False)[0], named.items(), strict=True):
        flat = as_array(f"histograms: {name}", value).ravel()
        finite = flat[np.isfinite(flat)]
        plot.hist(finite, bins=bins)
        plot.set(yticks=[])
        mean, spread = (finite.mean(), finite.std()) if finite.size else (math.nan, math.nan)
        plot.set_title(f"{name}\n{mean:.2g} ± {spread:.2g}", fontsize=8)
        plot.tick_params(labelsize=7)
    return write_figure("histograms: path", figure, path)
