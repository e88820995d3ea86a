"""The plan of a bound program, and the code of its kernels, as text."""

from __future__ import annotations

from ...lowering.bind import Bound
from ..driver.device import KernelNode
from ..launch import Processor
from ..trace.kernel import TracedKernel, TraceRef
from ..trace.ptx import to_ptx
from ..trace.ptx_builder import PTXBuilder
from .encode import GraphEncoder
from .segments import GraphSegment, HostBranch, HostLoop, Segment, each_graph

_INDENT = "    "


def plan_of(bound: Bound, processor: Processor) -> str:
    """The segments of a call, and the nodes of graphs with what they read and write; nothing is compiled."""
    return "\n".join(line for segment in GraphEncoder(bound, processor).encode().segments for line in _lines(segment))


def _lines(segment: Segment) -> list[str]:
    if isinstance(segment, GraphSegment):
        nodes = [f"{_INDENT}{n.step.label}: {n.label}" for n in segment.nodes]
        return [f"a graph of {len(nodes)} nodes", *nodes]
    inner: list[str] = []
    if isinstance(segment, HostLoop):
        inner = [line for each in segment.body for line in _lines(each)]
        head = f"{segment.step.label}: a loop whose steps the host counts"
    elif isinstance(segment, HostBranch):
        for body in segment.bodies:
            inner += ["one of:", *(_INDENT + line for each in body for line in _lines(each))]
        head = f"{segment.step.label}: a branch that the host takes"
    else:
        head = f"{segment.step.label}: on the host, which waits for the device: arguments come, and results go"
    return [head, *(_INDENT + line for line in inner)]


def kernels_of(bound: Bound, processor: Processor) -> list[TraceRef]:
    """The kernels of a bound program, each once."""
    graphs = each_graph(GraphEncoder(bound, processor).encode().segments)
    nodes = [node.resolve() for graph in graphs for node in graph.nodes]
    return list(dict.fromkeys(node.kernel for node in nodes if isinstance(node, KernelNode)))


def code_of(bound: Bound, processor: Processor, architecture: str, stage: str) -> str:
    """The kernels' code: "ir" as LLVM gets it, "ptx" as the driver does."""
    return "\n".join(_code(ref.trace(), architecture, stage) for ref in kernels_of(bound, processor))


def _code(kernel: TracedKernel, architecture: str, stage: str) -> str:
    if kernel.foreign is not None:
        return kernel.foreign(architecture)
    text = PTXBuilder(kernel).module_text()
    return text if stage == "ir" else to_ptx(text, architecture)
