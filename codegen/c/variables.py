"""The shared variables of exported functions: their names, which are those in files, and their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...symbolic.access import VariableAccess
from ...symbolic.dims import show
from ...symbolic.errors import LoweringError, blame, user_site
from ...symbolic.expr import Expr, toposort
from ...symbolic.leaves import storage_of
from ...symbolic.naming import find_variables, give_names
from ..cpu.run.function import CPUFunction
from .data import Data

MOST_VARIABLES = (1 << 14) - 1  # of a file of them


class CVariable(NamedTuple):
    """A variable of a state; `initial`: where its value is in the data."""

    name: str
    node: Expr
    array: np.ndarray  # its value now
    initial: int | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes, -1 for those that may change."""
        return tuple(dim if isinstance(dim, int) else -1 for dim in storage_of(self.node).of.shape)

    @property
    def shape_text(self) -> str:
        """Its shape, with the names of sizes that may change."""
        return show(storage_of(self.node).of.shape)


def variables_of(functions: Sequence[CPUFunction]) -> dict[str, Expr]:
    """{name: variable} of all that functions read or write, under the names that `nn.save` gives them."""
    graphs = [f.source for f in functions]
    roots = [root for graph in graphs for root in (*graph.roots, *(shared for shared, _ in graph.updates))]
    found = give_names(find_variables(toposort(roots)), "variable")
    if len(found) > MOST_VARIABLES:
        text = f"export: the functions have {len(found)} variables; {MOST_VARIABLES} are the most."
        raise blame(LoweringError(text), user_site())
    return found


def read_variables(named: Mapping[str, Expr], data: Data, with_values: bool) -> list[CVariable]:
    """The variables with the values that they have now, which go into the data if they are wanted there."""
    found = []
    with VariableAccess(frozenset(map(storage_of, named.values())), frozenset()):
        for name, node in named.items():
            array = storage_of(node).value.copy(order="C")
            found.append(CVariable(name, node, array, data.add(array.tobytes()) if with_values else None))
    return found
