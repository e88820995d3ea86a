"""A program for given sizes: addresses, numbers and an arena, in the tables that the walker runs.

A Binding belongs to one call at a time; a function keeps as many as it has had callers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ....symbolic.dims import show
from ....symbolic.errors import OutOfMemoryError, blame
from ...lowering.bind import Bound
from . import arenas
from .arenas import Arena
from .image import Links
from .rows import Block, PlannedStep, TableRow
from .table import BLOCK_PARTS, DONE, LEAST_STEP_NS, PARTS, PAUSED, STEP, STEP_TO_GO_ON
from .walker import walker

BRIEF_NS = 10_000  # of a call that keeps the GIL: in less time no other thread would get far with it

Walk = Callable[[int], int]  # runs a binding's table, given its header; -1, or the row that failed


@dataclass(eq=False, repr=False)
class Binding:
    """Tables for one set of sizes: `words`, and what is read and written of them.

    header : the address of the first word
    step : of one number, in the header: where a call that has paused goes on
    objects : ids of the call's arrays: inputs, results, the arrays of resizable variables
    results : shape, dtype and bytes of each array that a call makes
    """

    words: np.ndarray
    links: Links
    first_object: int  # the number of a word, as that of the first step is
    first_step: int
    rows: list[TableRow]
    blocks: list[Block]
    plans: dict[int, PlannedStep]  # by the number of the first row of each
    temporaries: int  # bytes
    bound: Bound
    arena: Arena | None = None
    taken: bool = False  # from the pool, for a call that runs
    keep: list[object] = field(default_factory=list)  # what else the words have addresses of

    def __post_init__(self) -> None:
        self.header = int(self.words.ctypes.data)
        self.step, self.objects = self.words[STEP_TO_GO_ON:][:1], self.words[self.first_object : self.first_step]
        self.step_table = self.words[self.first_step :][: STEP * max(1, len(self.rows))].reshape(-1, STEP)
        self.results = [(r.shape, r.dtype, r.bytes) for r in self.bound.results]
        most = int(self.step_table[:, [PARTS, BLOCK_PARTS]].max(initial=1))
        self.walk = walker(most)
        self.parallel = most > 1
        self.brief = not self.parallel and is_brief(self.rows)
        self.pooled = self.temporaries > arenas.PRIVATE_BYTES  # whether its arena is one that others use, too
        self._slots = np.array([word for word, _, _ in self.links.arena], np.intp)
        self._offsets = np.array([block.offset + offset for _, block, offset in self.links.arena], np.int64)
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
        self.words[self._slots] = arena.address + self._offsets


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
