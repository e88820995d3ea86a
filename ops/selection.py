"""x[key], taken apart: a slice along every axis, then integer arrays along some of them, then the axes put in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..symbolic.dims import Dim, Shape, same, show
from ..symbolic.errors import DTypeError, IndexRangeError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, apply
from ..symbolic.leaves import Constant
from ..symbolic.types import INT64
from .coerce import as_expr
from .elementwise import cast
from .gather import first_outside, out_of_range
from .movement import Slice, Unslice, broadcast_to, expand_dims, squeeze, transpose
from .nonzero import nonzero
from .slices import slice_of


@dataclass
class Selection:
    """What a key means for an expression of one shape.

    First comes the slice, of which the axes `dropped` (indexed by a number) go.  Of what is left, the arrays `indices`,
    all of one shape, index the axes `axes`, and their own axes come first.  Then the axes are put in the order `order`,
    and axes of size 1 come in at `new`.
    """

    shape: Shape
    starts: list[Dim] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    sizes: list[Dim] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    axes: tuple[int, ...] = ()
    indices: tuple[Expr, ...] = ()
    order: tuple[int, ...] = ()
    new: tuple[int, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the slice takes everything as it is."""
        plain = all(a == 0 and s == 1 for a, s in zip(self.starts, self.steps, strict=True))
        return plain and not self.dropped and tuple(self.sizes) == self.shape

    @property
    def kept(self) -> Shape:
        """The shape after the slice and what it drops."""
        return tuple(d for i, d in enumerate(self.sizes) if i not in self.dropped)

    def slice_part(self, x: Expr) -> Expr:
        """The first step."""
        if self.whole:
            return x
        part = apply(Slice(tuple(self.starts), tuple(self.steps), tuple(self.sizes)), x)
        return squeeze(part, self.dropped) if self.dropped else part

    def unslice_part(self, part: Expr) -> Expr:
        """Zeros of the shape of x, with `part` where the first step took it from."""
        if self.whole:
            return part
        wide = expand_dims(part, self.dropped) if self.dropped else part
        return apply(Unslice(tuple(self.starts), tuple(self.steps), self.shape), wide)

    def place_axes(self, taken: Expr) -> Expr:
        """The last step: axes in order, and new ones."""
        ordered = transpose(taken, self.order)
        return expand_dims(ordered, self.new) if self.new else ordered

    def unplace_axes(self, value: Expr, name: str) -> Expr:
        """A value broadcast to the shape of the result, its axes as they were before the last step."""
        inner = (*self.indices[0].shape, *self.left) if self.indices else self.kept
        result: list[Dim] = [inner[i] for i in self.order]
        for position in self.new:
            result.insert(position, 1)
        sizes = zip(reversed(value.shape), reversed(result), strict=False)
        if value.ndim > len(result) or any(mine != 1 and same(mine, wanted) is False for mine, wanted in sizes):
            text = f"{name}: a value of shape {show(value.shape)} does not fit where the key selects {show(result)}."
            raise blame(ShapeError(text), user_site(), value.site)
        whole = broadcast_to(value, tuple(result))
        plain = squeeze(whole, self.new) if self.new else whole
        return transpose(plain, tuple(int(i) for i in np.argsort(self.order)))

    @property
    def left(self) -> Shape:
        """The sizes of the axes that the arrays leave alone."""
        return tuple(d for i, d in enumerate(self.kept) if i not in self.axes)


def select(x: Expr, key: Any) -> Selection:
    """The key, checked against the shape of x.

    Raises IndexRangeError where an index is certainly outside, DTypeError for what is no index, ShapeError for masks
    that are expressions.
    """
    items = _items(x, key if isinstance(key, tuple) else (key,))
    found = Selection(x.shape)
    arrays: list[tuple[int, Expr]] = []  # (axis among those kept, index)
    places: list[int] = []  # where numbers and arrays stand among the items
    kinds: list[str] = []
    for place, item in enumerate(items):
        if item is None or item is Ellipsis:
            kinds.append("new" if item is None else "ellipsis")
            continue
        axis = len(found.starts)
        if isinstance(item, Expr):
            arrays.append((axis - len(found.dropped), item))
            item, kind = slice(None), "array"
        else:
            kind = "slice" if isinstance(item, slice) else "number"
        if kind != "slice":
            places.append(place)
        if kind == "number":
            found.dropped.append(axis)
        _add(found, x, axis, item)
        kinds.append(kind)
    _arrange(found, x, kinds, places, arrays)
    return found


def _add(found: Selection, x: Expr, axis: int, item: Any) -> None:
    """One axis of the slice."""
    size = x.shape[axis]
    if isinstance(item, slice):
        start, step, length = slice_of(item, size, x)
    else:
        start, step, length = _number(item, size, axis, x), 1, 1
    found.starts.append(start)
    found.steps.append(step)
    found.sizes.append(length)


def _arrange(found: Selection, x: Expr, kinds: list[str], places: list[int], arrays: list[tuple[int, Expr]]) -> None:
    """NumPy's rule: the arrays' axes stand where the first of them (numbers included) stood, or in front of all where
    a slice, a new axis or an ellipsis stands between them."""
    together = not places or places == list(range(places[0], places[-1] + 1))
    before = kinds[: places[0]] if arrays and together else []
    if arrays:
        found.axes = tuple(axis for axis, _ in arrays)
        found.indices = _broadcast([index for _, index in arrays], x)
    rank = found.indices[0].ndim if arrays else 0
    lead = before.count("slice")
    rest = kinds.count("slice") - lead
    found.order = (*range(rank, rank + lead), *range(rank), *range(rank + lead, rank + lead + rest))
    new, position = [], 0 if together else rank  # without arrays the rank is 0
    for place, kind in enumerate(kinds):
        if arrays and together and place == places[0]:
            position += rank
        if kind == "new":
            new.append(position)
        position += kind in ("new", "slice")
    found.new = tuple(new)


def _broadcast(indices: list[Expr], x: Expr) -> tuple[Expr, ...]:
    """The index arrays in one shape, int64."""
    rank = max(i.ndim for i in indices)
    shape: list[Dim] = [1] * rank
    for index in indices:
        for axis in range(-index.ndim, 0):
            mine, other = index.shape[axis], shape[axis]
            if mine != 1 and other != 1 and same(mine, other) is False:
                shapes = " and ".join(show(i.shape) for i in indices)
                text = f"The index arrays have shapes {shapes}, which do not broadcast."
                raise blame(ShapeError(text), user_site(), x.site, *[i.site for i in indices])
            shape[axis] = mine if other == 1 or (isinstance(mine, int) and mine != 1) else other
    return tuple(broadcast_to(cast(i, INT64), tuple(shape)) for i in indices)


def _items(x: Expr, key: tuple[Any, ...]) -> list[Any]:
    """None, Ellipsis, slice, int or integer expression for each item; the ellipsis and masks expanded."""
    items = [_item(x, given) for given in key]
    used = sum(i.ndim if _is_mask(i) else i is not None and i is not Ellipsis for i in items)
    if used > x.ndim:
        text = f"{used} axes are indexed, and the expression has {x.ndim}: its shape is {show(x.shape)}."
        raise blame(IndexRangeError(text), user_site(), x.site)
    if sum(i is Ellipsis for i in items) > 1:
        raise blame(IndexRangeError("An index can have only one ellipsis (...)."), user_site(), x.site)
    if not any(i is Ellipsis for i in items):
        items.append(Ellipsis)
    expanded: list[Any] = []
    axis = 0
    for item in items:
        if item is Ellipsis:
            expanded += [Ellipsis] + [slice(None)] * (x.ndim - used)  # which parts its sides, also where it is no axis
            axis += x.ndim - used
        elif _is_mask(item):
            expanded += _of_mask(item, x, axis)
            axis += item.ndim
        else:
            _check_constant(item, x, axis)
            expanded.append(item)
            axis += item is not None
    return expanded


def _item(x: Expr, given: Any) -> Any:
    """None, Ellipsis, slice, int, integer expression, or a bool array or expression: a mask."""
    if given is None or given is Ellipsis or isinstance(given, slice):
        return given
    if isinstance(given, int | np.integer) and not isinstance(given, bool):
        return int(given)
    if isinstance(given, list) and not given:
        given = np.zeros(0, np.int64)
    node = as_expr(given)
    mask = node.dtype.kind == "b"
    if mask and isinstance(node.op, Constant) and node.ndim:
        return node.op.value
    if mask and node.ndim:
        return node
    if node.dtype.kind not in "iu":
        text = f"An index is a number, a slice, None, ... or an array of integers, not of {node.dtype.name}."
        raise blame(DTypeError(text), user_site(), x.site, node.site, hint="cast it: i.astype('int64')")
    if isinstance(node.op, Constant) and node.ndim == 0:
        return int(node.op.value)
    return node


def _is_mask(item: Any) -> bool:
    return isinstance(item, np.ndarray) or (isinstance(item, Expr) and item.dtype.kind == "b")


def _of_mask(mask: Any, x: Expr, axis: int) -> list[Expr]:
    """The integer arrays that a mask stands for."""
    for i, (size, length) in enumerate(zip(x.shape[axis:], mask.shape, strict=False)):
        if same(size, length) is False:
            text = f"The mask has size {length} along axis {axis + i} of the expression, which has size {size}."
            raise blame(IndexRangeError(text), user_site(), x.site)
    return [as_expr(places) for places in (nonzero(mask) if isinstance(mask, Expr) else np.nonzero(mask))]


def _check_constant(item: Any, x: Expr, axis: int) -> None:
    if not (isinstance(item, Expr) and isinstance(item.op, Constant) and isinstance(x.shape[axis], int)):
        return
    outside = first_outside(item.op.value, x.shape[axis])
    if outside is not None:
        raise blame(IndexRangeError(out_of_range(outside, axis, x.shape[axis])), user_site(), x.site, item.site)


def _number(index: int, size: Dim, axis: int, x: Expr) -> Dim:
    """The place from 0 up."""
    if not -(2**63) <= index < 2**63:
        raise blame(IndexRangeError(f"index {index} is no index: it does not fit in 64 bits."), user_site(), x.site)
    if isinstance(size, int) and not -size <= index < size:
        raise blame(IndexRangeError(out_of_range(index, axis, size)), user_site(), x.site)
    return index if index >= 0 else size + index
