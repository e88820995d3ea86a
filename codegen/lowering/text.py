"""Programs and bound programs as text, one line for each step and its buffers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ...symbolic.dims import show
from ...symbolic.text import parameters
from .bind import Array, Bound, BranchCall, Call, CopyCall, KernelCall, LoopCall, NestCall
from .buffers import STAYS, Buffer, BufferedNest, Operand, Role
from .loops import Load
from .program import BranchStep, CopyStep, KernelStep, LoopStep, NestStep, Program, Step, bodies_of

INDENT = "    "


def program_text(program: Program, nests: bool = False, sites: bool = True) -> str:
    """The steps and their buffers; with `nests` also the loops, with `sites` the user's lines."""
    writer = _ProgramText(number_steps(program), nests, sites)
    lines: list[str] = []
    for number, step in enumerate(program.steps):
        if number == program.commit and number:
            lines.append("variables are written from here on")
        lines += writer.step(step)
    return "\n".join(lines)


def number_steps(program: Program) -> dict[Step, str]:
    """What each step is called in all texts: 'step 3', and those of its bodies 'step 3.0', 'step 3.1' ..."""
    found: dict[Step, str] = {}

    def add(steps: Iterable[Step], before: str) -> None:
        for number, step in enumerate(steps):
            found[step] = f"{before}{number}"
            add((inner for body in bodies_of(step) for inner in body), f"{found[step]}.")

    add(program.steps, "step ")
    return found


class _ProgramText:
    """Steps, and the steps of their bodies."""

    def __init__(self, names: dict[Step, str], nests: bool, sites: bool):
        self.names, self.nests, self.sites = names, nests, sites

    def step(self, step: Step) -> Iterator[str]:
        """One step."""
        yield f"{self.names[step]}: {summary(step)}"
        if self.sites:
            yield f"{INDENT}{step.node.site}  {step.node.site.text}"
        if isinstance(step, NestStep) and self.nests:
            yield from map(_indent, map(nest_text, step.nests))
        elif isinstance(step, LoopStep):
            yield from (INDENT + line for line in _loop_buffers(step))
            yield from self.body(step.body, "body")
        elif isinstance(step, BranchStep):
            for name, body in zip(("then", "otherwise"), step.bodies, strict=True):
                yield from self.body(body, name)

    def body(self, steps: list[Step], name: str) -> Iterator[str]:
        """The steps of a body."""
        yield f"{INDENT}{name}:"
        for step in steps:
            yield from map(_indent, map(_indent, self.step(step)))


def nests_text(program: Program) -> str:
    """The loops alone, step by step."""
    names = number_steps(program)
    steps = [step for step in program.all_steps if isinstance(step, NestStep)]
    texts = [(f"{names[step]}:", *map(_indent, map(nest_text, step.nests))) for step in steps]
    return "\n".join(line for text in texts for line in text)


def _indent(text: str) -> str:
    return "\n".join(INDENT + line for line in text.splitlines())


def nest_text(placed: BufferedNest) -> str:
    """A nest, with the numbers of the program's buffers in place of its own."""
    return re.sub(r"\bb(\d+)\[", lambda own: f"%{placed.buffers[int(own[1])].number}[", str(placed.nest))


def summary(step: Step) -> str:
    """A step in one line: what runs, what it reads, what it writes."""
    if isinstance(step, NestStep):
        read, made = _buffers_of(step)
        computed = ", ".join(root.op.name for root in step.roots)
        return f"loop nest {computed}({', '.join(b.label for b in read)}) -> {_all(made)}"
    if isinstance(step, KernelStep):
        arguments = ", ".join(map(operand_text, step.arguments))
        return f"kernel {step.node.op.name}({arguments}) -> {_all(step.outputs)}"
    if isinstance(step, LoopStep):
        return f"{step.node.op.name}, {parameters(step.node.op)}"
    if isinstance(step, BranchStep):
        return f"{step.node.op.name} on {step.condition.label}, {parameters(step.node.op)} -> {_all(step.outputs)}"
    assert isinstance(step, CopyStep)
    return f"copy {step.source.label} -> {step.target.label}"


def _buffers_of(step: NestStep) -> tuple[list[Buffer], list[Buffer]]:
    """What its nests read that they do not make, and what they make, each once."""
    read: dict[Buffer, None] = {}
    made: dict[Buffer, None] = {}
    for nest, buffers in step.nests:
        made.update(dict.fromkeys(buffers[write.access.buffer] for write in nest.writes))
        read.update(dict.fromkeys(buffers[v.access.buffer] for v in nest.body if isinstance(v, Load)))
    return [buffer for buffer in read if buffer not in made], list(made)


def operand_text(operand: Operand) -> str:
    """A buffer, or which of its elements."""
    buffer, view = operand
    if view.whole:
        return f"{buffer.label}{show(view.shape)}"
    at = f" from {' + '.join(map(str, view.offset))}" if view.offset else ""
    return f"{buffer.label}{show(view.shape)} by {show(view.strides)}{at}"


def _loop_buffers(step: LoopStep) -> Iterator[str]:
    for name, buffer in (("steps", step.count), ("test", step.test), ("taken", step.taken)):
        if buffer is not None:
            yield f"{name}: {buffer.label}"
    for start, before, after, result in step.carries:
        yield f"carry: {before.label} from {start.label}, {after.label} to {result.label}"
    for whole, element in step.sequences:
        yield f"sequence: {element.label} of {whole.label}"
    for whole, element in step.stacked:
        yield f"stack: {element.label} to {whole.label}"


def _all(buffers: Iterable[Buffer]) -> str:
    return ", ".join(map(str, buffers))


def memory_text(program: Program, bound: Bound | None = None) -> str:
    """The buffers: role, contents, life, with sizes their bytes, and what they stand in.

    Lives are in times: 0 is before the first step, and each step, of bodies too, and each end of a body is one more.
    Where steps run again for lack of memory, they are those of temporaries alone.
    """
    rows = [_buffer_row(b, bound, program.recomputed is None or b.role not in STAYS) for b in program.buffers]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_in_columns(row, widths) for row in rows)


def _buffer_row(buffer: Buffer, bound: Bound | None, lives: bool) -> tuple[str, ...]:
    of = f"{buffer.dtype.name}{show(buffer.shape)}"
    size = f"{bound.bytes[buffer]} bytes" if bound is not None else ""
    where = ""
    if buffer.alias is not None:
        where = f"{'part of' if buffer.role is Role.ELEMENT else 'in place of'} {buffer.alias.label}"
    life = f"{buffer.first}..{buffer.last}" if lives else "all"
    return buffer.role, buffer.label, of, life, size, where


def _in_columns(row: tuple[str, ...], widths: list[int]) -> str:
    role, label, of, life, size, where = row
    cells = [f"{role:<{widths[0]}}", f"{label:<{widths[1]}}", f"{of:<{widths[2]}}", f"{life:>{widths[3]}}"]
    return "  ".join([*cells, *([f"{size:>{widths[4]}}"] if size else []), where]).rstrip()


# ---- with sizes ------------------------------------------------------------------------------------------------------


def bound_text(bound: Bound) -> str:
    """The calls in order, with their numbers."""
    sizes = ", ".join(f"{name} = {size}" for name, size in sorted(bound.sizes.items()))
    head = f"with {sizes}:" if sizes else "all sizes are fixed:"
    names = number_steps(bound.program)
    return "\n".join([head, *(line for call in bound.calls for line in _call_lines(call, bound, names))])


def _call_lines(call: Call, bound: Bound, names: dict[Step, str]) -> Iterator[str]:
    """A call, and the calls of its bodies."""
    name = names[call.step]
    if isinstance(call, NestCall):
        axes = " x ".join(str(axis.value(bound.sizes)) for axis in call.placed.nest.axes)
        over = f"over {axes}" if axes else "once"
        yield f"{name}: loop nest {over}: {', '.join(b.label for b in call.placed.buffers)}"
    elif isinstance(call, KernelCall):
        yield f"{name}: {call.step.node.op.name}: {', '.join(_operands(call))}"
    elif isinstance(call, LoopCall):
        yield f"{name}: {call.step.node.op.name} of {call.length} steps at most:"
        yield from (INDENT + line for one in call.body for line in _call_lines(one, bound, names))
    elif isinstance(call, BranchCall):
        yield f"{name}: {call.step.node.op.name}:"
        for body, calls in zip(("then", "otherwise"), call.bodies, strict=True):
            yield f"{INDENT}{body}:"
            yield from (2 * INDENT + line for one in calls for line in _call_lines(one, bound, names))
    else:
        assert isinstance(call, CopyCall)
        yield f"{name}: {summary(call.step)}"


def _operands(call: KernelCall) -> Iterator[str]:
    for (buffer, offset), array in zip(call.places, (*call.outputs, *call.arguments), strict=True):
        at = f" from byte {offset}" if offset else ""
        yield f"{buffer.label} {array_text(array)}{at}"


def array_text(array: Array) -> str:
    """dtype and shape, and the strides where the elements are not in C order."""
    strides = "" if array.contiguous else f" by {show(array.strides)}"
    return f"{array.dtype.name}{show(array.shape)}{strides}"
