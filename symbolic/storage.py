"""What a shared variable holds: an array of the host, and copies of it that targets keep elsewhere, on devices.

Every new value gets a number, the version.  Whoever holds a copy compares: it is the newest value if its version is the
storage's.  So the host's array may be behind a device, and a device behind the host; what is read is fetched first.
"""

from __future__ import annotations

import threading
import weakref
from array import array as numbers_of
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

import numpy as np

from .access import VariableAccess
from .dims import Shape, SymDim, fresh
from .expr import Expr, flatten, serial, unflatten
from .forks import hold_over_forks
from .types import BOOL, Type

_fetching = hold_over_forks(threading.RLock())


class Copy(Protocol):
    """A value elsewhere."""

    def fetch(self) -> np.ndarray:
        """The same as an array of the host, once all that was asked for is computed."""


class _Held(NamedTuple):
    copy: Copy
    version: int


class StorageNumber(IntEnum):
    """What `Storage.numbers` holds."""

    VERSION = 0
    BEHIND = 1


class Sizes:
    """The present shape of a shared variable, and the symbols for its axes: what expressions that have its sizes hold.

    They do not hold the array: it goes when the variable does.
    """

    __slots__ = ("names", "shape")

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape
        self.names: tuple[str | None, ...] = ()

    def by_name(self) -> dict[str, int]:
        """The sizes of the symbols."""
        return {name: size for name, size in zip(self.names, self.shape, strict=False) if name is not None}


class Storage:
    """The value of a shared variable.

    Its methods are called by whoever holds a VariableAccess to it.  One whose sizes are all numbers keeps its array of
    the host, and so its address.

    array : the array of the host; behind where `is_behind`
    version : the number of the newest value
    numbers : the version, and whether the host is behind, as int64 at one address: machine code reads and writes them
    """

    def __init__(self, array: np.ndarray, of: Type):
        self.number = serial()
        self.of = of
        self.sizes = Sizes(array.shape)
        self.array = array if array.base is not None else array.view()
        self.numbers = numbers_of("q", (0, 0))
        self._copies: dict[str, _Held] = {}
        self._lent: list[weakref.ref[np.ndarray]] = []  # arrays over the host's that others may write, if they dare
        self._update: Any = None

    @property
    def version(self) -> int:
        """The number of the newest value."""
        return self.numbers[StorageNumber.VERSION]

    @version.setter
    def version(self, number: int) -> None:
        self.numbers[StorageNumber.VERSION] = number

    @property
    def is_behind(self) -> bool:
        """Whether the newest value is elsewhere only."""
        return bool(self.numbers[StorageNumber.BEHIND])

    @is_behind.setter
    def is_behind(self, behind: bool) -> None:
        self.numbers[StorageNumber.BEHIND] = behind

    @property
    def resizable(self) -> bool:
        """Whether it may hold arrays of several sizes."""
        return not self.of.is_static

    # ---- on the host ----------------------------------------------------------------------------------------------

    @property
    def value(self) -> np.ndarray:
        """The newest value, as an array of the host: no copy."""
        if self.is_behind:
            self.fetch()
        return self.array

    def lend(self) -> np.ndarray:
        """The newest value for another library, as an array over the host's that may not be written."""
        self._note_borrowers()
        array = self.value.view()
        array.flags.writeable = False
        self._lent.append(weakref.ref(array))
        return array

    def _note_borrowers(self) -> None:
        """Take the array of the host for changed where others have had it: not all keep to what DLPack says of it."""
        if self._lent:
            if not self.is_behind:
                self.version += 1
            self._lent = [lent for lent in self._lent if lent() is not None]

    def fetch(self) -> None:
        """Have the newest value in the array of the host; of several readers at once the first does it."""
        with _fetching:
            if self.is_behind:
                self._fetch()

    def _fetch(self) -> None:
        held = next(held for held in self._copies.values() if held.version == self.version)
        self._put(held.copy.fetch())
        self.is_behind = False

    def write(self, value: np.ndarray) -> None:
        """A new value, which is copied; of the present shape, or of another one where it is `resizable`."""
        self._put(value)
        self.note_change()

    def replace(self, array: np.ndarray) -> None:
        """A new value, whose memory the storage takes over."""
        self._hold(array)
        self.note_change()

    def note_change(self) -> None:
        """The array of the host holds a new value: all copies are behind it."""
        self.version += 1
        self.is_behind = False

    def _put(self, value: np.ndarray) -> None:
        if value.shape == self.array.shape:
            np.copyto(self.array, value)
        else:
            self._hold(np.array(value, self.of.dtype, order="C"))

    def _hold(self, array: np.ndarray) -> None:
        # as a view: an array of a user's that is none shares no memory with a storage
        self.array = array if array.base is not None else array.view()
        self.sizes.shape = array.shape

    # ---- elsewhere ------------------------------------------------------------------------------------------------

    def copy_at(self, place: str) -> Copy | None:
        """The copy that a target keeps at that place, if it is the newest value."""
        self._note_borrowers()
        held = self._copies.get(place)
        return held.copy if held is not None and held.version == self.version else None

    def stale_copy_at(self, place: str) -> Copy | None:
        """The copy at that place, whichever value it has: its memory may serve again."""
        held = self._copies.get(place)
        return None if held is None else held.copy

    def note_copy(self, place: str, copy: Copy) -> None:
        """The newest value is at that place, too."""
        self._copies[place] = _Held(copy, self.version)

    def note_write(self, place: str, copy: Copy, shape: tuple[int, ...]) -> None:
        """A new value, of that shape, stands at that place, and nowhere else."""
        self.version += 1
        self._copies[place] = _Held(copy, self.version)
        self.sizes.shape = shape
        self.is_behind = True

    def drop(self, place: str) -> None:
        """The place is given up: what is newest there is fetched first."""
        if self.is_behind and self.copy_at(place) is not None:
            self.fetch()
        self._copies.pop(place, None)

    # ---- who reads and writes it ----------------------------------------------------------------------------------

    def reading(self) -> VariableAccess:
        """`with storage.reading(): ...`: nobody else writes it meanwhile."""
        return VariableAccess(frozenset((self,)), frozenset())

    def writing(self) -> VariableAccess:
        """`with storage.writing(): ...`: nobody else reads or writes it meanwhile."""
        return VariableAccess(frozenset((self,)), frozenset((self,)))

    # ---- sizes ----------------------------------------------------------------------------------------------------

    def axis(self, name: str | None) -> SymDim:
        """A symbol for the size of one of its axes: expressions may have it without reading the array."""
        dim = fresh(f"{name}_" if name else "d")
        return SymDim(dim.text, None, {dim.text: self.sizes})

    def set_dims(self, dims: Shape) -> None:
        """Say which sizes may change: those that are symbols."""
        self.of = Type(self.of.dtype, dims)
        self.sizes.names = tuple(d.text if isinstance(d, SymDim) and d.is_name else None for d in dims)

    # ---- in graphs ------------------------------------------------------------------------------------------------

    @property
    def default_update(self) -> Expr | None:
        """The new value that functions which read it give it, unless their own updates say otherwise."""
        if isinstance(self._update, tuple):
            self._update = unflatten(*self._update)[0]
        return self._update  # type: ignore[no-any-return]

    @default_update.setter
    def default_update(self, update: Expr | None) -> None:
        self._update = update

    def __reduce__(self) -> Any:
        # the update reads the storage itself, so it travels flat, and is rebuilt when it is first asked for; sizes know
        # the storage, so its type travels as part of its state; copies elsewhere stay there
        update = self.default_update
        state = {"array": self.value, "sizes": self.sizes, "of": self.of}
        state["_update"] = None if update is None else flatten((update,))
        return _blank, (), state


def _blank() -> Storage:
    return Storage(np.zeros(()), Type(BOOL, ()))
