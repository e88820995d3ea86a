"""What a structured kernel is asked to do: plain data, made once per function and set of sizes, never per call."""

from typing import Any, NamedTuple

import numpy as np


class Array(NamedTuple):
    """An operand as a kernel's planner sees it: sizes and strides (in elements, possibly 0 or negative)."""

    dtype: np.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie in C order without gaps."""
        expected = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1 and stride != expected:
                return False
            expected *= size
        return True


class Launch(NamedTuple):
    """One kernel over `extent` work units.  `buffers` index the operands: outputs, then arguments, then scratch."""

    kernel: int  # address, from native.kernel_address
    buffers: tuple[int, ...]
    params: tuple[int, ...]
    extent: int
    cost: float  # rough nanoseconds on one core for all units: decides on how many threads it runs
    caller: Any = (
        None  # what says why it failed: of steps that run in Python (callback.py), of users' kernels (custom.py)
    )

    def resolve(self) -> tuple[int, list[int]]:
        """The kernel's address and the numbers of its parameters."""
        return self.kernel, list(self.params)


class Plan(NamedTuple):
    """The launches, in order, that compute an op's outputs; `scratch` holds the bytes of each scratch buffer."""

    launches: tuple[Launch, ...]
    scratch: tuple[int, ...] = ()
