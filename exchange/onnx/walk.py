"""The walk over the graphs of a model, node by node: each becomes expressions that carry its line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...symbolic.errors import ArgumentError, LoweringError, Site, WeftError, at_site, blame, sentence, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant, constant
from ...symbolic.types import TupleType
from ...symbolic.variables import shared
from .files import graphs_of
from .functions import FunctionBody, check_operands, own_body, standard_body
from .reading.known import MOST, Known, from_elements
from .reading.node import ModelNode, Subgraph, to_array
from .reading.registry import READINGS, TRAINING, Unsaid


class Absent:
    """What stands for a value that could not be read."""


class Dependent(Exception):
    """A graph inside has values that could not be read, which are noted already."""


@dataclass
class Lookup:
    """What names mean in one run of a graph: of the model's, of a function's, of a body's."""

    opsets: dict[str, int]
    values: dict[Any, Any] = field(default_factory=dict)
    parent: Lookup | None = None
    attributes: dict[str, Any] = field(default_factory=dict)  # of the call of a function
    site: Site | None = None  # of that call: all that is inside is its line's

    def find(self, value: Any) -> Any:
        """What a value of the model stands for."""
        at: Lookup | None = self
        while at is not None:
            if value in at.values:
                return at.values[value]
            at = at.parent
        raise KeyError(value.name)

    def find_name(self, name: str) -> Any:
        """What the value of this name stands for."""
        found = next((value for value in self.values if value.name == name), None)
        if found is not None:
            return self.values[found]
        if self.parent is None:
            raise KeyError(f"there is no value {name}")
        return self.parent.find_name(name)


class Walk:
    """Reads graphs.  `missing` gathers what cannot be read, `parameters` the arrays of floats that become variables."""

    def __init__(self, model: Any, lines: dict[Any, Site]):
        self.model, self.lines = model, lines
        self.known = Known()
        self.parameters: dict[str, Expr] = {}
        self.missing: dict[str, Site | None] = {}

    # ---- graphs ----------------------------------------------------------------------------------------------------

    def run(self, graph: Any, scope: Lookup) -> list[Any]:
        """The values of a graph's outputs, those of its inputs being in the scope."""
        self._add_initializers(graph, scope)
        wanted = dependencies(graph)
        for node in graph:
            if any(v in wanted for v in node.outputs):
                self._read(node, scope)
        return [scope.find(v) for v in graph.outputs]

    def _add_initializers(self, graph: Any, scope: Lookup) -> None:
        if not hasattr(graph, "initializers"):  # a function
            return
        settings = find_settings(graph)
        for name, value in graph.initializers.items():
            if value not in scope.values:
                scope.values[value] = self._initializer(name, value.const_value, value in settings)

    def _initializer(self, name: str, tensor: Any, is_setting: bool) -> Any:
        """A parameter, or what shapes and indices are made of: a constant."""
        try:
            array = to_array(tensor)
        except Unsaid as reason:
            self.missing[f"The initializer {name} {reason}"] = None
            return Absent
        if array.dtype.kind != "f" or is_setting or not array.ndim:
            return constant(array)
        if name not in self.parameters:
            self.parameters[name] = shared(array, name)
        return self.parameters[name]

    # ---- nodes -----------------------------------------------------------------------------------------------------

    def _read(self, node: Any, scope: Lookup) -> None:
        site = scope.site or self.lines.get(node)
        operands = [None if v is None else scope.find(v) for v in node.inputs]
        if not self._has_reading(node, scope):
            version = scope.opsets.get(node.domain, 0)
            self._note(node, version, "has no counterpart in the vocabulary", site)
            results: Any = Absent
        elif any(each is Absent for each in operands):
            results = Absent
        else:
            results = self._apply(node, operands, scope, site)
        self._store(node, results, scope)

    def _has_reading(self, node: Any, scope: Lookup) -> bool:
        key = node.op_identifier()
        return (
            key in self.model.functions
            or (node.domain, node.op_type) in READINGS
            or bool(standard_body(node, scope.opsets.get(node.domain, 0), None))
        )

    def _apply(self, node: Any, operands: list[Any], scope: Lookup, site: Site | None) -> Any:
        version = scope.opsets.get(node.domain, 0)
        try:
            with at_site(site):
                return self._results(node, operands, version, scope, site)
        except Unsaid as reason:
            self._note(node, version, str(reason), site)
        except Dependent:
            pass
        except LoweringError as error:
            self._note(node, version, f"cannot be said: {error}", site)
        except WeftError as error:
            raise _name(error, node, version, site) from None
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            text = f"{describe(node, version)} cannot be read: {sentence(error)}"
            raise blame(ArgumentError(text), site, user_site()) from error
        return Absent

    def _results(self, node: Any, operands: list[Any], version: int, scope: Lookup, site: Site | None) -> Any:
        local = self.model.functions.get(node.op_identifier())
        if local is not None:
            return self._call(own_body(local), node, operands, scope, site)
        check_operands(node, version)
        reading = READINGS.get((node.domain, node.op_type))
        if reading is None:
            body = standard_body(node, version, operands)
            if body is None:
                raise Unsaid("has no counterpart in the vocabulary for operands of these types")
            return self._call(body, node, operands, scope, site)
        attributes = {name: self._resolve(a, scope) for name, a in node.attributes.items()}
        attributes = {name: a for name, a in attributes.items() if a is not None}
        given = ModelNode(node, version, attributes, self.known, lambda g: self._body(g, scope), scope.find_name)
        return reading.function(given, *operands)

    def _resolve(self, attribute: Any, scope: Lookup) -> Any:
        """An attribute; inside of a function, perhaps one of its call."""
        at: Lookup | None = scope
        while attribute.is_ref() and at is not None:
            found = at.attributes.get(attribute.ref_attr_name)
            if found is not None:
                return found
            at = at.parent
        return None if attribute.is_ref() else attribute

    def _call(self, body: FunctionBody, node: Any, operands: list[Any], scope: Lookup, site: Site | None) -> Any:
        """The results of a function: the model's own, or the standard's for its operator."""
        function = body.function
        given = {name: self._resolve(a, scope) for name, a in node.attributes.items()}
        attributes = {**body.defaults, **{name: a for name, a in given.items() if a is not None}}
        padded = [*operands, *[None] * (len(function.inputs) - len(operands))]
        inner = Lookup(
            dict(function.opset_imports), dict(zip(function.inputs, padded, strict=True)), None, attributes, site
        )
        results = iter(self._run_inside(function, inner))
        return tuple(None if name is None else next(results) for name in body.outputs)

    def _body(self, graph: Any, scope: Lookup) -> Subgraph:
        def run(values: Sequence[Any]) -> list[Any]:
            inner = Lookup(scope.opsets, dict(zip(graph.inputs, values, strict=True)), scope, {}, scope.site)
            return self._run_inside(graph, inner)

        return Subgraph(run, tuple(v.name for v in graph.inputs), tuple(v.name for v in graph.outputs))

    def _run_inside(self, graph: Any, scope: Lookup) -> list[Any]:
        results = self.run(graph, scope)
        if any(each is Absent for each in results):
            raise Dependent
        return results

    def _store(self, node: Any, results: Any, scope: Lookup) -> None:
        several = results if isinstance(results, tuple) else (results,)
        if results is Absent:
            several = (Absent,) * len(node.outputs)
        for value, found in zip(node.outputs, several, strict=False):
            scope.values[value] = self._fold(found)

    def _fold(self, value: Any) -> Any:
        """The value as simple as it can be said: what is known of a small array becomes a constant, or sizes."""
        if isinstance(value, list):
            return [self._fold(each) for each in value]
        if not isinstance(value, Expr) or isinstance(value.type, TupleType) or isinstance(value.op, Constant):
            return value
        if not value.type.is_static or value.type.size > MOST:
            return value
        found = self.known(value)
        return value if found is None else from_elements(found, value.dtype)

    def _note(self, node: Any, version: int, reason: str, site: Site | None) -> None:
        self.missing[f"{describe(node, version)} {reason}"] = site


def describe(node: Any, version: int) -> str:
    """How errors call a node."""
    domain = f"{node.domain}." if node.domain else ""
    label = node.name or next((v.name for v in node.outputs if v.name), "without a name")
    return f"The node {label} ({domain}{node.op_type}, opset {version})"


def _name(error: WeftError, node: Any, version: int, site: Site | None) -> WeftError:
    """An error that says which node it is of."""
    text = error.args[0] if error.args else ""
    named = f"{describe(node, version)}: {text}"
    if isinstance(text, str) and not text.startswith("The node "):
        error.args = (named,)
    known = any(str(site) in note for note in getattr(error, "__notes__", ()))
    return blame(error, None if known else site, user_site())


def dependencies(graph: Any) -> set[Any]:
    """The values of a graph that its outputs depend on; what bodies inside take from it is among them."""
    found, nodes = set(graph.outputs), list(graph)
    for node in reversed(nodes):
        if any(v in found for v in node.outputs):
            found.update(operands_of(node))
            if node.domain == TRAINING and "y" in node.attributes:  # the name of what it derives
                name = node.attributes["y"].value
                found.update(v for each in nodes for v in each.outputs if v.name == name)
    return found


def operands_of(node: Any) -> Iterable[Any]:
    """All that a node and the graphs inside of it read."""
    yield from (v for v in node.inputs if v is not None)
    for graph in graphs_of(node):
        yield from graph.outputs
        for inner in graph:
            yield from operands_of(inner)


def find_settings(graph: Any) -> set[Any]:
    """The initializers of a graph that only ever say how a node computes: bounds, exponents, scales."""
    found = set()
    for value in graph.initializers.values():
        uses = list(value.uses())
        if uses and all(_is_setting(use.node, use.idx) for use in uses) and not value.is_graph_output():
            found.add(value)
    return found


def _is_setting(node: Any, place: int) -> bool:
    reading = READINGS.get((node.domain, node.op_type))
    return reading is not None and place in reading.settings
