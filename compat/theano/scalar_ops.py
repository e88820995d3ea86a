"""theano.scalar: functions of one number, which T.Elemwise applies to every element; and the types of numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import weft as wf

from ...ops.elementwise import broadcast, unbroadcast
from ...ops.elementwise import cast as weft_cast
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.records import record
from ...symbolic.types import SUPPORTED
from .configuration import config
from .convert import unwrap
from .copies import make_copy
from .op import Op
from .types import TensorType
from .variables import TensorConstant, TensorVariable, wrap

ScalarVariable, ScalarConstant = TensorVariable, TensorConstant


class Scalar(TensorType):
    """The type of a number."""

    def __init__(self, dtype: str, **ignored: Any) -> None:
        super().__init__(dtype, ())

    def __repr__(self) -> str:
        return f"Scalar({self.dtype})"

    __str__ = __repr__

    @staticmethod
    def upcast(*types: Any) -> str:
        """The dtype that holds numbers of all these types."""
        return upcast(*[t.dtype for t in types])


def get_scalar_type(dtype: str) -> Scalar:
    """The type of a number of this dtype."""
    return Scalar(dtype)


def upcast(dtype: str, *dtypes: str) -> str:
    """The dtype that holds numbers of all these dtypes.

    With floatX = "float32" and cast_policy "numpy+floatX", whole numbers do not turn a float32 into a float64.
    """
    names = [np.dtype(d) for d in (dtype, *dtypes)]
    found = np.result_type(*names)
    narrow = config.cast_policy == "numpy+floatX" and config.floatX == "float32"
    if narrow and found == np.float64 and np.dtype("float64") not in names:
        return "float32"
    return str(found.name)


# ---- what dtype a result has, given the types of the arguments -----------------------------------------------------


def _float_of(dtype: str) -> str:
    return dtype if dtype.startswith("float") else "float32" if np.dtype(dtype).itemsize <= 2 else "float64"


def upcast_out(*types: Any) -> list[Scalar]:
    """The type that holds the arguments."""
    return [Scalar(Scalar.upcast(*types))]


def upgrade_to_float(*types: Any) -> list[Scalar]:
    """The float that holds the arguments; of whole numbers up to 16 bits float32, of larger ones float64."""
    return [Scalar(upcast(*[_float_of(t.dtype) for t in types]))]


upgrade_to_float64 = upgrade_to_float_no_complex = upgrade_to_float


def upcast_out_nobool(*types: Any) -> list[Scalar]:
    """The type that holds the arguments.  Raises TypeError where that is bool."""
    found = upcast_out(*types)
    if found[0].dtype == "bool":
        raise blame(TypeError("This function is not defined for bools."), user_site(), hint="cast to an integer.")
    return found


def same_out(type: Any, *others: Any) -> list[Any]:
    """The type of the argument."""
    return [type]


same_out_nocomplex = same_out


# ---- functions -------------------------------------------------------------------------------------------------------


class ScalarOp(Op):
    """A function of numbers.

    A program's own has `impl(*numbers)`, which runs in Python, and `grad(inputs, (output gradient,))` where it has a
    derivative; `output_types_preference(*types)` says the types of its results.
    """

    nin, nout = -1, 1
    function: Callable[..., Expr] | None = None  # weft's, for the functions that the layer knows

    def __init__(self, output_types_preference: Any = None, name: str | None = None) -> None:
        if output_types_preference is not None:
            self.output_types_preference = output_types_preference
        self.name = name

    @staticmethod
    def output_types_preference(*types: Any) -> Sequence[Any]:
        """The types of the results."""
        return upcast_out(*types)

    def impl(self, *values: Any) -> Any:
        """The result for numbers."""
        raise NotImplementedError(f"{self} has no impl, which says what it computes of numbers.")

    def __call__(self, *args: Any) -> Any:
        nodes = [unwrap(a) for a in args]
        if self.nin >= 0 and len(nodes) != self.nin:
            raise blame(TypeError(f"{self} takes {self.nin} arguments, and {len(nodes)} were given."), user_site())
        known = type(self).function
        return wrap(known(*nodes) if known is not None else _perform(self, nodes))

    def _properties(self) -> tuple[Any, ...]:
        return (self.name, *super()._properties())

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._properties() == other._properties()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), self._properties()))

    def __repr__(self) -> str:
        return self.name or type(self).__name__


class UnaryScalarOp(ScalarOp):
    """A function of one number."""

    nin = 1


class BinaryScalarOp(ScalarOp):
    """A function of two numbers."""

    nin = 2


class LogicalComparison(BinaryScalarOp):
    """A comparison."""


@record
class _Impl:
    """A program's function of numbers, on arrays."""

    scalar_op: Any
    dtype: str

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        found = np.empty(np.broadcast_shapes(*[a.shape for a in arrays]), self.dtype)
        for place, numbers in zip(np.ndindex(found.shape), np.broadcast(*arrays), strict=True):
            found[place] = self.scalar_op.impl(*numbers)
        return found


def _perform(op: ScalarOp, nodes: Sequence[Expr]) -> Expr:
    """The program's own function of every element, in Python."""
    (of,) = op.output_types_preference(*[Scalar(n.dtype.name) for n in nodes])
    shape = broadcast(str(op), [n.shape for n in nodes])
    rule = _rule(op) if hasattr(op, "grad") else None
    kind = wf.Type(np.dtype(of.dtype), shape)
    return wf.callback(_Impl(op, of.dtype), kind, *nodes, vjp=rule, name=str(op))  # type: ignore[no-any-return]


def _rule(op: Any) -> Callable[..., Any]:
    def vjp(g: Expr, out: Expr, *args: Expr) -> list[Expr | None]:
        found = op.grad([wrap(a) for a in args], [wrap(g)])
        return [
            None if v is None else unbroadcast(weft_cast(unwrap(v), a.dtype), a)
            for v, a in zip(found, args, strict=True)
        ]

    return vjp


SCALARS: dict[str, ScalarOp] = {}  # the functions that the layer knows, by their names


def _register(class_name: str, name: str, function: Callable[..., Expr], base: type[ScalarOp]) -> None:
    """A function that the layer knows: its class, by which programs ask for it, and the one op of it."""
    made: Any = type(class_name, (base,), {"function": staticmethod(function), "__module__": __name__})
    globals().setdefault(class_name, made)
    SCALARS[name] = globals()[name] = made(name=name)


def _fold(function: Callable[..., Expr]) -> Callable[..., Expr]:
    """A function of two numbers that Theano takes any number of."""
    return lambda *nodes: functools.reduce(function, nodes)


def _true_div(a: Expr, b: Expr) -> Expr:
    """a / b; whole numbers give floatX."""
    if a.dtype.kind != "f" and b.dtype.kind != "f":
        a, b = weft_cast(a, config.floatX), weft_cast(b, config.floatX)
    return wf.div(a, b)


def _switch(condition: Expr, a: Expr, b: Expr) -> Expr:
    return wf.where(condition if condition.dtype.kind == "b" else wf.ne(condition, 0), a, b)


def _second(a: Expr, b: Expr) -> Expr:
    found = wf.broadcast_to(b, broadcast("fill", [a.shape, b.shape]))
    return make_copy(b) if found is b else found


def _away_from_zero(x: Expr) -> Expr:
    whole = wf.trunc(x)
    return wf.where(wf.abs(x - whole) < 0.5, whole, whole + wf.sign(x))


# class, name, weft's function
_UNARY: tuple[tuple[str, str, Callable[..., Expr]], ...] = (
    ("Abs", "abs_", wf.abs), ("Neg", "neg", wf.neg), ("Invert", "invert", wf.invert), ("Ceil", "ceil", wf.ceil),
    ("Floor", "floor", wf.floor), ("Trunc", "trunc", wf.trunc), ("Sgn", "sgn", wf.sign), ("Exp", "exp", wf.exp),
    ("Exp2", "exp2", wf.exp2), ("Expm1", "expm1", wf.expm1), ("Log", "log", wf.log), ("Log2", "log2", wf.log2),
    ("Log10", "log10", wf.log10), ("Log1p", "log1p", wf.log1p), ("Sqrt", "sqrt", wf.sqrt), ("Cbrt", "cbrt", wf.cbrt),
    ("Sqr", "sqr", wf.square), ("Inv", "inv", lambda x: wf.div(1.0, x)), ("Sin", "sin", wf.sin), ("Cos", "cos", wf.cos),
    ("Tan", "tan", wf.tan), ("ArcSin", "arcsin", wf.arcsin), ("ArcCos", "arccos", wf.arccos),
    ("ArcTan", "arctan", wf.arctan), ("Sinh", "sinh", wf.sinh), ("Cosh", "cosh", wf.cosh), ("Tanh", "tanh", wf.tanh),
    ("ArcSinh", "arcsinh", wf.arcsinh), ("ArcCosh", "arccosh", wf.arccosh), ("ArcTanh", "arctanh", wf.arctanh),
    ("Erf", "erf", wf.erf), ("Erfc", "erfc", wf.erfc), ("Erfinv", "erfinv", wf.erfinv),
    ("ScalarSigmoid", "sigmoid", wf.sigmoid), ("ScalarSoftplus", "softplus", wf.softplus), ("IsNan", "isnan", wf.isnan),
    ("IsInf", "isinf", wf.isinf), ("Deg2Rad", "deg2rad", lambda x: wf.mul(x, np.pi / 180)),
    ("Rad2Deg", "rad2deg", lambda x: wf.mul(x, 180 / np.pi)), ("Conj", "conj", lambda x: x),
    ("Real", "real", lambda x: x), ("Imag", "imag", wf.zeros_like), ("Identity", "identity", make_copy),
    ("RoundHalfToEven", "round_half_to_even", wf.rint),
    ("RoundHalfAwayFromZero", "round_half_away_from_zero", _away_from_zero),
    ("Angle", "angle", lambda x: wf.where(x < 0, wf.full_like(x, np.pi), wf.zeros_like(x))),
)  # fmt: skip
_BINARY: tuple[tuple[str, str, Callable[..., Expr]], ...] = (
    ("Sub", "sub", wf.sub), ("TrueDiv", "true_div", _true_div), ("IntDiv", "int_div", wf.floor_divide),
    ("Mod", "mod", wf.mod), ("Pow", "pow", wf.pow), ("ArcTan2", "arctan2", wf.arctan2), ("Second", "second", _second),
)  # fmt: skip
_COMPARISONS: tuple[tuple[str, str, Callable[..., Expr]], ...] = (
    ("LT", "lt", wf.lt), ("LE", "le", wf.le), ("GT", "gt", wf.gt), ("GE", "ge", wf.ge), ("EQ", "eq", wf.eq),
    ("NEQ", "neq", wf.ne),
)  # fmt: skip
_OF_MANY: tuple[tuple[str, str, Callable[..., Expr]], ...] = (
    ("Add", "add", _fold(wf.add)), ("Mul", "mul", _fold(wf.mul)), ("Maximum", "maximum", _fold(wf.maximum)),
    ("Minimum", "minimum", _fold(wf.minimum)), ("AND", "and_", _fold(wf.bitwise_and)),
    ("OR", "or_", _fold(wf.bitwise_or)), ("XOR", "xor", _fold(wf.bitwise_xor)), ("Switch", "switch", _switch),
    ("Clip", "clip", lambda x, low, high: wf.clip(x, low, high)),
)  # fmt: skip

for _rows, _base in (
    (_UNARY, UnaryScalarOp),
    (_BINARY, BinaryScalarOp),
    (_COMPARISONS, LogicalComparison),
    (_OF_MANY, ScalarOp),
):
    for _class_name, _name, _function in _rows:
        _register(_class_name, _name, _function, _base)


class Cast(UnaryScalarOp):
    """A number in another dtype."""

    def __init__(self, o_type: Any, name: str | None = None) -> None:
        super().__init__(lambda *types: [o_type], name or f"Cast{{{o_type.dtype}}}")
        self.o_type = o_type

    def __call__(self, *args: Any) -> Any:
        return wrap(weft_cast(unwrap(args[0]), self.o_type.dtype))


for _dtype in sorted(kind.name for kind in SUPPORTED):
    globals()[_dtype] = Scalar(_dtype)
    globals()[f"convert_to_{_dtype}"] = Cast(Scalar(_dtype))
