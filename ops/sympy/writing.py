"""`wf.to_sympy`: graphs as SymPy expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...symbolic.arguments import check_choice, check_expression, check_mapping
from ...symbolic.errors import LoweringError
from ...symbolic.expr import Expr
from .elements import Elements
from .matrices import Matrices, has_matrices


def to_sympy(expr: Expr, symbols: Mapping[Expr, Any] | None = None, *, form: str | None = None) -> Any:
    """The formula of a graph in SymPy, in the algebra of matrices or in index notation; numbers are exact fractions.

        wf.to_sympy(wf.exp(s) / 2)                # exp(s)/2
        wf.to_sympy(a @ b + c)                    # A*B + C for matrices
        wf.to_sympy(wf.sum(x * y))                # Sum(x[i]*y[i], (i, 0, n - 1)) for vectors

    Inputs and shared variables become real symbols of their names, sizes symbols for whole numbers.  Functions made
    with @elementwise are written out, and so are derivatives, which are graphs like any other.

    Parameters
    ----------
    expr : an expression
    symbols : SymPy's symbols, or any expressions, for inputs, shared variables or other nodes, which are not looked
        into then.  For a node with axes: an IndexedBase or a matrix, which gets indices, or a symbol that stands for
        any of its elements
    form : "matrices": matrices are MatrixSymbol, vectors those of one column; products, sums, transposes, inverses,
            traces, determinants, HadamardProduct, and functions of every element; a sum over all is one over indices
        "elements": the element at free indices i, j, k ...; arrays are IndexedBase, sums and products of matrices Sum
        None: "matrices" where there are matrices and all that is done with them has such a form, else "elements"

    Raises
    ------
    LoweringError
        at an op that has no form in SymPy, as loops, sorting, and what works on more elements than can be written out
    """
    import sympy

    known = check_mapping("symbols", symbols, "expression: symbol")
    known = {node: sympy.sympify(value) if isinstance(value, int | float) else value for node, value in known.items()}
    check_expression("expr", expr)
    if form is not None:
        check_choice("form", form, ("matrices", "elements"))
    if form == "matrices":
        return Matrices(known, sympy).formula(expr)
    if form is None and has_matrices(expr):
        try:
            return Matrices(known, sympy).formula(expr)
        except LoweringError:
            pass  # not all of it is algebra
    return Elements(expr, known, sympy).formula()
