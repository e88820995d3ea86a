"""Vectors as values inside Numba kernels: masked loads and stores, comparisons, shuffles, emitted as LLVM vector IR.

LLVM's own vectoriser gives up on the short, ragged rows of pooling; here a row is done in vectors from its first
element to its last, and lanes that fall outside of it are masked off: they neither read nor write memory.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

_INT32 = ir.IntType(32)
_INT64 = ir.IntType(64)


class VectorType(types.Type):
    """A vector of `lanes` elements in registers; of booleans, a mask."""

    def __init__(self, element: types.Type, lanes: int) -> None:
        self.element = element
        self.lanes = lanes
        super().__init__(name=f"Vector({element}, {lanes})")


@register_model(VectorType)
class _VectorTypeModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: VectorType) -> None:
        element = dmm.lookup(fe_type.element).get_value_type()
        super().__init__(dmm, fe_type, ir.VectorType(element, fe_type.lanes))


class LaneKind(NamedTuple):
    """What the emitters need to know: the elements, and how many of them make a vector."""

    dtype: np.dtype
    lanes: int

    @property
    def floating(self) -> bool:
        """Whether the elements can be NaN."""
        return self.dtype.kind == "f"

    @property
    def element(self) -> ir.Type:
        """LLVM's type of one element."""
        if self.floating:
            return ir.FloatType() if self.dtype.itemsize == 4 else ir.DoubleType()
        return ir.IntType(8 * self.dtype.itemsize)

    @property
    def vector(self) -> ir.VectorType:
        """LLVM's type of a vector."""
        return ir.VectorType(self.element, self.lanes)

    @property
    def mask(self) -> ir.VectorType:
        """LLVM's type of a mask."""
        return ir.VectorType(ir.IntType(1), self.lanes)

    @property
    def codes(self) -> ir.VectorType:
        """LLVM's type of a vector of positions in a window, as wide as the elements but never below 32 bits."""
        return ir.VectorType(ir.IntType(max(32, 8 * self.dtype.itemsize)), self.lanes)


def splat(builder: Any, vector: ir.VectorType, scalar: ir.Value) -> ir.Value:
    """`scalar` in every lane."""
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(_INT32, 0))
    return shuffle(builder, first, first, [0] * vector.count)


def shuffle(builder: Any, left: ir.Value, right: ir.Value, lanes: Sequence[int]) -> ir.Value:
    """The lanes of `left` and `right` together that `lanes` counts out."""
    return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(_INT32, len(lanes)), list(lanes)))


def inside(builder: Any, kind: LaneKind, first: ir.Value, size: ir.Value, step: int) -> ir.Value:
    """The mask of the lanes l with 0 <= first + step l < size."""
    counts = ir.VectorType(_INT32, kind.lanes)
    ramp = ir.Constant(counts, [step * lane for lane in range(kind.lanes)])
    columns = builder.add(splat(builder, counts, builder.trunc(first, _INT32)), ramp)
    # below zero is beyond every size for unsigned numbers: one comparison does for both ends
    return builder.icmp_unsigned("<", columns, splat(builder, counts, builder.trunc(size, _INT32)))


def _address(builder: Any, kind: LaneKind, row: ir.Value, first: ir.Value) -> ir.Value:
    """A pointer to the vector that begins at element `first` of the row."""
    offset = builder.mul(first, ir.Constant(_INT64, kind.dtype.itemsize))
    return builder.inttoptr(builder.add(row, offset), ir.PointerType(kind.vector))


def _declare_masked_access(
    builder: Any, kind: LaneKind, name: str, result: ir.Type, arguments: Sequence[ir.Type]
) -> ir.Function:
    """LLVM's masked load or store of a vector."""
    name = f"llvm.masked.{name}.v{kind.lanes}{kind.element.intrinsic_name}.p0"
    module = builder.module
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, arguments), name)


def load(builder: Any, kind: LaneKind, row: ir.Value, first: ir.Value, size: ir.Value, fill: ir.Value) -> ir.Value:
    """Elements first + l of the row, `fill` (a vector) where that is outside [0, size)."""
    place = _address(builder, kind, row, first)
    mask = inside(builder, kind, first, size, 1)
    function = _declare_masked_access(builder, kind, "load", kind.vector, [place.type, _INT32, mask.type, kind.vector])
    return builder.call(function, [place, ir.Constant(_INT32, kind.dtype.itemsize), mask, fill])


def store(builder: Any, kind: LaneKind, row: ir.Value, first: ir.Value, size: ir.Value, value: ir.Value) -> None:
    """Element first + l of the row = value[l] where that is inside [0, size)."""
    place = _address(builder, kind, row, first)
    mask = inside(builder, kind, first, size, 1)
    function = _declare_masked_access(
        builder, kind, "store", ir.VoidType(), [kind.vector, place.type, _INT32, mask.type]
    )
    builder.call(function, [value, place, ir.Constant(_INT32, kind.dtype.itemsize), mask])


def add(builder: Any, kind: LaneKind, a: ir.Value, b: ir.Value) -> ir.Value:
    """a + b"""
    return builder.fadd(a, b) if kind.floating else builder.add(a, b)


def larger(builder: Any, kind: LaneKind, a: ir.Value, b: ir.Value, sign: str) -> ir.Value:
    """The mask of a > b or a >= b; false for NaN."""
    if kind.floating:
        return builder.fcmp_ordered(sign, a, b)
    compare = builder.icmp_signed if kind.dtype.kind == "i" else builder.icmp_unsigned
    return compare(sign, a, b)


def maximum(builder: Any, kind: LaneKind, best: ir.Value, value: ir.Value) -> ir.Value:
    """The larger in each lane, `best` where `value` is NaN: one instruction, unlike a maximum that keeps NaN."""
    return builder.select(larger(builder, kind, value, best, ">"), value, best)


def is_nan(builder: Any, kind: LaneKind, values: Sequence[ir.Value]) -> ir.Value:
    """The mask of the lanes where one of the values is NaN."""
    if not kind.floating:
        return ir.Constant(kind.mask, None)
    # one comparison tells of two values
    pairs = zip(values[::2], [*values[1::2], values[-1]], strict=False)
    return functools.reduce(builder.or_, (builder.fcmp_unordered("uno", a, b) for a, b in pairs))


def any_lane(builder: Any, kind: LaneKind, mask: ir.Value) -> ir.Value:
    """Whether the mask has a lane."""
    bits = builder.bitcast(mask, ir.IntType(kind.lanes))
    return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(kind.lanes), 0))


def vector_function(emit: Callable[..., Any], kind: Any, result: types.Type, *arguments: types.Type) -> Any:
    """A function for Numba kernels, of these types, emitted as `emit(builder, kind, values)`."""

    def type_call(typingctx: Any, *given: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            value = emit(builder, kind, args)
            return context.get_dummy_value() if result == types.void else value

        return result(*arguments), generate

    # Numba reads the number of arguments from here
    names = ["typingctx", *(f"argument{i}" for i in range(len(arguments)))]
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    type_call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return intrinsic(type_call)
