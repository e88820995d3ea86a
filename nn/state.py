"""What a network learns and keeps: the shared variables of an expression."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..ops.updating import WithUpdates
from ..symbolic.errors import ArgumentError, blame, user_site
from ..symbolic.expr import Expr, toposort
from ..symbolic.leaves import storage_of
from ..symbolic.naming import find_variables, give_names


def parameters(expr: Any) -> dict[str, Expr]:
    """{name: shared variable} of what an expression, or several in lists and dicts, is trained by.

    Those are its shared variables of floats that nothing in it updates: running averages, counters and states of random
    streams are none.  They stand in the order in which they were made.  Where two have one name, the later ones are
    `name_2`, `name_3` ...; those without one are `parameter`.
    """
    order = toposort(_expressions(expr))
    kept = {variable for node in order if isinstance(node.op, WithUpdates) for variable in node.args[1::2]}
    found = [n for n in find_variables(order) if n.dtype.kind == "f" and n not in kept]
    return give_names([n for n in found if storage_of(n).default_update is None], "parameter")


def variables(*values: Any) -> dict[str, Expr]:
    """{name: shared variable} of all that expressions, updates and compiled functions read or write: what to save.

    Names as those of `parameters`; those without one are `variable`.
    """
    return give_names(find_variables(toposort(_expressions(values))), "variable")


def count(expr: Any) -> int:
    """How many numbers the parameters of an expression hold: `sum(p.get_value().size for p in parameters(expr))`."""
    return sum(math.prod(p.get_value(borrow=True).shape) for p in parameters(expr).values())


def _expressions(value: Any) -> list[Expr]:
    """The expressions in lists, dicts (keys too: updates), and compiled functions."""
    if isinstance(value, Expr):
        return [value]
    if isinstance(value, list | tuple):
        return [e for part in value for e in _expressions(part)]
    if isinstance(value, Mapping):
        named = [key for key in value if not isinstance(key, str)]
        return _expressions([*named, *value.values()])
    if hasattr(value, "asked"):  # a compiled function
        graph = value.asked.graph
        return [*graph.roots, *(variable for variable, _ in graph.updates)]
    text = f"An expression, or several in lists and dicts, is wanted, not {value!r}."
    raise blame(ArgumentError(text), user_site())
