"""Functions of Python that are machine code, and the tables that they get: calls without a line of Python.

Calling one costs a fifth of what a call in Python does, most of which is the results' memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....symbolic.access import queues
from ....symbolic.expr import Expr
from ....symbolic.storage import Storage
from . import call_table, made
from .binding import Binding
from .builtin import make_builtin
from .call_table import CallField
from .layouts import ObjectLayout, object_layout
from .results import LARGE_BYTES

DirectCall = Callable[..., Any]  # arguments by position; NotImplemented: the call is Python's to do


def direct_call(
    binding: Binding,
    idle: list[Binding],
    inputs: Sequence[Expr],
    shapes: Sequence[tuple[int, ...]],
    variables: tuple[Sequence[Storage], Sequence[Storage]],
    form: object,
) -> DirectCall | None:
    """Calls with arguments of these shapes, given by position; None where they are left to Python.

    It returns NotImplemented, and has done nothing, where a call is Python's after all: its arguments are others, the
    binding is in use, somebody holds variables, a step refuses its input.

    idle : the list of bindings that are not in use
    variables : those that are used, and of these those that are written
    """
    at = object_layout()
    if at is None or not binding.brief or binding.pooled or any(r[2] >= LARGE_BYTES for r in binding.results):
        return None
    table = call_table.new_table()
    call_table.set_binding(table, binding)
    call_table.set_variables(table, *variables, queues())
    call_table.set_arguments(table, inputs, shapes)
    call_table.set_results(table, binding.results, form)
    table[CallField.IDLE], table[CallField.BINDING] = id(idle), id(binding)
    table.keep = (*table.keep, idle)
    return make_builtin(made.address(("call", at), lambda: call_recipe(at)), "call", table)


def call_recipe(at: ObjectLayout) -> made.Recipe:
    """How such calls are compiled."""
    return made.code_recipe(f"{__package__}.direct", "emit_call", (at,))
