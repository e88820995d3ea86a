"""Values over index symbols: arrays whose first axes belong to indices such as i and j, and meet by these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...symbolic.dims import Dim
from ...symbolic.expr import Expr
from ...symbolic.leaves import size
from ..coerce import as_expr
from ..einsum import einsum
from ..elementwise import cast
from ..movement import broadcast_to, reshape, transpose
from ..reduce import prod as product_over
from ..reduce import sum as sum_over

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Labelled(NamedTuple):
    """An expression whose first axes are those of `labels`; the others are axes of arrays, which broadcast."""

    node: Expr
    labels: tuple[Any, ...] = ()

    @property
    def rank(self) -> int:
        """The number of axes that belong to no index."""
        return self.node.ndim - len(self.labels)


def align(values: Sequence[Labelled]) -> tuple[list[Expr], tuple[Any, ...]]:
    """The values with an axis for every index of any of them, of size 1 where they do not depend on it."""
    labels = tuple(dict.fromkeys(label for value in values for label in value.labels))
    rank = max(value.rank for value in values)
    return [_spread(value, labels, rank) for value in values], labels


def _spread(value: Labelled, labels: Sequence[Any], rank: int) -> Expr:
    mine = [label for label in labels if label in value.labels]
    order = [*(value.labels.index(label) for label in mine), *range(len(value.labels), value.node.ndim)]
    node = value.node if order == list(range(value.node.ndim)) else transpose(value.node, tuple(order))
    sizes: list[Dim] = [node.shape[mine.index(label)] if label in mine else 1 for label in labels]
    inner = node.shape[len(mine) :]
    shape = (*sizes, *([1] * (rank - len(inner)) if labels else []), *inner)
    return node if shape == node.shape else reshape(node, shape)


def apply_to(function: Callable[..., Any], values: Sequence[Labelled]) -> Labelled:
    """A function of scalars of such values."""
    if not values:
        return Labelled(as_expr(function()))
    nodes, labels = align(values)
    return Labelled(as_expr(function(*nodes)), labels)


def fill(value: Labelled, labels: Sequence[Any], counts: Sequence[Dim]) -> Expr:
    """The value with an axis for each of these indices, in this order, all in their full size."""
    rank = value.rank
    node = _spread(value, labels, rank)
    shape = (*counts, *node.shape[len(labels) :])
    return node if node.shape == shape else broadcast_to(node, shape)


def sum_of_products(factors: Sequence[Labelled], label: Any, count: Dim) -> Labelled:
    """The sum over an index of a product: one einsum of the factors that depend on it, times the others."""
    over = [f for f in factors if label in f.labels]
    rest = [f for f in factors if label not in f.labels]
    if not over:
        over = [Labelled(as_expr(size(count)))]
        summed = over[0]
    elif len(over) == 1 or any(f.rank for f in over) or any(f.node.dtype.kind != "f" for f in over):
        whole = apply_to(_times, over)
        place = whole.labels.index(label)
        summed = Labelled(sum_over(whole.node, axis=place), tuple(x for x in whole.labels if x != label))
    else:
        summed = _einsum(over, label)
    return apply_to(_times, [summed, *rest]) if rest else summed


def _times(*values: Any) -> Any:
    result = values[0]
    for other in values[1:]:
        result = result * other
    return result


def _einsum(factors: Sequence[Labelled], label: Any) -> Labelled:
    labels = tuple(dict.fromkeys(x for f in factors for x in f.labels))
    letters = dict(zip(labels, _LETTERS, strict=False))
    kept = tuple(x for x in labels if x != label)
    groups = ["".join(letters[x] for x in f.labels) for f in factors]
    text = f"{','.join(groups)}->{''.join(letters[x] for x in kept)}"
    return Labelled(einsum(text, *(f.node for f in factors)), kept)


def product_of(value: Labelled, label: Any, count: Dim) -> Labelled:
    """The product over an index."""
    if label not in value.labels:
        power = cast(size(count), value.node.dtype) if value.node.type.is_float else size(count)
        return Labelled(value.node**power, value.labels)
    place = value.labels.index(label)
    return Labelled(product_over(value.node, axis=place), tuple(x for x in value.labels if x != label))
