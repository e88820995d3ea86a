"""Where values come from: inputs, constants, shared variables, sizes; and `Item`, one of an op's several outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from .arrays import as_array
from .dims import Dim
from .errors import (
    NOWHERE,
    ArgumentError,
    DTypeError,
    at_site,
    blame,
    user_site,
)
from .expr import Expr, Leaf, Op, apply, serial
from .index_maps import AxisMap
from .records import record
from .storage import Storage
from .types import BOOL, INT64, DType, TupleType, Type, cast_with_losses, dtype

INSIDE = "inside"  # with a serial number: the number of an input that stands for a value of each step of a loop
_SMALL_BYTES = 64  # constants up to this many bytes are compared by value, larger ones by identity


@record
class Input(Leaf):
    """A value that each call provides, or each step of a loop; `number` tells it from all others."""

    number: Any
    of: Type = field(compare=False)
    label: str | None = field(compare=False, default=None)
    configured: bool = field(compare=False, default=False)  # its dtype was not named: it is config.float_dtype

    @property
    def inside(self) -> bool:
        """Whether it stands for a value inside of a step, of which there is none outside."""
        return isinstance(self.number, tuple) and self.number[0] == INSIDE

    def infer(self) -> Type:
        return self.of


@dataclass(frozen=True, eq=False)
class Constant(Leaf):
    """A value that never changes.  `key` is its dtype, shape and bytes, or a serial number where it is large.

    `number` is the Python number that a weak constant was made from: 0.1 that meets a float64 is 0.1 in all its
    digits, whatever `value` was rounded to.
    """

    key: Any
    value: np.ndarray
    number: float | None = None

    @property
    def weak(self) -> bool:
        """Whether it takes the dtype of what it meets."""
        return self.number is not None

    def infer(self) -> Type:
        return Type(self.value.dtype, self.value.shape, self.weak)

    def numpy(self) -> np.ndarray:
        return self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@record
class Shared(Leaf):
    """A value that functions read and update."""

    storage: Storage
    label: str | None = field(compare=False, default=None)

    def infer(self) -> Type:
        return self.storage.of

    def numpy(self) -> np.ndarray:
        return self.storage.value


def storage_of(node: Expr) -> Storage:
    """What a node that is a shared variable holds."""
    assert isinstance(node.op, Shared), node
    return node.op.storage


@record
class Size(Leaf):
    """The size of an axis as a value: an int64 scalar."""

    dim: Dim
    is_looped = True

    def infer(self) -> Type:
        return Type(INT64, (), weak=True)

    def index_value(self) -> AxisMap:
        return AxisMap((), self.dim)


@record
class Item(Op):
    """One output of an op that has several."""

    index: int

    def infer(self, whole: TupleType) -> Type:
        if not isinstance(whole, TupleType) or not 0 <= self.index < len(whole.items):
            raise ArgumentError(f"There is no result number {self.index} of {whole}.")
        return whole.items[self.index]

    def numpy(self, values: Any) -> Any:
        return values[self.index]


def items(node: Expr) -> tuple[Expr, ...]:
    """All outputs of a node that has several.  Raises ArgumentError for all else."""
    if not isinstance(node, Expr) or not isinstance(node.type, TupleType):
        site = node.site if isinstance(node, Expr) else None
        raise blame(ArgumentError(f"items takes a node with several values, not {node!r}."), user_site(), site)
    return tuple(apply(Item(i), node) for i in range(len(node.type.items)))


def constant(value: Any, dtype: Any = None) -> Expr:
    """A value that never changes.  A Python number without a dtype is weak: it takes the dtype of what it meets.

    Raises DTypeError for values no supported dtype holds.
    """
    if dtype is None and isinstance(value, bool | int | float):
        return _weak(value)
    array = frozen_copy(value, dtype)
    return apply(Constant(_key(array), array))


def weak_constant(value: float, kind: np.dtype) -> Expr:
    """A Python number as a constant of a given dtype, as it becomes when it meets an expression of that dtype."""
    return _number(value, _sign(value), kind, False)


def _weak(value: float) -> Expr:
    kind = BOOL if isinstance(value, bool) else INT64 if isinstance(value, int) else dtype(None)
    try:
        return _number(value, _sign(value), kind, True)
    except OverflowError:
        raise blame(DTypeError(f"{value} does not fit in int64."), user_site()) from None


def _sign(value: float) -> float:
    return math.copysign(1.0, value) if value == 0 else 0.0  # 0.0 == -0.0


@lru_cache(maxsize=1024, typed=True)
def _number(value: float, sign: float, kind: np.dtype, weak: bool) -> Expr:
    array = np.array(value, kind)
    array.flags.writeable = False
    exact = np.array(value, np.float64 if kind.kind == "f" else kind)
    with at_site(NOWHERE):
        if weak:
            return apply(Constant(("weak", kind, exact.tobytes()), array, value))
        return apply(Constant(_key(array), array))


def frozen_copy(value: Any, kind: Any) -> np.ndarray:
    """A copy of the value that nobody writes, in this dtype or its own.  Raises DTypeError where none holds it."""
    array = own_copy(value, kind)
    array.flags.writeable = False
    return array


def own_copy(value: Any, kind: Any) -> np.ndarray:
    """A copy of the value, in this dtype or its own.  Raises DTypeError where none holds it."""
    array = as_array("The value", value)
    wanted = dtype(kind if kind is not None else array.dtype)
    return np.array(convert_exactly(array, wanted, "The value"), order="C")


def convert_exactly(array: np.ndarray, kind: DType, name: str) -> np.ndarray:
    """The array in a dtype; floats may lose digits.

    Raises DTypeError where a number would become another one, or infinite, and names the first of them.
    """
    if array.dtype.kind not in "biuf":
        text = f"{name} is {array.dtype.name}, and weft has bools, integers and floats."
        raise blame(DTypeError(text), user_site())
    if array.dtype == kind:
        return array
    found, lost = cast_with_losses(array, kind)
    if lost.any():
        error = DTypeError(f"{name} has {array[lost][0]}, which does not fit in {kind.name}.")
        raise blame(error, user_site(), hint="choose a dtype that holds it, or convert it yourself: value.astype(...).")
    return found


def _key(array: np.ndarray) -> tuple[Any, ...]:
    if array.nbytes <= _SMALL_BYTES:
        return (array.dtype, array.shape, array.tobytes())
    return (array.dtype, array.shape, serial())


def size(dim: Dim) -> Expr:
    """A size as a value in expressions."""
    return constant(dim) if isinstance(dim, int) else apply(Size(dim))
