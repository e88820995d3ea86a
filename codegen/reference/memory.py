"""The buffers of a bound program as NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...symbolic.leaves import Constant
from ..lowering.bind import Bound
from ..lowering.buffers import STAYS, Buffer, Role

_UNWRITTEN = 0xFF  # in every byte of what nobody has written: NaN, or -1


class Memory:
    """Flat arrays of elements, made when they are first asked for."""

    def __init__(self, bound: Bound, arrays: Sequence[np.ndarray], results: Sequence[np.ndarray]):
        self.bound = bound
        given = [*bound.program.inputs, *bound.program.results]
        self.found = {b: a.reshape(-1) for b, a in zip(given, [*arrays, *results], strict=True)}
        for buffer in bound.program.shared:  # now: a callback may put other arrays in their place
            self.found[buffer] = buffer.storage.array.reshape(-1)

    def __getitem__(self, buffer: Buffer) -> np.ndarray:
        if buffer not in self.found:
            self.found[buffer] = self.make(buffer)
        return self.found[buffer]

    def __setitem__(self, buffer: Buffer, elements: np.ndarray) -> None:
        self.found[buffer] = elements

    def let_go(self, time: int) -> None:
        """Forget the temporaries that were needed before this time alone."""
        for buffer in [b for b in self.found if b.role not in STAYS and b.home.last < time]:
            del self.found[buffer]

    def make(self, buffer: Buffer) -> np.ndarray:
        """The elements of a buffer: of the one in whose memory it stands, of a constant, or new ones."""
        if buffer.alias is not None:
            return self[buffer.alias].view(buffer.dtype)
        op = buffer.node.op if buffer.node is not None else None
        if isinstance(op, Constant) and buffer.role is Role.CONSTANT:
            return op.value.reshape(-1)
        return blank_elements(self.bound.bytes[buffer] // buffer.dtype.itemsize, buffer.dtype)


def blank_elements(count: int, dtype: np.dtype) -> np.ndarray:
    """So many elements that nobody has written."""
    made = np.empty(count, dtype)
    made.view(np.uint8)[:] = _UNWRITTEN
    return made
