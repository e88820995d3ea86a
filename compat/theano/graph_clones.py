"""gof.graph.clone: a graph once more, with new inputs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from ...symbolic.substitution import substitute
from .convert import unwrap
from .fresh import fresh_input, with_inputs
from .notes import is_leaf
from .storage import SharedVariable
from .variables import TensorConstant, wrap


def _new_input(variable: Any) -> Any:
    """Another input of the type, with the name and a copy of the tag; what holds a value stays."""
    if isinstance(variable, SharedVariable | TensorConstant):
        return variable
    made = wrap(fresh_input(variable.expr, variable.name))
    made.name = variable.name
    made.tag = copy.copy(variable.tag)
    return made


def new_graph(inputs: Sequence[Any], outputs: Sequence[Any], copy_inputs: bool = True) -> tuple[list[Any], list[Any]]:
    """([new inputs], [the outputs in terms of these]); names and tags go with them."""
    new = [_new_input(v) if copy_inputs else v for v in inputs]
    pairs = {unwrap(a): unwrap(b) for a, b in zip(inputs, new, strict=True)}
    computed = {a: b for a, b in pairs.items() if not is_leaf(a)}
    leaves = {a: b for a, b in pairs.items() if is_leaf(a)}
    nodes = [unwrap(o) for o in outputs]
    if computed and copy_inputs:
        nodes, _ = with_inputs(nodes, computed, leaves)
    made = [wrap(n) for n in substitute(nodes, leaves)]
    for old, variable in zip(outputs, made, strict=True):
        if not is_leaf(variable.expr):
            variable.name, variable.tag = old.name, copy.copy(old.tag)
    return new, made


def clone(
    inputs: Sequence[Any], outputs: Sequence[Any], copy_inputs: bool = True, copy_orphans: bool | None = None
) -> tuple[list[Any], list[Any]]:
    """([new inputs], [the outputs in terms of these]); copy_inputs=False: the inputs themselves, and new outputs."""
    return new_graph(inputs, outputs, copy_inputs)


def clone_get_equiv(
    inputs: Sequence[Any], outputs: Sequence[Any], copy_inputs: bool = True, **ignored: Any
) -> dict[Any, Any]:
    """Each input with a new one of its type, and each output in terms of these."""
    new, made = new_graph(inputs, outputs, copy_inputs)
    return dict(zip([*inputs, *outputs], [*new, *made], strict=True))
