"""Graphs as tables of JSON: nodes, each after what it needs, and the types, sizes, lines and variables they name."""

from __future__ import annotations

import math
import struct
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ...ops.elementwise import Cast, Composite, Primitive, Scalar
from ...symbolic.arguments import LARGEST
from ...symbolic.dims import SymDim
from ...symbolic.errors import ArgumentError, Site, WeftError, blame, user_site
from ...symbolic.expr import Expr, Op
from ...symbolic.graph import Graph
from ...symbolic.guards import collecting
from ...symbolic.leaves import Constant, Input, Shared, storage_of
from ...symbolic.postorder import postorder
from ...symbolic.types import TupleType, Type, config
from .sizes import SymbolWriter, write_size
from .vocabulary import TUPLES, ForgottenRule, GivenPython, is_own, own_functions
from .walk import Kinds, dims_of_node, needs_of, traced_function, traces_of

Row = dict[str, Any]
SMALL_BYTES = 64  # constants up to this many bytes stand among the nodes
_GIVE = "give it to both sides: f.save(path, python=[{0}]) and wf.load(path, python=[{0}])."
_OTHER_FLOAT = {"float32": "float64", "float64": "float32"}


class _NoForm(Exception):
    """A parameter that a file has no form for, and the way out."""

    def __init__(self, text: str, hint: str = ""):
        self.text, self.hint = text, hint


class GraphWriter:
    """Writes what some roots need."""

    def __init__(self, roots: Sequence[Expr], python: GivenPython) -> None:
        self.python = python
        self.nodes: list[Expr] = []
        self.numbers: dict[Expr, int] = {}
        for node in postorder(_with_default_updates(roots), needs_of):
            if self._is_copy(node):
                self.numbers[node] = self.numbers[node.args[0]]
            else:
                self.numbers[node] = len(self.nodes)
                self.nodes.append(node)
        self.arrays: list[np.ndarray] = []
        self._variables = sorted((n for n in self.nodes if isinstance(n.op, Shared)), key=_made_when)
        self._storages = list(map(storage_of, self._variables))
        by_sizes = {id(storage.sizes): number for number, storage in enumerate(self._storages)}
        self._symbols = SymbolWriter(by_sizes, self.numbers.__getitem__)
        for dim in (dim for node in self.nodes for dim in dims_of_node(node)):
            self._symbols.note(dim)
        self._types: dict[Hashable, int] = {}
        self._type_rows: list[Row] = []
        self._sites: dict[Site, int] = {}
        self._lines: dict[tuple[str, int, str, bool], int] = {}
        self._traces: dict[Composite, dict[Kinds, Row]] = {}
        self._forgotten: dict[Any, int] = {}

    def tables(self) -> Row:
        """All that the nodes are made of."""
        variables = list(map(self._variable, self._variables))  # whose arrays come first
        rows = [self._node(node) for node in self.nodes]
        traces = [self._trace(function, bodies) for function, bodies in self._traces.items()]
        return {
            "symbols": self._symbols.symbols(),
            "lost": self._symbols.lost_sizes(),
            "types": self._type_rows,
            "lines": [dict(zip(("file", "line", "text", "gradient"), line, strict=True)) for line in self._lines],
            "variables": variables,
            "functions": traces,
            "nodes": rows,
        }

    def number_all(self, nodes: Iterable[Expr]) -> list[int]:
        """The numbers of nodes."""
        return [self.numbers[node] for node in nodes]

    def note(self, dims: Iterable[Any]) -> None:
        """Take note of sizes that are not those of nodes."""
        for dim in dims:
            if isinstance(dim, SymDim):
                self._symbols.note(dim)

    # ---- nodes ----------------------------------------------------------------------------------------------------

    def _is_copy(self, node: Expr) -> bool:
        """Whether it is its argument, by what an op of somebody else's says of itself: a file needs no such op."""
        op = node.op
        same = op.is_movement and op.elementwise and len(node.args) == 1 and node.type == node.args[0].type
        return same and not is_own(op) and self.python.name_of(type(op)) is None

    def _node(self, node: Expr) -> Row:
        try:
            row = self._row(node)
        except _NoForm as error:
            text = f"save: {node.op.name} cannot be written to a file: {error.text}"
            raise blame(ArgumentError(text), user_site(), node.site, hint=error.hint) from None
        return {**row, "at": self._line(node.site)} if node.site else row

    def _line(self, site: Site) -> int:
        """The number of a line in its table: several places may stand in one line."""
        if site not in self._sites:
            key = site.file, site.line, site.text, site.gradient
            self._sites[site] = self._lines.setdefault(key, len(self._lines))
        return self._sites[site]

    def _row(self, node: Expr) -> Row:
        op: Any = node.op
        if isinstance(op, Constant):
            return self._constant(op)
        if isinstance(op, Shared):
            return {"variable": self._storages.index(op.storage)}
        row: Row = self._input(op) if isinstance(op, Input) else {**self.op(op), "args": self.number_all(node.args)}
        row["type"] = self.type(node.type)
        self._note_traces(node)
        return row if isinstance(op, Input) else {**row, **_float_dtype(node)}

    def _input(self, op: Input) -> Row:
        if isinstance(op.number, int):
            return {"input": op.label, **({"configured": True} if op.configured else {})}
        if op.inside:
            raise _NoForm("it stands for a value inside of a step.")
        return {"parameter": op.number[1]}

    def _constant(self, op: Constant) -> Row:
        if op.number is not None:
            return {"number": _write_number(op.number), "dtype": op.value.dtype.name}
        value = op.value
        if value.nbytes > SMALL_BYTES or not np.isfinite(value).all():
            return {"array": self._array(value)}
        return {"values": value.ravel().tolist(), "dtype": value.dtype.name, "shape": list(value.shape)}

    def _array(self, value: np.ndarray) -> int:
        self.arrays.append(value)
        return len(self.arrays) - 1

    def _variable(self, node: Expr) -> Row:
        storage = storage_of(node)
        with storage.reading():
            array = self._array(storage.value.copy())
        row: Row = {"name": node.name, "array": array, "shape": list(map(write_size, node.shape))}
        update = storage.default_update
        return row if update is None else {**row, "update": self.numbers[update]}

    # ---- functions of numbers ----------------------------------------------------------------------------------------

    def _note_traces(self, node: Expr) -> None:
        function = traced_function(node.op)
        if function is not None:
            for kinds, (inputs, output) in traces_of(node).items():
                row = {"inputs": self.number_all(inputs), "output": self.numbers[output]}
                self._traces[function].setdefault(kinds, row)

    def _trace(self, function: Composite, bodies: dict[Kinds, Row]) -> Row:
        return {"name": function.name, "whole": function.whole, "bodies": list(bodies.values())}

    def _function(self, function: Scalar) -> Row:
        if isinstance(function, Cast):
            return {"cast": function.to.name}
        if own_functions().get(function.name) is function:
            return {"function": function.name}
        if isinstance(function, Composite):
            self._traces.setdefault(function, {})
            return {"traced": list(self._traces).index(function)}
        kind = "primitive" if isinstance(function, Primitive) else "function"
        raise _NoForm(f"{function!r} is a {kind} that weft does not have.")

    # ---- types and parameters ------------------------------------------------------------------------------------

    def type(self, of: Type | TupleType) -> int:
        """The number of a type in its table."""
        if of not in self._types:
            row: Row
            if isinstance(of, TupleType):
                row = {"several": [self.type(one) for one in of.items]}
            else:
                row = {"dtype": of.dtype.name, "shape": list(map(write_size, of.shape))}
                row |= {"weak": True} if of.weak else {}
            self._types[of] = len(self._type_rows)
            self._type_rows.append(row)
        return self._types[of]

    def op(self, op: Op) -> Row:
        """An op by its class and its parameters."""
        cls = type(op)
        name = cls.__name__ if is_own(op) else self.python.name_of(cls)
        if name is None:
            text = f"{cls.__name__} is an op of a program's own, and a file has no code."
            raise _NoForm(text, _GIVE.format(cls.__name__))
        if not is_dataclass(op):
            raise _NoForm(f"{cls.__name__} is no dataclass.", "make it a frozen dataclass, as wf.Op describes.")
        given = {f.name: self._parameter(op, f.name, getattr(op, f.name)) for f in fields(op) if f.init}
        if is_own(op):
            return {"op": name, **({"fields": given} if given else {})}
        return {"python": name, "fields": given}

    def _parameter(self, op: Op, name: str, value: Any) -> Any:
        # of a derivative that was taken, nobody asks for the rule
        if name == "rule" and is_own(op) and value is not None and self.python.name_of(value) is None:
            word = (
                value.name if isinstance(value, ForgottenRule) else getattr(value, "__qualname__", type(value).__name__)
            )
            return {"forgotten": self._forgotten.setdefault(value, len(self._forgotten)), "name": word}
        return self.value(value)

    def value(self, value: Any) -> Any:
        """A parameter.  Raises _NoForm."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int | np.integer) and abs(int(value)) <= LARGEST:
            return int(value)
        if isinstance(value, float | np.floating):
            return _write_number(float(value))
        if isinstance(value, tuple):
            return self._tuple(value)
        return self._object(value)

    def _tuple(self, value: tuple[Any, ...]) -> Any:
        items = list(map(self.value, value))
        if type(value) is tuple:
            return items
        name = type(value).__name__
        if TUPLES.get(name) is not type(value):
            raise _NoForm(f"a {name} is among its parameters.", "take plain tuples, numbers and strings.")
        return {"tuple": name, "items": items}

    def _object(self, value: Any) -> Any:
        if isinstance(value, SymDim):
            return {"size": write_size(value)}
        if isinstance(value, np.dtype):
            return {"dtype": value.name}
        if isinstance(value, Type):
            return {"type": self.type(value)}
        if isinstance(value, Graph):
            return self._body(value)
        if isinstance(value, Scalar):
            return self._function(value)
        if isinstance(value, Op):
            return self.op(value)
        return self._python(value)

    def _body(self, body: Graph) -> Row:
        if body.updates or body.assumed:
            raise _NoForm("its body has updates.")
        return {"inputs": self.number_all(body.inputs), "outputs": self.number_all(body.outputs)}

    def _python(self, value: Any) -> Row:
        try:
            name = self.python.name_of(value)
        except TypeError:
            name = None
        if name is not None:
            return {"python": name}
        word = getattr(value, "__name__", None) or type(value).__name__
        if callable(value):
            raise _NoForm(f"{word} is Python, and a file has no code.", _GIVE.format(word))
        raise _NoForm(f"{value!r} is among its parameters.", "take tuples, numbers and strings.")


def _with_default_updates(roots: Sequence[Expr]) -> list[Expr]:
    """The roots, and the new values that variables have of their own accord, as random streams do."""
    found: dict[Expr, None] = dict.fromkeys(roots)
    known: set[Expr] = set()
    while True:
        read = [n for n in postorder(found, needs_of) if isinstance(n.op, Shared) and n not in known]
        if not read:
            return list(found)
        known.update(read)
        updates = (storage_of(node).default_update for node in read)
        found |= dict.fromkeys(update for update in updates if update is not None)


def _made_when(node: Expr) -> int:
    return storage_of(node).number


def _write_number(value: float) -> Any:
    """A number of Python's; what is no number in JSON by its bits."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return {"bits": struct.pack(">d", value).hex()}


def _float_dtype(node: Expr) -> Row:
    """The `config.float_dtype` that the type of the node comes from, where it is not the one of the function."""
    if _infers_its_type(node):
        return {}
    other = _OTHER_FLOAT[config.float_dtype]
    with config(float_dtype=other):
        return {"float": other} if _infers_its_type(node) else {}


def _infers_its_type(node: Expr) -> bool:
    try:
        with collecting():
            return bool(node.op.infer(*[a.type for a in node.args]) == node.type)
    except WeftError:
        return False
