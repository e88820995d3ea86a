"""Under which names shared variables stand in files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from .expr import Expr
from .leaves import Shared, storage_of


def find_variables(nodes: Iterable[Expr]) -> list[Expr]:
    """The shared variables among nodes, in the order in which they were made."""
    return sorted((n for n in nodes if isinstance(n.op, Shared)), key=lambda n: storage_of(n).number)


def give_names(variables: Sequence[Expr], otherwise: str) -> dict[str, Expr]:
    """{name: variable}, in their order: later ones of the same name are `name_2`, `name_3` ..."""
    seen: Counter[str] = Counter()
    found: dict[str, Expr] = {}
    for node in variables:
        name = key = node.name or otherwise
        while key in found:  # a name with a number may be somebody's own
            seen[name] += 1
            key = f"{name}_{seen[name] + 1}"
        found[key] = node
    return found
