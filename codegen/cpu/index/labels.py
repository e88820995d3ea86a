"""Class labels, checked and narrowed to int32: what crossentropy and its kind compare classes with."""

from types import FunctionType
from typing import Any

import numpy as np

from ..launch import Array, Launch, Plan
from ..run.native import kernel_address
from ..tiles.copy import merge


def make_check_labels(element: str) -> FunctionType:
    """out[i] = x[i], in C order; status 1 at the first label outside [0, classes).

    params: classes, number of axes, then sizes and strides of x.
    """
    import numba

    from ..tiles.intrinsics import pointer

    dtype, narrow, zero = np.dtype(element), np.dtype("int32"), np.dtype(element).type(0)

    @numba.njit
    def place_of(params: Any, axes: int, unit: int) -> int:
        place = 0
        for axis in range(axes - 1, -1, -1):
            size = params[2 + axis]
            place += unit % size * params[2 + axes + axis]
            unit //= size
        return place

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, x = pointer(buffers[0], narrow), pointer(buffers[1], dtype)
        classes, axes = params[0], params[1]
        for unit in range(lo, hi):
            place = unit * params[3] if axes == 1 else place_of(params, axes, unit)
            label = x[place]
            if label < zero or np.uint64(label) >= np.uint64(classes):
                return 1
            out[unit] = label
        return 0

    return kernel


def plan_check_steps(out: Array, steps: Array, length: int) -> Plan:
    """Of one number, which may be the length itself."""
    return plan_check_labels(out, steps, length + 1)


def plan_check_labels(out: Array, labels: Array, classes: int) -> Plan:
    """One pass over the labels."""
    sizes, (steps,) = merge(labels.shape, labels.strides)
    count = int(np.prod(labels.shape, dtype=np.int64))
    address = kernel_address(make_check_labels, labels.dtype.name)
    return Plan((Launch(address, (0, 1), (classes, len(sizes), *sizes, *steps), count, 1.0 * count),))
