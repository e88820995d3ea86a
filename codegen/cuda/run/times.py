"""How long each step of a call takes: its nodes are launched by themselves, and waited for."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from time import perf_counter

from ...lowering.program import Step
from ...profile import StepTime
from ..driver.device import Device, DeviceGraph
from .binding import DeviceBinding
from .regions import PlannedNode
from .segments import GraphSegment, Segment


def step_times(binding: DeviceBinding, repeat: int) -> list[StepTime]:
    """The median time of each step, launch and wait included; steps that the host counts or computes as a whole."""
    parts = [part for segment in binding.encoded.segments for part in _parts(segment, binding.device)]
    seconds: dict[Step, float] = {}
    sizes: dict[Step, int] = {}
    for part in parts:
        seconds[part.step] = seconds.get(part.step, 0.0) + part.time(repeat)
        sizes[part.step] = sizes.get(part.step, 0) + part.bytes
        part.close()
    total = sum(seconds.values()) or 1.0
    return [StepTime(s.label, t, t / total, sizes[s], 1, s.node.site) for s, t in seconds.items()]


class _TimedPart:
    """Nodes of one step that follow each other, or one that the host runs."""

    def __init__(self, step: Step, device: Device, nodes: Sequence[PlannedNode], segment: Segment | None = None):
        self.step, self.device, self.nodes, self.segment = step, device, nodes, segment
        self.bytes = sum(p.size for node in nodes for p in (*node.reads, *node.writes))
        self.graphs: list[DeviceGraph] = [device.graph([node.resolve()], [()]) for node in nodes]

    def run(self) -> None:
        """Once, to its end."""
        if self.segment is not None:
            self.segment.run(self.device)
        for graph in self.graphs:
            graph.launch()
        self.device.synchronize()

    def time(self, repeat: int) -> float:
        """The median of so many runs, in seconds."""
        found = []
        for _ in range(repeat):
            begun = perf_counter()
            self.run()
            found.append(perf_counter() - begun)
        return median(found)

    def close(self) -> None:
        """Give back what the device keeps."""
        for graph in self.graphs:
            graph.close()


def _parts(segment: Segment, device: Device) -> list[_TimedPart]:
    if not isinstance(segment, GraphSegment):
        return [_TimedPart(segment.step, device, (), segment)]
    found: list[list[PlannedNode]] = []
    for node in segment.nodes:
        if found and found[-1][0].step is node.step:
            found[-1].append(node)
        else:
            found.append([node])
    return [_TimedPart(nodes[0].step, device, nodes) for nodes in found]
