"""What the tables of a program are made of, before addresses are known: rows, and where their buffers are.

TableRow   one launch, or a jump of a loop or branch
Where      an address, an array of the call, a Block of the arena, or a MovingAddress, which moves with a loop's steps
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ...lowering.buffers import Buffer
from ...lowering.program import Step
from ..launch import Explainer, Plan
from ..nests.row_blocks import NestRows
from ..params import Params, Reference
from .table import ALTERNATING, FIELDS, SLOT, VARIABLE, LoopField


class CallArray(NamedTuple):
    """One of the arrays of a call: inputs, then results, then variables that may have others at each call."""

    number: int


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
    slots: list[tuple[int, int]] = field(default_factory=list)  # where its address is wanted, and with which offset


Where = int | CallArray | Block | MovingAddress
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
class Links:
    """Slots in the tables that get addresses later, and how far from there: those of the call's arrays, with each call,
    and of the arena, whenever it is another one."""

    arrays: list[tuple[int, int, int]] = field(default_factory=list)  # slot, number of the array, bytes
    arena: list[tuple[int, Block, int]] = field(default_factory=list)  # slot, block, bytes from its start


@dataclass(eq=False, repr=False)
class Control:
    """The memory of one loop or branch: numbers and addresses that the walker reads and writes."""

    fields: dict[LoopField, int] = field(default_factory=dict)
    places: dict[LoopField, Location] = field(default_factory=dict)  # fields that hold addresses
    variables: list[MovingAddress] = field(default_factory=list)
    memory: np.ndarray = field(default_factory=lambda: np.zeros(FIELDS, np.int64))
    tables: list[np.ndarray] = field(default_factory=list)

    @property
    def address(self) -> int:
        """Where it lies."""
        return int(self.memory.ctypes.data)

    def prepare(self, links: Links) -> None:
        """The tables; addresses in them may be those of other loops' variables."""
        table = np.zeros((max(1, len(self.variables)), VARIABLE), np.int64)
        for number, variable in enumerate(self.variables):
            refer(variable.place, table.ctypes.data + 8 * VARIABLE * number, links)
            after = -1 if variable.after is None else self.variables.index(variable.after)
            table[number, 1:4] = (variable.step, variable.alternating * ALTERNATING, after)
        for name, place in self.places.items():
            refer(place, self.address + 8 * name, links)
        for name, number in self.fields.items():
            self.memory[name] = number
        self.memory[LoopField.VARIABLES], self.memory[LoopField.VARIABLE_COUNT] = table.ctypes.data, len(self.variables)
        self.tables = [self.memory, table]

    def write_slots(self) -> None:
        """Where the variables' addresses are wanted, once all rows and tables have said so."""
        slots = [(at, number, offset) for number, v in enumerate(self.variables) for at, offset in v.slots]
        table = np.array(slots or [(0, 0, 0)], np.int64)
        assert table.shape[1] == SLOT
        self.memory[LoopField.SLOTS], self.memory[LoopField.SLOT_COUNT] = table.ctypes.data, len(slots)
        self.tables.append(table)


def refer(place: Location, slot: int, links: Links) -> None:
    """Have a place's address written at `slot`: now, with each call, with each arena, or with each step of a loop."""
    where, offset = place
    if isinstance(where, CallArray):
        links.arrays.append((slot, where.number, offset))
    elif isinstance(where, MovingAddress):
        where.slots.append((slot, offset))
    elif isinstance(where, Block):
        links.arena.append((slot, where, offset))
    else:
        ctypes.c_int64.from_address(slot).value = where + offset
