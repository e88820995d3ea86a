"""What a thread gathers of a reduction: registers, how an element joins them, and how those of two threads become one.

Sums of float32 are gathered in float64, sums of float64 with Neumaier's compensation (ZAMM 54, 1974), so that their
error does not grow with the number of elements.  Which elements a thread takes, and who joins whom, follows from the
sizes alone: the same bits at every call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ....ops.reduce import KINDS
from ....symbolic.types import BOOL, FLOAT64, DType
from ...lowering.loops import Accumulate
from ..trace.builder import INT64, KernelBuilder, RegisterBase

State = list[Any]  # the values of an accumulator's registers


class Combining(NamedTuple):
    """How values of one kind of reduction are put together.

    neutral : what leaves every other value as it is
    combine : two values as one, of integers and bools, and of floats where there is no `order`
    order : ">" or "<" of an extreme, which a NaN is, too; else nothing
    compensated : sums, whose lost digits are kept
    """

    neutral: Callable[[DType], Any]
    combine: Callable[[Any, Any], Any]
    order: str = ""
    compensated: bool = False


def _add(x: Any, y: Any) -> Any:
    return x | y if x.dtype == BOOL else x + y


def _multiply(x: Any, y: Any) -> Any:
    return x & y if x.dtype == BOOL else x * y


def _lowest(dtype: DType) -> Any:
    return False if dtype == BOOL else -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _highest(dtype: DType) -> Any:
    return True if dtype == BOOL else np.inf if dtype.kind == "f" else np.iinfo(dtype).max


COMBININGS: dict[str, Combining] = {
    "sum": Combining(lambda dtype: 0, _add, compensated=True),
    "prod": Combining(lambda dtype: 1, _multiply),
    "max": Combining(_lowest, _add, ">"),
    "min": Combining(_highest, _add, "<"),
    "any": Combining(lambda dtype: False, _add),
    "all": Combining(lambda dtype: True, _multiply),
    "argmax": Combining(_lowest, _add, ">"),
    "argmin": Combining(_highest, _add, "<"),
}


class PartialReduction:
    """One reduction, as one thread gathers it."""

    def __init__(self, k: KernelBuilder, write: Accumulate, dtype: DType):
        self.k, self.write, self.how, self.dtype = k, write, COMBININGS[write.kind], dtype
        floats = dtype.kind == "f"
        self.held = KINDS[write.kind].partial(dtype)  # of the register that gathers
        self.registers: list[RegisterBase] = [k.register(self.held, self.how.neutral(self.held))]
        self.compensated = self.how.compensated and floats and dtype == FLOAT64
        if self.compensated:
            self.registers.append(k.register(FLOAT64, 0.0))
        if write.places:
            self.registers.append(k.register(INT64, -1))  # nothing yet

    @property
    def dtypes(self) -> list[DType]:
        """Those of the registers."""
        return [r.dtype for r in self.registers]

    def state(self) -> State:
        """What this thread has gathered."""
        return [r.get() for r in self.registers]

    def set(self, state: State) -> None:
        """Have gathered this."""
        for register, value in zip(self.registers, state, strict=True):
            register.set(value)

    def add(self, value: Any, place: Any) -> None:
        """One element more; `place`: its index along the reduced axis."""
        element: State = [self.k.cast(value, self.held)]
        if self.compensated:
            element.append(self.k.constant(FLOAT64, 0.0))
        if self.write.places:
            element.append(self.k.cast(place, INT64))
        self.merge(element)

    def merge(self, other: State) -> None:
        """What another thread has gathered, too: it comes behind this one's where places decide."""
        if self.write.places:
            self._merge_place(other)
        elif self.compensated:
            self._merge_sum(other)
        elif self.how.order:
            self.registers[0].set(self._extreme(self.registers[0].get(), other[0]))
        else:
            self.registers[0].set(self.how.combine(self.registers[0].get(), other[0]))

    def _merge_sum(self, other: State) -> None:
        k = self.k
        total, rest = self.state()
        new = total + other[0]
        larger = abs(total) >= abs(other[0])
        big, small = k.select(larger, total, other[0]), k.select(larger, other[0], total)
        lost = (big - new) + small
        lost = k.select(lost.eq(lost), lost, 0.0)  # of infinities NaN: then there is nothing to compensate
        self.set([new, rest + other[1] + lost])

    def _exceeds(self, value: Any, before: Any) -> Any:
        """Whether a value is larger (smaller) than another; NaN is, than all but another NaN."""
        if self.dtype == BOOL:
            return value & ~before if self.how.order == ">" else before & ~value
        exceeds = value > before if self.how.order == ">" else value < before
        if self.dtype.kind == "f":
            exceeds = (exceeds | value.is_nan()) & before.eq(before)
        return exceeds

    def _extreme(self, before: Any, value: Any) -> Any:
        return self.k.select(self._exceeds(value, before), value, before)

    def _merge_place(self, other: State) -> None:
        """The first largest (smallest) element, or the first NaN."""
        k = self.k
        value, place = self.state()
        exceeds, exceeded = self._exceeds(other[0], value), self._exceeds(value, other[0])
        first = ~exceeded & (other[1] < place)  # as large, and before it
        takes = ((exceeds | first) & (other[1] >= 0)) | (place < 0)
        self.set([k.select(takes, other[0], value), k.select(takes, other[1], place)])

    def result(self) -> Any:
        """What is written, in the dtype of the memory."""
        if self.write.places:
            return self.registers[1].get()
        found = self.registers[0].get()
        if self.compensated:
            found = found + self.registers[1].get()
        return self.k.cast(found, self.write.access.dtype)
