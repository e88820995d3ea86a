"""How variables were made, noted as they are: the op that Theano has for it, and the arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant, Input, Shared
from .variables import Variable

Describe = Callable[..., tuple[Any, Sequence[Any]]]  # from a call's arguments to the op and its inputs


def made_by(describe: Describe) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """For a function of the layer: what it returns was made by the op that `describe` says, of its arguments."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            return note(function(*args, **options), describe, args, options)

        return call

    return decorate


def note(found: Any, describe: Describe, args: Sequence[Any], options: Any) -> Any:
    """The variable, or the list of them, that notes how it was made; what an inner function noted stays."""
    for variable in found if isinstance(found, list | tuple) else (found,):
        if not isinstance(variable, Variable) or is_leaf(variable.expr) or variable.facts.made is not None:
            continue
        if not any(variable is a for a in args):
            variable.facts.made = describe, args, options
    return found


def note_op(variable: Any, op: Any, inputs: Sequence[Any]) -> Any:
    """The variable, which notes that this op made it of these inputs."""
    return note(variable, lambda *args: (op, args), inputs, {})


def is_leaf(node: Expr) -> bool:
    """Whether nothing makes it: an input, a constant, a shared variable."""
    return isinstance(node.op, Input | Constant | Shared)
