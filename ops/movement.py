"""The same elements in other places: reshape, transpose, broadcast, slices, flips, padding, concatenation.

Those with an `index_map` are affine maps of indices, which fused loops read through without a copy; those with `parts`
are written in several.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..symbolic.arguments import LARGEST, check_count, check_sequence
from ..symbolic.dims import Dim, Shape, SymDim, maximum, product, same, show, total_size
from ..symbolic.errors import ArgumentError, DTypeError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, Op, apply
from ..symbolic.guards import unify
from ..symbolic.index_maps import FIRST, IndexMap, along, broadcast, identity
from ..symbolic.leaves import weak_constant
from ..symbolic.records import record
from ..symbolic.sizes import as_dim, shape_of
from ..symbolic.types import Type, promote
from .axes import normalize, normalize_all, without
from .coerce import as_expr
from .elementwise import cast, unbroadcast
from .operands import check_axes, check_places, check_same_dtype
from .slices import slice_of


@record
class Reshape(Op):
    """The elements in C order under another shape of the same size."""

    is_movement = True
    in_nests = True
    shape: Shape

    def infer(self, x: Type) -> Type:
        def message() -> str:
            return f"reshape: {show(x.shape)} has {x.size} elements, {show(self.shape)} {product(self.shape)}."

        have, wanted = list(x.shape), list(self.shape)
        _cancel(have, wanted)
        unify(product(have), product(wanted), message)
        return Type(x.dtype, self.shape)

    def numpy(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(self.shape)  # type: ignore[arg-type]

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [reshape(g, args[0].shape)]


@record
class Transpose(Op):
    """out.shape[i] = x.shape[axes[i]]."""

    proves_places = True
    axes: tuple[int, ...]

    def infer(self, x: Type) -> Type:
        if sorted(self.axes) != list(range(x.ndim)):
            raise ShapeError(f"transpose: axes {self.axes} are not a permutation of the axes of {show(x.shape)}.")
        return Type(x.dtype, tuple(x.shape[a] for a in self.axes))

    def numpy(self, x: np.ndarray) -> np.ndarray:
        return x.transpose(self.axes)

    def index_map(self, x: Type) -> IndexMap:
        mine = identity(x.ndim)
        return tuple([mine[self.axes.index(k)] for k in range(x.ndim)])

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [transpose(g, tuple(int(i) for i in np.argsort(self.axes)))]


@record
class BroadcastTo(Op):
    """x repeated along axes of size 1 and new leading axes."""

    proves_places = True
    stretches = True
    shape: Shape

    def infer(self, x: Type) -> Type:
        def message() -> str:
            return f"broadcast_to: {show(x.shape)} does not broadcast to {show(self.shape)}."

        if x.ndim > len(self.shape):
            raise ShapeError(message())
        for mine, wanted in zip(reversed(x.shape), reversed(self.shape), strict=False):
            if mine != 1:
                unify(mine, wanted, message)
        return Type(x.dtype, self.shape)

    def numpy(self, x: np.ndarray) -> np.ndarray:
        return np.broadcast_to(x, self.shape)  # type: ignore[arg-type]

    def index_map(self, x: Type) -> IndexMap:
        return broadcast(identity(len(self.shape)), x.shape)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [unbroadcast(g, args[0])]


@record
class Squeeze(Op):
    """x without these axes, whose size is 1."""

    proves_places = True
    axes: tuple[int, ...]

    def infer(self, x: Type) -> Type:
        check_axes("squeeze", self.axes, x.ndim)
        for axis in self.axes:
            if same(x.shape[axis], 1) is False:
                raise ShapeError(f"squeeze: axis {axis} of {show(x.shape)} has size {x.shape[axis]}, not 1.")
            unify(x.shape[axis], 1, lambda: "")
        return Type(x.dtype, without(x.shape, self.axes))

    def numpy(self, x: np.ndarray) -> np.ndarray:
        return x.squeeze(self.axes)

    def index_map(self, x: Type) -> IndexMap:
        kept = iter(identity(x.ndim - len(self.axes)))
        return tuple([FIRST if k in self.axes else next(kept) for k in range(x.ndim)])

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [expand_dims(g, self.axes)]


@record
class ExpandDims(Op):
    """x with axes of size 1 at these positions of the result."""

    proves_places = True
    axes: tuple[int, ...]

    def infer(self, x: Type) -> Type:
        check_axes("expand_dims", self.axes, x.ndim + len(self.axes))
        sizes = iter(x.shape)
        return Type(x.dtype, tuple(1 if i in self.axes else next(sizes) for i in range(x.ndim + len(self.axes))))

    def numpy(self, x: np.ndarray) -> np.ndarray:
        return np.expand_dims(x, self.axes)

    def index_map(self, x: Type) -> IndexMap:
        mine = identity(x.ndim + len(self.axes))
        return tuple([each for k, each in enumerate(mine) if k not in self.axes])

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [squeeze(g, self.axes)]


def affine_map(starts: tuple[Dim, ...], steps: tuple[int, ...]) -> IndexMap:
    """start + step * index along every axis."""
    return tuple([along(k, step, start) for k, (start, step) in enumerate(zip(starts, steps, strict=True))])


@record
class Slice(Op):
    """x[start : start + step * size : step] along every axis; `starts` are from 0 up, steps may be negative."""

    proves_places = True
    starts: tuple[Dim, ...]
    steps: tuple[int, ...]
    sizes: Shape

    def infer(self, x: Type) -> Type:
        check_places(self, self.starts, self.steps, self.sizes, x.shape)
        return Type(x.dtype, self.sizes)

    def numpy(self, x: np.ndarray) -> np.ndarray:
        places = [a + s * np.arange(n) for a, s, n in zip(self.starts, self.steps, self.sizes, strict=True)]  # type: ignore[arg-type, operator]
        return x[np.ix_(*places)] if places else x

    def index_map(self, x: Type) -> IndexMap:
        return affine_map(self.starts, self.steps)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [apply(Unslice(self.starts, self.steps, args[0].shape), g)]


@record
class Unslice(Op):
    """Zeros of `shape` with x written at start, start + step, ... along every axis: the adjoint of Slice."""

    proves_places = True
    starts: tuple[Dim, ...]
    steps: tuple[int, ...]
    shape: Shape

    def infer(self, x: Type) -> Type:
        check_places(self, self.starts, self.steps, x.shape, self.shape)
        return Type(x.dtype, self.shape)

    def numpy(self, x: np.ndarray) -> np.ndarray:
        out: np.ndarray = np.zeros(self.shape, x.dtype)  # type: ignore[arg-type]
        if x.size:
            places = [a + s * np.arange(n) for a, s, n in zip(self.starts, self.steps, x.shape, strict=True)]
            out[np.ix_(*places)] = x
        return out

    def parts(self, out: Expr, *args: Expr) -> Iterable[tuple[Expr, IndexMap]]:
        yield broadcast_to(weak_constant(0, out.dtype), self.shape), identity(out.ndim)
        yield args[0], affine_map(self.starts, self.steps)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [apply(Slice(self.starts, self.steps, args[0].shape), g)]


@record
class Pad(Op):
    """x with `value` (a second argument, a scalar) before and after along each axis."""

    proves_places = True
    widths: tuple[tuple[int, int], ...]

    def infer(self, x: Type, value: Type) -> Type:
        if value.shape != ():
            raise ShapeError(f"pad: the value around x is a scalar, and it has shape {show(value.shape)}.")
        check_same_dtype("pad", x, value)
        if len(self.widths) != x.ndim or any(w < 0 for pair in self.widths for w in pair):
            raise ShapeError(f"pad: {self.widths} are not two widths from 0 up for each axis of {show(x.shape)}.")
        return Type(x.dtype, tuple(d + (a + b) for d, (a, b) in zip(x.shape, self.widths, strict=True)))

    def numpy(self, x: np.ndarray, value: np.ndarray) -> np.ndarray:
        return np.pad(x, self.widths, constant_values=value)

    def parts(self, out: Expr, *args: Expr) -> Iterable[tuple[Expr, IndexMap]]:
        x, value = args
        yield broadcast_to(value, out.shape), identity(out.ndim)
        yield x, affine_map(tuple(before for before, _ in self.widths), (1,) * out.ndim)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        x, starts = args[0], tuple(before for before, _ in self.widths)
        inside = apply(Slice(starts, (1,) * x.ndim, x.shape), g)
        return [inside, g.sum() - inside.sum()]


@record
class Concatenate(Op):
    """The arguments one after the other along an axis."""

    proves_places = True
    axis: int

    def infer(self, *types: Type) -> Type:
        if not types:
            raise ShapeError("concatenate: there is nothing to put one after the other.")
        first = types[0]
        check_same_dtype("concatenate", *types)
        check_axes("concatenate", (self.axis,), first.ndim)
        shape = list(first.shape)
        for other in types[1:]:
            if other.ndim != first.ndim:
                raise ShapeError(_join_error(self.axis, first, other))
            for axis, size in enumerate(other.shape):
                if axis != self.axis:
                    shape[axis] = unify(shape[axis], size, lambda other=other: _join_error(self.axis, first, other))  # type: ignore[misc]
        shape[self.axis] = total_size(one.shape[self.axis] for one in types)
        return Type(first.dtype, tuple(shape))

    def numpy(self, *values: np.ndarray) -> np.ndarray:
        return np.concatenate(values, self.axis)

    def parts(self, out: Expr, *args: Expr) -> Iterable[tuple[Expr, IndexMap]]:
        start: Dim = 0
        for arg in args:
            yield arg, tuple(along(k, 1, start if k == self.axis else 0) for k in range(out.ndim))
            start = start + arg.shape[self.axis]

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        parts, start = [], 0
        for arg in args:
            starts = tuple(start if i == self.axis else 0 for i in range(g.ndim))
            parts.append(apply(Slice(starts, (1,) * g.ndim, arg.shape), g))
            start = start + arg.shape[self.axis]
        return parts


def _join_error(axis: int, first: Type, other: Type) -> str:
    return f"concatenate along axis {axis}: shapes {show(first.shape)} and {show(other.shape)} differ in another axis."


def reshape(x: Any, *shape: Any) -> Expr:
    """x under another shape; one size may be -1: what is left over."""
    node = as_expr(x)
    given = shape[0] if len(shape) == 1 and isinstance(shape[0], list | tuple) else shape
    try:
        wanted = [d if isinstance(d, int | np.integer) and d == -1 else as_dim(d) for d in given]
        sizes = _fill(node, wanted)
    except ShapeError as error:
        raise blame(error, user_site(), node.site) from None
    if sizes == node.shape:
        return node
    return apply(Reshape(sizes), node)


def _fill(node: Expr, wanted: list[Any]) -> Shape:
    unknown = [i for i, d in enumerate(wanted) if isinstance(d, int | np.integer) and d == -1]
    if not unknown:
        return tuple(wanted)
    if len(unknown) > 1:
        raise ShapeError(f"reshape: only one size can be -1, and {tuple(wanted)} has {len(unknown)}.")
    kept = [d for i, d in enumerate(wanted) if i != unknown[0]]
    if product(kept) == 0:
        raise ShapeError(f"reshape: of no elements, {show(wanted)} does not say how many there are along the -1.")
    left = _remaining_size(list(node.shape), kept)
    if isinstance(left, int) and left < 0:
        text = f"reshape: the {node.type.size} elements of {show(node.shape)} do not fill {tuple(wanted)}."
        raise ShapeError(text)
    wanted[unknown[0]] = left
    return tuple(wanted)


def _remaining_size(have: list[Dim], kept: list[Dim]) -> Dim:
    """product(have) / product(kept), cancelling equal symbols first; -1 where it is no whole number."""
    _cancel(have, kept)
    total, known = product(have), product(kept)
    if isinstance(total, int) and isinstance(known, int):
        return total // known if total % known == 0 else -1
    return total // known


def _cancel(some: list[Dim], others: list[Dim]) -> None:
    """Take symbols out of both lists of factors where they occur in both."""
    for dim in list(others):
        if isinstance(dim, SymDim) and dim in some:
            some.remove(dim)
            others.remove(dim)


def transpose(x: Any, axes: Any = None) -> Expr:
    """The axes in another order; None reverses them."""
    node = as_expr(x)
    order = (
        tuple(reversed(range(node.ndim)))
        if axes is None
        else tuple(normalize(a, node.ndim, "transpose", node) for a in check_sequence("axes", axes))
    )
    if sorted(order) != list(range(node.ndim)):
        text = f"transpose: axes {tuple(axes)} are not a permutation of the {node.ndim} axes of {show(node.shape)}."
        raise blame(ShapeError(text), user_site(), node.site)
    return node if order == tuple(range(node.ndim)) else apply(Transpose(order), node)


def swapaxes(x: Any, a: int, b: int) -> Expr:
    """x with two axes exchanged."""
    node = as_expr(x)
    order = list(range(node.ndim))
    i, j = (normalize(v, node.ndim, "swapaxes", node) for v in (a, b))
    order[i], order[j] = j, i
    return transpose(node, order)


def moveaxis(x: Any, source: int, destination: int) -> Expr:
    """x with one axis moved to another place."""
    node = as_expr(x)
    order = list(range(node.ndim))
    order.insert(
        normalize(destination, node.ndim, "moveaxis", node), order.pop(normalize(source, node.ndim, "moveaxis", node))
    )
    return transpose(node, order)


def broadcast_to(x: Any, shape: Any) -> Expr:
    """x repeated to this shape, as np.broadcast_to; only axes of size 1 stretch."""
    node, wanted = as_expr(x), shape_of(shape)
    return node if node.shape == wanted else apply(BroadcastTo(wanted), node)


def squeeze(x: Any, axis: Any = None) -> Expr:
    """x without axes of size 1 (None: all whose size is known to be 1)."""
    node = as_expr(x)
    if axis is None:
        axes = tuple(i for i, d in enumerate(node.shape) if d == 1)
    else:
        axes = normalize_all(axis, node.ndim, "squeeze", node)
    return apply(Squeeze(axes), node) if axes else node


def expand_dims(x: Any, axis: Any) -> Expr:
    """x with new axes of size 1 at these positions of the result."""
    node = as_expr(x)
    count = len(axis) if isinstance(axis, Sequence | np.ndarray) else 1
    axes = normalize_all(axis, node.ndim + count, "expand_dims", node)
    return apply(ExpandDims(axes), node) if axes else node


def ravel(x: Any) -> Expr:
    """All elements in C order along one axis."""
    return reshape(x, (-1,))


def flatten(x: Any, start: int = 0) -> Expr:
    """The axes from `start` on as one: flatten(x, 1) keeps the batch axis."""
    node = as_expr(x)
    first = normalize(start, node.ndim + 1, "flatten", node)
    return reshape(node, (*node.shape[:first], product(node.shape[first:])))


def flip(x: Any, axis: Any = None) -> Expr:
    """x with the elements along these axes (None: all) in reverse order."""
    node = as_expr(x)
    axes = normalize_all(axis, node.ndim, "flip", node)
    starts = tuple(d - 1 if i in axes else 0 for i, d in enumerate(node.shape))
    return apply(Slice(starts, tuple(-1 if i in axes else 1 for i in range(node.ndim)), node.shape), node)


def concatenate(values: Sequence[Any], axis: int = 0) -> Expr:
    """The values one after the other along an existing axis; dtypes are promoted."""
    nodes = [as_expr(v) for v in check_sequence("values", values)]
    if not nodes:
        raise blame(ShapeError("concatenate needs at least one array."), user_site())
    if len({n.ndim for n in nodes}) > 1:
        text = f"concatenate: the arrays have {' and '.join(str(n.ndim) for n in nodes)} axes."
        raise blame(ShapeError(text), user_site(), *[n.site for n in nodes])
    if nodes[0].ndim == 0:
        raise blame(ShapeError("concatenate: scalars have no axis to join along; use stack."), user_site())
    kind = promote(*(n.type for n in nodes))
    place = normalize(axis, nodes[0].ndim, "concatenate", nodes[0])
    return apply(Concatenate(place), *(cast(n, kind) for n in nodes)) if len(nodes) > 1 else nodes[0]


def stack(values: Sequence[Any], axis: int = 0) -> Expr:
    """The values one after the other along a new axis."""
    nodes = [as_expr(v) for v in check_sequence("values", values)]
    if not nodes:
        raise blame(ShapeError("stack needs at least one array."), user_site())
    if len({n.ndim for n in nodes}) > 1:
        text = f"stack: the arrays have shapes {', '.join(show(n.shape) for n in nodes)}, and must have the same."
        raise blame(ShapeError(text), user_site(), *[n.site for n in nodes])
    place = normalize(axis, nodes[0].ndim + 1, "stack", nodes[0])
    return concatenate([expand_dims(n, place) for n in nodes], place)


def split(x: Any, parts: Any, axis: int = 0) -> list[Expr]:
    """x in `parts` equal pieces, or cut at the positions given as a list, along an axis.

    Positions are those of slices, as in np.split: x[:p], x[p:q], x[q:].  Raises ShapeError where `parts` does not
    divide the axis, ArgumentError where it is less than 1.
    """
    node = as_expr(x)
    place = normalize(axis, node.ndim, "split", node)
    size = node.shape[place]
    if not isinstance(parts, Sequence | np.ndarray):
        parts = check_count("split", "the number of pieces", parts, least=1)
        if not isinstance(size, int):  # that the parts divide it becomes the reshape's guard
            whole = reshape(node, (*node.shape[:place], parts, size // parts, *node.shape[place + 1 :]))
            return [squeeze(_piece(whole, place, i, 1), place) for i in range(parts)]
        if size % parts:
            text = f"split: axis {axis} has size {size}, which {parts} does not divide."
            raise blame(ShapeError(text), user_site(), node.site)
        parts = [size // parts * i for i in range(1, parts)]
    bounds = [None, *parts, None]
    cuts = [slice_of(slice(low, high), size, node) for low, high in itertools.pairwise(bounds)]
    return [_piece(node, place, start, count) for start, _, count in cuts]


def _piece(x: Expr, axis: int, start: Dim, count: Dim) -> Expr:
    starts = tuple(start if i == axis else 0 for i in range(x.ndim))
    sizes = tuple(count if i == axis else d for i, d in enumerate(x.shape))
    return apply(Slice(starts, (1,) * x.ndim, sizes), x)


def roll(x: Any, shift: Any, axis: Any = None) -> Expr:
    """The elements moved on by `shift` places along axes; those that leave at one end come in at the other, as np.roll.

    shift : a whole number, or one for each axis
    axis : one axis or several; None: x is flattened, rolled, and has its shape again
    """
    node = as_expr(x)
    if axis is None:
        return reshape(roll(ravel(node), shift, 0), node.shape)
    listed = list(axis) if isinstance(axis, list | tuple | np.ndarray) else [axis]
    shifts = list(shift) if isinstance(shift, list | tuple | np.ndarray) else [shift] * len(listed)
    if len(shifts) != len(listed):
        text = f"roll: there are {len(shifts)} shifts for {len(listed)} axes: {shift!r} and {axis!r}."
        raise blame(ArgumentError(text), user_site(), node.site)
    for each, places in zip(listed, shifts, strict=True):
        place = normalize(each, node.ndim, "roll", node)
        size = node.shape[place]
        steps = check_count("roll", "shift", places, -LARGEST)
        count = steps % maximum(size, 1)
        if count != 0:
            node = concatenate([_piece(node, place, size - count, count), _piece(node, place, 0, size - count)], place)
    return node


def tile(x: Any, repeats: Any) -> Expr:
    """x repeated `repeats[i]` times along axis i, as np.tile."""
    node = as_expr(x)
    given = repeats if isinstance(repeats, Sequence | np.ndarray) else [repeats]
    counts: list[Dim] = [_times("tile", r) for r in given]
    rank = max(node.ndim, len(counts))
    counts = [*[1] * (rank - len(counts)), *counts]
    sizes = (1,) * (rank - node.ndim) + node.shape
    inner = reshape(node, tuple(v for d in sizes for v in (1, d)))
    wide = broadcast_to(inner, tuple(v for c, d in zip(counts, sizes, strict=True) for v in (c, d)))
    return reshape(wide, tuple(c * d for c, d in zip(counts, sizes, strict=True)))


def repeat(x: Any, count: Any, axis: int | None = None) -> Expr:
    """Every element `count` times in a row along an axis (None: of the flattened x), as np.repeat."""
    node = as_expr(x) if axis is not None else ravel(x)
    place = normalize(0 if axis is None else axis, node.ndim, "repeat", node)
    count = _times("repeat", count)
    wide = broadcast_to(expand_dims(node, place + 1), (*node.shape[: place + 1], count, *node.shape[place + 1 :]))
    return reshape(wide, (*node.shape[:place], node.shape[place] * count, *node.shape[place + 1 :]))


def _times(name: str, count: Any) -> Dim:
    """How often something is repeated: a number or a size."""
    if isinstance(count, SymDim):
        return count
    return as_dim(count) if isinstance(count, Expr) else check_count(name, "the number of repetitions", count)


def check_integer(node: Expr, what: str) -> None:
    """Raise DTypeError unless the node holds integers."""
    if node.dtype.kind not in "iu":
        raise blame(DTypeError(f"{what} must be integers, not {node.dtype.name}."), user_site(), node.site)
