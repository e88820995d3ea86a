"""`wf.from_sympy`: SymPy expressions as graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np

from ...symbolic.arguments import check_sequence
from ...symbolic.dims import Dim, SymDim
from ...symbolic.errors import ArgumentError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import size
from .. import scalar
from ..coerce import as_expr
from ..creation import iota
from ..elementwise import as_float
from . import algebra, derivatives
from . import indices as places
from .functions import table
from .given import check_functions, check_symbols, names, size_names
from .labelled import Labelled, apply_to, fill
from .sizes import size_to_sympy


def from_sympy(
    expression: Any,
    symbols: Mapping[Any, Any] | None = None,
    *,
    functions: Mapping[Any, Callable[..., Any]] | None = None,
    indices: Sequence[Any] | None = None,
) -> Expr:
    """A SymPy expression over these expressions, as a graph.

        wf.from_sympy(sympy.exp(s) / 2, {s: y})
        wf.from_sympy(A * A.T, {A: a})                                   # A = sympy.MatrixSymbol("A", 2, 3)
        wf.from_sympy(sympy.Sum(x[i] ** 2, (i, 0, n - 1)), {x: v})       # x = sympy.IndexedBase("x")

    Parameters
    ----------
    expression : arithmetic, powers, functions, Piecewise, relations, logic, Max, Min, floor, Mod
        Sum and Product over indices with limits, of elements of IndexedBase, of matrices and of arrays
        products, sums, powers, transposes, inverses, traces, determinants of matrices, HadamardProduct, HadamardPower,
        functions applied to every element, matrices of expressions, blocks
        Derivative, which becomes the derivative of the graph, and Subs
        gamma, loggamma, polygamma, beta, binomial, factorial, Bessel's functions, zeta, erfi, Ei, LambertW and
        incomplete gammas, which SciPy computes
    symbols : an expression, a number or an array for each free Symbol, MatrixSymbol and IndexedBase.  A Symbol may
        stand for an array: functions are then taken of every element.  A symbol that is named as a size of one of
        these expressions needs no value
    functions : {a function of SymPy's, or its name: a function of expressions} for those that weft does not have
    indices : the free indices, in the order of the axes that they become, each alone or with its limits, (i, 0, n - 1);
        None: those that run over an axis, in the order of the alphabet

    Returns
    -------
    Expr, with an axis for each free index first; a matrix of one column stays one

    Raises
    ------
    ArgumentError
        for a symbol without an expression, a function that weft does not have, limits that depend on another index or
        are infinite, integrals, complex numbers
    IndexRangeError, ShapeError
        for an index outside of its axis: at once, or when it runs, where only a call can tell
    """
    import sympy

    reader = Reader(sympy, symbols, functions)
    whole = sympy.sympify(expression)
    free = reader.bind_free(whole, indices)
    value = reader.read(whole)
    return fill(value, free, [reader.ranges[label][1] for label in free])


class Reader:
    """Reads expressions, given what symbols and indices stand for."""

    def __init__(self, sympy: Any, symbols: Any, functions: Any) -> None:
        self.sympy = sympy
        self.values = check_symbols(symbols, sympy)
        self.sizes = {name for value in self.values.values() for name in size_names(value)}
        self.functions = check_functions(functions)
        self.table = table(sympy)
        self.ranges: dict[Any, places.Range] = {}
        self.known: dict[Any, Labelled] = {}
        self.may_lie_outside = False

    # ---- symbols and indices -----------------------------------------------------------------------------------------

    def bind_free(self, whole: Any, indices: Any) -> list[Any]:
        """The free indices, each with the axis whose index it is."""
        found: dict[Any, Dim] = {}
        for part in self.sympy.preorder_traversal(whole):
            for index, dim in self.axes_of(part):
                if index.is_Symbol and index not in self.values and index in whole.free_symbols:
                    found.setdefault(index, dim)
        if indices is not None:
            wanted = [self._with_limits(each, found) for each in check_sequence("from_sympy: indices", indices)]
            wrong = next((i for i in [*wanted, *found] if i not in found or i not in wanted), None)
            if wrong is not None:
                what = "is none" if wrong not in found else "is missing"
                raise self.error(f"indices are the free indices, which are {names(found) or 'none'}; {wrong} {what}.")
        else:
            wanted = sorted(found, key=lambda i: (len(str(i)), str(i)))
        self.ranges = {index: (0, found[index]) for index in wanted} | self.ranges
        return list(wanted)

    def _with_limits(self, given: Any, found: dict[Any, Dim]) -> Any:
        """The index, of which limits may be given: (i, 0, n - 1)."""
        if not isinstance(given, tuple | self.sympy.Tuple):
            return given
        self.ranges[given[0]] = places.limits_of(self, self.sympy.Tuple(*given), self.sympy.Tuple(*given))
        found[given[0]] = self.ranges[given[0]][1]
        return given[0]

    def axes_of(self, part: Any) -> list[tuple[Any, Dim]]:
        """The indices of an element, each with the size of the axis that it stands for."""
        if isinstance(part, self.sympy.Indexed):
            base, index = self.array(part.base), part.indices
        elif isinstance(part, self.sympy.matrices.expressions.matexpr.MatrixElement):
            base, index = self.values.get(part.parent), part.indices
        else:
            return []
        if not isinstance(base, Expr) or base.ndim > len(index):
            return []
        return list(zip(map(places.plain_index, index), base.shape, strict=False))

    def array(self, base: Any) -> Expr | None:
        """What an IndexedBase, or an array of numbers, stands for."""
        if isinstance(base, self.sympy.NDimArray):
            return as_expr(np.array(base.tolist(), "float64"))
        return self.values.get(base, self.values.get(getattr(base, "label", base)))

    def size_of(self, symbol: Any) -> Expr | None:
        """The size that has the name of a symbol."""
        return size(SymDim(symbol.name)) if symbol.name in self.sizes else None

    # ---- reading -----------------------------------------------------------------------------------------------------

    def read(self, part: Any) -> Labelled:
        """The value of an expression."""
        if part not in self.known:
            self.known[part] = self._read(part)
        return self.known[part]

    def _read(self, part: Any) -> Labelled:
        S = self.sympy
        if part in self.values:
            return Labelled(self.values[part])
        if part in self.ranges:
            start, count = self.ranges[part]
            return Labelled(iota((count,)) + start if start != 0 else iota((count,)), (part,))
        if part in (S.true, S.false):
            return Labelled(as_expr(bool(part)))
        if part.is_number and not part.has(
            S.Sum, S.Product, S.Integral, S.Limit, S.Derivative, S.MatrixBase, S.MatrixExpr
        ):
            return Labelled(as_expr(self.number(part)))
        for kinds, rule in _RULES:
            if isinstance(part, tuple(getattr(S, kind) for kind in kinds)):
                return rule(self, part)
        if getattr(part, "is_Matrix", False) or isinstance(part, S.matrices.expressions.matexpr.MatrixElement):
            return algebra.read_matrix(self, part)
        return self.call(part)

    def number(self, part: Any) -> Any:
        """A number, in all digits of a float64: what weft computes of numbers has those of the configured float."""
        if part.is_Integer:
            return int(part)
        if part.is_extended_real or part is self.sympy.nan:
            return float(part.evalf(25))
        raise self.error(f"weft has no complex numbers, and {part} is one.")

    def call(self, part: Any) -> Labelled:
        """A function of values."""
        name = part.func.__name__
        own = self.functions.get(name)
        function = own if own is not None else self.table.get(name)
        if function is None:
            text = f"weft has no function for SymPy's {name}."
            hint = f"say what it is: from_sympy(..., functions={{{name!r}: a function of expressions}})."
            raise self.error(text, hint)
        return apply_to(function, [self.read(arg) for arg in self.arguments(part)])

    def within(self, values: Mapping[Any, Expr]) -> Reader:
        """A reader for which some symbols stand for other expressions."""
        inner = copy(self)
        inner.values, inner.known, inner.ranges = {**self.values, **values}, {}, dict(self.ranges)
        return inner

    def careful(self) -> Reader:
        """A reader for what may lie outside of its array, and is not looked at where it does."""
        inner = self.within({})
        inner.may_lie_outside = True
        return inner

    def dim(self, part: Any) -> Dim:
        """A size: of a matrix, or where a slice ends."""
        return places.whole_number(self, part, part)

    def arguments(self, part: Any) -> Sequence[Any]:
        """The arguments; of a sum or a product, all numbers in one."""
        if not (part.is_Add or part.is_Mul):
            return part.args  # type: ignore[no-any-return]
        numbers = [arg for arg in part.args if arg.is_number]
        rest = [arg for arg in part.args if not arg.is_number]
        return [part.func(*numbers), *rest] if numbers else rest

    def size_expression(self, dim: Dim) -> Any:
        """A size as SymPy's expression."""
        return size_to_sympy(dim, self.sympy)

    def error(self, text: str, hint: str = "") -> ArgumentError:
        """An error at the user's line."""
        return blame(ArgumentError(text), user_site(), hint=hint)


def _symbol(reader: Reader, part: Any) -> Labelled:
    of_size = reader.size_of(part)
    if of_size is None:
        known = names(reader.values) or "none"
        hint = f"from_sympy(expression, {{{part}: an expression}}); given are {known}.  Of a free index the limits: "
        hint = hint + f"indices=[({part}, 0, n - 1)]." if part.is_integer else hint.partition("  ")[0]
        raise reader.error(f"There is no expression for the symbol {part}.", hint)
    return Labelled(of_size)


def _power(reader: Reader, part: Any) -> Labelled:
    S, (base, exponent) = reader.sympy, part.args
    if base == S.E:
        return apply_to(scalar.exp, [reader.read(exponent)])
    half = S.Rational(1, 2)
    simple = {-1: scalar.reciprocal, 2: scalar.square, half: scalar.sqrt, -half: scalar.rsqrt}
    if exponent in simple:
        return apply_to(simple[exponent], [reader.read(base)])
    if exponent.is_Integer and exponent < 0:
        return apply_to(lambda x, y: scalar.pow(as_float(x), y), [reader.read(base), reader.read(exponent)])
    return apply_to(scalar.pow, [reader.read(base), reader.read(exponent)])


def _pieces(reader: Reader, part: Any) -> Labelled:
    """Cases, each of which may name elements that are there only where its condition holds."""
    careful, result = reader.careful(), Labelled(as_expr(float("nan")))
    for value, condition in reversed(part.args):
        if condition == True:  # noqa: E712
            result = careful.read(value)
        else:
            result = apply_to(scalar.where, [reader.read(condition), careful.read(value), result])
    return result


def _idx(reader: Reader, part: Any) -> Labelled:
    return reader.read(part.label)


def _refuse(text: str, hint: str) -> Callable[[Reader, Any], Labelled]:
    def refuse(reader: Reader, part: Any) -> Labelled:
        raise reader.error(text.format(part=part), hint)

    return refuse


_RULES: tuple[tuple[tuple[str, ...], Callable[[Reader, Any], Labelled]], ...] = (
    (("Symbol",), _symbol),
    (("Idx",), _idx),
    (("Indexed",), places.read_element),
    (("Sum", "Product"), places.read_sum),
    (("Piecewise",), _pieces),
    (("Pow",), _power),
    (("Derivative", "Subs"), derivatives.read_derivative),
    (("Trace", "Determinant", "DotProduct"), algebra.read_scalar),
    (("Integral",), _refuse("weft has no integrals, and {part} is one.", "integrate in SymPy first: .doit().")),
    (("Limit",), _refuse("weft has no limits, and {part} is one.", "take it in SymPy first: .doit().")),
)
