"""Sums of exponentials along axes: log-sum-exp and softmax in the spellings in which they overflow.

exp(x) is shifted by the maximum of x along the axes, which leaves the quotient, and the logarithm but for that
maximum, as they are.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

from ...symbolic.expr import Expr, without
from ...symbolic.leaves import weak_constant
from ...symbolic.patterns import number
from ...symbolic.rewrite import RuleSet, rewrite
from ...symbolic.types import DType
from ..elementwise import cast
from ..gather import Gather
from ..movement import BroadcastTo, ExpandDims, Squeeze, Transpose, broadcast_to, expand_dims
from ..reduce import Reduce, max, mean, sum
from ..reduce import top as largest_of
from ..scalar import add, div, exp, isfinite, log, logaddexp, mul, mul_no_nan, neg, reciprocal, sub, where
from .conditions import is_size, like
from .products import factors, is_masked, peel, replace_factors


def power_sum(node: Expr) -> tuple[Expr, tuple[int, ...]] | None:
    """(x, axes) where the node is sum(exp(x), axes) and x is not shifted by a maximum already."""
    op: Any = node.op
    if not isinstance(op, Reduce) or op.kind != "sum" or not op.axes or node.args[0].op.head is not exp:
        return None
    x = node.args[0].args[0]
    if is_shifted(x) or not x.type.is_float or any(x.shape[a] == 0 for a in op.axes):
        return None
    return x, op.axes


def is_shifted(x: Expr) -> bool:
    """Whether a maximum along axes is subtracted: then the exponential does not overflow."""
    x = _unscale(x)
    return x.op.head is sub and top_of(x.args[1]) is not None


def _unscale(x: Expr) -> Expr:
    """x without the factors from above 0 that it is multiplied or divided by."""
    for _ in range(2):
        if x.op.head in (mul, div) and 0 < (number(x.args[1]) or 0) < math.inf:
            x = x.args[0]
    return x


def is_row_total(node: Expr) -> bool:
    """Whether it is sum(exp(x - max(x))), the maximum along no more axes than the sum: from 1 up, 0, inf or NaN.

    It is infinite only where x is, and 0 only where all x are -inf.
    """
    inner = peel(node)
    op: Any = inner.op
    if not isinstance(op, Reduce) or op.kind != "sum" or inner.args[0].op.head is not exp:
        return False
    shifted = _unscale(inner.args[0].args[0])
    if shifted.op.head is not sub or top_of(shifted.args[1]) is not shifted.args[0]:
        return False
    repeated = shifted.args[1]
    while isinstance(repeated.op, BroadcastTo):
        repeated = repeated.args[0]
    return restored_axes(repeated, shifted.ndim) <= set(op.axes)


def top_of(node: Expr) -> Expr | None:
    """x where the node is max(x, axes), or that with 0 in place of infinity; axes of size 1 aside."""
    inner = peel(node)
    if inner.op.head is where:
        condition, inner = inner.args[0], peel(inner.args[1])
        if condition.op.head is not isfinite or peel(condition.args[0]) is not inner:
            return None
    op: Any = inner.op
    return inner.args[0] if isinstance(op, Reduce) and op.kind == "max" else None


def top(x: Expr, axes: tuple[int, ...]) -> Expr:
    """The maximum along axes, and 0 where that is infinite: inf - inf is NaN.  Of nothing, too."""
    largest = largest_of(x, axes).args[0]
    return where(isfinite(largest), largest, 0)


@rewrite(
    log,
    when=lambda x: x in (Reduce, mul, div, mul_no_nan, reciprocal, neg, ExpandDims),
    examples=[
        lambda: log(sum(exp(like(3, 4)), 1)),
        lambda: log(sum(exp(like(3, 4)), 0, keepdims=True)),
        lambda: log(sum(exp(like(3, 4)))),
        lambda: log(mean(exp(like(3, 4)), 1)),
        lambda: log(sum(exp(like(3, 4, 5)), (0, 2))),
        lambda: log(sum(exp(like("n", 4)), 0) / 7),
        lambda: log(3 / sum(exp(like(3, 4)), 0)),
        lambda: log(like(4) * sum(exp(like(3, 4)), 0)),
    ],
)
def log_sum_exp(node: Expr) -> Expr | None:
    """log(k sum(exp(x))) = m + log(k sum(exp(x - m))) with the maximum m of x, for a number k far from overflow.

    Other factors get a logarithm of their own.
    """
    inside = node.args[0]
    for factor, power in factors(inside):
        found = power_sum(peel(factor))
        if found is None:
            continue
        beside = without([f for f, _ in factors(inside)], factor)
        if not _moderate(beside):
            others = log(replace_factors(inside, {(factor, power): None}))
            return log(factor) + others if power == 1 else others - log(factor)
        x, axes = found
        shift = top(x, axes)
        total = like_factor(sum(exp(x - expand_dims(shift, axes)), axes), factor)
        rest = replace_factors(inside, {(factor, power): total})
        shift = like_factor(shift, factor)
        return log(rest) + shift if power == 1 else log(rest) - shift
    return None


def _moderate(others: list[Expr]) -> bool:
    """Whether a product with these stays within the range of float32: numbers near 1, and at most one size."""
    values = [number(f) for f in others if not is_size(f)]
    if len(others) - len(values) > 1 or any(not v or not math.isfinite(v) for v in values):
        return False
    return builtins.sum(builtins.abs(math.log2(builtins.abs(v))) for v in values) < 60


def like_factor(reduced: Expr, factor: Expr) -> Expr:
    """What belongs to a reduction, with the new axes of the factor that is made of it."""
    return expand_dims(reduced, factor.op.axes) if isinstance(factor.op, ExpandDims) else reduced


@rewrite(
    log,
    when=lambda x: x is add,
    examples=[
        lambda: log(exp(like(3)) + exp(like(3)) + exp(like(2, 3))),
        lambda: log(exp(like(3)) + 2 + exp(like(3))),
        lambda: log(exp(like(3)) + sum(exp(like(4, 3)), 0)),
    ],
)
def log_of_several(node: Expr) -> Expr | None:
    """log(exp(x) + exp(y) + exp(z) + ...) = logaddexp(logaddexp(x, y), z) ..."""
    terms = _terms(node.args[0])
    logs = [_log_of_term(t, node.dtype) for t in terms]
    if len(terms) < 3 and not any(isinstance(peel(t).op, Reduce) for t in terms):
        return None
    if len(terms) < 2 or any(t is None for t in logs) or not any(t.op.head is exp for t in terms):
        return None
    result: Any = logs[0]
    for other in logs[1:]:
        result = logaddexp(result, other)
    return result  # type: ignore[no-any-return]


def _terms(node: Expr, levels: int = 6) -> list[Expr]:
    if node.op.head is not add or levels == 0:
        return [node]
    return [t for a in node.args for t in _terms(a, levels - 1)]


def _log_of_term(term: Expr, kind: DType) -> Expr | None:
    """The logarithm of a term of a sum, with the digits of the sum's dtype."""
    value = number(term)
    if value is not None:
        return log(term) if value > 0 else None
    if term.op.head is exp:
        return cast(term.args[0], kind)
    return log(term) if power_sum(peel(term)) is not None else None


def restored_axes(node: Expr, ndim: int) -> set[int]:
    """The axes of a shape of `ndim` axes along which a reduced value is repeated when it is broadcast to it."""
    leading = ndim - node.ndim
    new = node.op.axes if isinstance(node.op, ExpandDims) else ()
    return {*range(leading), *(a + leading for a in new)}


@rewrite(
    sub,
    when=lambda x, y: y in (add, ExpandDims),
    examples=[
        lambda: _minus_log_sum_exp(like(3, 4), 1),
        lambda: _minus_log_sum_exp(like(3, 4), 0),
    ],
)
def shift_first(node: Expr) -> Expr | None:
    """x - (m + s) = (x - m) - s with the maximum m of x: m and x may be large, and their difference is exact."""
    x, shift = node.args
    inner = peel(shift)
    if inner.op.head is not add or not x.type.is_float:
        return None
    for m, s in (inner.args, inner.args[::-1]):
        if top_of(m) is x and _is_log(s):
            return (x - _move_under(m, shift)) - _move_under(s, shift)
    return None


def _is_log(node: Expr) -> bool:
    """Whether it is a logarithm: too small beside m and x for their difference to overflow without it alone."""
    return peel(node).op.head is log


def _minus_log_sum_exp(x: Expr, axis: int) -> Expr:
    m = max(x, axis, keepdims=True)
    return x - (m + log(sum(exp(x - m), axis, keepdims=True)))


def _move_under(part: Expr, whole: Expr) -> Expr:
    """A term of a sum under the axes of size 1 that the sum has got."""
    return expand_dims(part, whole.op.axes) if isinstance(whole.op, ExpandDims) and part.ndim else part


@rewrite(
    sub,
    when=lambda x, y: x is add,
    examples=[
        lambda: _log_sum_exp_minus(like(3, 4)),
        lambda: _log_sum_exp_minus(like(3, 4), late=True),
    ],
)
def shift_back_first(node: Expr) -> Expr | None:
    """(m + s) - x[label] = s + (m - x[label]) with the maximum m of x: the crossentropy of labels."""
    total, picked = node.args
    base = _base(picked)
    if total.op.head is not add or base is None or not base.type.is_float:
        return None
    for m, s in (total.args, total.args[::-1]):
        if top_of(m) is base and _is_log(s):
            return s + (m - picked)
    return None


def _base(node: Expr) -> Expr | None:
    """x where the node is some of the elements of x."""
    while isinstance(node.op, Squeeze | ExpandDims | Transpose):
        node = node.args[0]
    return node.args[0] if isinstance(node.op, Gather) else None


def _log_sum_exp_minus(x: Expr, late: bool = False) -> Expr:
    m = max(x, 1)
    s = log(sum(exp(x - expand_dims(m, 1)), 1))
    return (m + s if late else s + m) - x[[0, 1, 2], [0, 3, 1]]


@rewrite(
    Reduce,
    when=lambda x: x in (mul, div, mul_no_nan),
    examples=[
        lambda: sum(_share_of_total(like(3, 4), 1) * like(3, 4), 1),
        lambda: sum(mul_no_nan(_share_of_total(like(3, 4), 0), like(4)), 0),
        lambda: sum(_share_of_total(like(3, 4), (0, 1)), (0, 1)),
    ],
)
def shares_of_total(node: Expr) -> Expr | None:
    """sum(s y / t) = 2 sum(s y / 2) / t for the shares s of exp(x) in its total t: so exp(x) meets t.

    The sum of s y is no larger than the largest y but for rounding, and half of it is within the range.
    """
    op: Any = node.op
    arg = node.args[0]
    below = [f for f, p in factors(arg) if p == -1] if op.kind == "sum" else []
    for total in below:
        found = power_sum(peel(total))
        if found is None or restored_axes(total, arg.ndim) != set(op.axes):
            continue
        if any(is_row_total(f) and _unscale(peel(f).args[0].args[0]).args[0] is found[0] for f in below):
            half = replace_factors(arg, {(total, -1): weak_constant(2.0, arg.dtype)})
            rest = sum(broadcast_to(half, arg.shape), op.axes)
            flat = total.args[0] if isinstance(total.op, ExpandDims) else total
            return 2 * (mul_no_nan(reciprocal(flat), rest) if is_masked(total, arg) else rest / flat)
    return None


def _share_of_total(x: Expr, axes: Any) -> Expr:
    powers = exp(x - max(x, axes, keepdims=True))
    return powers / sum(powers, axes, keepdims=True) / sum(exp(x), axes, keepdims=True)


logsumexp = RuleSet("logsumexp", [log_sum_exp, log_of_several, shift_first, shift_back_first, shares_of_total])
