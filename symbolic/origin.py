"""Where a NaN or an infinity comes from: the first operation that made one of numbers that were none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .errors import NotFiniteError, blame
from .evaluate import all_values, observing, value_of
from .expr import Expr
from .leaves import Shared
from .text import describe

_TESTS: dict[str, Callable[[Any], Any]] = {"nan": np.isnan, "inf": np.isinf}


class _Found(Exception):
    def __init__(self, error: NotFiniteError):
        self.error = error


def bad(array: np.ndarray, kinds: Sequence[str]) -> str | None:
    """Which of the kinds, "nan" and "inf", is among the numbers; None where neither is.

    One sum tells of most arrays that all is finite, and takes no memory: einsum's is the quickest.
    """
    if array.dtype.kind != "f" or math.isfinite(np.einsum("i->", array.reshape(-1))):
        return None
    return next((kind for kind in kinds if _TESTS[kind](array).any()), None)


def origin(
    roots: Sequence[Expr], given: Mapping[Expr, Any], kinds: Sequence[str], known_sizes: Mapping[str, int] | None = None
) -> NotFiniteError | None:
    """The error that names the operation which made the first bad number that reached a root.

    The references of the ops compute the roots once more, and the bad number is followed from there to the arguments
    that hold one as well; in loops and branches, within the step.  None where the references make none.
    """
    values, sizes = all_values(roots, given, known_sizes)
    return _trace(roots, given, values, sizes, kinds)


def _trace(
    roots: Sequence[Expr],
    given: Mapping[Expr, Any],
    values: Mapping[Expr, Any],
    sizes: Mapping[str, int],
    kinds: Sequence[str],
) -> NotFiniteError | None:
    node = next((root for root in roots if _kind(values[root], kinds)), None)
    if node is None:
        return None
    while node not in given:
        before = _sources(node, values, kinds)
        if not before:
            return _inside(node, [values[a] for a in node.args], sizes, kinds) or _error_at(node, values, kinds)
        node = before[0]
    return _error_at(node, values, kinds)


def _inside(node: Expr, args: list[Any], sizes: Mapping[str, int], kinds: Sequence[str]) -> NotFiniteError | None:
    """The operation within the body of a loop or a branch."""
    if not node.op.bodies:
        return None

    def step(roots: Sequence[Expr], given: Mapping[Expr, Any], values: Any, known: Any) -> None:
        error = _trace(roots, given, values, known, kinds)
        if error is not None:
            raise _Found(error)

    try:
        with observing(step), np.errstate(all="ignore"):
            value_of(node, args, sizes)
    except _Found as found:
        return found.error
    return None


def _parts(value: Any) -> tuple[np.ndarray, ...]:
    return tuple(map(np.asarray, value)) if isinstance(value, tuple) else (np.asarray(value),)


def _kind(value: Any, kinds: Sequence[str]) -> str | None:
    return next((kind for part in _parts(value) if (kind := bad(part, kinds))), None)


def _sources(node: Expr, values: Mapping[Expr, Any], kinds: Sequence[str]) -> list[Expr]:
    """The arguments that bad numbers in a node's value may be from."""
    either = ["nan", *kinds]
    found = [a for a in node.args if _kind(values[a], either)]
    if not node.op.elementwise:
        return found
    place = _place(values[node], kinds)
    return [a for a in found if not np.isfinite(np.broadcast_to(values[a], np.shape(values[node]))[place])]


def _place(value: Any, kinds: Sequence[str]) -> tuple[int, ...]:
    kind = _kind(value, kinds) or kinds[0]
    part = next(part for part in _parts(value) if part.dtype.kind == "f" and _TESTS[kind](part).any())
    return tuple(int(i) for i in np.argwhere(_TESTS[kind](part))[0])


def _error_at(node: Expr, values: Mapping[Expr, Any], kinds: Sequence[str]) -> NotFiniteError:
    value = values[node]
    place = _place(value, kinds)
    found = next(part[place] for part in _parts(value) if _kind(part, kinds))
    where = f" at {list(place)}" if place else ""
    if not node.args:
        what = "the value of the variable" if isinstance(node.op, Shared) else "the value"
        text = f"{node.name or 'An input'}: {what} that the call began with is {found}{where}."
        return blame(NotFiniteError(text), node.site)
    whose = "gradient" if node.site.gradient else "value"
    arguments = ", ".join(_argument(a, values[a], place, np.shape(value)) for a in node.args)
    text = f"{node.op.name}: its {whose} becomes {found}{where}, of {arguments}."
    return blame(NotFiniteError(text), node.site, *[a.site for a in node.args])


def _argument(node: Expr, value: Any, place: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """An argument where the bad number was made: its element there, or else its range."""
    name = node.name or describe(node)[1:].partition(": ")[0]
    if isinstance(value, tuple):
        return name
    array = np.asarray(value)
    if array.ndim == 0 or array.shape == shape:
        number = array[place] if array.ndim else array[()]
        return f"{name} = {number}" if name != str(number) else name
    return f"{name} from {array.min()} to {array.max()}" if array.size else f"{name}, which is empty"
