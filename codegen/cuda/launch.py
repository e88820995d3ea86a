"""What a structured kernel is asked to do on a device: plain data, made once per function and set of sizes.

A plan can be printed, and nothing is compiled for it: kernels are named by a `TraceRef`.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import numpy as np

from .trace.kernel import TraceRef


class Strided(NamedTuple):
    """An operand: element (i, j ...) stands at start + i * strides[0] + j * strides[1] ... of its buffer.

    Buffers start at multiples of 256 bytes, so that `start` and the strides tell what is aligned.  Strides may be 0 or
    negative.  Outputs are in C order, from 0 on.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    start: int = 0


class SlotKind(Enum):
    """Where the array behind a pointer parameter comes from."""

    OPERAND = "operand"  # outputs, then arguments: the whole buffer
    SCRATCH = "scratch"  # memory that the step alone has; nobody has written it
    TABLE = "table"  # numbers that were copied to the device once


class Slot(NamedTuple):
    """An array that a launch gets: the `number`-th of its kind, from so many bytes on."""

    source: SlotKind
    number: int
    offset: int = 0


class Failure(Enum):
    """What kernels that may refuse their input get: see `KernelBuilder.refuse`."""

    FLAGS = "flags"  # an array of int32
    NUMBER = "number"  # the step's place in it


LaunchArgument = Slot | Failure | int | float


class GridLaunch(NamedTuple):
    """One kernel over a grid of blocks; an argument for each of its parameters."""

    kernel: TraceRef
    grid: tuple[int, ...]
    arguments: tuple[LaunchArgument, ...]

    def __str__(self) -> str:
        return f"{self.kernel} over {' x '.join(map(str, self.grid))} blocks"


class GridPlan(NamedTuple):
    """The launches, in order, that compute an op's outputs.

    scratch : bytes of each scratch buffer
    tables : what is copied to the device when the function is bound; a kernel that changes one leaves it as it was
    way : which of the ways it takes
    """

    launches: tuple[GridLaunch, ...]
    scratch: tuple[int, ...] = ()
    tables: tuple[np.ndarray, ...] = ()
    way: str = ""

    def __str__(self) -> str:
        text = [self.way or "nothing to do", *(str(launch) for launch in self.launches)]
        if self.scratch:
            text.append(f"scratch: {', '.join(map(str, self.scratch))} bytes")
        return "\n    ".join(text)


class Processor(NamedTuple):
    """What plans depend on besides the sizes.

    architecture : 90 for sm_90
    multiprocessors : how many there are
    precision : "float32", or "tf32" where products of float32 may be rounded
    """

    architecture: int
    multiprocessors: int
    precision: str = "float32"


def operand(number: int) -> Slot:
    """The buffer of an operand: outputs, then arguments."""
    return Slot(SlotKind.OPERAND, number)


def scratch(number: int) -> Slot:
    """A scratch buffer."""
    return Slot(SlotKind.SCRATCH, number)


def table(number: int) -> Slot:
    """A table."""
    return Slot(SlotKind.TABLE, number)
