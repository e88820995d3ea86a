"""take, sort, diag and their kind under Theano's names."""

from __future__ import annotations

from typing import Any

import weft as wf

from ...ops.elementwise import cast as weft_cast
from ...symbolic.dims import maximum, minimum
from ...symbolic.sizes import as_dim
from .convert import unwrap
from .methods import method
from .subtensors import fitting
from .variables import wrap


@method("take")
def take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    """a[indices] along an axis (None: of the flat a)."""
    node, places = unwrap(a), unwrap(indices)
    size = node.shape[axis] if axis is not None else node.type.size
    if mode == "wrap":
        places = wf.mod(weft_cast(places, "int64"), unwrap(size).astype("int64"))
    elif mode == "clip":
        places = wf.clip(weft_cast(places, "int64"), 0, unwrap(size).astype("int64") - 1)
    return wrap(wf.take(node, places, axis))


@method("choose")
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """choices[a[i]][i]: for each place, the element of the choice that a names."""
    which = weft_cast(unwrap(a), "int64")
    listed = unwrap(choices)
    if mode != "raise":
        count = unwrap(listed.shape[0]).astype("int64")
        which = wf.mod(which, count) if mode == "wrap" else wf.clip(which, 0, count - 1)
    grid = [
        wf.reshape(wf.arange(d), [-1 if i == k else 1 for k in range(which.ndim)]) for i, d in enumerate(which.shape)
    ]
    return wrap(wf.broadcast_to(listed, (listed.shape[0], *which.shape))[(which, *grid)])


@method("compress")
def compress(condition: Any, x: Any, axis: int | None = None) -> Any:
    """The elements of x along an axis (None: of the flat x) for which the condition, which stands first, holds."""
    return wrap(wf.take(unwrap(x), unwrap(flatnonzero(condition)), axis))


@method("diagonal")
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The elements a[..., i, i + offset], along a new last axis."""
    return wrap(wf.diagonal(unwrap(a), offset, axis1, axis2))


def _at_most(a: Any, b: Any) -> Any:
    return maximum(minimum(a, b), 0)


def diag(v: Any, k: int = 0) -> Any:
    """A matrix with the vector on its k-th diagonal, or the k-th diagonal of a matrix."""
    return wrap(wf.diag(unwrap(v), k))


extract_diag, alloc_diag = diag, diag


@method("trace")
def trace(x: Any) -> Any:
    """The sum of the diagonal."""
    return wrap(wf.trace(unwrap(x)))


def fill_diagonal(a: Any, val: Any) -> Any:
    """a with the value on its diagonal."""
    node = unwrap(a)
    places = wf.arange(_at_most(node.shape[0], node.shape[1]))
    return wrap(wf.index_set(node, (places,) * node.ndim, fitting(node, val)))


@method("nonzero")
def nonzero(a: Any, return_matrix: bool = False) -> Any:
    """The places where a is not 0: a vector for each axis."""
    found = wf.nonzero(unwrap(a))
    return wrap(wf.stack(list(found))) if return_matrix else tuple(wrap(v) for v in found)


def flatnonzero(a: Any) -> Any:
    """The places in the flat a where it is not 0."""
    return wrap(wf.nonzero(wf.ravel(unwrap(a)))[0])


@method("nonzero_values")
def nonzero_values(a: Any) -> Any:
    """The elements that are not 0, in C order."""
    node = unwrap(a)
    return wrap(node[wf.nonzero(node)])


@method("sort")
def sort(a: Any, axis: int | None = -1, kind: str | None = None, order: Any = None) -> Any:
    """The elements in ascending order along an axis."""
    return wrap(wf.sort(unwrap(a), axis))


@method("argsort")
def argsort(a: Any, axis: int | None = -1, kind: str | None = None, order: Any = None) -> Any:
    """The places that would sort the elements along an axis."""
    return wrap(wf.argsort(unwrap(a), axis))


def topk(x: Any, kth: int, axis: int = -1, sorted: bool = True, idx_dtype: str = "int64") -> Any:
    """The kth largest values along an axis."""
    return wrap(wf.topk(unwrap(x), kth, axis)[0])


def argtopk(x: Any, kth: int, axis: int = -1, sorted: bool = True, idx_dtype: str = "int64") -> Any:
    """The places of the kth largest values along an axis."""
    return wrap(weft_cast(wf.topk(unwrap(x), kth, axis)[1], idx_dtype))


def topk_and_argtopk(x: Any, kth: int, axis: int = -1, sorted: bool = True, idx_dtype: str = "int64") -> Any:
    """[the kth largest values, their places]."""
    return [topk(x, kth, axis), argtopk(x, kth, axis, sorted, idx_dtype)]


@method("cumsum")
def cumsum(x: Any, axis: int | None = None) -> Any:
    """Running sums."""
    return wrap(wf.cumsum(unwrap(x), axis))


@method("cumprod")
def cumprod(x: Any, axis: int | None = None) -> Any:
    """Running products."""
    return wrap(wf.cumprod(unwrap(x), axis))


def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours, n times."""
    return wrap(wf.diff(unwrap(x), n, axis))


def bincount(x: Any, weights: Any = None, minlength: Any = None, assert_nonneg: bool = False) -> Any:
    """How often each whole number from 0 up occurs, or the sum of its weights."""
    node = weft_cast(unwrap(x), "int64")
    length = as_dim(wf.maximum(wf.max(node) + 1, unwrap(minlength or 0).astype("int64")))
    each = wf.ones_like(node) if weights is None else unwrap(weights)
    return wrap(wf.index_add(wf.zeros((length,), each.dtype), node, each))


def searchsorted(x: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Where the values of v would have to stand in the sorted vector x."""
    line = unwrap(x) if sorter is None else wf.take(unwrap(x), unwrap(sorter))
    values = wf.expand_dims(unwrap(v), -1)
    before = wf.lt(line, values) if side == "left" else wf.le(line, values)
    return wrap(wf.sum(before.astype("int64"), -1))
