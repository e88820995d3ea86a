"""Inputs in place of computed variables: of their dtype and rank, and with the sizes that a call brings."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from ...ops.bodies import placeholder
from ...ops.movement import broadcast_to
from ...symbolic.dims import Dim, SymDim, fresh, product
from ...symbolic.errors import at_site
from ...symbolic.expr import Expr, apply, serial, toposort
from ...symbolic.grad import Assume
from ...symbolic.leaves import Input, constant
from ...symbolic.sizes import sources, value_dim
from ...symbolic.substitution import resize
from ...symbolic.types import Type
from .copies import make_copy


def fresh_input(node: Expr, name: str | None = None) -> Expr:
    """An input of a node's dtype and rank.

    Its sizes are those of the node where these are numbers or sizes of arrays, and its own where they are computed.
    """
    shape = tuple(d if isinstance(d, int) or (d.is_name and not d.sources) else fresh("n_") for d in node.shape)
    if name is None or not name.isidentifier():
        return placeholder(node.dtype, shape)
    return apply(Input(serial(), Type(node.dtype, shape), name))


def with_inputs(
    roots: Sequence[Expr], replaced: dict[Expr, Expr], given: Iterable[Expr]
) -> tuple[list[Expr], dict[Expr, Expr]]:
    """(the roots with inputs in place of computed nodes, {an array of the sizes that an input has to have: it}).

    Sizes of these nodes that no array of the call tells, because what they were computed from is not `given`, are
    those of the inputs.
    """
    order = toposort(roots, into=lambda n: n not in replaced)
    known = _known_names(order, replaced, set(given))
    rewritten = _Rewritten(replaced, known, *_sizes(replaced, known))
    return rewritten.of(roots), {_resize(old, new, known): new for old, new in replaced.items()}


class _Rewritten:
    """Nodes with others in place of some, and sizes with others in place of theirs."""

    def __init__(
        self, replaced: dict[Expr, Expr], known: Collection[str], exact: dict[str, Dim], names: dict[str, Dim]
    ) -> None:
        self.done, self.known, self.exact, self.names = dict(replaced), known, exact, names

    def of(self, roots: Sequence[Expr]) -> list[Expr]:
        """The roots, rewritten."""
        for node in toposort(roots, into=lambda n: n not in self.done):
            if node not in self.done:
                args = tuple(self.done[a] for a in node.args)
                gradient = isinstance(node.op, Assume)
                self.done[node] = self._drop_assumptions(node, *args) if gradient else resize(node, args, self.size)
        return [self.done[root] for root in roots]

    def _drop_assumptions(self, node: Expr, *args: Expr) -> Expr:
        """A derivative without what it takes for granted of sizes behind a replaced node, which nobody knows."""
        op: Any = node.op
        told = {d.text for a in args for d in a.shape if isinstance(d, SymDim)} | set(self.known)
        guards = tuple(g for g in op.guards if all(name in told for dim in g.dims for name in _names(dim)))
        shape = tuple(self.size(d) if isinstance(d, SymDim) else d for d in op.shape)
        with at_site(node.site):
            return apply(Assume(shape, guards), *args)

    def size(self, dim: SymDim) -> Dim:
        """The size, rewritten: a value that a size stands for is another where what it is computed from is."""
        if dim.text in self.exact:
            return self.exact[dim.text]
        for name, source in dim.sources.items():
            if name not in self.names and isinstance(source, Expr):
                (new,) = self.of([source])
                self.names[name] = SymDim(name, None, {name: source}) if new is source else value_dim(new)
        return dim.rename(self.names)


def _known_names(order: Sequence[Expr], replaced: dict[Expr, Expr], given: Collection[Expr]) -> set[str]:
    """The sizes that a call tells: of arrays, and values that are computed from what it gives."""
    told = {d.text for x in [*given, *replaced.values()] for d in x.shape if isinstance(d, SymDim) and d.is_name}
    return told | {name for name, source in sources([*order, *replaced]).items() if _computable(source, given)}


def _resize(old: Expr, new: Expr, known: Collection[str]) -> Expr:
    """An array of the sizes that a computed node has, as far as they are known; no other is the same node."""
    pairs = zip(old.shape, new.shape, strict=True)
    shape = tuple(a if isinstance(b, SymDim) and not _is_known(b, known) else b for b, a in pairs)
    with at_site(old.site):
        return make_copy(broadcast_to(constant(np.zeros((), old.dtype)), shape))


def _sizes(replaced: dict[Expr, Expr], known: Collection[str]) -> tuple[dict[str, Dim], dict[str, Dim]]:
    """What stands for the sizes of replaced nodes, by their texts (products too), and for names that follow."""
    exact: dict[str, Dim] = {}
    names: dict[str, Dim] = {}
    for old, new in replaced.items():
        pairs = list(zip(old.shape, new.shape, strict=True))
        for count in range(1, len(pairs) + 1):
            for some in itertools.combinations(pairs, count):
                before, after = (product([pair[i] for pair in some]) for i in (0, 1))
                if isinstance(before, SymDim) and not _is_known(before, known):
                    exact.setdefault(before.text, after)
        for before, after in pairs:
            _solve(before, after, known, names)
    return exact, names


def _names(dim: Dim) -> tuple[str, ...]:
    return dim.names if isinstance(dim, SymDim) else ()


def _is_known(dim: SymDim, known: Collection[str]) -> bool:
    return all(name in known for name in dim.names)


def _computable(source: Expr, known: Collection[Expr]) -> bool:
    """Whether a call has all that the value of a size needs."""
    return all(not isinstance(n.op, Input) or n in known for n in toposort([source]))


def _solve(before: Dim, after: Dim, known: Collection[str], names: dict[str, Dim]) -> None:
    """Note the one unknown name of `before = factor * name + offset`, where it has that form."""
    if not isinstance(before, SymDim) or before == after or len(before.names) != 1:
        return
    (name,) = before.names
    if name in known or name in names:
        return
    at = [before.value({name: n}) for n in (64, 65, 128)]
    factor = at[1] - at[0]
    if factor > 0 and at[2] - at[0] == 64 * factor:
        names[name] = (after - (at[0] - 64 * factor)) // factor
