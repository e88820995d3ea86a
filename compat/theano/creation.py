"""T.constant, T.zeros, T.arange: arrays out of nothing or out of values, under Theano's names."""

from __future__ import annotations

from typing import Any

import numpy as np

import weft as wf

from ...ops.elementwise import cast as weft_cast
from ...ops.movement import BroadcastTo
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant
from ...symbolic.leaves import constant as weft_constant
from ...symbolic.sizes import value_dim
from .convert import find_dtype, to_dtype, unwrap
from .methods import method
from .notes import made_by
from .ops import EQUIVALENTS, Work
from .shapes import dimshuffle
from .sizes import as_shape, as_size
from .variables import Variable, wrap


def as_tensor_variable(x: Any, name: str | None = None, ndim: int | None = None) -> Any:
    """The variable that stands for a value: itself, or a constant."""
    if isinstance(x, Variable) and ndim is None:
        return x
    found = wrap(unwrap(x))
    if ndim is not None and found.ndim < ndim:
        found = dimshuffle(found, *["x"] * (ndim - found.ndim), *range(found.ndim))
    if ndim is not None and found.ndim > ndim:
        raise blame(ValueError(f"The variable has {found.ndim} axes, and {ndim} are asked for."), user_site())
    if name is not None:
        found.name = name
    return found


def constant(x: Any, name: str | None = None, ndim: int | None = None, dtype: Any = None) -> Any:
    """A value that never changes, of the dtype that Theano gives it."""
    found = wrap(weft_constant(to_dtype(x, dtype)))
    if ndim is not None and found.ndim != ndim:
        found = as_tensor_variable(found, ndim=ndim)
    if name is not None:
        found.name = name
    return found


as_tensor = as_tensor_variable


class Alloc(Work):
    """T.alloc."""

    def __call__(self, value: Any, *shape: Any) -> Any:
        return alloc(value, *shape)


@made_by(lambda value, *shape: (Alloc(), [value, *shape]))
def alloc(value: Any, *shape: Any) -> Any:
    """An array of this shape with the value in it, repeated where it is smaller."""
    sizes = as_shape(shape[0]) if len(shape) == 1 else as_shape(shape)
    return wrap(wf.broadcast_to(unwrap(value), sizes))


def _fill_op(number: int, shape: Any, dtype: Any) -> Any:
    sizes = [shape] if not isinstance(shape, list | tuple) else list(shape)
    return Alloc(), [np.asarray(number, find_dtype(dtype)), *sizes]


@made_by(_fill_op)
def _fill(number: int, shape: Any, dtype: Any) -> Any:
    return wrap(wf.full(as_shape(shape), number, find_dtype(dtype)))


def zeros(shape: Any, dtype: Any = None) -> Any:
    """0 everywhere, of dtype floatX."""
    return _fill(0, shape, dtype)


def ones(shape: Any, dtype: Any = None) -> Any:
    """1 everywhere, of dtype floatX."""
    return _fill(1, shape, dtype)


empty = zeros


@method("zeros_like")
def zeros_like(model: Any, dtype: Any = None, opt: bool = False) -> Any:
    """0 in the shape and dtype of the model."""
    node = unwrap(model)
    return wrap(wf.zeros_like(node, find_dtype(dtype, node.dtype)))


@method("ones_like")
def ones_like(model: Any, dtype: Any = None, opt: bool = False) -> Any:
    """1 in the shape and dtype of the model."""
    node = unwrap(model)
    return wrap(wf.ones_like(node, find_dtype(dtype, node.dtype)))


def eye(n: Any, m: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """1 on the k-th diagonal."""
    size = as_size(n)
    return wrap(wf.eye(size, size if m is None else as_size(m), k, find_dtype(dtype)))


class ARange(Work):
    """T.arange."""

    __props__ = ("dtype",)

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    def __call__(self, start: Any, stop: Any, step: Any) -> Any:
        return arange(start, stop, step, self.dtype)


def _arange_op(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    first, last = (0, start) if stop is None else (start, stop)
    return ARange(arange(start, stop, step, dtype).dtype), [first, last, step]


@made_by(_arange_op)
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """start, start + step, ... below stop; whole numbers give int64."""
    bounds = [unwrap(v) for v in ((0, start, step) if stop is None else (start, stop, step))]
    kind = np.result_type(*[b.dtype for b in bounds]) if dtype is None else np.dtype(find_dtype(dtype))
    wide = {"i": "int64", "u": "uint64", "b": "int64"}.get(kind.kind, kind) if dtype is None else kind
    plain = [b.op.value.item() if isinstance(b.op, Constant) else b for b in bounds]
    return wrap(wf.arange(*[_as_size(p) for p in plain], dtype=wide))


def _as_size(value: Any) -> Any:
    """A size as a size, so that arange(x.shape[0]) has as many elements as x."""
    if not isinstance(value, Expr) or value.dtype.kind == "f":
        return value
    size = value_dim(value)
    return value if getattr(size, "sources", None) else size


def tri(n: Any, m: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """1 on the k-th diagonal and below it."""
    rows = as_size(n)
    columns = rows if m is None else as_size(m)
    below = wf.expand_dims(wf.arange(rows), 1) >= wf.arange(columns) - k
    return wrap(weft_cast(below, find_dtype(dtype)))


def tril(m: Any, k: int = 0) -> Any:
    """m with zeros above the k-th diagonal."""
    return wrap(wf.tril(unwrap(m), k))


def triu(m: Any, k: int = 0) -> Any:
    """m with zeros below the k-th diagonal."""
    return wrap(wf.triu(unwrap(m), k))


def to_one_hot(y: Any, nb_class: Any, dtype: Any = None) -> Any:
    """1 at the place that y names, in rows of nb_class numbers."""
    node = unwrap(y)
    places = wf.arange(as_size(nb_class))
    return wrap(wf.eq(wf.expand_dims(node.astype("int64"), -1), places).astype(find_dtype(dtype)))


EQUIVALENTS[BroadcastTo] = lambda node: Alloc()


class _Grid:
    """np.mgrid and np.ogrid with variables in them: T.mgrid[0:n, 1:3]."""

    def __init__(self, sparse: bool) -> None:
        self.sparse = sparse

    def __getitem__(self, key: Any) -> Any:
        many = isinstance(key, tuple)
        parts = key if many else (key,)
        lines = [unwrap(_slice_numbers(s)) for s in parts]
        kind = np.result_type(*[v.dtype for v in lines])
        lines = [weft_cast(v, kind) for v in lines]
        if not many:
            return wrap(lines[0])
        rank = len(lines)
        found = [wf.expand_dims(v, [j for j in range(rank) if j != i]) for i, v in enumerate(lines)]
        if self.sparse:
            return [wrap(v) for v in found]
        shape = tuple(v.shape[0] for v in lines)
        return wrap(wf.stack([wf.broadcast_to(v, shape) for v in found]))


_IMAGINARY = complex


def _slice_numbers(part: slice) -> Any:
    """The numbers of a slice; with a step of 5j, five of them, the last one included."""
    if isinstance(part.step, _IMAGINARY):
        return np.linspace(part.start or 0, part.stop, int(abs(part.step)))
    return arange(part.start or 0, part.stop, 1 if part.step is None else part.step)


mgrid, ogrid = _Grid(False), _Grid(True)


def complex(real: Any, imag: Any) -> Any:
    """Complex numbers: not supported."""
    text = "T.complex makes complex numbers, which weft has not."
    raise blame(NotImplementedError(text), user_site(), hint="keep the real and the imaginary part as two arrays.")


def complex_from_polar(abs: Any, angle: Any) -> Any:
    """Complex numbers: not supported."""
    return complex(abs, angle)
