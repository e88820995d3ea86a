"""T.exp, T.switch, x + y: elementwise functions under Theano's names, with Theano's dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import weft as wf

from ...ops.elementwise import Cast as WeftCast
from ...ops.elementwise import Elementwise
from ...ops.elementwise import cast as weft_cast
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.types import SUPPORTED
from .convert import find_dtype, unwrap
from .copies import DistinctCopy
from .methods import method
from .notes import made_by, note_op
from .op import Op
from .ops import EQUIVALENTS
from .scalar_ops import SCALARS, Cast, Scalar, ScalarOp
from .variables import Variable, wrap


class Elemwise(Op):
    """A function of every element: one of theano.scalar, or a program's own, over arguments that broadcast."""

    __props__ = ("scalar_op",)

    def __init__(self, scalar_op: Any, inplace_pattern: Any = None, name: str | None = None, **ignored: Any) -> None:
        self.scalar_op, self.inplace_pattern = scalar_op, dict(inplace_pattern or {})
        self.nfunc_spec = ignored.get("nfunc_spec")
        self.name = name or f"Elemwise{{{scalar_op},no_inplace}}"

    def __call__(self, *args: Any, **ignored: Any) -> Any:
        if not args:
            raise blame(TypeError(f"{self.scalar_op} needs at least one argument."), user_site())
        return note_op(self.scalar_op(*args), self, args)

    def make_node(self, *inputs: Any) -> Any:
        """The application to these inputs."""
        return self(*inputs).owner

    def __repr__(self) -> str:
        return self.name

    def __copy__(self) -> Elemwise:
        return self

    def __deepcopy__(self, memo: Any) -> Elemwise:
        return self

    def __reduce__(self) -> Any:
        known = getattr(self, "__name__", None)
        return super().__reduce__() if known is None else (_find, (known,))


_ELEMWISE: dict[str, Elemwise] = {}  # by the names that they are pickled as


def _find(name: str) -> Any:
    return _ELEMWISE[name]


def _elemwise(name: str, *methods: str) -> Elemwise:
    """The layer's op of this name, that of the same name in theano.scalar on every element; a method, too."""
    op = _ELEMWISE[name] = Elemwise(SCALARS[name])
    op.__name__, op.__doc__ = name, f"{name} of every element."  # type: ignore[attr-defined]
    for one in methods:
        method(one)(op)
    return op


def make_elemwise(
    class_name: str, name: str, function: Callable[..., Expr], base: type[ScalarOp]
) -> tuple[type, Elemwise]:
    """(the class, the op) of a further function of every element."""
    kind: Any = type(class_name, (base,), {"function": staticmethod(function), "__module__": __name__})
    SCALARS[name] = kind(name=name)
    return kind, _elemwise(name)


abs_ = abs = _elemwise("abs_", "abs_")
neg, invert = _elemwise("neg", "neg"), _elemwise("invert", "invert")
ceil, floor, trunc = _elemwise("ceil", "ceil"), _elemwise("floor", "floor"), _elemwise("trunc", "trunc")
sgn = sign = _elemwise("sgn")
exp, exp2, expm1 = _elemwise("exp"), _elemwise("exp2"), _elemwise("expm1")
log, log2, log10, log1p = _elemwise("log"), _elemwise("log2"), _elemwise("log10"), _elemwise("log1p")
sqrt, cbrt = _elemwise("sqrt"), _elemwise("cbrt")
sqr = square = _elemwise("sqr")
inv = reciprocal = _elemwise("inv")
sin, cos, tan = _elemwise("sin"), _elemwise("cos"), _elemwise("tan")
arcsin, arccos, arctan = _elemwise("arcsin"), _elemwise("arccos"), _elemwise("arctan")
sinh, cosh, tanh = _elemwise("sinh"), _elemwise("cosh"), _elemwise("tanh")
arcsinh, arccosh, arctanh = _elemwise("arcsinh"), _elemwise("arccosh"), _elemwise("arctanh")
arctan2 = _elemwise("arctan2")
erf, erfc, erfinv = _elemwise("erf"), _elemwise("erfc"), _elemwise("erfinv")
sigmoid, softplus = _elemwise("sigmoid"), _elemwise("softplus")
isnan, isinf = _elemwise("isnan"), _elemwise("isinf")
deg2rad, rad2deg = _elemwise("deg2rad"), _elemwise("rad2deg")
conj, real, imag, angle = _elemwise("conj", "conj"), _elemwise("real"), _elemwise("imag"), _elemwise("angle")

lt = less = _elemwise("lt", "lt")
le = less_equal = _elemwise("le", "le")
gt = greater = _elemwise("gt", "gt")
ge = greater_equal = _elemwise("ge", "ge")
eq = equal = _elemwise("eq")
neq = not_equal = _elemwise("neq")

add, mul = _elemwise("add", "add"), _elemwise("mul", "mul")
maximum, minimum = _elemwise("maximum", "maximum"), _elemwise("minimum", "minimum")
and_ = bitwise_and = _elemwise("and_", "and_")
or_ = bitwise_or = _elemwise("or_", "or_")
xor = bitwise_xor = _elemwise("xor", "xor")
bitwise_not = invert
sub = subtract = minus = _elemwise("sub", "sub")
int_div = floor_div = _elemwise("int_div", "int_div")
true_div = truediv = divide = _elemwise("true_div", "true_div")
switch = where = _elemwise("switch")
mod, clip = _elemwise("mod", "mod"), _elemwise("clip", "clip")
pow = power = _elemwise("pow", "pow")
second = _elemwise("second", "fill")
fill = second
identity = _elemwise("identity")
round_half_to_even, round_half_away_from_zero = (
    _elemwise("round_half_to_even"),
    _elemwise("round_half_away_from_zero"),
)


@method("astype")
@made_by(lambda x, dtype: (Elemwise(Cast(Scalar(dtype))), [x]))
def cast(x: Any, dtype: Any) -> Any:
    """x in another dtype; "floatX" is theano.config.floatX."""
    kind = np.dtype(find_dtype(dtype)).name
    if isinstance(x, Variable) and x.dtype == kind:
        return x
    return wrap(weft_cast(unwrap(x), kind))


@method("round")
def round(a: Any, mode: str | None = None) -> Any:
    """The nearest whole number; ties go to the even one, or away from zero with mode="half_away_from_zero"."""
    if mode in (None, "half_to_even"):
        return round_half_to_even(a)
    if mode != "half_away_from_zero":
        text = f"round: mode is 'half_to_even' or 'half_away_from_zero', not {mode!r}."
        raise blame(ValueError(text), user_site())
    return round_half_away_from_zero(a)


def iround(a: Any, mode: str | None = None) -> Any:
    """The nearest whole number in int64; ties as in `round`."""
    return cast(round(a, mode), "int64")


@method("copy")
def tensor_copy(x: Any, name: str | None = None) -> Any:
    """The same value as another variable, with a name and a tag of its own."""
    made = identity(x)
    if name is not None:
        made.name = name
    return made


def identity_like(x: Any, dtype: Any = None) -> Any:
    """The identity matrix in the shape and dtype of x."""
    node = unwrap(x)
    return wrap(wf.eye(*node.shape, dtype=find_dtype(dtype, node.dtype)))


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


def _as_cast(dtype: str) -> Callable[[Any], Any]:
    def convert(x: Any) -> Any:
        return cast(x, dtype)

    convert.__doc__ = f"x as {dtype}."
    return convert


for _dtype in sorted(kind.name for kind in SUPPORTED):
    globals()[f"_convert_to_{_dtype}"] = _as_cast(_dtype)
    globals()[f"convert_to_{_dtype}"] = _as_cast(_dtype)


# ---- what weft calls these functions ---------------------------------------------------------------------------------

_NAMES = {
    "abs": "abs_", "sign": "sgn", "square": "sqr", "reciprocal": "inv", "div": "true_div", "floor_divide": "int_div",
    "ne": "neq", "where": "switch", "bitwise_and": "and_", "bitwise_or": "or_", "bitwise_xor": "xor",
    "logical_and": "and_", "logical_or": "or_", "logical_xor": "xor", "logical_not": "invert", "mul_no_nan": "mul",
    "rint": "round_half_to_even",
}  # fmt: skip


def _equivalent(node: Expr) -> Elemwise:
    """Theano's op for one of weft's elementwise functions."""
    function = node.op.function  # type: ignore[attr-defined]
    if isinstance(function, WeftCast):
        return Elemwise(Cast(Scalar(node.dtype.name)))
    name = _NAMES.get(function.name, function.name)
    known = globals().get(name)
    return known if isinstance(known, Elemwise) else Elemwise(ScalarOp(name=name))


EQUIVALENTS[Elementwise] = _equivalent
EQUIVALENTS[DistinctCopy] = lambda node: identity
