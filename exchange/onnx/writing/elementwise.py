"""Functions of every element: operators of ONNX by the names of weft's primitives, or a few of them together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ....ops.elementwise import Cast, Composite, Elementwise, Primitive, Scalar
from ....symbolic.expr import Expr
from ....symbolic.leaves import Constant
from ....symbolic.types import BOOL, DType
from . import sizes
from .pooling import write_mean
from .writer import ModelWriter, NoForm, writes

# The primitives that one operator of ONNX computes.
OPERATORS = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "neg": "Neg", "abs": "Abs", "sign": "Sign",
    "reciprocal": "Reciprocal", "sqrt": "Sqrt", "maximum": "Max", "minimum": "Min", "eq": "Equal", "lt": "Less",
    "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual", "logical_and": "And", "logical_or": "Or",
    "logical_xor": "Xor", "logical_not": "Not", "bitwise_and": "BitwiseAnd", "bitwise_or": "BitwiseOr",
    "bitwise_xor": "BitwiseXor", "invert": "BitwiseNot", "where": "Where", "exp": "Exp", "log": "Log",
    "sigmoid": "Sigmoid", "tanh": "Tanh", "sinh": "Sinh", "cosh": "Cosh", "arcsinh": "Asinh", "arccosh": "Acosh",
    "arctanh": "Atanh", "sin": "Sin", "cos": "Cos", "tan": "Tan", "arcsin": "Asin", "arccos": "Acos",
    "arctan": "Atan", "erf": "Erf", "floor": "Floor", "ceil": "Ceil", "rint": "Round", "relu": "Relu",
}  # fmt: skip
# Composites that one operator computes as weft does.
WHOLE = {"softplus": "Softplus", "softsign": "Softsign"}
WRAPPED = ("add", "sub", "mul", "neg", "abs", "maximum", "minimum", "pow", "relu", "sign")
COMPARED = ("eq", "lt", "le", "gt", "ge")
SMALL = ("int8", "int16", "uint8", "uint16", "uint32")

Form = Callable[..., str]  # (writer, dtype of the operands, *their names) -> the name of the value
FORMS: dict[str, Form] = {}


def form(function: Form) -> Form:
    """How the primitive of that name is written."""
    FORMS[function.__name__] = function
    return function


@writes(Elementwise)
def write_elementwise(writer: ModelWriter, node: Expr, *names: str) -> str:
    """A function of arguments that broadcast, each cast to what the function computes with."""
    function = node.op.function
    if isinstance(function, Cast):
        return names[0] if node.dtype == node.args[0].dtype else writer.cast(names[0], node.dtype)
    if isinstance(function, Composite) and function.name not in WHOLE:
        return str(writer.of(function.expand_body(*node.args)))
    if function.name == "div" and (mean := write_mean(writer, node)) is not None:
        return mean
    kinds = function.operand_dtypes(*(a.type for a in node.args))
    operands = [operand(writer, a, kind) for a, kind in zip(node.args, kinds, strict=True)]
    return _primitive(writer, function, node.dtype, kinds, operands)


def operand(writer: ModelWriter, node: Expr, kind: DType) -> str:
    """The name of an argument in a dtype; of a Python number in all its digits."""
    if node.dtype == kind:
        return str(writer.of(node))
    if isinstance(node.op, Constant):
        value = node.op.value if node.op.number is None else np.asarray(node.op.number)
        return writer.constant(value.astype(kind))
    return writer.cast(writer.of(node), kind)


def _primitive(writer: ModelWriter, function: Scalar, result: DType, kinds: tuple[DType, ...], names: list[str]) -> str:
    name, kind = function.name, kinds[-1]
    if name.startswith("logical_"):  # each argument is taken for its truth
        names = [n if k == BOOL else writer.cast(n, BOOL) for n, k in zip(names, kinds, strict=True)]
    if name in FORMS:
        return FORMS[name](writer, kind, *names)
    operator = OPERATORS.get(name) or WHOLE.get(name)
    if operator is None:
        raise NoForm("is a function that ONNX has not")
    if kind.name in SMALL and name in (*WRAPPED, *COMPARED):  # whole numbers modulo 2 ** bits: casts keep the low bits
        wide = writer.op(operator, *(writer.cast(n, "int64") for n in names))
        return wide if result == BOOL else writer.cast(wide, kind)
    if kind.name == "uint64" and name in ("add", "sub", "mul", "neg"):
        return writer.cast(writer.op(operator, *(writer.cast(n, "int64") for n in names)), kind)
    if kind == BOOL and name in ("add", "maximum", "mul", "minimum"):
        return writer.op("Or" if name in ("add", "maximum") else "And", *names)
    return writer.op(operator, *names)


# ---- numbers ----------------------------------------


def number(writer: ModelWriter, value: float, kind: DType) -> str:
    """A number as a scalar of this dtype."""
    return writer.constant(value, kind)


def where(writer: ModelWriter, condition: str, yes: str, no: str) -> str:
    """One or the other, element by element."""
    return writer.op("Where", condition, yes, no)


@form
def square(writer: ModelWriter, kind: DType, x: str) -> str:
    """x x."""
    return _primitive(writer, Primitive.table["mul"], kind, (kind, kind), [x, x])


@form
def ne(writer: ModelWriter, kind: DType, x: str, y: str) -> str:
    """not x = y."""
    equal = _primitive(writer, Primitive.table["eq"], BOOL, (kind, kind), [x, y])
    return writer.op("Not", equal)


@form
def mul_no_nan(writer: ModelWriter, kind: DType, x: str, g: str) -> str:
    """x g, and 0 where g is."""
    zero = number(writer, 0, kind)
    product = _primitive(writer, Primitive.table["mul"], kind, (kind, kind), [x, g])
    return where(writer, writer.op("Equal", g, zero), zero, product)


@form
def rsqrt(writer: ModelWriter, kind: DType, x: str) -> str:
    """1 / sqrt(x)."""
    return writer.op("Reciprocal", writer.op("Sqrt", x))


@form
def cbrt(writer: ModelWriter, kind: DType, x: str) -> str:
    """sign(x) |x| ** (1/3)."""
    root = writer.op("Pow", writer.op("Abs", x), number(writer, 1 / 3, kind))
    return writer.op("Mul", writer.op("Sign", x), root)


@form
def hypot(writer: ModelWriter, kind: DType, x: str, y: str) -> str:
    """large sqrt(1 + (small / large) ** 2), which overflows only where the result does; inf beside NaN is inf."""
    x, y = writer.op("Abs", x), writer.op("Abs", y)
    large, small = writer.op("Max", x, y), writer.op("Min", x, y)
    infinite = writer.op("Or", writer.op("IsInf", x), writer.op("IsInf", y))
    large = where(writer, infinite, number(writer, np.inf, kind), large)
    simple = writer.op("Or", infinite, writer.op("Equal", large, number(writer, 0, kind)))
    ratio = writer.op("Div", small, where(writer, simple, number(writer, 1, kind), large))
    root = writer.op("Sqrt", writer.op("Add", number(writer, 1, kind), writer.op("Mul", ratio, ratio)))
    return where(writer, simple, large, writer.op("Mul", large, root))


@form
def copysign(writer: ModelWriter, kind: DType, x: str, y: str) -> str:
    """|x| with the sign of y, which 1 / y has also where y is -0."""
    zero = number(writer, 0, kind)
    negative = writer.op("Or", *(writer.op("Less", v, zero) for v in (y, writer.op("Reciprocal", y))))
    size = writer.op("Abs", x)
    return where(writer, negative, writer.op("Neg", size), size)


@form
def trunc(writer: ModelWriter, kind: DType, x: str) -> str:
    """Rounded toward 0."""
    below = writer.op("Less", x, number(writer, 0, kind))
    return where(writer, below, writer.op("Ceil", x), writer.op("Floor", x))


# ---- division of whole numbers, and remainders ----------------------------------------


def _nonzero(writer: ModelWriter, kind: DType, y: str) -> tuple[str, str]:
    """(where y is 0, y or 1 there): runtimes may stop at a whole number divided by 0."""
    zero = writer.op("Equal", y, number(writer, 0, kind))
    return zero, where(writer, zero, number(writer, 1, kind), y)


def _floor_mod(writer: ModelWriter, kind: DType, x: str, y: str) -> str:
    """The remainder with the sign of y: that of floats has x's in ONNX."""
    if kind.kind != "f":
        return writer.op("Mod", x, y)
    zero, rest = number(writer, 0, kind), writer.op("Mod", x, y, fmod=1)
    signs = writer.op("Xor", *(writer.op("Less", v, zero) for v in (rest, y)))
    wrong = writer.op("And", signs, writer.op("Not", writer.op("Equal", rest, zero)))
    return where(writer, wrong, writer.op("Add", rest, y), rest)


@form
def mod(writer: ModelWriter, kind: DType, x: str, y: str) -> str:
    """x - floor(x / y) y; of whole numbers 0 where y is."""
    if kind.kind == "f":
        return _floor_mod(writer, kind, x, y)
    zero, divisor = _nonzero(writer, kind, y)
    return where(writer, zero, number(writer, 0, kind), writer.op("Mod", x, divisor))


@form
def fmod(writer: ModelWriter, kind: DType, x: str, y: str) -> str:
    """The remainder with the sign of x; of whole numbers 0 where y is."""
    if kind.kind == "f":
        return writer.op("Mod", x, y, fmod=1)
    zero, divisor = _nonzero(writer, kind, y)
    return where(writer, zero, number(writer, 0, kind), writer.op("Mod", x, divisor, fmod=1))


@form
def floor_divide(writer: ModelWriter, kind: DType, x: str, y: str) -> str:
    """floor(x / y); of whole numbers 0 where y is."""
    if kind.kind == "f":
        rest = _floor_mod(writer, kind, x, y)
        return writer.op("Round", writer.op("Div", writer.op("Sub", x, rest), y))
    zero, divisor = _nonzero(writer, kind, y)
    return where(writer, zero, number(writer, 0, kind), sizes.floor_divide(writer, x, divisor))


def _shift(writer: ModelWriter, kind: DType, x: str, count: str, direction: str) -> str:
    """x shifted as an unsigned integer, which is what ONNX shifts."""
    unsigned = f"uint{8 * kind.itemsize}"
    same = kind.kind == "u"
    shifted = writer.op("BitShift", *(v if same else writer.cast(v, unsigned) for v in (x, count)), direction=direction)
    return shifted if same else writer.cast(shifted, kind)


@form
def left_shift(writer: ModelWriter, kind: DType, x: str, count: str) -> str:
    """x 2 ** count."""
    return _shift(writer, kind, x, count, "LEFT")


@form
def right_shift(writer: ModelWriter, kind: DType, x: str, count: str) -> str:
    """floor(x / 2 ** count): of a negative x that of its complement, which is not, and the complement of it."""
    if kind.kind == "u":
        return _shift(writer, kind, x, count, "RIGHT")
    negative = writer.op("Less", x, number(writer, 0, kind))
    positive = where(writer, negative, writer.op("BitwiseNot", x), x)
    shifted = _shift(writer, kind, positive, count, "RIGHT")
    return where(writer, negative, writer.op("BitwiseNot", shifted), shifted)


# ---- what is no number ----------------------------------------


def _tests(writer: ModelWriter, kind: DType, x: str, *operators: str) -> str:
    if kind.kind != "f":
        return writer.op("Xor", *[writer.op("Equal", x, x)] * 2)  # of whole numbers, never
    found = [writer.op(operator, x) for operator in operators]
    return found[0] if len(found) == 1 else writer.op("Or", *found)


@form
def isnan(writer: ModelWriter, kind: DType, x: str) -> str:
    """Whether it is NaN."""
    return _tests(writer, kind, x, "IsNaN")


@form
def isinf(writer: ModelWriter, kind: DType, x: str) -> str:
    """Whether it is infinite."""
    return _tests(writer, kind, x, "IsInf")


@form
def isfinite(writer: ModelWriter, kind: DType, x: str) -> str:
    """Whether it is neither."""
    return writer.op("Not", _tests(writer, kind, x, "IsNaN", "IsInf"))


# ---- exponentials and logarithms ----------------------------------------


@form
def exp2(writer: ModelWriter, kind: DType, x: str) -> str:
    """2 ** x."""
    return writer.op("Pow", number(writer, 2, kind), x)


@form
def expm1(writer: ModelWriter, kind: DType, x: str) -> str:
    """tanh(x / 2) (exp(x) + 1), which keeps the digits of a small x."""
    half = writer.op("Tanh", writer.op("Mul", x, number(writer, 0.5, kind)))
    return writer.op("Mul", half, writer.op("Add", writer.op("Exp", x), number(writer, 1, kind)))


@form
def log1p(writer: ModelWriter, kind: DType, x: str) -> str:
    """log(u) x / (u - 1) with u = 1 + x, which keeps the digits of a small x (Kahan); x where u is 1."""
    one = number(writer, 1, kind)
    u = writer.op("Add", one, x)
    simple = writer.op("Or", writer.op("Equal", u, one), writer.op("IsInf", u))
    rest = where(writer, simple, one, writer.op("Sub", u, one))
    found = writer.op("Mul", writer.op("Log", u), writer.op("Div", where(writer, simple, one, x), rest))
    return where(writer, simple, x, found)


def _log(writer: ModelWriter, kind: DType, x: str, base: float) -> str:
    return writer.op("Mul", writer.op("Log", x), number(writer, 1 / np.log(base), kind))


@form
def log2(writer: ModelWriter, kind: DType, x: str) -> str:
    """log(x) / log(2)."""
    return _log(writer, kind, x, 2)


@form
def log10(writer: ModelWriter, kind: DType, x: str) -> str:
    """log(x) / log(10)."""
    return _log(writer, kind, x, 10)


@form
def logaddexp(writer: ModelWriter, kind: DType, x: str, y: str) -> str:
    """max + log1p(exp(-|x - y|)); equal ones, also infinite ones, give x + log(2)."""
    equal = writer.op("Equal", x, y)
    apart = where(writer, equal, number(writer, 0, kind), writer.op("Sub", x, y))
    small = writer.op("Exp", writer.op("Neg", writer.op("Abs", apart)))
    return writer.op("Add", writer.op("Max", x, y), log1p(writer, kind, small))


@form
def erfc(writer: ModelWriter, kind: DType, x: str) -> str:
    """1 - erf(x): to the digits of 1, not of itself where it is small."""
    return writer.op("Sub", number(writer, 1, kind), writer.op("Erf", x))


@form
def arctan2(writer: ModelWriter, kind: DType, y: str, x: str) -> str:
    """atan(y / x), turned by half a circle where x is negative, with the sign of y."""
    zero, pi = number(writer, 0, kind), number(writer, np.pi, kind)
    large, small = (writer.op(m, writer.op("Abs", x), writer.op("Abs", y)) for m in ("Max", "Min"))
    equal = writer.op("Equal", large, small)  # also of two that are infinite, or 0
    one = number(writer, 1, kind)
    safe = where(writer, writer.op("Equal", large, zero), one, large)
    ratio = where(
        writer, equal, where(writer, writer.op("Equal", large, zero), zero, one), writer.op("Div", small, safe)
    )
    angle = writer.op("Atan", ratio)
    steep = writer.op("Greater", writer.op("Abs", y), writer.op("Abs", x))
    angle = where(writer, steep, writer.op("Sub", number(writer, np.pi / 2, kind), angle), angle)
    left = writer.op("Or", *(writer.op("Less", v, zero) for v in (x, writer.op("Reciprocal", x))))
    angle = where(writer, left, writer.op("Sub", pi, angle), angle)
    nan = writer.op("Or", writer.op("IsNaN", x), writer.op("IsNaN", y))
    return where(writer, nan, writer.op("Add", x, y), copysign(writer, kind, angle, y))
