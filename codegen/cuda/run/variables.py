"""Copies of shared variables on a device."""

from __future__ import annotations

import threading

import numpy as np

from ....symbolic.forks import hold_over_forks
from ....symbolic.storage import Storage
from ..driver.allocation import Allocation
from ..driver.device import Device


class VariableCopy:
    """The value of a shared variable on a device."""

    def __init__(self, memory: Allocation, dtype: np.dtype, shape: tuple[int, ...]):
        self.memory, self.dtype, self.shape = memory, dtype, shape

    def fetch(self) -> np.ndarray:
        """The same as an array of the host; waits."""
        found = np.empty(self.shape, self.dtype)
        if found.size:
            self.memory.device.download(found, self.memory.span)
        self.memory.device.check()
        return found


_bringing = hold_over_forks(threading.RLock())


def copy_on(device: Device, storage: Storage) -> VariableCopy:
    """The newest value of a variable on the device; of several readers at once the first brings it there."""
    with _bringing:
        return _copy_on(device, storage)


def _copy_on(device: Device, storage: Storage) -> VariableCopy:
    held = storage.copy_at(device.name)
    if isinstance(held, VariableCopy):
        return held
    value = storage.value
    copy = _room(device, storage, value.shape, value.dtype, value.nbytes)
    if value.size:
        device.upload(copy.memory.span, value)
    storage.note_copy(device.name, copy)
    return copy


def _room(device: Device, storage: Storage, shape: tuple[int, ...], dtype: np.dtype, size: int) -> VariableCopy:
    """The memory that the variable has on the device, where its size is the same, else new memory."""
    before = storage.stale_copy_at(device.name)
    if isinstance(before, VariableCopy) and before.memory.span.size == size:
        return VariableCopy(before.memory, dtype, shape)
    return VariableCopy(Allocation(device, size), dtype, shape)
