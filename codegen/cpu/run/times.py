"""Each row of the table of steps on its own: how long it takes."""

from __future__ import annotations

import ctypes
import time

import numpy as np

from ...profile import StepTime
from .binding import Binding, Walk
from .rows import Block
from .table import BEGIN, END, LoopField


def _row_times(binding: Binding, walk: Walk, repeat: int) -> list[float]:
    """Seconds for each launch in a call: the table is cut to a single row and run; a loop's rows count once a step."""
    header = (ctypes.c_int64 * 5).from_address(binding.header)
    count, first = header[3], header[4]
    times = []
    try:
        header[3] = 1
        for number, often in enumerate(_repeats(binding)):
            if not often:  # a loop without a step: its rows have nowhere to read and write
                times.append(0.0)
                continue
            header[4] = first + number * binding.step_table.strides[0]
            samples = []
            for _ in range(repeat):
                begun = time.perf_counter()
                walk(binding.header)
                samples.append(time.perf_counter() - begun)
            times.append(float(np.median(samples)) * often)
    finally:
        header[3], header[4] = count, first
    return times


def _repeats(binding: Binding) -> list[int]:
    """How often each row ran in the last call; of a loop within another, as often as in the last step of that."""
    found, inside = [], [1]
    for row in binding.rows:
        if row.jump is not None and row.jump.kind == END:
            inside.pop()
        found.append(inside[-1])
        if row.jump is not None and row.jump.kind == BEGIN:
            inside.append(inside[-1] * int(binding.words[row.jump.control.word + LoopField.DONE]))
    return found


def step_times(binding: Binding, walk: Walk, repeat: int) -> list[StepTime]:
    """The median time of each row, of `repeat`."""
    walk(binding.header)  # loops know how many steps there are once they have run
    times = _row_times(binding, walk, repeat)
    total = sum(times) or 1.0
    rows = []
    for number, (row, seconds) in enumerate(zip(binding.rows, times, strict=True)):
        size = sum(where.size for where, _ in row.buffers if isinstance(where, Block))
        threads, step = int(binding.step_table[number, 4]), row.step
        rows.append(StepTime(step.label, seconds, seconds / total, size, threads, step.node.site))
    return rows
