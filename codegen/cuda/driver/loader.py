"""Kernels that a device has loaded, by what names them."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..trace.kernel import TracedKernel, TraceRef
from .cubin import Cubin, CubinCompiler
from .device import KernelNode, Span
from .libcuda import Driver
from .parameters import PackedParameters, pack_parameters, parameter_layout
from .structures import MOST_DYNAMIC_SHARED


@dataclass(frozen=True, eq=False)
class LoadedKernel:
    """A kernel on a device.

    function : the driver's handle
    dynamic_shared : bytes of shared memory that a launch asks for
    """

    kernel: TracedKernel
    function: int
    dynamic_shared: int
    layout: np.dtype

    def pack(self, arguments: Sequence[Span | int | float]) -> PackedParameters:
        """The parameters of a launch."""
        return pack_parameters(self.kernel.name, self.kernel.parameters, self.layout, arguments)


class KernelLoader:
    """Compiles and loads each kernel once.  The context of the device is current.

    Kernels stay loaded.
    """

    def __init__(self, driver: Driver, compiler: CubinCompiler):
        self.driver, self.compiler = driver, compiler
        self.lock = threading.Lock()
        self._loaded: dict[tuple[object, ...], LoadedKernel] = {}

    def load(self, ref: TraceRef) -> LoadedKernel:
        """The kernel that a launch names."""
        key = (ref, repr(ref.arguments))  # 1, 1.0 and True are equal, and not the same; what prints alike may differ
        found = self._loaded.get(key)
        if found is None:
            with self.lock:
                found = self._loaded.get(key)
                if found is None:
                    found = self._loaded[key] = self._load(ref)
        return found

    def _load(self, ref: TraceRef) -> LoadedKernel:
        kernel = ref.trace()
        cubin = self.compiler.cubin(ref, kernel)
        function = self._function(cubin, kernel.name)
        return LoadedKernel(kernel, function, cubin.dynamic_shared, parameter_layout(kernel.parameters))

    def _function(self, cubin: Cubin, name: str) -> int:
        image = ctypes.create_string_buffer(cubin.code, len(cubin.code))
        module = self.driver.handle("cuModuleLoadData", image)
        function = self.driver.handle("cuModuleGetFunction", module, name.encode())
        if cubin.dynamic_shared:  # above what a kernel has without being asked
            self.driver.call("cuFuncSetAttribute", function, MOST_DYNAMIC_SHARED, cubin.dynamic_shared)
        return function


def kernels_of(loader: KernelLoader, nodes: Sequence[object]) -> dict[int, LoadedKernel]:
    """The kernels of those nodes that launch one, by the nodes' numbers."""
    return {number: loader.load(node.kernel) for number, node in enumerate(nodes) if isinstance(node, KernelNode)}
