"""Arguments of the wrong kind: one check for each kind, and one sentence.

Each returns the value in its plain form, and raises ArgumentError, with the user's line, for all that is no such value.
`blame` puts the name of the function that was called before a text that does not say it.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ArgumentError, blame, listing, user_site
from .expr import Expr

LARGEST = 1 << 62  # of a size or a count: sums of two such numbers still fit in 64 bits


def check_flag(name: str, what: str, value: Any) -> bool:
    """The value of an argument that is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise blame(ArgumentError(f"{name}: {what} is True or False, not {value!r}."), user_site())
    return bool(value)


def check_count(name: str, what: str, value: Any, least: int = 0, most: int = LARGEST) -> int:
    """The value of an argument that is a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        far = isinstance(value, int | np.integer) and abs(int(value)) > LARGEST
        limits = f" from {least} to {most}" if most != LARGEST or far else f" from {least} up" if least > -most else ""
        raise blame(ArgumentError(f"{name}: {what} is a whole number{limits}, not {value!r}."), user_site())
    return int(value)


def is_number(value: Any) -> bool:
    """Whether an argument is a whole number or a float, Python's or NumPy's, and no bool."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def check_number(what: str, value: Any, least: float = -math.inf) -> Any:
    """The value of an argument that is a finite number from `least` up."""
    if not is_number(value) or not math.isfinite(value) or value < least:
        limit = "" if least == -math.inf else f" from {least:g} up"
        raise blame(ArgumentError(f"{what} is a finite number{limit}, not {value!r}."), user_site())
    return value


def check_choice(what: str, value: Any, choices: Sequence[Any]) -> None:
    """Raise ArgumentError unless an argument is one of a few words or numbers."""
    if not isinstance(value, str | int) or value not in choices:
        words = [repr(c) for c in choices]
        text = f"{what} is {', '.join(words[:-1])} or {words[-1]}, not {value!r}."
        raise blame(ArgumentError(text), user_site())


def check_name(value: Any) -> str | None:
    """The name that something is given: a string, or None."""
    if value is not None and not isinstance(value, str):
        raise blame(ArgumentError(f"name is a string or None, not {value!r}."), user_site())
    return value


def check_mapping(what: str, value: Any, of: str = "input: array", keys: type = Expr) -> Mapping[Any, Any]:
    """The value of an argument that is a dict, {} for None; its keys are expressions, or strings with keys=str."""
    found = {} if value is None else value
    if not isinstance(found, Mapping):
        raise blame(ArgumentError(f"{what} is a dict {{{of}}}, not {value!r}."), user_site())
    for key in found:
        if not isinstance(key, keys):
            wanted = "expressions" if keys is Expr else "strings"
            raise blame(ArgumentError(f"The keys of {what} are {wanted}, and {key!r} is none."), user_site())
    return found


def check_expressions(what: str, value: Any) -> list[Expr]:
    """The expressions of an argument that is one, or a list or tuple of them."""
    listed = list(value) if isinstance(value, list | tuple) else [value]
    wrong = [v for v in listed if not isinstance(v, Expr)]
    if wrong:
        raise blame(ArgumentError(f"{what} is an expression, or a list of them, not {wrong[0]!r}."), user_site())
    return listed


def check_expression(what: str, value: Any) -> None:
    """Raise ArgumentError unless an argument is an expression."""
    if not isinstance(value, Expr):
        raise blame(ArgumentError(f"{what} is an expression, not {value!r}."), user_site())


def check_path(what: str, value: Any) -> Path:
    """An argument that is the path of a file."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        text = f"{what} is the path of a file, a string or a pathlib.Path, not {value!r}."
        raise blame(ArgumentError(text), user_site())
    return Path(value)


def check_sequence(what: str, value: Any) -> list[Any]:
    """The elements of an argument that has several."""
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
        raise blame(ArgumentError(f"{what} is a list or a tuple, not {value!r}."), user_site())
    return list(value)


def check_function(what: str, value: Any, takes: Iterable[str] | None = None) -> None:
    """Raise ArgumentError unless an argument is a function, which can be called with what `takes` says in words."""
    if not callable(value) or isinstance(value, Expr):
        raise blame(ArgumentError(f"{what} is a function, not {value!r}."), user_site())
    try:
        signature = inspect.signature(value)
    except (ValueError, TypeError):  # Python knows nothing of the parameters of some that are written in C
        return
    given = list(takes) if takes is not None else None
    try:
        if given is not None:
            signature.bind(*given)
    except TypeError:
        text = f"{what} is called with {listing(given) if given else 'nothing'}, and {_title(value)} takes {signature}."
        raise blame(ArgumentError(text), user_site()) from None


def _title(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
