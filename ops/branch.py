"""The op of `cond`: two bodies, of which one runs; its derivative is a branch of their derivatives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..symbolic.dims import show
from ..symbolic.errors import DTypeError, ShapeError
from ..symbolic.evaluate import run
from ..symbolic.expr import Expr, Op, apply
from ..symbolic.grad import pullback
from ..symbolic.graph import Graph
from ..symbolic.guards import assume, unify
from ..symbolic.leaves import Item
from ..symbolic.records import record
from ..symbolic.substitution import substitute
from ..symbolic.types import TupleType, Type
from .bodies import check_parameters, close_over, placeholders
from .creation import zeros_like


@record
class Branch(Op):
    """The outputs of `then` where the first argument is true, else of `otherwise`; only one of them is computed.

    Arguments: the predicate, the inputs of `then`, the inputs of `otherwise`.
    """

    then: Graph
    otherwise: Graph
    accepts_float16 = True
    holds = True

    @property
    def name(self) -> str:
        return "cond"

    @property
    def details(self) -> str:
        """What is printed of it."""
        return f"{len(self.then.nodes)} nodes or {len(self.otherwise.nodes)}"

    @property
    def bodies(self) -> tuple[Graph, ...]:
        return self.then, self.otherwise

    def divide(self, values: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The values for the inputs of both bodies."""
        first = len(self.then.inputs) + 1
        return list(values[1:first]), list(values[first:])

    def infer(self, predicate: Type, *types: Type) -> TupleType:
        if predicate.shape:
            raise ShapeError(f"cond: the predicate must be a scalar, and it has shape {show(predicate.shape)}.")
        if predicate.dtype.kind != "b":
            raise DTypeError(f"cond: the predicate must be a bool, and it is {predicate.dtype.name}.")
        first = len(self.then.inputs)
        check_parameters(self.name, self.then, types[:first])
        check_parameters(self.name, self.otherwise, types[first:])
        if len(self.then.outputs) != len(self.otherwise.outputs):
            raise ShapeError(
                f"cond: the branches give {len(self.then.outputs)} and {len(self.otherwise.outputs)} values."
            )
        for body in self.bodies:
            for guard, _ in body.guards:
                assume(guard, what=self.name)
        return TupleType(tuple(map(_common, self.then.outputs, self.otherwise.outputs)))

    def numpy_of_sizes(self, sizes: Mapping[str, int], *values: Any) -> tuple[Any, ...]:
        """The reference, given the symbols' sizes."""
        which = 0 if values[0] else 1
        body, given = self.bodies[which], self.divide(values)[which]
        return tuple(run(body.outputs, dict(zip(body.inputs, given, strict=True)), sizes))

    def vjp(self, g: Any, out: Expr, *args: Expr) -> Sequence[Callable[[], Expr] | None]:
        cotangents = functools.cache(lambda: self._cotangents(g, args))
        return [None if not a.type.is_float else functools.partial(_pick, cotangents, i) for i, a in enumerate(args)]

    def _cotangents(self, g: Any, args: Sequence[Expr]) -> dict[int, Expr]:
        """For the number of each float argument, its cotangent: zeros where its branch was not taken."""
        float_args = [i for i, a in enumerate(args) if a.type.is_float]
        given = [i for i, each in enumerate(g) if each is not None]
        seeds, sides = placeholders([g[i] for i in given]), []
        first = len(self.then.inputs) + 1
        for body, start, values in zip(self.bodies, (1, first), self.divide(args), strict=True):
            mine = [i for i in float_args if start <= i < start + len(values)]
            doubles = placeholders(body.inputs)
            ends = [body.outputs[i] for i in given]
            cotangents = pullback(ends, [body.inputs[i - start] for i in mine], seeds)
            moved = substitute(cotangents, dict(zip(body.inputs, doubles, strict=True)))
            found = dict(zip(mine, moved, strict=True))
            outputs = [found[i] if i in found else zeros_like(args[i]) for i in float_args]
            sides.append((outputs, [*doubles, *seeds], [*values, *(g[i] for i in given)]))
        return dict(zip(float_args, make_branch(args[0], *sides), strict=True))


def _pick(cotangents: Callable[[], Mapping[int, Expr]], place: int) -> Expr:
    return cotangents()[place]


def _common(a: Expr, b: Expr) -> Type:
    if a.dtype != b.dtype:
        raise DTypeError(f"cond: one branch gives {a.dtype.name}, the other {b.dtype.name}.")
    text = f"cond: one branch gives {show(a.shape)}, the other {show(b.shape)}."
    if a.ndim != b.ndim:
        raise ShapeError(text)
    return Type(a.dtype, tuple(unify(m, n, lambda: text) for m, n in zip(a.shape, b.shape, strict=True)))


Side = tuple[Sequence[Expr], Sequence[Expr], Sequence[Expr]]  # outputs, variables in them, and what these stand for


def make_branch(predicate: Expr, then: Side, otherwise: Side) -> list[Expr]:
    """The results of a branch; what only one side needs, down to inputs and variables, is computed in it."""
    bodies, values = [], []
    for outputs, variables, given in (then, otherwise):
        body, captured = close_over(outputs, variables, lazy=True)
        bodies.append(body)
        values += [*given, *captured]
    node = apply(Branch(*bodies), predicate, *values)
    return [apply(Item(i), node) for i in range(len(bodies[0].outputs))]
