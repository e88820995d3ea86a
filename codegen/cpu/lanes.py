"""Vectors as values inside Numba kernels: masked loads and stores, comparisons, shuffles, emitted as LLVM vector IR.

LLVM's own vectoriser gives up on the short, ragged rows of pooling; here a row is done in vectors from its first
element to its last, and lanes that fall outside of it are masked off: they neither read nor write memory.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

_INT32 = ir.IntType(32)
_INT64 = ir.IntType(64)


class Vector(types.Type):
    """A vector of `lanes` elements in registers; of booleans, a mask."""

    def __init__(self, element: types.Type, lanes: int) -> None:
        self.element = element
        self.lanes = lanes
        super().__init__(name=f"Vector({element}, {lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        element = dmm.lookup(fe_type.element).get_value_type()
        super().__init__(dmm, fe_type, ir.VectorType(element, fe_type.lanes))


class Kind(NamedTuple):
    """What the emitters need to know: the elements, the number of lanes, the stride and width of the windows."""

    dtype: np.dtype
    lanes: int
    step: int
    width: int

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
    def codes(self) -> ir.VectorType:
        """LLVM's type of a vector of positions in a window, as wide as the elements but never below 32 bits."""
        return ir.VectorType(ir.IntType(max(32, 8 * self.dtype.itemsize)), self.lanes)


def _splat(builder: Any, vector: ir.VectorType, scalar: ir.Value) -> ir.Value:
    """`scalar` in every lane."""
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(_INT32, 0))
    return _shuffle(builder, first, first, [0] * vector.count)


def _shuffle(builder: Any, left: ir.Value, right: ir.Value, lanes: Sequence[int]) -> ir.Value:
    """The lanes of `left` and `right` together that `lanes` counts out."""
    return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(_INT32, len(lanes)), list(lanes)))


def _inside(builder: Any, kind: Kind, first: ir.Value, size: ir.Value, step: int) -> ir.Value:
    """The mask of the lanes l with 0 <= first + step l < size."""
    counts = ir.VectorType(_INT32, kind.lanes)
    ramp = ir.Constant(counts, [step * lane for lane in range(kind.lanes)])
    columns = builder.add(_splat(builder, counts, builder.trunc(first, _INT32)), ramp)
    # below zero is beyond every size for unsigned numbers: one comparison does for both ends
    return builder.icmp_unsigned("<", columns, _splat(builder, counts, builder.trunc(size, _INT32)))


def _address(builder: Any, kind: Kind, row: ir.Value, first: ir.Value) -> ir.Value:
    """A pointer to the vector that begins at element `first` of the row."""
    offset = builder.mul(first, ir.Constant(_INT64, kind.dtype.itemsize))
    return builder.inttoptr(builder.add(row, offset), ir.PointerType(kind.vector))


def _masked(builder: Any, kind: Kind, name: str, result: ir.Type, arguments: Sequence[ir.Type]) -> ir.Function:
    """LLVM's masked load or store of a vector."""
    name = f"llvm.masked.{name}.v{kind.lanes}{kind.element.intrinsic_name}.p0"
    module = builder.module
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, arguments), name)


def _load(builder: Any, kind: Kind, row: ir.Value, first: ir.Value, size: ir.Value, fill: ir.Value) -> ir.Value:
    """Elements first + l of the row, `fill` (a vector) where that is outside [0, size)."""
    place = _address(builder, kind, row, first)
    mask = _inside(builder, kind, first, size, 1)
    function = _masked(builder, kind, "load", kind.vector, [place.type, _INT32, mask.type, kind.vector])
    return builder.call(function, [place, ir.Constant(_INT32, kind.dtype.itemsize), mask, fill])


def _store(builder: Any, kind: Kind, row: ir.Value, first: ir.Value, size: ir.Value, value: ir.Value) -> None:
    """Element first + l of the row = value[l] where that is inside [0, size)."""
    place = _address(builder, kind, row, first)
    mask = _inside(builder, kind, first, size, 1)
    function = _masked(builder, kind, "store", ir.VoidType(), [kind.vector, place.type, _INT32, mask.type])
    builder.call(function, [value, place, ir.Constant(_INT32, kind.dtype.itemsize), mask])


def _add(builder: Any, kind: Kind, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.fadd(a, b) if kind.floating else builder.add(a, b)


def _strided(builder: Any, kind: Kind, args: Sequence[ir.Value]) -> ir.Value:
    """Lane l: element first + residue + step l of the row, `fill` outside; for steps of 1 and 2."""
    row, first, residue, size, fill = args
    low = _load(builder, kind, row, first, size, fill)
    if kind.step == 1:
        return low
    second = builder.add(first, ir.Constant(_INT64, kind.lanes))
    high = _load(builder, kind, row, second, size, fill)
    # both halves are emitted: the kernels unroll their loops, LLVM drops the half it does not need and shares the loads
    even = _shuffle(builder, low, high, range(0, 2 * kind.lanes, 2))
    odd = _shuffle(builder, low, high, range(1, 2 * kind.lanes, 2))
    return builder.select(builder.icmp_signed("==", residue, ir.Constant(_INT64, 0)), even, odd)


def _spread(builder: Any, kind: Kind, args: Sequence[ir.Value], picked: bool, more: bool) -> None:
    """Element left + step m + r of the row = (or +=, `more`) the sum over q of g[q][m] at position q step + r.

    g[q][m] is the gradient of window m - q, and counts where the maximum is at that position (`picked`) or anywhere.
    """
    row, left, size, position, *vectors = args
    at, g = vectors[:3], vectors[3:]
    parts = []
    for r in range(kind.step):
        total = ir.Constant(kind.vector, None)
        for q, k in enumerate(range(r, kind.width, kind.step)):
            code = builder.add(position, ir.Constant(_INT64, k))
            term = _pick(builder, kind, at[q], g[q], code) if picked else g[q]
            total = _add(builder, kind, total, term) if q else term
        parts.append(total)
    for count, value in enumerate(_interleave(builder, kind, parts)):
        begin = builder.add(left, ir.Constant(_INT64, count * kind.lanes))
        if more:
            old = _load(builder, kind, row, begin, size, ir.Constant(kind.vector, None))
            value = _add(builder, kind, old, value)
        _store(builder, kind, row, begin, size, value)


def _interleave(builder: Any, kind: Kind, parts: list[ir.Value]) -> list[ir.Value]:
    """The vectors whose lanes are parts[0][0], parts[1][0], ..., parts[0][1], ...; for one or two parts."""
    if len(parts) == 1:
        return parts
    order = [lane // 2 + lane % 2 * kind.lanes for lane in range(2 * kind.lanes)]
    return [_shuffle(builder, *parts, order[: kind.lanes]), _shuffle(builder, *parts, order[kind.lanes :])]


def _larger(builder: Any, kind: Kind, a: ir.Value, b: ir.Value, sign: str) -> ir.Value:
    """The mask of a > b or a >= b; false for NaN."""
    if kind.floating:
        return builder.fcmp_ordered(sign, a, b)
    compare = builder.icmp_signed if kind.dtype.kind == "i" else builder.icmp_unsigned
    return compare(sign, a, b)


def _maximum(builder: Any, kind: Kind, args: Sequence[ir.Value]) -> ir.Value:
    """The larger in each lane, NaN where either is NaN."""
    best, value = args
    larger = builder.select(_larger(builder, kind, value, best, ">"), value, best)
    return builder.select(builder.fcmp_unordered("uno", value, value), value, larger) if kind.floating else larger


def _takes(builder: Any, kind: Kind, args: Sequence[ir.Value]) -> ir.Value:
    """The mask of the lanes where `value` is to replace `best`, when a window is walked from its end to its beginning.

    So that its *first* maximum is left, or its first NaN: a NaN replaces all, and is at least as large as nothing.
    """
    best, value, allowed = args
    mask = _larger(builder, kind, value, best, ">=")
    if kind.floating:
        mask = builder.or_(mask, builder.fcmp_unordered("uno", value, value))
    return builder.and_(mask, allowed)


def _pick(builder: Any, kind: Kind, positions: ir.Value, value: ir.Value, code: ir.Value) -> ir.Value:
    """`value` where the position is `code`, else 0."""
    wanted = _splat(builder, kind.codes, builder.trunc(code, kind.codes.element))
    equal = builder.icmp_signed("==", positions, wanted)
    return builder.select(equal, value, ir.Constant(kind.vector, None))


def _later(builder: Any, kind: Kind, args: Sequence[ir.Value]) -> ir.Value:
    """One lane later: the last lane of `before`, then all but the last of `value`."""
    before, value = args
    return _shuffle(builder, before, value, range(kind.lanes - 1, 2 * kind.lanes - 1))


def _function(emit: Callable[..., Any], kind: Kind, result: types.Type, *arguments: types.Type) -> Any:
    """A function for Numba kernels, of these types, emitted as `emit(builder, kind, values)`."""

    def typed(typingctx: Any, *given: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            value = emit(builder, kind, args)
            return context.get_dummy_value() if result == types.void else value

        return result(*arguments), generate

    # Numba reads the number of arguments from here
    names = ["typingctx", *(f"argument{i}" for i in range(len(arguments)))]
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    typed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return intrinsic(typed)


class Lanes(NamedTuple):
    """The functions for one `Kind`: `row` is an address, columns and sizes count elements, values are vectors."""

    splat: Any  # (scalar) -> value
    code: Any  # (int) -> positions, the same in all lanes
    load: Any  # (row, first, size, fill) -> lane l: row[first + l], fill outside [0, size)
    strided: Any  # (row, first, residue, size, fill) -> lane l: row[first + residue + step l]
    inside: Any  # (first, size) -> mask: 0 <= first + step l < size
    store: Any  # (row, first, size, value): row[first + l] = value[l]
    put: Any  # (row, left, size, position, at[3], g[3]): the gradients of windows onto the row, see _spread
    put_more: Any  # ... added to what it holds
    put_all: Any  # ... whatever the position
    put_all_more: Any
    add: Any  # (a, b)
    maximum: Any  # (a, b), NaN if one is
    takes: Any  # (best, value, mask) -> mask: where value replaces best, walking from the end of a window
    blend: Any  # (mask, a, b): a where the mask is set
    choose: Any  # the same for positions
    later: Any  # (before, value): all lanes moved up by one
    later_code: Any  # the same for positions


def lanes(kind: Kind) -> Lanes:
    """The vector functions for elements of this kind."""
    element = numba.from_dtype(kind.dtype)
    position = types.Integer.from_bitwidth(max(32, 8 * kind.dtype.itemsize), signed=True)
    value, mask = Vector(element, kind.lanes), Vector(types.boolean, kind.lanes)
    codes, integer = Vector(position, kind.lanes), types.int64

    def make(emit: Callable[..., Any], result: types.Type, *arguments: types.Type) -> Any:
        return _function(emit, kind, result, *arguments)

    def select(builder: Any, kind: Kind, args: Sequence[ir.Value]) -> ir.Value:
        return builder.select(*args)

    row = (integer, integer, integer)
    onto = (*row, integer, codes, codes, codes, value, value, value)
    return Lanes(
        splat=make(lambda b, k, a: _splat(b, k.vector, a[0]), value, element),
        code=make(lambda b, k, a: _splat(b, k.codes, b.trunc(a[0], k.codes.element)), codes, integer),
        load=make(lambda b, k, a: _load(b, k, *a), value, *row, value),
        strided=make(_strided, value, *row, integer, value),
        inside=make(lambda b, k, a: _inside(b, k, *a, k.step), mask, integer, integer),
        store=make(lambda b, k, a: _store(b, k, *a), types.void, *row, value),
        put=make(lambda b, k, a: _spread(b, k, a, True, False), types.void, *onto),
        put_more=make(lambda b, k, a: _spread(b, k, a, True, True), types.void, *onto),
        put_all=make(lambda b, k, a: _spread(b, k, a, False, False), types.void, *onto),
        put_all_more=make(lambda b, k, a: _spread(b, k, a, False, True), types.void, *onto),
        add=make(lambda b, k, a: _add(b, k, *a), value, value, value),
        maximum=make(_maximum, value, value, value),
        takes=make(_takes, mask, value, value, mask),
        blend=make(select, value, mask, value, value),
        choose=make(select, codes, mask, codes, codes),
        later=make(_later, value, value, value),
        later_code=make(_later, codes, codes, codes),
    )
