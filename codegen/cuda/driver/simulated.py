"""A device without a device: its memory is the host's, and kernels run in the simulator.

`target="cuda:simulator"`.  Slow; what it runs is what a device runs, and it finds what a device would not tell.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....symbolic.errors import VerifyError
from ....symbolic.forks import hold_over_forks
from ..launch import Processor
from ..trace.kernel import Pointer, TracedKernel
from ..trace.simulator import simulate
from .device import CopyNode, Device, DeviceGraph, FillNode, GraphNode, KernelNode, Span

ALIGNMENT = 256  # of what is allocated
_UNWRITTEN = 0xFF  # in every byte of what nobody has written: NaN, or -1
_FIRST = 1 << 16  # the first address


class SimulatedDevice(Device):
    """Memory in pieces, each a NumPy array under an address."""

    name = "cuda:simulator"
    architecture = "sm_90"

    def __init__(self) -> None:
        self.processor = Processor(90, 4)
        self.pieces: dict[int, np.ndarray] = {}
        self.next, self.lock = _FIRST, hold_over_forks(threading.RLock())

    def allocate(self, size: int) -> int:
        with self.lock:
            address = self.next
            # with room between, which nobody may touch
            self.next += -(-max(size, 1) // ALIGNMENT) * ALIGNMENT + ALIGNMENT
        self.pieces[address] = np.full(size, _UNWRITTEN, np.uint8)
        return address

    def free(self, address: int) -> None:
        del self.pieces[address]

    def bytes(self, span: Span) -> np.ndarray:
        """The memory of a span.  Raises VerifyError for one that is not, or not wholly, within an allocation."""
        if not span.size:
            return np.empty(0, np.uint8)
        for address in list(self.pieces):  # other threads, and Python's collector, allocate and free meanwhile
            piece, start = self.pieces.get(address), span.address - address
            if piece is not None and start >= 0 and start + span.size <= piece.size:
                return piece[start : start + span.size]
        raise VerifyError(f"{span.size} bytes at {span.address} of the simulated device are not allocated.")

    def upload(self, target: Span, array: np.ndarray) -> None:
        self.bytes(target)[:] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)

    def download(self, array: np.ndarray, source: Span) -> None:
        array.reshape(-1).view(np.uint8)[:] = self.bytes(source)

    def copy(self, target: Span, source: Span) -> None:
        self.bytes(target)[:] = self.bytes(source)

    def graph(self, nodes: Sequence[GraphNode], after: Sequence[Sequence[int]]) -> DeviceGraph:
        return _SimulatedGraph(self, list(nodes), [tuple(a) for a in after])

    def synchronize(self) -> None:
        pass

    def run(self, node: GraphNode) -> None:
        """One node."""
        if isinstance(node, KernelNode):
            kernel = node.kernel.trace()
            simulate(kernel, node.grid, self._arguments(kernel, node))
        elif isinstance(node, CopyNode):
            self.copy(node.target, node.source)
        else:
            assert isinstance(node, FillNode)
            self.bytes(node.target)[:] = node.byte

    def _arguments(self, kernel: TracedKernel, node: KernelNode) -> list[Any]:
        found: list[Any] = []
        for parameter, argument in zip(kernel.parameters, node.arguments, strict=True):
            if isinstance(parameter, Pointer):
                assert isinstance(argument, Span)
                found.append(self.bytes(argument).view(parameter.dtype))
            else:
                found.append(argument)
        return found


class _SimulatedGraph(DeviceGraph):
    """Runs its nodes in the worst order that they may have: the last one that is ready first."""

    def __init__(self, device: SimulatedDevice, nodes: list[GraphNode], after: list[tuple[int, ...]]):
        self.device, self.nodes, self.after = device, nodes, after

    def launch(self) -> None:
        waiting = [len(a) for a in self.after]
        followers: list[list[int]] = [[] for _ in self.nodes]
        for number, earlier in enumerate(self.after):
            for before in earlier:
                followers[before].append(number)
        ready = [number for number, count in enumerate(waiting) if not count]
        while ready:
            number = ready.pop()
            self.device.run(self.nodes[number])
            for follower in followers[number]:
                waiting[follower] -= 1
                if not waiting[follower]:
                    ready.append(follower)

    def replace(self, number: int, node: GraphNode) -> None:
        self.nodes[number] = node

    def close(self) -> None:
        self.nodes = []
