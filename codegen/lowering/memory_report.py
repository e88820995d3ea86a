"""What a call takes in all, and what is computed again to take less, as text: the end of `f.explain("memory")`."""

from __future__ import annotations

from collections.abc import Iterator

from .bind import Bound
from .buffers import Role
from .program import Recomputed
from .text import INDENT, number_steps, summary
from .working import WorkingMemory

_KINDS = (
    ("arguments", Role.INPUT),
    ("variables", Role.SHARED),
    ("constants", Role.CONSTANT),
    ("results", Role.OUTPUT),
)


def total_bytes(bound: Bound, working: WorkingMemory) -> int:
    """All that a call touches: its arguments and results, variables and constants, and its working memory."""
    return sum(_bytes(bound, role) for _, role in _KINDS) + working.arena


def memory_report(bound: Bound, working: WorkingMemory) -> str:
    """The sums, one a line, then the plan where memory is limited."""
    rows = [(name, _bytes(bound, role), "") for name, role in _KINDS]
    scratch = f"  the arena; {working.scratch} of them scratch memory of kernels" if working.scratch else "  the arena"
    rows.append(("temporaries", working.arena, scratch))
    rows.append(("all", total_bytes(bound, working), ""))
    width = max(len(str(number)) for _, number, _ in rows)
    lines = [f"{name:<11}  {number:>{width}} bytes{what}" for name, number, what in rows]
    plan = bound.program.recomputed
    return "\n".join([*lines, *(_plan_lines(bound, plan) if plan is not None else ())])


def _bytes(bound: Bound, role: Role) -> int:
    return sum(size for buffer, size in bound.bytes.items() if buffer.role is role)


def _plan_lines(bound: Bound, plan: Recomputed) -> Iterator[str]:
    yield f"max_memory={plan.limit}: results and temporaries take {plan.after} bytes; {plan.before} if all were kept"
    if plan.steps:
        count = f"{len(plan.steps)} step{'s' * (len(plan.steps) != 1)}"
        yield f"{INDENT}{count} of {len(bound.program.steps)} run again, about {plan.work:.1%} more work:"
    names = number_steps(bound.program)
    for step in plan.steps:
        yield f"{INDENT}{names[step]}: {summary(step)}"
        yield f"{2 * INDENT}{step.node.site}  {step.node.site.text}"
