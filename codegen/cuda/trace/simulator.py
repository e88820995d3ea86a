"""The builder that computes: threads of many blocks at once as NumPy arrays, a branch as a mask.

It sees what goes wrong without a device: an index outside of its array, a start that is not aligned, a read of shared
memory that nobody wrote, two threads that meet in shared or global memory without a barrier between, a copy that was
not awaited, a barrier that part of a block does not reach.  It does not see speed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ....ops.elementwise import Scalar
from ....symbolic.errors import VerifyError
from ....symbolic.types import DType
from .builder import INT32, INT64, WARP, ArrayInMemory, KernelBuilder, RegisterBase
from .global_memory import ElementUsers
from .kernel import Pointer, TracedKernel
from .lanes import Lanes
from .shared_memory import SharedMemory

TOGETHER = 1 << 15  # threads that are simulated at once, about
MOST_SHARED = 227 << 10  # bytes that a block may have


class KernelFault(VerifyError):
    """A kernel does what no device would let pass, or what would not be the same twice."""


def simulate(kernel: TracedKernel, grid: Sequence[int], arguments: Sequence[Any]) -> None:
    """Run all blocks.  `arguments`: flat arrays, which are changed in place, and numbers.

    Raises KernelFault.
    """
    sizes = (*grid, *[1] * (3 - len(grid)))
    count = int(np.prod(sizes))
    users = [
        ElementUsers(a.size) if isinstance(p, Pointer) else None
        for p, a in zip(kernel.parameters, arguments, strict=True)
    ]
    each = max(1, TOGETHER // kernel.threads)
    for first in range(0, count, each):
        blocks = np.arange(first, min(first + each, count))
        Simulator(kernel, blocks, sizes, arguments, users).run()


class Simulator(KernelBuilder):
    """Some blocks of a grid."""

    def __init__(
        self,
        kernel: TracedKernel,
        blocks: np.ndarray,
        sizes: Sequence[int],
        arguments: Sequence[Any],
        users: Sequence[ElementUsers | None],
    ):
        self.kernel, self.threads = kernel, kernel.threads
        count = len(blocks) * kernel.threads
        inside = np.tile(np.arange(kernel.threads, dtype=np.int32), len(blocks))
        number = np.repeat(blocks, kernel.threads)
        self.count, self.numbers = count, number * kernel.threads + inside
        self.which = np.repeat(np.arange(len(blocks)), kernel.threads)  # the block's place among those simulated
        self.inside = inside  # the thread's place in its block
        self.thread = Lanes(inside)
        x, y = sizes[0], sizes[1]
        bx, by, bz = (Lanes(p.astype(np.int32)) for p in (number % x, number // x % y, number // (x * y)))
        gx, gy, gz = (self.constant(INT32, n) for n in sizes)
        self.block, self.grid = (bx, by, bz), (gx, gy, gz)
        self.mask, self.whole = np.ones(count, bool), True
        self.shared = SharedMemory(len(blocks), MOST_SHARED, self.fail)
        self.top = 0
        self.given = [
            _SimulatedGlobal(self, a, u) if isinstance(p, Pointer) else self.constant(p, a)
            for p, a, u in zip(kernel.parameters, arguments, users, strict=True)
        ]

    def run(self) -> None:
        """Run the body for all threads."""
        self.kernel.body(self, *self.given)
        self.shared.check_copies()

    def fail(self, what: str) -> None:
        """A fault."""
        raise KernelFault(f"{self.kernel.name}: {what}.")

    # ---- values ---------------------------------------------------------------------------------------------------

    def like(self, number: Any, dtype: Any) -> Lanes:
        """The number itself where it is one of the threads', its int32 as int64 where asked for; or a constant."""
        if not isinstance(number, Lanes):
            return self.constant(dtype, number)
        widened = number.dtype == INT32 and np.dtype(dtype) == INT64
        return number.to(INT64) if widened else number

    def constant(self, dtype: Any, number: Any) -> Lanes:
        with np.errstate(all="ignore"):
            return Lanes(np.full(self.count, np.array(number).astype(dtype)))

    def select(self, condition: Any, yes: Any, no: Any) -> Lanes:
        model = yes if isinstance(yes, Lanes) else no
        left, right = model.like(yes), model.like(no)
        if left.dtype != right.dtype:
            self.fail(f"select of {left.dtype} and {right.dtype}")
        return Lanes(np.where(condition.array, left.array, right.array))

    def fma(self, x: Any, y: Any, z: Any) -> Lanes:
        wide = np.float64 if x.dtype.itemsize == 4 else np.longdouble
        with np.errstate(all="ignore"):
            found = x.array.astype(wide) * x.like(y).array + x.like(z).array
            return Lanes(found.astype(x.dtype))

    def _unsigned(self, function: Any, x: Any, y: Any) -> Lanes:
        kind = f"u{x.dtype.itemsize}"
        divisor = x.like(y).array.view(kind)
        if (self.mask & (divisor == 0)).any():
            self.fail("a division by zero")
        with np.errstate(all="ignore"):
            return Lanes(function(x.array.view(kind), np.where(divisor == 0, 1, divisor)).view(x.dtype))

    def quotient(self, x: Any, y: Any) -> Lanes:
        return self._unsigned(np.floor_divide, x, y)

    def remainder(self, x: Any, y: Any) -> Lanes:
        return self._unsigned(np.remainder, x, y)

    def cast(self, x: Any, dtype: Any) -> Lanes:
        found: Lanes = x.to(dtype)
        return found

    def apply(self, function: Scalar, casts: Sequence[DType], dtype: DType, operands: Sequence[Any]) -> Lanes:
        with np.errstate(all="ignore"):
            found = function.numpy(*[x.array for x in operands])
        return Lanes(np.broadcast_to(np.asarray(found).astype(dtype), (self.count,)))

    # ---- control --------------------------------------------------------------------------------------------------

    def register(self, dtype: Any, number: Any = 0) -> RegisterBase:
        return _SimulatedRegister(self, np.dtype(dtype), number)

    def range(self, low: Any, high: Any = None, step: Any = 1) -> Iterator[Lanes]:
        if high is None:
            low, high = 0, low
        dtype = low.dtype if isinstance(low, Lanes) else high.dtype if isinstance(high, Lanes) else INT32
        i, last, by = (self.like(n, dtype) for n in (low, high, step))
        while True:
            before = self._narrow((i < last).array)
            if not self.mask.any():
                self.mask, self.whole = before
                return
            yield i
            self.mask, self.whole = before
            i = i + by

    @contextmanager
    def when(self, condition: Any) -> Iterator[None]:
        before = self._narrow(condition.array)
        yield
        self.mask, self.whole = before

    def _narrow(self, more: np.ndarray) -> tuple[np.ndarray, bool]:
        before = self.mask, self.whole
        self.mask = self.mask & more
        self.whole = bool(self.mask.all())
        return before

    # ---- threads meet ---------------------------------------------------------------------------------------------

    def shared_array(self, dtype: Any, count: int, align: int = 16) -> ArrayInMemory:
        start = -(-self.top // align) * align
        if start % np.dtype(dtype).itemsize:
            self.fail(f"shared memory: an array of {np.dtype(dtype)} that starts at byte {start}")
        self._claim_words(start + count * np.dtype(dtype).itemsize)
        return _SimulatedShared(self, start, np.dtype(dtype), count)

    def overlay_array(self, dtype: Any, count: int) -> ArrayInMemory:
        self._claim_words(max(self.top, count * np.dtype(dtype).itemsize))
        return _SimulatedShared(self, 0, np.dtype(dtype), count)

    def _claim_words(self, top: int) -> None:
        self.top = top
        if top > MOST_SHARED:
            self.fail(f"{top} bytes of shared memory, where a block has at most {MOST_SHARED}")

    def barrier(self) -> None:
        if not self.whole:
            here = self.mask.reshape(-1, self.threads)
            if (here.any(1) & ~here.all(1)).any():
                self.fail("part of a block does not reach a barrier")
        self.shared.pass_barrier(self.mask.reshape(-1, self.threads)[:, 0])

    def shuffle_xor(self, x: Any, mask: int) -> Lanes:
        self._check_warps("a shuffle")
        return Lanes(x.array.reshape(-1, WARP)[:, np.arange(WARP) ^ mask].reshape(-1))

    def _check_warps(self, what: str) -> None:
        if not self.whole:
            here = self.mask.reshape(-1, WARP)
            if (here.any(1) & ~here.all(1)).any():
                self.fail(f"part of a warp does not reach {what}")

    def fence(self) -> None:
        pass

    def atomic_add(self, array: Any, index: Any, number: Any) -> Lanes:
        return array.add(index, self.like(number, INT32))  # type: ignore[no-any-return]

    # ---- copies ---------------------------------------------------------------------------------------------------

    def copy_async(self, to: Any, at: Any, source: Any, index: Any, count: int, valid: Any = True) -> None:
        size = count * to.dtype.itemsize
        if size not in (4, 8, 16):
            self.fail(f"a copy of {size} bytes: it is of 4, 8 or 16")
        read = self.mask if valid is True else self.mask & valid.array
        before = self.mask, self.whole
        self.mask, self.whole = read, bool(read.all())
        values = source.load(index, count)
        self.mask, self.whole = before
        listed = values if count > 1 else [values]
        kept = np.stack([np.where(read, value.array, value.array.dtype.type(0)) for value in listed], 1)
        starts, _ = to.words(to.places(at, count))
        self.shared.begin_copy((starts, size), kept, self.mask, self.which, self.inside)

    def commit_copies(self) -> None:
        self.shared.commit()

    def await_copies(self, but: int) -> None:
        self.shared.arrive(but)

    def multiply_tiles(self, a: Sequence[Any], b: Sequence[Any], c: Sequence[Any]) -> list[Lanes]:
        self._check_warps("a product of tiles")
        warps = self.count // WARP

        def matrix(x: Any) -> np.ndarray:
            found: np.ndarray = (x.array & np.int32(-8192)).view(np.float32).reshape(warps, 8, 4)
            return found

        left, right = np.empty((warps, 16, 8), np.float64), np.empty((warps, 8, 8), np.float64)
        left[:, :8, :4], left[:, 8:, :4], left[:, :8, 4:], left[:, 8:, 4:] = (matrix(x) for x in a)
        right[:, :4], right[:, 4:] = (matrix(x).transpose(0, 2, 1) for x in b)
        summed = np.empty((warps, 16, 8))
        parts = summed[:, :8, 0::2], summed[:, :8, 1::2], summed[:, 8:, 0::2], summed[:, 8:, 1::2]
        for part, x in zip(parts, c, strict=True):
            part[...] = x.array.reshape(warps, 8, 4)
        with np.errstate(all="ignore"):
            found = (summed + left @ right).astype(np.float32)
        results = found[:, :8, 0::2], found[:, :8, 1::2], found[:, 8:, 0::2], found[:, 8:, 1::2]
        return [Lanes(np.ascontiguousarray(part).reshape(-1)) for part in results]

    def round_to_tf32(self, x: Any) -> Lanes:
        bits = x.array.view(np.int32)
        with np.errstate(over="ignore"):
            rounded = (bits + np.int32(1 << 12)) & np.int32(-8192)
        finite = np.isfinite(x.array)
        return Lanes(np.where(np.isnan(x.array), np.int32(0x7FFFFFFF), np.where(finite, rounded, bits)))


class _SimulatedRegister(RegisterBase):
    def __init__(self, k: Simulator, dtype: DType, number: Any):
        self.k, self.dtype = k, dtype
        self.array = np.zeros(k.count, dtype)
        whole, k.whole = k.whole, True  # as its memory, it is there for all threads
        self.set(number)
        k.whole = whole

    def get(self) -> Lanes:
        return Lanes(self.array)

    def set(self, value: Any) -> None:
        new = self.k.like(value, self.dtype)
        if new.dtype != self.dtype:
            self.k.fail(f"a register of {self.dtype} is set to {new.dtype}")
        self.array = new.array if self.k.whole else np.where(self.k.mask, new.array, self.array)


class _SimulatedGlobal(ArrayInMemory):
    def __init__(self, k: Simulator, array: np.ndarray, users: ElementUsers | None):
        assert users is not None
        assert array.ndim == 1
        self.k, self.array, self.users, self.dtype = k, array, users, array.dtype

    def view(self, dtype: DType) -> ArrayInMemory:
        return _SimulatedGlobal(self.k, self.array.view(dtype), self.users)

    def places(self, index: Any, count: int) -> np.ndarray:
        """The places of the first of `count` elements, for threads that are at work; checked."""
        found = self.k.like(index, INT64).array[self.k.mask]
        if found.size and (found.min() < 0 or found.max() + count > self.array.size):
            outside = f"elements {found.min()} to {found.max() + count - 1} of an array that has {self.array.size}"
            self.k.fail(f"global memory: {outside}")
        if count > 1 and (found % count).any():
            self.k.fail(f"global memory: {count} neighbours that do not start at a multiple of {count}")
        return found

    def load(self, index: Any, count: int = 1, fresh: bool = False) -> Any:
        k, places = self.k, self.places(index, count)
        found = []
        for j in range(count):
            wrong = "" if fresh else self.users.note_read(places + j, k.numbers[k.mask])
            if wrong:
                k.fail(f"global memory: {wrong}")
            value = np.zeros(k.count, self.dtype)
            value[k.mask] = self.array[places + j]
            found.append(Lanes(value))
        return found[0] if count == 1 else found

    def store(self, index: Any, values: Any) -> None:
        listed = values if isinstance(values, list | tuple) else [values]
        k, places = self.k, self.places(index, len(listed))
        for j, value in enumerate(listed):
            new = k.like(value, self.dtype)
            if new.dtype != self.dtype:
                k.fail(f"{new.dtype} is stored to an array of {self.dtype}")
            wrong = self.users.note_write(places + j, k.numbers[k.mask])
            if wrong:
                k.fail(f"global memory: {wrong}")
            self.array[places + j] = new.array[k.mask]

    def add(self, index: Any, number: Lanes) -> Lanes:
        """One thread after the other."""
        k, places = self.k, self.places(index, 1)
        before = np.zeros(k.count, self.dtype)
        for thread, place in zip(np.flatnonzero(k.mask), places, strict=True):
            before[thread] = self.array[place]
            self.array[place] += number.array[thread]
        return Lanes(before)


class _SimulatedShared(ArrayInMemory):
    def __init__(self, k: Simulator, start: int, dtype: DType, size: int):
        self.k, self.start, self.dtype, self.size = k, start, dtype, size

    def view(self, dtype: DType) -> ArrayInMemory:
        return _SimulatedShared(self.k, self.start, dtype, self.size)

    def places(self, index: Any, count: int) -> np.ndarray:
        """The places of the first of `count` elements for all threads; checked for those that are at work."""
        k = self.k
        found = k.like(index, INT32).array.astype(np.int64)
        active = found[k.mask]
        if active.size and (active.min() < 0 or active.max() + count > self.size):
            outside = f"elements {active.min()} to {active.max() + count - 1} of an array that has {self.size}"
            k.fail(f"shared memory: {outside}")
        if count > 1 and ((self.start // self.dtype.itemsize + active) % count).any():
            k.fail(f"shared memory: {count} neighbours that do not start at a multiple of {count}")
        return np.where(k.mask, found, 0)

    def words(self, places: np.ndarray) -> tuple[np.ndarray, int]:
        """Where elements start, in bytes, and how many each has."""
        return self.start + places * self.dtype.itemsize, self.dtype.itemsize

    def load(self, index: Any, count: int = 1, fresh: bool = False) -> Any:
        k, places = self.k, self.places(index, count)
        found = []
        for j in range(count):
            raw = k.shared.read(self.words(places + j), k.mask, k.which, k.inside)
            found.append(Lanes(raw.view(self.dtype).reshape(-1)))
        return found[0] if count == 1 else found

    def store(self, index: Any, values: Any) -> None:
        listed = values if isinstance(values, list | tuple) else [values]
        k, places = self.k, self.places(index, len(listed))
        for j, value in enumerate(listed):
            new = k.like(value, self.dtype)
            if new.dtype != self.dtype:
                k.fail(f"{new.dtype} is stored to shared memory of {self.dtype}")
            k.shared.write(self.words(places + j), new.array, k.mask, k.which, k.inside)
