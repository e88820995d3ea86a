"""THE TABLE of primitive scalar functions: name, NumPy, result dtype, derivative, SymPy form, and facts for compilers.

A derivative gives d out / d arg for each argument: an expression, a bool expression (a mask: 1 where true, exactly 0
elsewhere), 1, -1, or None for none.  Kernels are found by name: `codegen/llvm/emitters.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import references
from .coerce import as_expr
from .elementwise import Primitive, as_float, elementwise

Derivative = Callable[..., Sequence[Any]]


def primitive(
    name: str,
    reference: Callable[..., Any],
    result: str,
    derivative: Derivative | None,
    sympy: Callable[..., Any] | None,
    doc: str,
    commutative: bool = False,
    of_bools: bool = True,
    expensive: bool = False,
    ulp: tuple[float, float] | None = None,
) -> Primitive:
    """A new row of the table.

    `result` is one of elementwise.RESULTS; `derivative(out, *args)` as told above, None where there is none;
    `sympy(S, *args)` gets the sympy module and SymPy arguments.

    commutative : of two arguments, in either order the same value
    of_bools : whether it is defined for bools
    expensive : takes many instructions, or few slow ones: better stored than computed again
    ulp : the largest error found in units in the last place, rounded up, for float32 and float64, over all exponents,
        subnormals included; None: exact or correctly rounded.  logaddexp relative to the largest of |x|, |y| and the
        result
    """
    return Primitive(name, reference, result, derivative, sympy, doc, commutative, of_bools, expensive, ulp)


P = primitive

# ---- arithmetic --------------------------------------------------------------------------------------------------
add: Primitive = P("add", np.add, "number", lambda out, x, y: (1, 1), lambda S, x, y: x + y, "x + y", commutative=True)
sub: Primitive = P(
    "sub", np.subtract, "number", lambda out, x, y: (1, -1), lambda S, x, y: x - y, "x - y", of_bools=False
)
mul: Primitive = P(
    "mul", np.multiply, "number", lambda out, x, y: (y, x), lambda S, x, y: x * y, "x * y", commutative=True
)
div: Primitive = P(
    "div",
    np.true_divide,
    "float",
    lambda out, x, y: (reciprocal(y), -out / y),
    lambda S, x, y: x / y,
    "x / y; integers give floats, as in NumPy",
    expensive=True,
)
floor_divide: Primitive = P(
    "floor_divide",
    np.floor_divide,
    "number",
    None,
    lambda S, x, y: S.floor(x / y),
    "floor(x / y); integers by 0 give 0",
    expensive=True,
)
mod: Primitive = P(
    "mod",
    np.mod,
    "number",
    lambda out, x, y: (1, -floor(x / y)),
    lambda S, x, y: S.Mod(x, y),
    "x - y * floor(x / y), of the sign of y; integers by 0 give 0",
    expensive=True,
)
fmod: Primitive = P(
    "fmod",
    np.fmod,
    "number",
    lambda out, x, y: (1, -trunc(x / y)),
    None,
    "the remainder with the sign of x",
    expensive=True,
)
pow: Primitive = P(
    "pow",
    references.power,
    "number",
    lambda out, x, y: (
        mul_no_nan(pow(x, y - 1), y),  # 0 where y is 0, also at x = 0
        where(eq(x, 0), 0, mul_no_nan(log(where(eq(x, 0), 1, x)), out)),
    ),
    lambda S, x, y: x**y,
    "x ** y; the derivative to y at x = 0 is 0; integers to negative powers give 0 (1 and -1 excepted)",
    expensive=True,
    ulp=(2.6, 1.0),
)
neg: Primitive = P("neg", np.negative, "number", lambda out, x: (-1,), lambda S, x: -x, "-x", of_bools=False)
abs: Primitive = P("abs", np.abs, "number", lambda out, x: (sign(x),), lambda S, x: S.Abs(x), "|x|; derivative 0 at 0")
sign: Primitive = P(
    "sign", np.sign, "number", None, lambda S, x: S.sign(x), "-1, 0 or 1; NaN stays NaN; no derivative", of_bools=False
)
reciprocal: Primitive = P(
    "reciprocal", lambda x: 1 / x, "float", lambda out, x: (-square(out),), lambda S, x: 1 / x, "1 / x", expensive=True
)
square: Primitive = P("square", np.square, "number", lambda out, x: (x * 2,), lambda S, x: x**2, "x * x")
sqrt: Primitive = P(
    "sqrt",
    np.sqrt,
    "float",
    lambda out, x: (0.5 / out,),
    lambda S, x: S.sqrt(x),
    "the square root; NaN below 0",
    expensive=True,
)
rsqrt: Primitive = P(
    "rsqrt",
    lambda x: 1 / np.sqrt(x),
    "float",
    lambda out, x: (-0.5 * out / x,),
    lambda S, x: 1 / S.sqrt(x),
    "1 / sqrt(x)",
    expensive=True,
    ulp=(1.5, 1.5),
)
cbrt: Primitive = P(
    "cbrt",
    np.cbrt,
    "float",
    lambda out, x: (1 / (3 * square(out)),),
    lambda S, x: S.sign(x) * S.cbrt(S.Abs(x)),
    "the cube root",
    expensive=True,
    ulp=(0.6, 0.8),
)
hypot: Primitive = P(
    "hypot",
    np.hypot,
    "float",
    lambda out, x, y: (x / out, y / out),
    lambda S, x, y: S.sqrt(x**2 + y**2),
    "sqrt(x*x + y*y) without overflow",
    commutative=True,
    expensive=True,
    ulp=(0.6, 0.8),
)
copysign: Primitive = P(
    "copysign",
    np.copysign,
    "float",
    lambda out, x, y: (where(eq(sign(x), sign(out)), 1.0, -1.0), None),
    None,
    "|x| with the sign of y",
)
mul_no_nan: Primitive = P(
    "mul_no_nan",
    references.mul_no_nan,
    "number",
    lambda out, x, y: (y, x),
    lambda S, x, y: x * y,
    "x * y, and exactly 0 where y is 0, whatever x is: how a cotangent meets a derivative",
)
maximum: Primitive = P(
    "maximum",
    np.maximum,
    "number",
    lambda out, x, y: (ge(x, y), logical_not(ge(x, y))),
    lambda S, x, y: S.Max(x, y),
    "the larger; NaN if either is; at ties the first argument takes the gradient",
    commutative=True,
)
minimum: Primitive = P(
    "minimum",
    np.minimum,
    "number",
    lambda out, x, y: (le(x, y), logical_not(le(x, y))),
    lambda S, x, y: S.Min(x, y),
    "the smaller; NaN if either is; at ties the first argument takes the gradient",
    commutative=True,
)

# ---- comparison, logic, bits ----------------------------------------------------------------------------------------
eq: Primitive = P(
    "eq", np.equal, "bool", None, lambda S, x, y: S.Eq(x, y), "x == y, element by element", commutative=True
)
ne: Primitive = P("ne", np.not_equal, "bool", None, lambda S, x, y: S.Ne(x, y), "x != y", commutative=True)
lt: Primitive = P("lt", np.less, "bool", None, lambda S, x, y: x < y, "x < y")
le: Primitive = P("le", np.less_equal, "bool", None, lambda S, x, y: x <= y, "x <= y")
gt: Primitive = P("gt", np.greater, "bool", None, lambda S, x, y: x > y, "x > y")
ge: Primitive = P("ge", np.greater_equal, "bool", None, lambda S, x, y: x >= y, "x >= y")
logical_and: Primitive = P(
    "logical_and", np.logical_and, "logical", None, lambda S, x, y: S.And(x, y), "x and y are not 0", commutative=True
)
logical_or: Primitive = P(
    "logical_or", np.logical_or, "logical", None, lambda S, x, y: S.Or(x, y), "x or y is not 0", commutative=True
)
logical_xor: Primitive = P(
    "logical_xor", np.logical_xor, "logical", None, lambda S, x, y: S.Xor(x, y), "just one is not 0", commutative=True
)
logical_not: Primitive = P("logical_not", np.logical_not, "logical", None, lambda S, x: S.Not(x), "x is 0")
bitwise_and: Primitive = P("bitwise_and", np.bitwise_and, "integer", None, None, "x & y", commutative=True)
bitwise_or: Primitive = P("bitwise_or", np.bitwise_or, "integer", None, None, "x | y", commutative=True)
bitwise_xor: Primitive = P("bitwise_xor", np.bitwise_xor, "integer", None, None, "x ^ y", commutative=True)
invert: Primitive = P("invert", np.invert, "integer", None, None, "~x; logical_not for bool")
left_shift: Primitive = P("left_shift", references.left_shift, "integer", None, None, "x << y")
right_shift: Primitive = P("right_shift", references.right_shift, "integer", None, None, "x >> y")
isnan: Primitive = P("isnan", np.isnan, "logical", None, None, "x is NaN")
isinf: Primitive = P("isinf", np.isinf, "logical", None, None, "x is +inf or -inf")
isfinite: Primitive = P("isfinite", np.isfinite, "logical", None, None, "x is neither NaN nor infinite")
where: Primitive = P(
    "where",
    np.where,
    "select",
    lambda out, c, x, y: (None, c if c.dtype == np.bool_ else ne(c, 0), logical_not(c)),
    lambda S, c, x, y: S.Piecewise((x, c), (y, True)),
    "x where the condition holds, else y; the branch not taken contributes exactly 0 to gradients",
)

# ---- exponential and logarithmic ----------------------------------------------------------------------------------
exp: Primitive = P(
    "exp", np.exp, "float", lambda out, x: (out,), lambda S, x: S.exp(x), "e**x", expensive=True, ulp=(0.8, 0.8)
)
exp2: Primitive = P(
    "exp2",
    np.exp2,
    "float",
    lambda out, x: (out * math.log(2),),
    lambda S, x: 2**x,
    "2**x",
    expensive=True,
    ulp=(0.9, 0.8),
)
expm1: Primitive = P(
    "expm1",
    np.expm1,
    "float",
    lambda out, x: (exp(x),),
    lambda S, x: S.exp(x) - 1,
    "exp(x) - 1, near 0 too",
    expensive=True,
    ulp=(1.5, 1.9),
)
log: Primitive = P(
    "log",
    np.log,
    "float",
    lambda out, x: (reciprocal(x),),
    lambda S, x: S.log(x),
    "the natural logarithm",
    expensive=True,
    ulp=(0.9, 0.8),
)
log2: Primitive = P(
    "log2",
    np.log2,
    "float",
    lambda out, x: (1 / (x * math.log(2)),),
    lambda S, x: S.log(x, 2),
    "to base 2",
    expensive=True,
    ulp=(1.1, 1.1),
)
log10: Primitive = P(
    "log10",
    np.log10,
    "float",
    lambda out, x: (1 / (x * math.log(10)),),
    lambda S, x: S.log(x, 10),
    "to base 10",
    expensive=True,
    ulp=(1.0, 1.0),
)
log1p: Primitive = P(
    "log1p",
    np.log1p,
    "float",
    lambda out, x: (1 / (1 + x),),
    lambda S, x: S.log(1 + x),
    "log(1 + x), near 0 too",
    expensive=True,
    ulp=(1.6, 1.6),
)
logaddexp: Primitive = P(
    "logaddexp",
    np.logaddexp,
    "float",
    lambda out, x, y: (sigmoid(x - y), sigmoid(y - x)),
    lambda S, x, y: S.log(S.exp(x) + S.exp(y)),
    "log(exp(x) + exp(y)) without overflow",
    commutative=True,
    expensive=True,
    ulp=(2.6, 2.6),
)
sigmoid: Primitive = P(
    "sigmoid",
    references.sigmoid,
    "float",
    lambda out, x: (out * sigmoid(-x),),
    lambda S, x: 1 / (1 + S.exp(-x)),
    "1 / (1 + exp(-x))",
    expensive=True,
    ulp=(1.0, 1.0),
)
tanh: Primitive = P(
    "tanh",
    np.tanh,
    "float",
    lambda out, x: (1 - square(out),),
    lambda S, x: S.tanh(x),
    "the hyperbolic tangent",
    expensive=True,
    ulp=(1.0, 1.0),
)
sinh: Primitive = P(
    "sinh",
    np.sinh,
    "float",
    lambda out, x: (cosh(x),),
    lambda S, x: S.sinh(x),
    "the hyperbolic sine",
    expensive=True,
    ulp=(3.6, 3.6),
)
cosh: Primitive = P(
    "cosh",
    np.cosh,
    "float",
    lambda out, x: (sinh(x),),
    lambda S, x: S.cosh(x),
    "the hyperbolic cosine",
    expensive=True,
    ulp=(1.5, 1.5),
)
arcsinh: Primitive = P(
    "arcsinh",
    np.arcsinh,
    "float",
    lambda out, x: (reciprocal(hypot(x, 1)),),
    lambda S, x: S.asinh(x),
    "sinh(y) = x",
    expensive=True,
    ulp=(0.6, 1.9),
)
arccosh: Primitive = P(
    "arccosh",
    np.arccosh,
    "float",
    lambda out, x: (reciprocal(sqrt(x - 1) * sqrt(x + 1)),),
    lambda S, x: S.acosh(x),
    "cosh(y) = x; NaN below 1",
    expensive=True,
    ulp=(0.6, 2.0),
)
arctanh: Primitive = P(
    "arctanh",
    np.arctanh,
    "float",
    lambda out, x: (reciprocal((1 - x) * (1 + x)),),
    lambda S, x: S.atanh(x),
    "tanh(y) = x; NaN outside [-1, 1]",
    expensive=True,
    ulp=(0.6, 2.0),
)

# ---- trigonometric --------------------------------------------------------------------------------------------------
sin: Primitive = P(
    "sin",
    np.sin,
    "float",
    lambda out, x: (cos(x),),
    lambda S, x: S.sin(x),
    "sine of radians",
    expensive=True,
    ulp=(0.9, 0.9),
)
cos: Primitive = P(
    "cos",
    np.cos,
    "float",
    lambda out, x: (-sin(x),),
    lambda S, x: S.cos(x),
    "cosine of radians",
    expensive=True,
    ulp=(0.9, 0.9),
)
tan: Primitive = P(
    "tan",
    np.tan,
    "float",
    lambda out, x: (1 + square(out),),
    lambda S, x: S.tan(x),
    "tangent of radians",
    expensive=True,
    ulp=(2.4, 2.4),
)
arcsin: Primitive = P(
    "arcsin",
    np.arcsin,
    "float",
    lambda out, x: (rsqrt((1 - x) * (1 + x)),),
    lambda S, x: S.asin(x),
    "sin(y) = x",
    expensive=True,
    ulp=(2.4, 2.4),
)
arccos: Primitive = P(
    "arccos",
    np.arccos,
    "float",
    lambda out, x: (-rsqrt((1 - x) * (1 + x)),),
    lambda S, x: S.acos(x),
    "cos(y) = x",
    expensive=True,
    ulp=(1.2, 1.2),
)
arctan: Primitive = P(
    "arctan",
    np.arctan,
    "float",
    lambda out, x: (1 / (1 + square(x)),),
    lambda S, x: S.atan(x),
    "tan(y) = x",
    expensive=True,
    ulp=(1.4, 1.6),
)
arctan2: Primitive = P(
    "arctan2",
    np.arctan2,
    "float",
    lambda out, y, x: (x / hypot(x, y) / hypot(x, y), -y / hypot(x, y) / hypot(x, y)),
    lambda S, y, x: S.atan2(y, x),
    "the angle of the point (x, y), for arctan2(y, x)",
    expensive=True,
    ulp=(1.6, 1.6),
)

# ---- special ---------------------------------------------------------------------------------------------------------
erf: Primitive = P(
    "erf",
    references.erf,
    "float",
    lambda out, x: (exp(-square(x)) * (2 / math.sqrt(math.pi)),),
    lambda S, x: S.erf(x),
    "2/sqrt(pi) times the integral of exp(-t*t) from 0 to x",
    expensive=True,
    ulp=(1.1, 1.1),
)
erfc: Primitive = P(
    "erfc",
    references.erfc,
    "float",
    lambda out, x: (exp(-square(x)) * (-2 / math.sqrt(math.pi)),),
    lambda S, x: S.erfc(x),
    "1 - erf(x), where that is small too",
    expensive=True,
    ulp=(3.9, 2.9),
)
erfinv: Primitive = P(
    "erfinv",
    references.erfinv,
    "float",
    lambda out, x: (exp(square(out)) * (math.sqrt(math.pi) / 2),),
    lambda S, x: S.erfinv(x),
    "erf(y) = x",
    expensive=True,
    ulp=(3.5, 3.8),
)

# ---- rounding -------------------------------------------------------------------------------------------------------
floor: Primitive = P("floor", np.floor, "number", None, lambda S, x: S.floor(x), "the largest whole number not above x")
ceil: Primitive = P("ceil", np.ceil, "number", None, lambda S, x: S.ceiling(x), "the smallest whole number not below x")
trunc: Primitive = P("trunc", np.trunc, "number", None, None, "x without its fraction")
rint: Primitive = P("rint", references.rint, "number", None, None, "the nearest whole number, halves to even")
relu: Primitive = P(
    "relu",
    lambda x: np.maximum(x, np.asarray(0, x.dtype)),
    "number",
    lambda out, x: (gt(out, 0),),  # of the result, so that what a layer computed before it is read no more
    lambda S, x: S.Max(x, 0),
    "max(x, 0); derivative 0 at 0; NaN stays NaN",
)

# ---- composites: functions of the above, traced once ----------------------------------------------------------------


@elementwise
def softplus(x: Any) -> Any:
    """log(1 + exp(x)) without overflow.  Derivative sigmoid(x)."""
    return logaddexp(as_float(x), 0.0)


@elementwise
def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)) without overflow or lost digits.  Derivative sigmoid(-x)."""
    return -logaddexp(-as_float(x), 0.0)


@elementwise
def clip(x: Any, low: Any, high: Any) -> Any:
    """x kept within [low, high]; NaN stays NaN.  Gradient 1 where low <= x <= high, else 0."""
    return minimum(maximum(x, low), high)


@elementwise
def silu(x: Any) -> Any:
    """x * sigmoid(x), also called swish (Ramachandran et al. 2017)."""
    return x * sigmoid(x)


@elementwise
def gelu(x: Any) -> Any:
    """x * Phi(x) with the normal distribution function Phi (Hendrycks and Gimpel 2016), not its approximation."""
    z = as_float(x)
    return z * 0.5 * erfc(z * -math.sqrt(0.5))


@elementwise
def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    z = as_float(x)
    return z / (1 + abs(z))


@elementwise
def hard_sigmoid(x: Any) -> Any:
    """0.2 x + 0.5, kept within [0, 1]."""
    return minimum(maximum(as_float(x) * 0.2 + 0.5, 0.0), 1.0)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where x > 0, else slope * x.  Derivative at 0: slope."""
    node = as_float(x)
    return where(gt(node, 0), node, node * slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where x > 0, else alpha * (exp(x) - 1) (Clevert et al. 2015).  Derivative at 0: alpha."""
    node = as_float(x)
    return where(gt(node, 0), node, expm1(minimum(node, 0.0)) * alpha)


def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), and 1 at 0."""
    node = as_float(x) * math.pi
    safe = where(eq(node, 0), 1.0, node)
    return where(eq(node, 0), 1.0, sin(safe) / safe)


def positive(x: Any) -> Any:
    """+x."""
    return as_expr(x)


def round(x: Any) -> Any:
    """The nearest whole number, halves to even, as NumPy's round."""
    return rint(x)
