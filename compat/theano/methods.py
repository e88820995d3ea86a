"""What variables call under a name: their methods, and what stands in files above them.

Methods of variables stand where the functions do; `bindings.py` sees to it that all are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_functions: dict[str, Callable[..., Any]] = {}


def method(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function the method `name` of variables."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _functions[name] = function
        return function

    return register


def bind(functions: Mapping[str, Callable[..., Any]]) -> None:
    """Make these known under their names."""
    _functions.update(functions)


def function(name: str) -> Callable[..., Any]:
    """The function that is known under this name."""
    return _functions[name]
