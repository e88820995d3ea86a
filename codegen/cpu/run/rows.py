"""What the tables of a program are made of, before addresses are known: rows, and where their buffers are.

TableRow   one launch, or a jump of a loop or branch
Where      a FixedArray, which stays where it is, an array of the call, a Block of the arena, or a MovingAddress, which
           moves with a loop's steps
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ...lowering.buffers import Buffer
from ...lowering.program import Step
from ..launch import Explainer, Plan
from ..nests.row_blocks import NestRows
from ..params import Params, Reference
from .table import LoopField


class CallArray(NamedTuple):
    """One of the arrays of a call: inputs, then results, then variables that may have others at each call."""

    number: int


@dataclass(eq=False, repr=False)
class FixedArray:
    """A variable's or a constant's, which is kept: its address is the same for all calls."""

    array: np.ndarray

    @property
    def address(self) -> int:
        """Where it lies."""
        return int(self.array.ctypes.data)


@dataclass(eq=False, repr=False)
class Block:
    """Bytes of the arena, needed from the time `first` to `last`; `buffer`: whose they are, if they are one's."""

    size: int
    first: int
    last: int
    buffer: Buffer | None = None
    offset: int = 0


@dataclass(eq=False, repr=False)
class MovingAddress:
    """An address in a loop: `place` and so many bytes further with every step, or with every other step and back.

    With `after` it is where that variable was a step before, and `place` only in the first.
    """

    place: Location
    step: int = 0
    alternating: bool = False
    after: MovingAddress | None = None
    slots: list[tuple[int, int]] = field(default_factory=list)  # words that want its address, and with which offset


Where = FixedArray | CallArray | Block | MovingAddress
Location = tuple[Where, int]  # and bytes from there


class Jump(NamedTuple):
    """What a row does that runs no kernel; `distance` in rows, back where it is negative."""

    kind: int
    control: Control
    distance: int = 0


@dataclass(eq=False, repr=False)
class TableRow:
    """One launch: a kernel, or a jump."""

    kernel: Reference | None  # None: a jump
    buffers: list[Location]
    params: Params
    units: int
    cost: float  # nanoseconds, about, on one core
    number: int  # of the step of the program that it belongs to
    step: Step  # the same, or, in a loop or a branch, the step of the body
    nest_rows: NestRows | None = None  # where it may run in row blocks
    jump: Jump | None = None  # begins or ends a loop or a branch
    caller: Explainer | None = None  # what says why it failed


class PlannedStep(NamedTuple):
    """How a kernel is run, and the buffers that its plan numbers; None: a number of the target's own."""

    plan: Plan
    buffers: tuple[Buffer | None, ...]


@dataclass(eq=False, repr=False)
class Control:
    """What one loop or branch keeps in memory: numbers and addresses that the walker reads and writes."""

    fields: dict[LoopField, int] = field(default_factory=dict)
    places: dict[LoopField, Location] = field(default_factory=dict)  # fields that hold addresses
    variables: list[MovingAddress] = field(default_factory=list)
    word: int = 0  # the first of its fields
