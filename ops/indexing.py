"""x[key], and its counterparts that write: integer arrays, scalar indices and masks; slices are movement."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.dims import show
from ..symbolic.errors import DTypeError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, apply
from ..symbolic.leaves import constant
from ..symbolic.types import BOOL
from . import scalar
from .axes import normalize
from .coerce import as_expr
from .computed_slices import narrow
from .creation import full, iota, zeros_like
from .elementwise import fit
from .gather import Gather, ScatterAdd, ScatterSet
from .movement import broadcast_to, check_integer, expand_dims, moveaxis, ravel, reshape
from .selection import Selection, select


def getitem(x: Any, key: Any) -> Expr:
    """x[key], as in NumPy: numbers, slices, None, ..., arrays of integers (expressions, too) and constant masks.

    Parameters
    ----------
    x : any dtype, at least as many axes as the key has items other than None and ...
    key : one item, or a tuple of items
        - a number takes the axis away; negative ones count from the end
        - a slice keeps it.  Where a size is a symbol n, x[1:] has n - 1 elements and x[:5] has min(5, n)
        - None (wf.newaxis) adds an axis of size 1
        - ... stands for as many full slices as are missing
        - integer arrays, lists or expressions pick elements: they broadcast against each other, and their axes stand
          where the first of them stood, or in front where a slice stands between them
        - a bool array or expression stands for the places where it is True, in C order
        A size that depends on values, of x[mask] or of x[i:j] with computed bounds, is computed before all else when
        the function is called.

    Raises
    ------
    IndexRangeError
        if an index is certainly out of range, or there are more than x has axes; computed indices are checked when
        the function runs
    DTypeError
        if an index is neither of these

    Gradient
    --------
    g at the places that were taken, 0 elsewhere; places taken several times get the sum.
    """
    node = as_expr(x)
    cut = narrow(key, node)
    if cut is not None:
        axis, places, rest = cut
        return getitem(take(node, places, axis), rest)
    return take_selection(node, select(node, key))


def take_selection(x: Expr, selection: Selection) -> Expr:
    """What the selection selects."""
    part = selection.slice_part(x)
    if selection.indices:
        part = apply(Gather(selection.axes), part, *selection.indices)
    return selection.place_axes(part)


def index_set(x: Any, key: Any, value: Any) -> Expr:
    """x with `value` at x[key]: a new value, where NumPy's x[key] = value changes x.

    Parameters
    ----------
    x : any dtype
    key : as in x[key], or a bool expression whose shape is that of the first axes of x
    value : broadcasts to the shape of x[key], and fits in the dtype of x
        Where the key takes a place several times, the last value in the order of the key stays.

    Raises
    ------
    ShapeError, IndexRangeError, DTypeError
        if the value does not fit, and as x[key] does

    Gradient
    --------
    Of x: g, and 0 at x[key].  Of the value: g[key], and 0 for those that were written over.
    """
    node = as_expr(x)
    values = _fitting("index_set", node, value)
    mask = _mask("index_set", node, key, values)
    if mask is not None:
        return _where_mask(node, mask, values)
    cut = narrow(key, node)
    if cut is not None:
        return _put_back(node, *cut[:2], index_set(take(node, cut[1], cut[0]), cut[2], value))
    selection = select(node, key)
    part = selection.unplace_axes(values, "index_set")
    if selection.indices:
        part = apply(ScatterSet(selection.axes), selection.slice_part(node), part, *selection.indices)
    if selection.whole:
        return part
    inside = selection.unslice_part(broadcast_to(constant(np.True_), selection.kept))
    return scalar.where(inside, selection.unslice_part(part), node)


def index_add(x: Any, key: Any, value: Any) -> Expr:
    """x with `value` added at x[key]; where the key takes a place several times, all are added, as np.add.at does.

    Parameters
    ----------
    x : any dtype but bool
    key : as in x[key], or a bool expression whose shape is that of the first axes of x
    value : broadcasts to the shape of x[key], and fits in the dtype of x

    Raises
    ------
    ShapeError, IndexRangeError, DTypeError
        if the value does not fit, and as x[key] does

    Gradient
    --------
    Of x: g.  Of the value: g[key].
    """
    node = as_expr(x)
    values = _fitting("index_add", node, value)
    mask = _mask("index_add", node, key, values)
    if mask is not None:
        return scalar.add(node, _where_mask(zeros_like(node), mask, values))
    cut = narrow(key, node)
    if cut is not None:
        return _put_back(node, *cut[:2], index_add(take(node, cut[1], cut[0]), cut[2], value))
    selection = select(node, key)
    part = selection.unplace_axes(values, "index_add")
    if not selection.indices:
        return scalar.add(node, selection.unslice_part(part))
    if selection.whole:
        return apply(ScatterAdd(selection.axes), node, part, *selection.indices)
    base = full(selection.kept, constant(np.zeros((), node.dtype)))
    return scalar.add(node, selection.unslice_part(apply(ScatterAdd(selection.axes), base, part, *selection.indices)))


def _fitting(name: str, x: Expr, value: Any) -> Expr:
    """The value in the dtype of x.  Raises DTypeError where it would lose what it is: floats in integers."""
    node = as_expr(value)
    number = node.type.weak and (x.type.is_float or (node.dtype.kind == "i" and x.dtype.kind in "iu"))
    if not number and not np.can_cast(node.dtype, x.dtype, "same_kind"):
        error = DTypeError(f"{name}: the value is {node.dtype.name}, and x is {x.dtype.name}.")
        raise blame(error, user_site(), node.site, x.site, hint=f"cast it: value.astype({x.dtype.name!r})")
    return fit(node, x.dtype)


def _put_back(x: Expr, axis: int, places: Expr, part: Expr) -> Expr:
    """x with `part` at these places of an axis."""
    return apply(ScatterSet((axis,)), x, moveaxis(part, axis, 0), places)


def _mask(name: str, x: Expr, key: Any, value: Expr) -> Expr | None:
    """The key, if it is a bool expression, and the value the same at all the places that it selects."""
    if not (isinstance(key, Expr) and key.dtype == BOOL):
        return None
    if key.ndim > x.ndim:
        text = f"{name}: a mask of shape {show(key.shape)} has more axes than x, whose shape is {show(x.shape)}."
        raise blame(ShapeError(text), user_site(), key.site, x.site)
    return key if value.ndim <= x.ndim - key.ndim else None


def _where_mask(x: Expr, mask: Expr, value: Expr) -> Expr:
    """value where the mask is True, x elsewhere: for values that are the same at all these places."""
    wide = broadcast_to(expand_dims(mask, tuple(range(mask.ndim, x.ndim))), x.shape)
    return scalar.where(wide, value, x)


def take(x: Any, indices: Any, axis: int | None = None) -> Expr:
    """x[indices] along an axis (None: of the flattened x), as np.take.

    `indices`: integers of any shape, which stands in the result where the axis stood; negative ones count from the end.
    Raises IndexRangeError for an index that is out of range: at once where it is certain, else when the function runs.
    Gradient: g added up at the places it was taken from.
    """
    node = as_expr(x) if axis is not None else ravel(x)
    place = normalize(0 if axis is None else axis, node.ndim, "take", node)
    index = as_expr(indices)
    check_integer(index, "The indices of take")
    return getitem(node, (*[slice(None)] * place, index))


def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Expr:
    """out[..., i, ...] = x[..., indices[..., i, ...], ...] along an axis, as np.take_along_axis.

    `indices` has as many axes as x; all but `axis` are those of x, or 1.  axis None: both x and indices are flat.
    With the result of argmax(keepdims=True) it gives max(keepdims=True).  Raises and gradient: as `take`.
    """
    node, index = as_expr(x) if axis is not None else ravel(x), as_expr(indices)
    check_integer(index, "The indices of take_along_axis")
    if index.ndim != node.ndim:
        text = f"take_along_axis: the indices of shape {show(index.shape)} need as many axes as x: {show(node.shape)}."
        raise blame(ShapeError(text), user_site(), index.site, node.site)
    place = normalize(axis if axis is not None else 0, node.ndim, "take_along_axis", node)
    key: list[Any] = []
    for i, size in enumerate(node.shape):
        line = [1] * node.ndim
        line[i] = -1
        key.append(index if i == place else reshape(iota((size,)), line))
    return getitem(node, tuple(key))
