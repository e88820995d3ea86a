"""Graphs out of tables: each node by its op's own `infer`, whose type has to be the one that the file says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...ops.bodies import parameter
from ...ops.elementwise import Cast, Elementwise, Scalar
from ...symbolic.dims import SymDim, show
from ...symbolic.errors import NOWHERE, ArgumentError, WeftError, at_site
from ...symbolic.expr import Expr, Op, apply, serial
from ...symbolic.graph import Graph
from ...symbolic.leaves import Input, Shared, constant
from ...symbolic.storage import Storage
from ...symbolic.types import TupleType, config, dtype
from .archive import ProgramFile
from .fields import make_op, make_tuple, takes
from .tables import Row, TableReader, pick, read_number, read_text
from .traced import TracedFunction
from .vocabulary import ForgottenRule, GivenPython, own_functions, own_ops

_WORDS = ("input", "parameter", "variable", "number", "array", "values", "op", "python")


class GraphReader:
    """Reads the tables of a file.  Raises WeftErrors for what does not hold together."""

    def __init__(self, file: ProgramFile, python: GivenPython) -> None:
        self.file, self.python = file, python
        self.nodes: list[Expr] = []
        self.tables = TableReader(file, self.node)
        self._functions = [self._trace(row) for row in self.tables.table("functions")]
        self._forgotten: dict[Any, ForgottenRule] = {}
        for number, row in enumerate(self.tables.table("nodes")):
            with _saying(f"node {number}"):
                self.nodes.append(self._node(row))
        for row, storage in zip(self.tables.variables, self.tables.storages, strict=True):
            if "update" in row:
                storage.default_update = self._update(storage, self.node(row["update"]))

    def node(self, number: Any) -> Expr:
        """The node of that number, of those that were read."""
        if type(number) is not int or not 0 <= number < len(self.nodes):
            raise ArgumentError(f"There is no node {number!r} before this.")
        return self.nodes[number]

    def node_all(self, numbers: Any) -> tuple[Expr, ...]:
        """The nodes of these numbers."""
        if not isinstance(numbers, list):
            raise ArgumentError(f"{numbers!r} is no list of nodes.")
        return tuple(map(self.node, numbers))

    def _update(self, storage: Storage, new: Expr) -> Expr:
        if isinstance(new.type, TupleType) or new.dtype != storage.of.dtype or new.ndim != storage.of.ndim:
            raise ArgumentError(f"A variable is {storage.of}, and its update {new.type}.")
        return new

    # ---- nodes ----------------------------------------------------------------------------------------------------

    def _node(self, row: Row) -> Expr:
        word = next((word for word in _WORDS if word in row), None)
        if word is None:
            raise ArgumentError(f"{sorted(row)} are no words of a node.")
        make: Callable[[Row], Expr] = getattr(self, f"_read_{word}")
        with at_site(pick(self.tables.lines, row["at"], "line") if "at" in row else NOWHERE):
            return make(row)

    def _read_input(self, row: Row) -> Expr:
        of, label = self.tables.plain_type(row.get("type")), row["input"]
        if not (label is None or isinstance(label, str)):
            raise ArgumentError(f"An input is not called {label!r}.")
        return apply(Input(serial(), of, label, row.get("configured") is True))

    def _read_parameter(self, row: Row) -> Expr:
        of, place = self.tables.plain_type(row.get("type")), row["parameter"]
        if type(place) is not int or place < 0 or of.weak:
            raise ArgumentError(f"{place!r} is no number of a parameter, or {of} no type of one.")
        return parameter(place, of.dtype, of.shape)

    def _read_variable(self, row: Row) -> Expr:
        said = pick(self.tables.variables, row["variable"], "variable")
        storage, label = self.tables.storages[row["variable"]], said.get("name")
        if not (label is None or isinstance(label, str)):
            raise ArgumentError(f"A variable is not called {label!r}.")
        shape = self.tables.shape(said.get("shape"))
        fits = len(shape) == storage.array.ndim and all(
            isinstance(d, SymDim) or d == n for d, n in zip(shape, storage.array.shape, strict=True)
        )
        if not fits:
            text = f"The variable {label or 'without a name'} has shape {show(shape)}, and its array"
            raise ArgumentError(f"{text} {show(storage.array.shape)}.")
        if any(isinstance(d, SymDim) for d in shape):
            storage.set_dims(shape)
        return apply(Shared(storage, label))

    def _read_number(self, row: Row) -> Expr:
        value = read_number(row["number"])
        kind = "bool" if isinstance(value, bool) else "int64" if isinstance(value, int) else row.get("dtype")
        if kind not in ("bool", "int64", "float32", "float64") or row.get("dtype") != kind:
            raise ArgumentError(f"{value!r} is no number of dtype {row.get('dtype')!r}.")
        with config(float_dtype=kind if kind.startswith("float") else config.float_dtype):
            return constant(value)

    def _read_array(self, row: Row) -> Expr:
        return constant(self.file.read_array(row["array"]))

    def _read_values(self, row: Row) -> Expr:
        kind, shape, values = dtype(read_text(row, "dtype")), self.tables.shape(row.get("shape")), row["values"]
        kinds = {"b": (bool,), "i": (int,), "u": (int,), "f": (float, int)}[kind.kind]
        if not isinstance(values, list) or not all(type(value) in kinds for value in values):
            raise ArgumentError(f"{values!r} are no values of {kind.name}.")
        try:
            return constant(np.array(values, kind).reshape([int(d) for d in shape]))
        except (TypeError, ValueError, OverflowError):
            raise ArgumentError(f"{len(values)} values of {kind.name} do not make an array {show(shape)}.") from None

    def _read_op(self, row: Row) -> Expr:
        op = self._own_op(row)
        args = self.node_all(row.get("args", []))
        self._check_arguments(op, args)
        chosen = row.get("float", config.float_dtype)
        if chosen not in ("float32", "float64"):
            raise ArgumentError(f"{chosen!r} is no dtype of floats that could be configured.")
        with config(float_dtype=chosen):
            node = apply(op, *args)
        self._check_type(node, row)
        return node

    _read_python = _read_op

    def _check_type(self, node: Expr, row: Row) -> None:
        expected = self.tables.type(row.get("type"))
        if node.type != expected:
            text = f"{node.op.name} is {node.type} here, and {expected} where it was saved"
            raise ArgumentError(f"{text}: the file was changed, or the versions of weft differ.")

    def _check_arguments(self, op: Op, args: tuple[Expr, ...]) -> None:
        if isinstance(op, Elementwise):
            self._add_bodies(op.function, args)
            fewest, most = _arity(op.function, len(args))
            if not fewest <= len(args) <= most:
                raise ArgumentError(f"{op.name} does not take {len(args)} arguments.")
        elif not takes(type(op).infer, len(args)):
            raise ArgumentError(f"{op.name} does not take {len(args)} arguments.")
        for body in op.bodies:
            _check_body(body)

    # ---- functions of numbers ---------------------------------------------------------------------------------------

    def _trace(self, row: Row) -> tuple[TracedFunction, Row]:
        name, whole = read_text(row, "name"), row.get("whole")
        if not isinstance(whole, bool) or not isinstance(row.get("bodies"), list):
            raise ArgumentError(f"The function {name} has no bodies.")
        return TracedFunction(name, whole), row

    def _add_bodies(self, function: Scalar, args: tuple[Expr, ...]) -> None:
        """Give a function of the file those of its bodies whose nodes were read; its first use comes after them."""
        row = next((row for one, row in self._functions if one is function), None)
        for body in row["bodies"] if row is not None else ():
            numbers = [*body["inputs"], body["output"]] if isinstance(body, dict) and len(body) == 2 else [None]
            if all(type(number) is int and 0 <= number < len(self.nodes) for number in numbers):
                *inputs, output = map(self.node, numbers)
                function.add_body(tuple(inputs), output)  # type: ignore[attr-defined]

    def _function(self, given: Row) -> Scalar:
        if "cast" in given:
            return Cast(dtype(read_text(given, "cast")))
        if "traced" in given:
            return pick(self._functions, given["traced"], "function")[0]  # type: ignore[no-any-return]
        name = read_text(given, "function")
        if name not in own_functions():
            raise ArgumentError(f"There is no function {name}: the file was changed, or the versions of weft differ.")
        return own_functions()[name]

    # ---- parameters -----------------------------------------------------------------------------------------------

    def _own_op(self, row: Row) -> Op:
        fields = row.get("fields", {})
        if not isinstance(fields, dict):
            raise ArgumentError(f"{fields!r} are no parameters.")
        given = {name: self.value(value) for name, value in fields.items()}
        if "python" in row:
            cls = self._python(row["python"])
            if not (isinstance(cls, type) and issubclass(cls, Op)):
                raise ArgumentError(f"{row['python']} is an op in the file, and {cls!r} is none.")
            return make_op(cls, given)
        name = read_text(row, "op")
        if name not in own_ops():
            raise ArgumentError(f"There is no op {name}: the file was changed, or the versions of weft differ.")
        return make_op(own_ops()[name], given)

    def value(self, given: Any) -> Any:
        """A parameter.  Raises ArgumentError for what is none."""
        if given is None or isinstance(given, bool | str | int | float):
            return given
        if isinstance(given, list):
            return tuple(map(self.value, given))
        word = next((word for word in _OBJECTS if word in given), None)
        if word is None:
            raise ArgumentError(f"{given!r} is no parameter.")
        return _OBJECTS[word](self, given)

    def _python(self, name: Any) -> Any:
        if not isinstance(name, str) or name not in self.python.by_name:
            text = f"It needs {name}, which is Python of the program that saved it"
            raise ArgumentError(f"{text}: give it to load, python=[{name}].")
        return self.python.by_name[name]

    def _body(self, given: Row) -> Graph:
        return Graph(self.node_all(given["inputs"]), self.node_all(given.get("outputs")))

    def _forget(self, given: Row) -> ForgottenRule:
        key = given["forgotten"]
        if type(key) is not int:
            raise ArgumentError(f"{key!r} is no number of a rule.")
        return self._forgotten.setdefault(key, ForgottenRule(read_text(given, "name")))


_OBJECTS: dict[str, Callable[[GraphReader, Row], Any]] = {
    "bits": lambda reader, given: read_number(given),
    "size": lambda reader, given: reader.tables.size(given["size"]),
    "dtype": lambda reader, given: dtype(read_text(given, "dtype")),
    "type": lambda reader, given: reader.tables.type(given["type"]),
    "inputs": lambda reader, given: reader._body(given),
    "function": lambda reader, given: reader._function(given),
    "cast": lambda reader, given: reader._function(given),
    "traced": lambda reader, given: reader._function(given),
    "op": lambda reader, given: reader._own_op(given),
    "forgotten": lambda reader, given: reader._forget(given),
    "tuple": lambda reader, given: make_tuple(given["tuple"], reader.value(given.get("items") or [])),
    "python": lambda reader, given: reader._own_op(given) if "fields" in given else reader._python(given["python"]),
}


def _arity(function: Scalar, given: int) -> tuple[int, int]:
    """The fewest and the most arguments; those of the bodies of a file are counted when one is looked for."""
    if isinstance(function, Cast):
        return 1, 1
    return (1, given) if isinstance(function, TracedFunction) else function.arity


def _check_body(body: Any) -> None:
    """Raise ArgumentError unless a body is closed: what it reads are its parameters."""
    inputs = set(body.inputs)
    free = [n for n in body.nodes if isinstance(n.op, Input | Shared) and n not in inputs]
    if free or len(inputs) != len(body.inputs) or not all(isinstance(x.op, Input) for x in inputs):
        raise ArgumentError("A body of a loop or a branch reads what is none of its parameters.")


@contextmanager
def _saying(where: str) -> Iterator[None]:
    """Errors of what is read inside say where it stands."""
    try:
        yield
    except WeftError as error:
        error.add_note(f"  in {where} of the file's graph")
        raise
