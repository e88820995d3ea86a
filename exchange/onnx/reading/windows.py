"""What operators with windows say of them: sizes, strides, padding, dilations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ....ops.windows import extent, same_padding
from ....symbolic.dims import Dim, maximum
from .node import ModelNode
from .registry import Unsaid

Pairs = tuple[tuple[Any, Any], ...]


class WindowOptions(NamedTuple):
    """One entry for each spatial axis; `padding` in pairs (before, after)."""

    sizes: tuple[Dim, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: Pairs


def options_of(node: ModelNode, spatial: Sequence[Dim], sizes: Sequence[Dim]) -> WindowOptions:
    """The windows of a node over axes of these sizes."""
    rank = len(spatial)
    if rank not in (1, 2, 3):
        raise Unsaid(f"has {rank} spatial axes, and weft's windows have 1 to 3")
    strides, dilations = (tuple(node[name] or (1,) * rank) for name in ("strides", "dilations"))
    if not len(sizes) == len(strides) == len(dilations) == rank:
        raise ValueError(
            f"windows {tuple(sizes)}, strides {strides} and dilations {dilations} are not over {rank} axes"
        )
    reach = [extent(k, d) for k, d in zip(sizes, dilations, strict=True)]
    return WindowOptions(tuple(sizes), strides, dilations, _padding(node, spatial, reach, strides))


def _padding(node: ModelNode, spatial: Sequence[Dim], reach: Sequence[Dim], strides: Sequence[int]) -> Pairs:
    """The padding of an attribute, or that with which there are ceil(size / stride) windows."""
    automatic = node["auto_pad"] or "NOTSET"
    if automatic == "VALID":
        return ((0, 0),) * len(spatial)
    if automatic == "NOTSET":
        given = tuple(node["pads"] or (0,) * 2 * len(spatial))
        return tuple(zip(given[: len(spatial)], given[len(spatial) :], strict=True))
    return tuple(_around(*each, automatic) for each in zip(spatial, reach, strides, strict=True))


def _around(size: Dim, reach: Dim, stride: int, automatic: str) -> tuple[Dim, Dim]:
    """(before, after) for ceil(size / stride) windows; an odd element goes behind, or by SAME_LOWER in front.

    Elements that no window needs are cut off, where only a call knows whether there are some.
    """
    before, after = same_padding(size, reach, stride)
    if automatic == "SAME_UPPER":
        return before, after
    if automatic != "SAME_LOWER":
        raise ValueError(f"its auto_pad {automatic!r} is none of the standard's")
    total = before + after
    front = maximum(total + 1, 0) // 2
    return front, total - front
