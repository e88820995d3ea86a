"""Running sums and products, and orders: cumsum, cumprod, diff, sort, argsort, topk."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.arguments import check_count
from ..symbolic.dims import minimum
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, Op, apply
from ..symbolic.guards import unify
from ..symbolic.records import record
from ..symbolic.types import INT64, Type
from .axes import normalize
from .coerce import as_expr
from .control import scan
from .creation import ones_like
from .elementwise import cast
from .indexing import take_along_axis
from .movement import Slice, moveaxis, ravel
from .operands import check_rank
from .reduce import accumulator
from .scalar import sub
from .several import Several


@record
class CumSum(Op):
    """out[..., i] = x[..., 0] + ... + x[..., i]; from the other end with `reverse`."""

    reverse: bool = False

    def infer(self, x: Type) -> Type:
        check_rank(self.name, x, 1)
        return Type(x.dtype, x.shape)

    def numpy(self, x: np.ndarray) -> Any:
        turn = slice(None, None, -1 if self.reverse else 1)
        return np.cumsum(x[..., turn], -1, dtype=np.float64 if x.dtype.kind == "f" else x.dtype)[..., turn]

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [apply(CumSum(not self.reverse), g)]


@record
class ArgSort(Op):
    """The places along the last axis in the order of their elements; equal elements stay in theirs.

    A NaN is larger than all.  `descending`: from the largest.
    """

    descending: bool = False

    def infer(self, x: Type) -> Type:
        check_rank(self.name, x, 1)
        return Type(INT64, x.shape)

    def numpy(self, x: np.ndarray) -> Any:
        if not self.descending:
            return np.argsort(x, -1, kind="stable")
        return x.shape[-1] - 1 - np.argsort(x[..., ::-1], -1, kind="stable")[..., ::-1]

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[None]:
        return [None]


@record
class First(Op):
    """The first `count` places along the last axis, which has so many."""

    count: int
    name = "topk"

    def infer(self, x: Type) -> Type:
        check_rank(self.name, x, 1)
        size = x.shape[-1]
        if self.count < 0:
            raise ShapeError(f"topk: {self.count} of {size} elements.")
        unify(minimum(size, self.count), self.count, lambda: f"topk: {self.count} of {size} elements.")
        return Type(x.dtype, (*x.shape[:-1], self.count))

    def numpy(self, x: np.ndarray) -> Any:
        return x[..., : self.count]

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[None]:
        return [None]

    def expand(self, *args: Expr) -> Expr:
        x = args[0]
        return apply(Slice((0,) * x.ndim, (1,) * x.ndim, (*x.shape[:-1], self.count)), x)


def _last(name: str, x: Any, axis: int | None) -> tuple[Expr, int]:
    """x with the axis last, and where it was; the flattened x where axis is None."""
    node = as_expr(x)
    if axis is None:
        return ravel(node), 0
    place = normalize(axis, node.ndim, name, node)
    return moveaxis(node, place, -1), place


def cumsum(x: Any, axis: int | None = None) -> Expr:
    """out[i] = x[0] + ... + x[i] along an axis (None: of the flattened x), as np.cumsum.

    Integers and bools add up as in `sum`; float32 in float64, rounded once for each element.  Gradient: the running sum
    of g from the other end.
    """
    node, place = _last("cumsum", x, axis)
    return moveaxis(apply(CumSum(), cast(node, accumulator(node.dtype))), -1, place)


def cumprod(x: Any, axis: int | None = None) -> Expr:
    """out[i] = x[0] x[1] ... x[i] along an axis (None: of the flattened x), as np.cumprod.

    A loop over the axis.  Gradient: exact, also where elements are 0.
    """
    node, place = _last("cumprod", x, axis)
    lines = moveaxis(cast(node, accumulator(node.dtype)), -1, 0)

    def step(product: Expr, factor: Expr) -> tuple[Expr, Expr]:
        product = product * factor
        return product, product

    start = ones_like(lines[:1].sum(axis=0))  # of the shape of a line, also where there is none
    return moveaxis(scan(step, start, lines)[1], 0, place)


def diff(x: Any, n: int = 1, axis: int = -1) -> Expr:
    """x[i + 1] - x[i] along an axis, n times, as np.diff; for bools, whether they differ."""
    n = check_count("diff", "the number of differences", n, most=1000)
    node, place = _last("diff", x, axis)
    for _ in range(n):
        later, earlier = node[..., 1:], node[..., :-1]
        node = later ^ earlier if node.dtype.kind == "b" else sub(later, earlier)
    return moveaxis(node, -1, place)


def argsort(x: Any, axis: int | None = -1) -> Expr:
    """The int64 places along an axis (None: of the flattened x) that sort x, as np.argsort(kind="stable").

    Equal elements stay in their order; NaN comes last.  No gradient: places do not move by a little.
    """
    node, place = _last("argsort", x, axis)
    return moveaxis(apply(ArgSort(), node), -1, place)


def sort(x: Any, axis: int | None = -1) -> Expr:
    """x in ascending order along an axis (None: of the flattened x), NaN last, as np.sort.

    Gradient: g, at the places the elements came from; of equal elements each gets its own.
    """
    node, place = _last("sort", x, axis)
    return moveaxis(take_along_axis(node, apply(ArgSort(), node), -1), -1, place)


def topk(x: Any, k: int, axis: int = -1) -> tuple[Expr, Expr]:
    """(the k largest elements along an axis, from the largest; their int64 places).

    A NaN is larger than all; of equal elements the first comes first.  Gradient: g, at these places.  Raises
    ArgumentError unless 0 <= k <= the size of the axis, GuardError where only a call knows that size.
    """
    node, place = _last("topk", x, axis)
    size = node.shape[-1]
    k = check_count("topk", "k", k)
    if isinstance(size, int) and k > size:
        raise blame(ArgumentError(f"topk: k is {k}, and the axis has {size} elements."), user_site(), node.site)
    places = apply(First(k), apply(ArgSort(descending=True), node))
    largest = take_along_axis(node, places, -1)
    both = moveaxis(largest, -1, place), moveaxis(places, -1, place)
    return Several(both, "topk", ("values", "places"))
