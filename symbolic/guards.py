"""What an expression takes for granted of sizes that only a call knows.

    Guard     two sizes are equal
    Within    the places that a slice takes, or writes to, lie inside their axis
    Nonempty  there is something along an axis
    Fits      a window is no larger than what it moves over
    Inside    what an index map names lies inside its axis

An op says what it needs once, in `infer`, with `unify`, `within`, `nonempty` and `fits`.  What is certainly wrong is an
error at once, what certainly holds is forgotten, and all else is a guard of the node, which is checked before a
compiled function runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from .dims import Dim, Shape, at_least, same, value
from .errors import GuardError, IndexRangeError, ShapeError, WeftError
from .index_maps import IndexMap

Sizes = Mapping[str, int]


class Guard(NamedTuple):
    """Two sizes that an expression needs to be equal."""

    left: Dim
    right: Dim

    def certain(self) -> bool | None:
        """True or False where it is certain, None where only a call can tell."""
        return same(self.left, self.right)

    def holds(self, sizes: Sizes) -> bool:
        """Whether it is true of these sizes."""
        return value(self.left, sizes) == value(self.right, sizes)

    def error(self, what: str, sizes: Sizes) -> WeftError:
        """The error for sizes of which it is not true."""
        here = f"in this call they are {value(self.left, sizes)} and {value(self.right, sizes)}"
        return GuardError(f"{what}: {self.left} and {self.right} have to be the same size, and {here}.")

    @property
    def claim(self) -> Any:
        """What it says, however it is spelled."""
        return frozenset(self)

    @property
    def dims(self) -> tuple[Dim, ...]:
        """The sizes it speaks of."""
        return self.left, self.right


class Within(NamedTuple):
    """start, start + step, ... (`places` of them) lie in [0, size); no places lie anywhere."""

    start: Dim
    step: int
    places: Dim
    size: Dim
    axis: int

    def certain(self) -> bool | None:
        """True or False where it is certain, None where only a call can tell."""
        if all(isinstance(d, int) for d in self.dims):
            return self.holds({})
        if self.places == 0:
            return True
        last = self.start + self.step * (self.places - 1)
        low, high = (self.start, last) if self.step > 0 else (last, self.start)
        return True if at_least(low, 0) and at_least(self.size - 1, high) else None

    def holds(self, sizes: Sizes) -> bool:
        """Whether it is true of these sizes."""
        start, count, size = (value(d, sizes) for d in self.dims)
        return count <= 0 or (0 <= start < size and 0 <= start + self.step * (count - 1) < size)

    def error(self, what: str, sizes: Sizes) -> WeftError:
        """The error for sizes of which it is not true."""
        start, count, size = (value(d, sizes) for d in self.dims)
        if count == 1:
            index = start if start >= 0 else start - size  # as it was written: negative ones count from the end
            return IndexRangeError(f"{what}: index {index} is out of range for axis {self.axis} with size {size}.")
        last = start + self.step * (count - 1)
        text = f"{what}: the places {start} to {last} do not lie within axis {self.axis}, which has size {size}."
        return IndexRangeError(text)

    @property
    def claim(self) -> Any:
        """What it says, on whichever axis."""
        return "places", *self[:4]

    @property
    def dims(self) -> tuple[Dim, ...]:
        """The sizes it speaks of."""
        return self.start, self.places, self.size


class Nonempty(NamedTuple):
    """An axis has elements."""

    size: Dim
    axis: int

    def certain(self) -> bool | None:
        """True or False where it is certain, None where only a call can tell."""
        if isinstance(self.size, int):
            return self.size > 0
        return None if self.size.is_name or not at_least(self.size, 1) else True

    def holds(self, sizes: Sizes) -> bool:
        """Whether it is true of these sizes."""
        return value(self.size, sizes) > 0

    def error(self, what: str, sizes: Sizes) -> WeftError:
        """The error for sizes of which it is not true."""
        where = f"axis {self.axis}" if isinstance(self.size, int) else f"axis {self.axis}, of {self.size} elements,"
        return ShapeError(f"{what}: {where} is empty, and nothing has no {what}.")

    @property
    def claim(self) -> Any:
        """What it says, on whichever axis."""
        return self.size

    @property
    def dims(self) -> tuple[Dim, ...]:
        """The sizes it speaks of."""
        return (self.size,)


class Fits(NamedTuple):
    """A window is no larger than an axis with its padding."""

    window: Dim
    size: Dim
    padding: Dim
    axis: int

    def certain(self) -> bool | None:
        """True or False where it is certain, None where only a call can tell."""
        room = self.size + self.padding
        if isinstance(room, int) and isinstance(self.window, int):
            return room >= self.window
        return True if at_least(room, self.window) else None

    def holds(self, sizes: Sizes) -> bool:
        """Whether it is true of these sizes."""
        return value(self.size, sizes) + value(self.padding, sizes) >= value(self.window, sizes)

    def error(self, what: str, sizes: Sizes) -> WeftError:
        """The error for sizes of which it is not true."""
        window, size, padding = (value(d, sizes) for d in self.dims)
        around = f" with {padding} of padding" if padding else ""
        text = f"{what}: a window of {window} does not fit in axis {self.axis}, which has {size} elements{around}"
        return ShapeError(f"{text} in this call.")

    @property
    def claim(self) -> Any:
        """What it says, on whichever axis."""
        return "window", *self[:3]

    @property
    def dims(self) -> tuple[Dim, ...]:
        """The sizes it speaks of."""
        return self.window, self.size, self.padding


class Inside(NamedTuple):
    """The indices from low to high lie in [0, size); where one of the counts of what is read is 0, nothing is."""

    low: Dim
    high: Dim
    size: Dim
    counts: tuple[Dim, ...]
    axis: int

    def certain(self) -> bool | None:
        """True or False where it is certain, None where only a call can tell."""
        if all(isinstance(d, int) for d in self.dims):
            return self.holds({})
        if 0 in self.counts:
            return True
        return True if at_least(self.low, 0) and at_least(self.size - 1, self.high) else None

    def holds(self, sizes: Sizes) -> bool:
        """Whether it is true of these sizes."""
        low, high, size, *counts = (value(d, sizes) for d in self.dims)
        return min(counts, default=1) <= 0 or (low >= 0 and high < size)

    def error(self, what: str, sizes: Sizes) -> WeftError:
        """The error for sizes of which it is not true."""
        low, high, size, *_ = (value(d, sizes) for d in self.dims)
        text = f"{what}: the places {low} to {high} do not lie within axis {self.axis}, which has size {size}."
        return IndexRangeError(text)

    @property
    def claim(self) -> Any:
        """What it says, on whichever axis."""
        return "inside", *self[:4]

    @property
    def dims(self) -> tuple[Dim, ...]:
        """The sizes it speaks of."""
        return self.low, self.high, self.size, *self.counts


AnyGuard: TypeAlias = Guard | Within | Nonempty | Fits | Inside


class _Assumed(threading.local):
    guards: tuple[AnyGuard, ...] = ()


_assumed = _Assumed()


class collecting:  # noqa: N801 - used like a function: `with collecting() as found: ...`
    """Gathers in `found.guards` what is assumed inside; an op may make nodes to find its type, so it nests."""

    __slots__ = ("guards", "outer")

    def __enter__(self) -> collecting:
        self.outer, _assumed.guards = _assumed.guards, ()
        return self

    def __exit__(self, *raised: object) -> None:
        self.guards, _assumed.guards = _assumed.guards, self.outer


def assume(guard: AnyGuard, message: Callable[[], str] | None = None, what: str = "") -> None:
    """Take a guard for granted, for use in `Op.infer`; raises its error, or `message()`, if it certainly is wrong."""
    certain = guard.certain()
    if certain is False:
        raise ShapeError(message()) if message is not None else guard.error(what, {})
    if certain is None and guard not in _assumed.guards:
        _assumed.guards += (guard,)


def unify(left: Dim, right: Dim, message: Callable[[], str]) -> Dim:
    """One size out of two that must be equal, for use in `Op.infer`; certain inequality raises `message()`.

    Where only a call can tell, the equality becomes a guard of the node that is being made.
    """
    assume(Guard(left, right), message)
    return left if isinstance(left, int) else right


def within(what: str, start: Dim, step: int, places: Dim, size: Dim, axis: int) -> None:
    """The places start, start + step, ... lie inside an axis, for use in `Op.infer`; raises IndexRangeError if not."""
    assume(Within(start, step, places, size, axis), what=what)


def nonempty(what: str, size: Dim, axis: int) -> None:
    """There is something along an axis, for use in `Op.infer`; raises ShapeError if not."""
    assume(Nonempty(size, axis), what=what)


def inside(what: str, index: IndexMap, counts: Shape, sizes: Shape) -> None:
    """What an index map over axes of these counts names lies inside an array of these sizes; raises if not."""
    axes = {axis for one in index for axis, _ in one.terms}
    if len(index) != len(sizes) or not axes <= set(range(len(counts))):
        text = f"{what}: its index_map has {len(index)} maps, over the axes {sorted(axes)}, and belongs to"
        raise ShapeError(f"{text} a result with {len(counts)} axes and an argument with {len(sizes)}.")
    for axis, ((terms, start), size) in enumerate(zip(index, sizes, strict=True)):
        low = high = start
        for of, step in terms:
            far = (counts[of] - 1) * step
            low, high = (low, high + far) if step > 0 else (low + far, high)
        assume(Inside(low, high, size, counts, axis), what=what)


def fits(what: str, window: Dim, size: Dim, padding: Dim, axis: int) -> None:
    """A window is no larger than an axis with its padding, for use in `Op.infer`; raises ShapeError if it is."""
    assume(Fits(window, size, padding, axis), what=what)
