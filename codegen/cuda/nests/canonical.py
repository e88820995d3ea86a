"""One form for nests that differ in names alone: what compiled code is found by, in this process and in others."""

from __future__ import annotations

from dataclasses import replace

from ....ops.elementwise import Composite, Elementwise
from ....symbolic.dims import Dim, SymDim
from ....symbolic.expr import Expr, toposort
from ....symbolic.leaves import Constant
from ....symbolic.types import DType
from ...lowering.loops import ONE, Access, Apply, Extent, Index, Load, LoopNest, Offset, Value

Number = Extent | tuple[Offset, ...] | Dim  # what is known once there are sizes


def numbers_of(nest: LoopNest) -> list[Number]:
    """The extents, strides, offsets and starts that are no numbers yet, each once."""
    found: list[Number] = [axis for axis in nest.axes if not axis.is_static]
    for access in nest.accesses:
        found += [stride for stride in access.strides if not stride.is_static]
        if access.offset and not is_known(access.offset):
            found.append(access.offset)
    found += [v.start for v in nest.body if isinstance(v, Index) and not isinstance(v.start, int)]
    return list(dict.fromkeys(found))


def is_known(offset: tuple[Offset, ...]) -> bool:
    """Whether an offset is a number at all sizes."""
    return all(isinstance(o.start, int) and o.stride.is_static for o in offset)


def rename_numbers(nest: LoopNest) -> LoopNest:
    """The nest with n0, n1 ... in the places of `numbers_of`, which stay as many, and in their order."""
    names = {number: SymDim(f"n{place}") for place, number in enumerate(numbers_of(nest))}

    def extent(e: Extent) -> Extent:
        return e if e.is_static else Extent(1, (names[e],))

    def access(a: Access) -> Access:
        offset = a.offset if is_known(a.offset) else (Offset(names[a.offset], ONE),)
        return a._replace(strides=tuple(map(extent, a.strides)), offset=offset)

    def value(v: Value) -> Value:
        if isinstance(v, Load):
            return Load(access(v.access))
        if isinstance(v, Index) and not isinstance(v.start, int):
            return v._replace(start=names[v.start])
        return v

    return replace(
        nest,
        axes=tuple(map(extent, nest.axes)),
        body=tuple(map(value, nest.body)),
        writes=tuple(w._replace(access=access(w.access)) for w in nest.writes),
    )


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
