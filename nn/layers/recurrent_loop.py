"""The loop of recurrent layers: initial states, masks, and one product with the inputs of all steps before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ...ops import scalar
from ...ops.coerce import as_expr
from ...ops.control import scan
from ...ops.creation import iota, zeros
from ...ops.elementwise import cast
from ...ops.linalg import matmul
from ...ops.movement import broadcast_to, expand_dims, moveaxis
from ...symbolic.arguments import check_count, check_flag
from ...symbolic.dims import show
from ...symbolic.errors import ArgumentError, DTypeError, ShapeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.types import DType, Type, float_like, promote
from ..arguments import check_broadcast
from .weights import check_shape, features, several_parameters


def first_state(name: str, value: Any, shape: tuple[Any, ...], kind: DType) -> Expr:
    """What a loop begins with: zeros for None, or what broadcasts to the shape."""
    if value is None:
        return zeros(shape, kind)
    node = as_expr(value)
    check_broadcast(f"{name}: the state", node, shape)
    return broadcast_to(cast(node, kind), shape)


class Run(NamedTuple):
    """A loop over the steps of x, (time, batch, features)."""

    kind: str
    x: Expr
    units: int
    mask: Any
    lengths: Any
    reverse: bool
    time_first: bool

    @classmethod
    def of(cls, kind: str, x: Any, units: Any, mask: Any, lengths: Any, reverse: Any, time_first: Any) -> Run:
        """The arguments of a layer, checked, but for those that need the batch's size."""
        node, first = as_expr(x), check_flag(kind, "time_first", time_first)
        if node.ndim != 3:
            wanted = "(time, batch, features)" if first else "(batch, time, features)"
            text = f"{kind}: x has shape {show(node.shape)}, and needs three axes, {wanted}."
            raise blame(ShapeError(text), user_site(), node.site)
        check_count(kind, "units", units, least=1)
        node = cast(node, float_like(node.dtype))
        backwards = check_flag(kind, "reverse", reverse)
        return cls(kind, node if first else moveaxis(node, 0, 1), int(units), mask, lengths, backwards, first)

    def weights(self, gates: int, w: Any, w_h: Any, b: Any, name: str, rng: Any) -> tuple[Expr, Expr]:
        """(x @ w + b for all steps, w_h)."""
        count, inputs = self.units, features(self.kind, self.x, -1, w)
        wide = gates * count
        given = {"w": (w, (inputs, wide)), "w_h": (w_h, (count, wide)), "b": (b, (wide,))}
        of_input, of_state, bias = several_parameters(self.kind, given, name, rng)
        return matmul(self.x, of_input) + bias, of_state

    def over(self, pushed: Expr, first: Any, kind: DType, step: Callable[..., tuple[Expr, ...]]) -> tuple[Expr, Any]:
        """(outputs, last states) of the loop; `step` makes new states of those before and an element of `pushed`."""
        kind = promote(pushed.type, Type(kind, ()))
        pushed, starts = cast(pushed, kind), [self._start(value, kind) for value in first]
        kept = self._keep()

        def advance(states: Any, xs: Any) -> tuple[Any, Expr]:
            news = step(states, xs[0])
            if kept is not None:
                news = tuple(scalar.where(xs[1], new, old) for new, old in zip(news, states, strict=True))
            return news, news[0]

        xs = (pushed,) if kept is None else (pushed, kept)
        states, outputs = scan(advance, tuple(starts), xs, reverse=self.reverse)
        return outputs if self.time_first else moveaxis(outputs, 0, 1), states

    def _start(self, value: Any, kind: DType) -> Expr:
        shape = (self.x.shape[1], self.units)
        if value is not None and not (node := as_expr(value)).type.is_float and node.dtype.kind not in "iu":
            text = f"{self.kind}: a state holds floats, not {node.dtype.name}."
            raise blame(DTypeError(text), user_site(), node.site)
        return first_state(self.kind, value, shape, kind)

    def _keep(self) -> Expr | None:
        """(time, batch, 1) where steps count; None: everywhere."""
        time, batch = self.x.shape[:2]
        if self.mask is not None and self.lengths is not None:
            raise blame(ArgumentError(f"{self.kind}: give mask or lengths, not both."), user_site())
        if self.lengths is not None:
            lengths = self._check("lengths", self.lengths, "iu", (batch,))
            return expand_dims(scalar.lt(iota((time, 1)), lengths), -1)
        if self.mask is None:
            return None
        mask = self._check("mask", self.mask, "b", (time, batch) if self.time_first else (batch, time))
        return expand_dims(mask if self.time_first else mask.T, -1)

    def _check(self, what: str, value: Any, kinds: str, shape: tuple[Any, ...]) -> Expr:
        node = as_expr(value)
        if node.dtype.kind not in kinds:
            text = f"{self.kind}: {what} has {'bools' if kinds == 'b' else 'integers'}, not {node.dtype.name}."
            raise blame(DTypeError(text), user_site(), node.site)
        check_shape(f"{self.kind}: {what}", node, shape)
        return node
