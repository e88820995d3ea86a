"""T.sum, T.mean, T.max, x.argmax: reductions under Theano's names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import weft as wf

from ...ops.axes import normalize_all, without
from ...ops.elementwise import cast as weft_cast
from ...ops.reduce import Reduce
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from .convert import axes_of, find_dtype, floats, unwrap
from .methods import method
from .notes import made_by, note_op
from .ops import EQUIVALENTS, Work
from .scalar_ops import SCALARS
from .sizes import elements
from .variables import wrap


def _sum(node: Expr, dtype: Any) -> Expr:
    """Whole numbers are summed in 64 bits, as Theano does."""
    if dtype is not None:
        return weft_cast(node, find_dtype(dtype))
    wide = {"b": "int64", "i": "int64", "u": "uint64"}.get(node.dtype.kind)
    return weft_cast(node, wide) if wide else node


class CAReduce(Work):
    """A function of two numbers, folded over axes (None: all)."""

    __props__ = ("scalar_op", "axis")

    def __init__(self, scalar_op: Any, axis: Any = None) -> None:
        self.scalar_op, self.axis = scalar_op, _axis_tuple(axis)

    def __call__(self, x: Any, **options: Any) -> Any:
        known = {"add": sum, "mul": prod, "maximum": max, "minimum": min, "and_": all, "or_": any}
        if self.scalar_op.name not in known:
            text = f"{self.scalar_op} is not folded over axes: add, mul, maximum, minimum, and_ and or_ are."
            raise blame(NotImplementedError(text), user_site())
        return known[self.scalar_op.name](x, self.axis, **options)

    def __repr__(self) -> str:
        name = type(self).__name__ if type(self) is not CAReduce else f"Reduce{{{self.scalar_op}}}"
        return name if self.axis is None else f"{name}{{axis={list(self.axis)}}}"


def _axis_tuple(axis: Any) -> tuple[int, ...] | None:
    axes = axes_of(axis)
    return axes if axes is None or isinstance(axes, tuple) else (axes,)


def _folds(name: str, scalar_op: Any) -> type[CAReduce]:
    """The class of reductions by one function."""

    def init(self: Any, axis: Any = None, **options: Any) -> None:
        CAReduce.__init__(self, scalar_op, axis)

    return type(name, (CAReduce,), {"__init__": init, "__module__": __name__, "__doc__": f"{name} over axes."})


Sum, Prod = _folds("Sum", SCALARS["add"]), _folds("Prod", SCALARS["mul"])
Max, Min = _folds("Max", SCALARS["maximum"]), _folds("Min", SCALARS["minimum"])
All, Any_ = _folds("All", SCALARS["and_"]), _folds("Any", SCALARS["or_"])


class Argmax(Work):
    """T.argmax over axes (None: all)."""

    __props__ = ("axis",)

    def __init__(self, axis: Any = None) -> None:
        self.axis = _axis_tuple(axis)

    def __call__(self, x: Any, **options: Any) -> Any:
        return argmax(x, self.axis, **options)


class MaxAndArgmax(Work):
    """T.max_and_argmax over axes (None: all)."""

    __props__ = ("axis",)

    def __init__(self, axis: Any = None) -> None:
        self.axis = _axis_tuple(axis)

    def __call__(self, x: Any, **options: Any) -> Any:
        return max_and_argmax(x, self.axis, **options)


def _by(kind: Any) -> Any:
    """Noted as made by a reduction of this class over the axes."""
    return made_by(lambda input, axis=None, *args, **options: (kind(axis), [input]))


@method("sum")
@_by(Sum)
def sum(input: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None) -> Any:
    """The sum over axes; of whole numbers and bools in int64."""
    return wrap(wf.sum(_sum(unwrap(input), dtype), axes_of(axis), keepdims))


@method("prod")
@_by(Prod)
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
    return wrap(wf.prod(_sum(node, dtype), axes_of(axis), keepdims))


@method("product_of")
def _product_of(vector: Any, found: Any) -> Any:
    """The number of elements, which notes that it is the product of a shape."""
    return note_op(found, Prod(), [vector])


@method("mean")
def mean(
    input: Any, axis: Any = None, dtype: Any = None, op: bool = False, keepdims: bool = False, acc_dtype: Any = None
) -> Any:
    """The mean over axes; of whole numbers and bools in float64."""
    node = unwrap(input)
    kind = dtype if dtype is not None else node.dtype if node.dtype.kind == "f" else "float64"
    return wrap(wf.mean(weft_cast(node, find_dtype(kind)), axes_of(axis), keepdims))


@method("var")
def var(input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False) -> Any:
    """The mean of squared distances from the mean."""
    return wrap(wf.var(floats(unwrap(input)), axes_of(axis), keepdims, ddof))


@method("std")
def std(input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False) -> Any:
    """The square root of the variance."""
    return wrap(wf.std(floats(unwrap(input)), axes_of(axis), keepdims, ddof))


def _largest(function: Callable[..., Expr]) -> Callable[..., Expr]:
    """max or min with Theano's derivative: every element that equals the result gets the whole of g."""

    def reduce(x: Expr, axis: Any, keepdims: bool) -> Expr:
        if not x.type.is_float:
            return function(x, axis, keepdims)
        axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
        rule = wf.custom_gradient(lambda v: function(v, axes, True), lambda g, out, v: wf.where(wf.eq(v, out), g, 0.0))
        return rule(x) if keepdims else wf.squeeze(rule(x), axes)

    return reduce


def _reduction(function: Callable[..., Expr], name: str, kind: Any) -> Callable[..., Any]:
    @_by(kind)
    def call(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return wrap(function(unwrap(x), axes_of(axis), keepdims))

    call.__name__, call.__doc__ = name, f"{name} over axes (None: all)."
    method(name)(call)
    return call


max, min = _reduction(_largest(wf.max), "max", Max), _reduction(_largest(wf.min), "min", Min)
all, any = _reduction(wf.all, "all", All), _reduction(wf.any, "any", Any_)


def _place(function: Callable[..., Expr], name: str) -> Callable[..., Any]:
    @_by(Argmax)
    def call(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        node, axes = unwrap(x), axes_of(axis)
        if isinstance(axes, tuple) and len(axes) < 2:
            axes = axes[0] if axes else None
        if not isinstance(axes, tuple):
            return wrap(function(node, axes, keepdims))
        several = normalize_all(axes, node.ndim, name, node)
        kept = without(range(node.ndim), several)
        found = function(wf.flatten(wf.transpose(node, (*kept, *several)), len(kept)), -1)
        return wrap(wf.expand_dims(found, several) if keepdims else found)

    call.__name__, call.__doc__ = name, f"{name} along an axis, or several as one in C order (None: all)."
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
        return wrap(wf.max(size, axes_of(axis), keepdims))
    if L == 0:
        return wrap(wf.sum(wf.ne(size, 0).astype("int64"), axes_of(axis), keepdims))
    return wrap(wf.pow(wf.sum(wf.pow(floats(size), float(L)), axes_of(axis), keepdims), 1.0 / L))


@method("ptp")
def ptp(a: Any, axis: Any = None) -> Any:
    """The largest value minus the smallest."""
    return max(a, axis) - min(a, axis)


_KINDS = {"sum": Sum, "prod": Prod, "max": Max, "min": Min, "all": All, "any": Any_}
EQUIVALENTS[Reduce] = lambda node: _KINDS[node.op.kind](node.op.axes)  # type: ignore[attr-defined]
