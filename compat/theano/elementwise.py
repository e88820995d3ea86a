"""T.exp, T.switch, x + y: elementwise functions under Theano's names, with Theano's dtypes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import weft as wf

from ...ops.elementwise import broadcast
from ...ops.elementwise import cast as weft_cast
from ...symbolic.errors import blame, user_site
from ...symbolic.types import SUPPORTED
from .configuration import config
from .convert import dtype_named, unwrap
from .variables import Variable, method, wrap


def elementwise(function: Callable[..., Any], *methods: str) -> Callable[..., Any]:
    """A function of weft on every element of its arguments, as a method of variables too."""

    def call(*args: Any, **ignored: Any) -> Any:
        return wrap(function(*[unwrap(a) for a in args]))

    call.__name__, call.__doc__ = function.__name__, function.__doc__
    for name in methods:
        method(name)(call)
    return call


def folded(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A function of two arguments that Theano takes any number of."""

    def call(*args: Any) -> Any:
        if not args:
            raise blame(TypeError(f"{name} needs at least one argument."), user_site())
        return wrap(functools.reduce(function, [unwrap(a) for a in args]))

    call.__name__, call.__doc__ = name, function.__doc__
    method(name)(call)
    return call


abs_ = elementwise(wf.abs, "abs_")
abs = abs_
neg = elementwise(wf.neg, "neg")
invert = elementwise(wf.invert, "invert")
ceil = elementwise(wf.ceil, "ceil")
floor = elementwise(wf.floor, "floor")
trunc = elementwise(wf.trunc, "trunc")
sgn = sign = elementwise(wf.sign)
exp, exp2, expm1 = elementwise(wf.exp), elementwise(wf.exp2), elementwise(wf.expm1)
log, log2, log10, log1p = elementwise(wf.log), elementwise(wf.log2), elementwise(wf.log10), elementwise(wf.log1p)
sqrt, cbrt = elementwise(wf.sqrt), elementwise(wf.cbrt)
sqr = square = elementwise(wf.square)
inv = reciprocal = elementwise(lambda x: wf.div(1.0, x))
sin, cos, tan = elementwise(wf.sin), elementwise(wf.cos), elementwise(wf.tan)
arcsin, arccos, arctan = elementwise(wf.arcsin), elementwise(wf.arccos), elementwise(wf.arctan)
sinh, cosh, tanh = elementwise(wf.sinh), elementwise(wf.cosh), elementwise(wf.tanh)
arcsinh, arccosh, arctanh = elementwise(wf.arcsinh), elementwise(wf.arccosh), elementwise(wf.arctanh)
arctan2 = elementwise(wf.arctan2)
erf, erfc, erfinv = elementwise(wf.erf), elementwise(wf.erfc), elementwise(wf.erfinv)
sigmoid = elementwise(wf.sigmoid)
softplus = elementwise(wf.softplus)
isnan, isinf = elementwise(wf.isnan), elementwise(wf.isinf)
deg2rad = elementwise(lambda x: wf.mul(x, np.pi / 180))
rad2deg = elementwise(lambda x: wf.mul(x, 180 / np.pi))
conj = real = elementwise(lambda x: x, "conj")
imag = elementwise(wf.zeros_like)

lt, le = elementwise(wf.lt, "lt"), elementwise(wf.le, "le")
gt, ge = elementwise(wf.gt, "gt"), elementwise(wf.ge, "ge")
eq, neq = elementwise(wf.eq), elementwise(wf.ne)
less, less_equal, greater, greater_equal, equal, not_equal = lt, le, gt, ge, eq, neq

add, mul = folded(wf.add, "add"), folded(wf.mul, "mul")
maximum, minimum = folded(wf.maximum, "maximum"), folded(wf.minimum, "minimum")
and_, or_ = folded(wf.bitwise_and, "and_"), folded(wf.bitwise_or, "or_")
xor = folded(wf.bitwise_xor, "xor")
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = and_, or_, xor, invert
sub = subtract = minus = elementwise(wf.sub, "sub")
int_div = floor_div = elementwise(wf.floor_divide, "int_div")
switch = where = elementwise(lambda c, a, b: wf.where(c if c.dtype.kind == "b" else wf.ne(c, 0), a, b))
mod = elementwise(wf.mod, "mod")
pow = power = elementwise(wf.pow, "pow")
clip = elementwise(lambda x, low, high: wf.clip(x, low, high), "clip")


@method("true_div")
def true_div(a: Any, b: Any) -> Any:
    """a / b; whole numbers give floatX."""
    left, right = unwrap(a), unwrap(b)
    if left.dtype.kind != "f" and right.dtype.kind != "f":
        left, right = weft_cast(left, config.floatX), weft_cast(right, config.floatX)
    return wrap(wf.div(left, right))


truediv = divide = true_div


@method("astype")
def cast(x: Any, dtype: Any) -> Any:
    """x in another dtype; "floatX" is theano.config.floatX."""
    kind = np.dtype(dtype_named(dtype)).name
    if isinstance(x, Variable) and x.dtype == kind:
        return x
    return wrap(weft_cast(unwrap(x), kind))


@method("round")
def round(a: Any, mode: str | None = None) -> Any:
    """The nearest whole number; ties go to the even one, or away from zero with mode="half_away_from_zero"."""
    node = unwrap(a)
    if mode in (None, "half_to_even"):
        return wrap(wf.rint(node))
    if mode != "half_away_from_zero":
        text = f"round: mode is 'half_to_even' or 'half_away_from_zero', not {mode!r}."
        raise blame(ValueError(text), user_site())
    whole = wf.trunc(node)
    return wrap(wf.where(wf.abs(node - whole) < 0.5, whole, whole + wf.sign(node)))


def iround(a: Any, mode: str | None = None) -> Any:
    """The nearest whole number in int64; ties as in `round`."""
    return cast(round(a, mode), "int64")


@method("copy")
def tensor_copy(x: Any, name: str | None = None) -> Any:
    """The same value."""
    return x if isinstance(x, Variable) else wrap(unwrap(x))


identity = view_op = tensor_copy


def identity_like(x: Any, dtype: Any = None) -> Any:
    """The identity matrix in the shape and dtype of x."""
    node = unwrap(x)
    return wrap(wf.eye(*node.shape, dtype=dtype_named(dtype, node.dtype)))


@method("fill")
def fill(a: Any, b: Any) -> Any:
    """b in the shape that a and b have together."""
    like, value = unwrap(a), unwrap(b)
    return wrap(wf.broadcast_to(value, broadcast("fill", [like.shape, value.shape])))


second = fill


def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """|a - b| <= atol + rtol |b|, and equal infinities."""
    x, y = unwrap(a), unwrap(b)
    near = wf.logical_or(wf.le(wf.abs(x - y), atol + rtol * wf.abs(y)), wf.eq(x, y))
    finite = wf.logical_or(wf.isfinite(y), wf.eq(x, y))
    found = wf.logical_and(near, finite)
    return wrap(wf.logical_or(found, wf.logical_and(wf.isnan(x), wf.isnan(y))) if equal_nan else found)


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether isclose holds for all elements."""
    return wrap(wf.all(isclose(a, b, rtol, atol, equal_nan).expr))


class Elemwise:
    """A function of every element, given one of theano.scalar."""

    def __init__(self, scalar_op: Any, inplace_pattern: Any = None, name: str | None = None, **ignored: Any) -> None:
        self.scalar_op, self.name = scalar_op, name

    def __call__(self, *args: Any) -> Any:
        return self.scalar_op(*args)


def _as_cast(dtype: str) -> Callable[[Any], Any]:
    def convert(x: Any) -> Any:
        return cast(x, dtype)

    convert.__doc__ = f"x as {dtype}."
    return convert


for _dtype in sorted(kind.name for kind in SUPPORTED):
    globals()[f"_convert_to_{_dtype}"] = _as_cast(_dtype)
    globals()[f"convert_to_{_dtype}"] = _as_cast(_dtype)
