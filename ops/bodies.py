"""Bodies of loops and branches: graphs of their own, whose inputs stand for what lies outside.

The inputs of bodies, the parameters, are numbered nodes: equal bodies are equal, and so are the loops made of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from ..symbolic.dims import Shape
from ..symbolic.errors import NOWHERE, ShapeError, at_site, blame, user_site
from ..symbolic.expr import Expr, apply, depends, serial, toposort
from ..symbolic.graph import Graph
from ..symbolic.guards import unify
from ..symbolic.leaves import INSIDE, Input, Shared
from ..symbolic.sizes import sources
from ..symbolic.substitution import substitute
from ..symbolic.types import DType, Type
from .movement import BroadcastTo, ExpandDims, Slice, Squeeze, Transpose

VIEWS = (BroadcastTo, ExpandDims, Slice, Squeeze, Transpose)  # cost nothing, wherever they stand


def parameter(place: int, dtype: DType, shape: Shape) -> Expr:
    """Input number `place` of a body."""
    of = Type(dtype, shape)
    with at_site(NOWHERE):
        return apply(Input(("parameter", place, of), of))


def placeholder(dtype: DType, shape: Shape) -> Expr:
    """An input that is nobody else's, for the time that a body is being written."""
    return apply(Input((INSIDE, serial()), Type(dtype, shape)))


def placeholders(nodes: Iterable[Expr]) -> list[Expr]:
    """One for each node, of its type."""
    return [placeholder(n.dtype, n.shape) for n in nodes]


def close_over(outputs: Sequence[Expr], variables: Sequence[Expr], lazy: bool = False) -> tuple[Graph, list[Expr]]:
    """The body that computes the outputs, and what it takes from outside besides the variables.

    What does not depend on the variables is left outside, where it is computed once; `lazy`: everything is taken
    inside, down to inputs and shared variables, and computed only if the body runs.
    """
    order = toposort(outputs)
    _check_sizes(order, variables)
    taken = captures(order, outputs, variables, lazy)
    inputs = [parameter(place, node.dtype, node.shape) for place, node in enumerate([*variables, *taken])]
    inside = substitute(outputs, dict(zip([*variables, *taken], inputs, strict=True)))
    return Graph(tuple(inputs), tuple(inside)), list(taken)


def captures(
    order: Sequence[Expr], outputs: Sequence[Expr], variables: Sequence[Expr], lazy: bool = False
) -> list[Expr]:
    """What the outputs, whose nodes stand in this order, take from outside of a body of these variables."""
    varying = depends(order, [*variables, *(n for n in order if n.op.effects)])
    leaves = [n for n in order if isinstance(n.op, Input | Shared) and n not in varying]
    return leaves if lazy else _frontier(order, outputs, varying, depends(order, leaves))


def _check_sizes(order: Sequence[Expr], variables: Sequence[Expr]) -> None:
    """Raise ShapeError where a size is a value that changes from step to step: memory is laid out before the loop."""
    changing = set(variables)
    for source in sources(order).values():
        if not changing.isdisjoint(toposort([source])):
            error = ShapeError("A size in a loop or branch must not be a value that changes from step to step.")
            raise blame(error, user_site(), source.site, hint="take the largest size there is, and wf.where.")


def _frontier(order: Sequence[Expr], outputs: Sequence[Expr], varying: set[Expr], outside: set[Expr]) -> list[Expr]:
    """What is read inside and made outside; views of it stay inside, and so do constants."""
    found: dict[Expr, None] = {}
    read = [a for n in order if n in varying for a in n.args] + list(outputs)
    for node in read:
        if node in outside and node not in varying:
            while isinstance(node.op, VIEWS):
                node = node.args[0]
            found[node] = None
    return list(found)


def check_parameters(name: str, body: Graph, types: Sequence[Type]) -> None:
    """Raise ShapeError, or assume what only a call can tell, unless these are what the body's inputs stand for."""
    if len(types) != len(body.inputs):
        raise ShapeError(f"{name}: a body of {len(body.inputs)} inputs gets {len(types)} values.")
    for x, of in zip(body.inputs, types, strict=True):

        def message(x: Expr = x, of: Type = of) -> str:
            return f"{name}: a body takes {x.type}, and gets {of}."

        if (x.dtype, x.ndim) != (of.dtype, of.ndim):
            raise ShapeError(message())
        for mine, its in zip(x.shape, of.shape, strict=True):
            unify(mine, its, message)


def inline(body: Graph, values: Sequence[Expr]) -> list[Expr]:
    """The body's outputs with values in place of its inputs."""
    return substitute(body.outputs, dict(zip(body.inputs, values, strict=True)))


_numbers: ContextVar[tuple[Expr, ...]] = ContextVar("numbers", default=())


def step_numbers() -> tuple[Expr, ...]:
    """The numbers of the steps of the loops whose bodies are being written, from the outermost to the innermost."""
    return _numbers.get()


@contextmanager
def counting(number: Expr) -> Iterator[None]:
    """While a body is written in which `number` counts the steps."""
    token = _numbers.set((*_numbers.get(), number))
    try:
        yield
    finally:
        _numbers.reset(token)
