"""How steps run for given sizes, as text: `f.explain("plan")`.  Nothing is compiled for it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from ...lowering.bind import Bound
from ...lowering.buffers import Buffer
from ...lowering.program import NestStep, Step
from ...lowering.text import INDENT, number_steps
from ..launch import Launch
from ..params import lines
from .compile import Nests
from .encode import Encoder, Setting, cut_rows
from .rows import PlannedStep, TableRow
from .table import BEGIN, BRANCH, END

_JUMPS = {BEGIN: "begin of the steps", END: "end of a step", BRANCH: "to one of two bodies"}


def plan_text(bound: Bound, nests: Nests, setting: Setting, params: bool = True) -> str:
    """The rows of the table of steps, in order: which way each goes, how it is cut, on how many threads.

    params : whether the parameters of kernels are printed, too
    """
    encoder = Encoder(bound, nests, setting)
    encoder.plan()
    written = _PlanText(encoder, params)
    found = [line for number in range(len(encoder.rows)) for line in written.row(number)]
    total = sum(block.size for block in encoder.blocks)
    return "\n".join([*found, f"{total} bytes of temporaries in an arena of {encoder.temporaries}"])


class _PlanText:
    def __init__(self, encoder: Encoder, params: bool):
        self.encoder, self.params = encoder, params
        self.names = number_steps(encoder.bound.program)
        self.firsts = list(encoder.plans)  # the first row of each plan, ascending
        self.groups = {id(group[0]): group for group in encoder.row_blocks if len(group) > 1}

    def row(self, number: int) -> Iterator[str]:
        """A row; those of a body are indented as deep as it is."""
        row = self.encoder.rows[number]
        margin = INDENT * self.names[row.step].count(".")
        yield from (margin + line for line in self.lines(row, number))

    def lines(self, row: TableRow, number: int) -> Iterator[str]:
        """A row."""
        head = f"{self.names[row.step]}: {row.step.label}"
        if row.jump is not None:
            yield f"{head}: {_JUMPS.get(row.jump.kind, 'to the end')}"
        elif isinstance(row.step, NestStep):
            yield f"{head}: {self.nest(row)}"
        else:
            first = self.firsts[bisect_right(self.firsts, number) - 1]
            planned = self.encoder.plans[first]
            if first == number:
                yield f"{head}: {planned.plan.way.removeprefix(row.step.label + ': ')}"
            launches = [run for run in planned.plan.launches if run.extent]
            yield from (INDENT + line for line in self.launch(row, launches[number - first], planned))

    def launch(self, row: TableRow, run: Launch, planned: PlannedStep) -> Iterator[str]:
        """A kernel, how it is cut, and what it reads and writes."""
        operands = [_operand(planned, number) for number in run.buffers]
        yield f"{run.kernel}: {self.units(row)}: {', '.join(operands)}"
        yield from (INDENT + line for line in lines(run.params) if self.params)

    def nest(self, row: TableRow) -> str:
        """Of a loop nest: how it is cut, and whether it runs together with others."""
        text = f"loop nest in {self.units(row)}"
        group = self.groups.get(id(row))
        if group is not None:
            count, at_once = cut_rows(group)
            text += f"; with {', '.join(self.neighbours(group))} in blocks of {min(at_once, count)} of {count} rows"
        return text

    def neighbours(self, group: list[TableRow]) -> list[str]:
        """The steps that run with the first row's."""
        steps: dict[Step, None] = dict.fromkeys(row.step for row in group[1:])
        return [self.names[step] for step in steps]

    def units(self, row: TableRow) -> str:
        """How a row is cut, and for how many threads."""
        threads = self.encoder.parts(row.units, row.cost)
        return f"{_count(row.units, 'unit')} on {_count(threads, 'thread')}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _operand(planned: PlannedStep, number: int) -> str:
    """An operand of a launch: a buffer, or scratch memory of the plan's own."""
    plan, buffers = planned
    if number >= len(buffers):
        return f"{plan.scratch[number - len(buffers)]} bytes of scratch"
    buffer: Buffer | None = buffers[number]
    return buffer.label if buffer is not None else "0"
