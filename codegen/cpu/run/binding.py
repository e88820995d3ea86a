"""A program for given sizes: addresses, numbers and an arena, in the tables that the walker runs.

A Binding belongs to one call at a time; a function keeps as many as it has had callers at once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ....symbolic.dims import show
from ....symbolic.errors import OutOfMemoryError, blame
from ...lowering.bind import Bound
from . import arenas
from .arenas import Arena
from .rows import Block, Links, PlannedStep, TableRow
from .table import DONE, LEAST_STEP_NS, PAUSED

BRIEF_NS = 10_000  # of a call that keeps the GIL: in less time no other thread would get far with it

Walk = Callable[[int], int]  # runs a binding's table, given its header; -1, or the row that failed


@dataclass(eq=False, repr=False)
class Binding:
    """Tables for one set of sizes.  `results`: shape, dtype and bytes of each array that a call makes."""

    header: int
    step: np.ndarray  # of one number, in the header: where a call that has paused goes on
    objects: np.ndarray  # ids of the call's arrays: inputs, results, the arrays of resizable variables
    results: list[tuple[tuple[int, ...], np.dtype, int]]
    rows: list[TableRow]
    step_table: np.ndarray
    walk: Walk
    links: Links
    temporaries: int  # bytes
    bound: Bound
    keep: list[object]  # what the tables have addresses of
    blocks: list[Block]
    plans: dict[int, PlannedStep]  # by the number of the first row of each
    arena: Arena | None = None
    taken: bool = False  # from the pool, for a call that runs

    def __post_init__(self) -> None:
        self.parallel = int(self.step_table[:, [4, 8]].max(initial=1)) > 1
        self.brief = not self.parallel and is_brief(self.rows)
        self.pooled = self.temporaries > arenas.PRIVATE_BYTES  # whether its arena is one that others use, too
        if not self.pooled:
            self.move_to(Arena(self.temporaries))

    def run(self) -> int:
        """Walk to the end; between its pauses Python handles signals.  -1, or the row that failed."""
        failed = self.walk(self.header)
        while failed == PAUSED:
            failed = self.walk(self.header)
        return failed

    @property
    def done(self) -> bool:
        """Whether the last call ended well, whatever was raised since."""
        return bool(self.step[0] == DONE)

    def take_arena(self) -> None:
        """Before a call: have an arena."""
        try:
            found = arenas.take(self.temporaries, self.arena)
        except MemoryError:
            raise no_memory(self.temporaries, self.blocks, self.bound) from None
        if found is not self.arena:
            self.move_to(found)
        self.taken = True

    def keep_arena(self) -> None:
        """Have an arena of its own for good."""
        if self.pooled:
            try:
                self.move_to(arenas.allocate(lambda: Arena(self.temporaries)))
            except MemoryError:
                raise no_memory(self.temporaries, self.blocks, self.bound) from None

    def give_arena(self) -> None:
        """After a call: others may use the arena."""
        if self.taken and self.arena is not None:
            self.taken = False
            arenas.give(self.arena)

    def move_to(self, arena: Arena) -> None:
        """Write the addresses of temporaries in this arena."""
        self.arena = arena
        for slot, block, offset in self.links.arena:
            ctypes.c_int64.from_address(slot).value = arena.address + block.offset + offset


def is_brief(rows: list[TableRow]) -> bool:
    """Whether a call on one thread takes so little time that it may keep the GIL: no Python, no loops, no pauses."""
    alone = all(row.jump is None and row.caller is None for row in rows)
    return alone and sum(max(row.cost, LEAST_STEP_NS) for row in rows) <= BRIEF_NS


def no_memory(size: int, blocks: list[Block], bound: Bound) -> OutOfMemoryError:
    """The error where temporaries do not fit into memory, with the largest of them."""
    block = max((b for b in blocks if b.buffer is not None and b.buffer.node is not None), key=lambda b: b.size)
    assert block.buffer is not None
    assert block.buffer.node is not None
    node, shape = block.buffer.node, show(bound.shape(block.buffer))
    text = (
        f"The temporaries of this call take {size} bytes at once, which cannot be had; the largest is "
        f"{node.op.name} of shape {shape}, with {block.size} bytes."
    )
    return blame(OutOfMemoryError(text), node.site)
