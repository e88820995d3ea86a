"""What users give with a SymPy expression: what its symbols stand for, and functions of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...symbolic.arguments import check_function
from ...symbolic.errors import ArgumentError, blame, user_site
from ...symbolic.expr import Expr
from ..coerce import as_expr
from ..movement import expand_dims


def check_symbols(symbols: Any, sympy: Any) -> dict[Any, Expr]:
    """The expressions that symbols stand for."""
    found = {} if symbols is None else symbols
    if not isinstance(found, Mapping):
        text = f"from_sympy: symbols is a dict {{symbol: expression}}, not {found!r}."
        raise blame(ArgumentError(text), user_site())
    wrong = next((key for key in found if not isinstance(key, sympy.Basic)), None)
    if wrong is not None:
        text = f"from_sympy: the keys of symbols are SymPy's, and {wrong!r} is none."
        raise blame(ArgumentError(text), user_site())
    return {key: _as_column(key, as_expr(value)) for key, value in found.items()}


def _as_column(key: Any, value: Expr) -> Expr:
    """A vector that stands for a matrix of one column."""
    is_column = getattr(key, "is_Matrix", False) and value.ndim == 1 and key.shape[1] == 1
    return expand_dims(value, 1) if is_column else value


def check_functions(given: Any) -> dict[str, Callable[..., Any]]:
    """The user's functions of expressions, by the names that SymPy's have."""
    found = {} if given is None else given
    if not isinstance(found, Mapping):
        text = f"from_sympy: functions is a dict {{function of SymPy's: function of expressions}}, not {found!r}."
        raise blame(ArgumentError(text), user_site())
    for key, function in found.items():
        check_function(f"from_sympy: functions[{key}]", function)
    return {key if isinstance(key, str) else key.__name__: function for key, function in found.items()}


def size_names(value: Expr) -> list[str]:
    """The names among the sizes of an expression."""
    return [name for d in getattr(value.type, "shape", ()) if not isinstance(d, int) for name in d.names]


def names(symbols: Iterable[Any]) -> str:
    """Symbols in a row."""
    return ", ".join(map(str, symbols))
