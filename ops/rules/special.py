"""Fewer and cheaper operations, where a shape, a constant or a structure allows it.

Results differ by rounding; where the left side overflows on the way, or takes infinity times 0, the right one may
not.
"""

from __future__ import annotations

from typing import Any

from ...symbolic.dims import product
from ...symbolic.expr import Expr, apply
from ...symbolic.patterns import Const
from ...symbolic.rewrite import RuleSet, rewrite, rules
from ..linalg import MatMul, matmul
from ..movement import broadcast_to, expand_dims, squeeze
from ..reduce import Reduce, sum
from ..scalar import div, exp, mul, reciprocal, rsqrt, sqrt
from .canonical import canonical
from .conditions import as_large, like, normal
from .gather import gathers
from .join import joins
from .products import peeled
from .rows import is_shifted
from .windows import windows


@rules(after=canonical)
def cheaper(x, y, z, c: Const):
    """Multiplications in place of divisions, of scalars before arrays."""
    yield x / c, x * (1 / c), lambda c: normal(c)
    yield x / sqrt(y), x * rsqrt(y), lambda x, y: not as_large(y, x)
    yield x / y, x * reciprocal(y), lambda x, y: not as_large(y, x) and is_row_total(y)
    yield (x * y) * z, x * (y * z), lambda x, y, z: x.ndim > 0 and y.ndim == 0 and z.ndim == 0
    yield (x * y) / z, x * (y / z), lambda x, y, z: x.ndim > 0 and y.ndim == 0 and z.ndim == 0


def is_row_total(node: Expr) -> bool:
    """Whether it is sum(exp(x - max(x))): a number from 1 up, whose reciprocal loses nothing."""
    inner = peeled(node)
    op: Any = inner.op
    summed = isinstance(op, Reduce) and op.kind == "sum" and inner.args[0].op.head is exp
    return summed and is_shifted(inner.args[0].args[0])


@rewrite(
    Reduce,
    when=lambda x: x in (mul, div),
    examples=[
        lambda: sum(like(2, 3) * 2.5, 1),
        lambda: sum(like(2, 3) * like(2, 1), 1),
        lambda: sum(like(3) / like(2, 1), 1),
        lambda: sum(like(2, 3) * like()),
        lambda: sum(like(2, 3) * like(3), 0),
    ],
)
def factor_of_all(node: Expr) -> Expr | None:
    """sum(k x) = k sum(x), for a factor that is the same along the axes of the sum."""
    op, arg = node.op, node.args[0]
    if op.kind != "sum" or arg.op.head not in (mul, div) or not arg.type.is_float:  # type: ignore[attr-defined]
        return None
    axes = op.axes  # type: ignore[attr-defined]
    left, right = (expand_dims(a, list(range(arg.ndim - a.ndim))) if a.ndim else a for a in arg.args)
    if _same_along(right, axes) and not _same_along(left, axes):
        total = sum(_repeated(left, arg, axes), axes)
        return apply(arg.op, total, squeeze(right, axes) if right.ndim else right)
    if arg.op.head is mul and _same_along(left, axes) and not _same_along(right, axes):
        return sum(_repeated(right, arg, axes), axes) * (squeeze(left, axes) if left.ndim else left)
    return None


def _same_along(x: Expr, axes: tuple[int, ...]) -> bool:
    return x.ndim == 0 or all(x.shape[a] == 1 for a in axes)


def _repeated(x: Expr, whole: Expr, axes: tuple[int, ...]) -> Expr:
    """x with its full size along the axes of the sum."""
    return broadcast_to(x, tuple(whole.shape[a] if a in axes else d for a, d in enumerate(x.shape)))


@rewrite(
    MatMul,
    examples=[
        lambda: matmul(like(3, 1), like(1, 4)),
        lambda: matmul(like(2, 3, 1), like(1, 4)),
    ],
)
def outer_product(node: Expr) -> Expr | None:
    """(m, 1) @ (1, n) is a product of elements, which fuses with what comes before and after."""
    a, b = node.args
    return a * b if a.shape[-1] == 1 and b.shape[-2] == 1 else None


@rewrite(
    MatMul,
    when=lambda a, b: mul in (a, b),
    examples=[
        lambda: matmul(like(9, 30) * 2.5, like(30, 4)),
        lambda: matmul(like(3, 30), like(30, 4) * 2.5),
    ],
)
def scaled_factor(node: Expr) -> Expr | None:
    """(c a) @ b = c (a @ b), where the result is not larger than a."""
    for place, arg in enumerate(node.args):
        scale = _scale(arg)
        if scale is None or not _not_larger(node, arg):
            continue
        factors = [scale[0] if i == place else a for i, a in enumerate(node.args)]
        return apply(node.op, *factors) * scale[1]
    return None


def _scale(node: Expr) -> tuple[Expr, Expr] | None:
    if node.op.head is not mul:
        return None
    a, b = node.args
    if b.ndim == 0 and a.shape == node.shape:
        return a, b
    return (b, a) if a.ndim == 0 and b.shape == node.shape else None


def _not_larger(x: Expr, y: Expr) -> bool:
    mine, its = product(x.shape), product(y.shape)
    return isinstance(mine, int) and isinstance(its, int) and mine <= its


special = RuleSet(
    "special",
    [cheaper, factor_of_all, outer_product, scaled_factor, joins, gathers, windows],
    "Fewer and cheaper operations, where a shape, a constant or a structure allows it.",
)
