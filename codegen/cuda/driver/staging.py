"""Pinned memory of the host, which copies between host and device pass through: arrays need not wait for them."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np

from .libcuda import Driver
from .structures import EVENT_WITHOUT_TIME

PARTS = 4
PART_BYTES = 2 << 20
_STEP = 64  # bytes, between what is copied

Bytes = np.ndarray[Any, np.dtype[np.uint8]]


class UploadRing:
    """Bytes for the device wait here, in turn in each of a few parts, until the stream has fetched them.

    The context of the device is current.
    """

    def __init__(self, driver: Driver, stream: int):
        self.driver, self.stream, self.lock = driver, stream, threading.Lock()
        self.memory = allocate_staging(driver, PARTS * PART_BYTES)
        self.events = [driver.handle("cuEventCreate", EVENT_WITHOUT_TIME) for _ in range(PARTS)]
        self.part = self.used = 0

    def upload(self, address: int, data: Bytes) -> None:
        """Copy bytes to an address of the device; they may change as soon as this returns."""
        with self.lock:
            done = 0
            while done < data.size:
                if self.used >= PART_BYTES:
                    self._turn()
                count = min(data.size - done, PART_BYTES - self.used)
                self._send(address + done, data[done : done + count])
                done += count

    def _send(self, address: int, data: Bytes) -> None:
        start = self.part * PART_BYTES + self.used
        place = self.memory[start : start + data.size]
        place[:] = data
        self.used += -(-data.size // _STEP) * _STEP
        self.driver.call("cuMemcpyHtoDAsync", address, place.ctypes.data, data.size, self.stream)

    def _turn(self) -> None:
        """Go on with the next part, once the stream has fetched what was there."""
        self.driver.call("cuEventRecord", self.events[self.part], self.stream)
        self.part, self.used = (self.part + 1) % PARTS, PART_BYTES  # full, until it is known to be empty
        self.driver.call("cuEventSynchronize", self.events[self.part])
        self.used = 0


class DownloadArea:
    """Bytes from the device arrive here if they are few, and where they belong if they are many.

    The context of the device is current.
    """

    def __init__(self, driver: Driver, stream: int):
        self.driver, self.stream, self.lock = driver, stream, threading.Lock()
        self.memory = allocate_staging(driver, PART_BYTES)

    def download(self, array: np.ndarray, address: int) -> None:
        """Fill an array, in C order, from an address of the device."""
        if array.nbytes > PART_BYTES:
            direct = array.flags.c_contiguous and array.flags.writeable
            target = array if direct else np.empty(array.shape, array.dtype)
            self._fetch(target.ctypes.data, address, target.nbytes)
            if not direct:
                array[...] = target
            return
        with self.lock:
            part = self.memory[: array.nbytes]
            self._fetch(part.ctypes.data, address, array.nbytes)
            array[...] = part.view(array.dtype).reshape(array.shape)

    def _fetch(self, target: int, address: int, size: int) -> None:
        self.driver.call("cuMemcpyDtoHAsync", target, address, size, self.stream)
        self.driver.call("cuStreamSynchronize", self.stream)


def allocate_staging(driver: Driver, size: int) -> Bytes:
    """Memory of the host that the device copies from and to by itself; it stays."""
    address = driver.handle("cuMemHostAlloc", size, 0)
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
