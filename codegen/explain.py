"""What was compiled, as text: `f.explain(stage)`.

graph     what the user wrote           rules     which rewrite rule fired where
control .. outputs                      the graph after each pass; `rewritten`: after the last
nests     steps: loop nests, kernels    program   steps and their buffers
memory    buffers, and what calls take   bound     the steps with the numbers of the last sizes
plan      how the target runs them      ir        the target's code
"""

from __future__ import annotations

from collections.abc import Callable

from ..symbolic.errors import ArgumentError, blame, user_site
from ..symbolic.graph import Graph
from ..symbolic.rewrite import Fired
from ..symbolic.text import listing
from .compiled import Compiled
from .lowering.memory_report import memory_report
from .lowering.program import KernelStep, NestStep
from .lowering.text import bound_text, memory_text, program_text
from .passes import pipeline

PASSES = tuple(p.name for p in pipeline.PASSES)
STAGES = ("graph", "rules", *PASSES, "rewritten", "nests", "program", "memory", "bound", "plan")


def explain(function: Compiled, stage: str | None) -> str:
    """One stage as text, or an overview where none is named."""
    if stage is None:
        return _overview(function)
    stages = (*STAGES, *function.code_stages)
    if not isinstance(stage, str) or stage not in stages:
        error = ArgumentError(f"There is no stage {stage!r}; there are {', '.join(repr(s) for s in stages)}.")
        raise blame(error, user_site())
    if stage in function.code_stages:
        return function.code_text(stage) or NOT_CALLED
    return _after(function, stage) if stage in PASSES else _TEXTS[stage](function)


def _overview(function: Compiled) -> str:
    steps = list(function.program.all_steps)
    nests = sum(len(s.nests) for s in steps if isinstance(s, NestStep))
    kernels = sum(isinstance(s, KernelStep) for s in steps)
    counts = f"{len(function.source.nodes)} nodes as written, {len(function.graph.nodes)} after {len(PASSES)} passes"
    written = [
        f"{function.name}: {counts}, {nests} loop nests and {kernels} kernel calls",
        f"stages: {', '.join((*STAGES, *function.code_stages))}",
        "",
        listing(function.source),
        "",
        _rules(function),
        "",
        _program(function, nests=True),
    ]
    return "\n".join(written)


def _after(function: Compiled, stage: str) -> str:
    found: dict[str, Graph] = {}
    _run(function, seen=found.__setitem__)
    return listing(found[stage]) if stage in found else f"{stage} does not run at optimize={function.optimize}"


def _rules(function: Compiled) -> str:
    fired: list[Fired] = []
    _run(function, record=fired)
    return "\n".join(str(f) for f in fired) if fired else "no rule fired"


def _run(
    function: Compiled, seen: Callable[[str, Graph], None] | None = None, record: list[Fired] | None = None
) -> None:
    pipeline.run(function.source, function.optimize, function.target, seen, record, function.rules)


def _program(function: Compiled, nests: bool = False) -> str:
    """The steps; where memory is limited, those of the last sizes."""
    bounds = [] if function.max_memory is None else function.bounds()
    return program_text(bounds[-1].program if bounds else function.program, nests=nests)


def _memory(function: Compiled) -> str:
    bounds = function.bounds()
    if not bounds:
        return memory_text(function.program)
    bound = bounds[-1]
    return "\n".join([memory_text(bound.program, bound), memory_report(bound, function.working_memory(bound))])


def _bound(function: Compiled) -> str:
    return "\n".join(map(bound_text, function.bounds())) or NOT_CALLED


NOT_CALLED = "sizes are known when it is called: there was no call yet"

_TEXTS: dict[str, Callable[[Compiled], str]] = {
    "graph": lambda function: listing(function.source),
    "rules": _rules,
    "rewritten": lambda function: listing(function.graph),
    "nests": lambda function: _program(function, nests=True),
    "program": _program,
    "memory": _memory,
    "bound": _bound,
    "plan": lambda function: function.plan_text() or NOT_CALLED,
}
