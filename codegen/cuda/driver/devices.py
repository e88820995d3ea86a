"""Devices by name: "cuda", "cuda:1", "cuda:sm_80" and "cuda:simulator"."""

from __future__ import annotations

import functools

from ....symbolic.errors import ArgumentError, LoweringError
from .cuda_device import device_of
from .device import Device
from .offline import OfflineDevice
from .simulated import SimulatedDevice

SIMULATOR = "simulator"


@functools.cache
def _without_driver(which: str) -> Device:
    return SimulatedDevice() if which == SIMULATOR else OfflineDevice(which)


def find_device(which: str) -> Device:
    """The device behind the colon of a target's name: a number, "simulator" or a kind of processor; "" is the first.

    Raises LoweringError for what names none, and where there is no driver or no device.
    """
    try:
        if which == SIMULATOR or which.startswith("sm_"):
            return _without_driver(which)
        if not which or which.isdecimal():
            return device_of(int(which or 0))
    except ArgumentError as error:
        raise LoweringError(str(error)) from None
    raise LoweringError(
        f'"cuda:{which}" names no device: write "cuda", "cuda:1", "cuda:sm_80" for code alone, or "cuda:{SIMULATOR}".'
    )
