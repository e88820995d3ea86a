"""Memory of a device before it has an address, and what a graph's nodes do with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ...lowering.buffers import Buffer
from ...lowering.program import Step
from ..driver.device import GraphNode, Span


@dataclass(eq=False, repr=False)
class Region:
    """Bytes that are needed from one time to another; `apart`: they are no part of the arena."""

    size: int
    first: int
    last: int
    buffer: Buffer | None = None
    apart: bool = False
    address: int = 0


class RegionPart(NamedTuple):
    """A part of a region."""

    region: Region
    offset: int
    size: int

    @property
    def span(self) -> Span:
        """Where it is, now that the region has an address."""
        return Span(self.region.address + self.offset, self.size)


def whole(region: Region) -> RegionPart:
    """All of a region."""
    return RegionPart(region, 0, region.size)


class PlannedNode(NamedTuple):
    """A node of a graph; `resolve` makes it for the present addresses."""

    step: Step
    resolve: Callable[[], GraphNode]
    reads: tuple[RegionPart, ...]
    writes: tuple[RegionPart, ...]
    label: str
