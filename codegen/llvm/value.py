"""Scalars in registers that are written like Python numbers: what the scalar functions of this folder are made of.

A `Value` is an IR value with its dtype; its operators append instructions.  Comparisons give bool values, `select`
chooses, and nothing branches, so that a loop over any of these functions can be vectorised.  Every instruction is plain
IEEE: no fast-math flag is set, and the error-free transformations here rely on that.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from llvmlite import ir
from llvmlite.ir.instructions import Instruction

Number = bool | int | float
BOOL, HALF, SINGLE = np.dtype(np.bool_), np.dtype(np.float16), np.dtype(np.float32)

_FLOAT_TYPES = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


def llvm_type(dtype: np.dtype) -> ir.Type:
    """The LLVM type of a dtype in registers; bool is i1 (in memory it is a byte), and float16 its bits."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return ir.IntType(1)
    if dtype.kind in "iu" or dtype == HALF:
        return ir.IntType(8 * dtype.itemsize)
    if dtype.name in _FLOAT_TYPES:
        return _FLOAT_TYPES[dtype.name]
    raise TypeError(f"kernels have no scalars of dtype {dtype}")


def constant(dtype: np.dtype, value: Any) -> ir.Constant:
    """A number as a constant of that dtype: rounded to nearest, infinities and NaN kept, integers wrapped."""
    dtype = np.dtype(dtype)
    kind = llvm_type(dtype)
    if dtype.kind == "b":
        return ir.Constant(kind, int(bool(value)))
    if dtype.kind in "iu":
        bits = 8 * dtype.itemsize
        wrapped = int(value) & ((1 << bits) - 1)
        return ir.Constant(kind, wrapped - (1 << bits) if dtype.kind == "i" and wrapped >> (bits - 1) else wrapped)
    with np.errstate(over="ignore"):
        rounded = dtype.type(value)
    return ir.Constant(kind, int(rounded.view(np.int16)) if dtype == HALF else float(rounded))


class Value:
    """An IR value with its dtype and the builder that appends to it.  Python numbers beside it take its dtype."""

    __slots__ = ("builder", "dtype", "ir")

    def __init__(self, builder: ir.IRBuilder, dtype: np.dtype, value: ir.Value) -> None:
        self.builder = builder
        self.dtype = dtype
        self.ir = value

    def __bool__(self) -> bool:
        raise TypeError("A number of a kernel decides nothing in Python: use select, or a branch of the machine.")

    # ---- making others -------------------------------------------------------------------------------------------

    def like(self, number: Any) -> "Value":
        """The number as a constant of this dtype; a Value is returned as it is."""
        return number if isinstance(number, Value) else self.const(number)

    def const(self, number: Any, dtype: Any = None) -> "Value":
        """A constant of this dtype, or of the one given."""
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        return Value(self.builder, dtype, constant(dtype, number))

    def _of(self, value: ir.Value, dtype: Any = None) -> "Value":
        return Value(self.builder, self.dtype if dtype is None else np.dtype(dtype), value)

    @property
    def is_float(self) -> bool:
        """Whether the dtype is a float."""
        return self.dtype.kind == "f"

    @property
    def is_signed(self) -> bool:
        """Whether the dtype is a signed integer."""
        return self.dtype.kind == "i"

    @property
    def width(self) -> int:
        """Bits in a register."""
        return 1 if self.dtype.kind == "b" else 8 * self.dtype.itemsize

    # ---- arithmetic ----------------------------------------------------------------------------------------------

    def _binary(self, other: Any, floats: str, integers: str) -> "Value":
        right = self.like(other)
        return self._of(getattr(self.builder, floats if self.is_float else integers)(self.ir, right.ir))

    def __add__(self, other: Any) -> "Value":
        return self._binary(other, "fadd", "add")

    def __sub__(self, other: Any) -> "Value":
        return self._binary(other, "fsub", "sub")

    def __mul__(self, other: Any) -> "Value":
        return self._binary(other, "fmul", "mul")

    def __truediv__(self, other: Any) -> "Value":
        return self._binary(other, "fdiv", "no_integer_division")

    def __radd__(self, other: Number) -> "Value":
        return self.like(other) + self

    def __rsub__(self, other: Number) -> "Value":
        return self.like(other) - self

    def __rmul__(self, other: Number) -> "Value":
        return self.like(other) * self

    def __rtruediv__(self, other: Number) -> "Value":
        return self.like(other) / self

    def __neg__(self) -> "Value":
        return self._of(self.builder.fneg(self.ir)) if self.is_float else self.const(0) - self

    def __abs__(self) -> "Value":
        return self.call("llvm.fabs") if self.is_float else select(self < 0, -self, self) if self.is_signed else self

    # ---- bits ----------------------------------------------------------------------------------------------------

    def __and__(self, other: Any) -> "Value":
        return self._of(self.builder.and_(self.ir, self.like(other).ir))

    def __or__(self, other: Any) -> "Value":
        return self._of(self.builder.or_(self.ir, self.like(other).ir))

    def __xor__(self, other: Any) -> "Value":
        return self._of(self.builder.xor(self.ir, self.like(other).ir))

    def __invert__(self) -> "Value":
        return self._of(self.builder.not_(self.ir))

    def __lshift__(self, other: Any) -> "Value":
        return self._of(self.builder.shl(self.ir, self.like(other).ir))

    def __rshift__(self, other: Any) -> "Value":
        """Shift to the right: arithmetic where the dtype is signed."""
        return self._of((self.builder.ashr if self.is_signed else self.builder.lshr)(self.ir, self.like(other).ir))

    def bits(self) -> "Value":
        """A float's bits as a signed integer of its width."""
        dtype = np.dtype(f"i{self.dtype.itemsize}")
        return self._of(self.builder.bitcast(self.ir, llvm_type(dtype)), dtype)

    def from_bits(self) -> "Value":
        """The float of this width whose bits these are."""
        dtype = np.dtype(f"f{self.dtype.itemsize}")
        return self._of(self.builder.bitcast(self.ir, llvm_type(dtype)), dtype)

    # ---- comparisons: ordered, false where an operand is NaN, save != ----------------------------------------------

    def _compare(self, operator: str, other: Any) -> "Value":
        right = self.like(other)
        if self.is_float:
            compare = self.builder.fcmp_unordered if operator == "!=" else self.builder.fcmp_ordered
        else:
            compare = self.builder.icmp_signed if self.is_signed else self.builder.icmp_unsigned
        return self._of(compare(operator, self.ir, right.ir), BOOL)

    def __lt__(self, other: Any) -> "Value":
        return self._compare("<", other)

    def __le__(self, other: Any) -> "Value":
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> "Value":
        return self._compare(">", other)

    def __ge__(self, other: Any) -> "Value":
        return self._compare(">=", other)

    def eq(self, other: Any) -> "Value":
        """self == other."""
        return self._compare("==", other)

    def ne(self, other: Any) -> "Value":
        """self != other; true where either is NaN."""
        return self._compare("!=", other)

    def is_nan(self) -> "Value":
        """Whether it is NaN."""
        return self.ne(self)

    def is_negative(self) -> "Value":
        """Whether a float's sign bit is set: -0.0 and negative NaN as well."""
        return self.bits() < 0

    # ---- intrinsics ----------------------------------------------------------------------------------------------

    def call(self, intrinsic: str, *others: Any) -> "Value":
        """An LLVM intrinsic over this dtype, such as llvm.fabs."""
        kind = llvm_type(self.dtype)
        values = [self.ir, *(self.like(other).ir for other in others)]
        signature = ir.FunctionType(kind, [kind] * len(values))
        return self._of(self.builder.call(self.builder.module.declare_intrinsic(intrinsic, (kind,), signature), values))

    def sqrt(self) -> "Value":
        """The square root, correctly rounded."""
        return self.call("llvm.sqrt")

    def floor(self) -> "Value":
        """The largest integer not above."""
        return self.call("llvm.floor")

    def trunc(self) -> "Value":
        """The integer nearest towards zero."""
        return self.call("llvm.trunc")

    def rint(self) -> "Value":
        """The nearest integer, ties to even."""
        return self.call("llvm.rint")

    def copysign(self, sign: Any) -> "Value":
        """Its magnitude with the sign of another."""
        return self.call("llvm.copysign", sign)

    # ---- other dtypes --------------------------------------------------------------------------------------------

    def to(self, dtype: Any) -> "Value":
        """The same number in another dtype, as NumPy's astype."""
        wanted = np.dtype(dtype)
        return self._of(convert(self.builder, self.ir, self.dtype, wanted), wanted)


def convert(builder: ir.IRBuilder, value: ir.Value, source: np.dtype, target: np.dtype) -> ir.Value:
    """The value in another dtype as NumPy's astype: floats truncate, integers wrap, and bool asks `!= 0`.

    A float outside the integer's range gives a number that the platform chooses (never undefined behaviour).  Neither
    dtype is float16: see half.cast.
    """
    source, target = np.dtype(source), np.dtype(target)
    if source == target:
        return value
    if target.kind == "b":
        x = Value(builder, source, value)
        return x.ne(0).ir
    kind = llvm_type(target)
    if source.kind == "f" and target.kind == "f":
        return builder.fpext(value, kind) if target.itemsize > source.itemsize else builder.fptrunc(value, kind)
    if source.kind == "f":
        return _float_to_integer(builder, value, target)
    if target.kind == "f":
        return (builder.sitofp if source.kind == "i" else builder.uitofp)(value, kind)
    if target.itemsize > source.itemsize or source.kind == "b":
        return (builder.sext if source.kind == "i" else builder.zext)(value, kind)
    return builder.trunc(value, kind) if target.itemsize < source.itemsize else value


def _float_to_integer(builder: ir.IRBuilder, value: ir.Value, target: np.dtype) -> ir.Value:
    """Truncation; by way of int32 or int64 for the narrow ones, which then wrap, as C compilers have it on x86.

    fptosi of a number out of range is poison: `freeze` makes it some number, and the machine's own conversion is kept.
    """
    if target == np.uint64:
        x = Value(builder, np.dtype(np.float64 if value.type == ir.DoubleType() else np.float32), value)
        low = x._of(_freeze(builder, value, np.dtype(np.int64)), np.int64)
        high = x._of(_freeze(builder, (x - 2.0**63).ir, np.dtype(np.int64)), np.int64) ^ -(2**63)
        return select(x < 2.0**63, low, high).ir
    through = np.dtype(np.int64 if target.itemsize == 8 or target == np.uint32 else np.int32)
    return convert(builder, _freeze(builder, value, through), through, target)


def _freeze(builder: ir.IRBuilder, value: ir.Value, target: np.dtype) -> ir.Value:
    converted = builder.fptosi(value, llvm_type(target))
    frozen = Instruction(builder.block, converted.type, "freeze", [converted])  # llvmlite's builder has no freeze()
    builder._insert(frozen)
    return frozen


# ---- functions of values -----------------------------------------------------------------------------------------


def select(condition: Value, yes: Value | Number, no: Value | Number) -> Value:
    """`yes` where the condition holds, else `no`; one of the two may be a Python number."""
    model = yes if isinstance(yes, Value) else cast(Value, no)
    chosen = condition.builder.select(condition.ir, model.like(yes).ir, model.like(no).ir)
    return Value(condition.builder, model.dtype, chosen)


def fma(x: Value, y: Value | Number, z: Value | Number) -> Value:
    """x*y + z, rounded once."""
    return x.call("llvm.fma", y, z)


def horner(x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial with these coefficients, the constant term first."""
    result = x.like(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = fma(result, x, coefficient)
    return result


def minimum_or_nan(x: Value, bound: Value | Number) -> Value:
    """min(x, bound) in one instruction; NaN in x stays NaN."""
    limit = x.like(bound)
    return select(limit < x, limit, x)


def maximum_or_nan(x: Value, bound: Value | Number) -> Value:
    """max(x, bound) in one instruction; NaN in x stays NaN."""
    limit = x.like(bound)
    return select(limit > x, limit, x)


def fast_two_sum(x: Value | Number, y: Value) -> tuple[Value, Value]:
    """x + y as the rounded sum and its error, exactly, where |x| >= |y| or x = 0."""
    total = x + y
    return total, y - (total - x)


def two_product(x: Value, y: Value | Number) -> tuple[Value, Value]:
    """x * y as the rounded product and its error, exactly."""
    product = x * y
    return product, fma(x, y, -product)


Function = Callable[..., Value]
