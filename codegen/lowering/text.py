"""Programs and bound programs as text, one line for each step and its buffers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...symbolic.dims import show
from ...symbolic.text import parameters
from .bind import Array, Bound, BranchCall, Call, CopyCall, KernelCall, LoopCall, NestCall
from .loops import ONE
from .program import BranchStep, Buffer, CopyStep, KernelStep, LoopStep, NestStep, Operand, Program, Role, Step

INDENT = "    "


def program_text(program: Program, nests: bool = False, sites: bool = True) -> str:
    """The steps and their buffers; with `nests` also the loops, with `sites` the user's lines."""
    lines: list[str] = []
    for number, step in enumerate(program.steps):
        if number == program.commit and number:
            lines.append("variables are written from here on")
        lines += step_lines(step, f"step {number}", nests, sites)
    return "\n".join(lines)


def step_lines(step: Step, label: str, nests: bool, sites: bool) -> Iterator[str]:
    """A step, and the steps of its bodies."""
    yield f"{label}: {summary(step)}"
    if sites:
        yield f"{INDENT}{step.node.site}  {step.node.site.text}"
    if isinstance(step, NestStep):
        for nest, buffers in step.nests:
            yield f"{INDENT}{', '.join(f'b{n} = {b.label}' for n, b in enumerate(buffers))}"
            if nests:
                yield from (INDENT + line for line in str(nest).splitlines())
    elif isinstance(step, LoopStep):
        yield from (INDENT + line for line in _loop_buffers(step))
        yield from _body(step.body, "body", nests, sites)
    elif isinstance(step, BranchStep):
        for name, body in zip(("then", "otherwise"), step.bodies, strict=True):
            yield from _body(body, name, nests, sites)


def summary(step: Step) -> str:
    """A step in one line: what runs, what it reads, what it writes."""
    if isinstance(step, NestStep):
        roots = set(step.roots)
        made = [b for b in _unique(b for _, buffers in step.nests for b in buffers) if b.node in roots]
        return f"loop nest computing {', '.join(r.op.name for r in step.roots)} -> {_all(made)}"
    if isinstance(step, KernelStep):
        arguments = ", ".join(map(operand_text, step.arguments))
        return f"kernel {step.node.op.name}({arguments}) -> {_all(step.outputs)}"
    if isinstance(step, LoopStep):
        return f"{step.node.op.name}, {parameters(step.node.op)}"
    if isinstance(step, BranchStep):
        return f"{step.node.op.name} on {step.condition.label}, {parameters(step.node.op)} -> {_all(step.outputs)}"
    assert isinstance(step, CopyStep)
    return f"copy {step.source.label} -> {step.target.label}"


def operand_text(operand: Operand) -> str:
    """A buffer, or which of its elements."""
    buffer, view = operand
    if view.whole:
        return f"{buffer.label}{show(view.shape)}"
    offset = [f"{o.start}" if o.stride == ONE else f"{o.start}*{o.stride}" for o in view.offset]
    at = f" from {' + '.join(offset)}" if offset else ""
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


def _body(steps: list[Step], name: str, nests: bool, sites: bool) -> Iterator[str]:
    yield f"{INDENT}{name}:"
    for number, step in enumerate(steps):
        yield from (2 * INDENT + line for line in step_lines(step, f"step {number}", nests, sites))


def _unique(buffers: Iterable[Buffer]) -> list[Buffer]:
    return list(dict.fromkeys(buffers))


def _all(buffers: Iterable[Buffer]) -> str:
    return ", ".join(map(str, buffers))


def memory_text(program: Program, bound: Bound | None = None) -> str:
    """The buffers: role, what they stand in, from which step to which they are needed, and with sizes their bytes."""
    return "\n".join(_buffer_line(b, bound) for b in program.buffers)


def _buffer_line(buffer: Buffer, bound: Bound | None) -> str:
    where = ""
    if buffer.alias is not None:
        where = f"{'part of' if buffer.role is Role.ELEMENT else 'in place of'} {buffer.alias.label}"
    size = f"{bound.bytes[buffer]} bytes" if bound is not None else ""
    life = f"{buffer.first}..{buffer.last}"
    of = f"{buffer.dtype.name}{show(buffer.shape)}"
    return f"{buffer.role:<10} {buffer.label:<24} {of:<28} {life:>9}  {size:>14}  {where}".rstrip()


# ---- with sizes ------------------------------------------------------------------------------------------------------


def bound_text(bound: Bound) -> str:
    """The calls in order, with their numbers."""
    sizes = ", ".join(f"{name} = {size}" for name, size in sorted(bound.sizes.items()))
    head = f"with {sizes}:" if sizes else "all sizes are fixed:"
    return "\n".join([head, *(line for call in bound.calls for line in call_lines(call))])


def call_lines(call: Call) -> Iterator[str]:
    """A call, and the calls of its bodies."""
    if isinstance(call, NestCall):
        yield f"nest over {call.elements} indices: {', '.join(b.label for b in call.placed.buffers)}"
    elif isinstance(call, KernelCall):
        yield f"{call.step.node.op.name}: {', '.join(_operands(call))}"
    elif isinstance(call, LoopCall):
        yield f"{call.step.node.op.name} of {call.length} steps at most:"
        yield from (INDENT + line for one in call.body for line in call_lines(one))
    elif isinstance(call, BranchCall):
        yield f"{call.step.node.op.name}:"
        for name, body in zip(("then", "otherwise"), call.bodies, strict=True):
            yield f"{INDENT}{name}:"
            yield from (2 * INDENT + line for one in body for line in call_lines(one))
    else:
        assert isinstance(call, CopyCall)
        yield summary(call.step)


def _operands(call: KernelCall) -> Iterator[str]:
    for (buffer, offset), array in zip(call.places, (*call.outputs, *call.arguments), strict=True):
        at = f" from byte {offset}" if offset else ""
        yield f"{buffer.label} {array_text(array)}{at}"


def array_text(array: Array) -> str:
    """dtype and shape, and the strides where the elements are not in C order."""
    strides = "" if array.contiguous else f" by {show(array.strides)}"
    return f"{array.dtype.name}{show(array.shape)}{strides}"
