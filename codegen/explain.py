"""What was compiled, as text and as figures: `f.explain(stage)` and `f.profile(...)`.

graph     what the user wrote           rules     which rewrite rule fired where
rewritten the graph after all passes    fuse      steps: loop nests and kernels
memory    buffers and their lives       ir        the generated LLVM code
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..symbolic.arguments import check_count
from ..symbolic.dims import show
from ..symbolic.errors import ArgumentError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.graph import Graph
from ..symbolic.rewrite import Fired
from ..symbolic.text import listing, parameters
from .cpu.run.encode import describe
from .cpu.run.table import BEGIN, END, Field
from .lowering.fuse import KernelStep, NestStep, Step
from .lowering.program import memory_of
from .passes import pipeline

if TYPE_CHECKING:
    from .cpu.run.binding import Binding, Walk
    from .function import Function

STAGES = ("graph", "rules", "rewritten", "fuse", "memory", "ir", *(p.name for p in pipeline.PASSES))


def explain(function: Function, stage: str | None) -> str:
    """One stage as text, or an overview where none is named."""
    if stage is None:
        return _overview(function)
    if not isinstance(stage, str) or stage not in STAGES:
        error = ArgumentError(f"There is no stage {stage!r}; there are {', '.join(repr(s) for s in STAGES)}.")
        raise blame(error, user_site())
    if stage == "graph":
        return listing(function.source)
    if stage == "rewritten":
        return listing(function.graph)
    if stage == "rules":
        return _rules(function)
    if stage == "fuse":
        return "\n".join(_step(n, s) for n, s in enumerate(function.program.steps))
    if stage == "memory":
        return _memory(function)
    if stage == "ir":
        return "\n".join(c.emitted.ir for c in function.program.nests.values())
    return _after(function, stage)


def _overview(function: Function) -> str:
    steps = function.program.steps
    nests = sum(len(s.launches) for s in steps if isinstance(s, NestStep))
    kernels = sum(isinstance(s, KernelStep) for s in steps)
    written = [
        f"{function.name}: {len(function.source.nodes)} nodes as written, {len(function.graph.nodes)} after "
        f"{len(pipeline.PASSES)} passes, {nests} loop nests and {kernels} kernel calls",
        f"stages: {', '.join(STAGES)}",
        "",
        listing(function.source),
        "",
        _rules(function),
        "",
    ]
    return "\n".join(written + [_step(n, s) for n, s in enumerate(steps)])


def _after(function: Function, stage: str) -> str:
    found: dict[str, Graph] = {}
    pipeline.run(
        function.source, function.optimize, lambda name, graph: found.__setitem__(name, graph), rules=function.rules
    )
    return listing(found[stage]) if stage in found else f"{stage} does not run at optimize={function.optimize}"


def _rules(function: Function) -> str:
    fired: list[Fired] = []
    pipeline.run(function.source, function.optimize, record=fired, rules=function.rules)
    return "\n".join(str(f) for f in fired) if fired else "no rule fired"


def _step(number: int, step: Step) -> str:
    where = f"    {step.node.site}  {step.node.site.text}"
    if isinstance(step, KernelStep) and step.inner:
        return _control(number, step, where)
    if isinstance(step, KernelStep):
        arguments = ", ".join(f"{v.base.name or v.base.op.name}{show(v.shape)}" for v in step.arguments)
        made = ", ".join(str(o.type) for o in step.outputs)
        return f"step {number}: kernel {step.node.op.name}({arguments}) -> {made}\n{where}"
    roots = ", ".join(r.op.name for r in step.roots)
    nests = "\n".join("    " + str(launch.nest).replace("\n", "\n    ") for launch in step.launches)
    return f"step {number}: loop nest computing {roots}\n{where}\n{nests}"


def _control(number: int, step: KernelStep, where: str) -> str:
    """A loop or a branch, and the steps of its bodies."""
    lines = [f"step {number}: {step.node.op.name}, {parameters(step.node.op)}", where]
    for schedule in step.inner:
        lines.append("    body:")
        lines += ["    " + _step(n, s).replace("\n", "\n    ") for n, s in enumerate(schedule.steps)]
    return "\n".join(lines)


def _memory(function: Function) -> str:
    roles = memory_of(function.program)
    lines = []
    for node in function.graph.nodes:
        if node in roles and node not in function.program.schedule.forwarded:
            lines.append(f"{roles[node]:<24} {node.name or node.op.name:<20} {node.type}")
    for key, idle in function._idle.items():
        for binding in idle:
            total = sum(b.size for b in binding.blocks)
            lines.append(f"bound to {key}: {total} bytes of temporaries in an arena of {binding.temporaries}")
    return "\n".join(lines)


@dataclass(frozen=True)
class Row:
    """One step of a profile."""

    what: str
    seconds: float
    share: float
    bytes: int
    threads: int
    site: Any


@dataclass(frozen=True)
class Profile:
    """Rows in the order of the program; printed as a table, the dearest first."""

    rows: tuple[Row, ...]
    call: float

    def __str__(self) -> str:
        total = sum(r.seconds for r in self.rows)
        lines = [f"one call {self.call * 1e6:.1f} us, its steps {total * 1e6:.1f} us"]
        lines.append(f"{'time':>10} {'share':>6} {'GB/s':>7} {'threads':>7}  step")
        for r in sorted(self.rows, key=lambda r: -r.seconds):
            rate = r.bytes / r.seconds / 1e9 if r.seconds else 0.0
            figures = f"{r.seconds * 1e6:8.1f}us {r.share:6.1%} {rate:7.1f} {r.threads:7}"
            lines.append(f"{figures}  {r.what[:60]}   {r.site}  {r.site.text}")
        return "\n".join(lines)

    __repr__ = __str__


def profile(function: Function, args: tuple[Any, ...], repeat: int) -> Profile:
    """Median times of every step, each run `repeat` times on its own; shared variables keep their values."""
    repeat = check_count("profile", "repeat", repeat, 1, 10**6)
    saved = [(s, s.get_value()) for s, _ in function.graph.updates]
    rows: list[Row] = []

    def timed(binding: Binding, walk: Walk) -> int:
        walk(binding.header)  # loops know how many steps there are once they have run
        rows.extend(_profile_rows(function, binding, _row_times(binding, walk, repeat)))
        return -1

    try:
        function(*args)
        function.run_by(timed, args)
        begun = time.perf_counter()
        for _ in range(repeat):
            function(*args)
        call = (time.perf_counter() - begun) / repeat
    finally:
        for shared, value in saved:
            shared.set_value(value)
    return Profile(tuple(rows), call)


def _row_times(binding: Binding, walk: Walk, repeat: int) -> list[float]:
    """Seconds for each launch in a call: the table is cut to a single row and run; a loop's rows count once a step."""
    import ctypes

    header = (ctypes.c_int64 * 5).from_address(binding.header)
    count, first = header[3], header[4]
    times = []
    try:
        header[3] = 1
        for number, often in enumerate(_repeats(binding)):
            if not often:  # a loop without a step: its rows have nowhere to read and write
                times.append(0.0)
                continue
            header[4] = first + number * binding.step_table.strides[0]
            samples = []
            for _ in range(repeat):
                begun = time.perf_counter()
                walk(binding.header)
                samples.append(time.perf_counter() - begun)
            times.append(float(np.median(samples)) * often)
    finally:
        header[3], header[4] = count, first
    return times


def _repeats(binding: Binding) -> list[int]:
    """How often each row ran in the last call; of a loop within another, as often as in the last step of that."""
    found, inside = [], [1]
    for row in binding.rows:
        if row.jump is not None and row.jump.kind == END:
            inside.pop()
        found.append(inside[-1])
        if row.jump is not None and row.jump.kind == BEGIN:
            inside.append(inside[-1] * int(row.jump.control.memory[Field.DONE]))
    return found


def _profile_rows(function: Function, binding: Binding, times: list[float]) -> tuple[Row, ...]:
    total = sum(times) or 1.0
    rows = []
    for number, (launch, seconds) in enumerate(zip(binding.rows, times, strict=True)):
        step = launch.part
        node: Expr = step.node if step is not None else function.graph.updates[0][0]
        what = describe(step) if step is not None else node.op.name
        size = sum(w.size for w, _ in launch.buffers if hasattr(w, "size"))
        rows.append(Row(what, seconds, seconds / total, size, int(binding.step_table[number, 4]), node.site))
    return tuple(rows)
