"""Run a kernel's plan on NumPy arrays, whole and cut at odd places."""

import ctypes
from collections.abc import Sequence

import numpy as np

from weft.codegen.cpu.launch import Array, Launch, Plan
from weft.codegen.cpu.params import resolve

_KERNEL = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(ctypes.c_int64), ctypes.c_int64, ctypes.c_int64
)


def describe(array: np.ndarray) -> Array:
    """The operand as a planner sees it."""
    return Array(array.dtype, array.shape, tuple(stride // array.itemsize for stride in array.strides))


def run_plan(plan: Plan, outputs: Sequence[np.ndarray], args: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Run the launches into `outputs`; again with the units cut at odd places and in reverse: the same bits."""
    _run(plan, outputs, args, lambda extent: [(0, extent)])
    whole = [output.tobytes() for output in outputs]
    _run(plan, outputs, args, _odd_cuts)
    assert [output.tobytes() for output in outputs] == whole, "the result depends on how the units are cut"
    return tuple(outputs)


def _odd_cuts(extent: int) -> list[tuple[int, int]]:
    """Ranges of 1, 2, 3, ... units that cover the extent, last first."""
    cuts, lo = [], 0
    while lo < extent:
        cuts.append((lo, min(lo + len(cuts) + 1, extent)))
        lo = cuts[-1][1]
    return cuts[::-1]


def _run(plan: Plan, outputs: Sequence[np.ndarray], args: Sequence[np.ndarray], cuts: object) -> None:
    scratch = [np.full(size, 0xFF, np.uint8) for size in plan.scratch]  # NaN wherever a kernel forgets to write
    arrays = [*outputs, *args, *scratch]
    for launch in plan.launches:
        for lo, hi in cuts(launch.extent):  # type: ignore[operator]
            assert launch_once(launch, arrays, lo, hi) == 0


def launch_once(launch: Launch, arrays: Sequence[np.ndarray], lo: int, hi: int) -> int:
    """The status of one kernel over the units [lo, hi)."""
    buffers = (ctypes.c_int64 * max(len(launch.buffers), 1))(*(arrays[i].ctypes.data for i in launch.buffers))
    address, numbers = launch.kernel.address(), resolve(launch.params)
    params = (ctypes.c_int64 * max(len(numbers), 1))(*numbers)
    return int(_KERNEL(address)(buffers, params, lo, hi))
