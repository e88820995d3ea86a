"""Class labels, checked and narrowed to int32: what crossentropy and its kind compare classes with."""

import math
from typing import Any, NamedTuple

import numpy as np

from ..launch import Array, Kernel, KernelRef, Launch, Plan
from ..model import INDEX_CHECK_NS
from ..tiles.copy import merge


class LabelsParams(NamedTuple):
    """Of `make_check_labels`."""

    classes: int
    axes: int  # of the labels
    sizes: tuple[int, ...]
    steps: tuple[int, ...]  # in elements


def make_check_labels(element: str) -> Kernel:
    """out[i] = x[i], in C order; status 1 at the first label outside [0, classes)."""
    import numba

    from ..tiles.intrinsics import pointer, read

    dtype, narrow, zero = np.dtype(element), np.dtype("int32"), np.dtype(element).type(0)

    @numba.njit
    def place_of(sizes: Any, steps: Any, axes: int, unit: int) -> int:
        place = 0
        for axis in range(axes - 1, -1, -1):
            size = sizes[axis]
            place += unit % size * steps[axis]
            unit //= size
        return place

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, x = pointer(buffers[0], narrow), pointer(buffers[1], dtype)
        p = read(params, LabelsParams)
        classes, axes, sizes, steps = p.classes, p.axes, p.sizes, p.steps
        for unit in range(lo, hi):
            place = unit * steps[0] if axes == 1 else place_of(sizes, steps, axes, unit)
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
    count = math.prod(labels.shape)
    params = LabelsParams(classes, len(sizes), sizes, steps)
    kernel = KernelRef(make_check_labels, (labels.dtype.name,))
    launch = Launch(kernel, (0, 1), params, count, INDEX_CHECK_NS * count)
    return Plan((launch,), way=f"labels: {labels.dtype}, checked and narrowed to int32")
