"""Sizes of axes as SymPy expressions: `n` is a symbol for a whole number from 0 up."""

from __future__ import annotations

from typing import Any

from ...symbolic.dims import Dim, polynomial_of
from ...symbolic.polynomials import Polynomial


def size_to_sympy(dim: Dim, sympy: Any) -> Any:
    """The size in SymPy."""
    return sympy.Integer(dim) if isinstance(dim, int) else _polynomial(polynomial_of(dim), sympy)


def _polynomial(of: Polynomial, sympy: Any) -> Any:
    total = sympy.Integer(0)
    for monomial, coefficient in of.terms.items():
        total += coefficient * sympy.Mul(*(_atom(of, text, sympy) for text in monomial))
    return total


def _atom(of: Polynomial, text: str, sympy: Any) -> Any:
    if text not in of.calls:
        return sympy.Symbol(text, integer=True, nonnegative=True)
    function, args = of.calls[text].function, [_polynomial(arg, sympy) for arg in of.calls[text].args]
    return sympy.floor(args[0] / args[1]) if function == "floor" else getattr(sympy, function)(*args)
