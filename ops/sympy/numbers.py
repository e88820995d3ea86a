"""Numbers and functions of scalars as SymPy expressions, whatever their arguments stand for."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant
from ...symbolic.types import FLOAT64
from ..elementwise import Cast, Composite
from ..special import scipy_name
from .functions import SPECIAL

_DIGITS = 10**6  # the largest denominator of a constant that is taken for a fraction
_OF_SCIPY = {ours: name for name, ours in SPECIAL.items()}


def constant_number(op: Constant, sympy: Any) -> Any:
    """The number that a constant of one element is: exactly, or as the shortest digits of its dtype say."""
    value = op.value if op.number is None else np.asarray(op.number)
    if value.dtype.kind == "f" and value.dtype != FLOAT64 and np.isfinite(value).all():
        return number_to_sympy(float(str(value.reshape(()))), sympy)
    return number_to_sympy(value.item(), sympy)


def number_to_sympy(value: Any, sympy: Any) -> Any:
    """A Python number in SymPy: a fraction where its denominator is small."""
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


def function_to_sympy(node: Expr, args: list[Any], sympy: Any) -> Any:
    """A function of scalars of these arguments; None where SymPy has none."""
    name = scipy_name(node)
    if name is not None:
        return getattr(sympy, _OF_SCIPY[name])(*args) if name in _OF_SCIPY else _of_scipy(name, args, sympy)
    function: Any = node.op.function  # type: ignore[attr-defined]
    if isinstance(function, Cast):
        return _cast(node, args[0], sympy)
    if isinstance(function, Composite):
        inputs, output = function.body(*(a.dtype for a in node.args))
        return body_to_sympy(output, dict(zip(inputs, args, strict=True)), sympy)
    if function.name in ("isfinite", "isinf", "isnan"):  # real numbers in SymPy are finite
        return sympy.true if function.name == "isfinite" else sympy.false
    return None if function.sympy is None else function.sympy(sympy, *_truths(node, args, sympy))


def body_to_sympy(output: Expr, known: dict[Expr, Any], sympy: Any) -> Any:
    """The body of a function of scalars, given what its inputs are."""
    waiting = [output]
    while waiting:
        node = waiting[-1]
        missing = [a for a in node.args if a not in known]
        waiting += missing
        if not missing:
            waiting.pop()
            if node not in known:
                op = node.op
                known[node] = (
                    constant_number(op, sympy)
                    if isinstance(op, Constant)
                    else function_to_sympy(node, [known[a] for a in node.args], sympy)
                )
                if known[node] is None:
                    return None
    return known[output]


def _cast(node: Expr, arg: Any, sympy: Any) -> Any:
    before, after = node.args[0].dtype.kind, node.dtype.kind
    if before == "f" and after in "iu":
        return sympy.Function("trunc")(arg)
    if before == "b" and after != "b":
        return sympy.Piecewise((1, arg), (0, True))
    return sympy.Ne(arg, 0) if after == "b" and before != "b" else arg


def _truths(node: Expr, args: list[Any], sympy: Any) -> list[Any]:
    """Numbers where truths are wanted: those that are not 0."""
    kind = node.op.function.result  # type: ignore[attr-defined]
    wanted = len(args) if kind == "logical" else 1 if kind == "select" else 0
    given = zip(args, node.args, strict=True)
    return [_truth(arg, of, sympy) if i < wanted else arg for i, (arg, of) in enumerate(given)]


def _truth(arg: Any, of: Expr, sympy: Any) -> Any:
    is_truth = isinstance(arg, sympy.logic.boolalg.Boolean) and of.dtype.kind == "b"
    return arg if is_truth else sympy.Ne(arg, 0)


def _of_scipy(name: str, args: list[Any], sympy: Any) -> Any:
    """Functions of scipy.special that SymPy has under other names or with other arguments."""
    if name in ("j0", "j1", "i0", "i1"):
        return getattr(sympy, f"bessel{name[0]}")(int(name[1]), *args)
    if name == "zeta":
        return sympy.zeta(*args) if args[1:] != [1] else sympy.zeta(args[0])
    if name == "erfcx":
        return sympy.exp(args[0] ** 2) * sympy.erfc(args[0])
    if name == "lambertw":
        return sympy.LambertW(args[0])
    if name in ("gammainc", "gammaincc"):
        return getattr(sympy, "lowergamma" if name == "gammainc" else "uppergamma")(*args) / sympy.gamma(args[0])
    return None
