"""Graphs of launches and copies, built once; a call of a function is one launch of such a graph."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from ....symbolic.errors import VerifyError, WeftError
from .context import PrimaryContext
from .device import CopyNode, DeviceGraph, FillNode, GraphNode, KernelNode
from .loader import KernelLoader, LoadedKernel, kernels_of
from .parameters import PackedParameters
from .structures import MEMORY_OF_DEVICE, KernelNodeParams, MemcpyParams, MemsetNodeParams

_MOST_BLOCKS = ((1 << 31) - 1, 65535, 65535)  # along each axis of a grid


class CUDAGraph(DeviceGraph):
    """Nodes with their true dependencies, instantiated: the driver runs those side by side that may.

    A node without bytes or blocks is an empty one, and stays so.
    """

    def __init__(
        self,
        context: PrimaryContext,
        stream: int,
        loader: KernelLoader,
        nodes: Sequence[GraphNode],
        after: Sequence[Sequence[int]],
    ):
        self.context, self.driver, self.stream = context, context.driver, stream
        self.nodes, self.lock = list(nodes), threading.Lock()  # the driver serializes no two calls on one graph
        self.handles: list[int] = []
        with context:
            self.kernels = kernels_of(loader, nodes)
            graph, executable = self.driver.handle("cuGraphCreate", 0), [0]
            self._close = weakref.finalize(self, _destroy, context, executable, graph)
            self._close.atexit = False
            for number, (node, earlier) in enumerate(zip(nodes, after, strict=True)):
                self.handles.append(self._add(graph, number, node, earlier))
            executable[0] = self.driver.handle("cuGraphInstantiateWithFlags", graph, 0)
        self.executable = executable[0]

    def _add(self, graph: int, number: int, node: GraphNode, earlier: Sequence[int]) -> int:
        if not all(0 <= before < number for before in earlier):
            raise VerifyError(f"Node {number} of a graph starts after {list(earlier)}, which do not all precede it.")
        before = (ctypes.c_void_p * len(earlier))(*[self.handles[i] for i in earlier]) if earlier else None
        place = (graph, before, len(earlier))
        driver, context = self.driver, self.context.handle
        if is_empty(node):
            return driver.handle("cuGraphAddEmptyNode", *place)
        if isinstance(node, KernelNode):
            setting = kernel_setting(self.kernels[number], node)
            return driver.handle("cuGraphAddKernelNode", *place, ctypes.byref(setting.params))
        if isinstance(node, CopyNode):
            return driver.handle("cuGraphAddMemcpyNode", *place, ctypes.byref(copy_params(node)), context)
        return driver.handle("cuGraphAddMemsetNode", *place, ctypes.byref(fill_params(node)), context)

    def launch(self) -> None:
        with self.context, self.lock:
            self._check_open()
            self.driver.call("cuGraphLaunch", self.executable, self.stream)

    def replace(self, number: int, node: GraphNode) -> None:
        with self.context, self.lock:
            self._check_open()
            self._check_kind(number, node)
            if not is_empty(node):
                self._set(number, node)
            self.nodes[number] = node

    def _set(self, number: int, node: GraphNode) -> None:
        place = (self.executable, self.handles[number])
        driver, context = self.driver, self.context.handle
        if isinstance(node, KernelNode):
            setting = kernel_setting(self.kernels[number], node)
            driver.call("cuGraphExecKernelNodeSetParams", *place, ctypes.byref(setting.params))
        elif isinstance(node, CopyNode):
            driver.call("cuGraphExecMemcpyNodeSetParams", *place, ctypes.byref(copy_params(node)), context)
        else:
            driver.call("cuGraphExecMemsetNodeSetParams", *place, ctypes.byref(fill_params(node)), context)

    def _check_kind(self, number: int, node: GraphNode) -> None:
        before = self.nodes[number]
        kernels = [n.kernel for n in (before, node) if isinstance(n, KernelNode)]
        same = type(before) is type(node) and is_empty(before) == is_empty(node)
        if not same or len({(k, repr(k.arguments)) for k in kernels}) > 1:
            raise VerifyError(f"Node {number} of a graph is of another kind than what replaces it: {before}, {node}.")

    def _check_open(self) -> None:
        if not self._close.alive:
            raise VerifyError("A graph is used that was closed.")

    def close(self) -> None:
        if not self.driver.is_forked:  # else it is the parent's, whose threads may have held the lock
            with self.lock:
                self._close()


class KernelNodeSetting(NamedTuple):
    """The driver's structure for a launch, and the parameters that it points to."""

    params: KernelNodeParams
    packed: PackedParameters


def kernel_setting(loaded: LoadedKernel, node: KernelNode) -> KernelNodeSetting:
    """The driver's structure for a launch."""
    packed = loaded.pack(node.arguments)
    threads = (loaded.kernel.threads, 1, 1)
    params = KernelNodeParams(loaded.function, *grid_of(node), *threads, loaded.dynamic_shared, packed.address)
    return KernelNodeSetting(params, packed)


def grid_of(node: KernelNode) -> tuple[int, int, int]:
    """The blocks along each axis.  Raises VerifyError for more than a device can number."""
    sizes = (*node.grid, *[1] * (3 - len(node.grid)))
    if len(sizes) > 3 or not all(0 <= size <= most for size, most in zip(sizes, _MOST_BLOCKS, strict=True)):
        raise VerifyError(f"{node.kernel} cannot be launched over a grid of {node.grid} blocks.")
    return sizes[0], sizes[1], sizes[2]


def is_empty(node: GraphNode) -> bool:
    """Whether a node does nothing: it has no blocks, or no bytes."""
    return 0 in grid_of(node) if isinstance(node, KernelNode) else node.target.size == 0


def copy_params(node: CopyNode) -> MemcpyParams:
    """The driver's structure for a copy.  Raises VerifyError where the two sizes differ."""
    if node.target.size != node.source.size:
        raise VerifyError(f"{node.source.size} bytes are copied to a place of {node.target.size}.")
    return MemcpyParams(
        srcMemoryType=MEMORY_OF_DEVICE,
        srcDevice=node.source.address,
        dstMemoryType=MEMORY_OF_DEVICE,
        dstDevice=node.target.address,
        WidthInBytes=node.source.size,
        Height=1,
        Depth=1,
    )


def fill_params(node: FillNode) -> MemsetNodeParams:
    """The driver's structure for a fill.  Raises VerifyError for what is no byte."""
    if not 0 <= node.byte <= 255:
        raise VerifyError(f"{node.byte} is no byte.")
    return MemsetNodeParams(node.target.address, 0, node.byte, 1, node.target.size, 1)


def _destroy(context: PrimaryContext, executable: list[int], graph: int) -> None:
    """Give a graph back; the driver does so once no launch of it is under way.

    What it answers is not looked at: an error is one of an earlier call, and the next one says it.
    """
    driver = context.driver
    if driver.is_forked:
        return
    with suppress(WeftError), context:
        if executable[0]:
            driver.functions["cuGraphExecDestroy"](executable[0])
        driver.functions["cuGraphDestroy"](graph)
