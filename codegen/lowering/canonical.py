"""One form for nests that differ in names or numbers alone: what compiled code is found by.

n0, n1 ... stand for what a launch brings: extents, strides, offsets and starts that follow from sizes, and those of the
others that a target does not write into its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from ...ops.elementwise import Composite, Elementwise
from ...symbolic.dims import SymDim
from ...symbolic.expr import Expr, toposort
from ...symbolic.leaves import Constant
from ...symbolic.types import DType
from .loops import ONE, Access, Apply, Extent, Index, Load, LoopNest, Offset, Value

Number = Extent | tuple[Offset, ...] | SymDim


class CodeConstants:
    """Which of the numbers that are known without sizes stand in the code of a nest: here all of them."""

    def has_extent(self, axis: int) -> bool:
        """Whether the extent of an axis does."""
        return True

    def has_stride(self, axis: int, stride: Extent) -> bool:
        """Whether a stride along an axis does."""
        return True

    def has_offset(self, access: Access) -> bool:
        """Whether the offset of an access does."""
        return True


class CanonicalNest(NamedTuple):
    """A nest with n0, n1 ... in the places of `numbers`."""

    nest: LoopNest
    numbers: tuple[Number, ...]

    @property
    def names(self) -> tuple[SymDim, ...]:
        """n0, n1 ..."""
        return tuple([SymDim(_name(place)) for place in range(len(self.numbers))])

    def sizes(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """What n0, n1 ... are at given sizes: those of the nest."""
        return {_name(place): _value(number, sizes) for place, number in enumerate(self.numbers)}


def canonicalise(nest: LoopNest, constants: CodeConstants | None = None) -> CanonicalNest:
    """The nest in its canonical form.  That of what is in this form is the same, with the names as its numbers."""
    namer = _Namer(constants or CodeConstants())
    renamed = namer.nest(nest)
    return CanonicalNest(renamed, tuple(namer.names))


class _Namer:
    """Equal numbers get one name."""

    def __init__(self, constants: CodeConstants):
        self.constants = constants
        self.names: dict[Number, SymDim] = {}

    def name(self, number: Number) -> SymDim:
        return self.names.setdefault(number, SymDim(_name(len(self.names))))

    def nest(self, nest: LoopNest) -> LoopNest:
        return replace(
            nest,
            axes=tuple([self.extent(e, self.constants.has_extent(k)) for k, e in enumerate(nest.axes)]),
            body=tuple([self.value(v) for v in nest.body]),
            writes=tuple([w._replace(access=self.access(w.access)) for w in nest.writes]),
        )

    def extent(self, e: Extent, written: bool) -> Extent:
        return e if e.is_static and written else Extent(1, (self.name(e),))

    def access(self, a: Access) -> Access:
        strides = [self.extent(s, self.constants.has_stride(k, s)) for k, s in enumerate(a.strides)]
        return a._replace(strides=tuple(strides), offset=self.offset(a))

    def offset(self, a: Access) -> tuple[Offset, ...]:
        offset = a.offset
        if is_known(offset):
            start = sum(o.value({}) for o in offset)
            offset = (Offset(start, ONE),) if start else ()
            if not start or self.constants.has_offset(a):
                return offset
        return (Offset(self.name(offset), ONE),)

    def value(self, v: Value) -> Value:
        if isinstance(v, Load):
            return Load(self.access(v.access))
        if isinstance(v, Index) and isinstance(v.start, SymDim):
            return v._replace(start=self.name(v.start))
        return v


def is_known(offset: tuple[Offset, ...]) -> bool:
    """Whether an offset is a number at all sizes."""
    return all(isinstance(o.start, int) and o.stride.is_static for o in offset)


def _name(place: int) -> str:
    return f"n{place}"


def _value(number: Number, sizes: Mapping[str, int]) -> int:
    return number.value(sizes) if isinstance(number, Extent | SymDim) else sum(o.value(sizes) for o in number)


def describe_composites(nest: LoopNest) -> str:
    """What functions of users and others that are made of simpler ones compute: their names do not tell."""
    applied = [(v.function, v.casts) for v in nest.body if isinstance(v, Apply)]
    return "; ".join(_describe(function, casts) for function, casts in applied if isinstance(function, Composite))


def _describe(function: Composite, kinds: tuple[DType, ...]) -> str:
    inputs, output = function.body(*kinds)
    numbers: dict[Expr, int] = {}
    lines = []
    for node in [*inputs, *toposort([output])]:
        if node not in numbers:
            numbers[node] = len(numbers)
            lines.append(f"{_operation(node)}({', '.join(str(numbers[a]) for a in node.args)}): {node.dtype}")
    return f"{function.name}: " + ", ".join(lines)


def _operation(node: Expr) -> str:
    if isinstance(node.op, Constant):
        return repr(node.op.value.tobytes())
    if not isinstance(node.op, Elementwise):
        return "input"
    function = node.op.function
    if isinstance(function, Composite):
        kinds = function.operand_dtypes(*(a.type for a in node.args))
        return f"[{_describe(function, tuple(kinds))}]"
    return function.name
