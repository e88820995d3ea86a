"""Arguments of calls: arrays of the host, and arrays that are on the device already."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....symbolic.errors import ArgumentError, blame, user_site
from ....symbolic.expr import Expr
from ...arguments import adapt_argument
from ..driver.device import Device
from ..driver.device_span import DeviceSpan, as_device_span
from ..driver.layout import download_array, is_c_contiguous

Argument = np.ndarray | DeviceSpan


def take_argument(value: Any, x: Expr, lossy: bool, device: Device) -> Argument:
    """An argument as the code can read it; one of the device in its place, if it is in C order and of the input's
    dtype, and else by way of the host, where it is cast."""
    try:
        span = as_device_span(value, device)
    except ArgumentError as error:
        text = f"{x.name or 'An input without a name'}: {error}"
        raise blame(ArgumentError(text), user_site(), x.site) from error
    if span is None:
        return adapt_argument(value, x, lossy)
    if span.dtype == x.dtype and len(span.shape) == x.ndim and is_c_contiguous(span.shape, span.strides, span.dtype):
        return span
    return adapt_argument(fetch(span, device), x, lossy)


def fetch(span: DeviceSpan, device: Device) -> np.ndarray:
    """The same as an array of the host; waits."""
    return download_array(device, span.address, span.shape, span.strides, span.dtype)


def on_host(argument: Argument, device: Device) -> np.ndarray:
    """An argument as an array of the host."""
    return fetch(argument, device) if isinstance(argument, DeviceSpan) else argument
