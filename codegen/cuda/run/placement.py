"""Where each step of a call runs: on the device, in which kernels, or on the host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...lowering.program import LoopStep, Program, Step
from ...lowering.text import number_steps
from ..trace.protect import make_conditional
from .segments import GraphSegment, HostBranch, HostLoop, HostStep, Segment

_CONDITIONAL = f"{make_conditional.__module__.rpartition('.cuda.')[2]}.{make_conditional.__name__}("


def host_segments(segments: Sequence[Segment]) -> list[Segment]:
    """What needs the host, that in bodies too."""
    found: list[Segment] = []
    for segment in segments:
        if not isinstance(segment, GraphSegment):
            found += [segment, *host_segments(getattr(segment, "inner", ()))]
    return found


def placement_lines(program: Program, segments: Sequence[Segment]) -> list[str]:
    """A line for each step, those of bodies too."""
    by_host = {segment.step: segment for segment in host_segments(segments)}
    nodes: dict[Step, Counter[str]] = {}
    _count_nodes(segments, nodes)
    lines = []
    for step, name in number_steps(program).items():
        margin = "    " * name.count(".")
        lines.append(f"{margin}{name}: {step.label}: {_place(step, by_host.get(step), nodes.get(step, Counter()))}")
    return lines


def _count_nodes(segments: Sequence[Segment], found: dict[Step, Counter[str]]) -> None:
    for segment in segments:
        if isinstance(segment, GraphSegment):
            for node in segment.nodes:
                found.setdefault(node.step, Counter())[_kernel(node.label)] += 1
        else:
            _count_nodes(getattr(segment, "inner", ()), found)


def _kernel(label: str) -> str:
    """The name of a node's kernel, without what it is specialised for."""
    return label.removeprefix(_CONDITIONAL).partition("(")[0]


def _place(step: Step, segment: Segment | None, nodes: Counter[str]) -> str:
    kernels = ", ".join(f"{name}{f' x {count}' if count > 1 else ''}" for name, count in nodes.items())
    if isinstance(segment, HostStep):
        return "on the host"
    if isinstance(segment, HostLoop):
        return "the host counts the steps, which run as follows"
    if isinstance(segment, HostBranch):
        return "the host takes one of the bodies, which run as follows"
    if isinstance(step, LoopStep):
        return f"on the device: its steps are nodes of graphs{', and ' + kernels if kernels else ''}"
    return f"on the device: {kernels}" if kernels else "nothing to do"
