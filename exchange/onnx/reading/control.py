"""Branches and loops: If, Loop, Scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ....ops import control, scalar
from ....ops.bodies import placeholder, placeholders
from ....ops.coerce import as_expr
from ....ops.creation import full, iota
from ....ops.elementwise import cast
from ....ops.indexing import getitem
from ....ops.movement import flip, moveaxis, reshape, stack
from ....symbolic.dims import Dim, SymDim, same, show
from ....symbolic.errors import DTypeError, ShapeError
from ....symbolic.expr import Expr
from ....symbolic.leaves import constant
from ....symbolic.sizes import as_dim
from ....symbolic.types import INT64
from .node import ModelNode, Subgraph
from .registry import Unsaid, operator

MOST_STEPS = 4096  # of a loop that is written out


@operator("If")
def read_if(node: ModelNode, predicate: Expr) -> tuple[Any, ...]:
    """One of two graphs: the one there is to be, where that is known."""
    branches = node["then_branch"], node["else_branch"]
    known = node.numbers(predicate)
    if known is not None:
        return tuple(branches[not known.any()].run([]))
    sides = [tuple(branch.run([])) for branch in branches]
    for pair in zip(*sides, strict=True):
        _check_alike(*pair)
    return tuple(control.cond(reshape(predicate, ()), *sides))


def _check_alike(then: Any, otherwise: Any) -> None:
    """Raise Unsaid where the values of two branches have not the same type."""
    if isinstance(then, list) and isinstance(otherwise, list) and len(then) == len(otherwise):
        for pair in zip(then, otherwise, strict=True):
            _check_alike(*pair)
    elif not (isinstance(then, Expr) and isinstance(otherwise, Expr)):
        raise Unsaid("has branches whose sequences differ in length, or of which one gives nothing")
    elif then.ndim != otherwise.ndim or any(
        same(a, b) is False for a, b in zip(then.shape, otherwise.shape, strict=True)
    ):
        shapes = f"{show(then.shape)} and {show(otherwise.shape)}"
        raise Unsaid(f"has branches that give arrays of the shapes {shapes}, and weft's have one")


# ---- Loop ------------------------------------------------------------------------------------------------------------


class LoopNode(NamedTuple):
    """A Loop: its body, of (number, whether to go on, carries) -> (whether to go on, carries, values of the step)."""

    node: ModelNode
    body: Subgraph
    trips: Dim | Expr | None  # at most so many steps
    again: Expr  # whether there is a first one
    carries: Sequence[Any]

    def step(self, number: Expr, again: Expr, carries: Sequence[Any]) -> tuple[Any, list[Any], list[Any]]:
        """One step."""
        going, *rest = self.body.run([number, again, *carries])
        return going, rest[: len(self.carries)], rest[len(self.carries) :]

    def trial(self) -> tuple[Any, list[Any], list[Any]]:
        """A step that nobody takes, for the types of what it gives."""
        return self.step(placeholder(INT64, ()), constant(np.True_), placeholders(self.carries))


@operator("Loop")
def read_loop(node: ModelNode, count: Expr | None, again: Expr | None, *carries: Any) -> tuple[Any, ...]:
    """A loop of `count` steps at most, as long as its condition holds.

    The values of steps are stacked.  A loop with a known number of steps, whose carries are sequences or change their
    shapes, is written out.
    """
    trips = None if count is None else node.entry(reshape(cast(count, INT64), ()))
    first = constant(np.True_) if again is None else reshape(again, ())
    loop = LoopNode(node, node["body"], trips, first, carries)
    if not all(isinstance(c, Expr) for c in carries):
        return _write_out(loop, "carries a sequence or an optional")
    try:
        return _run(loop)
    except (ShapeError, DTypeError) as error:
        return _write_out(loop, f"carries what changes its type ({error})")


def _run(loop: LoopNode) -> tuple[Any, ...]:
    """The loop as a scan, or as a while_loop."""
    going, carries, ys = loop.trial()
    for before, after in zip(loop.carries, carries, strict=True):
        if any(map(_differ, before.shape, after.shape)):
            return _write_out(loop, f"carries an array of the shape {show(before.shape)}, then {show(after.shape)}")
    endless = loop.node.numbers(going) is not None and bool(loop.node.numbers(going)) and _is_true(loop)
    if loop.trips is None:
        if ys:
            raise Unsaid("stacks the values of a loop whose number of steps nothing bounds")
        return tuple(_while(loop))
    return _for(loop) if endless else _for_until(loop)


def _differ(before: Dim, after: Dim) -> bool:
    """Whether two sizes are different functions of the same symbols: equal for few values of them, if any."""
    return before != after and isinstance(before, SymDim) and isinstance(after, SymDim) and before.names == after.names


def _is_true(loop: LoopNode) -> bool:
    known = loop.node.numbers(loop.again)
    return known is not None and bool(known.any())


def _for(loop: LoopNode) -> tuple[Any, ...]:
    """All steps, whose number is a size."""
    length = as_dim(scalar.maximum(loop.trips, 0)) if isinstance(loop.trips, Expr) else loop.trips

    def step(carries: Any, number: Expr) -> Any:
        _, new, ys = loop.step(number, constant(np.True_), carries)
        return tuple(new), tuple(ys)

    carries, ys = control.scan(step, tuple(loop.carries), iota((_at_least_0(length),)))
    return *carries, *ys


def _at_least_0(length: Any) -> Any:
    return max(length, 0) if isinstance(length, int) else length


def _for_until(loop: LoopNode) -> tuple[Any, ...]:
    """Steps until one says that it was the last."""
    most = scalar.maximum(as_expr(loop.trips), 0)
    length = as_dim(scalar.where(loop.again, most, 0))

    def step(carry: Any, number: Expr) -> Any:
        going, new, ys = loop.step(number, carry[0], carry[1])
        return (reshape(going, ()), tuple(new)), tuple(ys)

    start = (loop.again, tuple(loop.carries))
    (_, carries), ys, steps = control.scan(step, start, iota((length,)), until=lambda c, y: scalar.logical_not(c[0]))
    return *carries, *(getitem(y, slice(None, steps)) for y in ys)


def _while(loop: LoopNode) -> Sequence[Any]:
    """Steps as long as the condition holds."""

    def step(carry: Any) -> Any:
        number, again, carries = carry
        going, new, _ = loop.step(number, again, carries)
        return number + 1, reshape(going, ()), tuple(new)

    start = (constant(np.int64(0)), loop.again, tuple(loop.carries))
    found: Sequence[Any] = control.while_loop(lambda carry: carry[1], step, start)[2]
    return found


def _write_out(loop: LoopNode, reason: str) -> tuple[Any, ...]:
    """The steps one after the other, whose number is known now.  Raises Unsaid where it is not."""
    again, carries, made = _need(loop, loop.again, reason), list(loop.carries), []
    while again and (loop.trips is None or len(made) < _count(loop, reason)):
        if len(made) == MOST_STEPS:
            raise Unsaid(f"{reason}, and has more than {MOST_STEPS} steps")
        going, carries, ys = loop.step(constant(np.int64(len(made))), constant(np.True_), carries)
        made.append(ys)
        again = _need(loop, going, reason)
    if made:
        return *carries, *(stack(list(column)) for column in zip(*made, strict=True))
    ys = loop.trial()[2] if len(loop.body.outputs) > 1 + len(carries) else []
    return *carries, *(full((0, *y.shape), constant(np.zeros((), y.dtype))) for y in ys)


def _need(loop: LoopNode, value: Expr, reason: str) -> bool:
    known = loop.node.numbers(value)
    if known is None:
        raise Unsaid(f"{reason}, and whether it goes on is not known before anything runs")
    return bool(known.any())


def _count(loop: LoopNode, reason: str) -> int:
    if not isinstance(loop.trips, int):
        hint = "load(..., inputs=) may give it"
        raise Unsaid(f"{reason}, and its number of steps is not known before anything runs; {hint}")
    return loop.trips


# ---- Scan ------------------------------------------------------------------------------------------------------------


@operator("Scan")
def read_scan(node: ModelNode, *operands: Any) -> tuple[Expr, ...]:
    """A loop over the elements of sequences along an axis; before opset 9 once for each element of a batch."""
    count = node["num_scan_inputs"]
    if node.version >= 9:
        states, xs = operands[: len(operands) - count], operands[len(operands) - count :]
        return _scan(node, states, xs)
    if operands[0] is not None:
        raise Unsaid("has sequences of several lengths, as opset 8 has them")
    split = len(operands) - count

    def each(_: None, given: Any) -> Any:
        return None, _scan(node, given[: split - 1], given[split - 1 :])

    _, found = control.scan(each, None, tuple(operands[1:]))
    return tuple(found)


def _scan(node: ModelNode, states: Sequence[Expr], xs: Sequence[Expr]) -> tuple[Expr, ...]:
    body: Subgraph = node["body"]
    backward = node["scan_input_directions"] or node["directions"] or (0,) * len(xs)
    axes = node["scan_input_axes"] or (0,) * len(xs)
    lines = [moveaxis(x, node.check_axis(a, x.ndim), 0) for x, a in zip(xs, axes, strict=True)]
    lines = [flip(x, 0) if back else x for x, back in zip(lines, backward, strict=True)]

    def step(carries: Any, elements: Any) -> Any:
        found = body.run([*carries, *elements])
        return tuple(found[: len(states)]), tuple(found[len(states) :])

    carries, ys = control.scan(step, tuple(states), tuple(lines))
    flipped = node["scan_output_directions"] or (0,) * len(ys)
    places = node["scan_output_axes"] or (0,) * len(ys)
    ys = [flip(y, 0) if back else y for y, back in zip(ys, flipped, strict=True)]
    return *carries, *(moveaxis(y, 0, node.check_axis(a, y.ndim)) for y, a in zip(ys, places, strict=True))
