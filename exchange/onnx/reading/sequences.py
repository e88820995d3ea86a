"""Sequences and optionals: lists of values, and None, while the model is read."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....ops.elementwise import cast
from ....ops.indexing import getitem
from ....ops.movement import concatenate, reshape, squeeze, stack
from ....symbolic.dims import same
from ....symbolic.expr import Expr
from ....symbolic.leaves import constant
from .movement import pieces
from .node import ModelNode
from .registry import Unsaid, operator


@operator("SequenceEmpty")
def read_sequence_empty(node: ModelNode) -> list[Any]:
    """No values."""
    return []


@operator("SequenceConstruct")
def read_sequence_construct(node: ModelNode, *values: Expr) -> list[Any]:
    """These values."""
    return list(values)


def _place(node: ModelNode, sequence: list[Any], position: Expr, most: int) -> int:
    """A position in a sequence, from 0 up."""
    place = node.need_integer(position, "position")
    if not -len(sequence) <= place < most:
        raise IndexError(f"position {place} is none of a sequence of {len(sequence)}")
    return place + len(sequence) * (place < 0)


@operator("SequenceAt")
def read_sequence_at(node: ModelNode, sequence: list[Any], position: Expr) -> Any:
    """One value; at a place that only a call knows, where all have one shape."""
    if node.numbers(position) is not None:
        return sequence[_place(node, sequence, position, len(sequence))]
    first = sequence[0] if sequence else None
    if first is None or not all(_alike(first, each) for each in sequence):
        raise Unsaid("takes a value at a place that only a call knows, and not all are of one shape")
    return getitem(stack(sequence), cast(reshape(position, ()), "int64"))


def _alike(a: Expr, b: Expr) -> bool:
    return a.ndim == b.ndim and all(same(m, n) for m, n in zip(a.shape, b.shape, strict=True))


@operator("SequenceInsert")
def read_sequence_insert(node: ModelNode, sequence: list[Any], value: Any, position: Expr | None = None) -> list[Any]:
    """The values with one more, at a place or at the end."""
    place = len(sequence) if position is None else _place(node, sequence, position, len(sequence) + 1)
    return [*sequence[:place], value, *sequence[place:]]


@operator("SequenceErase")
def read_sequence_erase(node: ModelNode, sequence: list[Any], position: Expr | None = None) -> list[Any]:
    """The values without one, or without the last."""
    place = len(sequence) - 1 if position is None else _place(node, sequence, position, len(sequence))
    return [*sequence[:place], *sequence[place + 1 :]]


@operator("SequenceLength")
def read_sequence_length(node: ModelNode, sequence: list[Any]) -> Expr:
    """How many values there are."""
    return constant(np.int64(len(sequence)))


@operator("SplitToSequence")
def read_split_to_sequence(node: ModelNode, x: Expr, split: Expr | None = None) -> list[Any]:
    """x in pieces along an axis: of one size, of several, or its elements."""
    axis = node.axis(x.ndim)
    if split is None:
        parts = pieces(x, axis, _counts(node, x, axis, 1))
        return parts if node["keepdims"] else [squeeze(p, axis) for p in parts]
    if split.ndim:
        return pieces(x, axis, node.sizes(split))
    return pieces(x, axis, _counts(node, x, axis, node.need_integer(split, "size of pieces")))


def _counts(node: ModelNode, x: Expr, axis: int, each: int) -> list[Any]:
    whole = x.shape[axis]
    if not isinstance(whole, int):
        raise Unsaid(f"makes a sequence of as many values as axis {axis} has elements, which only a call knows")
    full, rest = divmod(whole, each)
    return [each] * full + [rest] * bool(rest)


@operator("ConcatFromSequence")
def read_concat_from_sequence(node: ModelNode, sequence: list[Any]) -> Expr:
    """The values one after the other along an axis, which may be new."""
    if not sequence:
        raise ValueError("a sequence without values is no array")
    if node["new_axis"]:
        return stack(sequence, node.axis(sequence[0].ndim + 1))
    return concatenate(sequence, node.axis(sequence[0].ndim))


# ---- optionals -------------------------------------------------------------------------------------------------------


@operator("Optional")
def read_optional(node: ModelNode, value: Any = None) -> Any:
    """The value, or none."""
    return value


@operator("OptionalHasElement")
def read_optional_has_element(node: ModelNode, value: Any = None) -> Expr:
    """Whether there is a value."""
    return constant(np.bool_(value is not None))


@operator("OptionalGetElement")
def read_optional_get_element(node: ModelNode, value: Any) -> Any:
    """The value."""
    if value is None:
        raise ValueError("an optional that is empty has no value")
    return value
