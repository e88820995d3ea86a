"""Random arguments, and whether two arrays are the same but for rounding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...symbolic.errors import VerifyError

Array = np.ndarray


class DrawnArray(NamedTuple):
    """An argument: drawn evenly from [low, high], in dtype "float" (float32 and float64 in turn) or the one named."""

    shape: tuple[Any, ...] = ("n", 3)
    low: float = -2.0
    high: float = 2.0
    dtype: str = "float"

    def draw(self, n: int, kind: str, rng: np.random.Generator) -> Array:
        """One, with this for the size "n" and this dtype for "float"."""
        shape = tuple(n if d == "n" else d for d in self.shape)
        dtype = np.dtype(kind if self.dtype == "float" else self.dtype)
        if dtype.kind == "b":
            return rng.random(shape) < 0.5
        if dtype.kind in "iu":
            return rng.integers(int(self.low), int(self.high), shape, endpoint=True).astype(dtype)
        return rng.uniform(self.low, self.high, shape).astype(dtype)


def normal(shape: Sequence[int], dtype: str = "float32", seed: int = 0) -> Array:
    """Normally distributed numbers."""
    return np.random.default_rng(seed).standard_normal(tuple(shape)).astype(dtype)


def move_apart(array: Array) -> Array:
    """The same values in memory that runs backwards, with gaps, the axes in Fortran's order."""
    if not array.ndim:
        return array
    wide = np.zeros(tuple(2 * d + 1 for d in reversed(array.shape)), array.dtype)
    view = wide[tuple(slice(2 * d - 1 if d else 0, None if d else 0, -2) for d in reversed(array.shape))].T
    view[...] = array
    return view


def require(condition: object, text: str) -> None:
    """Raise VerifyError with this text unless the condition holds."""
    if not condition:
        raise VerifyError(text)


def scale_of(arrays: Iterable[Any]) -> float:
    """The magnitude of the largest finite element; what sums of them lose digits of where they cancel."""
    finite = (np.where(np.isfinite(a), a, 0) for a in map(np.asarray, arrays))
    return max((float(np.abs(a.astype(np.float64)).max(initial=0.0)) for a in finite), default=0.0)


def compare(what: str, found: Any, expected: Any, eps: float = 16, scale: Any = None) -> None:
    """Raise VerifyError unless two arrays have the same dtype, shape, NaN and infinities, and are close otherwise.

    Parameters
    ----------
    eps : error allowed, in units of the dtype's resolution, relative to `scale`
    scale : a number, or an array of them; None: the largest element of what is expected
    """
    found, expected = np.asarray(found), np.asarray(expected)
    same_type = (found.dtype, found.shape) == (expected.dtype, expected.shape)
    given, wanted = f"{found.dtype}{found.shape}", f"{expected.dtype}{expected.shape}"
    require(same_type, f"{what}: {given} in place of {wanted}.")
    if found.size:
        wrong = _differ(found, expected, eps, scale_of([expected]) if scale is None else scale)
        if wrong.any():
            raise VerifyError(f"{what}: {_describe(found, expected, wrong)}")


def compare_all(what: str, found: Sequence[Any], expected: Sequence[Any], eps: float = 16, scale: Any = None) -> None:
    """The same for each of several results."""
    require(len(found) == len(expected), f"{what}: {len(found)} results in place of {len(expected)}.")
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        compare(f"{what}, output {number}" if len(found) > 1 else what, one, other, eps, scale)


def compare_exactly(what: str, found: Any, expected: Any) -> None:
    """Raise VerifyError unless two arrays have the same dtype, shape and bits, but for those of NaN."""
    compare(what, found, expected, 0.0)


def _differ(found: Array, expected: Array, eps: float, scale: Any) -> Array:
    """Where they do."""
    if found.dtype.kind != "f":
        return np.asarray(found != expected)
    finite = np.isfinite(expected)
    with np.errstate(all="ignore"):
        error = np.abs(found.astype(np.float64) - expected.astype(np.float64))
        close = error <= eps * np.finfo(found.dtype).eps * np.maximum(scale, 1e-30)
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    return np.asarray(~np.where(finite, (close & np.isfinite(found)) | same, same))


def _describe(found: Array, expected: Array, wrong: Array) -> str:
    """How many elements are wrong, and the one that is furthest off."""
    with np.errstate(all="ignore"):
        off = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    off = np.where(wrong, np.where(np.isfinite(off), off, np.inf), -1.0)
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(off)), off.shape))
    at = f" at {place}" if place else ""
    return f"{int(wrong.sum())} of {wrong.size} elements differ; {found[place]!r} in place of {expected[place]!r}{at}."
