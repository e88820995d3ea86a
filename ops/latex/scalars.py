"""How functions of scalars are written."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant
from ..elementwise import Cast, Elementwise, Scalar
from .forms import Form, bare, operands
from .patterns import is_code
from .texts import (
    ATOM,
    BIG,
    CALL,
    LOGIC,
    ONE,
    RELATION,
    SUM,
    Text,
    add,
    call,
    divide,
    fence,
    join,
    multiply,
    negate,
    number,
    operator,
    parentheses,
    power,
    subtract,
)

# functions that LaTeX, or everybody, has a sign for
SIGNS = {
    **{name: f"\\{name}" for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos")},
    "arctan": r"\arctan",
    "maximum": r"\max",
    "minimum": r"\min",
    "sigmoid": r"\sigma",
    "sign": operator("sgn"),
    **{name: operator(name.replace("arc", "ar")) for name in ("arcsinh", "arccosh", "arctanh")},
    "log2": r"\log_{2}",
    "log10": r"\log_{10}",
    "arctan2": operator("atan2"),
    "relu": operator("ReLU"),
    "erfinv": r"\operatorname{erf}^{-1}",
    "gelu": operator("GELU"),
    "silu": operator("SiLU"),
    "elu": operator("ELU"),
    "log_sigmoid": r"\log \sigma",
    "rint": operator("round"),
    "isnan": operator("isnan"),
}
COMPARISONS = {"eq": "=", "ne": r"\neq", "lt": "<", "le": r"\leq", "gt": ">", "ge": r"\geq"}
OPPOSITES = {"eq": "ne", "ne": "eq", "lt": "ge", "le": "gt", "gt": "le", "ge": "lt"}
JUNCTIONS = {
    "logical_and": r"\land",
    "logical_or": r"\lor",
    "logical_xor": r"\oplus",
    "bitwise_and": r"\mathbin{\&}",
    "bitwise_or": r"\mathbin{|}",
    "bitwise_xor": r"\oplus",
    "left_shift": r"\ll",
    "right_shift": r"\gg",
    "mod": r"\bmod",
}


def _infix(sign: str, level: int, inner: int) -> Callable[..., Text]:
    def write(x: Text, y: Text) -> Text:
        return join(f"{fence(x, inner)} {sign} {fence(y, inner)}", level, max(x.rank, y.rank), x, y)

    return write


def _around(left: str, right: str) -> Callable[..., Text]:
    return lambda x: join(parentheses(x.latex, left, right), CALL, x.rank, x)


def _reciprocal(x: Text) -> Text:
    return divide(number(ONE), x)


def _square(x: Text) -> Text:
    return power(x, number(Fraction(2)))


def _root(x: Text) -> Text:
    return join(rf"\sqrt{{{x.latex}}}", CALL, x.rank, x)


def _exp(x: Text) -> Text:
    if x.rank == 0 and x.size < 3 and r"\frac" not in x.latex:
        return join(f"e^{{{x.latex}}}", CALL, 0, x)
    return call(r"\exp", x)


def cases(condition: Text, x: Text, y: Text) -> Text:
    """x where the condition holds, else y."""
    rows = rf"{x.latex} & \text{{if }} {condition.latex} \\ {y.latex} & \text{{otherwise}}"
    rank = max(condition.rank, x.rank, y.rank)
    return join(rf"\begin{{cases}} {rows} \end{{cases}}", BIG, rank, condition, x, y)


def _not_form(node: Expr) -> Form:
    """The opposite of a comparison, or of a truth."""
    pair = operands(node.args[0], *OPPOSITES)
    if pair is None:
        return Form(node.args, _not)
    opposite = OPPOSITES[bare(node.args[0]).op.name]
    return Form(tuple(pair), WRITERS[opposite])


def _not(x: Text) -> Text:
    return join(rf"\lnot {fence(x, CALL)}", LOGIC, x.rank, x)


def mask(condition: Text) -> Text:
    """1 where it holds, else 0."""
    if condition.level == ATOM and condition.size == 0:
        return condition
    return join(rf"\mathbb{{1}}{parentheses(condition.latex, '[', ']')}", CALL, condition.rank, condition)


def _floor_divide(x: Text, y: Text) -> Text:
    inside = divide(x, y)
    return join(rf"\left\lfloor {inside.latex} \right\rfloor", CALL, inside.rank, x, y)


WRITERS: dict[str, Callable[..., Text]] = {
    "add": add,
    "sub": subtract,
    "mul": multiply,
    "mul_no_nan": lambda x, y: multiply(y, x),
    "div": divide,
    "neg": negate,
    "reciprocal": _reciprocal,
    "square": _square,
    "pow": power,
    "sqrt": _root,
    "rsqrt": lambda x: _reciprocal(_root(x)),
    "cbrt": lambda x: join(rf"\sqrt[3]{{{x.latex}}}", CALL, x.rank, x),
    "hypot": lambda x, y: _root(add(_square(x), _square(y))),
    "exp": _exp,
    "exp2": lambda x: join(f"2^{{{x.latex}}}", CALL, x.rank, x),
    "expm1": lambda x: subtract(_exp(x), number(ONE)),
    "log1p": lambda x: call(r"\log", add(number(ONE), x)),
    "softplus": lambda x: call(r"\log", add(number(ONE), _exp(x))),
    "logaddexp": lambda x, y: call(r"\log", add(_exp(x), _exp(y))),
    "abs": _around(r"\lvert ", r" \rvert"),
    "floor": _around(r"\lfloor ", r" \rfloor"),
    "ceil": _around(r"\lceil ", r" \rceil"),
    "invert": lambda x: join(rf"\mathord{{\sim}} {fence(x, CALL)}", CALL, x.rank, x),
    "where": cases,
    "floor_divide": _floor_divide,
    **{name: _infix(sign, RELATION, SUM) for name, sign in COMPARISONS.items()},
    **{name: _infix(sign, LOGIC, RELATION) for name, sign in JUNCTIONS.items() if name.startswith("logical")},
    **{name: _infix(sign, LOGIC, CALL) for name, sign in JUNCTIONS.items() if not name.startswith("logical")},
}


def elementwise_form(node: Expr) -> Form:
    """The form of a function of scalars, over every element."""
    function: Scalar = node.op.function  # type: ignore[attr-defined]
    if isinstance(function, Cast):
        return Form(node.args, _cast(node.args[0], node))
    masked = _mask_form(node)
    if masked is not None:
        return masked
    if function.name == "logical_not":
        return _not_form(node)
    known = WRITERS.get(function.name)
    if known is not None:
        return Form(node.args, known)
    own = getattr(function, "latex", None)
    sign = SIGNS.get(function.name) or operator(function.name)
    return Form(node.args, own if own is not None else lambda *args: call(sign, *args))


def _cast(before: Expr, after: Expr) -> Callable[[Text], Text]:
    """How a value is written as another kind: a bool that has a name, or is a one-hot code, as it is."""
    if after.dtype.kind == "b":
        return lambda x: _infix(r"\neq", RELATION, SUM)(x, number(Fraction(0)))
    if before.dtype.kind != "b":
        return lambda x: call(operator("trunc"), x)
    return mask if isinstance(bare(before).op, Elementwise) and not is_code(bare(before)) else lambda x: x


def _mask_form(node: Expr) -> Form | None:
    """`where(condition, x, 0)`: x times a mask, as derivatives have it."""
    found = operands(node, "where")
    if found is None or not _is_number(found[2], 0):
        return None
    condition, x, _ = node.args
    if _is_number(found[1], 1):
        return Form((condition,), mask)
    if isinstance(found[1].op, Constant):
        return None
    if bare(x).ndim == 0 and bare(condition).ndim == 0:
        return None
    return Form((x, condition), lambda x, c: multiply(x, mask(c)))


def _is_number(node: Expr, value: int) -> bool:
    return isinstance(node.op, Constant) and node.op.value.ndim == 0 and bool(node.op.value[()] == value)
