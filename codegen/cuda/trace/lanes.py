"""A number of each thread, as one NumPy array: what the simulator's bodies compute with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....symbolic.types import BOOL, DType

_SIGNED = {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}


class Lanes:
    """One number for each thread of those that are simulated together; operators as the compiled values have them."""

    __slots__ = ("array",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, array: np.ndarray):
        self.array = array

    @property
    def dtype(self) -> DType:
        """The dtype of the numbers."""
        return self.array.dtype

    @property
    def is_float(self) -> bool:
        """Whether the dtype is a float."""
        return self.dtype.kind == "f"

    def __bool__(self) -> bool:
        raise TypeError("A number of the threads decides nothing in Python: use k.when or k.select.")

    def like(self, number: Any) -> Lanes:
        """The number for every thread; Lanes are returned as they are."""
        if isinstance(number, Lanes):
            return number
        return Lanes(np.full(self.array.shape, np.array(number).astype(self.dtype)))

    def _with(self, function: Callable[..., Any], other: Any) -> Lanes:
        right = self.like(other)
        if right.dtype != self.dtype:
            raise TypeError(f"{self.dtype} and {right.dtype} meet: cast one of them.")
        with np.errstate(all="ignore"):
            return Lanes(function(self.array, right.array))

    def __add__(self, other: Any) -> Lanes:
        return self._with(np.add, other)

    def __sub__(self, other: Any) -> Lanes:
        return self._with(np.subtract, other)

    def __mul__(self, other: Any) -> Lanes:
        return self._with(np.multiply, other)

    def __truediv__(self, other: Any) -> Lanes:
        if not self.is_float:
            raise TypeError("Integers are divided by k.quotient and k.remainder.")
        return self._with(np.divide, other)

    def __radd__(self, other: Any) -> Lanes:
        return self.like(other) + self

    def __rsub__(self, other: Any) -> Lanes:
        return self.like(other) - self

    def __rmul__(self, other: Any) -> Lanes:
        return self.like(other) * self

    def __rtruediv__(self, other: Any) -> Lanes:
        return self.like(other) / self

    def __neg__(self) -> Lanes:
        with np.errstate(all="ignore"):
            return Lanes(np.negative(self.array))

    def __abs__(self) -> Lanes:
        return Lanes(np.abs(self.array))

    def __and__(self, other: Any) -> Lanes:
        return self._with(np.bitwise_and, other)

    def __or__(self, other: Any) -> Lanes:
        return self._with(np.bitwise_or, other)

    def __xor__(self, other: Any) -> Lanes:
        return self._with(np.bitwise_xor, other)

    def __invert__(self) -> Lanes:
        return Lanes(np.invert(self.array))

    def __lshift__(self, other: Any) -> Lanes:
        return self._with(np.left_shift, other)

    def __rshift__(self, other: Any) -> Lanes:
        return self._with(np.right_shift, other)

    def bits(self) -> Lanes:
        """A float's bits as a signed integer of its width."""
        return Lanes(self.array.view(_SIGNED[self.dtype.itemsize]))

    def from_bits(self) -> Lanes:
        """The float of this width whose bits these are."""
        return Lanes(self.array.view(f"f{self.dtype.itemsize}"))

    def __lt__(self, other: Any) -> Lanes:
        return self._with(np.less, other)

    def __le__(self, other: Any) -> Lanes:
        return self._with(np.less_equal, other)

    def __gt__(self, other: Any) -> Lanes:
        return self._with(np.greater, other)

    def __ge__(self, other: Any) -> Lanes:
        return self._with(np.greater_equal, other)

    def eq(self, other: Any) -> Lanes:
        """self == other."""
        return self._with(np.equal, other)

    def ne(self, other: Any) -> Lanes:
        """self != other; true where either is NaN."""
        return self._with(np.not_equal, other)

    def is_nan(self) -> Lanes:
        """Whether it is NaN."""
        return self.ne(self)

    def to(self, dtype: Any) -> Lanes:
        """The same number in another dtype, as NumPy's astype."""
        with np.errstate(all="ignore"):
            if np.dtype(dtype) == BOOL:
                return Lanes(self.array != 0)
            return Lanes(self.array.astype(dtype))

    def sqrt(self) -> Lanes:
        """The square root, correctly rounded."""
        with np.errstate(all="ignore"):
            return Lanes(np.sqrt(self.array))
