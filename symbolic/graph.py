"""A whole computation: inputs, outputs, and updates of shared variables.  Immutable; passes make new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from .dims import SymDim
from .expr import Body, Expr, Row, flatten, identical, unflatten
from .forks import renew_after_forks
from .guards import AnyGuard, Guard
from .leaves import Constant, Input, Shared
from .sizes import sources, stored_sizes
from .storage import Sizes
from .substitution import substitute


@renew_after_forks
@dataclass(frozen=True, eq=False)
class Graph(Body):
    """Every read of a shared variable sees its value before any update."""

    updates: tuple[tuple[Expr, Expr], ...] = ()  # (shared variable, its new value)
    assumed: tuple[tuple[AnyGuard, Expr], ...] = ()  # by what stands around the nodes: updates, givens

    @property
    def roots(self) -> tuple[Expr, ...]:
        """All that has to be computed: outputs, then new values."""
        return self.outputs + tuple(new for _, new in self.updates)

    @cached_property
    def users(self) -> dict[Expr, list[Expr]]:
        """For each node, the nodes that take it as an argument (once for each time)."""
        found: dict[Expr, list[Expr]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for arg in node.args:
                found[arg].append(node)
        return found

    @property
    def shared(self) -> list[Expr]:
        """The shared variables that are read."""
        return [n for n in self.nodes if isinstance(n.op, Shared)]

    @property
    def constants(self) -> list[Expr]:
        """The constants that are read."""
        return [n for n in self.nodes if isinstance(n.op, Constant)]

    @property
    def free_inputs(self) -> list[Expr]:
        """The inputs that the roots depend on."""
        return [n for n in self.nodes if isinstance(n.op, Input)]

    @cached_property
    def guards(self) -> tuple[tuple[AnyGuard, Expr], ...]:
        """What is taken for granted of sizes, each with the node that needs it."""
        found: dict[AnyGuard, Expr] = {}
        own = [(guard, node) for node in self.nodes for guard in node.guards]
        for guard, needing in [*own, *self.assumed]:
            if not isinstance(guard, Guard) or Guard(guard.right, guard.left) not in found:
                found.setdefault(guard, needing)
        return tuple(found.items())

    @cached_property
    def sources(self) -> dict[str, Expr]:
        """For each symbol among the sizes that stands for a value, the expression of that value."""
        return sources(self.nodes, self._assumed_dims)

    @cached_property
    def stored_sizes(self) -> list[Sizes]:
        """The present sizes of the shared variables that sizes are taken from."""
        return stored_sizes(self.nodes, self._assumed_dims)

    @property
    def _assumed_dims(self) -> list[SymDim]:
        return [dim for guard, _ in self.assumed for dim in guard.dims if isinstance(dim, SymDim)]

    def with_roots(self, roots: Sequence[Expr]) -> Graph:
        """The same graph computing other nodes: what a pass returns."""
        count = len(self.outputs)
        updates = tuple((shared, new) for (shared, _), new in zip(self.updates, roots[count:], strict=True))
        return Graph(self.inputs, tuple(roots[:count]), updates, self.assumed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph) or self.assumed != other.assumed:
            return False
        mine, its = [(*g.inputs, *g.roots, *(s for s, _ in g.updates)) for g in (self, other)]
        return (
            len(self.inputs) == len(other.inputs) and len(self.outputs) == len(other.outputs) and identical(mine, its)
        )

    def __hash__(self) -> int:
        return hash((self.inputs, self.outputs, self.updates))

    def __reduce__(self) -> Any:
        updated, new = [s for s, _ in self.updates], [n for _, n in self.updates]
        needing = [node for _, node in self.assumed]
        parts = (self.inputs, self.outputs, updated, new, needing)
        rows, numbers = flatten([node for part in parts for node in part])
        return _restore, (rows, numbers, [len(part) for part in parts], [guard for guard, _ in self.assumed])

    def replace(self, replacements: Mapping[Expr, Expr]) -> Graph:
        """The graph with nodes replaced wherever they occur."""
        return self.with_roots(substitute(self.roots, replacements)) if replacements else self


def _restore(rows: list[Row], numbers: list[int], lengths: list[int], guards: list[AnyGuard]) -> Graph:
    nodes = iter(unflatten(rows, numbers))
    inputs, outputs, updated, new, needing = (tuple(islice(nodes, length)) for length in lengths)
    assumed = tuple(zip(guards, needing, strict=True))
    return Graph(inputs, outputs, tuple(zip(updated, new, strict=True)), assumed)
