"""Arrays of other libraries in a device's memory, read where they are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ....symbolic import dlpack
from ....symbolic.errors import ArgumentError, WeftError, sentence
from .device import Device
from .device_array import DeviceArray
from .layout import c_strides
from .structures import LEGACY_STREAM

_ON_DEVICE = (dlpack.CUDA, dlpack.CUDA_MANAGED)


class DeviceSpan(NamedTuple):
    """An array in a device's memory.

    strides : in bytes
    owner : what keeps the memory, until the device is done with what reads it
    stream : of whoever may change the array or give it back: it is to wait for the device, by `order_before`, once all
             that reads the array was asked for; None: nobody else has it
    """

    address: int
    shape: tuple[int, ...]
    dtype: np.dtype
    strides: tuple[int, ...]
    owner: object
    stream: int | None


def as_device_span(value: Any, device: Device) -> DeviceSpan | None:
    """The array in the device's memory that a value is, or None: it is of the host, or no array.

    What is asked of the device later starts once the value is computed.  Raises ArgumentError for arrays of other
    devices, and for those that cannot be described.
    """
    if isinstance(value, np.ndarray | np.generic | int | float | list | tuple):
        return None
    if isinstance(value, DeviceArray):
        return _of_ours(value, device)
    lies_on = dlpack.device_of(value)
    if lies_on is not None:
        return _of_dlpack(value, lies_on, device) if lies_on[0] in _ON_DEVICE else None
    described = dlpack.cuda_interface_of(value)
    return None if described is None else _of_interface(value, described, device)


def _of_ours(value: DeviceArray, device: Device) -> DeviceSpan:
    if value.device is not device:
        raise _elsewhere(value, value.device.name, device)
    return DeviceSpan(value.address, value.shape, value.dtype, value.strides, value.memory, None)


def _of_dlpack(value: Any, lies_on: tuple[int, int], device: Device) -> DeviceSpan:
    if device.dlpack_device is None or lies_on[1] != device.dlpack_device[1]:
        raise _elsewhere(value, f"cuda:{lies_on[1]}", device)
    try:
        dlpack.check_sign(value)
        capsule = value.__dlpack__(stream=device.stream)
    except WeftError:
        raise
    except Exception as error:  # of any library, for any reason
        name = type(value).__name__
        raise ArgumentError(f"A {name} does not give its array away: {sentence(error)}") from error
    found = dlpack.read_capsule(capsule)
    _check_place(value, found.address, found.shape, device)
    strides = c_strides(found.shape, found.dtype) if found.strides is None else found.strides
    return DeviceSpan(found.address, found.shape, found.dtype, strides, found.capsule, LEGACY_STREAM)


def _of_interface(value: Any, described: dict[str, Any], device: Device) -> DeviceSpan:
    name = type(value).__name__
    if described.get("mask") is not None:
        raise ArgumentError(f"A {name} has a mask, which weft does not take: fill in what is masked.")
    # Before version 3 nobody says which stream computes it; what says nothing in version 3 is computed.
    stream = described.get("stream") if described.get("version", 0) >= 3 else LEGACY_STREAM
    if stream == 0:
        raise ArgumentError(f"The __cuda_array_interface__ of a {name} names stream 0, which may be 1 or 2: which one?")
    address, shape, dtype, strides = _read_interface(name, described)
    _check_place(value, address, shape, device)
    if stream is not None:
        device.order_behind(stream)
    return DeviceSpan(address, shape, dtype, strides, value, LEGACY_STREAM if stream is None else stream)


def _read_interface(name: str, described: dict[str, Any]) -> tuple[int, tuple[int, ...], np.dtype, tuple[int, ...]]:
    """(address, shape, dtype, strides) of an array.  Raises ArgumentError for what describes none."""
    try:
        shape, dtype = tuple(int(n) for n in described["shape"]), np.dtype(described["typestr"])
        strides = described.get("strides")
        steps = c_strides(shape, dtype) if strides is None else tuple(int(n) for n in strides)
        address = int(described["data"][0] or 0)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        text = f"The __cuda_array_interface__ of a {name} describes no array: {sentence(error)}"
        raise ArgumentError(text) from None
    if dtype.kind not in "biufc" or len(steps) != len(shape) or min(shape, default=0) < 0:
        text = f"shape {shape}, strides {steps} and the type {described['typestr']!r}"
        raise ArgumentError(f"The __cuda_array_interface__ of a {name} describes no array of numbers: {text}.")
    return address, shape, dtype, steps


def _check_place(value: Any, address: int, shape: tuple[int, ...], device: Device) -> None:
    if 0 not in shape and not device.holds(address):
        raise _elsewhere(value, "another device, or on none", device)


def _elsewhere(value: Any, place: str, device: Device) -> ArgumentError:
    name = type(value).__name__
    return ArgumentError(f"A {name} lies on {place}, and the function runs on {device.name}: copy it there.")
