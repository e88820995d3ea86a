"""The inputs of a model: expressions with the sizes of the file, or what a user says they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...ops.coerce import as_expr
from ...symbolic.dims import Dim, SymDim, fresh, restore
from ...symbolic.errors import ArgumentError, at_site, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import Shared
from ...symbolic.variables import tensor
from .reading.node import to_dtype
from .reading.registry import Unsaid
from .walk import Absent, Lookup, Walk


def make_inputs(walk: Walk, given: Mapping[str, Any], scope: Lookup) -> dict[str, Any]:
    """The inputs of the model, which the scope learns too; those with a value in the file are none."""
    graph = walk.model.graph
    wanted = [v for v in graph.inputs if v.name not in graph.initializers]
    known = {**graph.initializers, **{v.name: v for v in graph.inputs}}
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        has = ", ".join(v.name for v in wanted) or "none"
        raise blame(ArgumentError(f"load: the model has no input {unknown!r}; it has {has}."), user_site())
    for name, value in given.items():
        scope.values[known[name]] = _as_value(value)
    sizes = _Sizes([v for v in wanted if v.name not in given])
    for value in wanted:
        if value.name not in given:
            scope.values[value] = _input(walk, value, sizes)
    walk.parameters.update({n: as_expr(given[n]) for n in given if n in graph.initializers and _is_shared(given[n])})
    return {v.name: scope.values[v] for v in wanted}


def _is_shared(value: Any) -> bool:
    return isinstance(value, Expr) and isinstance(value.op, Shared)


def _as_value(value: Any) -> Any:
    """What a user says an input is."""
    if isinstance(value, list | tuple) and not all(isinstance(v, int | float) for v in value):
        return [_as_value(each) for each in value]
    if value is None or (isinstance(value, list | tuple) and not value):
        return value
    return as_expr(value)


def _input(walk: Walk, value: Any, sizes: _Sizes) -> Any:
    try:
        return _tensor(value, sizes)
    except Unsaid as reason:
        walk.missing[f"The input {value.name} {reason}"] = None
        return Absent


def _tensor(value: Any, sizes: _Sizes) -> Expr:
    import onnx_ir

    if isinstance(value.type, onnx_ir.SequenceType | onnx_ir.OptionalType):
        what = "a sequence" if isinstance(value.type, onnx_ir.SequenceType) else "an optional"
        hint = "load(..., inputs={name: [...]}) says how many values it has, None that there is none"
        raise Unsaid(f"is {what}, and what it has must be known before anything runs: {hint}")
    if value.type is None or value.shape is None:
        raise Unsaid("has no shape in the file; load(..., inputs=) may give an expression for it")
    with at_site(user_site()):
        return tensor(value.name, [sizes.of(d) for d in value.shape], to_dtype(value.dtype).name)


class _Sizes:
    """The sizes of axes that the file has words for."""

    def __init__(self, values: list[Any]):
        found = [d.value for v in values for d in v.shape or () if not isinstance(d, int) and d.value is not None]
        self._names: dict[str, str] = {}  # the symbol for each word
        for word in dict.fromkeys(found):
            plain = re.sub(r"\W", "_", word)
            plain = plain if plain.isidentifier() else f"n_{plain}"
            taken = plain in self._names.values()
            self._names[word] = fresh(f"{plain}_").text if taken else plain

    def of(self, dim: Any) -> Any:
        """A size: a number, a symbol, arithmetic over words that other axes have, or None: nobody knows."""
        if isinstance(dim, int) or dim.value is None:
            return dim if isinstance(dim, int) else None
        found = self._arithmetic(dim.value)
        return SymDim(self._names[dim.value]) if found is None else found

    def _arithmetic(self, text: str) -> Dim | None:
        """The size that is written so, such as `past + 1`, where all its words are sizes of inputs."""
        words = re.findall(r"[A-Za-z_]\w*", text)
        if text in words or not words or not all(word in self._names for word in words):
            return None
        try:
            found = restore("", text)
        except (SyntaxError, ValueError):
            return None
        return found.rename({w: SymDim(self._names[w]) for w in words}) if isinstance(found, SymDim) else None
