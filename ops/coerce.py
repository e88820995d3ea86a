"""From what users write to expressions: numbers, arrays and sizes become nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.dims import SymDim
from ..symbolic.errors import ArgumentError, DTypeError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.leaves import constant, size

LARGEST = 1 << 62  # of a size or a count: sums of two such numbers still fit in 64 bits


def as_expr(value: Any, dtype: Any = None) -> Expr:
    """The value as an expression: itself, a constant, a size, or a stack of expressions given as a list."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, SymDim):
        return size(value)
    if isinstance(value, list | tuple) and any(isinstance(v, Expr | SymDim | list | tuple) for v in value):
        from .movement import stack

        return stack([as_expr(v) for v in value])
    try:
        if isinstance(value, bool | int | float) or np.asarray(value).dtype.kind not in "OSUV":
            return constant(value, dtype)
    except ValueError:  # a list of lists of different lengths
        pass
    text = f"A {type(value).__name__} cannot be part of an expression."
    raise blame(DTypeError(text), user_site(), hint="use numbers, NumPy arrays or expressions.")


def check_flag(name: str, what: str, value: Any) -> bool:
    """The value of an argument that is True or False; raises ArgumentError for all else."""
    if not isinstance(value, bool | np.bool_):
        raise blame(ArgumentError(f"{name}: {what} is True or False, not {value!r}."), user_site())
    return bool(value)


def check_count(name: str, what: str, value: Any, least: int = 0, most: int = LARGEST) -> int:
    """The value of an argument that is a whole number from `least` to `most`; raises ArgumentError for all else."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        limits = f"from {least} up" if most == LARGEST and not _beyond(value) else f"from {least} to {most}"
        raise blame(ArgumentError(f"{name}: {what} is a whole number {limits}, not {value!r}."), user_site())
    return int(value)


def _beyond(value: Any) -> bool:
    return isinstance(value, int | np.integer) and bool(value > LARGEST)
