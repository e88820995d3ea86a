"""The tables of a program as one row of words, before it is known where code, arrays and the words themselves are.

Words are found by their number.  Whoever runs the tables links them: writes addresses into the words that the links
name.  In a process that is `link` here; in a program without Python, what an exported file brings (codegen/c/).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..params import Reference
from .rows import Block, CallArray, FixedArray, Location, MovingAddress
from .table import HEADER, PATCH


@dataclass(eq=False, repr=False)
class Links:
    """Words that get addresses; bytes are counted from there on."""

    inside: list[tuple[int, int]] = field(default_factory=list)  # word, number of the word whose address it gets
    code: list[tuple[int, Reference]] = field(default_factory=list)
    fixed: list[tuple[int, FixedArray, int]] = field(default_factory=list)  # word, array, bytes
    arrays: list[tuple[int, int, int]] = field(default_factory=list)  # word, which array of the call, bytes
    arena: list[tuple[int, Block, int]] = field(default_factory=list)  # word, block, bytes


class Image:
    """The words, in the order in which room is made for them; the first are the header (table.py)."""

    def __init__(self, arrays: int, rows: int):
        self.words: list[int] = []
        self.links = Links()
        self.rows = rows
        self.room(HEADER)
        self.objects = self.room(max(1, arrays))

    def room(self, count: int) -> int:
        """So many words more, which are 0; the number of the first."""
        first = len(self.words)
        self.words += [0] * count
        return first

    def write(self, word: int, *numbers: int) -> None:
        """Numbers, from that word on."""
        self.words[word : word + len(numbers)] = numbers

    def point(self, word: int, target: int) -> None:
        """The address of another word."""
        self.links.inside.append((word, target))

    def run(self, word: int, code: Reference) -> None:
        """The address of code."""
        self.links.code.append((word, code))

    def refer(self, word: int, place: Location) -> None:
        """The address of a place: for good, with each call, with each arena, or with each step of a loop."""
        where, offset = place
        if isinstance(where, CallArray):
            self.links.arrays.append((word, where.number, offset))
        elif isinstance(where, MovingAddress):
            where.slots.append((word, offset))
        elif isinstance(where, Block):
            self.links.arena.append((word, where, offset))
        else:
            self.links.fixed.append((word, where, offset))

    def end(self, steps: int, commit: int) -> None:
        """The patches, and the header: steps begin at that word, and no pause comes behind the step `commit`."""
        arrays = self.links.arrays
        patches = self.room(PATCH * max(1, len(arrays)))
        for number, (word, array, offset) in enumerate(arrays):
            row = patches + PATCH * number
            self.write(row, 0, array, offset)
            self.point(row, word)
        self.write(0, len(arrays), 0, 0, self.rows, 0, 0, commit)
        for word, target in ((1, patches), (2, self.objects), (4, steps)):
            self.point(word, target)


def link(image: Image) -> np.ndarray:
    """The words at the place where they stay, with all addresses but those of the arena.  Code is made now."""
    words = np.array(image.words, np.int64)
    links, first = image.links, int(words.ctypes.data)
    places, targets = np.array(links.inside, np.int64).reshape(-1, 2).T
    words[places] = first + 8 * targets
    for word, array, offset in links.fixed:
        words[word] = array.address + offset
    for word, code in links.code:
        words[word] = code.address()
    return words
