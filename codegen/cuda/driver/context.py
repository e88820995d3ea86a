"""The context of a device: what the driver's functions work in, for each thread of the host."""

from __future__ import annotations

import ctypes
import threading

from .libcuda import Driver


class _Entered(threading.local):
    """Whether a context is to be popped, for each block that a thread is in."""

    def __init__(self) -> None:
        self.pushed: list[bool] = []


class PrimaryContext:
    """The context that all libraries of the process share for a device: `with context:` around calls of the driver.

    A thread that has another context gets it back behind the block.  For one that has none, the context of device 0
    stays, since it is the one that CUDA's run time would take.
    """

    def __init__(self, driver: Driver, ordinal: int):
        self.driver, self.stays = driver, ordinal == 0
        device = driver.number("cuDeviceGet", ordinal)
        self.handle = driver.handle("cuDevicePrimaryCtxRetain", device)
        self._entered = _Entered()

    def __enter__(self) -> None:
        driver = self.driver
        driver.check_process()
        current = driver.handle("cuCtxGetCurrent")
        push = current != self.handle
        if push and not current and self.stays:
            driver.call("cuCtxSetCurrent", self.handle)
            push = False
        elif push:
            driver.call("cuCtxPushCurrent", self.handle)
        self._entered.pushed.append(push)

    def __exit__(self, *raised: object) -> None:
        if self._entered.pushed.pop():
            self.driver.call("cuCtxPopCurrent", ctypes.byref(ctypes.c_void_p()))
