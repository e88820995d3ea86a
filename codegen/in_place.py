"""Which buffers stand where something else stands before or after them.

A new value of a shared variable may take the place of the old one, and an output the place of a temporary, where the
nest that writes it reads the other one only at the very element it then writes.
"""

from __future__ import annotations

from ..ops.callback import Callback
from ..symbolic.expr import Expr
from ..symbolic.graph import Graph
from .fuse import KernelStep, NestStep, Schedule, Step
from .loops import ZERO, Load, Store


def updates(graph: Graph, schedule: Schedule) -> tuple[dict[Expr, Expr], list[tuple[Expr, Expr]]]:
    """Which new values can be written where the old ones stand: nobody may read those later, or elsewhere.

    Nor may Python be called later: what it raises leaves all shared variables as they were.
    """
    makers, last_read = _makers(schedule), _last_reads(schedule)
    calls = max((step.position for step in schedule.steps if _calls_python(step)), default=-1)
    in_place, copied = {}, []
    for shared, new in graph.updates:
        (step, *rest), reader = makers[new], last_read.get(shared)
        alone = reader is None or reader.position < step.position
        whole = isinstance(step, NestStep) and not rest
        if step.position < calls or (step.position == calls and not _is_callback(step)):
            copied.append((shared, new))
        elif alone or (reader is step and whole and _same_elements(step, shared, new)):
            in_place[new] = shared
        else:
            copied.append((shared, new))
    return in_place, copied


def lodgers(graph: Graph, schedule: Schedule) -> dict[Expr, Expr]:
    """Temporaries whose last reader puts an output, or what lodges with one, in their place: with that output.

    Its memory lies idle until then; that of the temporary would have to be fetched, and written back, besides.
    """
    makers, last_read = _makers(schedule), _last_reads(schedule)
    new_values = {node for update in graph.updates for node in update}
    kept = {*graph.inputs, *graph.outputs, *new_values}
    found: dict[Expr, Expr] = {}

    def lodger(place: Expr, output: Expr) -> Expr | None:
        """A temporary in whose place `place` may be written."""
        step = makers[place][0] if len(makers.get(place, ())) == 1 else None
        if not isinstance(step, NestStep):
            return None
        free = [node for node in reads(step) if node in makers and node not in kept and last_read[node] is step]
        fitting = [node for node in free if _alike(node, output) and _same_elements(step, node, place)]
        return min(fitting, key=lambda node: makers[node][0].position, default=None)

    for output in dict.fromkeys(graph.outputs):
        here = None if output in new_values else lodger(output, output)
        while here is not None:
            found[here] = output
            kept.add(here)
            here = lodger(here, output)
    return found


def _alike(node: Expr, output: Expr) -> bool:
    return node.shape == output.shape and node.dtype.itemsize == output.dtype.itemsize


def _makers(schedule: Schedule) -> dict[Expr, list[Step]]:
    """The steps that make each buffer: several where it is put together from parts."""
    found: dict[Expr, list[Step]] = {}
    for step in schedule.steps:
        for node in written(step):
            found.setdefault(node, []).append(step)
    return found


def _last_reads(schedule: Schedule) -> dict[Expr, Step]:
    """The last step that reads each buffer."""
    return {node: step for step in schedule.steps for node in reads(step)}


def written(step: Step) -> list[Expr]:
    """The buffers that a step makes."""
    return step.roots if isinstance(step, NestStep) else list(step.outputs)


def _is_callback(step: Step) -> bool:
    """Whether a step is a call of Python, which writes its results when it has all of them."""
    return isinstance(step, KernelStep) and isinstance(step.node.op, Callback)


def _calls_python(step: Step) -> bool:
    """Whether a step, or one in its bodies, calls Python."""
    inner = [s for schedule in step.inner for s in schedule.all_steps] if isinstance(step, KernelStep) else []
    return any(map(_is_callback, [step, *inner]))


def reads(step: Step) -> set[Expr]:
    """The buffers that a step reads."""
    if isinstance(step, KernelStep):
        return {v.base for v in step.arguments}
    found: set[Expr] = set()
    for launch in step.launches:
        read = {v.access.buffer for v in launch.nest.body if isinstance(v, Load)}
        found |= {b for i, b in enumerate(launch.buffers) if i in read and isinstance(b, Expr)}
    return found


def _same_elements(step: NestStep, old: Expr, new: Expr) -> bool:
    """Whether the nest reads the old value only at the very element it then writes."""
    if len(step.launches) != 1:
        return False
    launch = step.launches[0]
    stores = [w for w in launch.nest.writes if launch.buffers[w.access.buffer] is new]
    loads = [v.access for v in launch.nest.body if isinstance(v, Load) and launch.buffers[v.access.buffer] is old]
    return all(
        isinstance(w, Store) and r.strides == w.access.strides and r.offset == w.access.offset
        for w in stores
        for r in loads
    ) and not any(
        s == ZERO and e.number != 1 for w in stores for s, e in zip(w.access.strides, launch.nest.axes, strict=True)
    )
