"""What a kernel is, before there is code for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Pointer(NamedTuple):
    """A parameter that is an array of this dtype in device memory."""

    dtype: np.dtype


Parameter = Pointer | np.dtype  # an array, or a number


class TracedKernel(NamedTuple):
    """A kernel: `body(k, *parameters)` says with the builder k what a thread does.

    threads : of a block, which is one-dimensional; a multiple of 32
    resident : how many blocks shall fit on a multiprocessor at once: it limits a thread's registers
    foreign : what makes the PTX, for a kind of processor, of a kernel that somebody else compiles, and nobody traces
    """

    name: str
    parameters: tuple[Parameter, ...]
    threads: int
    body: Callable[..., None]
    resident: int = 1
    foreign: Callable[[str], str] | None = None


@dataclass(frozen=True)
class TraceRef:
    """The kernel that `make(*arguments)` returns: what launches name, and what compiled code is found by."""

    make: Callable[..., TracedKernel]
    arguments: tuple[Any, ...] = ()

    def trace(self) -> TracedKernel:
        """The kernel."""
        return self.make(*self.arguments)

    def __str__(self) -> str:
        module = self.make.__module__.rpartition(".cuda.")[2]
        return f"{module}.{self.make.__name__}({', '.join(map(str, self.arguments))})"
