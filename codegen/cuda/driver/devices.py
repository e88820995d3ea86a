"""Devices by name: "cuda", "cuda:1" and "cuda:simulator"."""

from __future__ import annotations

import functools

from ....symbolic.errors import LoweringError
from .device import Device
from .simulated import SimulatedDevice

SIMULATOR = "simulator"


@functools.cache
def simulator() -> Device:
    """The simulated device."""
    return SimulatedDevice()


def device_named(which: str) -> Device:
    """The device behind the colon of a target's name: a number, or "simulator"; "" is the first one.

    Raises LoweringError for what names no device.
    """
    if which == SIMULATOR:
        return simulator()
    raise LoweringError(f'There is no device {which!r}: write "cuda", "cuda:1" or "cuda:{SIMULATOR}".')
