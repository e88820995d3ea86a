"""The loop IR, all of it.

    LoopNest   axes, which of them are reduced, a straight-line body of scalar values, and what is written
    Access     an affine map from the axes to a buffer's elements: offset + sum of stride * index
    Extent     a product of a number and sizes: what extents and strides are made of

Movement ops vanish into accesses.  Buffers are numbered locally, so that equal nests are equal and compiled once.
A nest's transformations are pure functions at the end of this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from ...ops.elementwise import Scalar
from ...ops.reduce import KINDS
from ...symbolic.dims import Dim, Shape, SymDim, plain, product, value
from ...symbolic.types import DType
from ..target import FusionLimits


class Extent(NamedTuple):
    """number * symbols[0] * symbols[1] ...: exact and cheap, unlike general arithmetic on sizes."""

    number: int
    symbols: tuple[SymDim, ...] = ()

    def __mul__(self, other: object) -> Extent:
        assert isinstance(other, Extent)
        if self.number == 0 or other.number == 0:
            return ZERO
        merged = self.symbols + other.symbols
        return Extent(self.number * other.number, tuple(sorted(merged, key=str)) if len(merged) > 1 else merged)

    def plus(self, other: Extent) -> Extent:
        """The sum, as a product again: of two strides, where one index moves along two axes."""
        if self.number == 0 or other.number == 0:
            return self if other.number == 0 else other
        if self.symbols == other.symbols:
            total = self.number + other.number
            return Extent(total, self.symbols) if total else ZERO
        return extent(product((self.number, *self.symbols)) + product((other.number, *other.symbols)))

    @property
    def is_static(self) -> bool:
        """Whether it is a number."""
        return not self.symbols

    def value(self, sizes: Mapping[str, int]) -> int:
        """The number, once the symbols' sizes are known."""
        result = self.number
        for symbol in self.symbols:
            result *= symbol.value(sizes)
        return result

    def __str__(self) -> str:
        parts = [] if self.number == 1 and self.symbols else [str(self.number)]
        alone = not parts and len(self.symbols) == 1
        return "*".join([*parts, *(str(s) if alone else _factor(s) for s in self.symbols)])


ZERO, ONE = Extent(0), Extent(1)


def _factor(size: object) -> str:
    """A size as one writes it in a product."""
    text = str(size)
    return f"({text})" if " + " in text or " - " in text else text


def extent(dim: Dim) -> Extent:
    """A size, or a stride, as an extent."""
    size = plain(dim)
    return Extent(size) if isinstance(size, int) else Extent(1, (size,))


def row_major(shape: Shape) -> tuple[Extent, ...]:
    """The strides, in elements, of an array in C order."""
    return _row_major(tuple([d if isinstance(d, int) else plain(d) for d in shape]))


@lru_cache(maxsize=4096)
def _row_major(shape: Shape) -> tuple[Extent, ...]:
    strides, step = [], ONE
    for dim in reversed(shape):
        strides.append(step)
        step = step * extent(dim)
    return tuple(reversed(strides))


class Offset(NamedTuple):
    """start * stride: one term of an access's offset."""

    start: Dim
    stride: Extent

    def value(self, sizes: Mapping[str, int]) -> int:
        """The number of elements."""
        return value(self.start, sizes) * self.stride.value(sizes)

    def __str__(self) -> str:
        return f"{self.start}" if self.stride == ONE else f"{_factor(self.start)}*{_factor(self.stride)}"


class Access(NamedTuple):
    """Element offset + sum(stride * index) of a buffer, one stride for each axis of the nest."""

    buffer: int
    dtype: DType
    strides: tuple[Extent, ...]
    offset: tuple[Offset, ...] = ()

    def __str__(self) -> str:
        terms = [f"i{k}" if s == ONE else f"{_factor(s)}*i{k}" for k, s in enumerate(self.strides) if s != ZERO]
        terms += [str(o) for o in self.offset]
        return f"b{self.buffer}[{' + '.join(terms) or '0'}]"


# ---- the body: values, each named by its position ----------------------------------------------------------------


class Load(NamedTuple):
    """What stands in memory."""

    access: Access

    @property
    def dtype(self) -> DType:
        """The dtype of the value."""
        return self.access.dtype


class Literal(NamedTuple):
    """A number."""

    dtype: DType
    bytes: bytes

    @property
    def number(self) -> np.generic:
        """The number itself."""
        return np.frombuffer(self.bytes, self.dtype)[0]  # type: ignore[no-any-return]


class Index(NamedTuple):
    """start + the sum of step * index over the axes of `terms`."""

    dtype: DType
    terms: tuple[tuple[int, int], ...]
    start: Dim

    def keep_axes(self, place: Mapping[int, int]) -> Index:
        """With the axes that are kept at these places; the others have size 1, and index 0."""
        return self._replace(terms=tuple([(place[axis], step) for axis, step in self.terms if axis in place]))


class Apply(NamedTuple):
    """A scalar function of earlier values, which are cast to the dtypes given."""

    dtype: DType
    function: Scalar
    operands: tuple[int, ...]
    casts: tuple[DType, ...]


Value: TypeAlias = Load | Literal | Index | Apply


class Store(NamedTuple):
    """Write a value at every index."""

    access: Access
    value: int


class Accumulate(NamedTuple):
    """Combine a value over the reduced axes (`kind`: one of `ops.reduce.KINDS`) and write that."""

    access: Access
    value: int
    kind: str

    @property
    def places(self) -> bool:
        """Whether it is where, not what: positions are met in order, one axis by itself."""
        return KINDS[self.kind].places


Write: TypeAlias = Store | Accumulate


@dataclass(frozen=True)
class LoopNest:
    """for every index of `axes`: compute the body, do the writes; `reduced` axes are combined by the accumulations.

    `chunks`: (axis, count) where a reduced axis was cut into `count` parts; the parts are the first axis, which is not
    reduced, and the cut axis runs over its part only.
    """

    axes: tuple[Extent, ...]
    reduced: frozenset[int]
    body: tuple[Value, ...]
    writes: tuple[Write, ...]
    chunks: tuple[int, int] | None = None

    @property
    def accesses(self) -> list[Access]:
        """All reads and writes."""
        return [v.access for v in self.body if isinstance(v, Load)] + [w.access for w in self.writes]

    @property
    def read_again(self) -> frozenset[int]:
        """The buffers that are read a second time, after elements have been written.

        A search for the place of an extreme looks again at the block of its row that has it.
        """
        searched = [w.value for w in self.writes if isinstance(w, Accumulate) and w.places]
        buffers, seen = set(), set()
        while searched:
            number = searched.pop()
            if number in seen:
                continue
            seen.add(number)
            value = self.body[number]
            if isinstance(value, Load):
                buffers.add(value.access.buffer)
            elif isinstance(value, Apply):
                searched += value.operands
        return frozenset(buffers)

    @property
    def parallel(self) -> tuple[int, ...]:
        """The axes that are not reduced."""
        return tuple(i for i in range(len(self.axes)) if i not in self.reduced)

    def __str__(self) -> str:
        names = [self._axis(k) for k in range(len(self.axes))]
        lines = [f"for {', '.join(names)}:" if names else "once:"]
        lines += [f"  v{n} = {_show(v)}" for n, v in enumerate(self.body)]
        for w in self.writes:
            sign = "=" if isinstance(w, Store) else f"{w.kind}="
            lines.append(f"  {w.access} {sign} v{w.value}")
        return "\n".join(lines)

    def _axis(self, k: int) -> str:
        if self.chunks is not None and k == self.chunks[0]:
            return f"i{k} reduced in part i0 of {self.axes[k]}"
        return f"i{k}<{self.axes[k]}{' reduced' if k in self.reduced else ''}"


def _show(v: Value) -> str:
    if isinstance(v, Load):
        return f"{v.access}: {v.dtype}"
    if isinstance(v, Literal):
        return f"{v.number!s}: {v.dtype}"
    if isinstance(v, Index):
        terms = [f"i{axis}" if step == 1 else f"{step}*i{axis}" for axis, step in v.terms]
        return f"{' + '.join([*terms, *([str(v.start)] if v.start != 0 or not terms else [])])}: {v.dtype}"
    return f"{v.function.name}({', '.join(f'v{o}' for o in v.operands)}): {v.dtype}"


# ---- transformations ---------------------------------------------------------------------------------------------


def simplify(nest: LoopNest) -> LoopNest:
    """The same nest with axes of size 1 dropped and neighbouring axes merged where every access allows it."""
    kept = [k for k, e in enumerate(nest.axes) if e != ONE]
    if nest.reduced and not nest.reduced.intersection(kept):  # a reduction of one element is still one
        kept = sorted([*kept, max(nest.reduced)])
    nest = _with_axes(nest, kept) if len(kept) < len(nest.axes) else nest
    k = len(nest.axes) - 2
    while k >= 0:
        if _may_merge(nest, k):
            nest = _merge_axes(nest, k)
        k -= 1
    return nest


def _may_merge(nest: LoopNest, k: int) -> bool:
    if (k in nest.reduced) != (k + 1 in nest.reduced):
        return False
    if any(isinstance(v, Index) and any(axis in (k, k + 1) for axis, _ in v.terms) for v in nest.body):
        return False
    if any(isinstance(w, Accumulate) and w.places for w in nest.writes) and k in nest.reduced:
        return False
    inner = nest.axes[k + 1]
    return all(a.strides[k] == a.strides[k + 1] * inner for a in nest.accesses)


def _merge_axes(nest: LoopNest, k: int) -> LoopNest:
    axes = (*nest.axes[:k], nest.axes[k] * nest.axes[k + 1], *nest.axes[k + 2 :])
    kept = [i for i in range(len(nest.axes)) if i != k]
    return replace(_with_axes(nest, kept), axes=axes)


def _with_axes(nest: LoopNest, kept: list[int]) -> LoopNest:
    """The nest over these of its axes, in this order; the others must not matter."""
    place = {old: new for new, old in enumerate(kept)}

    def keep(access: Access) -> Access:
        return access._replace(strides=tuple(access.strides[k] for k in kept))

    body: list[Value] = []
    for v in nest.body:
        if isinstance(v, Load):
            v = Load(keep(v.access))
        elif isinstance(v, Index):
            v = v.keep_axes(place)
        body.append(v)
    return replace(
        nest,
        axes=tuple(nest.axes[k] for k in kept),
        reduced=frozenset(place[k] for k in nest.reduced if k in place),
        body=tuple(body),
        writes=tuple(w._replace(access=keep(w.access)) for w in nest.writes),
    )


def fastest_axis(nest: LoopNest) -> int:
    """The axis along which most accesses step by one element: the one to run innermost.

    Those that run over more of the axes have more elements, so one of them outweighs any number of the others.
    """
    votes = [0] * len(nest.axes)
    for access in nest.accesses:
        weight = 64 ** sum(stride != ZERO for stride in access.strides)
        for k, stride in enumerate(access.strides):
            votes[k] += weight * (2 * (stride == ONE) - (stride not in (ONE, ZERO)))
    return max(range(len(votes)), key=lambda k: (votes[k], k))


def order_axes(nest: LoopNest) -> LoopNest:
    """Axes in the order in which the loops run: parallel, reduced, and the fastest last, whichever it is.

    Positions of argmax and argmin must be met in order, so their reduced axes always run innermost.
    """
    if not nest.axes:
        return nest
    inner = fastest_axis(nest)
    if any(isinstance(w, Accumulate) and w.places for w in nest.writes):
        inner = max(nest.reduced, default=inner)
    parallel = [k for k in nest.parallel if k != inner]
    reduced = [k for k in sorted(nest.reduced) if k != inner]
    return _with_axes(nest, [*parallel, *reduced, inner])


def axis_to_cut(nest: LoopNest, limits: FusionLimits) -> int | None:
    """The reduced axis to cut where there are too few independent results to share among threads, else None."""
    if not nest.reduced or nest.chunks or any(isinstance(w, Accumulate) and w.places for w in nest.writes):
        return None
    independent = total = ONE
    for k, e in enumerate(nest.axes):
        total = total * e
        if k not in nest.reduced:
            independent = independent * e
    columns = limits.few_columns if len(nest.axes) - 1 not in nest.reduced else 1
    if not independent.is_static or independent.number > limits.few_results * columns:
        return None
    if total.is_static and total.number < limits.long:
        return None
    longest = max(nest.reduced, key=lambda k: (not nest.axes[k].is_static, nest.axes[k].number))
    small = nest.axes[longest].is_static and nest.axes[longest].number < 2 * limits.chunks
    return None if small else longest
