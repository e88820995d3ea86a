"""What the bodies of kernels are written with.

A body is Python that runs once.  Its values are those of one thread: operators on them append instructions, Python's
own loops unroll, and Python's numbers are constants.

    k.thread, k.block[axis], k.grid[axis]       which thread of the block, which block, of how many
    k.range, k.when                             a loop and a branch of the machine
    k.register(dtype, number)                   a number that changes: get, set
    x[i], x.load(i, count), x.store(i, values)  global memory, `count` neighbours at once
    k.shared_array(dtype, count)                shared memory, which is accessed alike
    k.barrier(), k.shuffle_xor(...)             threads of a block, and of a warp, meet

Integers are int32 but where a body says otherwise; `/` is for floats, `k.quotient` and `k.remainder` for integers that
are not negative.  Both builders have the same methods, so that what the simulator has run is what is compiled.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ....ops.elementwise import Scalar
from ....symbolic.types import BOOL, DType

INT32, INT64 = np.dtype(np.int32), np.dtype(np.int64)
FLOAT32 = np.dtype(np.float32)
WARP = 32  # threads that run in step


def place_type(wide: bool) -> DType:
    """The dtype in which a kernel counts places: int64 where they do not fit into int32."""
    return INT64 if wide else INT32


class ArrayInMemory(ABC):
    """Elements of one dtype in global or shared memory."""

    dtype: DType

    @abstractmethod
    def load(self, index: Any, count: int = 1, fresh: bool = False) -> Any:
        """The element; for count > 1 the list of so many neighbours, which start at a multiple of `count`.

        fresh : past the caches of a multiprocessor: what another block has written in this launch
        """

    @abstractmethod
    def store(self, index: Any, values: Any) -> None:
        """Write an element, or a list of neighbours, which start at a multiple of their number."""

    @abstractmethod
    def view(self, dtype: DType) -> ArrayInMemory:
        """The same memory as elements of another dtype of the same size."""

    def __getitem__(self, index: Any) -> Any:
        return self.load(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.store(index, value)


class RegisterBase(ABC):
    """A number of each thread that changes."""

    dtype: DType

    @abstractmethod
    def get(self) -> Any:
        """Its present value."""

    @abstractmethod
    def set(self, value: Any) -> None:
        """Give threads that are at work a new value."""


class KernelBuilder(ABC):
    """What both builders have."""

    thread: Any  # the number of the thread in its block
    block: tuple[Any, Any, Any]  # the block's place in the grid, x first
    grid: tuple[Any, Any, Any]  # how many blocks there are along each axis
    threads: int  # of a block

    # ---- values ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def constant(self, dtype: Any, number: Any) -> Any:
        """A number."""

    @abstractmethod
    def select(self, condition: Any, yes: Any, no: Any) -> Any:
        """`yes` where the condition holds, else `no`; one of the two may be a Python number."""

    @abstractmethod
    def fma(self, x: Any, y: Any, z: Any) -> Any:
        """x*y + z, rounded once."""

    @abstractmethod
    def quotient(self, x: Any, y: Any) -> Any:
        """floor(x / y) of integers: x >= 0, y > 0."""

    @abstractmethod
    def remainder(self, x: Any, y: Any) -> Any:
        """x - y floor(x / y) of integers: x >= 0, y > 0."""

    @abstractmethod
    def cast(self, x: Any, dtype: Any) -> Any:
        """The same number in another dtype, as NumPy's astype; also from and to float16."""

    @abstractmethod
    def apply(self, function: Scalar, casts: Sequence[DType], dtype: DType, operands: Sequence[Any]) -> Any:
        """A scalar function of operands of the dtypes `casts`; its result has the dtype `dtype`."""

    def minimum(self, x: Any, y: Any) -> Any:
        """The smaller of two numbers; y where they cannot be compared."""
        return self.select(x < y, x, y)

    def maximum(self, x: Any, y: Any) -> Any:
        """The larger of two numbers; y where they cannot be compared."""
        return self.select(x > y, x, y)

    def both(self, *conditions: Any) -> Any:
        """Whether all conditions hold; those that are Python's True are passed over."""
        found = None
        for condition in conditions:
            if condition is not True:
                found = condition if found is None else found & condition
        return self.constant(BOOL, True) if found is None else found

    # ---- control --------------------------------------------------------------------------------------------------

    @abstractmethod
    def register(self, dtype: Any, number: Any = 0) -> RegisterBase:
        """A number that changes."""

    @abstractmethod
    def range(self, low: Any, high: Any = None, step: Any = 1) -> Iterator[Any]:
        """`for i in k.range(low, high, step)`, or `k.range(high)`: a loop of the machine, of the dtype of its bounds;
        int32 where they are numbers."""

    @abstractmethod
    def when(self, condition: Any) -> AbstractContextManager[None]:
        """`with k.when(condition):` only threads for which it holds do what stands inside."""

    # ---- threads meet ---------------------------------------------------------------------------------------------

    @abstractmethod
    def shared_array(self, dtype: Any, count: int, align: int = 16) -> ArrayInMemory:
        """So many elements that all threads of a block share; nobody has written them."""

    @abstractmethod
    def overlay_array(self, dtype: Any, count: int) -> ArrayInMemory:
        """Elements from the begin of the shared memory: what was there is dead, behind a barrier."""

    @abstractmethod
    def barrier(self) -> None:
        """All threads of the block get here before one goes on; what they wrote in shared memory is seen."""

    @abstractmethod
    def shuffle_xor(self, x: Any, mask: int) -> Any:
        """The value that the thread has whose number in the warp is this one's xor `mask`; all of a warp take part."""

    @abstractmethod
    def fence(self) -> None:
        """What this thread has written is seen by all blocks before what it writes from here on."""

    @abstractmethod
    def atomic_add(self, array: Any, index: Any, number: Any) -> Any:
        """Add to an int32 in global memory, as one step; what was there before."""

    # ---- copies to shared memory that go on by themselves ----------------------------------------------------------

    @abstractmethod
    def copy_async(self, to: Any, at: Any, source: Any, index: Any, count: int, valid: Any = True) -> None:
        """Begin to copy `count` neighbours (4, 8 or 16 bytes, a multiple of which both starts are) of global memory to
        shared memory; zeros where `valid` does not hold, and nothing is read then."""

    @abstractmethod
    def commit_copies(self) -> None:
        """The copies begun since the last time are a group."""

    @abstractmethod
    def await_copies(self, but: int) -> None:
        """All groups but the last `but` have arrived, as far as this thread began them."""

    # ---- matrices of a warp ---------------------------------------------------------------------------------------

    @abstractmethod
    def multiply_tiles(self, a: Sequence[Any], b: Sequence[Any], c: Sequence[Any]) -> list[Any]:
        """d (16, 8) = a (16, 8) b (8, 8) + c by a warp: operands are bits of tf32 (int32), whose last 13 do not count.

        Thread 4 g + q holds a at (g, q), (g + 8, q), (g, q + 4), (g + 8, q + 4), b at (q, g), (q + 4, g), and c at
        (g, 2 q), (g, 2 q + 1), (g + 8, 2 q), (g + 8, 2 q + 1).  PTX ISA, mma.m16n8k8.
        """

    @abstractmethod
    def round_to_tf32(self, x: Any) -> Any:
        """The bits of the tf32 nearest to a float32, ties away from zero; infinities and NaN are kept.  sm_80."""

    def refuse(self, flags: Any, number: Any) -> None:
        """The step of that number refuses its input: the call will say so.  What it writes then does not matter, but
        must stay inside of its arrays."""
        self.atomic_add(flags, 0, 1)
        self.atomic_add(flags, number, 1)

    def sum_of_warp(self, x: Any) -> Any:
        """The sum over the threads of a warp, for each of them; in the same order always."""
        for mask in (16, 8, 4, 2, 1):
            x = x + self.shuffle_xor(x, mask)
        return x
