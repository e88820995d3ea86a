"""Temporaries that take the place of others: a nest reads the last of one where it writes the first of the other.

    relu(z)     z is read for the last time, element by element, and what is written has its size

The second is then never new memory, which would have to be fetched, and is written to what the cache has.
"""

from __future__ import annotations

from collections import Counter

from .buffers import Buffer, Role
from .groups import writes_over
from .program import NestStep, Program
from .touched import reads_of, writes_of


def write_in_place(program: Program) -> Program:
    """The program, with temporaries standing in the memory of others that are read for the last time."""
    steps = list(program.all_steps)
    makers = Counter(buffer for step in steps for buffer in writes_of(step))
    for step in steps:
        if isinstance(step, NestStep):
            _write_over(step, makers)
    return program


def _write_over(step: NestStep, makers: Counter[Buffer]) -> None:
    """Have what nests make stand where they read something for the last time."""
    for new in writes_of(step):
        if new.role is not Role.TEMPORARY or new.alias is not None or makers[new] > 1:
            continue
        if not new.first == step.time < new.last:
            continue
        for old in reads_of(step):
            if _ends_here(old, step) and _alike(old, new) and writes_over(step.nests, old, new):
                new.alias = old
                old.home.last = new.last
                break


def _ends_here(old: Buffer, step: NestStep) -> bool:
    """Whether a temporary is read for the last time."""
    return old.role is old.home.role is Role.TEMPORARY and old.home.last == step.time


def _alike(old: Buffer, new: Buffer) -> bool:
    return old.shape == new.shape and old.dtype.itemsize == new.dtype.itemsize
