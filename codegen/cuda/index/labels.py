"""Labels of classes and numbers of steps, checked and narrowed to int32: what later kernels compare or count with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..launch import Failure, GridLaunch, GridPlan, Processor, Strided, operand
from ..trace.builder import INT32, INT64, KernelBuilder, place_type
from ..trace.kernel import Pointer, TracedKernel, TraceRef
from .places import THREADS, Arguments, Parameters, StridedAxes, blocks_for, is_wide, merge_axes, thread_number


def plan_check_labels(out: Strided, labels: Strided, processor: Processor, *, classes: int) -> GridPlan:
    """out = labels, each of which must lie in [0, classes)."""
    return _plan(labels, classes, "labels")


def plan_check_steps(out: Strided, steps: Strided, processor: Processor, *, length: int) -> GridPlan:
    """out = one number of steps, which must lie in [0, length]."""
    return _plan(steps, length + 1, "steps")


def _plan(labels: Strided, limit: int, what: str) -> GridPlan:
    count = math.prod(labels.shape)
    if count == 0:
        return GridPlan(())
    wide = is_wide(labels)
    sizes, (steps,) = merge_axes(labels.shape, labels.strides)
    axes = StridedAxes(len(sizes), 1, wide)
    kernel = TraceRef(make_check_labels, (labels.dtype.name, axes.rank, wide))
    numbers = axes.numbers(sizes, (labels.start, steps))
    arguments: Arguments = (operand(0), operand(1), Failure.FLAGS, Failure.NUMBER, count, limit, *numbers)
    launch = GridLaunch(kernel, blocks_for(count), arguments)
    return GridPlan((launch,), way=f"{what}: {labels.dtype}, checked and narrowed to int32")


def make_check_labels(element: str, rank: int, wide: bool) -> TracedKernel:
    """out[i] = labels[i], in C order; 0 and a refusal for those outside of [0, limit)."""
    dtype, axes = np.dtype(element), StridedAxes(rank, 1, wide)

    def body(
        k: KernelBuilder, out: Any, labels: Any, flags: Any, step: Any, count: Any, limit: Any, *numbers: Any
    ) -> None:
        number = thread_number(k, wide)
        with k.when(number < count):
            label = k.cast(labels[axes.places(k, number, numbers)[0]], INT64)  # beyond int64 it becomes negative
            good = (label >= 0) & (label < limit)
            out[number] = k.cast(k.select(good, label, 0), INT32)
            with k.when(~good):
                k.refuse(flags, step)

    parameters: Parameters = (
        Pointer(INT32),
        Pointer(dtype),
        Pointer(INT32),
        INT32,
        place_type(wide),
        INT64,
        *axes.types,
    )
    return TracedKernel("check_labels", parameters, THREADS, body)
