"""Values in tuples, lists and dicts, and the same values in a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Build = Callable[[Sequence[Any]], Any]


def flatten(tree: Any, none_is_leaf: bool = False) -> tuple[list[Any], Build]:
    """(leaves, build): build(leaves) is the tree again.  Tuples, lists, dicts and None have structure."""
    if tree is None and not none_is_leaf:
        return [], lambda leaves: None
    if isinstance(tree, dict):
        keys = list(tree)
        leaves, build = flatten([tree[k] for k in keys], none_is_leaf)
        return leaves, lambda new: dict(zip(keys, build(new), strict=True))
    if not isinstance(tree, list | tuple):
        return [tree], lambda new: new[0]
    branches = [flatten(branch, none_is_leaf) for branch in tree]
    counts = [len(leaves) for leaves, _ in branches]

    def build_sequence(new: Sequence[Any]) -> Any:
        made, place = [], 0
        for (_, build), count in zip(branches, counts, strict=True):
            made.append(build(new[place : place + count]))
            place += count
        if hasattr(tree, "_fields"):
            return type(tree)(*made)
        return tuple(made) if isinstance(tree, tuple) else made

    return [leaf for leaves, _ in branches for leaf in leaves], build_sequence


def outline(tree: Any) -> str:
    """The structure as text: '(., [., .])'."""
    if tree is None:
        return "None"
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{k!r}: {outline(v)}" for k, v in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(outline, tree)) + "]"
    if isinstance(tree, tuple):
        return "(" + ", ".join(map(outline, tree)) + ("," if len(tree) == 1 else "") + ")"
    return "."
