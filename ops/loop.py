"""The op of `scan` and `while_loop`: a body that runs step after step, and its derivative, a loop the other way."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..symbolic.dims import Dim, SymDim, show
from ..symbolic.errors import DTypeError, GradientError, ShapeError
from ..symbolic.evaluate import run
from ..symbolic.expr import Expr, Leaf, Op, apply, depends, toposort
from ..symbolic.grad import pullback
from ..symbolic.graph import Graph
from ..symbolic.guards import assume, unify
from ..symbolic.leaves import Item
from ..symbolic.records import record
from ..symbolic.substitution import substitute
from ..symbolic.types import BOOL, INT64, TupleType, Type
from .bodies import VIEWS, check_parameters, close_over, placeholders
from .creation import Iota, zeros_like
from .elementwise import Elementwise
from .linalg import MatMul, matmul
from .movement import Reshape, Transpose, reshape, transpose

ENDLESS = 1 << 62  # the length of a loop that only its test ends
CHEAP = (Elementwise, Iota, Leaf, Reshape, *VIEWS)  # computed again rather than kept for the derivative


class Parts(NamedTuple):
    """The arguments of a loop, the inputs of its body, or what stands for them."""

    steps: list[Any]  # how many, where that is an argument
    carries: list[Any]
    sequences: list[Any]
    captured: list[Any]


def _carry_error(before: Any, after: Any) -> str:
    return f"scan: a carry of shape {show(before.shape)} becomes {show(after.shape)}."


@record
class Loop(Op):
    """carry, y[i] = body(carry, x[i]) for i = 0, 1, ... below `length`; backwards with `reverse`.

    Arguments: the number of steps where it is `counted`, the first carries, sequences, and what the body captures.
    Results: the last carries; the y of all steps, zeros where no step was; the number of steps where it is `tested`.
    The body computes new carries, y, and, where it is tested, whether to go on after this step.
    """

    body: Graph
    carries: int
    sequences: int
    length: Dim
    reverse: bool = False
    counted: bool = False
    tested: bool = False
    keeps: bool = True  # the derivative keeps what is dear of every step; else it is computed again
    accepts_float16 = True
    holds = True

    @property
    def name(self) -> str:
        return "scan" if self.length != ENDLESS else "while_loop"

    @property
    def details(self) -> str:
        """What is printed of it."""
        inside = f"{len(self.body.nodes)} nodes, {self.carries} carries, {self.sequences} sequences"
        return f"length={self.length}, body of {inside}" + (", reverse" if self.reverse else "")

    @property
    def bodies(self) -> tuple[Graph, ...]:
        return (self.body,)

    @property
    def stacked(self) -> tuple[Expr, ...]:
        """What the body computes for the results of all steps."""
        outputs = self.body.outputs
        return outputs[self.carries : len(outputs) - self.tested]

    def divide(self, values: Sequence[Any]) -> Parts:
        """The arguments by what they are."""
        count, rest = list(values[: self.counted]), list(values[self.counted :])
        first = self.carries + self.sequences
        return Parts(count, rest[: self.carries], rest[self.carries : first], rest[first:])

    def infer(self, *types: Type) -> TupleType:
        carried = types[self.counted : self.counted + self.carries]
        self._check_counts(types)
        for x in types[self.counted + self.carries :][: self.sequences]:
            unify(x.shape[0], self.length, lambda x=x: f"scan: {x.shape[0]} and {self.length} steps.")  # type: ignore[misc]
        for guard, _ in self.body.guards:
            assume(guard, what=self.name)
        for before, after in zip(carried, self.body.outputs, strict=False):
            for a, b in zip(before.shape, after.shape, strict=True):
                unify(a, b, functools.partial(_carry_error, before, after))
        kept = [Type(c.dtype, c.shape) for c in carried]
        made = [Type(y.dtype, (self.length, *y.shape)) for y in self.stacked]
        return TupleType((*kept, *made, *([Type(INT64, ())] if self.tested else [])))

    def _check_counts(self, types: Sequence[Type]) -> None:
        """Raise ShapeError, DTypeError unless the body takes what it gets, and gives what the loop needs."""
        count, carried, sequences, captured = self.divide(types)
        outputs = self.body.outputs
        few = min(self.carries, self.sequences, len(outputs) - self.carries - self.tested) < 0
        if few or len(types) < self.counted + self.carries + self.sequences or any(not x.shape for x in sequences):
            raise ShapeError(f"{self.name}: {len(types)} values do not fit a loop over {self.details}.")
        if any(of.shape or of.dtype.kind not in "iu" for of in count):
            raise DTypeError(f"{self.name}: the number of steps is a whole number, not {count[0]}.")
        test = outputs[-1].type if self.tested else Type(BOOL, ())
        if (test.dtype, test.shape) != (BOOL, ()):
            raise DTypeError(f"{self.name}: whether to go on is a bool, not {test}.")
        for before, after in zip(carried, outputs, strict=False):
            if (before.dtype, before.ndim) != (after.dtype, after.ndim):
                raise ShapeError(f"{self.name}: a carry of {before} becomes {after.type}.")
        elements = [Type(x.dtype, x.shape[1:]) for x in sequences]
        check_parameters(self.name, self.body, [*carried, *elements, *captured])

    def numpy_of_sizes(self, sizes: Mapping[str, int], *values: Any) -> tuple[Any, ...]:
        """The reference, given the symbols' sizes."""
        count, carried, sequences, captured = self.divide(values)
        length = self.length.value(sizes) if isinstance(self.length, SymDim) else self.length
        limit = min(length, max(0, int(count[0]))) if count else length
        made = [np.zeros((length, *(_number(d, sizes) for d in y.shape)), y.dtype) for y in self.stacked]
        steps = 0
        while steps < limit:
            place = limit - 1 - steps if self.reverse else steps
            given = [*carried, *(s[place] for s in sequences), *captured]
            found = run(self.body.outputs, dict(zip(self.body.inputs, given, strict=True)), sizes)
            carried = found[: self.carries]
            for stack, y in zip(made, found[self.carries :], strict=False):
                stack[place] = y
            steps += 1
            if self.tested and not found[-1]:
                break
        return (*carried, *made, *([np.int64(steps)] if self.tested else []))

    def vjp(self, g: Any, out: Expr, *args: Expr) -> Sequence[Callable[[], Expr] | None]:
        if self.length == ENDLESS:
            text = "A while_loop has a derivative only if its number of steps is bounded: its carries are kept."
            raise GradientError(f"{text}  Give it max_steps.")
        cotangents = functools.cache(lambda: _LoopGradient(self, g, out, args).cotangents())
        return [None if not a.type.is_float else functools.partial(_pick, cotangents, i) for i, a in enumerate(args)]


def _pick(cotangents: Callable[[], Mapping[int, Expr]], place: int) -> Expr:
    return cotangents()[place]


def _number(dim: Dim, sizes: Mapping[str, int]) -> int:
    return dim if isinstance(dim, int) else dim.value(sizes)


def make_loop(
    outputs: Sequence[Expr],
    variables: tuple[Sequence[Expr], Sequence[Expr]],
    values: tuple[Sequence[Expr], Sequence[Expr]],
    count: Sequence[Expr] = (),
    **options: Any,
) -> list[Expr]:
    """The results of a loop over outputs in terms of placeholders for carries and sequences, and these values."""
    body, captured = close_over(outputs, [*variables[0], *variables[1]])
    op = Loop(body, len(values[0]), len(values[1]), counted=bool(count), **options)
    node = apply(op, *count, *values[0], *values[1], *captured)
    return [apply(Item(i), node) for i in range(len(node.type.items))]


class _LoopGradient:
    """The derivative of a loop: the derivative of its body, from the last step to the first.

    The carries of all steps, and results of the body that are dear, are kept by a second loop over the same body; where
    both are compiled, they are one.  What is captured gathers its cotangent in a carry, or, where it is the factor of a
    matrix product, from the other factors of all steps, in one product after the loop.
    """

    def __init__(self, loop: Loop, g: Any, out: Expr, args: Sequence[Expr]) -> None:
        self.loop, self.g, self.out, self.args = loop, g, out, args
        self.outer, self.inner = loop.divide(args), loop.divide((None,) * loop.counted + loop.body.inputs)

    def cotangents(self) -> dict[int, Expr]:
        """For the number of each float argument, its cotangent."""
        loop, inner, outer = self.loop, self.inner, self.outer
        carried = [i for i, c in enumerate(inner.carries) if c.type.is_float]
        stacked = [i for i, y in enumerate(loop.stacked) if self.g[loop.carries + i] is not None and y.type.is_float]
        ends = [loop.body.outputs[i] for i in carried] + [loop.stacked[i] for i in stacked]
        seeds = placeholders(ends)
        groups = [[x for x in group if x.type.is_float] for group in inner[1:]]
        found = pullback(ends, [x for group in groups for x in group], seeds)
        kept = self.keep(found)
        varying = [*inner.carries, *inner.sequences]
        doubles, copies = placeholders(varying), placeholders(kept)
        names = dict(zip([*varying, *inner.captured, *kept], [*doubles, *outer.captured, *copies], strict=True))
        found = substitute(found, names)
        to_carry, to_sequence, to_captured = _split(found, groups)
        past = self.past(kept)
        running = [*doubles, *copies, *seeds[len(carried) :]]
        stacks = [*past[: loop.carries], *outer.sequences, *past[loop.carries :], *self.stacks(stacked)]
        known = dict(zip(running, stacks, strict=True))
        pairs = {i: pair for i, g in enumerate(to_captured) if (pair := _product(g, [*running, *seeds]))}
        factors = list(dict.fromkeys(n for pair in pairs.values() for n in pair if n not in known))
        summed = [i for i in range(len(to_captured)) if i not in pairs]
        sums = placeholders([to_captured[i] for i in summed])
        starts = [self.seed(i) for i in carried] + [zeros_like(to_captured[i]) for i in summed]
        totals = [total + to_captured[i] for total, i in zip(sums, summed, strict=True)]
        results = make_loop(
            [*to_carry, *totals, *to_sequence, *factors],
            ([*seeds[: len(carried)], *sums], running),
            (starts, stacks),
            self.steps(),
            length=loop.length,
            reverse=not loop.reverse,
            keeps=loop.keeps,
        )
        of_carry, of_sums, of_sequence, of_factors = _split(results, [to_carry, totals, to_sequence, factors])
        known.update(zip(factors, of_factors, strict=True))
        of_captured = dict(zip(summed, of_sums, strict=True))
        of_captured.update({i: _over_all_steps(known[a], known[b]) for i, (a, b) in pairs.items()})
        wanted = [i for i, a in enumerate(self.args) if a.type.is_float]
        order = [*of_carry, *of_sequence, *(of_captured[i] for i in range(len(to_captured)))]
        return dict(zip(wanted, order, strict=True))

    def keep(self, found: Sequence[Expr]) -> list[Expr]:
        """Results of the body that its derivative reads and that are dear."""
        order = self.loop.body.nodes
        varying = depends(order, [*self.inner.carries, *self.inner.sequences])
        forward = set(order)

        def dear(node: Expr) -> bool:
            plain = isinstance(node.op, CHEAP) or isinstance(node.type, TupleType)
            return self.loop.keeps and node in forward and node in varying and not plain

        return [n for n in toposort(found, into=lambda n: not dear(n)) if dear(n)]

    def past(self, kept: Sequence[Expr]) -> list[Expr]:
        """The carries before every step, and what is kept of every step."""
        loop, body = self.loop, self.loop.body
        test = body.outputs[-1:] if loop.tested else ()
        outputs = (*body.outputs[: loop.carries], *self.inner.carries, *kept, *test)
        again = apply(replace(loop, body=Graph(body.inputs, outputs)), *self.args)
        return [apply(Item(loop.carries + i), again) for i in range(loop.carries + len(kept))]

    def seed(self, i: int) -> Expr:
        """The cotangent of a last carry."""
        return self.g[i] if self.g[i] is not None else zeros_like(self.outer.carries[i])

    def stacks(self, stacked: Sequence[int]) -> list[Expr]:
        """The cotangents of the results of all steps."""
        return [self.g[self.loop.carries + i] for i in stacked]

    def steps(self) -> list[Expr]:
        """How many steps there were, where that is not the length."""
        if self.loop.tested:
            return [apply(Item(len(self.out.type.items) - 1), self.out)]
        return self.outer.steps


def _product(g: Expr, varying: Sequence[Expr]) -> tuple[Expr, Expr] | None:
    """(a, b) where a cotangent is aᵀ b of two matrices of the step: all steps together are one long product."""
    if not isinstance(g.op, MatMul) or g.ndim != 2 or not isinstance(g.args[0].op, Transpose):
        return None
    a, b = g.args[0].args[0], g.args[1]
    reached = depends(toposort([a, b]), varying)
    return (a, b) if a in reached and b in reached else None


def _over_all_steps(a: Expr, b: Expr) -> Expr:
    """The sum over steps of aᵀ b, given the stacks of both."""
    flat = [reshape(x, (-1, x.shape[2])) for x in (a, b)]
    return matmul(transpose(flat[0]), flat[1])


def _split(values: Sequence[Expr], groups: Sequence[Sequence[Expr]]) -> list[list[Expr]]:
    """The values in groups of the same lengths."""
    rest, found = list(values), []
    for group in groups:
        found.append(rest[: len(group)])
        rest = rest[len(group) :]
    return found
