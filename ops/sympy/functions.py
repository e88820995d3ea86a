"""Functions that SymPy and weft both have: the names of each in the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import scalar, special
from ..coerce import as_expr
from ..elementwise import Primitive, as_float, cast

_OF_ONE = {
    **{
        name: name
        for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "erf", "erfc", "erfinv", "sign")
    },
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "Abs": "abs",
    "floor": "floor",
    "ceiling": "ceil",
    "Not": "logical_not",
}
_OF_TWO = {"atan2": "arctan2", "Mod": "mod", "Eq": "eq", "Ne": "ne", "Lt": "lt", "Le": "le", "Gt": "gt", "Ge": "ge"}
_OF_MANY = {
    "Add": "add",
    "Mul": "mul",
    "Max": "maximum",
    "Min": "minimum",
    "And": "logical_and",
    "Or": "logical_or",
    "Xor": "logical_xor",
}
# the names in scipy.special of those with the same arguments
SPECIAL = {
    "gamma": "gamma",
    "loggamma": "gammaln",
    "digamma": "psi",
    "polygamma": "polygamma",
    "beta": "beta",
    "binomial": "binom",
    "besselj": "jv",
    "bessely": "yv",
    "besseli": "iv",
    "besselk": "kv",
    "erfi": "erfi",
    "erfcinv": "erfcinv",
    "Ei": "expi",
}
# what is written with others: functions of weft's expressions
_WRITTEN: dict[str, Callable[..., Any]] = {
    "sec": lambda x: 1.0 / scalar.cos(x),
    "csc": lambda x: 1.0 / scalar.sin(x),
    "cot": lambda x: 1.0 / scalar.tan(x),
    "sech": lambda x: 1.0 / scalar.cosh(x),
    "csch": lambda x: 1.0 / scalar.sinh(x),
    "coth": lambda x: 1.0 / scalar.tanh(x),
    "acot": lambda x: scalar.arctan(1.0 / x),
    "asec": lambda x: scalar.arccos(1.0 / x),
    "acsc": lambda x: scalar.arcsin(1.0 / x),
    "acoth": lambda x: scalar.arctanh(1.0 / x),
    "asech": lambda x: scalar.arccosh(1.0 / x),
    "acsch": lambda x: scalar.arcsinh(1.0 / x),
    "sinc": lambda x: scalar.where(scalar.eq(x, 0), 1.0, scalar.sin(x) / scalar.where(scalar.eq(x, 0), 1.0, x)),
    "frac": lambda x: x - scalar.floor(x),
    "factorial": lambda x: special.gamma(x + 1.0),
    "uppergamma": lambda s, x: special.gamma(_with_dtype(s, x)) * special.gammaincc(s, x),
    "lowergamma": lambda s, x: special.gamma(_with_dtype(s, x)) * special.gammainc(s, x),
    "ITE": scalar.where,
    "Implies": lambda a, b: scalar.logical_or(scalar.logical_not(a), b),
    "KroneckerDelta": lambda i, j: scalar.where(scalar.eq(i, j), 1, 0),
    "re": lambda x: x,
    "conjugate": lambda x: x,
    "UnevaluatedExpr": lambda x: x,
    "trunc": lambda x: scalar.trunc(x),
}


def table(sympy: Any) -> dict[str, Callable[..., Any]]:
    """For the name of each function of SymPy's weft's function of expressions."""
    return {
        **{name: Primitive.table[ours] for name, ours in {**_OF_ONE, **_OF_TWO}.items()},
        **{_class_name(sympy, name): Primitive.table[ours] for name, ours in _OF_TWO.items()},
        **{name: _chain(Primitive.table[ours]) for name, ours in _OF_MANY.items()},
        **{name: getattr(special, ours) for name, ours in SPECIAL.items()},
        **_WRITTEN,
        "Heaviside": _heaviside,
        "zeta": _zeta,
        "LambertW": _lambert,
        "Equivalent": lambda *args: _all([scalar.eq(a, args[0]) for a in args[1:]]),
    }


def _with_dtype(number: Any, other: Any) -> Any:
    """A number that takes the dtype of what it meets, in that dtype."""
    node, kind = as_expr(number), as_float(other).dtype
    return cast(node, kind) if node.type.weak else node


def _class_name(sympy: Any, name: str) -> str:
    """`Eq` is the class Equality: relations are found by the names of their classes."""
    return str(getattr(sympy, name).__name__)


def _chain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of two as a function of several."""

    def chain(*args: Any) -> Any:
        result = args[0]
        for other in args[1:]:
            result = function(result, other)
        return result

    return chain


def _all(values: list[Any]) -> Any:
    return _chain(scalar.logical_and)(*values)


def _heaviside(x: Any, middle: Any = 0.5) -> Any:
    return scalar.where(scalar.gt(x, 0), 1.0, scalar.where(scalar.eq(x, 0), middle, 0.0))


def _zeta(s: Any, a: Any = 1.0) -> Any:
    return special.zeta(s, a)


def _lambert(x: Any, branch: Any = 0) -> Any:
    return special.lambertw(x)
