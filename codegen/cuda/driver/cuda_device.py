"""A device of CUDA's: memory, copies and graphs, in the order of one stream."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ....symbolic.errors import ArgumentError, VerifyError
from ....symbolic.forks import hold_over_forks
from ..launch import Processor
from ..trace.ptx import architecture, number_of
from .context import PrimaryContext
from .cubin import CubinCompiler
from .cuda_graph import CUDAGraph
from .device import Device, GraphNode, Span
from .libcuda import INVALID_VALUE, Driver, open_driver
from .loader import KernelLoader
from .pool import MemoryPool
from .staging import DownloadArea, UploadRing
from .structures import (
    CAPABILITY_MAJOR,
    CAPABILITY_MINOR,
    DEVICE_ORDINAL,
    EVENT_WITHOUT_TIME,
    HAS_POOLS,
    MULTIPROCESSORS,
)

_DLPACK_CUDA = 2  # kDLCUDA


class CUDADevice(Device):
    """The device of that number.  Any thread may use it.

    Its stream and the default stream, where other libraries work, wait for each other, as CUDA has it for streams that
    do not ask for the contrary: so what a library does there, and does not tell of, is in order.
    """

    def __init__(self, driver: Driver, ordinal: int):
        count = driver.number("cuDeviceGetCount")
        if not 0 <= ordinal < count:
            raise ArgumentError(f"There is no device cuda:{ordinal}: the driver knows {count}, counted from 0.")
        self.driver, self.ordinal, self.name = driver, ordinal, f"cuda:{ordinal}"
        self.dlpack_device = (_DLPACK_CUDA, ordinal)
        self.capability = self._attribute(CAPABILITY_MAJOR), self._attribute(CAPABILITY_MINOR)
        self.architecture = architecture(*self.capability)
        self.processor = Processor(number_of(self.architecture), self._attribute(MULTIPROCESSORS))
        self.context = PrimaryContext(driver, ordinal)
        with self.context:
            self.stream = driver.handle("cuStreamCreate", 0)
            self.event = driver.handle("cuEventCreate", EVENT_WITHOUT_TIME)
            device, has_pools = driver.number("cuDeviceGet", ordinal), bool(self._attribute(HAS_POOLS))
            self.memory = MemoryPool(driver, device, self.stream, has_pools)
        self.loader = KernelLoader(driver, CubinCompiler(driver, self.architecture, self.capability))
        self._event_lock, self._staging_lock = threading.Lock(), threading.Lock()

    def __repr__(self) -> str:
        return f"<{self.name}, {self.architecture}, {self.processor.multiprocessors} multiprocessors>"

    def _attribute(self, number: int) -> int:
        device = self.driver.number("cuDeviceGet", self.ordinal)
        return self.driver.number("cuDeviceGetAttribute", number, device)

    # ---- memory ---------------------------------------------------------------------------------------------------

    def allocate(self, size: int) -> int:
        with self.context:
            return self.memory.allocate(size)

    def free(self, address: int) -> None:
        if not self.driver.is_forked:  # else it is the parent's
            with self.context:
                self.memory.free(address)

    def holds(self, address: int) -> bool:
        found = ctypes.c_int()
        with self.context:
            code = self.driver.functions["cuPointerGetAttribute"](ctypes.byref(found), DEVICE_ORDINAL, address)
        if code not in (0, INVALID_VALUE):  # the latter of an address that the driver does not know
            raise self.driver.error("cuPointerGetAttribute", code)
        return code == 0 and found.value == self.ordinal

    # ---- copies ---------------------------------------------------------------------------------------------------

    def upload(self, target: Span, array: np.ndarray) -> None:
        _check_sizes(target.size, array.nbytes)
        with self.context:
            if array.nbytes:
                self._uploads.upload(target.address, np.ascontiguousarray(array).reshape(-1).view(np.uint8))

    def download(self, array: np.ndarray, source: Span) -> None:
        _check_sizes(array.nbytes, source.size)
        with self.context:
            if array.nbytes:
                self._downloads.download(array, source.address)
            else:
                self.driver.call("cuStreamSynchronize", self.stream)

    def copy(self, target: Span, source: Span) -> None:
        _check_sizes(target.size, source.size)
        with self.context:
            if source.size:
                self.driver.call("cuMemcpyDtoDAsync", target.address, source.address, source.size, self.stream)

    @property
    def _uploads(self) -> UploadRing:
        with self._staging_lock:
            return self._upload_ring

    @property
    def _downloads(self) -> DownloadArea:
        with self._staging_lock:
            return self._download_area

    @cached_property
    def _upload_ring(self) -> UploadRing:
        return UploadRing(self.driver, self.stream)

    @cached_property
    def _download_area(self) -> DownloadArea:
        return DownloadArea(self.driver, self.stream)

    # ---- order ----------------------------------------------------------------------------------------------------

    def graph(self, nodes: Sequence[GraphNode], after: Sequence[Sequence[int]]) -> CUDAGraph:
        return CUDAGraph(self.context, self.stream, self.loader, nodes, after)

    def synchronize(self) -> None:
        with self.context:
            self.driver.call("cuStreamSynchronize", self.stream)

    def synchronize_all(self) -> None:
        with self.context:
            self.driver.call("cuCtxSynchronize")

    def order_behind(self, stream: int) -> None:
        self._order(stream, self.stream)

    def order_before(self, stream: int) -> None:
        self._order(self.stream, stream)

    def _order(self, first: int, second: int) -> None:
        with self.context, self._event_lock:
            self.driver.call("cuEventRecord", self.event, first)
            self.driver.call("cuStreamWaitEvent", second, self.event, 0)


def _check_sizes(target: int, source: int) -> None:
    if target != source:
        raise VerifyError(f"{source} bytes are copied to a place of {target}.")


_devices: dict[int, CUDADevice] = {}
_opening = hold_over_forks(threading.RLock())


def device_of(ordinal: int = 0) -> CUDADevice:
    """The device of that number, which is opened once.

    Raises LoweringError where there is no driver or no device, ArgumentError for a number that no device has.
    """
    with _opening:
        driver = open_driver()
        driver.check_process()
        if ordinal not in _devices:
            _devices[ordinal] = CUDADevice(driver, ordinal)
        return _devices[ordinal]
