"""Loops and branches in the table of steps: rows that jump, and addresses that move from step to step.

    begin     the loop's counter is 0; on to the end if there is no step to do
              ... rows of the body ...
    end       count; back to the body's first row while there are steps left and the test, if there is one, says so

    branch    on, or to the rows of the other body
              ... rows of one body ...
    jump      over the rows of the other
              ... rows of the other ...

A body's sequences, carries and results are Variables: their addresses are a function of the step's number, so that no
step depends on what an earlier one left behind, and a call that fails leaves nothing to mend.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ....ops.branch import Branch
from ....ops.loop import Loop
from ...lowering.fuse import KernelStep, Schedule
from ...lowering.views import whole
from ..launch import Array
from .table import ALTERNATING, BEGIN, BRANCH, END, FIELDS, JUMP, SLOT, VARIABLE, Field


@dataclass(eq=False)
class Block:
    """Bytes of the arena that one buffer of a binding has, from the step `first` to `last`; `node`: whose they are."""

    size: int
    first: int
    last: int
    node: Any = None
    offset: int = 0


@dataclass(eq=False)
class Links:
    """Slots in the tables that get addresses later, and how far from there: those of the call's arrays, with each call,
    and of the arena, whenever it is another one."""

    arrays: list[tuple[int, int, int]] = field(default_factory=list)  # slot, number of the array, bytes
    arena: list[tuple[int, Block, int]] = field(default_factory=list)  # slot, block, bytes from its start


@dataclass(eq=False)
class Variable:
    """An address in a loop: `place` and so many bytes further with every step, or with every other step and back.

    With `after` it is where that variable was a step before, and `place` only in the first.
    """

    place: Place
    step: int = 0
    alternating: bool = False
    after: Variable | None = None
    slots: list[tuple[int, int]] = field(default_factory=list)  # where its address is wanted, and with which offset


Place = tuple[Any, int]  # an address, ("call", number), a Block or a Variable; and bytes from there


class Jump(NamedTuple):
    """What a row does that runs no kernel; `distance` in rows, back where it is negative."""

    kind: int
    control: Control
    distance: int = 0


@dataclass(eq=False)
class Control:
    """The memory of one loop or branch: numbers and addresses that the walker reads and writes."""

    fields: dict[Field, int] = field(default_factory=dict)
    places: dict[Field, Place] = field(default_factory=dict)  # fields that hold addresses
    variables: list[Variable] = field(default_factory=list)
    memory: np.ndarray = field(default_factory=lambda: np.zeros(FIELDS, np.int64))
    tables: list[np.ndarray] = field(default_factory=list)

    @property
    def address(self) -> int:
        """Where it lies."""
        return int(self.memory.ctypes.data)

    def prepare(self, links: Links) -> None:
        """The tables; addresses in them may be those of other loops' variables."""
        table = np.zeros((max(1, len(self.variables)), VARIABLE), np.int64)
        for number, variable in enumerate(self.variables):
            refer(variable.place, table.ctypes.data + 8 * VARIABLE * number, links)
            after = -1 if variable.after is None else self.variables.index(variable.after)
            table[number, 1:4] = (variable.step, variable.alternating * ALTERNATING, after)
        for name, place in self.places.items():
            refer(place, self.address + 8 * name, links)
        for name, number in self.fields.items():
            self.memory[name] = number
        self.memory[Field.VARIABLES], self.memory[Field.VARIABLE_COUNT] = table.ctypes.data, len(self.variables)
        self.tables = [self.memory, table]

    def settle(self) -> None:
        """Where the variables' addresses are wanted, once all rows and tables have said so."""
        slots = [(at, number, offset) for number, v in enumerate(self.variables) for at, offset in v.slots]
        table = np.array(slots or [(0, 0, 0)], np.int64)
        assert table.shape[1] == SLOT
        self.memory[Field.SLOTS], self.memory[Field.SLOT_COUNT] = table.ctypes.data, len(slots)
        self.tables.append(table)


def refer(place: Place, slot: int, links: Links) -> None:
    """Have a place's address written at `slot`: now, with each call, with each arena, or with each step of a loop."""
    where, offset = place
    if isinstance(where, tuple):
        links.arrays.append((slot, where[1], offset))
    elif isinstance(where, Variable):
        where.slots.append((slot, offset))
    elif isinstance(where, Block):
        links.arena.append((slot, where, offset))
    else:
        ctypes.c_int64.from_address(slot).value = where + offset


def add_loop(binder: Any, step: KernelStep) -> None:
    """The rows of a loop."""
    op: Any = step.node.op
    assert isinstance(op, Loop)
    begun, control = binder.time, Control()
    length = binder.shape((op.length,))[0]
    parts = op.divided([binder.place(view) for view in step.arguments])
    given = dict(zip(op.body.inputs[op.carries + op.sequences :], parts.captured, strict=True))
    results = [binder.memory(o) for o in step.outputs]
    control.fields = {Field.LENGTH: length, Field.REVERSE: int(op.reverse)}
    if parts.steps:
        control.places[Field.COUNT] = parts.steps[0]
    sequences = zip(op.body.inputs[op.carries :], parts.sequences, strict=False)
    rows = [(x, place, x) for x, place in sequences]
    rows += [(y, place, y) for y, place in zip(op.stacked, results[op.carries :], strict=False)]
    for node, place, like in rows:
        variable = Variable(place, _bytes(binder, like))
        control.variables.append(variable)
        given[node] = (variable, 0)
    carried = []
    for node, new, start in zip(op.body.inputs, op.body.outputs, parts.carries, strict=False):
        size = -(-_bytes(binder, new) // 64) * 64
        out = Variable((binder.block(2 * size), 0), size, alternating=True)
        before = Variable(start, after=out)
        control.variables += [out, before]
        given[node], given[new] = (before, 0), (out, 0)
        carried.append(before)
    if op.tested:
        test = op.body.outputs[-1]
        control.places[Field.RESULT] = results[-1]
        control.places[Field.TEST] = given[test] = (binder.block(1), 0)
    if op.tested or op.counted:
        _clear(binder, step, op)
    begin = _jump(binder, BEGIN, control)
    _body(binder, step.inner[0], given)
    _jump(binder, END, control, begin + 1)
    binder.rows[begin].jump = Jump(BEGIN, control, len(binder.rows) - begin)
    binder.time += 1
    for node, result, before in zip(step.outputs, results, carried, strict=False):
        binder.copy(binder.array(whole(node)), result, (before, 0))
    _live(binder, begun)


def add_branch(binder: Any, step: KernelStep) -> None:
    """The rows of a branch."""
    op: Any = step.node.op
    assert isinstance(op, Branch)
    begun, control = binder.time, Control()
    places = [binder.place(view) for view in step.arguments]
    control.places[Field.COUNT] = places[0]
    results = [binder.memory(o) for o in step.outputs]
    starts = []
    for kind, body, inner, values in zip((BRANCH, JUMP), op.bodies, step.inner, op.divided(places), strict=True):
        starts.append(_jump(binder, kind, control))
        given = dict(zip(body.inputs, values, strict=True))
        given.update(zip(body.outputs, results, strict=True))
        _body(binder, inner, given)
    first, second = starts
    binder.rows[first].jump = Jump(BRANCH, control, second + 1 - first)
    binder.rows[second].jump = Jump(JUMP, control, len(binder.rows) - second)
    _live(binder, begun)


def _jump(binder: Any, kind: int, control: Control, target: int | None = None) -> int:
    """A row that jumps; its number."""
    from .binding import Row

    number = len(binder.rows)
    jump = Jump(kind, control, 0 if target is None else target - number)
    binder.rows.append(Row(0, [], [], 0, 0.0, binder.number, binder.part, binder.time, jump=jump))
    if control not in binder.controls:
        binder.controls.append(control)
    return number


def _body(binder: Any, schedule: Schedule, given: dict[Any, Place]) -> None:
    """The rows of a body, whose inputs and results stand at the given places."""
    from .encode import Scope

    outer, binder.scope = binder.scope, Scope(given)
    for step in schedule.steps:
        binder.step(step)
    binder.scope = outer
    binder.time += 1


def _bytes(binder: Any, node: Any) -> int:
    return binder.bytes(binder.shape(node.shape), node)  # type: ignore[no-any-return]


def _clear(binder: Any, step: KernelStep, op: Loop) -> None:
    """Zeros where there may be no step."""
    from ..tiles.copy import plan_copy

    for node in step.outputs[op.carries : op.carries + len(op.stacked)]:
        shape = binder.shape(node.shape)
        zero = np.zeros(1, node.dtype)
        target = binder.array(whole(node))
        source = Array(node.dtype, shape, (0,) * len(shape))
        binder.run(plan_copy(target, source), [binder.memory(node), (binder.address(zero), 0)])


def _live(binder: Any, begun: int) -> None:
    """What was there before a loop and is read in it is there until it ends; what it makes, from its begin."""
    for block in binder.blocks.values():
        if block.first <= begun <= block.last:
            block.last = max(block.last, binder.time)
