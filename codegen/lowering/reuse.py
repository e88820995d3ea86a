"""Which buffers stand where something else stands before or after them, and in which order variables change.

A new value of a shared variable may take the place of the old one, and an output the place of a temporary, where the
step that writes it says that it may (`may_write_over`).

A call that fails, or is interrupted, leaves every variable as it was.  So all that can fail comes first; the steps that
write to variables come last: loop nests alone, which cannot fail and are short, then copies.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...symbolic.dims import SymDim, same
from ...symbolic.expr import Expr
from ...symbolic.graph import Graph
from .groups import Group, Schedule, Work


@dataclass(eq=False, repr=False)
class Placement:
    """How each shared variable gets its new value."""

    in_place: dict[Expr, Expr] = field(default_factory=dict)  # new value -> shared variable
    copied: list[tuple[Expr, Expr]] = field(default_factory=list)  # (shared variable, new value), at the end
    replaced: list[tuple[Expr, Expr]] = field(default_factory=list)  # a new array, since its size may be another
    commit: int = 0  # the first step that writes to a variable


def place_updates(graph: Graph, schedule: Schedule) -> Placement:
    """The placement of new values; the steps of the schedule are put in the order that it needs."""
    found, makers = Placement(), _makers(schedule)
    steady = [(shared, new) for shared, new in graph.updates if _same_size(shared, new)]
    found.replaced = [(shared, new) for shared, new in graph.updates if not _same_size(shared, new)]
    last = _commits(schedule.steps, makers, {new for _, new in steady})
    early = [step for step in schedule.steps if id(step) not in last]
    late = [step for step in schedule.steps if id(step) in last]
    schedule.steps[:] = early + late
    found.commit = len(early)
    for number, step in enumerate(schedule.steps):
        step.position = number
    last_read = _last_reads(schedule)
    for shared, new in steady:
        step, reader = makers[new][0], last_read.get(shared)
        alone = reader is None or reader.position < step.position
        if id(step) in last and (alone or (reader is step and step.may_write_over(shared, new))):
            found.in_place[new] = shared
        else:
            found.copied.append((shared, new))
    return found


def _same_size(shared: Expr, new: Expr) -> bool:
    """Whether the new value certainly has the variable's size, or a guard sees to it."""
    return all(not isinstance(d, SymDim) or same(d, n) is True for d, n in zip(shared.shape, new.shape, strict=True))


def _commits(steps: list[Work], makers: dict[Expr, list[Work]], new_values: set[Expr]) -> set[int]:
    """The ids of the steps that may write to variables at the end: nests that nothing else waits for."""
    found = {
        id(step)
        for step in steps
        if isinstance(step, Group) and any(new_values & {root} and len(makers[root]) == 1 for root in step.written)
    }
    for step in reversed(steps):  # those that read what a later one makes have been looked at before
        if id(step) not in found:
            found -= {id(maker) for node in step.read for maker in makers.get(node, ())}
    return found


def place_temporaries(graph: Graph, schedule: Schedule) -> dict[Expr, Expr]:
    """Temporaries whose last reader puts an output, or what stands where one will, in their place: with that output.

    Its memory lies idle until then; that of the temporary would have to be fetched, and written back, besides.
    """
    makers, last_read = _makers(schedule), _last_reads(schedule)
    made = {node: place for place, node in enumerate(makers)}
    new_values = {node for update in graph.updates for node in update}
    kept = {*graph.inputs, *graph.outputs, *new_values}
    found: dict[Expr, Expr] = {}

    def before(place: Expr, output: Expr) -> Expr | None:
        """A temporary in whose place `place` may be written."""
        step = makers[place][0] if len(makers.get(place, ())) == 1 else None
        if step is None:
            return None
        free = [node for node in step.read if node in makers and node not in kept and last_read[node] is step]
        fitting = [node for node in free if _alike(node, output) and step.may_write_over(node, place)]
        return min(fitting, key=made.__getitem__, default=None)  # `read` is a set, in no order

    for output in dict.fromkeys(graph.outputs):
        here = None if output in new_values else before(output, output)
        while here is not None:
            found[here] = output
            kept.add(here)
            here = before(here, output)
    return found


def _alike(node: Expr, output: Expr) -> bool:
    return node.shape == output.shape and node.dtype.itemsize == output.dtype.itemsize


def _makers(schedule: Schedule) -> dict[Expr, list[Work]]:
    """The steps that make each buffer: several where it is put together from parts."""
    found: dict[Expr, list[Work]] = {}
    for step in schedule.steps:
        for node in step.written:
            found.setdefault(node, []).append(step)
    return found


def _last_reads(schedule: Schedule) -> dict[Expr, Work]:
    """The last step that reads each buffer."""
    return {node: step for step in schedule.steps for node in step.read}
