"""The same elements in other places, or with others around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....ops import scalar
from ....ops.coerce import as_expr
from ....ops.creation import iota
from ....ops.indexing import getitem
from ....ops.movement import Slice, broadcast_to, concatenate, expand_dims, reshape, squeeze, tile, transpose
from ....ops.padding import pad
from ....symbolic.dims import Dim, Shape, SymDim, product, same
from ....symbolic.expr import Expr, apply
from ....symbolic.leaves import Constant, size
from ....symbolic.sizes import as_dim
from .node import ModelNode
from .registry import operator

FAR = 2**31 - 1  # from here on a bound of a slice says "to the end"


@operator("Reshape")
def read_reshape(node: ModelNode, x: Expr, shape: Expr) -> Expr:
    """The elements under another shape, in which 0 is the size as before, and -1 what is left."""
    given = node.entries(shape)
    if not node["allowzero"]:
        given = [_or_before(d, x.shape[i]) if i < x.ndim else d for i, d in enumerate(given)]
    if any(isinstance(d, Expr) for d in given) and -1 not in [d for d in given if isinstance(d, int)]:
        given = _fill(x, given)
    return reshape(x, tuple(d if isinstance(d, int) and d == -1 else as_dim(d) for d in given))


def _or_before(given: Dim | Expr, before: Dim) -> Dim | Expr:
    if isinstance(given, Expr):
        return scalar.where(scalar.eq(given, 0), as_expr(before), given)
    return before if isinstance(given, int) and given == 0 else given


def _fill(x: Expr, given: Sequence[Dim | Expr]) -> list[Dim | Expr]:
    """The sizes, one of which may turn out to be -1."""
    others: Any = 1
    for each in given:
        others = others * (scalar.maximum(each, 1) if isinstance(each, Expr) else as_expr(each))
    left = as_expr(x.type.size) // scalar.maximum(others, 1)
    return [scalar.where(scalar.eq(d, -1), left, d) if isinstance(d, Expr) else d for d in given]


@operator("Flatten")
def read_flatten(node: ModelNode, x: Expr) -> Expr:
    """Two axes: all before `axis`, and all from there on."""
    given = node["axis"]
    first = given if given == x.ndim else node.check_axis(given, x.ndim)
    return reshape(x, (product(x.shape[:first]), product(x.shape[first:])))


@operator("Transpose")
def read_transpose(node: ModelNode, x: Expr) -> Expr:
    """The axes in another order."""
    return transpose(x, node["perm"])


def axes_of(node: ModelNode, operand: Expr | None, ndim: int) -> list[int] | None:
    """Axes, which newer opsets have as an operand and older ones as an attribute; None where there are none."""
    given = node["axes"] if operand is None else node.integers(operand, "axes")
    return None if given is None else [node.check_axis(a, ndim) for a in given]


@operator("Squeeze")
def read_squeeze(node: ModelNode, x: Expr, axes: Expr | None = None) -> Expr:
    """x without axes of size 1."""
    given = axes_of(node, axes, x.ndim)
    return squeeze(x, None if given is None else tuple(given))


@operator("Unsqueeze")
def read_unsqueeze(node: ModelNode, x: Expr, axes: Expr | None = None) -> Expr:
    """x with further axes of size 1."""
    given = node["axes"] if axes is None else node.integers(axes, "axes")
    return expand_dims(x, tuple(given))


@operator("Concat")
def read_concat(node: ModelNode, *operands: Expr) -> Expr:
    """The operands one after the other along an axis."""
    return concatenate(list(operands), node.axis(operands[0].ndim, default=1))


def piece(x: Expr, axis: int, start: Dim, count: Dim) -> Expr:
    """`count` elements of x along an axis."""
    starts = tuple(start if i == axis else 0 for i in range(x.ndim))
    sizes = tuple(count if i == axis else d for i, d in enumerate(x.shape))
    return apply(Slice(starts, (1,) * x.ndim, sizes), x)


@operator("Split")
def read_split(node: ModelNode, x: Expr, split: Expr | None = None) -> tuple[Expr, ...]:
    """x in pieces along an axis: of sizes that are given, or of equal ones, of which the last may be smaller."""
    axis = node.axis(x.ndim)
    counts: Sequence[Dim] = node["split"] or () if split is None else node.sizes(split)
    if not counts:
        counts = equal_parts(node, x.shape[axis], len(node.outputs))
    return tuple(pieces(x, axis, counts))


def pieces(x: Expr, axis: int, counts: Sequence[Dim]) -> list[Expr]:
    """x cut into pieces of these sizes along an axis."""
    start: Dim = 0
    found = []
    for count in counts:
        found.append(piece(x, axis, start, count))
        start = start + count
    return found


def equal_parts(node: ModelNode, whole: Dim, parts: int) -> list[Dim]:
    """The sizes of so many parts, of which the last may be smaller."""
    if isinstance(whole, SymDim):
        return [whole // parts] * (parts - 1) + [whole - whole // parts * (parts - 1)]
    each = -(-whole // parts) if node.version >= 18 else whole // parts
    return [*[each] * (parts - 1), max(whole - each * (parts - 1), 0)]


# ---- slices ----------------------------------------------------------------------------------------------------------


@operator("Slice")
def read_slice(node: ModelNode, x: Expr, *bounds: Expr | None) -> Expr:
    """x[start : end : step] along some axes."""
    starts, ends, axes, steps = _bounds(node, bounds)
    axes = [node.check_axis(a, x.ndim) for a in (range(len(starts)) if axes is None else axes)]
    if not len(starts) == len(ends) == len(axes) == len(steps or starts):
        raise ValueError(f"{len(starts)} starts, {len(ends)} ends and {len(axes)} axes are not of one number")
    key: list[Any] = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps or [1] * len(starts), strict=True):
        key[axis] = _slice(start, end, step, x.shape[axis])
        width = _width(start, end)
        if width and step == 1:
            x = getitem(x, (*[slice(None)] * axis, iota((width,)) + start))
            key[axis] = slice(None)
    return getitem(x, tuple(key))


def _width(start: Any, end: Any) -> int | None:
    """How far the end is from the start, where both are computed, and that is known all the same."""
    if not (isinstance(start, Expr) and isinstance(end, Expr) and end.op.name == "add"):
        return None
    other = next((a for a, b in (end.args, end.args[::-1]) if b is start), None)
    return int(other.op.value) if other is not None and isinstance(other.op, Constant) else None


def _bounds(node: ModelNode, bounds: Sequence[Expr | None]) -> tuple[Any, Any, Any, Any]:
    if node.version < 10:
        return node["starts"], node["ends"], node["axes"], None
    starts, ends, axes, steps = [*bounds, None, None][:4]
    if starts is None or ends is None:
        raise ValueError("a slice has starts and ends")
    known = [None if b is None else node.integers(b, what) for b, what in ((axes, "axes"), (steps, "steps"))]
    return node.entries(starts), node.entries(ends), *known


def _slice(start: Any, end: Any, step: int, length: Dim) -> slice:
    """A slice as Python has it, in which what is far outside is left out."""
    first = None if isinstance(start, int) and (start >= FAR if step < 0 else start == 0) else start
    last = None if isinstance(end, int) and (end <= -FAR if step < 0 else end >= FAR) else end
    if not isinstance(last, Expr) and last is not None and step > 0 and same(last, length):
        last = None
    return slice(first, last, step)


# ---- repeated --------------------------------------------------------------------------------------------------------


@operator("Expand")
def read_expand(node: ModelNode, x: Expr, shape: Expr) -> Expr:
    """x broadcast against a shape."""
    given = node.entries(shape)
    rank = max(len(given), x.ndim)
    wanted = [1] * (rank - len(given)) + list(given)
    have = [1] * (rank - x.ndim) + list(x.shape)
    return broadcast_to(x, tuple(_stretch(a, b) for a, b in zip(have, wanted, strict=True)))


def _stretch(mine: Dim, wanted: Dim | Expr) -> Dim:
    """The size that two become: of a number other than 1 it is known without the other."""
    if isinstance(wanted, int) and wanted == 1:
        return mine
    return as_dim(wanted) if not isinstance(mine, int) or mine == 1 else mine


@operator("Tile")
def read_tile(node: ModelNode, x: Expr, repeats: Expr) -> Expr:
    """x so many times along each axis."""
    return tile(x, list(node.sizes(repeats)))


# ---- padded ----------------------------------------------------------------------------------------------------------

MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


@operator("Pad", settings=(2,))
def read_pad(
    node: ModelNode, x: Expr, pads: Expr | None = None, value: Expr | None = None, axes: Expr | None = None
) -> Expr:
    """x with more elements around it, or, where a width is below 0, fewer."""
    widths = list(node["pads"]) if pads is None else node.entries(pads)
    along = range(x.ndim) if axes is None else [node.check_axis(a, x.ndim) for a in node.integers(axes, "axes")]
    around = node["value"] if node.version < 11 else value
    filling = node.like(0 if around is None else around, x) if not isinstance(around, Expr) else reshape(around, ())
    mode = MODES.get(node["mode"])
    if mode is None or len(widths) != 2 * len(along):
        raise ValueError(f"{len(widths)} widths and the mode {node['mode']!r} are not as the standard has them")
    for place, axis in enumerate(along):
        x = pad_axis(x, axis, widths[place], widths[place + len(along)], mode, filling)
    return x


def pad_axis(x: Expr, axis: int, before: Any, after: Any, mode: str, filling: Expr) -> Expr:
    """x with elements before and behind along one axis; numbers below 0 take some away."""
    if not (isinstance(before, int) and isinstance(after, int)):
        return _pad_by_place(x, axis, before, after, mode, filling)
    if before < 0 or after < 0:
        start = max(-before, 0)
        x = piece(x, axis, start, x.shape[axis] - start - max(-after, 0))
    widths = [(max(before, 0), max(after, 0)) if i == axis else (0, 0) for i in range(x.ndim)]
    return pad(x, widths, filling, mode) if before > 0 or after > 0 else x


def _pad_by_place(x: Expr, axis: int, before: Any, after: Any, mode: str, filling: Expr) -> Expr:
    """The same for widths that only a call knows: whether an element is of x is asked of its place."""
    length, front = size(x.shape[axis]), as_expr(before)
    total = as_dim(length + front + as_expr(after))
    place = iota((total,)) - front
    inside = scalar.logical_and(scalar.ge(place, 0), scalar.lt(place, length))
    taken = getitem(x, (*[slice(None)] * axis, _source(place, length, mode)))
    if mode != "constant":
        return taken
    mask = reshape(inside, tuple(-1 if i == axis else 1 for i in range(x.ndim)))
    return scalar.where(mask, taken, filling)


def _source(place: Expr, length: Expr, mode: str) -> Expr:
    """Where along an axis of x the element at each place is from, places outside included."""
    if mode == "wrap":
        return scalar.mod(place, length)
    if mode == "reflect":
        around = scalar.mod(place, scalar.maximum(length * 2 - 2, 1))
        return scalar.minimum(around, length * 2 - 2 - around)
    return scalar.clip(place, 0, length - 1)


# ---- blocks and triangles --------------------------------------------------------------------------------------------


def _image(x: Expr) -> Shape:
    """The four sizes of images."""
    if x.ndim != 4:
        raise ValueError(f"images have 4 axes, and this has {x.ndim}")
    return x.shape


@operator("DepthToSpace")
def read_depth_to_space(node: ModelNode, x: Expr) -> Expr:
    """Channels as blocks of pixels: x (n, c b b, h, w) -> (n, c, h b, w b)."""
    n, c, h, w = _image(x)
    b = node["blocksize"]
    if node["mode"] == "CRD":
        parts, order = (n, c // (b * b), b, b, h, w), (0, 1, 4, 2, 5, 3)
    else:
        parts, order = (n, b, b, c // (b * b), h, w), (0, 3, 4, 1, 5, 2)
    return reshape(transpose(reshape(x, parts), order), (n, c // (b * b), h * b, w * b))


@operator("SpaceToDepth")
def read_space_to_depth(node: ModelNode, x: Expr) -> Expr:
    """Blocks of pixels as channels: x (n, c, h b, w b) -> (n, b b c, h, w)."""
    n, c, h, w = _image(x)
    b = node["blocksize"]
    order = (0, 1, 3, 5, 2, 4) if node["mode"] == "CRD" else (0, 3, 5, 1, 2, 4)
    parts = transpose(reshape(x, (n, c, h // b, b, w // b, b)), order)
    return reshape(parts, (n, b * b * c, h // b, w // b))


@operator("Trilu", settings=(1,))
def read_trilu(node: ModelNode, x: Expr, k: Expr | None = None) -> Expr:
    """x with zeros below its k-th diagonal (upper) or above it."""
    diagonal = 0 if k is None else reshape(k, ())
    rows, columns = iota(x.shape[-2:], 0), iota(x.shape[-2:], 1)
    kept = scalar.ge(columns, rows + diagonal) if node["upper"] else scalar.le(columns, rows + diagonal)
    return scalar.where(kept, x, node.like(0, x))
