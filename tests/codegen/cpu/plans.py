"""Run a structured kernel's Plan on NumPy arrays, without the rest of the compiler."""

import ctypes
from collections.abc import Sequence

import numpy as np
from weft.codegen.cpu.launch import Array, Launch, Plan

_KERNEL = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(ctypes.c_int64), ctypes.c_int64, ctypes.c_int64
)


def describe(array: np.ndarray) -> Array:
    """The array as a planner sees it."""
    return Array(array.dtype, array.shape, tuple(stride // array.itemsize for stride in array.strides))


def run_plan(plan: Plan, outputs: Sequence[np.ndarray], args: Sequence[np.ndarray], pieces: int = 1) -> int:
    """Run the launches in order, each in that many pieces, last piece first; the first status that is not 0, or 0."""
    scratch = [np.full(max(size, 1), 0xA5, np.uint8) for size in plan.scratch]
    addresses = [array.__array_interface__["data"][0] for array in (*outputs, *args, *scratch)]
    for launch in plan.launches:
        status = _run(launch, addresses, pieces)
        if status:
            return status
    return 0


def _run(launch: Launch, addresses: list[int], pieces: int) -> int:
    buffers = (ctypes.c_int64 * max(len(launch.buffers), 1))(*(addresses[i] for i in launch.buffers))
    params = (ctypes.c_int64 * max(len(launch.params), 1))(*launch.params)
    kernel = _KERNEL(launch.kernel)
    bounds = [launch.extent * i // pieces for i in range(pieces + 1)]
    statuses = [kernel(buffers, params, lo, hi) for lo, hi in reversed(list(zip(bounds, bounds[1:], strict=False)))]
    return next((status for status in statuses if status), 0)
