"""Elements by their places: taken from there, written there, added there."""

from __future__ import annotations

from typing import Any

from ....ops import control, scalar
from ....ops.creation import iota, zeros
from ....ops.elementwise import cast
from ....ops.indexing import getitem, index_add, index_set, take
from ....ops.movement import broadcast_to, expand_dims, moveaxis, ravel, reshape
from ....ops.order import argsort
from ....symbolic.dims import Dim, same, show
from ....symbolic.expr import Expr
from ....symbolic.leaves import constant, size
from ....symbolic.sizes import as_dim
from .node import ModelNode
from .registry import Unsaid, operator

Key = tuple[Any, ...]

# ---- taken -----------------------------------------------------------------------------------------------------------


@operator("Gather")
def read_gather(node: ModelNode, x: Expr, indices: Expr) -> Expr:
    """x at these places of an axis."""
    return take(x, indices, node.axis(x.ndim))


@operator("GatherElements")
def read_gather_elements(node: ModelNode, x: Expr, indices: Expr) -> Expr:
    """x[..., indices[..., i, ...], ...] along an axis."""
    return getitem(x, _key_of_elements(node, x, indices))


@operator("GatherND")
def read_gather_nd(node: ModelNode, x: Expr, indices: Expr) -> Expr:
    """x at the places that the last axis of the indices says, each within its element of a batch."""
    return getitem(x, _key_of_places(x, indices, node["batch_dims"] or 0))


def _key_of_elements(node: ModelNode, x: Expr, indices: Expr) -> Key:
    """The key of elements whose place along one axis is an index, and along the others is the index's own place."""
    if indices.ndim != x.ndim:
        raise ValueError(f"the indices have {indices.ndim} axes, and the data {x.ndim}")
    axis = node.axis(x.ndim)
    return tuple(indices if i == axis else line(n, i, x.ndim) for i, n in enumerate(indices.shape))


def line(length: Dim, axis: int, ndim: int) -> Expr:
    """0, 1, ... along one of so many axes."""
    return iota(tuple(length if i == axis else 1 for i in range(ndim)), axis)


def _key_of_places(x: Expr, indices: Expr, batch: int = 0) -> Key:
    """The key of a batch's places, of which the last axis of the indices has the coordinates."""
    count = indices.shape[-1] if indices.ndim else 0
    if not isinstance(count, int):
        raise Unsaid(f"takes places with {show((count,))} coordinates, and their number must be known")
    if not 1 <= batch + count <= x.ndim or batch >= indices.ndim:
        raise ValueError(f"places with {count} coordinates, in {batch} axes of a batch, are not in {show(x.shape)}")
    lines = [line(n, i, indices.ndim - 1) for i, n in enumerate(indices.shape[:batch])]
    return (*lines, *(getitem(indices, (..., i)) for i in range(count)))


# ---- written ---------------------------------------------------------------------------------------------------------


@operator("ScatterElements", "Scatter")
def read_scatter_elements(node: ModelNode, x: Expr, indices: Expr, updates: Expr) -> Expr:
    """x with the updates at the places from which GatherElements would take them."""
    _check_shape(updates, indices.shape)
    return scatter(node["reduction"] or "none", x, _key_of_elements(node, x, indices), updates)


@operator("ScatterND")
def read_scatter_nd(node: ModelNode, x: Expr, indices: Expr, updates: Expr) -> Expr:
    """x with the updates at the places from which GatherND would take them."""
    key = _key_of_places(x, indices)
    _check_shape(updates, (*indices.shape[:-1], *x.shape[len(key) :]))
    return scatter(node["reduction"] or "none", x, key, updates)


def _check_shape(updates: Expr, wanted: tuple[Dim, ...]) -> None:
    pairs = zip(updates.shape, wanted, strict=False)
    if updates.ndim != len(wanted) or any(same(a, b) is False for a, b in pairs):
        raise ValueError(f"the updates have the shape {show(updates.shape)}, and {show(wanted)} is needed")


def scatter(reduction: str, x: Expr, key: Key, updates: Expr) -> Expr:
    """x with updates at the places of a key: in the place of what is there, or joined with it."""
    if reduction == "none":
        return index_set(x, key, updates)
    if reduction == "add":
        return index_add(x, key, updates)
    if reduction not in ("mul", "max", "min"):
        raise ValueError(f"the reduction {reduction!r} is not of the standard")
    # every element by its number; to take them from an array of numbers checks the indices
    places = ravel(getitem(reshape(iota((x.type.size,)), x.shape), key))
    join = _multiply if reduction == "mul" else _extreme
    return reshape(join(reduction, ravel(x), places, ravel(updates)), x.shape)


def _extreme(reduction: str, x: Expr, places: Expr, updates: Expr) -> Expr:
    """The largest of all that meet at a place, or the smallest: it is written last, and so it stays."""
    before = getitem(x, places)
    values = scalar.maximum(before, updates) if reduction == "max" else scalar.minimum(before, updates)
    order = argsort(values if reduction == "max" else _turn(values))
    return index_set(x, getitem(places, order), getitem(values, order))


def _turn(x: Expr) -> Expr:
    """What is in the opposite order, with NaN last in both."""
    return -x if x.type.is_float else scalar.logical_not(x) if x.dtype.kind == "b" else scalar.invert(x)


def _multiply(_: str, x: Expr, places: Expr, updates: Expr) -> Expr:
    """The product of all that meet at a place, found in log2(n) steps over the updates in the order of their places."""
    order = argsort(places)
    there, values, numbers = getitem(places, order), getitem(updates, order), iota(updates.shape)

    def step(products: Expr, distance: Expr) -> tuple[Expr, None]:
        before = scalar.maximum(numbers - distance, 0)
        meet = scalar.logical_and(scalar.ge(numbers, distance), scalar.eq(getitem(there, before), there))
        return scalar.where(meet, products * getitem(products, before), products), None

    steps = iota((_doublings(updates.shape[0]),))
    found, _ys = control.scan(step, values, scalar.left_shift(constant(1), steps))
    return index_set(x, there, found * getitem(x, there))  # the last of each place has the product of all


def _doublings(count: Dim) -> Dim:
    """How often 1 is doubled until it is at least the count."""
    if isinstance(count, int):
        return max(count - 1, 0).bit_length()
    exact = scalar.log2(cast(scalar.maximum(size(count), 1), "float64"))
    return as_dim(cast(scalar.ceil(exact), "int64"))


@operator("TensorScatter")
def read_tensor_scatter(node: ModelNode, cache: Expr, update: Expr, starts: Expr | None = None) -> Expr:
    """A cache with an update along an axis, from a place on that each element of the batch has of its own."""
    axis = node.axis(cache.ndim)
    if axis == 0 or update.ndim != cache.ndim:
        raise ValueError(f"{show(update.shape)} cannot be written along axis {axis} of {show(cache.shape)}")
    lines, values = moveaxis(cache, axis, 1), moveaxis(update, axis, 1)
    first = zeros((cache.shape[0],), "int64") if starts is None else cast(starts, "int64")
    places = expand_dims(first, 1) + iota((1, update.shape[axis]), 1)
    if node["mode"] == "circular":
        places = scalar.mod(places, size(cache.shape[axis]))
    else:  # no place counts from the end
        places = scalar.where(scalar.lt(places, 0), size(cache.shape[axis]), places)
    _check_shape(values, (lines.shape[0], update.shape[axis], *lines.shape[2:]))
    return moveaxis(index_set(lines, (line(lines.shape[0], 0, 2), places), values), 1, axis)


# ---- turned ----------------------------------------------------------------------------------------------------------


@operator("ReverseSequence")
def read_reverse_sequence(node: ModelNode, x: Expr, lengths: Expr) -> Expr:
    """Each sequence of a batch with its first elements, so many as its length says, from the last to the first."""
    time, batch = node.axis(x.ndim, "time_axis"), node.axis(x.ndim, "batch_axis")
    if sorted((time, batch)) != [0, 1]:
        raise ValueError(f"a batch along axis {batch} of times along axis {time}; the standard has axes 0 and 1")
    lines = moveaxis(x, time, 0)
    _check_lengths(lengths, lines.shape[1])
    count = broadcast_to(expand_dims(cast(lengths, "int64"), 0), lines.shape[:2])
    times = line(lines.shape[0], 0, 2)
    turned = scalar.where(scalar.lt(times, count), count - 1 - times, times)
    return moveaxis(getitem(lines, (turned, line(lines.shape[1], 1, 2))), 0, time)


def _check_lengths(lengths: Expr, batch: Dim) -> None:
    if lengths.ndim != 1 or same(lengths.shape[0], batch) is False:
        raise ValueError(f"the lengths have the shape {show(lengths.shape)}, and {show((batch,))} is needed")
