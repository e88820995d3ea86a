"""A graph evaluated with many digits: mpmath numbers in NumPy object arrays."""

import functools
import threading
from typing import Any

import mpmath
import numpy as np

from ..ops.creation import Iota
from ..ops.elementwise import Cast, Composite, Elementwise
from ..ops.gather import Gather, ScatterAdd
from ..ops.reduce import Reduce
from ..ops.scalar import mul_no_nan
from ..symbolic.evaluate import bind_sizes, resolve, value_of
from ..symbolic.expr import Expr, toposort
from ..symbolic.grad import StopGradient
from ..symbolic.leaves import Constant

mp = mpmath.mp.clone()
mp.dps = 400  # differences of exp(800) and 1 must keep digits
_SATURATED = 20  # for the error function; others lose none before 900


def _or_nan(function: Any) -> Any:
    """NaN where there is no real value."""

    @functools.wraps(function)
    def safe(*args: Any) -> Any:
        try:
            value = function(*args)
        except (ValueError, ZeroDivisionError, OverflowError):
            return mp.nan
        return mp.nan if isinstance(value, mp.mpc) else value

    return safe


def _divide(x: Any, y: Any) -> Any:
    if y == 0:
        return mp.nan if x == 0 or mp.isnan(x) else mp.sign(x) * mp.inf
    return x / y


def _mul_no_nan(x: Any, y: Any) -> Any:
    return mp.mpf(0) if y == 0 else x * y


class TooLarge(ArithmeticError):
    """A number on the way whose exponent alone would fill the memory."""


def _within_bounds(function: Any) -> Any:
    def safe(*args: Any) -> Any:
        numbers = [mp.convert(a) for a in args]
        if any(mp.isfinite(a) and a and mp.mag(a) > 5000 for a in numbers):
            raise TooLarge
        return function(*numbers)

    return safe


def _exp(x: Any) -> Any:
    """2^n e^r: mpmath takes e to a large number's power digit by digit."""
    if not mp.isfinite(x) or abs(x) < 1000:
        return mp.exp(x)
    with mp.workprec(mp.prec + mp.mag(x)):
        n = int(mp.floor(x / mp.ln2))
        return mp.ldexp(mp.exp(x - n * mp.ln2), n)


def _hyperbolic(function: Any, sign: int) -> Any:
    """(e^x + sign e^-x) / 2 where x is large, for which mpmath takes powers of e as well."""
    return lambda x: function(x) if not mp.isfinite(x) or abs(x) < 1000 else (_exp(x) + sign * _exp(-x)) / 2


class _Digits(threading.local):
    """Whether a term was too small beside another to leave a trace: what cancels then is 0 and should not be."""

    lost = False


_digits = _Digits()


def _sum(x: Any, y: Any) -> Any:
    if x and y and mp.isfinite(x) and mp.isfinite(y) and abs(mp.mag(x) - mp.mag(y)) > mp.prec:
        _digits.lost = True
    return x + y


def _saturating(function: Any) -> Any:
    def safe(x: Any) -> Any:
        if mp.isfinite(x) and abs(x) > _SATURATED:
            _digits.lost = True
        return function(x)

    return safe


def _choice(first: Any) -> Any:
    """The first of two where `first` says so, the second where not, NaN where one of them is."""
    return lambda x, y: mp.nan if mp.isnan(x) or mp.isnan(y) else x if first(x, y) else y


FUNCTIONS = {
    "add": _sum,
    "sub": lambda x, y: _sum(x, -y),
    "mul": lambda x, y: x * y,
    "div": _divide,
    "mul_no_nan": _mul_no_nan,
    "neg": lambda x: -x,
    "abs": abs,
    "square": lambda x: x * x,
    "reciprocal": lambda x: _divide(mp.mpf(1), x),
    "sqrt": mp.sqrt,
    "rsqrt": lambda x: _divide(mp.mpf(1), mp.sqrt(x)),
    "pow": _within_bounds(mp.power),
    "exp": _within_bounds(_exp),
    "exp2": _within_bounds(lambda x: mp.power(2, x)),
    "expm1": _within_bounds(lambda x: _sum(_exp(x), -1)),
    "log": mp.log,
    "log2": lambda x: mp.log(x) / mp.log(2),
    "log1p": lambda x: mp.log(_sum(x, mp.mpf(1))),
    "logaddexp": _within_bounds(lambda x, y: mp.log(_exp(x) + _exp(y))),
    "sigmoid": _within_bounds(_saturating(lambda x: 1 / (1 + _exp(-x)))),
    "tanh": _within_bounds(_saturating(mp.tanh)),
    "sinh": _within_bounds(_hyperbolic(mp.sinh, -1)),
    "cosh": _within_bounds(_hyperbolic(mp.cosh, 1)),
    "sin": _within_bounds(mp.sin),
    "cos": _within_bounds(mp.cos),
    "arctanh": mp.atanh,
    "arcsinh": mp.asinh,
    "erf": _saturating(lambda x: mp.erf(x) if abs(x) < 1e3 else mp.sign(x)),
    "erfc": lambda x: mp.erfc(x) if abs(x) < 1e3 else 1 - mp.sign(x),
    "relu": lambda x: x if x > 0 or mp.isnan(x) else mp.mpf(0),
    "maximum": _choice(lambda x, y: x >= y),
    "minimum": _choice(lambda x, y: x <= y),
    "where": lambda c, x, y: x if c else y,
    "logical_not": lambda x: not x,
    "logical_and": lambda x, y: bool(x) and bool(y),
    "gt": lambda x, y: x > y,
    "le": lambda x, y: x <= y,
    "ne": lambda x, y: x != y,
    "ge": lambda x, y: x >= y,
    "lt": lambda x, y: x < y,
    "eq": lambda x, y: x == y,
    "isfinite": lambda x: bool(mp.isfinite(x)),
}


@np.errstate(all="ignore")
def evaluate_exactly(root: Expr, values: dict[Expr, np.ndarray], underflow: bool = False) -> np.ndarray:
    """The value of the root as an object array of mpmath numbers; NaN where it is not defined or not known.

    Raises TooLarge where a number on the way is too large for mpmath.  Integers are those of their dtype, and wrap.
    underflow : a cotangent too small for its dtype masks what it meets.
    """
    _digits.lost = False
    known: dict[Expr, Any] = {node: _numbers(value) for node, value in values.items()}
    sizes = bind_sizes({x: value.shape for x, value in values.items()})
    for node in toposort([root], into=lambda n: n not in known):
        if node in known:
            continue
        args = [known[a] for a in node.args]
        if underflow and node.op.head is mul_no_nan:
            least = mp.mpf(float(np.finfo(node.dtype).smallest_subnormal)) / 2
            args[1] = np.where(np.abs(args[1]) < least, mp.mpf(0), args[1])
        integers = bool(args) and not any(of.type.is_float for of in (node, *node.args))
        known[node] = value_of(node, args, sizes) if integers else _value(node, resolve(node.op, sizes), args)
    exact = np.asarray(known[root], object)
    poles = [_digits.lost and mp.isinf(v) for v in exact.flat]  # or what would be none with more digits
    return np.where(np.reshape(poles, exact.shape), mp.nan, exact) if any(poles) else exact


def _numbers(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return np.vectorize(mp.mpf, otypes=[object])(array) if array.dtype.kind == "f" else array


def _value(node: Expr, op: Any, args: list[Any]) -> Any:
    if isinstance(op, Constant):
        return _numbers(op.value if op.number is None else np.asarray(op.number))
    if isinstance(op, Elementwise):
        return _elementwise(op.function, node, args)
    if isinstance(op, Reduce):
        return np.asarray(_reduce(op, args[0]), object)
    if op.is_movement or op.is_assembled or isinstance(op, StopGradient | Gather | ScatterAdd | Iota):
        return np.asarray(op.numpy(*args))
    raise NotImplementedError(op.name)


def _reduce(op: Reduce, numbers: np.ndarray) -> Any:
    if op.kind == "sum":
        return np.sum(numbers, axis=op.axes)
    if op.kind == "prod":
        return np.prod(numbers, axis=op.axes)
    if op.kind not in ("max", "min"):
        raise NotImplementedError(op.kind)
    if not numbers.size:
        return _numbers(op.numpy(numbers.astype(float)))
    larger = np.frompyfunc(FUNCTIONS["maximum" if op.kind == "max" else "minimum"], 2, 1)
    for axis in sorted(op.axes, reverse=True):
        numbers = larger.reduce(numbers, axis=axis)
    return numbers


def _whole(numbers: Any, dtype: np.dtype) -> np.ndarray:
    """Numbers cut to integers, which wrap, or to whether they are not 0."""
    if dtype.kind == "b":
        return np.asarray(np.vectorize(lambda v: v != 0, otypes=[bool])(numbers))
    return np.asarray(np.vectorize(lambda v: int(v) if mp.isfinite(v) else 0, otypes=[object])(numbers)).astype(dtype)


def _elementwise(function: Any, node: Expr, args: list[Any]) -> Any:
    if isinstance(function, Cast):
        return args[0] if node.type.is_float else _whole(args[0], node.dtype)
    if isinstance(function, Composite):
        inputs, output = function.body(*(a.dtype for a in node.args))
        wide = np.broadcast_arrays(*args)
        known = dict(zip(inputs, wide, strict=True))
        for inner in toposort([output]):
            if inner not in known:
                known[inner] = _value(inner, inner.op, [known[a] for a in inner.args])
        return known[output]
    if function.name not in FUNCTIONS:
        raise NotImplementedError(function.name)
    kind = bool if node.dtype == bool else object
    return np.vectorize(_or_nan(FUNCTIONS[function.name]), otypes=[kind])(*args)
