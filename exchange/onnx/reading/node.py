"""A node while it is read: its attributes, with the standard's defaults, and what is known of its operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ....ops import scalar
from ....ops.coerce import as_expr
from ....ops.elementwise import Cast, Elementwise, cast
from ....ops.indexing import getitem
from ....ops.movement import Concatenate, ExpandDims, Reshape
from ....symbolic.dims import Dim, product, show
from ....symbolic.expr import Expr
from ....symbolic.leaves import constant
from ....symbolic.sizes import as_dim
from ....symbolic.types import SUPPORTED
from .known import Known, from_elements
from .registry import Unsaid

LIKE_FLOAT32 = "BFLOAT16"  # weft has it not, and computes with it as float32, which holds all of its numbers


class Subgraph(NamedTuple):
    """A graph among the attributes of a node, which is run on values."""

    run: Callable[[Sequence[Any]], list[Any]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class ModelNode:
    """What an operator's function is given, besides its operands."""

    def __init__(
        self,
        node: Any,
        version: int,
        attributes: dict[str, Any],
        known: Known,
        graph: Callable[[Any], Subgraph],
        find: Callable[[str], Any],
    ):
        self.kind: str = node.op_type
        self.domain: str = node.domain
        self.label: str = node.name or next((v.name for v in node.outputs if v.name), "")
        self.version = version  # of the opset
        self.outputs = tuple(v.name or "" for v in node.outputs)  # "" for one that nobody asks for
        self.known = known
        self.find = find  # the value that has a name in this graph
        self._attributes, self._graph = attributes, graph

    # ---- attributes ------------------------------------------------------------------------------------------------

    def __contains__(self, name: str) -> bool:
        return name in self._attributes

    def __getitem__(self, name: str) -> Any:
        """An attribute: the model's, or the standard's default, or None.

        Numbers, text, tuples of them; a tensor is an array, a graph a `Subgraph`.
        """
        found = self._attributes.get(name)
        return self._defaults.get(name) if found is None else self._value(found)

    def _value(self, attribute: Any) -> Any:
        kind, value = attribute.type.name, attribute.value
        if kind == "TENSOR":
            return to_array(value)
        return self._graph(value) if kind == "GRAPH" else value

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        from onnx import defs, helper

        try:
            schema = defs.get_schema(self.kind, self.version, self.domain)
        except defs.SchemaError:
            return {}
        given = {name: a.default_value for name, a in schema.attributes.items() if a.default_value.type}
        values = {name: helper.get_attribute_value(value) for name, value in given.items()}
        return {name: v.decode() if isinstance(v, bytes) else v for name, v in values.items()}

    def axis(self, ndim: int, name: str = "axis", default: int | None = None) -> int:
        """An attribute that is an axis, from 0 up."""
        given = self[name] if self[name] is not None else default
        return self.check_axis(given, ndim)

    def check_axis(self, axis: Any, ndim: int) -> int:
        """An axis, from 0 up."""
        if not isinstance(axis, int | np.integer) or not -max(ndim, 1) <= axis < max(ndim, 1):
            raise ValueError(f"axis {axis} does not exist; there are {ndim}")
        return int(axis) + ndim * (axis < 0)

    # ---- operands --------------------------------------------------------------------------------------------------

    def numbers(self, value: Expr) -> np.ndarray | None:
        """The value of an operand, where it is known before anything runs."""
        return self.known.numbers(value)

    def need(self, value: Expr, what: str) -> np.ndarray:
        """The value of an operand that must be known now."""
        found = self.numbers(value)
        if found is None:
            named = f", {value.name}," if value.name else ""
            raise Unsaid(f"needs its {what}{named} to be known before anything runs; load(..., inputs=) may give it")
        return found

    def need_integer(self, value: Expr, what: str) -> int:
        """An operand that is one whole number, known now."""
        return int(self.need(value, what).reshape(()))

    def integers(self, value: Expr, what: str) -> list[int]:
        """An operand that is a vector of whole numbers, known now."""
        return [int(n) for n in self.need(value, what).reshape(-1)]

    def entries(self, vector: Expr) -> list[Dim | Expr]:
        """The elements of a vector of integers: numbers and sizes, as far as they are known, else int64 scalars."""
        found = self.known(vector)
        if found is not None:
            return [int(e) if isinstance(e, int | np.integer) else e for e in found.reshape(-1)]
        if vector.ndim != 1 or not isinstance(vector.shape[0], int):
            raise Unsaid(f"takes a vector whose length must be known, and its shape is {show(vector.shape)}")
        return [self.entry(cast(each, "int64")) for each in scalars_of(vector)]

    def entry(self, value: Expr) -> Dim | Expr:
        """An integer scalar: a number or a size, where that is known."""
        found = self.known(value)
        if found is None:
            return value
        element = found.reshape(-1)[0]
        return int(element) if isinstance(element, int | np.integer | np.bool_) else element

    def sizes(self, vector: Expr) -> tuple[Dim, ...]:
        """The elements of a vector of integers as sizes; what is not known becomes a size that is a value."""
        return tuple(as_dim(e) for e in self.entries(vector))

    def vector(self, sizes: Sequence[Any]) -> Expr:
        """Sizes, or int64 scalars, as a vector of int64."""
        if any(isinstance(d, Expr) for d in sizes):
            return as_expr([cast(as_expr(d), "int64") for d in sizes])
        return from_elements(np.array([*sizes, None], object)[:-1])

    def like(self, value: float, x: Expr) -> Expr:
        """A number in the dtype of an expression."""
        return constant(np.asarray(value).astype(x.dtype))

    def count(self, sizes: Sequence[Dim]) -> Dim:
        """The product of sizes."""
        return product(sizes)

    def where_zero(self, given: Dim | Expr, other: Dim) -> Dim:
        """A size, or another one where it is 0."""
        if isinstance(given, Expr):
            return as_dim(scalar.where(scalar.eq(given, 0), as_expr(other), given))
        return other if isinstance(given, int) and given == 0 else given

    def dtype(self, number: int) -> np.dtype:
        """The dtype that ONNX has under this number.  Raises Unsaid for one that weft has not."""
        return to_dtype(number)


def scalars_of(vector: Expr) -> list[Expr]:
    """The elements of a vector, those that it was put together from as they were."""
    op: Any = vector.op
    if isinstance(op, Concatenate):
        return [each for part in vector.args for each in scalars_of(part)]
    if isinstance(op, ExpandDims | Reshape) and vector.args[0].ndim == 0:
        return [vector.args[0]]
    if isinstance(op, Elementwise) and isinstance(op.function, Cast) and vector.dtype.kind in "iu":
        return [cast(each, vector.dtype) for each in scalars_of(vector.args[0])]
    return [getitem(vector, i) for i in range(len(vector))]


def to_dtype(number: Any) -> np.dtype:
    """The dtype that ONNX has under this number.  Raises Unsaid for one that weft has not."""
    import onnx_ir

    kind = onnx_ir.DataType(number)
    if kind.name == LIKE_FLOAT32:
        return np.dtype("float32")
    if kind.name in ("STRING", "UNDEFINED"):
        raise Unsaid("has text, for which weft has no dtype" if kind.name == "STRING" else "has no dtype")
    found = kind.numpy()
    if found not in SUPPORTED:
        raise Unsaid(f"has the dtype {kind.name.lower()}, which weft has not")
    return found


def to_array(tensor: Any) -> np.ndarray:
    """A tensor of the model as an array of a dtype that weft has."""
    wanted = to_dtype(tensor.dtype)
    return np.asarray(tensor.numpy()).astype(wanted, copy=False)
