"""From a formula in NumPy's functions to a schedule, and what the arguments of schedules are checked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops.elementwise import cast
from ...symbolic.arguments import check_count, check_number, check_sequence
from ...symbolic.arrays import as_array
from ...symbolic.errors import ArgumentError, blame, give_name, user_site
from ...symbolic.expr import Expr
from ...symbolic.types import TupleType

Schedule = Callable[[Any], Any]


def make_schedule(name: str, formula: Schedule, whole: bool = False) -> Schedule:
    """A formula in NumPy's functions as a schedule; it is given steps in float64, or integers in int64."""

    def schedule(step: Any) -> Any:
        if isinstance(step, Expr):
            _check_step(name, step, "" if isinstance(step.type, TupleType) else step.dtype.kind)
            return cast(formula(_whole(step) if whole else float64(step)), "float64")
        steps = as_array(f"{name}: the number of the step", step)
        _check_step(name, step, steps.dtype.kind)
        found = np.asarray(formula(_whole(steps) if whole else float64(steps)), "float64")
        return found if found.ndim else float(found)

    return give_name(schedule, name)


def _check_step(name: str, step: Any, kind: str) -> None:
    if kind not in ("i", "u", "f"):
        takes = "the number of a step, an array of them or an expression"
        text = f"{name}: a schedule is called with {takes}, not {step!r}."
        raise blame(ArgumentError(text), user_site(), getattr(step, "site", None))


def _whole(n: Any) -> Any:
    """Integers in int64, which holds any boundary; floats as they are."""
    kept = n.dtype.kind == "f"
    return n if kept else cast(n, "int64") if isinstance(n, Expr) else n.astype("int64")


def float64(n: Any) -> Any:
    return cast(n, "float64") if isinstance(n, Expr) else np.asarray(n, "float64")


def power_of(base: Any, exponent: Any) -> Any:
    symbolic = isinstance(base, Expr) or isinstance(exponent, Expr)
    return base**exponent if symbolic else np.power(np.asarray(base, "float64"), exponent)


def fall(start: Any, end: Any, part: Any) -> Any:
    """From start to end along half a cosine."""
    return end + (start - end) * (0.5 * (1 + np.cos(math.pi * np.minimum(part, 1.0))))


def check_boundaries(name: str, boundaries: Any, pieces: int | None = None) -> list[int]:
    """Steps in rising order, one fewer than there are pieces."""
    found = [check_count(name, "a boundary", b) for b in check_sequence(f"{name}: boundaries", boundaries)]
    if sorted(set(found)) != found:
        raise blame(ArgumentError(f"{name}: boundaries rise, and {found} do not."), user_site())
    if pieces is not None and len(found) != pieces - 1:
        text = f"{name}: between {pieces} pieces are {pieces - 1} boundaries, not {len(found)}."
        raise blame(ArgumentError(text), user_site())
    return found


def check_numbers(**values: Any) -> None:
    for what, value in values.items():
        check_number(what, value)
