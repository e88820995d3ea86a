"""Ensembles of decision trees, all of them walked down together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....ops import control, reduce, scalar
from ....ops.creation import full, iota
from ....ops.elementwise import cast
from ....ops.indexing import getitem
from ....ops.movement import expand_dims, reshape
from ....symbolic.expr import Expr
from ....symbolic.leaves import constant
from .ml import ML, as_floats, post_transform
from .node import ModelNode
from .registry import operator

COMPARISONS = {"LEQ": scalar.le, "LT": scalar.lt, "GTE": scalar.ge, "GT": scalar.gt, "EQ": scalar.eq, "NEQ": scalar.ne}
MODES = (*COMPARISONS, "MEMBER")  # in the order of their numbers
AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


@dataclass
class Forest:
    """Nodes of trees.  A leaf is a node that leads to itself whatever it finds; a row of `weights` is what it gives."""

    roots: np.ndarray
    modes: np.ndarray  # numbers of MODES
    features: np.ndarray
    splits: np.ndarray
    members: np.ndarray  # (nodes, most): what MEMBER looks for; NaN for none
    missing: np.ndarray  # whether NaN goes where True goes
    yes: np.ndarray
    no: np.ndarray
    weights: np.ndarray  # (nodes, targets)

    @property
    def depth(self) -> int:
        """The steps to the farthest leaf.  Raises ValueError where a walk never ends."""
        at, steps = np.unique(self.roots), 0
        while not ((self.yes[at] == at) & (self.no[at] == at)).all():
            at, steps = np.unique([self.yes[at], self.no[at]]), steps + 1
            if steps > len(self.yes):
                raise ValueError("a tree leads back to where it was")
        return steps

    def check(self, targets: int) -> None:
        """Raise ValueError for places that do not exist."""
        count = len(self.yes)
        for name, places in (("root", self.roots), ("node", self.yes), ("node", self.no)):
            outside = places[(places < 0) | (places >= count)]
            if outside.size:
                raise ValueError(f"there is no {name} {outside[0]}; there are {count}")
        if (self.features < 0).any() or targets < 1:
            raise ValueError("features and targets are counted from 0")


def walk(forest: Forest, x: Expr) -> Expr:
    """What the leaves give where x (n, features) comes to: (n, trees, targets)."""
    table = {name: constant(getattr(forest, name)) for name in ("modes", "features", "missing", "yes", "no")}
    splits, members = (constant(array.astype(x.dtype)) for array in (forest.splits, forest.members))
    lines = reshape(iota((x.shape[0],)), (-1, 1))
    kinds = np.unique(forest.modes).tolist()

    def step(at: Expr, _: Expr) -> tuple[Expr, None]:
        value, mode = getitem(x, (lines, getitem(table["features"], at))), getitem(table["modes"], at)
        goes = scalar.logical_and(getitem(table["missing"], at), scalar.isnan(value))
        for kind in kinds:
            if MODES[kind] == "MEMBER":
                hit = reduce.any(scalar.eq(expand_dims(value, 2), getitem(members, at)), 2)
            else:
                hit = COMPARISONS[MODES[kind]](value, getitem(splits, at))
            goes = scalar.logical_or(goes, scalar.logical_and(hit, scalar.eq(mode, kind)))
        return scalar.where(goes, getitem(table["yes"], at), getitem(table["no"], at)), None

    start = full((x.shape[0], len(forest.roots)), constant(np.int64(0))) + constant(forest.roots)
    at, _ys = control.scan(step, start, iota((forest.depth,)))
    return getitem(constant(forest.weights.astype(x.dtype)), at)


def _neutral(aggregate: str, dtype: np.dtype) -> float:
    """What a leaf gives to targets that are not its own."""
    limits = np.finfo(dtype)
    return {"MIN": float(limits.max), "MAX": float(limits.min)}.get(aggregate, 0.0)


def _join(aggregate: str, given: Expr) -> Expr:
    """What all trees give, as one."""
    if aggregate in ("MIN", "MAX"):
        return (reduce.min if aggregate == "MIN" else reduce.max)(given, 1)
    found = reduce.sum(given, 1, dtype=given.dtype)
    return found / given.shape[1] if aggregate == "AVERAGE" else found


# ---- the operator of opset 5 -----------------------------------------------------------------------------------------


@operator("TreeEnsemble", domain=ML)
def read_tree_ensemble(node: ModelNode, x: Expr) -> Expr:
    """The sum of what the leaves of all trees give, or its mean, smallest or largest: (n, targets)."""
    aggregate = AGGREGATES[node["aggregate_function"]]
    forest = _forest(node, aggregate, x.dtype)
    forest.check(node["n_targets"])
    return post_transform(TRANSFORMS[node["post_transform"]], _join(aggregate, walk(forest, x)))


def _forest(node: ModelNode, aggregate: str, dtype: np.dtype) -> Forest:
    """Inner nodes, and leaves behind them."""
    inner, leaves = len(node["nodes_modes"]), len(node["leaf_targetids"])
    own = np.arange(inner, inner + leaves)
    sides = {}
    for side in ("true", "false"):
        places = np.asarray(node[f"nodes_{side}nodeids"]) + inner * np.asarray(node[f"nodes_{side}leafs"])
        sides[side] = np.concatenate([places, own]).astype(np.int64)
    weights = np.full((inner + leaves, node["n_targets"]), _neutral(aggregate, dtype))
    weights[own, np.asarray(node["leaf_targetids"])] = node["leaf_weights"]
    missing = np.asarray(node["nodes_missing_value_tracks_true"] or [0] * inner)
    modes = np.asarray(node["nodes_modes"])

    def pad(values: Any, dtype: Any) -> np.ndarray:
        return np.concatenate([np.asarray(values), np.zeros(leaves)]).astype(dtype)

    return Forest(
        np.asarray(node["tree_roots"], np.int64),
        pad(modes, np.int64),
        pad(node["nodes_featureids"], np.int64),
        pad(node["nodes_splits"], dtype),
        _members(node, inner + leaves),
        pad(missing, bool),
        sides["true"],
        sides["false"],
        weights,
    )


def _members(node: ModelNode, count: int) -> np.ndarray:
    """The sets of MEMBER nodes, which NaN ends, in the order in which a walk (True first) meets the nodes."""
    order = [n for root in node["tree_roots"] for n in _members_below(node, root)]
    given = node["membership_values"]
    values = np.zeros(0) if given is None else np.asarray(given, np.float64)
    ends = np.flatnonzero(np.isnan(values))
    if len(ends) != len(order):
        raise ValueError(f"there are {len(order)} nodes that look for members of sets, and {len(ends)} sets")
    sets = np.split(values, ends + 1)
    table = np.full((count, max(1, *[len(s) for s in sets])), np.nan)
    for place, members in zip(order, sets, strict=False):
        table[place, : len(members)] = members
    return table


def _members_below(node: ModelNode, root: int) -> Sequence[int]:
    """The MEMBER nodes of a tree."""
    found, ahead, seen = [], [(root, 0)], 0
    while ahead:
        place, is_leaf = ahead.pop()
        seen += 1
        if is_leaf or not 0 <= place < len(node["nodes_modes"]) or seen > 2 * len(node["nodes_modes"]) + 1:
            continue
        if MODES[node["nodes_modes"][place]] == "MEMBER":
            found.append(place)
        for side in ("false", "true"):
            ahead.append((node[f"nodes_{side}nodeids"][place], node[f"nodes_{side}leafs"][place]))
    return found


# ---- that of opsets before -------------------------------------------------------------------------------------------


@operator("TreeEnsembleRegressor", domain=ML)
def read_tree_regressor(node: ModelNode, x: Expr) -> Expr:
    """What the leaves of all trees give together, and base values: (n, targets)."""
    wide, aggregate = as_floats(x), node["aggregate_function"]
    forest = _old_forest(node, "target", node["n_targets"], aggregate, wide.dtype)
    found = _join(aggregate, walk(forest, wide))
    base = _either(node, "base_values")
    if base is not None:
        found = found + constant(np.asarray(base, found.dtype))
    return cast(post_transform(node["post_transform"], found), "float32")


def _either(node: ModelNode, name: str) -> Any:
    """An attribute that may be a tensor: of doubles, then."""
    given = node[f"{name}_as_tensor"]
    return node[name] if given is None else given


def _old_forest(node: ModelNode, what: str, targets: int, aggregate: str, dtype: np.dtype) -> Forest:
    """The nodes of a model in which each is named by its tree and its number there."""
    names = list(zip(node["nodes_treeids"], node["nodes_nodeids"], strict=True))
    places = {name: i for i, name in enumerate(names)}
    modes = [m.removeprefix("BRANCH_") for m in node["nodes_modes"]]
    own = np.array([m == "LEAF" for m in modes])
    yes, no = (_children(node, side, names, places, own) for side in ("true", "false"))
    children = {*yes[~own].tolist(), *no[~own].tolist()}
    weights = np.full((len(names), targets), _neutral(aggregate, dtype))
    _fill(node, what, weights, places)
    missing = node["nodes_missing_value_tracks_true"] or [0] * len(names)
    forest = Forest(
        np.array([i for i in range(len(names)) if i not in children], np.int64),
        np.array([0 if leaf else MODES.index(m) for leaf, m in zip(own, modes, strict=True)]),
        np.asarray(node["nodes_featureids"], np.int64),
        np.asarray(_either(node, "nodes_values"), dtype),
        np.full((len(names), 1), np.nan),
        np.asarray(missing, bool),
        yes,
        no,
        weights,
    )
    forest.check(targets)
    return forest


def _children(node: ModelNode, side: str, names: Any, places: Mapping[Any, int], own: np.ndarray) -> np.ndarray:
    given = node[f"nodes_{side}nodeids"]
    found = [i if own[i] else places.get((names[i][0], child), -1) for i, child in enumerate(given)]
    return np.array(found, np.int64)


def _fill(node: ModelNode, what: str, weights: np.ndarray, places: Mapping[Any, int]) -> None:
    """Write what leaves give."""
    rows = zip(node[f"{what}_treeids"], node[f"{what}_nodeids"], node[f"{what}_ids"], strict=True)
    for (tree, number, target), weight in zip(rows, _either(node, f"{what}_weights"), strict=True):
        if (tree, number) not in places or not 0 <= target < weights.shape[1]:
            raise ValueError(f"there is no node {number} in a tree {tree}, or no target {target}")
        weights[places[tree, number], target] = weight
