"""The graph of a model while it is written: nodes, initialisers, and the names of their values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ....symbolic.errors import LoweringError
from ....symbolic.expr import Expr, Op, toposort
from ....symbolic.leaves import Constant, Item, Shared
from ....symbolic.types import INT64

Write = Callable[
    ..., Any
]  # (writer, node, *names of its arguments) -> the name of its value, or one for each of several
WRITERS: dict[type[Op], Write] = {}


def writes(*kinds: type[Op]) -> Callable[[Write], Write]:
    """Register how ops of these classes are written."""

    def register(function: Write) -> Write:
        WRITERS.update(dict.fromkeys(kinds, function))
        return function

    return register


class Missing(NamedTuple):
    """A node that has no form in ONNX, and why."""

    node: Expr
    reason: str


class NoForm(Exception):
    """What a node says has no form in ONNX: the reason, as a clause."""


def names_read(nodes: Iterable[Any]) -> set[str]:
    """The names of the values that nodes take, those in the bodies of loops and branches among them."""
    found = set()
    for node in nodes:
        found.update(node.input)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found |= names_read(attribute.g.node) | {output.name for output in attribute.g.output}
    return found


def drop_unread(nodes: Sequence[Any], outputs: Iterable[str]) -> list[Any]:
    """The nodes that outputs depend on: a value that was written for itself may be part of a larger operator."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.output):
            kept.append(node)
            needed |= names_read([node])
    return kept[::-1]


class ModelWriter:
    """Nodes of one graph; the bodies of loops and branches have a writer each, and share what the root has."""

    def __init__(self, opset: int, parent: ModelWriter | None = None):
        self.opset, self.parent = opset, parent
        self.root: ModelWriter = self if parent is None else parent.root
        self.nodes: list[Any] = []
        self.known: dict[Any, Any] = {}  # the names of values: of expressions, constants, sizes
        if parent is None:
            self.initializers: dict[str, np.ndarray] = {}
            self.taken: set[str] = set()
            self.missing: list[Missing] = []
            self.symbols: dict[str, Callable[[], str]] = {}  # how the size that a symbol stands for is read

    # ---- names -----------------------------------------------------------------------------------------------------

    def name(self, wanted: str) -> str:
        """A name that no other value has: this one, or with a number behind it."""
        taken, found, number = self.root.taken, wanted, 1
        while found in taken:
            number += 1
            found = f"{wanted}_{number}"
        taken.add(found)
        return found

    def find(self, key: Any) -> Any:
        """The name of a value that is written here or around here; None where it is not."""
        at: ModelWriter | None = self
        while at is not None:
            if key in at.known:
                return at.known[key]
            at = at.parent
        return None

    # ---- values ----------------------------------------------------------------------------------------------------

    def of(self, node: Expr) -> Any:
        """The name of the value of an expression, which is written where it is not yet; names, where it has several."""
        for each in toposort([node], lambda n: self.find(n) is None):
            if self.find(each) is None:
                self.known[each] = self._write(each)
        return self.find(node)

    def _write(self, node: Expr) -> Any:
        if isinstance(node.op, Item):
            return self.find(node.args[0])[node.op.index]
        if isinstance(node.op, Constant):
            return self.constant(node.op.value)
        if isinstance(node.op, Shared):
            return self.root.initializer(node)
        if 0 in getattr(node.type, "shape", ()) and all(isinstance(d, int) for d in node.shape):
            return self.constant(np.zeros(node.shape, node.dtype))  # runtimes have views of their own on nothing
        try:
            return self._apply(node)
        except NoForm as reason:
            self.root.missing.append(Missing(node, str(reason)))
            count = len(getattr(node.type, "items", ()))
            return ("",) * count if count else ""

    def _apply(self, node: Expr) -> Any:
        found = WRITERS.get(type(node.op))
        if found is not None:
            return found(self, node, *[self.find(a) for a in node.args])
        expanded = node.op.expand(*node.args) if node.args else None
        if expanded is None:
            raise NoForm("has neither an operator nor an expansion")
        return self.of(expanded)

    def initializer(self, node: Expr) -> str:
        """The name of a shared variable, whose value of now is in the model."""
        name = self.name(node.name or "parameter")
        self.initializers[name] = node.op.numpy()
        self.known[node] = name
        return name

    def constant(self, value: Any, dtype: Any = None) -> str:
        """The name of an array that never changes: equal ones stand in the model once."""
        array = np.asarray(value, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        root = self.root
        if key not in root.known:
            root.known[key] = root.name("constant")
            root.initializers[root.known[key]] = array
        return str(root.known[key])

    def vector(self, values: Iterable[int]) -> str:
        """The name of a vector of int64."""
        return self.constant(np.array(list(values), np.int64))

    # ---- nodes -----------------------------------------------------------------------------------------------------

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """A node with one output; its name."""
        return self.several(kind, inputs, 1, name, **attributes)[0]

    def several(
        self, kind: str, inputs: Sequence[str], count: int, name: str = "", **attributes: Any
    ) -> tuple[str, ...]:
        """A node with so many outputs; their names.  Raises NoForm where this opset has no such operator."""
        from onnx import defs, helper

        try:
            defs.get_schema(kind, self.opset)
        except defs.SchemaError:
            since = defs.get_schema(kind).since_version
            raise NoForm(f"needs the operator {kind}, which opset {self.opset} has not (since {since})") from None
        outputs = [self.name(name or kind.lower()) for _ in range(count)]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, **attributes))
        return tuple(outputs)

    def cast(self, name: str, dtype: Any) -> str:
        """The value in another dtype."""
        return self.op("Cast", name, to=tensor_type(dtype))

    def unsqueeze(self, name: str, *axes: int) -> str:
        """The value with axes of size 1 at these places of the result."""
        return self.op("Unsqueeze", name, self.vector(axes)) if axes else name

    def reshape(self, name: str, *shape: int) -> str:
        """The value in a shape of numbers, one of which may be -1."""
        return self.op("Reshape", name, self.vector(shape))

    def transpose(self, name: str, axes: Sequence[int]) -> str:
        """The value with its axes in another order."""
        return name if list(axes) == list(range(len(axes))) else self.op("Transpose", name, perm=list(axes))

    def zeros(self, shape: str, dtype: Any) -> str:
        """Zeros of a shape that is a value."""
        return self.op("Expand", self.constant(0, dtype), shape)

    def to_int64(self, name: str, dtype: Any) -> str:
        """The value as int64."""
        return name if dtype == INT64 else self.cast(name, INT64)


def tensor_type(dtype: Any) -> int:
    """ONNX's number of a dtype.  Raises NoForm where it has none."""
    from onnx import helper

    try:
        return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
    except (KeyError, ValueError):
        raise NoForm(f"has the dtype {np.dtype(dtype).name}, which ONNX has not") from None


def missing_error(found: Sequence[Missing]) -> LoweringError:
    """The error for all nodes without a form, each with its line."""
    lines = dict.fromkeys(f"{each.node.op.name} ({each.node.site}) {each.reason}" for each in found)
    count = "1 operation has" if len(lines) == 1 else f"{len(lines)} operations have"
    return LoweringError(f"{count} no form in ONNX, and nothing was written: {'; '.join(lines)}.")
