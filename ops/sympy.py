"""Elementwise graphs as SymPy expressions, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from ..symbolic.arguments import check_expression, check_mapping
from ..symbolic.errors import ArgumentError, LoweringError, blame, user_site
from ..symbolic.expr import Expr, toposort
from ..symbolic.grad import CustomGradient, StopGradient
from ..symbolic.leaves import Constant, Size
from . import scalar
from .coerce import as_expr
from .elementwise import Cast, Composite, Elementwise, Primitive

_DIGITS = 10**6  # the largest denominator of a constant that is taken for a fraction


def to_sympy(expr: Expr, symbols: Mapping[Expr, Any] | None = None) -> Any:
    """The formula of an elementwise graph in SymPy: composites are written out, numbers become exact fractions.

    Parameters
    ----------
    expr : an expression made of functions of scalars; arrays stand for any one of their elements
    symbols : SymPy symbols (or expressions) for inputs, shared variables or any other nodes; others become real
        symbols of their names

    Raises
    ------
    LoweringError
        at an op that is no function of scalars, or has no SymPy form
    """
    import sympy

    known: dict[Expr, Any] = dict(check_mapping("symbols", symbols, "expression: symbol"))
    check_expression("expr", expr)
    for node in toposort([expr], into=lambda n: n not in known):
        if node not in known:
            known[node] = _formula(node, [known[a] for a in node.args], sympy)
    return known[expr]


def _formula(node: Expr, args: list[Any], sympy: Any) -> Any:
    op: Any = node.op
    if isinstance(op, Constant) and op.value.size == 1:
        return _number(op.value.item(), sympy)
    if not node.args and not isinstance(op, Constant | Size):
        return sympy.Symbol(op.label or f"x{getattr(op, 'number', '')}", real=True)
    if op.is_movement or isinstance(op, StopGradient | CustomGradient):
        return args[0]
    if isinstance(op, Elementwise):
        found = _function(op.function, node, args, sympy)
        if found is not None:
            return found
    error = LoweringError(f"{op.name} has no SymPy form.")
    raise blame(error, user_site(), node.site, hint="give the node a symbol of its own: to_sympy(y, {node: symbol}).")


def _function(function: Any, node: Expr, args: list[Any], sympy: Any) -> Any:
    if isinstance(function, Cast):
        return (
            sympy.Function("trunc")(args[0]) if node.dtype.kind in "iu" and node.args[0].dtype.kind == "f" else args[0]
        )
    if isinstance(function, Composite):
        inputs, output = function.body(*(a.dtype for a in node.args))
        return to_sympy(output, dict(zip(inputs, args, strict=True)))
    return function.sympy(sympy, *args) if function.sympy is not None else None


def _number(value: Any, sympy: Any) -> Any:
    if isinstance(value, bool):
        return sympy.true if value else sympy.false
    if isinstance(value, int):
        return sympy.Integer(value)
    if value != value:
        return sympy.nan
    if value in (float("inf"), float("-inf")):
        return sympy.oo if value > 0 else -sympy.oo
    exact = Fraction(value)
    return sympy.Rational(exact.numerator, exact.denominator) if exact.denominator <= _DIGITS else sympy.Float(value)


def from_sympy(expression: Any, symbols: Mapping[Any, Any]) -> Expr:
    """A SymPy expression over these expressions, as a graph.

    Parameters
    ----------
    expression : arithmetic, powers, the functions that have a row in weft's table, Piecewise, relations, And, Or, Not
    symbols : an expression (or number) for each free symbol

    Raises
    ------
    ArgumentError
        for a symbol without an expression, and for a function that weft does not have
    """
    import sympy

    known: dict[Any, Any] = {symbol: as_expr(value) for symbol, value in symbols.items()}
    table = _table(sympy)
    for part in sympy.postorder_traversal(sympy.sympify(expression)):
        if part not in known:
            known[part] = _graph(part, known, table, sympy)
    return as_expr(known[sympy.sympify(expression)])


def _graph(part: Any, known: Mapping[Any, Any], table: Mapping[Any, Callable[..., Any]], sympy: Any) -> Any:
    if isinstance(part, sympy.Symbol):
        raise blame(ArgumentError(f"There is no expression for the symbol {part}."), user_site())
    if part in (sympy.true, sympy.false):
        return bool(part)
    if part.is_number and not part.args:
        return int(part) if part.is_Integer else float(part)
    if isinstance(part, sympy.functions.elementary.piecewise.ExprCondPair):
        return None  # its parts are looked up from the Piecewise
    if isinstance(part, sympy.Piecewise):
        return _pieces(part, known)
    if isinstance(part, sympy.Pow):
        return _power(part, known, sympy)
    function = table.get(part.func)
    if function is None:
        raise blame(ArgumentError(f"weft has no function for SymPy's {part.func.__name__}."), user_site())
    return function(*(known[a] for a in part.args))


def _power(part: Any, known: Mapping[Any, Any], sympy: Any) -> Any:
    base, exponent = part.args
    if base == sympy.E:
        return scalar.exp(known[exponent])
    simple = {
        -1: scalar.reciprocal,
        2: scalar.square,
        sympy.Rational(1, 2): scalar.sqrt,
        sympy.Rational(-1, 2): scalar.rsqrt,
    }
    if exponent in simple:
        return simple[exponent](known[base])
    return scalar.pow(known[base], known[exponent])


def _pieces(part: Any, known: Mapping[Any, Any]) -> Any:
    result: Any = float("nan")
    for value, condition in reversed(part.args):
        result = known[value] if condition == True else scalar.where(known[condition], known[value], result)  # noqa: E712
    return result


_OF_ONE = {
    **{name: name for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "erf", "erfc", "erfinv")},
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "Abs": "abs",
    "sign": "sign",
    "floor": "floor",
    "ceiling": "ceil",
    "Not": "logical_not",
}
_OF_TWO = {"atan2": "arctan2", "Mod": "mod", "Eq": "eq", "Ne": "ne", "Lt": "lt", "Le": "le", "Gt": "gt", "Ge": "ge"}
_OF_MANY = {"Add": "add", "Mul": "mul", "Max": "maximum", "Min": "minimum", "And": "logical_and", "Or": "logical_or"}


def _table(sympy: Any) -> dict[Any, Callable[..., Any]]:
    table = {getattr(sympy, name): Primitive.table[ours] for name, ours in {**_OF_ONE, **_OF_TWO}.items()}
    return {**table, **{getattr(sympy, name): _chain(Primitive.table[ours]) for name, ours in _OF_MANY.items()}}


def _chain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of two as a function of several."""

    def chain(*args: Any) -> Any:
        result = args[0]
        for other in args[1:]:
            result = function(result, other)
        return result

    return chain
