"""Loops and branches: Scan where the number of steps is that of the elements, else Loop; If."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....ops.branch import Branch
from ....ops.control import CheckSteps
from ....ops.loop import Loop
from ....symbolic.expr import Expr
from ....symbolic.graph import Graph
from ....symbolic.types import INT64
from . import sizes
from .movement import flip
from .writer import ModelWriter, drop_unread, tensor_type, writes


class BodyWriter(ModelWriter):
    """The graph of a body: its inputs have names of their own, or those of the values around it."""

    def __init__(self, parent: ModelWriter):
        super().__init__(parent.opset, parent)
        self.given: list[Any] = []

    def take(self, node: Expr | None, wanted: str, dtype: Any, shape: Sequence[Any]) -> str:
        """A further input of the graph, which stands for a node of the body."""
        name = self.name(wanted)
        self.given.append(value_info(name, dtype, shape))
        if node is not None:
            self.known[node] = name
        return name

    def close(self, outputs: Sequence[tuple[str, Any, Sequence[Any]]]) -> Any:
        """The graph, with outputs (name, dtype, shape), each of which is made here."""
        from onnx import helper

        infos = []
        for name, dtype, shape in outputs:
            infos.append(value_info(self.op("Identity", name, name="result"), dtype, shape))
        nodes = drop_unread(self.nodes, [info.name for info in infos])
        return helper.make_graph(nodes, self.name("body"), self.given, infos)


def value_info(name: str, dtype: Any, shape: Sequence[Any]) -> Any:
    """The type of an input or output: sizes that are symbols by their text."""
    from onnx import helper

    return helper.make_tensor_value_info(name, tensor_type(dtype), [d if isinstance(d, int) else str(d) for d in shape])


@writes(Branch)
def write_branch(writer: ModelWriter, node: Expr, predicate: str, *given: str) -> tuple[str, ...]:
    """If: both bodies read what is around them by its name."""
    graphs = []
    for body, names in zip(node.op.bodies, node.op.divide((predicate, *given)), strict=True):
        part = BodyWriter(writer)
        part.known.update(zip(body.inputs, names, strict=True))
        types = [(part.of(y), y.dtype, y.shape) for y in body.outputs]
        graphs.append(part.close(types))
    attributes = dict(zip(("then_branch", "else_branch"), graphs, strict=True))
    return writer.several("If", (predicate,), len(node.type.items), **attributes)


@writes(Loop)
def write_loop(writer: ModelWriter, node: Expr, *given: str) -> tuple[str, ...]:
    """Scan over all elements; Loop, where the number of steps is a value, or steps say whether to go on."""
    op = node.op
    return _loop(writer, node, given) if op.counted or op.tested or not op.sequences else _scan(writer, node, given)


def _outputs(part: BodyWriter, body: Graph) -> list[tuple[str, Any, Sequence[Any]]]:
    return [(part.of(y), y.dtype, y.shape) for y in body.outputs]


def _scan(writer: ModelWriter, node: Expr, given: Sequence[str]) -> tuple[str, ...]:
    op, values = node.op, node.op.divide(given)
    part, inputs = BodyWriter(writer), list(op.body.inputs)
    first = op.carries + op.sequences
    for place, x in enumerate(inputs[:first]):
        part.take(x, x.name or ("carry" if place < op.carries else "element"), x.dtype, x.shape)
    part.known.update(zip(inputs[first:], values.captured, strict=True))
    body = part.close(_outputs(part, op.body))
    backwards, made = int(op.reverse), len(op.stacked)
    return writer.several(
        "Scan",
        (*values.carries, *values.sequences),
        len(node.type.items),
        body=body,
        num_scan_inputs=op.sequences,
        scan_input_directions=[backwards] * op.sequences,
        **({"scan_output_directions": [backwards] * made} if made else {}),
    )


def _loop(writer: ModelWriter, node: Expr, given: Sequence[str]) -> tuple[str, ...]:
    """carries, and where steps are tested also how many there were: a carry that counts them."""
    op, values = node.op, node.op.divide(given)
    steps = _steps(writer, node, values)
    part = BodyWriter(writer)
    step = part.take(None, "step", INT64, ())
    part.take(None, "goes_on", "bool", ())
    found = _body(part, node, values, step, steps)
    counted = part.take(None, "count", INT64, ())
    count = (part.op("Add", counted, part.constant(1, "int64")), INT64, ())
    goes_on = found.pop() if op.tested else (part.constant(True), "bool", ())
    carries, stacks = found[: op.carries], found[op.carries :]
    body = part.close([goes_on, *carries, count, *stacks])
    starts = (*values.carries, writer.constant(0, "int64"))
    names = writer.several("Loop", (steps, writer.constant(True), *starts), len(carries) + 1 + len(stacks), body=body)
    made = [_at_its_steps(writer, node, name, y, names[op.carries], steps) for name, y in
            zip(names[op.carries + 1 :], op.stacked, strict=True)]  # fmt: skip
    return (*names[: op.carries], *made, *([names[op.carries]] if op.tested else []))


def _steps(writer: ModelWriter, node: Expr, values: Any) -> str:
    """How many steps there are at most: the name of an int64 scalar."""
    op = node.op
    if not values.steps:
        return sizes.size(writer, op.length)
    count = writer.to_int64(values.steps[0], node.args[0].dtype)
    return writer.op("Max", writer.op("Min", count, sizes.size(writer, op.length)), writer.constant(0, "int64"))


def _body(part: BodyWriter, node: Expr, values: Any, step: str, steps: str) -> list[tuple[str, Any, Sequence[Any]]]:
    op, inputs = node.op, list(node.op.body.inputs)
    first = op.carries + op.sequences
    for x in inputs[: op.carries]:
        part.take(x, x.name or "carry", x.dtype, x.shape)
    place = step
    if op.reverse:
        place = part.op("Sub", part.op("Sub", steps, step), part.constant(1, "int64"))
    for x, sequence in zip(inputs[op.carries : first], values.sequences, strict=True):
        part.known[x] = part.op("Gather", sequence, place, axis=0)
    part.known.update(zip(inputs[first:], values.captured, strict=True))
    return _outputs(part, op.body)


def _at_its_steps(writer: ModelWriter, node: Expr, name: str, y: Expr, count: str, steps: str) -> str:
    """The values of all steps that were, in the places of the elements; zeros where none was."""
    op = node.op
    missing = writer.op("Sub", sizes.size(writer, op.length), count)
    before = writer.constant(0, "int64")
    if op.reverse:  # the first step is at steps - 1
        name = flip(writer, name, [0])
        before = writer.op("Sub", steps, count)
        missing = writer.op("Sub", missing, before)
    rest = [0] * y.ndim
    widths = [writer.reshape(before, 1), writer.vector(rest), writer.reshape(missing, 1), writer.vector(rest)]
    return writer.op("Pad", name, writer.op("Concat", *widths, axis=0), writer.constant(0, y.dtype))


@writes(CheckSteps)
def write_steps(writer: ModelWriter, node: Expr, steps: str) -> str:
    """A number of steps as int32, at most that of the elements."""
    return steps if node.args[0].dtype == node.dtype else writer.cast(steps, node.dtype)
