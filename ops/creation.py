"""Values made of nothing but a shape: zeros, ones, full, arange, eye."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.arguments import LARGEST, check_count
from ..symbolic.dims import Dim, Shape, SymDim
from ..symbolic.errors import ArgumentError, DTypeError, blame, user_site
from ..symbolic.expr import Expr, Op, apply
from ..symbolic.index_maps import AxisMap, along
from ..symbolic.leaves import Constant, weak_constant
from ..symbolic.records import record
from ..symbolic.sizes import as_dim, shape_of
from ..symbolic.types import INT64, DType, Type
from ..symbolic.types import dtype as as_dtype
from . import scalar
from .axes import normalize
from .coerce import as_expr
from .elementwise import cast, fit
from .labels import CheckLabels
from .movement import broadcast_to, expand_dims
from .operands import check_axes


@record
class Iota(Op):
    """0, 1, 2, ... along one axis of a shape; the same along all others."""

    shape: Shape
    axis: int
    dtype: DType = INT64
    is_looped = True

    def infer(self) -> Type:
        check_axes(self.name, (self.axis,), len(self.shape))
        return Type(self.dtype, self.shape)

    def numpy(self) -> np.ndarray:
        column = [1] * len(self.shape)
        column[self.axis] = -1
        line = np.arange(self.shape[self.axis]).astype(self.dtype)  # type: ignore[arg-type]
        return np.broadcast_to(line.reshape(column), self.shape)  # type: ignore[arg-type]

    def index_value(self) -> AxisMap:
        return along(self.axis)


def full(shape: Any, value: Any, dtype: Any = None) -> Expr:
    """An array of this shape with `value` everywhere.  dtype None: the value's (config.float_dtype for floats)."""
    node = as_expr(value)
    if dtype is not None or node.type.weak:
        node = fit(node, as_dtype(dtype) if dtype is not None else node.dtype)
    return broadcast_to(node, shape_of(shape))


def zeros(shape: Any, dtype: Any = None) -> Expr:
    """0 everywhere; dtype None: config.float_dtype."""
    return full(shape, 0.0, as_dtype(dtype))


def ones(shape: Any, dtype: Any = None) -> Expr:
    """1 everywhere; dtype None: config.float_dtype."""
    return full(shape, 1.0, as_dtype(dtype))


def zeros_like(x: Any, dtype: Any = None) -> Expr:
    """0 in the shape of x."""
    node = as_expr(x)
    return full(node.shape, weak_constant(0, as_dtype(dtype) if dtype is not None else node.dtype))


def ones_like(x: Any, dtype: Any = None) -> Expr:
    """1 in the shape of x."""
    node = as_expr(x)
    return full(node.shape, weak_constant(1, as_dtype(dtype) if dtype is not None else node.dtype))


def full_like(x: Any, value: Any, dtype: Any = None) -> Expr:
    """`value` in the shape and dtype of x."""
    node = as_expr(x)
    return full(node.shape, value, node.dtype if dtype is None else dtype)


def iota(shape: Any, axis: int = 0, dtype: Any = "int64") -> Expr:
    """0, 1, 2, ... along `axis` of an array of this shape."""
    sizes = shape_of(shape)
    return apply(Iota(sizes, normalize(axis, len(sizes), "iota"), as_dtype(dtype)))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Expr:
    """start, start + step, ... below stop, as np.arange; numbers, sizes, or scalars computed in the graph.

    dtype None: int64 for whole numbers, else config.float_dtype.
    """
    if stop is None:
        start, stop = 0, start
    if not isinstance(step, Expr) and not (isinstance(step, int | float | np.number) and bool(step < 0 or step > 0)):
        raise blame(ArgumentError(f"arange: the step must be a number other than 0, not {step!r}."), user_site())
    for limit in (start, stop):
        if isinstance(limit, bool) or not isinstance(limit, int | float | np.number | SymDim | Expr):
            raise blame(ArgumentError(f"arange: a limit is a number or a scalar, not {limit!r}."), user_site())
    if isinstance(step, float) and np.isinf(step):
        step = _step_beyond(start, stop, step)
    whole = not any(_is_float(v) for v in (start, stop, step))
    kind = as_dtype(dtype if dtype is not None else "int64" if whole else None)
    count = _count(start, stop, step)
    line = iota((count,), 0, "int64" if whole else kind)
    return cast(_scale(line, step, start), kind)


def _step_beyond(start: Any, stop: Any, step: float) -> float:
    """A finite step that leads as far as an infinite one: behind the last element from the first."""
    if not all(isinstance(v, int | float | np.number) for v in (start, stop)):
        raise blame(ArgumentError(f"arange: the step must be finite here, not {step!r}."), user_site())
    span = float(stop - start)
    return span if span * step > 0 else float(np.sign(step))


def _scale(line: Expr, step: Any, start: Any) -> Expr:
    scaled = line if not isinstance(step, Expr) and step == 1 else line * step
    return scaled if isinstance(start, int) and start == 0 else scaled + start


def _count(start: Any, stop: Any, step: Any) -> Dim:
    if all(isinstance(v, int | float | np.number) for v in (start, stop, step)):
        if all(isinstance(v, int | np.integer) for v in (start, stop, step)):
            return max(0, -((int(start) - int(stop)) // int(step)))
        count = np.ceil(np.float64(stop - start) / step)
        if not np.isfinite(count):
            text = f"arange: from {start} to {stop} in steps of {step} there is no end."
            raise blame(ArgumentError(text), user_site())
        return max(0, int(count))
    if any(isinstance(v, Expr | float | np.floating) for v in (start, stop, step)):
        return _computed_count(start, stop, step)
    span = (stop - start) if step > 0 else (start - stop)
    size = abs(step)
    return -((-span) // size) if size != 1 else span  # type: ignore[no-any-return]


def _computed_count(start: Any, stop: Any, step: Any) -> Dim:
    """ceil((stop - start) / step), or 0, of values that only a call knows."""
    if any(_is_float(v) for v in (start, stop, step)):
        count = cast(scalar.ceil(cast(as_expr(stop) - start, "float64") / step), "int64")
    else:
        wide = [cast(as_expr(v), "int64") for v in (start, stop, step)]
        count = -((wide[0] - wide[1]) // wide[2])
    return as_dim(scalar.maximum(count, 0))


def _is_float(value: Any) -> bool:
    return value.dtype.kind == "f" if isinstance(value, Expr | np.generic) else isinstance(value, float)


def eye(n: Any, m: Any = None, k: int = 0, dtype: Any = None) -> Expr:
    """1 on the k-th diagonal of an (n, m) matrix, else 0."""
    if not isinstance(k, Expr):
        check_count("eye", "k", k, -LARGEST)
    shape = shape_of((n, n if m is None else m))
    return cast(scalar.eq(iota(shape, 1), iota(shape, 0) + k), as_dtype(dtype))


def identity_size(mask: Expr) -> Dim | None:
    """n, of the bools that `eye(n)` casts; None for all else, other diagonals and matrices that are not square."""
    if mask.op.name != "eq" or mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
        return None
    places = [_without_zero(x).op for x in mask.args]
    axes = [place.axis for place in places if isinstance(place, Iota)]
    return mask.shape[0] if sorted(axes) == [0, 1] else None


def _without_zero(node: Expr) -> Expr:
    """x, of x + 0."""
    if node.op.name == "add" and isinstance(node.args[1].op, Constant) and not node.args[1].op.value.any():
        return node.args[0]
    return node


def one_hot(labels: Any, classes: int, dtype: Any = None) -> Expr:
    """1 at the label's place along a new last axis of size `classes`, 0 elsewhere.

    Raises DTypeError for labels that are no integers; IndexRangeError, when it runs, for a label outside
    [0, classes), as `pick` and `crossentropy` do.
    """
    node = as_expr(labels)
    if node.dtype.kind not in "iu":
        raise blame(DTypeError(f"one_hot takes integer labels, not {node.dtype.name}."), user_site(), node.site)
    places = iota((classes,), 0, "int32")
    # 3 ns a label: a row of zeros is a class that nothing trains towards, and that nobody sees
    checked = apply(CheckLabels(places.shape[0]), node)
    return cast(scalar.eq(expand_dims(checked, -1), places), as_dtype(dtype))
