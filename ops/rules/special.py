"""Fewer and cheaper operations, where a shape, a constant or a structure allows it.

Results differ by rounding; where the left side overflows on the way, the right one may not, and never the other way
round.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...symbolic.equations import rules
from ...symbolic.expr import Expr
from ...symbolic.leaves import constant
from ...symbolic.patterns import number, scalar_constant
from ...symbolic.rewrite import RuleSet, rewrite
from ..elementwise import cast
from ..linalg import MatMul, matmul
from ..movement import broadcast_to
from ..reduce import Reduce, sum
from ..scalar import mul, reciprocal, rsqrt, sqrt
from .canonical import canonical
from .concatenate import concatenation
from .conditions import as_large, like
from .gather import gathers
from .logsumexp import is_row_total
from .pooling import pooling


@rules(after=canonical)
def cheaper(x, y):
    """One division for many: by what is the same for a whole row, and has a reciprocal far from both ends of the range.

    A square root is between 1e-23 and 2e19 (float32), or 0, or infinite; a row total is between 1 and its size.
    """
    yield x / sqrt(y), x * rsqrt(y), lambda x, y: not as_large(y, x)
    yield x / y, x * reciprocal(y), lambda x, y: not as_large(y, x) and is_row_total(y)


@rewrite(
    Reduce,
    when=lambda x: x is mul,
    examples=[
        lambda: sum(like(2, 3) * 2.5, 1),
        lambda: sum(like(2, 3) * constant(np.full((1, 1), -3.0)), 1),
        lambda: sum(1.5 * like("n", 3), 0),
    ],
)
def factor_of_all(node: Expr) -> Expr | None:
    """sum(c x) = c sum(x) for a number c from 1 up: what c x does not leave, x does not leave either.

    A smaller c may keep a sum within the range that sum(x) leaves, and a variable may be smaller.
    """
    op: Any = node.op
    arg = node.args[0]
    if op.kind != "sum" or not arg.type.is_float:
        return None
    for x, factor in (arg.args, arg.args[::-1]):
        c = number(factor)
        if c is not None and 1 <= abs(c) <= float(np.finfo(arg.dtype).max):
            return sum(broadcast_to(cast(x, arg.dtype), arg.shape), op.axes) * scalar_constant(factor)
    return None


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


special = RuleSet(
    "special",
    [cheaper, factor_of_all, outer_product, concatenation, gathers, pooling],
    "Fewer and cheaper operations, where a shape, a constant or a structure allows it.",
)
