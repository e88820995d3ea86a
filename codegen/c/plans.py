"""The tables of exported functions: what `codegen/cpu` makes of a program for each set of sizes, and no address.

What differs from set to set is mostly a few numbers.  So a table is kept as those words of it that are not as in the
first one with the same links: tables for a hundred sizes take little more room than one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...symbolic.dims import Shape, SymDim, value
from ...symbolic.errors import LoweringError, WeftError, blame, user_site
from ...symbolic.leaves import storage_of
from ...symbolic.storage import Storage
from ..cpu.launch import KernelRef
from ..cpu.run.callback import make_callback
from ..cpu.run.compile import plan_nests
from ..cpu.run.encode import Encoder, Setting
from ..cpu.run.image import Image
from ..cpu.run.layouts import ARRAY_DATA
from ..cpu.run.rows import TableRow
from ..lowering.bind import Bound
from .code import CodeTable
from .data import Data
from .signature import CFunction
from .size_sets import Sizes

WORD_BYTES = 8


class TableLayout(NamedTuple):
    """Tables that have the same links: see struct weft_layout in runtime/types.c."""

    words: int  # where the first of them is in the data
    length: int
    links: int
    counts: tuple[int, int, int, int]  # of words that get addresses: inside, code, fixed, arena
    cells: int
    steps: int
    rows: int
    texts: int


class PlannedSizes(NamedTuple):
    """One set of sizes; `refusal`: what is wrong with them."""

    sizes: Sizes
    refusal: str | None
    layout: int
    changes: int
    change_count: int
    arena_bytes: int


class Planner:
    """Plans one function for set after set of sizes; code and constants are those of the whole file.

    kept, new, shaped : the numbers of variables whose arrays stay, which get new arrays, whose sizes may change
    """

    def __init__(self, f: CFunction, data: Data, code: CodeTable, variables: Mapping[Storage, int], threads: int):
        self.f, self.data, self.code, self.threads = f, data, code, threads
        function = f.function
        self.nests = plan_nests(function.program.nests)
        self.moving = function.program.shared
        self.resizable = [node for node in function.variable_nodes if storage_of(node).resizable]
        self.kept = [variables[buffer.storage] for buffer in self.moving]
        self.new = [variables[storage_of(node)] for node, _ in function.program.replaced]
        self.shaped = [variables[storage_of(node)] for node in self.resizable]
        self.sources = [(variables[storage_of(node)], axis) for node, axis in f.stored.values()]
        self.layouts: list[TableLayout] = []
        self.texts: dict[str, int] = {}
        self.plans: list[PlannedSizes] = []
        self.most_words = 0
        self._firsts: dict[Any, tuple[int, np.ndarray]] = {}  # layouts, and the words of their first tables

    def plan(self, sets: Sequence[Sizes]) -> None:
        """Plan all sets.  Raises what is wrong with the first where something is with each."""
        errors = []
        for sizes in sets:
            known = dict(zip(self.f.sizes, sizes, strict=True))
            try:
                bound = self._bind(known)
            except WeftError as error:
                errors.append(error)
                self.plans.append(PlannedSizes(sizes, str(error), 0, 0, 0, 0))
            else:
                self.plans.append(self._plan(sizes, known, bound))
        if len(errors) == len(sets):
            raise errors[0]

    def _bind(self, known: Mapping[str, int]) -> Bound:
        """The program for these sizes.  Raises GuardError and others where they break what was taken for granted."""
        function = self.f.function
        nodes = [*function.source.inputs, *function.variable_nodes]
        return function.bind_sizes(function.sizes_of({node: _numbers(node.shape, known) for node in nodes}, known))

    def _plan(self, sizes: Sizes, known: Mapping[str, int], bound: Bound) -> PlannedSizes:
        encoder = Encoder(bound, self.nests, Setting(self.threads, self.moving))
        encoder.plan()
        for row in encoder.rows:
            _refuse_python(self.f, row)
        image = encoder.image()
        cells = self._add_cells(image, encoder)
        shapes = [_numbers(node.shape, known) for node in self.resizable]
        shapes += [result.shape for result in bound.results[len(self.f.function.source.outputs) :]]
        image.words += [size for shape in shapes for size in shape]
        links, counts = self._link(image)
        texts = np.array([self._text(row) for row in encoder.rows], np.int32)
        words = np.array(image.words, np.int64)
        self.most_words = max(self.most_words, len(words))
        key = (len(words), links.tobytes(), counts, texts.tobytes(), cells, encoder.steps)
        if key not in self._firsts:
            places = [self.data.add(table.tobytes()) for table in (words, links, texts)]
            self._firsts[key] = len(self.layouts), words
            layout = TableLayout(places[0], len(words), places[1], counts, cells, encoder.steps, len(texts), places[2])
            self.layouts.append(layout)
        number, first = self._firsts[key]
        changed = np.flatnonzero(words != first)
        changes = self.data.add(np.stack([changed, words[changed]], 1).tobytes())
        return PlannedSizes(sizes, None, number, changes, len(changed), encoder.temporaries)

    def _add_cells(self, image: Image, encoder: Encoder) -> int:
        """Words for the addresses of a call's arrays, at which the walker looks as if they were arrays of NumPy's."""
        count = len(encoder.given)
        cells = image.room(count)
        for number in range(count):
            image.point(image.objects + number, cells + number)
            image.words[image.objects + number] = -ARRAY_DATA
        image.write(image.room(count), *[encoder.bytes(buffer) for buffer in encoder.given])
        return cells

    def _link(self, image: Image) -> tuple[np.ndarray, tuple[int, int, int, int]]:
        """The words that get an address, those of each kind together; each gets what is added to the address."""
        links = image.links
        for word, target in links.inside:
            image.words[word] += WORD_BYTES * target
        for word, reference in links.code:
            image.words[word] = self.code.number(reference)
        for word, fixed, offset in links.fixed:
            image.words[word] = self.data.add(np.ascontiguousarray(fixed.array).tobytes()) + offset
        for word, block, offset in links.arena:
            image.words[word] = block.offset + offset
        kinds = (links.inside, links.code, links.fixed, links.arena)
        words = [link[0] for kind in kinds for link in kind]
        counts = (len(links.inside), len(links.code), len(links.fixed), len(links.arena))
        return np.array(words, np.int32), counts

    def _text(self, row: TableRow) -> int:
        """The number of the text that says what a row computes."""
        node = row.step.node
        text = f"{node.op.name} ({node.site})" if node.site else node.op.name
        return self.texts.setdefault(text, len(self.texts))


def _numbers(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(value(dim, dict(sizes)) if isinstance(dim, SymDim) else dim for dim in shape)


def _refuse_python(f: CFunction, row: TableRow) -> None:
    """Raise LoweringError for a step that calls Python."""
    if isinstance(row.kernel, KernelRef) and row.kernel.make is make_callback:
        node = row.step.node
        text = f"export: {node.op.name}, in {f.function.name}, runs in Python, which an exported function does without."
        hint = "linear algebra by LAPACK and callbacks stay in Python: export what comes before and behind."
        raise blame(LoweringError(text), user_site(), node.site, hint=hint)
