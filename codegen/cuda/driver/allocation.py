"""Memory of a device that somebody owns: it is given back when the last owner goes."""

from __future__ import annotations

import weakref
from contextlib import suppress

from ....symbolic.errors import WeftError
from .device import Device, Span


class Allocation:
    """Bytes of a device, for as long as this lives."""

    def __init__(self, device: Device, size: int):
        self.device, self.size = device, size
        self.address = device.allocate(size)
        self._release = _Release(device, self.address)
        weakref.finalize(self, self._release).atexit = False

    @property
    def span(self) -> Span:
        """All of it."""
        return Span(self.address, self.size)

    def note_export(self) -> None:
        """Another library may use the memory, in an order that nobody tells: it is given back once all is done."""
        self._release.exported = True


class _Release:
    """Gives memory back.  Errors are those of earlier calls, and are raised by the next one."""

    __slots__ = ("address", "device", "exported")

    def __init__(self, device: Device, address: int):
        self.device, self.address, self.exported = device, address, False

    def __call__(self) -> None:
        with suppress(WeftError):
            if self.exported:
                self.device.synchronize_all()
            self.device.free(self.address)
