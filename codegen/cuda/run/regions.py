"""Memory of a device before it has an address, and what a graph's nodes do with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...lowering.buffers import Buffer
from ...lowering.program import Step
from ..driver.device import Device, GraphNode, Span

_WORD = np.dtype(np.int32).itemsize


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


class RefusalFlags:
    """What steps that refuse their input leave: whether any did, then which, as int32."""

    def __init__(self, most: int):
        self.region = Region(_WORD * (1 + most), 0, 0, apart=True)
        self.steps: list[Step] = []  # those that may, in the order of their flags

    def number(self, step: Step) -> int:
        """The place of a step's flag."""
        if step not in self.steps:
            self.steps.append(step)
        return 1 + self.steps.index(step)

    @property
    def any(self) -> RegionPart:
        """Whether any step did."""
        return RegionPart(self.region, 0, _WORD)

    def are_raised(self, device: Device) -> bool:
        """Whether a step has refused its input; waits, if any may."""
        if not self.steps:
            return False
        found = np.empty(1, np.int32)
        device.download(found, self.any.span)
        return bool(found[0])

    def take(self, device: Device) -> Step | None:
        """The first step that has refused its input, and none has from now on; waits, if any may."""
        if not self.are_raised(device):
            return None
        found = np.empty(self.region.size // _WORD, np.int32)
        device.download(found, whole(self.region).span)
        self.clear(device)
        return self.steps[int(np.flatnonzero(found[1:])[0])]

    def clear(self, device: Device) -> None:
        """No step has refused its input."""
        device.upload(whole(self.region).span, np.zeros(self.region.size // _WORD, np.int32))


class PlannedNode(NamedTuple):
    """A node of a graph; `resolve` makes it for the present addresses."""

    step: Step
    resolve: Callable[[], GraphNode]
    reads: tuple[RegionPart, ...]
    writes: tuple[RegionPart, ...]
    label: str
