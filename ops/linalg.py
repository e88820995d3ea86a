"""Matrix products: matmul, dot, tensordot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..symbolic.arguments import check_count
from ..symbolic.dims import product, same, show
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, Op, apply
from ..symbolic.guards import unify
from ..symbolic.records import record
from ..symbolic.types import Type, promote
from .axes import normalize, without
from .coerce import as_expr
from .elementwise import broadcast, cast, unbroadcast
from .movement import expand_dims, reshape, squeeze, swapaxes, transpose
from .operands import check_same_dtype
from .reduce import sum as sum_over
from .strided import Diagonal


@record
class MatMul(Op):
    """out[..., m, n] = sum over k of a[..., m, k] b[..., k, n]; the leading axes broadcast."""

    name = "matmul"

    def infer(self, a: Type, b: Type) -> Type:
        def message() -> str:
            inner = f"{a.shape[-1]} != {b.shape[-2]}"
            return f"matmul: inner dimensions differ: {show(a.shape)} @ {show(b.shape)}, and {inner}."

        if a.ndim < 2 or b.ndim < 2:
            raise ShapeError(f"matmul: matrices have two axes or more, not {show(a.shape)} and {show(b.shape)}.")
        check_same_dtype("matmul", a, b)
        unify(a.shape[-1], b.shape[-2], message)
        batch = broadcast("matmul", [a.shape[:-2], b.shape[:-2]])
        return Type(a.dtype, (*batch, a.shape[-2], b.shape[-1]))

    def numpy(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.matmul(a, b)  # type: ignore[no-any-return]

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Any]:
        a, b = args
        return [
            lambda: unbroadcast(apply(self, g, swapaxes(b, -1, -2)), a),
            lambda: unbroadcast(apply(self, swapaxes(a, -1, -2), g), b),
        ]


def matmul(a: Any, b: Any) -> Expr:
    """a @ b as NumPy's matmul: (..., m, k) @ (..., k, n) -> (..., m, n); vectors are rows left and columns right.

    Gradient: g @ b.T and a.T @ g.  Numerics: products are summed in the dtype of the operands, in blocks.
    Raises ShapeError for scalars and for inner sizes that differ, with the lines of both operands.
    """
    left, right = as_expr(a), as_expr(b)
    if left.ndim == 0 or right.ndim == 0:
        text = f"matmul: shapes {show(left.shape)} and {show(right.shape)}: a scalar has no axis to sum over."
        raise blame(ShapeError(text), user_site(), left.site, right.site, hint="use * to scale.")
    _check_inner(left, right)
    kind = promote(left.type, right.type)
    x, y = cast(left, kind), cast(right, kind)
    x2 = expand_dims(x, 0) if x.ndim == 1 else x
    y2 = expand_dims(y, 1) if y.ndim == 1 else y
    out = apply(MatMul(), x2, y2)
    gone = ([-2] if x.ndim == 1 else []) + ([-1] if y.ndim == 1 else [])
    return squeeze(out, gone) if gone else out


def _check_inner(a: Expr, b: Expr) -> None:
    inner, other = a.shape[-1], b.shape[-2 if b.ndim > 1 else -1]
    if same(inner, other) is not False:
        return
    text = f"matmul: inner dimensions differ: {show(a.shape)} @ {show(b.shape)}, and {inner} != {other}."
    wanted = show((*b.shape[:-2], inner, b.shape[-1]) if b.ndim > 1 else (inner,))
    raise blame(
        ShapeError(text), user_site(), a.site, b.site, hint=f"{b.name or 'the right operand'} needs shape {wanted}."
    )


def dot(a: Any, b: Any) -> Expr:
    """np.dot: scalars scale, vectors give their inner product, matrices multiply; else the last axis of a with the
    last but one of b, all others kept."""
    left, right = as_expr(a), as_expr(b)
    if left.ndim == 0 or right.ndim == 0:
        return left * right
    if left.ndim <= 2 and right.ndim <= 2:
        return matmul(left, right)
    return tensordot(left, right, axes=((left.ndim - 1,), (max(right.ndim - 2, 0),)))


def outer(a: Any, b: Any) -> Expr:
    """out[i, j] = a[i] b[j]."""
    left, right = as_expr(a), as_expr(b)
    return reshape(left, (-1, 1)) * reshape(right, (1, -1))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Expr:
    """The sum over pairs of axes, as np.tensordot: a number (so many last of a with first of b), or two lists."""
    left, right = as_expr(a), as_expr(b)
    mine, others = _pair(left, right, axes)
    for i, j in zip(mine, others, strict=True):
        if same(left.shape[i], right.shape[j]) is False:
            text = (
                f"tensordot: axis {i} of {show(left.shape)} and axis {j} of {show(right.shape)} have sizes "
                f"{left.shape[i]} and {right.shape[j]}."
            )
            raise blame(ShapeError(text), user_site(), left.site, right.site)
    kept_left, kept_right = without(range(left.ndim), mine), without(range(right.ndim), others)
    inner = product(left.shape[i] for i in mine)
    rows = [left.shape[i] for i in kept_left]
    columns = [right.shape[i] for i in kept_right]
    x = reshape(transpose(left, (*kept_left, *mine)), (product(rows), inner))
    y = reshape(transpose(right, (*others, *kept_right)), (inner, product(columns)))
    return reshape(matmul(x, y), (*rows, *columns))


def _pair(a: Expr, b: Expr, axes: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if not isinstance(axes, Sequence):
        axes = check_count("tensordot", "the number of axes", axes)
        if axes > min(a.ndim, b.ndim):
            text = f"tensordot: {axes} axes cannot be summed over for {show(a.shape)} and {show(b.shape)}."
            raise blame(ShapeError(text), user_site(), a.site, b.site)
        return tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes))
    if len(axes) != 2 or not all(isinstance(x, int | list | tuple) for x in axes):
        text = f"tensordot: axes are how many, or two lists of axes, not {axes!r}."
        raise blame(ArgumentError(text), user_site())
    first, second = ((x,) if isinstance(x, int) else tuple(x) for x in axes)
    if len(first) != len(second):
        text = f"tensordot: {len(first)} axes of the left and {len(second)} of the right do not pair up."
        raise blame(ShapeError(text), user_site(), a.site, b.site)
    return (
        tuple(normalize(i, a.ndim, "tensordot", a) for i in first),
        tuple(normalize(i, b.ndim, "tensordot", b) for i in second),
    )


def trace(x: Any) -> Expr:
    """The sum of the diagonal of a matrix, x[i, i]; of more axes, of each matrix of the last two.

    Raises ShapeError for fewer than two axes.  Gradient: g on the diagonal.
    """
    node = as_expr(x)
    if node.ndim < 2:
        text = f"trace: a matrix has two axes, and this expression has shape {show(node.shape)}."
        raise blame(ShapeError(text), user_site(), node.site)
    return sum_over(apply(Diagonal(0, (node.ndim - 2, node.ndim - 1)), node), axis=-1)
