"""T.sum, T.concatenate, T.arange, x.dimshuffle: reductions, movement and creation under Theano's names."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import weft as wf

from ...ops.elementwise import cast as weft_cast
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant
from .configuration import config
from .sizes import as_shape, as_size, elements
from .variables import Shape, Variable, method, unwrap, wrap

# ---- reductions ------------------------------------------------------------------------------------------------------


def _axes(axis: Any) -> Any:
    if isinstance(axis, Variable):
        return int(np.asarray(axis.expr.op.value))  # type: ignore[attr-defined]
    if isinstance(axis, list | tuple | np.ndarray):
        return tuple(int(a) for a in axis)
    return axis if axis is None else int(axis)


def _summed(node: Expr, dtype: Any) -> Expr:
    """Whole numbers are summed in 64 bits, as Theano does."""
    if dtype is not None:
        return weft_cast(node, config.floatX if dtype == "floatX" else dtype)
    wide = {"b": "int64", "i": "int64", "u": "uint64"}.get(node.dtype.kind)
    return weft_cast(node, wide) if wide else node


@method("sum")
def sum(input: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None) -> Any:
    """The sum over axes; of whole numbers and bools in int64."""
    return wrap(wf.sum(_summed(unwrap(input), dtype), _axes(axis), keepdims))


@method("prod")
def prod(
    input: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    acc_dtype: Any = None,
    no_zeros_in_input: bool = False,
) -> Any:
    """The product over axes; of whole numbers in int64."""
    node = unwrap(input)
    if node.ndim == 1 and isinstance(node.shape[0], int) and node.dtype.kind in "iu" and not keepdims and not dtype:
        return wrap(weft_cast(functools.reduce(lambda a, b: a * b, elements(node), unwrap(np.int64(1))), "int64"))
    return wrap(wf.prod(_summed(node, dtype), _axes(axis), keepdims))


@method("mean")
def mean(
    input: Any, axis: Any = None, dtype: Any = None, op: bool = False, keepdims: bool = False, acc_dtype: Any = None
) -> Any:
    """The mean over axes; of whole numbers and bools in float64."""
    node = unwrap(input)
    kind = dtype if dtype is not None else node.dtype if node.dtype.kind == "f" else "float64"
    return wrap(wf.mean(weft_cast(node, config.floatX if kind == "floatX" else kind), _axes(axis), keepdims))


@method("var")
def var(input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False) -> Any:
    """The mean of squared distances from the mean."""
    return wrap(wf.var(_float(unwrap(input)), _axes(axis), keepdims, ddof))


@method("std")
def std(input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False) -> Any:
    """The square root of the variance."""
    return wrap(wf.std(_float(unwrap(input)), _axes(axis), keepdims, ddof))


def _float(node: Expr) -> Expr:
    return node if node.dtype.kind == "f" else weft_cast(node, "float64")


def _largest(function: Callable[..., Expr]) -> Callable[..., Expr]:
    """max or min with Theano's derivative: every element that equals the result gets the whole of g."""

    def reduced(x: Expr, axis: Any, keepdims: bool) -> Expr:
        if not x.type.is_float:
            return function(x, axis, keepdims)
        axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
        rule = wf.custom_gradient(lambda v: function(v, axes, True), lambda g, out, v: wf.where(wf.eq(v, out), g, 0.0))
        return rule(x) if keepdims else wf.squeeze(rule(x), axes)

    return reduced


def _reduction(function: Callable[..., Expr], name: str) -> Callable[..., Any]:
    def call(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return wrap(function(unwrap(x), _axes(axis), keepdims))

    call.__name__, call.__doc__ = name, f"{name} over axes (None: all)."
    method(name)(call)
    return call


max, min = _reduction(_largest(wf.max), "max"), _reduction(_largest(wf.min), "min")
all, any = _reduction(wf.all, "all"), _reduction(wf.any, "any")


def _place(function: Callable[..., Expr], name: str) -> Callable[..., Any]:
    def call(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        node, axes = unwrap(x), _axes(axis)
        if isinstance(axes, tuple):
            axes = None if sorted(a % node.ndim for a in axes) == list(range(node.ndim)) and node.ndim > 1 else axes[0]
        return wrap(function(node, axes, keepdims))

    call.__name__, call.__doc__ = name, f"{name} along an axis (None: of all elements in C order)."
    method(name)(call)
    return call


argmax, argmin = _place(wf.argmax, "argmax"), _place(wf.argmin, "argmin")


def max_and_argmax(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """[the largest value, its place]."""
    return [max(a, axis, keepdims), argmax(a, axis, keepdims)]


@method("norm")
def norm(x: Any, L: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """(sum of |x|**L)**(1/L); L = 0 counts what is not 0, L = inf is the largest |x|."""
    size = wf.abs(unwrap(x))
    if np.inf == L:
        return wrap(wf.max(size, _axes(axis), keepdims))
    if L == 0:
        return wrap(wf.sum(wf.ne(size, 0).astype("int64"), _axes(axis), keepdims))
    return wrap(wf.pow(wf.sum(wf.pow(_float(size), float(L)), _axes(axis), keepdims), 1.0 / L))


@method("ptp")
def ptp(a: Any, axis: Any = None) -> Any:
    """The largest value minus the smallest."""
    return max(a, axis) - min(a, axis)


# ---- shapes ----------------------------------------------------------------------------------------------------------


@method("reshape")
def reshape(x: Any, newshape: Any, *more: Any, ndim: int | None = None) -> Any:
    """x under another shape; one size may be -1."""
    if more:
        newshape = (newshape, *more)
    node = unwrap(x)
    return wrap(wf.reshape(node, as_shape(newshape)))


@method("flatten")
def flatten(x: Any, ndim: int | None = None, outdim: int | None = None) -> Any:
    """The first ndim - 1 axes, and all others as one."""
    node, rank = unwrap(x), ndim if ndim is not None else outdim if outdim is not None else 1
    if not 1 <= rank <= builtins.max(node.ndim, 1):
        text = f"flatten: ndim is from 1 to {node.ndim}, the number of axes, not {rank}."
        raise blame(ValueError(text), user_site(), node.site)
    return wrap(wf.flatten(node, rank - 1))


@method("ravel")
def ravel(x: Any) -> Any:
    """All elements along one axis."""
    return flatten(x, 1)


@method("dimshuffle")
def dimshuffle(x: Any, *pattern: Any) -> Any:
    """The axes in the order of the pattern; 'x' is a new axis of size 1, and an axis of size 1 may be left out."""
    node = unwrap(x)
    order = list(pattern[0]) if len(pattern) == 1 and isinstance(pattern[0], list | tuple) else list(pattern)
    kept = [int(p) % node.ndim if node.ndim else int(p) for p in order if p != "x"]
    left = [i for i in range(node.ndim) if i not in kept]
    for i in left:
        if isinstance(node.shape[i], int) and node.shape[i] != 1:
            text = f"dimshuffle leaves out axis {i}, whose size is {node.shape[i]}: only axes of size 1 can go."
            raise blame(ValueError(text), user_site(), node.site)
    if len(set(kept)) != len(kept) or builtins.max([-1, *kept]) >= builtins.max(node.ndim, 0):
        text = f"dimshuffle: {tuple(order)} does not name each of the {node.ndim} axes at most once."
        raise blame(ValueError(text), user_site(), node.site)
    node = wf.squeeze(node, tuple(left)) if left else node
    moved = wf.transpose(node, [sorted(kept).index(k) for k in kept]) if kept else node
    return wrap(wf.expand_dims(moved, tuple(i for i, p in enumerate(order) if p == "x")))


@method("transpose")
def transpose(x: Any, *axes: Any, **options: Any) -> Any:
    """The axes in another order; none given: reversed."""
    order = options.get("axes", axes[0] if len(axes) == 1 else axes or None)
    return wrap(wf.transpose(unwrap(x), None if order is None else [int(a) for a in order]))


@method("swapaxes")
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """x with two axes exchanged."""
    return wrap(wf.swapaxes(unwrap(x), axis1, axis2))


@method("squeeze")
def squeeze(x: Any, axis: Any = None) -> Any:
    """x without the axes known to have size 1."""
    return wrap(wf.squeeze(unwrap(x), _axes(axis)))


def shape_padleft(t: Any, n_ones: int = 1) -> Any:
    """New axes of size 1 in front."""
    node = unwrap(t)
    return wrap(wf.expand_dims(node, tuple(range(n_ones))))


def shape_padright(t: Any, n_ones: int = 1) -> Any:
    """New axes of size 1 behind."""
    node = unwrap(t)
    return wrap(wf.expand_dims(node, tuple(range(node.ndim, node.ndim + n_ones))))


def shape_padaxis(t: Any, axis: int) -> Any:
    """A new axis of size 1 at this place of the result."""
    return wrap(wf.expand_dims(unwrap(t), axis))


def addbroadcast(x: Any, *axes: int) -> Any:
    """x with these axes known to have size 1, so that they broadcast; a call where they do not is an error."""
    node = unwrap(x)
    wanted = [1 if i in [a % node.ndim for a in axes] else d for i, d in enumerate(node.shape)]
    return wrap(wf.reshape(node, wanted))


def unbroadcast(x: Any, *axes: int) -> Any:
    """x: axes of size 1 broadcast here whether or not a pattern says so."""
    return wrap(unwrap(x))


def patternbroadcast(x: Any, broadcastable: Sequence[bool]) -> Any:
    """x with the axes that the pattern names known to have size 1."""
    return addbroadcast(x, *[i for i, one in enumerate(broadcastable) if one])


def shape(x: Any) -> Any:
    """The sizes of x, an int64 vector."""
    return Shape(unwrap(x).shape)


def shape_i(x: Any, i: int) -> Any:
    """The size of axis i."""
    return Shape(unwrap(x).shape)[i]


def specify_shape(x: Any, shape: Any) -> Any:
    """x, with a check that its shape is this one."""
    return wrap(wf.reshape(unwrap(x), as_shape(shape)))


def get_vector_length(v: Any) -> int:
    """The number of elements, where it is known.  Raises ValueError where it is not."""
    length = unwrap(v).shape[0]
    if not isinstance(length, int):
        raise blame(ValueError("The length of this vector is not known."), user_site(), unwrap(v).site)
    return length


def get_scalar_constant_value(v: Any, *ignored: Any, **options: Any) -> Any:
    """The value of a constant expression.  Raises NotScalarConstantError where it is none."""
    node = unwrap(v)
    if not isinstance(node.op, Constant):
        from ...symbolic.expr import toposort
        from ...symbolic.leaves import Input, Shared, Size

        if builtins.any(isinstance(n.op, Input | Shared | Size) for n in toposort([node])):
            raise blame(NotScalarConstantError(f"{v} is not a constant."), user_site(), node.site)
        return wf.evaluate(node)
    return node.op.value


method("get_scalar_constant_value")(get_scalar_constant_value)


class NotScalarConstantError(Exception):
    """Not a constant."""


EmptyConstantError = NotScalarConstantError


# ---- joining and repeating -------------------------------------------------------------------------------------------


def _typed_alike(values: Sequence[Any]) -> list[Expr]:
    nodes = [unwrap(v) for v in values]
    kind = np.result_type(*[n.dtype for n in nodes]) if nodes else None
    return [weft_cast(n, kind) for n in nodes]


def concatenate(tensor_list: Any, axis: Any = 0) -> Any:
    """The arrays one after the other along an axis."""
    if not isinstance(tensor_list, list | tuple):
        text = f"concatenate takes a list or tuple of tensors, not {type(tensor_list).__name__}."
        raise blame(TypeError(text), user_site())
    return wrap(wf.concatenate(_typed_alike(tensor_list), _axes(axis)))


def join(axis: Any, *tensors: Any) -> Any:
    """concatenate, with the axis first."""
    return concatenate(list(tensors), axis)


def stack(*tensors: Any, **options: Any) -> Any:
    """The arrays along a new axis: stack([a, b], axis=0), or in the old way stack(a, b)."""
    axis = options.pop("axis", 0)
    if len(tensors) == 2 and isinstance(tensors[0], list | tuple) and isinstance(tensors[1], int):
        tensors, axis = tensors[0], tensors[1]
    elif len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    elif "tensors" in options:
        tensors = tuple(options.pop("tensors"))
    return wrap(wf.stack(_typed_alike(tensors), axis))


def horizontal_stack(*args: Any) -> Any:
    """Matrices beside each other."""
    return concatenate(list(args), 1)


def vertical_stack(*args: Any) -> Any:
    """Matrices below each other."""
    return concatenate(list(args), 0)


def split(x: Any, splits_size: Any, n_splits: int, axis: int = 0) -> Any:
    """x cut into pieces of these sizes along an axis."""
    node = unwrap(x)
    sizes = [as_size(s) for s in splits_size] if isinstance(splits_size, list | tuple) else list(as_shape(splits_size))
    cuts: list[Any] = []
    for size in sizes[: n_splits - 1]:
        cuts.append((cuts[-1] if cuts else 0) + size)
    return [wrap(part) for part in wf.split(node, cuts, axis)]


def tile(x: Any, reps: Any, ndim: int | None = None) -> Any:
    """x repeated reps[i] times along axis i."""
    counts = list(as_shape(reps))
    if ndim is not None:
        counts = [1] * (ndim - len(counts)) + counts
    return wrap(wf.tile(unwrap(x), counts))


@method("repeat")
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Every element so many times in a row along an axis (None: of the flat x); a vector gives each its own number."""
    node, count = unwrap(x), repeats
    if isinstance(count, Variable | list | tuple | np.ndarray) and unwrap(count).ndim == 1:
        counts = unwrap(count)
        line = wf.ravel(node) if axis is None else node
        ends = wf.cumsum(counts.astype("int64"))
        places = wf.arange(ends[-1])
        from_ = wf.sum(wf.le(wf.expand_dims(ends, 0), wf.expand_dims(places, 1)).astype("int64"), 1)
        return wrap(wf.take(line, from_, axis or 0))
    return wrap(wf.repeat(node, as_size(count), axis))


def roll(x: Any, shift: Any, axis: int | None = None) -> Any:
    """The elements moved by so many places; those that fall off come in at the other end."""
    node = unwrap(x)
    line = wf.ravel(node) if axis is None else node
    place = (axis or 0) % line.ndim
    size = line.shape[place]
    places = (wf.arange(size) - unwrap(shift).astype("int64")) % (
        size if isinstance(size, int) else wf.arange(1) + size
    )
    moved = wf.take(line, places, place)
    return wrap(wf.reshape(moved, node.shape))


# ---- creation --------------------------------------------------------------------------------------------------------


def alloc(value: Any, *shape: Any) -> Any:
    """An array of this shape with the value in it, repeated where it is smaller."""
    sizes = as_shape(shape[0]) if len(shape) == 1 else as_shape(shape)
    return wrap(wf.broadcast_to(unwrap(value), sizes))


def _filled(number: int, shape: Any, dtype: Any) -> Any:
    kind = config.floatX if dtype in (None, "floatX") else dtype
    return wrap(wf.full(as_shape(shape), number, kind))


def zeros(shape: Any, dtype: Any = None) -> Any:
    """0 everywhere, of dtype floatX."""
    return _filled(0, shape, dtype)


def ones(shape: Any, dtype: Any = None) -> Any:
    """1 everywhere, of dtype floatX."""
    return _filled(1, shape, dtype)


empty = zeros


@method("zeros_like")
def zeros_like(model: Any, dtype: Any = None, opt: bool = False) -> Any:
    """0 in the shape and dtype of the model."""
    node = unwrap(model)
    return wrap(wf.zeros_like(node, node.dtype if dtype is None else config.floatX if dtype == "floatX" else dtype))


@method("ones_like")
def ones_like(model: Any, dtype: Any = None, opt: bool = False) -> Any:
    """1 in the shape and dtype of the model."""
    node = unwrap(model)
    return wrap(wf.ones_like(node, node.dtype if dtype is None else config.floatX if dtype == "floatX" else dtype))


def eye(n: Any, m: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """1 on the k-th diagonal."""
    size = as_size(n)
    return wrap(
        wf.eye(size, size if m is None else as_size(m), k, config.floatX if dtype in (None, "floatX") else dtype)
    )


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """start, start + step, ... below stop; whole numbers give int64."""
    bounds = [unwrap(v) for v in ((0, start, step) if stop is None else (start, stop, step))]
    kind = np.result_type(*[b.dtype for b in bounds]) if dtype is None else np.dtype(_dtype(dtype))
    wide = {"i": "int64", "u": "uint64", "b": "int64"}.get(kind.kind, kind) if dtype is None else kind
    plain = [b.op.value.item() if isinstance(b.op, Constant) else b for b in bounds]
    return wrap(wf.arange(*[_as_bound(p) for p in plain], dtype=wide))


def _as_bound(value: Any) -> Any:
    """A size as a size, so that arange(x.shape[0]) has as many elements as x."""
    if not isinstance(value, Expr) or value.dtype.kind == "f":
        return value
    from ...symbolic.sizes import value_dim

    size = value_dim(value)
    return value if getattr(size, "sources", None) else size


def _dtype(dtype: Any) -> Any:
    return config.floatX if dtype == "floatX" else dtype


def tri(n: Any, m: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """1 on the k-th diagonal and below it."""
    rows = as_size(n)
    columns = rows if m is None else as_size(m)
    below = wf.expand_dims(wf.arange(rows), 1) >= wf.arange(columns) - k
    return wrap(weft_cast(below, config.floatX if dtype in (None, "floatX") else dtype))


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
    return wrap(wf.eq(wf.expand_dims(node.astype("int64"), -1), places).astype(_dtype(dtype) or config.floatX))
