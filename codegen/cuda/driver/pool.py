"""Memory of a device: given back in the order of its stream where the device can do that, so that nobody waits."""

from __future__ import annotations

import ctypes

from ....symbolic.errors import OutOfMemoryError, VerifyError, WeftError
from .libcuda import OUT_OF_MEMORY, Driver
from .structures import ALLOCATION_PINNED, LOCATION_DEVICE, RELEASE_THRESHOLD, PoolProperties

_MOST = (1 << 63) - 1


class MemoryPool:
    """Memory of one device, whose context is current.

    What is freed stays with the process, for what is allocated later, until the device has no other memory left.
    """

    def __init__(self, driver: Driver, device: int, stream: int, has_pools: bool):
        self.driver, self.stream = driver, stream
        self.pool = _make_pool(driver, device) if has_pools else 0

    def allocate(self, size: int) -> int:
        """The address of so many bytes, a multiple of 256.  Raises OutOfMemoryError."""
        if size < 0:
            raise VerifyError(f"There are no {size} bytes.")
        if size > _MOST:
            raise OutOfMemoryError(f"An array of {size} bytes is larger than any memory.")
        found, code = self._try(max(size, 1))
        if code == OUT_OF_MEMORY:
            self._trim()
            found, code = self._try(max(size, 1))
        if code == OUT_OF_MEMORY:
            raise OutOfMemoryError(f"The device has no room for {size} bytes more{self._room()}.")
        if code:
            raise self.driver.error(self._allocator, code)
        return found

    @property
    def _allocator(self) -> str:
        return "cuMemAllocFromPoolAsync" if self.pool else "cuMemAlloc"

    def _try(self, size: int) -> tuple[int, int]:
        found = ctypes.c_uint64()
        rest = (self.pool, self.stream) if self.pool else ()
        code = self.driver.functions[self._allocator](ctypes.byref(found), size, *rest)
        return found.value, code

    def _trim(self) -> None:
        self.driver.call("cuStreamSynchronize", self.stream)
        if self.pool:
            self.driver.call("cuMemPoolTrimTo", self.pool, 0)

    def _room(self) -> str:
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        try:
            self.driver.call("cuMemGetInfo", ctypes.byref(free), ctypes.byref(total))
        except WeftError:  # what is said is the allocation that failed
            return ""
        return f": {free.value} of its {total.value} are free"

    def free(self, address: int) -> None:
        """Give memory back, once the stream is done with all that it was asked for."""
        if self.pool:
            self.driver.call("cuMemFreeAsync", address, self.stream)
        else:
            self.driver.call("cuStreamSynchronize", self.stream)
            self.driver.call("cuMemFree", address)


def _make_pool(driver: Driver, device: int) -> int:
    properties = PoolProperties(
        allocType=ALLOCATION_PINNED, handleTypes=0, locationType=LOCATION_DEVICE, locationId=device
    )
    pool = driver.handle("cuMemPoolCreate", ctypes.byref(properties))
    everything = ctypes.c_uint64((1 << 64) - 1)
    driver.call("cuMemPoolSetAttribute", pool, RELEASE_THRESHOLD, ctypes.byref(everything))
    return pool
