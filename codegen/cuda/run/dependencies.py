"""Which nodes of a graph wait for which: those that touch the same bytes, where one of them writes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from ..driver.device import Span
from .regions import PlannedNode


def dependencies(nodes: Sequence[PlannedNode]) -> list[list[int]]:
    """For each node the earlier ones that must have ended: who wrote what it reads, who used what it writes.

    Memory is cut where any span begins or ends, so that each piece is touched wholly or not at all.
    """
    spans = [([p.span for p in node.reads], [p.span for p in node.writes]) for node in nodes]
    every = [span for reads, writes in spans for span in (*reads, *writes)]
    bounds = sorted({edge for span in every for edge in (span.address, span.address + span.size)})
    writer: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    found: list[list[int]] = []
    for number, (reads, writes) in enumerate(spans):
        before: set[int] = set()
        for piece in _pieces(reads, bounds):
            before.update((writer[piece],) if piece in writer else ())
            readers.setdefault(piece, []).append(number)
        for piece in _pieces(writes, bounds):
            before.update((writer[piece],) if piece in writer else ())
            before.update(readers.pop(piece, ()))
            writer[piece] = number
        found.append(sorted(before - {number}))
    return found


def _pieces(spans: Sequence[Span], bounds: list[int]) -> set[int]:
    found: set[int] = set()
    for span in spans:
        if span.size:
            found.update(range(bisect_left(bounds, span.address), bisect_left(bounds, span.address + span.size)))
    return found
