"""Products in which exponentials meet the sums they are divided by: what derivatives of softmax and its kind come to.

Factors are looked for through products of products, so that the order in which a derivative multiplies does not matter.
What cancels is above 0 but for underflow.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from ...symbolic.expr import Expr, identical, without
from ...symbolic.leaves import weak_constant
from ...symbolic.patterns import number
from ...symbolic.rewrite import RuleSet, rewrite
from ..movement import ExpandDims, expand_dims
from ..reduce import sum
from ..scalar import add, div, eq, exp, logaddexp, mul, mul_no_nan, neg, reciprocal, sigmoid, square, sub, where
from .conditions import like, positive
from .logsumexp import like_factor, power_sum, restored_axes, top
from .products import Factor, factors, masks, peel, product, replace_factors, where_nan

_TERMS = 6


def of_products(*heads: Any) -> bool:
    """Whether a product of arguments with these heads may have an exponential or a sum of such among its factors."""
    return not _PROMISING.isdisjoint(heads)


_PROMISING = {exp, sigmoid, mul, div, mul_no_nan, neg, reciprocal, square, ExpandDims}


def _ones(node: Expr, left: Expr | None) -> Expr:
    """What is left of a product, and 1 where nothing is."""
    return weak_constant(1.0, node.dtype) if left is None else left


@rewrite(
    mul,
    div,
    mul_no_nan,
    when=of_products,
    examples=[
        lambda: _times_and_over(exp(like(3, 4)), like(3, 4)),
        lambda: _times_and_over(sigmoid(like(3, 4)), like(3, 4)),
        lambda: _times_and_over(sum(exp(like(3, 4)), 1, keepdims=True), like(3, 4)),
        lambda: _double_quotient(exp(like(3)), like(3)),
        lambda: _against(like(3), like(3)),
    ],
)
def cancel(node: Expr) -> Expr | None:
    """(x y) / x = y, where x is an exponential, a logistic function, or a sum of such; exp(x) y exp(-x) = y.

    Where x is NaN, so is the result, unless the product is masked there.
    """
    found = product(node)
    for f in found.above if found.below else ():
        if any(f is b for b in found.below) and number(f) is None and positive(f):
            return _unless_nan(node, [f], replace_factors(node, {(f, 1): None, (f, -1): None}))
    powers = [(f, p) for f, p in found.factors if f.op.head is exp]
    for i, (f, p) in enumerate(powers):
        for other, q in powers[:i]:
            if p == q and opposite(f.args[0], other.args[0]):
                return _unless_nan(node, [f, other], replace_factors(node, {(f, p): None, (other, q): None}))
    return None


def _unless_nan(node: Expr, gone: list[Expr], left: Expr | None) -> Expr:
    """What is left of a product where factors were cancelled; and where those are NaN, what it was."""
    x = gone[0]
    while x.op.head in (exp, sigmoid, neg):
        x = x.args[0]
    return _as_nan(node, gone, left, gone, x)


def _as_nan(node: Expr, gone: list[Expr], left: Expr | None, new: list[Expr], x: Expr) -> Expr:
    """What is left of a product where others took the place of factors; and where x and they are NaN, what it was."""
    rest, was = _ones(node, left), where_nan(node, gone, x)
    return rest if where_nan(rest, new, x) is was else where(eq(x, x), rest, was)


def _against(x: Expr, y: Expr) -> Expr:
    return mul_no_nan(exp(x), y * exp(-x))


def _times_and_over(x: Expr, y: Expr) -> Expr:
    return mul_no_nan(x, y / x)


def _double_quotient(x: Expr, y: Expr) -> Expr:
    return x / (y * x)


@rewrite(
    mul,
    div,
    mul_no_nan,
    when=of_products,
    examples=[
        lambda: _softmax_by_hand(like(3, 4), 1),
        lambda: _softmax_by_hand(like(3, 4), 0),
        lambda: _softmax_by_hand(like(3, 4), (0, 1)),
        lambda: _softmax_by_hand(like(2, 3, 4), 1),
        lambda: _softmax_by_hand(like(3, 4), 1, like(3, 4)),
    ],
)
def softmax_by_hand(node: Expr) -> Expr | None:
    """exp(z) / sum(exp(x)) = exp(z - m) / sum(exp(x - m)) with m = max(x), other factors between them or not."""
    found = product(node)
    for factor in found.below if found.powers else ():
        sought = power_sum(peel(factor))
        if sought is None:
            continue
        x, axes = sought
        above = next((f for f in found.powers if _belongs(f, x, factor, axes)), None)
        if above is not None:
            shift = top(x, axes)
            total = sum(exp(x - expand_dims(shift, axes)), axes)
            shifted = exp(above.args[0] - like_factor(shift, factor))
            return replace_factors(node, {(above, 1): shifted, (factor, -1): like_factor(total, factor)})
    return None


def _belongs(above: Expr, x: Expr, factor: Expr, axes: tuple[int, ...]) -> bool:
    """Whether exp(z) is one of the exponentials summed, or some of their elements."""
    z = above.args[0]
    if z is x:
        return restored_axes(factor, x.ndim) == set(axes)
    return bool(z.args) and z.args[0] is x and z.op.head is not sub


def _softmax_by_hand(x: Expr, axes: Any, g: Any = None) -> Expr:
    total = sum(exp(x), axes, keepdims=True)
    return exp(x) / total if g is None else exp(x) * (g / total)


@rewrite(
    mul,
    div,
    mul_no_nan,
    when=of_products,
    examples=[
        lambda: _logistic(like(3), like(3)),
        lambda: _logistic(-like(3), like(3)),
    ],
)
def logistic(node: Expr) -> Expr | None:
    """exp(x) sigmoid(-x) = sigmoid(x), other factors between them or not."""
    found = product(node)
    for power in found.powers:
        for other in found.above:
            if other.op.head is sigmoid and opposite(power.args[0], other.args[0]):
                share = sigmoid(power.args[0])
                left = replace_factors(node, {(power, 1): None, (other, 1): share})
                return _as_nan(node, [power, other], left, [share], share)
    return None


def _logistic(x: Expr, y: Expr) -> Expr:
    return exp(x) * (y * sigmoid(-x))


def opposite(x: Expr, y: Expr) -> bool:
    """Whether y is -x, as far as the ops above them tell; integers wrap."""
    if not (x.type.is_float and y.type.is_float):
        return False
    if x.op.head is neg or y.op.head is neg:
        return (x.op.head is neg and x.args[0] is y) or (y.op.head is neg and y.args[0] is x)
    if x.op.head is not y.op.head or len(x.args) != 2:
        return False
    if x.op.head is sub:
        return identical(x.args, y.args[::-1])
    numbers = number(x.args[1]), number(y.args[1])
    return x.op.head in (mul, div) and x.args[0] is y.args[0] and None not in numbers and numbers[0] == -numbers[1]


@rewrite(
    mul,
    div,
    mul_no_nan,
    when=of_products,
    examples=[
        lambda: _among(like(3), like(3), like(3)),
        lambda: _among(like(3), like(1), like(2, 3)),
    ],
)
def power_among_powers(node: Expr) -> Expr | None:
    """exp(x) / (exp(x) + exp(y)) = sigmoid(x - y), other factors between them or not; and with more terms below."""
    found = product(node)
    for factor in found.below if found.powers else ():
        terms = _addends(factor)
        above = next((t for t in terms if any(t is p for p in found.powers)), None)
        if len(terms) < 2 or above is None or any(t.op.head is not exp or not t.args[0].type.is_float for t in terms):
            continue
        rest = without(terms, above)
        share = sigmoid(above.args[0] - reduce(logaddexp, [t.args[0] for t in rest]))
        left = replace_factors(node, {(above, 1): share, (factor, -1): None})
        return _as_nan(node, [above, factor], left, [share], share)
    return None


def _among(x: Expr, y: Expr, g: Expr) -> Expr:
    return mul_no_nan(exp(x), g / (exp(x) + exp(y)))


def _addends(node: Expr, levels: int = 4) -> list[Expr]:
    if node.op.head is not add or levels == 0:
        return [node]
    return [t for a in node.args for t in _addends(a, levels - 1)]


@rewrite(
    mul,
    mul_no_nan,
    when=of_products,
    examples=[
        lambda: _softmax_gradient(like(3, 4), like(3, 4)),
        lambda: _log_softmax_gradient(like(3, 4), like(3, 4)),
        lambda: _logistic_gradient(like(3), like(3)),
        lambda: _logistic_product(like(3), like(3)),
    ],
)
def distribute(node: Expr) -> Expr | None:
    """e (a / e + b) = a + e b, for an exponential or logistic function e that, or a sum of which, divides a term.

    What masks the sum, masks its terms, and nothing else does: exp(x) b is NaN where it is inf * 0, as it was.  Other
    factors stay outside: with them, terms that cancel may be infinite.
    """
    found = product(node)
    sums = [f for f in found.above if f.op.head in (add, sub)]
    for e in found.above if sums else ():
        if e.op.head not in (exp, sigmoid):
            continue
        for inner in sums:
            terms = signed_terms(inner)
            if len(terms) > 1 and any(_meets(e, t) for t, _ in terms):
                whole = _total([(_times_term(e, t, node, inner), sign) for t, sign in terms])
                left = replace_factors(node, {(e, 1): None, (inner, 1): whole})
                return _as_nan(node, [e, inner], left, [whole], e.args[0])
    return None


def _times_term(e: Expr, term: Expr, node: Expr, whole: Expr) -> Expr:
    """e times a term, masked as the sum of the terms is in the product."""
    if masks(e, whole, node):
        return mul_no_nan(term, e)
    return mul_no_nan(e, term) if masks(whole, e, node) else e * term


def _softmax_gradient(x: Expr, g: Expr) -> Expr:
    e = exp(x)
    total = sum(e, 1, keepdims=True)
    return mul_no_nan(e, g / total - sum(e * g, 1, keepdims=True) / (total * total))


def _log_softmax_gradient(x: Expr, g: Expr) -> Expr:
    return exp(x) * (g / exp(x) + sum(g, 1, keepdims=True))


def _logistic_gradient(x: Expr, y: Expr) -> Expr:
    p, q = sigmoid(x), sigmoid(-x)
    return (p * q) * (y / p - (1 - y) / q)


def _logistic_product(x: Expr, y: Expr) -> Expr:
    return exp(x) * (sigmoid(-x) * y + square(sigmoid(-x)))


def signed_terms(node: Expr, sign: int = 1, levels: int = 4) -> list[Factor]:
    """The terms of a sum of sums, each with its sign."""
    head = node.op.head
    if levels and head in (add, sub):
        left, right = node.args
        return signed_terms(left, sign, levels - 1) + signed_terms(right, sign if head is add else -sign, levels - 1)
    if levels and head is neg:
        return signed_terms(node.args[0], -sign, levels - 1)
    return [(node, sign)]


def _total(terms: list[Factor]) -> Expr:
    positive_first = sorted(terms, key=lambda t: -t[1])
    result, sign = positive_first[0]
    result = result if sign == 1 else -result
    for term, sign in positive_first[1:]:
        result = result + term if sign == 1 else result - term
    return result


def _meets(e: Expr, term: Expr) -> bool:
    """Whether a term is divided by e, or by a sum of it that may overflow, or is what tames it."""
    found = factors(term)
    if any(p == -1 and (f is e or _sums(peel(f), e)) for f, p in found):
        return True
    tamed = [f for f, p in found if p == 1 and f.op.head is sigmoid] if e.op.head is exp else []
    return any(opposite(e.args[0], f.args[0]) for f in tamed)


def _sums(node: Expr, e: Expr) -> bool:
    found = power_sum(node)
    return found[0] is e.args[0] if found is not None else node.op.head is add and any(t is e for t in _addends(node))


softmax = RuleSet("softmax", [cancel, softmax_by_hand, power_among_powers, logistic, distribute])
