"""Derivatives and values at points: of SymPy's notation, weft's graphs."""

from __future__ import annotations

from typing import Any

from ...symbolic.expr import Expr, apply, serial
from ...symbolic.grad import grad, jvp
from ...symbolic.leaves import Input
from ...symbolic.substitution import substitute
from ...symbolic.types import Type
from ..creation import ones_like
from ..elementwise import as_float
from .labelled import Labelled


def read_derivative(reader: Any, part: Any) -> Labelled:
    """A Derivative by symbols, or the value of an expression at a point (Subs)."""
    if isinstance(part, reader.sympy.Subs):
        point = {v: reader.read(p).node for v, p in zip(part.variables, part.point, strict=True)}
        return reader.within(point).read(part.expr)  # type: ignore[no-any-return]
    variable, count = part.variable_count[-1]
    rest = part.variable_count[:-1]
    inner = reader.sympy.Derivative(part.expr, *rest) if rest else part.expr
    if variable not in reader.values:
        return _by_sympy(reader, part, variable)
    if not count.is_Integer:
        raise reader.error(f"The order of {part} is a whole number, not {count}.")
    return _differentiate(reader, inner, variable, int(count))


def _by_sympy(reader: Any, part: Any, variable: Any) -> Labelled:
    """By an element of an array: SymPy knows how."""
    done = part.doit()
    if done == part or done.has(reader.sympy.Derivative):
        hint = "give the symbol an expression, or differentiate in SymPy first: .doit()."
        raise reader.error(f"{part} is a derivative by {variable}, for which there is no expression.", hint)
    return reader.read(done)  # type: ignore[no-any-return]


def _differentiate(reader: Any, inner: Any, variable: Any, count: int) -> Labelled:
    """The derivative by what a symbol stands for: of numbers by a matrix its gradient, else element by element."""
    place = as_float(reader.values[variable])
    double = apply(Input(serial(), Type(place.dtype, place.shape)))
    value = reader.within({variable: double}).read(inner)
    node = as_float(value.node)
    for _ in range(count):
        node = _slope(node, double, getattr(variable, "is_Matrix", False))
    return Labelled(substitute([node], {double: place})[0], value.labels)


def _slope(node: Expr, by: Expr, is_matrix: bool) -> Expr:
    if is_matrix and node.ndim == 0:
        found: Expr = grad(node, by, disconnected="zero")
        return found
    slope: Expr = jvp(node, by, ones_like(by))
    return slope
