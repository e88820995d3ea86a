"""How steps run for given sizes, as text: `f.explain("plan")`."""

from __future__ import annotations

from collections.abc import Iterator

from ...lowering.bind import Bound
from ...lowering.program import NestStep
from ...lowering.text import INDENT
from .binding import Binding
from .compile import Nests
from .encode import Setting, encode
from .rows import PlannedStep, TableRow
from .table import BEGIN, BRANCH, END

_JUMPS = {BEGIN: "begin of the steps", END: "end of a step", BRANCH: "to one of two bodies"}


def plan_text(bound: Bound, nests: Nests, setting: Setting) -> str:
    """The rows of the table of steps, in order: which way each goes, how it is cut, on how many threads."""
    binding = encode(bound, nests, setting)
    return "\n".join(line for number in range(len(binding.rows)) for line in _lines(binding, number))


def _lines(binding: Binding, number: int) -> Iterator[str]:
    row = binding.rows[number]
    if row.jump is not None:
        yield f"{row.step.label}: {_JUMPS.get(row.jump.kind, 'to the end')}"
        return
    planned = binding.plans.get(number)
    if planned is not None:
        yield f"{row.step.label}: {planned.plan.way.removeprefix(row.step.label + ': ')}"
        yield from (INDENT + line for line in _operands(planned))
    if isinstance(row.step, NestStep):
        yield f"{row.step.label}: {_nest(binding, number)}"
        return
    first = max(n for n in binding.plans if n <= number)
    launches = [run for run in binding.plans[first].plan.launches if run.extent]
    head, *rest = str(launches[number - first]).splitlines()
    yield f"{INDENT}{head}, {_threads(binding, number)}"
    yield from (INDENT + line for line in rest)


def _operands(planned: PlannedStep) -> Iterator[str]:
    plan, buffers = planned
    named = [str(b) if b is not None else "0" for b in buffers]
    named += [f"{size} bytes of scratch" for size in plan.scratch]
    yield from (f"buffer {number} = {name}" for number, name in enumerate(named))


def _nest(binding: Binding, number: int) -> str:
    """Of a loop nest: how it is cut, and whether it runs together with others."""
    row = binding.rows[number]
    together, lines, at_once = (int(n) for n in binding.step_table[number, 5:8])
    text = f"loop nest in {_units(row)}, {_threads(binding, number)}"
    if together > 1:
        text += f"; with the next {together - 1} in blocks of {at_once} of {lines} rows"
    return text


def _units(row: TableRow) -> str:
    return f"{row.units} unit{'s' * (row.units != 1)}"


def _threads(binding: Binding, number: int) -> str:
    count = int(binding.step_table[number, 4])
    return f"{count} thread{'s' * (count != 1)}"
