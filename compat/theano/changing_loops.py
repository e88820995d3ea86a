"""Loops whose arrays change their size from step to step: each step is a call of a compiled function.

A loop of weft's has its memory laid out before it runs.  Where sizes are values that a step computes, or is given, the
step is compiled on its own, and Python repeats it; so is its derivative, from the last step to the first.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

import weft as wf

from ...codegen.function import Function
from ...codegen.function import function as weft_function
from ...ops.bodies import captures, placeholder, placeholders
from ...symbolic.dims import Dim, SymDim
from ...symbolic.errors import GradientError, ShapeError, blame, user_site
from ...symbolic.expr import Expr, toposort
from ...symbolic.leaves import size
from ...symbolic.sizes import all_sources, dims_of, sources, value_dim
from ...symbolic.substitution import resize
from ...symbolic.types import INT64
from .fresh import fresh_input, with_inputs


def changes_sizes(body: Sequence[Expr], variables: Iterable[Expr]) -> bool:
    """Whether a size in a body is a value that depends on variables of the body."""
    changing = set(variables)
    return any(not changing.isdisjoint(toposort([source])) for source in all_sources(toposort(body)).values())


def repeat_body(
    body: Sequence[Expr],
    variables: tuple[Sequence[Expr], Sequence[Expr]],
    values: tuple[Sequence[Expr], Sequence[Expr]],
    length: Dim,
    tested: bool,
) -> list[Expr]:
    """[last carries, what the other outputs are in all steps, how many steps there were where a test ends them].

    `variables` are placeholders for carries and for the elements of sequences, which have these values.
    """
    own = [*variables[0], *variables[1]]
    taken = _captures(body, own)
    pairs = {node: fresh_input(node) for node in [*own, *taken]}
    inside, _ = with_inputs(body, pairs, ())
    inputs = list(pairs.values())
    inside, more, sizes = _with_sizes(inside, inputs)
    loop = _Loop(inside, [*inputs, *more], len(variables[0]), len(variables[1]), tested)
    args = [wf.cast(size(length), INT64), *values[0], *values[1], *taken, *sizes]
    return loop.expressions(args, _types_of_all_steps(loop, args, body, length, own))


def _captures(body: Sequence[Expr], variables: Sequence[Expr]) -> list[Expr]:
    """What a body takes from outside: neither it nor its sizes change from step to step."""
    order = toposort([*body, *all_sources(toposort(body)).values()])
    changing = {name for name, source in sources(order).items() if not set(variables).isdisjoint(toposort([source]))}
    sized = [n for n in order if not changing.isdisjoint(name for dim in dims_of([n]) for name in dim.names)]
    return captures(order, body, [*variables, *sized])


def _with_sizes(body: list[Expr], inputs: Sequence[Expr]) -> tuple[list[Expr], list[Expr], list[Expr]]:
    """(the body, further inputs, their values): for sizes that no array says, a number stands in."""
    order = toposort(body)
    told = {d.text for x in inputs for d in x.shape if isinstance(d, SymDim) and d.is_name}
    computed = set(all_sources(order))
    names = sorted({name for dim in dims_of(order) for name in dim.names} - told - computed)
    if not names:
        return body, [], []
    numbers = [placeholder(INT64, ()) for _ in names]
    dims = {name: value_dim(number) for name, number in zip(names, numbers, strict=True)}
    done: dict[Expr, Expr] = {}
    for node in order:
        done[node] = resize(node, tuple(done[a] for a in node.args), lambda dim: dim.rename(dims))
    return [done[n] for n in body], numbers, [wf.cast(size(SymDim(name)), INT64) for name in names]


class _Loop:
    """A step as a compiled function, and what it is repeated over."""

    def __init__(self, body: list[Expr], inputs: list[Expr], carries: int, sequences: int, tested: bool) -> None:
        self.body, self.inputs, self.tested = body, inputs, tested
        self.carries, self.sequences = carries, sequences

    @functools.cached_property
    def step(self) -> Function:
        """One step: inputs to outputs."""
        return weft_function(self.inputs, self.body, name="a step", on_unused_input="ignore")

    @functools.cached_property
    def floats(self) -> list[int]:
        """The places of inputs that have a derivative."""
        return [i for i, x in enumerate(self.inputs) if x.type.is_float]

    @functools.cached_property
    def back(self) -> Function:
        """One step of the derivative: inputs and cotangents of outputs to cotangents of the inputs that have them."""
        outputs = [y for y in self.body[: len(self.body) - self.tested] if y.type.is_float]
        seeds = placeholders(outputs)
        found = wf.vjp(outputs, [self.inputs[i] for i in self.floats], seeds, disconnected="zero")
        return weft_function([*self.inputs, *seeds], list(found), name="a step back", on_unused_input="ignore")

    # ---- running ---------------------------------------------------------------------------------------------------

    def run(self, length: Any, args: Sequence[np.ndarray]) -> tuple[list[list[Any]], list[list[Any]]]:
        """(the inputs of all steps, their outputs)."""
        state, others = list(args[: self.carries]), args[self.carries + self.sequences :]
        sequences = args[self.carries : self.carries + self.sequences]
        given, made = [], []
        for place in range(int(length)):
            given.append([*state, *[s[place] for s in sequences], *others])
            made.append(self.step(*given[-1]))
            state = made[-1][: self.carries]
            if self.tested and not made[-1][-1]:
                break
        return given, made

    def stack(self, made: Sequence[Sequence[Any]], length: int) -> list[np.ndarray]:
        """What is not carried, of all steps; zeros where no step was."""
        found = []
        for place in range(self.carries, len(self.body) - self.tested):
            values = [np.asarray(step[place]) for step in made]
            shapes = {v.shape for v in values}
            if len(shapes) > 1:
                text = f"scan: outputs of all steps have one shape, and these have {sorted(shapes)}."
                raise blame(ShapeError(text), self.body[place].site, hint="return what has the same size in each step.")
            shape = shapes.pop() if shapes else tuple(d if isinstance(d, int) else 0 for d in self.body[place].shape)
            whole = np.zeros((length, *shape), self.body[place].dtype)
            whole[: len(values)] = values if values else 0
            found.append(whole)
        return found

    # ---- in a graph ------------------------------------------------------------------------------------------------

    def expressions(self, args: list[Expr], stacked: list[Any]) -> list[Expr]:
        """The results of the loop as expressions, given the number of steps and the values of the inputs."""
        carried = [wf.Type(a.dtype, a.shape) for a in args[1 : 1 + self.carries]]
        counted = [wf.Type(INT64, ())] if self.tested else []
        found = wf.callback(_RunLoop(self), [*carried, *stacked, *counted], *args, vjp=self._rule, name="scan")
        return list(found)

    def _rule(self, gs: Sequence[Expr | None], outs: Sequence[Expr], *args: Expr) -> list[Any]:
        """The cotangents of the arguments: those of the number of steps and of whole numbers are none."""
        outputs = self.body[: len(self.body) - self.tested]
        kinds = zip(outputs, gs, outs, strict=False)
        seeds = [wf.zeros_like(o) if g is None else g for y, g, o in kinds if y.type.is_float]
        wanted = [args[1 + i] for i in self.floats]
        types = [wf.Type(x.dtype, x.shape) for x in wanted]
        found = wf.callback(_RunLoopDerivative(self), types, *args, *seeds, vjp=_no_second, name="scan's derivative")
        known = dict(zip(self.floats, found, strict=True))
        return [None, *[known.get(i) for i in range(len(self.inputs))]]


def _types_of_all_steps(
    loop: _Loop, args: list[Expr], body: Sequence[Expr], length: Dim, variables: Sequence[Expr]
) -> list[Any]:
    """The types of what is not carried; sizes that steps compute are learned by running the loop once more."""
    outputs = body[loop.carries : len(body) - loop.tested]
    if not any(_depends(d, set(variables)) for y in outputs for d in y.shape):
        return [wf.Type(y.dtype, (length, *y.shape)) for y in outputs]
    total = sum(y.ndim for y in outputs)
    sizes = wf.callback(_RunLoopSizes(loop), wf.Type(INT64, (total,)), *args, name="sizes of scan")
    places = iter(range(total))
    return [wf.Type(y.dtype, (length, *[value_dim(sizes[next(places)]) for _ in y.shape])) for y in outputs]


def _no_second(*ignored: Any) -> Any:
    text = "A scan whose arrays change their size from step to step has no second derivative."
    raise blame(GradientError(text), user_site(), hint="take the largest size there is, and T.switch.")


def _depends(dim: Dim, changing: set[Expr]) -> bool:
    """Whether a size is a value that depends on these nodes."""
    sources = dim.sources.values() if isinstance(dim, SymDim) else ()
    return any(isinstance(s, Expr) and not changing.isdisjoint(toposort([s])) for s in sources)


class _RunLoop:
    """The loop, of arrays."""

    def __init__(self, loop: _Loop) -> None:
        self.loop = loop

    def __call__(self, length: np.ndarray, *args: np.ndarray) -> tuple[Any, ...]:
        loop = self.loop
        _, made = loop.run(length, args)
        last = made[-1][: loop.carries] if made else args[: loop.carries]
        steps = [np.int64(len(made))] if loop.tested else []
        return (*last, *loop.stack(made, int(length)), *steps)


class _RunLoopSizes(_RunLoop):
    """The sizes of what the loop makes in each step, in a row."""

    def __call__(self, length: np.ndarray, *args: np.ndarray) -> Any:
        _, made = self.loop.run(length, args)
        return np.array([n for y in self.loop.stack(made, int(length)) for n in y.shape[1:]], np.int64)


class _RunLoopDerivative(_RunLoop):
    """The derivative of the loop, of arrays: from the last step to the first."""

    def __call__(self, length: np.ndarray, *args: np.ndarray) -> tuple[Any, ...]:
        loop = self.loop
        count = len(loop.inputs)
        args, seeds = args[:count], args[count:]
        given, _ = loop.run(length, args)
        places = [i for i, y in enumerate(loop.body[: len(loop.body) - loop.tested]) if y.type.is_float]
        seed = dict(zip(places, seeds, strict=True))
        carried = {i: seed[i] for i in places if i < loop.carries}
        totals = {i: np.zeros_like(args[i]) for i in loop.floats}
        for step in reversed(range(len(given))):
            cotangents = [carried[i] if i < loop.carries else seed[i][step] for i in places]
            found = dict(zip(loop.floats, loop.back(*given[step], *cotangents), strict=True))
            carried = {i: found[i] for i in places if i < loop.carries}
            for i, g in found.items():
                if loop.carries <= i < loop.carries + loop.sequences:
                    totals[i][step] = g
                elif i >= loop.carries:
                    totals[i] = totals[i] + g
        totals |= carried
        return tuple(totals[i] for i in loop.floats)
