"""Where each step of a call runs: on the device, by which kernels, or on the host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...lowering.program import LoopStep, Program, Step
from ...lowering.text import INDENT, number_steps
from .segments import GraphSegment, HostBranch, HostLoop, HostStep, Segment, each_graph, each_segment


def host_segments(segments: Sequence[Segment]) -> list[Segment]:
    """What needs the host, that in bodies too."""
    return [segment for segment in each_segment(segments) if not isinstance(segment, GraphSegment)]


def placement_lines(program: Program, segments: Sequence[Segment]) -> list[str]:
    """The steps, those of bodies too, and how the device runs them."""
    by_host = {segment.step: segment for segment in host_segments(segments)}
    nodes: dict[Step, Counter[str]] = {}  # how many of each kind every step has
    for node in (node for graph in each_graph(segments) for node in graph.nodes):
        nodes.setdefault(node.step, Counter())[node.label.removeprefix(f"{node.step.label}: ")] += 1
    lines = []
    for step, name in number_steps(program).items():
        margin = INDENT * name.count(".")
        ways = [f"{way}, {count} times" if count > 1 else way for way, count in nodes.get(step, Counter()).items()]
        place = _place(step, by_host.get(step), ways)
        lines.append(f"{margin}{name}: {step.label}: {place}")
        if len(ways) != 1:
            lines += [f"{margin}{INDENT}{way}" for way in ways]
    return lines


def _place(step: Step, segment: Segment | None, ways: Sequence[str]) -> str:
    if isinstance(segment, HostStep):
        return "on the host"
    if isinstance(segment, HostLoop):
        return "the host counts the steps, which run as follows"
    if isinstance(segment, HostBranch):
        return "the host takes one of the bodies, which run as follows"
    if isinstance(step, LoopStep):
        return f"on the device, its steps as nodes of graphs{f'; {ways[0]}' if len(ways) == 1 else ''}"
    if not ways:
        return "nothing to do"
    return f"on the device{f': {ways[0]}' if len(ways) == 1 else ''}"
