"""What a call runs one after the other: graphs, and between them what needs the host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from ....symbolic.errors import WeftError, at_site, blame
from ....symbolic.evaluate import value_of
from ...lowering.bind import Array, BranchCall, KernelCall, LoopCall
from ...lowering.elements import elements
from ...lowering.program import Step
from ..driver.device import Device, DeviceGraph
from .dependencies import dependencies
from .regions import PlannedNode, RefusalFlags, Region, RegionPart


class Segment(Protocol):
    """A part of a call; `inner`: the segments of its bodies."""

    inner: list[Segment]

    @property
    def step(self) -> Step:
        """The step, or the first of those, that it runs."""

    def run(self, device: Device) -> None:
        """Run it, behind all that was asked of the device before."""

    def move(self, regions: set[Region]) -> None:
        """These regions have got other addresses."""

    def close(self) -> None:
        """Give back what the device keeps of it."""


class GraphSegment:
    """Nodes that the device runs by itself: one launch."""

    def __init__(self, nodes: Sequence[PlannedNode]):
        self.nodes = tuple(nodes)
        self.inner: list[Segment] = []
        self.graph: DeviceGraph | None = None

    @property
    def step(self) -> Step:
        return self.nodes[0].step

    def run(self, device: Device) -> None:
        if self.graph is None:
            self.graph = device.graph([node.resolve() for node in self.nodes], dependencies(self.nodes))
        self.graph.launch()

    def move(self, regions: set[Region]) -> None:
        for number, node in enumerate(self.nodes):
            if self.graph is not None and any(p.region in regions for p in (*node.reads, *node.writes)):
                self.graph.replace(number, node.resolve())

    def close(self) -> None:
        if self.graph is not None:
            self.graph.close()
            self.graph = None


class CallEnded(Exception):
    """A step has refused its input: what stands behind it is not run."""


class _HostSegment:
    """What the three that follow have."""

    def __init__(
        self,
        call: KernelCall | LoopCall | BranchCall,
        flags: RefusalFlags,
        bodies: Sequence[Sequence[Segment]] = (),
    ):
        self.flags = flags
        self.may_be_refused = bool(flags.steps)  # by a step before it, or in its bodies
        self.inner = [segment for body in bodies for segment in body]
        self._step: Step = call.step

    @property
    def step(self) -> Step:
        return self._step

    def check_refusals(self, device: Device) -> None:
        """The host acts on no value that comes of an input that was refused.  Raises CallEnded."""
        if self.may_be_refused and self.flags.are_raised(device):
            raise CallEnded

    def move(self, regions: set[Region]) -> None:
        for segment in self.inner:
            segment.move(regions)

    def close(self) -> None:
        for segment in self.inner:
            segment.close()


class HostStep(_HostSegment):
    """An op that the host computes, by its reference: its arguments come from the device, and its outputs go there."""

    def __init__(
        self,
        call: KernelCall,
        flags: RefusalFlags,
        sizes: dict[str, int],
        outputs: Sequence[RegionPart],
        arguments: Sequence[RegionPart],
    ):
        super().__init__(call, flags)
        self.call, self.sizes, self.outputs, self.arguments = call, sizes, tuple(outputs), tuple(arguments)

    def run(self, device: Device) -> None:
        self.check_refusals(device)
        node = self.call.step.node
        values = [
            _fetch(device, part, array, place.offset)
            for part, array, place in zip(
                self.arguments, self.call.arguments, self.call.places[len(self.outputs) :], strict=True
            )
        ]
        with at_site(node.site), np.errstate(all="ignore"):
            try:
                found = value_of(node, values, self.sizes)
            except WeftError as error:
                raise blame(error, node.site) from None
        results = found if isinstance(found, tuple) else (found,)
        for part, array, value in zip(self.outputs, self.call.outputs, results, strict=True):
            made = np.ascontiguousarray(np.broadcast_to(np.asarray(value, array.dtype), array.shape))
            if part.size:
                device.upload(part.span, made)


def _fetch(device: Device, part: RegionPart, array: Array, offset: int) -> np.ndarray:
    """An operand of a kernel as an array of the host."""
    flat = np.empty(part.size // array.dtype.itemsize, array.dtype)
    if flat.size:
        device.download(flat, part.span)
    return elements(flat, array.shape, array.strides, offset // array.dtype.itemsize).copy()


class HostBranch(_HostSegment):
    """One of two bodies: the host looks at the condition."""

    def __init__(
        self,
        call: BranchCall,
        flags: RefusalFlags,
        condition: RegionPart,
        bodies: tuple[list[Segment], list[Segment]],
    ):
        super().__init__(call, flags, bodies)
        self.call, self.condition, self.bodies = call, condition, bodies

    def run(self, device: Device) -> None:
        self.check_refusals(device)
        for segment in self.bodies[0 if _read(device, self.condition, np.bool_) else 1]:
            segment.run(device)


class CarryParts(NamedTuple):
    """Where a carry is: as `CarryBuffers`."""

    start: RegionPart
    before: RegionPart
    after: RegionPart
    result: RegionPart


class LoopParts:
    """Where a loop's values are: of each pair what the body sees, and what lies outside."""

    def __init__(self) -> None:
        self.sequences: list[tuple[RegionPart, RegionPart]] = []  # (whole, element)
        self.stacked: list[tuple[RegionPart, RegionPart]] = []
        self.carries: list[CarryParts] = []
        self.count: RegionPart | None = None
        self.test: RegionPart | None = None
        self.taken: RegionPart | None = None


class HostLoop(_HostSegment):
    """A loop whose steps the host counts: their number depends on data, or is large."""

    def __init__(self, call: LoopCall, flags: RefusalFlags, parts: LoopParts, body: list[Segment]):
        super().__init__(call, flags, (body,))
        self.call, self.parts, self.body = call, parts, body

    def run(self, device: Device) -> None:
        call, parts = self.call, self.parts
        limit = call.length
        if parts.count is not None:
            self.check_refusals(device)
            limit = min(limit, max(0, int(_read(device, parts.count, np.int64))))
        for start, before, _, _ in parts.carries:
            _copy(device, before, start)
        taken = 0
        while taken < limit:
            place = limit - 1 - taken if call.step.reverse else taken
            for whole, element in parts.sequences:
                _copy(device, element, RegionPart(whole.region, whole.offset + place * element.size, element.size))
            for segment in self.body:
                segment.run(device)
            for whole, element in parts.stacked:
                _copy(device, RegionPart(whole.region, whole.offset + place * element.size, element.size), element)
            for _, before, after, _ in parts.carries:
                _copy(device, before, after)
            taken += 1
            if parts.test is not None:
                self.check_refusals(device)
                if not _read(device, parts.test, np.bool_):
                    break
        for _, before, _, result in parts.carries:
            _copy(device, result, before)
        if parts.taken is not None:
            device.upload(parts.taken.span, np.array([taken], np.int64))


def _read(device: Device, part: RegionPart, dtype: type[np.generic]) -> np.generic:
    """One number of the device; waits for it."""
    found = np.empty(1, dtype)
    device.download(found, part.span)
    number: np.generic = found[0]
    return number


def _copy(device: Device, target: RegionPart, source: RegionPart) -> None:
    if target.size and target.span != source.span:
        device.copy(target.span, source.span)


def each_segment(segments: Sequence[Segment]) -> Iterator[Segment]:
    """The segments, each before those of its bodies."""
    for segment in segments:
        yield segment
        yield from each_segment(segment.inner)


def each_graph(segments: Sequence[Segment]) -> list[GraphSegment]:
    """The graphs, those of bodies too."""
    return [segment for segment in each_segment(segments) if isinstance(segment, GraphSegment)]
