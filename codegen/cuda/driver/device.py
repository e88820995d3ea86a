"""What the run time asks of a device: memory, and graphs of launches that are built once and launched by every call.

A device works by itself: `launch`, `copy` and `upload` return before it is done, and what is asked for later starts
behind it.  `synchronize` and `download` wait.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..launch import Processor
from ..trace.kernel import TraceRef


class Span(NamedTuple):
    """Memory of a device: what a kernel may touch behind a pointer."""

    address: int
    size: int  # bytes


class KernelNode(NamedTuple):
    """A launch: a Span for each pointer parameter, a number for each other one."""

    kernel: TraceRef
    grid: tuple[int, ...]
    arguments: tuple[Span | int | float, ...]


class CopyNode(NamedTuple):
    """So many bytes from one place of the device to another; they do not overlap."""

    target: Span
    source: Span


class FillNode(NamedTuple):
    """Every byte of a span becomes `byte`."""

    target: Span
    byte: int


GraphNode = KernelNode | CopyNode | FillNode


class DeviceGraph(ABC):
    """Nodes that a device runs in an order that respects what depends on what."""

    @abstractmethod
    def launch(self) -> None:
        """Run all nodes, behind what was asked for before; returns at once."""

    @abstractmethod
    def replace(self, number: int, node: GraphNode) -> None:
        """Put a node of the same kind, and of the same kernel, in the place of one: other addresses, other numbers."""

    @abstractmethod
    def close(self) -> None:
        """Give back what the device keeps of it, once the device is done with it."""


class Device(ABC):
    """One device."""

    name: str  # "cuda:0": what copies of shared variables are kept under
    architecture: str  # "sm_90"
    processor: Processor
    # What libraries that share its memory call it, in DLPack's numbers; None: nobody else can read its memory.
    dlpack_device: tuple[int, int] | None = None
    stream: int = 0  # the handle of what it works in order of; 0: it has none

    def check_later(self, key: object, check: Callable[[], None]) -> None:
        """Whoever waits for the device next learns what `check` raises: a step of a call that nobody waited for.

        One check is kept for each key, however many calls there were.
        """
        self.__dict__.setdefault("_unchecked", {})[key] = check

    def check(self) -> None:
        """Raise what calls have left to be said; it waits."""
        unchecked = self.__dict__.get("_unchecked", {})
        for key in list(unchecked):
            check = unchecked.pop(key, None)  # another thread may have it
            if check is not None:
                check()

    @abstractmethod
    def allocate(self, size: int) -> int:
        """The address of so many bytes, a multiple of 256.  Raises OutOfMemoryError."""

    @abstractmethod
    def free(self, address: int) -> None:
        """Give memory back, once the device is done with all that was asked for."""

    @abstractmethod
    def upload(self, target: Span, array: np.ndarray) -> None:
        """Copy an array of the host, in C order, to the device; the array may change as soon as this returns."""

    @abstractmethod
    def download(self, array: np.ndarray, source: Span) -> None:
        """Fill an array of the host, in C order, from the device.  Waits."""

    @abstractmethod
    def copy(self, target: Span, source: Span) -> None:
        """From one place of the device to another."""

    @abstractmethod
    def graph(self, nodes: Sequence[GraphNode], after: Sequence[Sequence[int]]) -> DeviceGraph:
        """A graph of these nodes; `after[i]`: the numbers of the nodes, all below i, that end before node i starts.

        Kernels that are not compiled yet are.
        """

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until all is done.  Raises for what went wrong on the device."""

    def synchronize_all(self) -> None:
        """Wait until all is done that anybody in the process has asked the device for, other libraries included."""
        self.synchronize()

    def order_behind(self, stream: int) -> None:
        """What is asked for later starts once all is done that another library's stream was asked for so far."""
        self.synchronize_all()

    def order_before(self, stream: int) -> None:
        """What another library's stream is asked for later starts once all is done that was asked for so far."""
        self.synchronize_all()

    def holds(self, address: int) -> bool:
        """Whether memory of this device stands at an address that another library names."""
        return False
