"""Loops and branches in the table of steps: rows that jump, and addresses that move from step to step.

    begin     the loop's counter is 0; on to the end if there is no step to do
              ... rows of the body ...
    end       count; back to the body's first row while there are steps left and the test, if there is one, says so

    branch    on, or to the rows of the other body
              ... rows of one body ...
    jump      over the rows of the other
              ... rows of the other ...

A body's sequences, carries and results have MovingAddresses, which are a function of the step's number: so no step
depends on what an earlier one left behind, and a call that fails leaves nothing to mend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ...lowering.bind import Array, BranchCall, Call, LoopCall
from ...lowering.buffers import Buffer
from ...lowering.memory import ALIGNMENT_BYTES
from ...lowering.program import Step
from ..launch import Plan
from ..tiles.copy import plan_copy
from .image import Image
from .rows import Block, Control, FixedArray, Jump, Location, MovingAddress, TableRow
from .table import ALTERNATING, BEGIN, BRANCH, END, FIELDS, JUMP, SLOT, VARIABLE, LoopField


class Rows(Protocol):
    """What loops and branches ask of the encoder (encode.py)."""

    rows: list[TableRow]
    controls: list[Control]

    def encode_calls(self, calls: tuple[Call, ...]) -> None:
        """Append the rows of calls."""

    def place(self, buffer: Buffer) -> Location:
        """Where a buffer is."""

    def put(self, buffer: Buffer, place: Location) -> None:
        """Have a buffer stand there."""

    def bytes(self, buffer: Buffer) -> int:
        """The size of a buffer."""

    def array(self, buffer: Buffer) -> Array:
        """A buffer as kernels see it."""

    def keep(self, array: np.ndarray) -> FixedArray:
        """An array that stays where it is."""

    def block(self, size: int, buffer: Buffer) -> Block:
        """So many bytes, for as long as a buffer is needed."""

    def launch(self, step: Step, plan: Plan, places: list[Location], buffers: Sequence[Buffer | None]) -> None:
        """Append the rows of a plan."""

    def jump(self, step: Step, jump: Jump) -> TableRow:
        """Append a row that jumps."""


def add_loop(to: Rows, call: LoopCall) -> None:
    """The rows of a loop."""
    step, control = call.step, Control()
    control.fields = {LoopField.LENGTH: call.length, LoopField.REVERSE: int(step.reverse)}
    if step.count is not None:
        control.places[LoopField.COUNT] = to.place(step.count)
    for whole, element in (*step.sequences, *step.stacked):
        variable = MovingAddress(to.place(whole), to.bytes(element))
        control.variables.append(variable)
        to.put(element, (variable, 0))
    carried = []
    for start, before, after, _ in step.carries:
        size = -(-to.bytes(after) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        new = MovingAddress((to.block(2 * size, after), 0), size, alternating=True)
        old = MovingAddress(to.place(start), after=new)
        control.variables += [new, old]
        to.put(before, (old, 0))
        to.put(after, (new, 0))
        carried.append(old)
    if step.test is not None and step.taken is not None:
        control.places[LoopField.RESULT] = to.place(step.taken)
        control.places[LoopField.TEST] = to.place(step.test)
    if step.may_end_early:
        for whole, _ in step.stacked:
            _clear(to, step, whole)
    begin = to.jump(step, Jump(BEGIN, control))
    first = len(to.rows)
    to.encode_calls(call.body)
    to.jump(step, Jump(END, control, first - len(to.rows)))
    begin.jump = Jump(BEGIN, control, len(to.rows) - first + 1)
    to.controls.append(control)
    for (_, before, _, result), variable in zip(step.carries, carried, strict=True):
        array = to.array(result)
        to.launch(step, plan_copy(array, array), [to.place(result), (variable, 0)], [result, before])


def add_branch(to: Rows, call: BranchCall) -> None:
    """The rows of a branch."""
    step, control = call.step, Control()
    control.places[LoopField.COUNT] = to.place(step.condition)
    then, otherwise = call.bodies
    branch = to.jump(step, Jump(BRANCH, control))
    first = len(to.rows)
    to.encode_calls(then)
    jump = to.jump(step, Jump(JUMP, control))
    second = len(to.rows)
    to.encode_calls(otherwise)
    branch.jump = Jump(BRANCH, control, second - first + 1)
    jump.jump = Jump(JUMP, control, len(to.rows) - second + 1)
    to.controls.append(control)


def _clear(to: Rows, step: Step, buffer: Buffer) -> None:
    """Zeros where there may be no step."""
    array = to.array(buffer)
    zero = Array(array.dtype, array.shape, (0,) * len(array.shape))
    source = to.keep(np.zeros(1, array.dtype))
    to.launch(step, plan_copy(array, zero), [to.place(buffer), (source, 0)], [buffer, None])


def lay_out(control: Control, image: Image) -> None:
    """Its fields and variables; addresses among these may be those of other loops' variables."""
    control.word = image.room(FIELDS)
    table = image.room(VARIABLE * max(1, len(control.variables)))
    for number, variable in enumerate(control.variables):
        row = table + VARIABLE * number
        image.refer(row, variable.place)
        after = -1 if variable.after is None else control.variables.index(variable.after)
        image.write(row + 1, variable.step, variable.alternating * ALTERNATING, after)
    for name, place in control.places.items():
        image.refer(control.word + name, place)
    for name, number in control.fields.items():
        image.write(control.word + name, number)
    image.point(control.word + LoopField.VARIABLES, table)
    image.write(control.word + LoopField.VARIABLE_COUNT, len(control.variables))


def write_slots(control: Control, image: Image) -> None:
    """Where its variables' addresses are wanted, once all rows and tables have said so."""
    slots = [(word, number, offset) for number, v in enumerate(control.variables) for word, offset in v.slots]
    table = image.room(SLOT * max(1, len(slots)))
    for place, (word, number, offset) in enumerate(slots):
        row = table + SLOT * place
        image.write(row, 0, number, offset)
        image.point(row, word)
    image.point(control.word + LoopField.SLOTS, table)
    image.write(control.word + LoopField.SLOT_COUNT, len(slots))
