"""What runs: the graph's steps with compiled nests, and where every buffer comes from.  Still without sizes.

Program    made once for a function
Binding    (runtime.py) a program for given sizes: addresses, numbers, an arena
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..ops.callback import Callback
from ..symbolic.expr import Expr
from ..symbolic.graph import Graph
from ..symbolic.leaves import Shared
from . import cache
from .cpu import native
from .cpu.emit import EmittedNest, emit
from .fuse import KernelStep, NestStep, Schedule, Step, fuse
from .loops import ZERO, Load, LoopNest, Store


@dataclass(frozen=True)
class CompiledNest:
    """A nest's code and its address."""

    emitted: EmittedNest
    address: int


@dataclass
class Program:
    """Steps in order; `in_place`: new values of shared variables that are written straight into their memory."""

    graph: Graph
    schedule: Schedule
    nests: dict[LoopNest, CompiledNest]
    in_place: dict[Expr, Expr]  # new value -> shared variable
    copied: list[tuple[Expr, Expr]]  # (shared variable, new value) copied at the end

    @property
    def steps(self) -> list[Step]:
        """The steps in order."""
        return self.schedule.steps


def build(graph: Graph) -> Program:
    """Fuse, place updates and compile the nests."""
    schedule = fuse(graph)
    _updates_last(graph, schedule)
    in_place, copied = _updates(graph, schedule)
    return Program(graph, schedule, _compiled(schedule), in_place, copied)


def _updates_last(graph: Graph, schedule: Schedule) -> None:
    """Move the steps that make new values of shared variables, and what depends on them, to the end.

    So no shared variable has changed when a step before refuses its input, and most old values have been read by the
    time the new ones take their place.
    """
    new_values = {new for _, new in graph.updates}
    made_late: set[Expr] = set()
    early: list[Step] = []
    late: list[Step] = []
    for step in schedule.steps:
        made = step.roots if isinstance(step, NestStep) else step.outputs
        if new_values.intersection(made) or made_late.intersection(_reads(step)):
            late.append(step)
            made_late.update(made)
        else:
            early.append(step)
    schedule.steps[:] = early + late
    for number, step in enumerate(schedule.steps):
        step.position = number


def _updates(graph: Graph, schedule: Schedule) -> tuple[dict[Expr, Expr], list[tuple[Expr, Expr]]]:
    """Which new values can be written where the old ones stand: nobody may read those later, or elsewhere.

    Nor may Python be called later: what it raises leaves all shared variables as they were.
    """
    maker: dict[Expr, Step] = {}
    last_read: dict[Expr, Step] = {}
    for step in schedule.steps:
        for made in step.roots if isinstance(step, NestStep) else step.outputs:
            maker[made] = step
        for read in _reads(step):
            last_read[read] = step
    calls = max((step.position for step in schedule.steps if _calls_python(step)), default=-1)
    in_place, copied = {}, []
    for shared, new in graph.updates:
        step, reader = maker[new], last_read.get(shared)
        alone = reader is None or reader.position < step.position
        if step.position < calls or (step.position == calls and not _is_callback(step)):
            copied.append((shared, new))
        elif alone or (reader is step and isinstance(step, NestStep) and _same_elements(step, shared, new)):
            in_place[new] = shared
        else:
            copied.append((shared, new))
    return in_place, copied


def _is_callback(step: Step) -> bool:
    """Whether a step is a call of Python, which writes its results when it has all of them."""
    return isinstance(step, KernelStep) and isinstance(step.node.op, Callback)


def _calls_python(step: Step) -> bool:
    """Whether a step, or one in its bodies, calls Python."""
    inner = [s for schedule in step.inner for s in schedule.all_steps] if isinstance(step, KernelStep) else []
    return any(map(_is_callback, [step, *inner]))


def _reads(step: Step) -> set[Expr]:
    if isinstance(step, KernelStep):
        return {v.base for v in step.arguments}
    found: set[Expr] = set()
    for launch in step.launches:
        read = {v.access.buffer for v in launch.nest.body if isinstance(v, Load)}
        found |= {b for i, b in enumerate(launch.buffers) if i in read and isinstance(b, Expr)}
    return found


def _same_elements(step: NestStep, shared: Expr, new: Expr) -> bool:
    """Whether the nest reads the old value only at the very element it then writes."""
    if len(step.launches) != 1:
        return False
    launch = step.launches[0]
    stores = [w for w in launch.nest.writes if launch.buffers[w.access.buffer] is new]
    reads = [v.access for v in launch.nest.body if isinstance(v, Load) and launch.buffers[v.access.buffer] is shared]
    return all(
        isinstance(w, Store) and r.strides == w.access.strides and r.offset == w.access.offset
        for w in stores
        for r in reads
    ) and not any(
        s == ZERO and e.number != 1 for w in stores for s, e in zip(w.access.strides, launch.nest.axes, strict=True)
    )


_loaded: dict[str, int] = {}  # functions in the process, by name; equal nests are the same function


def _compiled(schedule: Schedule) -> dict[LoopNest, CompiledNest]:
    """All nests of a program, compiled in one module; those that another program brought already are not repeated."""
    emitted: dict[LoopNest, EmittedNest] = {}
    for step in schedule.all_steps:
        for launch in step.launches if isinstance(step, NestStep) else ():
            if launch.nest not in emitted:
                emitted[launch.nest] = emit(launch.nest, nest_name(launch.nest))
    new = [e for e in emitted.values() if e.name not in _loaded]
    if new:
        data = native.object_code(*(e.ir for e in new))
        addresses = native.add_object(data, tuple(e.name for e in new))
        _loaded.update(zip((e.name for e in new), addresses, strict=True))
    return {nest: CompiledNest(e, _loaded[e.name]) for nest, e in emitted.items()}


def nest_name(nest: LoopNest) -> str:
    """A name that says all that the code depends on."""
    return "weft_nest_" + cache.key(repr(nest))


def memory_of(program: Program) -> dict[Any, str]:
    """What each buffer is: for printing."""
    roles: dict[Any, str] = {}
    graph = program.graph
    for node in program.schedule.memory:
        roles[node] = "temporary"
    roles.update(dict.fromkeys(graph.inputs, "input"))
    roles.update(dict.fromkeys(graph.outputs, "output"))
    for node in program.schedule.memory:
        if isinstance(node.op, Shared):
            roles[node] = "shared"
    for new, shared in program.in_place.items():
        roles[new] = f"in place of {shared.name or 'a shared variable'}"
    return roles
