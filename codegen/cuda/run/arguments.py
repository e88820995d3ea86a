"""Arguments of calls: arrays of the host, and arrays that are on the device already."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....symbolic.expr import Expr
from ...arguments import adapt_argument
from ..driver.device import Device, Span
from ..driver.device_span import DeviceSpan, as_device_span

Argument = np.ndarray | DeviceSpan


def take_argument(value: Any, x: Expr, lossy: bool, device: Device) -> Argument:
    """An argument as the code can read it; one of the device in its place, if it is in C order and of the input's
    dtype, and else by way of the host, where it is cast."""
    span = as_device_span(value, device)
    if span is None:
        return adapt_argument(value, x, lossy)
    if span.dtype == x.dtype and len(span.shape) == x.ndim and is_c_contiguous(span):
        return span
    return adapt_argument(fetch(span, device), x, lossy)


def is_c_contiguous(span: DeviceSpan) -> bool:
    """Whether the elements stand in C order without gaps."""
    expected = span.dtype.itemsize
    for size, stride in zip(reversed(span.shape), reversed(span.strides), strict=True):
        if size != 1 and stride != expected:
            return 0 in span.shape
        expected *= size
    return True


def fetch(span: DeviceSpan, device: Device) -> np.ndarray:
    """The same as an array of the host; waits."""
    if 0 in span.shape:
        return np.empty(span.shape, span.dtype)
    reach = [(size - 1) * stride for size, stride in zip(span.shape, span.strides, strict=True)]
    low, high = sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach) + span.dtype.itemsize
    raw = np.empty(high - low, np.uint8)
    device.download(raw, Span(span.address + low, high - low))
    return np.ndarray(span.shape, span.dtype, raw, -low, span.strides).copy()


def on_host(argument: Argument, device: Device) -> np.ndarray:
    """An argument as an array of the host."""
    return fetch(argument, device) if isinstance(argument, DeviceSpan) else argument
