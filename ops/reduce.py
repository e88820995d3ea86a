"""Reductions over axes: sum, prod, max, min, any, all, argmax, argmin, and what is made of them."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..symbolic.arguments import check_flag, is_number
from ..symbolic.dims import product
from ..symbolic.errors import ArgumentError, DTypeError, blame, user_site
from ..symbolic.expr import Expr, Op, apply
from ..symbolic.grad import CustomGradient, stop_gradient
from ..symbolic.grad import vjp as vjp_of
from ..symbolic.guards import nonempty
from ..symbolic.leaves import size
from ..symbolic.operators import function as bound
from ..symbolic.records import record
from ..symbolic.types import BOOL, FLOAT16, FLOAT32, FLOAT64, INT64, DType, Type, float_like
from . import scalar
from .axes import normalize, normalize_all, without
from .coerce import as_expr
from .creation import ones
from .elementwise import cast
from .movement import broadcast_to, expand_dims, ravel, reshape, squeeze, transpose
from .operands import check_axes

Axes = tuple[int, ...]


class Kind(NamedTuple):
    """What reductions of one name do.  How a target gathers them stands in its accumulators, by the same name.

    numpy : the reference, of an array along axes
    vjp : the cotangent of x, given that of the result, the result, x and the axes; None where there is none
    operand : the dtype that elements are cast to; None: their own
    partial : the dtype of what part of the elements gives, until all parts are put together
    of_something : whether there is none over nothing
    places : whether the result is where, not what
    """

    numpy: Callable[[np.ndarray, Any], Any]
    vjp: Callable[[Expr, Expr, Expr, Axes], Expr] | None = None
    operand: Callable[[DType], DType] | None = None
    partial: Callable[[DType], DType] = lambda kind: kind
    of_something: bool = False
    places: bool = False


@record
class Reduce(Op):
    """`kind` of the elements along `axes`, which disappear.

    Sums of floats are accurate: their error does not grow with the number of elements (blocks are summed in float32
    or float64, the blocks' sums in float64 or with compensation).  A NaN makes max and min NaN; over nothing they are
    the smallest and the largest number of the dtype, or an error where they are `of_something`.
    """

    kind: str
    axes: tuple[int, ...]
    of_something: bool = False
    in_nests = True

    @property
    def name(self) -> str:
        return self.kind

    @property
    def details(self) -> str:
        """What is printed beside the argument."""
        return f"axes={self.axes}"

    def infer(self, x: Type) -> Type:
        of = KINDS.get(self.kind)
        if of is None or of.places or (of.operand and (of.operand(x.dtype) == BOOL) != (x.dtype == BOOL)):
            raise DTypeError(f"There is no reduction {self.kind!r} of {x.dtype.name}.")
        check_axes(self.kind, self.axes, x.ndim)
        for axis in self.axes if self.of_something else ():
            nonempty(self.kind, x.shape[axis], axis)
        return Type(x.dtype, without(x.shape, self.axes))

    def numpy(self, x: np.ndarray) -> Any:
        return KINDS[self.kind].numpy(x, self.axes)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr | None]:
        of = KINDS[self.kind].vjp
        return [None if of is None else of(g, out, args[0], self.axes)]


@record
class ArgReduce(Op):
    """The first position (int64) of the largest or smallest element along an axis; a NaN counts as both."""

    kind: str
    axis: int
    in_nests = True

    @property
    def name(self) -> str:
        return self.kind

    def infer(self, x: Type) -> Type:
        if self.kind not in KINDS or not KINDS[self.kind].places:
            raise ArgumentError(f"There is no search for {self.kind!r}.")
        check_axes(self.kind, (self.axis,), x.ndim)
        nonempty(self.kind, x.shape[self.axis], self.axis)
        return Type(INT64, without(x.shape, (self.axis,)))

    def numpy(self, x: np.ndarray) -> Any:
        return KINDS[self.kind].numpy(x, self.axis)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[None]:
        return [None]


def _in_float64(function: Callable[..., Any], x: np.ndarray, axes: Any) -> Any:
    """Of float32 computed in float64."""
    if x.dtype != FLOAT32:
        return function(x, axis=axes)
    return function(x.astype(FLOAT64), axis=axes).astype(FLOAT32)


def _extreme(function: Callable[..., Any], x: np.ndarray, axes: Any) -> Any:
    """Over nothing, what the search starts from."""
    return function(x, axis=axes) if x.size else function(x, axis=axes, initial=_outermost(function.__name__, x.dtype))


def _outermost(kind: str, dtype: DType) -> Any:
    """What max and min start from."""
    if dtype.kind == "b":
        return kind == "min"
    limits = (-np.inf, np.inf) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return limits[kind == "min"]


def _shared_by_ties(g: Expr, out: Expr, x: Expr, axes: Axes) -> Expr:
    hits = scalar.eq(x, restore(out, x, axes))
    shares = g / sum(cast(hits, x.dtype), axis=axes)
    return scalar.where(hits, restore(shares, x, axes), 0)


def restore(reduced: Expr, x: Expr, axes: tuple[int, ...]) -> Expr:
    """A reduced value repeated to the shape of x: the adjoint of a sum."""
    return broadcast_to(expand_dims(reduced, axes), x.shape) if axes else reduced


def product_of_others(x: Expr, axes: tuple[int, ...]) -> Expr:
    """For each element the product of all others along the axes; right where elements are 0.

    With z zeros: z = 0: product / x; z = 1: the product without the zero, at its place; z > 1: 0.  Which are 0 says
    nothing of what is near, so that derivatives are those of the products of all before and all behind.
    """
    zero = scalar.eq(x, 0)
    filled = scalar.where(zero, 1.0, x)
    rest = restore(reduce("prod", filled, axes, False), x, axes)
    count = restore(sum(cast(zero, x.dtype), axis=axes), x, axes)
    alone = scalar.where(scalar.eq(count, 1), rest, 0)
    value = scalar.where(zero, alone, scalar.where(scalar.eq(count, 0), rest / filled, 0))
    return apply(CustomGradient(_OthersGradient(axes)), value, x)


@record
class _OthersGradient:
    """The vjp of `product_of_others`."""

    axes: tuple[int, ...]

    def __call__(self, g: Expr, out: Expr, x: Expr) -> Expr:
        others: Expr = vjp_of(_before_times_behind(x, self.axes), x, g)
        return others


def _before_times_behind(x: Expr, axes: tuple[int, ...]) -> Expr:
    """The product of all others, element after element along the axes: derivatives of any order are right."""
    kept = without(range(x.ndim), axes)
    order, rest = (*axes, *kept), tuple(x.shape[a] for a in kept)
    moved = transpose(x, order)
    lines = reshape(moved, (product(x.shape[a] for a in axes), *rest))
    before, behind = (
        bound("scan")(lambda past, line: (past * line, past), ones(rest, x.dtype), lines, reverse=back)[1]
        for back in (False, True)
    )
    return transpose(reshape(before * behind, moved.shape), tuple(int(i) for i in np.argsort(order)))


def reduce(kind: str, x: Any, axis: Any, keepdims: bool) -> Expr:
    """One reduction with NumPy's axis and keepdims."""
    node = as_expr(x)
    axes = normalize_all(axis, node.ndim, kind, node)
    keepdims = check_flag(kind, "keepdims", keepdims)
    of = KINDS[kind]
    node = node if of.operand is None else cast(node, of.operand(node.dtype))
    result = apply(Reduce(kind, axes, of.of_something), node) if axes else cast(node, node.dtype)
    return expand_dims(result, axes) if keepdims and axes else result


def accumulator(kind: DType) -> DType:
    """NumPy's dtype of sums: int64 or uint64 for integers and bools."""
    if kind.kind in "bi":
        return INT64
    return np.dtype("uint64") if kind.kind == "u" else kind


KINDS: dict[str, Kind] = {
    "sum": Kind(
        lambda x, axes: _in_float64(np.sum, x, axes),
        lambda g, out, x, axes: restore(g, x, axes),
        accumulator,
        lambda kind: FLOAT64 if kind == FLOAT32 else kind,
    ),
    "prod": Kind(
        lambda x, axes: _in_float64(np.prod, x, axes),
        lambda g, out, x, axes: restore(g, x, axes) * product_of_others(x, axes),
        accumulator,
    ),
    "max": Kind(lambda x, axes: _extreme(np.max, x, axes), _shared_by_ties, of_something=True),
    "min": Kind(lambda x, axes: _extreme(np.min, x, axes), _shared_by_ties, of_something=True),
    "any": Kind(lambda x, axes: np.any(x, axis=axes), operand=lambda kind: BOOL),
    "all": Kind(lambda x, axes: np.all(x, axis=axes), operand=lambda kind: BOOL),
    "argmax": Kind(lambda x, axis: np.argmax(x, axis=axis), of_something=True, places=True),
    "argmin": Kind(lambda x, axis: np.argmin(x, axis=axis), of_something=True, places=True),
}


def sum(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Expr:
    """The sum over axes (None: all).

    dtype : that of the elements that are added, and of the sum.  None: int64 for integers and bools, uint64 for
        unsigned integers, else that of x
    """
    return _accumulate("sum", x, axis, keepdims, dtype)


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Expr:
    """The product over axes (None: all); dtype as in `sum`.  Gradient: right where elements are 0, to any order."""
    return _accumulate("prod", x, axis, keepdims, dtype)


def _accumulate(kind: str, x: Any, axis: Any, keepdims: bool, dtype: Any) -> Expr:
    if dtype is None:
        return reduce(kind, x, axis, keepdims)
    node = cast(x, dtype)
    return cast(reduce(kind, node, axis, keepdims), node.dtype)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Expr:
    """The largest over axes; NaN if there is one.  Gradient: shared equally between ties."""
    return reduce("max", x, axis, keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Expr:
    """The smallest over axes; NaN if there is one.  Gradient: shared equally between ties."""
    return reduce("min", x, axis, keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Expr:
    """Whether any element over axes is not 0."""
    return reduce("any", x, axis, keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Expr:
    """Whether all elements over axes are not 0."""
    return reduce("all", x, axis, keepdims)


def top(x: Expr, axes: tuple[int, ...]) -> Expr:
    """The largest over axes, which keep the size 1; -inf over nothing."""
    number = product(x.shape[a] for a in axes)
    known = isinstance(number, int) and number > 0  # then it is `max`, and computed once where both are
    return expand_dims(apply(Reduce("max", axes, known), x), axes) if axes else x


def _arg(kind: str, x: Any, axis: int | None, keepdims: bool) -> Expr:
    node, keepdims = as_expr(x), check_flag(kind, "keepdims", keepdims)
    if axis is None:
        flat = apply(ArgReduce(kind, 0), ravel(node))
        return expand_dims(flat, tuple(range(node.ndim))) if keepdims else flat
    place = normalize(axis, node.ndim, kind, node)
    result = apply(ArgReduce(kind, place), node)
    return expand_dims(result, place) if keepdims else result


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Expr:
    """The first position of the largest element along an axis (None: of the flattened x); a NaN counts as largest."""
    return _arg("argmax", x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Expr:
    """The first position of the smallest element along an axis (None: of the flattened x); a NaN counts as smallest."""
    return _arg("argmin", x, axis, keepdims)


def count(x: Expr, axes: tuple[int, ...], kind: DType, less: float = 0) -> float | Expr:
    """The number of elements along the axes, less so many, or 0: a number where it is known, else an expression."""
    number = product(x.shape[a] for a in axes)
    if isinstance(number, int):
        return builtins.max(float(number - less), 0.0)
    whole = cast(size(number), kind)
    return scalar.maximum(whole - less, 0) if less else whole


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Expr:
    """The mean over axes; integers give floats as in NumPy.  NaN over nothing."""
    node, keepdims = as_expr(x), check_flag("mean", "keepdims", keepdims)
    if node.dtype == FLOAT16:  # which ends below many an array's number of elements
        return cast(mean(cast(node, FLOAT32), axis, keepdims), FLOAT16)
    node = cast(node, float_like(node.dtype))
    axes = normalize_all(axis, node.ndim, "mean", node)
    number = count(node, axes, node.dtype)
    return sum(node, axes, keepdims) / number


def var(x: Any, axis: Any = None, keepdims: bool = False, ddof: float = 0) -> Expr:
    """The sum of squared distances from the mean, divided by max(n - ddof, 0): two passes, so without cancellation.

    Where n <= ddof it is NaN, or inf where the elements differ, as in NumPy.  ddof : a number.
    """
    return _variance("var", x, axis, keepdims, ddof)


def std(x: Any, axis: Any = None, keepdims: bool = False, ddof: float = 0) -> Expr:
    """sqrt(var)."""
    return scalar.sqrt(_variance("std", x, axis, keepdims, ddof))


def _variance(name: str, x: Any, axis: Any, keepdims: bool, ddof: float) -> Expr:
    node, keepdims = as_expr(x), check_flag(name, "keepdims", keepdims)
    if not is_number(ddof):
        raise blame(ArgumentError(f"{name}: ddof is a number, not {ddof!r}."), user_site(), node.site)
    if node.dtype == FLOAT16:
        return cast(_variance(name, cast(node, FLOAT32), axis, keepdims, ddof), FLOAT16)
    node = cast(node, float_like(node.dtype))
    axes = normalize_all(axis, node.ndim, name, node)
    distance = node - mean(node, axes, keepdims=True)
    return sum(scalar.square(distance), axes, keepdims) / count(node, axes, node.dtype, less=ddof)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Expr:
    """log(sum(exp(x))) over axes without overflow: max + log(sum(exp(x - max))); -inf over nothing.

    Gradient: softmax(x).
    """
    node, keepdims = as_expr(x), check_flag("logsumexp", "keepdims", keepdims)
    node = cast(node, float_like(node.dtype))
    axes = normalize_all(axis, node.ndim, "logsumexp", node)
    if not axes:
        return node
    shift = stop_gradient(top(node, axes))
    shift = scalar.where(scalar.isfinite(shift), shift, 0)
    total = scalar.log(sum(scalar.exp(node - shift), axes, keepdims=True)) + shift
    return total if keepdims else squeeze(total, axes)


def check_float(node: Expr, name: str) -> None:
    """Raise DTypeError unless the node holds floats."""
    if not node.type.is_float:
        raise blame(DTypeError(f"{name} takes floats, not {node.dtype.name}."), user_site(), node.site, hint="cast it.")
