"""The scalar functions of kernels as LLVM IR: straight-line code that LLVM's vectoriser turns into vectors.

`EMITTERS[name](builder, dtype, *values)` appends the primitive of that name for arguments of that dtype (bool is i1).
The functions mean what NumPy's and SciPy's of the same name do, infinities, NaN, signed zeros and subnormals included.
Integers wrap, and divided by 0 give 0.  What is not exact or correctly rounded, its row in `ops/scalar.py` tells.

No function branches, save for libm's in the rare cases of `rare`; none sets a fast-math flag, and none of their
instructions may be given one.
"""

from collections.abc import Callable

import numpy as np
from llvmlite import ir

from . import basic, division, erf, exp, gamma, inverse_trig, log, pow, trig
from .half import cast
from .value import BOOL, Function, Value, constant, llvm_type

__all__ = ["EMITTERS", "SMALL", "are_own", "cast", "constant", "llvm_type"]

Emitter = Callable[..., ir.Value]

_ANY: dict[str, Function] = {
    "abs": basic.absolute,
    **{
        name: getattr(basic, name)
        for name in (
            *("add", "sub", "mul", "neg", "sign", "reciprocal", "square", "mul_no_nan", "maximum", "minimum", "relu"),
            *("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "logical_not"),
            *("isnan", "isinf", "isfinite", "floor", "ceil", "trunc", "rint"),
        )
    },
    **{name: getattr(division, name) for name in ("floor_divide", "mod", "fmod", "pow")},
}

_INTEGER: dict[str, Function] = {
    **{name: getattr(basic, name) for name in ("bitwise_and", "bitwise_or", "bitwise_xor", "invert")},
    **{name: getattr(division, name) for name in ("left_shift", "right_shift")},
}

_FLOAT: dict[str, Function] = {
    **{name: getattr(basic, name) for name in ("div", "sqrt", "rsqrt", "copysign")},
    **{name: getattr(exp, name) for name in ("exp", "exp2", "expm1", "sigmoid", "tanh", "sinh", "cosh")},
    **{name: getattr(log, name) for name in ("log", "log2", "log10", "log1p", "logaddexp")},
    **{name: getattr(log, name) for name in ("arcsinh", "arccosh", "arctanh")},
    **{name: getattr(trig, name) for name in ("sin", "cos", "tan")},
    **{name: getattr(inverse_trig, name) for name in ("arcsin", "arccos", "arctan", "arctan2")},
    **{name: getattr(pow, name) for name in ("cbrt", "hypot")},
    **{name: getattr(erf, name) for name in ("erf", "erfc", "erfinv")},
    **{name: getattr(gamma, name) for name in ("lgamma", "digamma")},
}


def _emitter(name: str, function: Function, kinds: str) -> Emitter:
    def emit(builder: ir.IRBuilder, dtype: np.dtype, *values: ir.Value) -> ir.Value:
        dtype = np.dtype(dtype)
        if dtype.kind not in kinds:
            raise TypeError(f"{name} has no kernel for {dtype}: cast its arguments first")
        return function(*(Value(builder, dtype, value) for value in values)).ir

    return emit


def _where(builder: ir.IRBuilder, dtype: np.dtype, condition: ir.Value, x: ir.Value, y: ir.Value) -> ir.Value:
    dtype = np.dtype(dtype)
    return basic.where(*(Value(builder, d, v) for d, v in ((BOOL, condition), (dtype, x), (dtype, y)))).ir


EMITTERS: dict[str, Emitter] = {
    **{name: _emitter(name, function, "biuf") for name, function in _ANY.items()},
    **{name: _emitter(name, function, "biu") for name, function in _INTEGER.items()},
    **{name: _emitter(name, function, "f") for name, function in _FLOAT.items()},
    "where": _where,
}

_OWN = dict(EMITTERS)


def are_own() -> bool:
    """Whether all emitters are weft's, so that its sources say what they write; a user may have put others there."""
    return EMITTERS == _OWN


# The functions that are a few instructions; others are long, and have many constants.
SMALL = frozenset(
    ["cast", "where", *(name for name, f in {**_ANY, **_INTEGER, **_FLOAT}.items() if f.__module__ == basic.__name__)]
)
