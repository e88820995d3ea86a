"""How often sequences of words that a model knows stand in texts."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np

from ....ops import reduce, scalar
from ....ops.creation import iota, zeros
from ....ops.elementwise import cast
from ....ops.indexing import getitem, index_add
from ....ops.movement import expand_dims
from ....symbolic.expr import Expr
from ....symbolic.leaves import constant, size
from .node import ModelNode
from .registry import Unsaid, operator

Grams = dict[int, dict[tuple[int, ...], int]]  # of each length: the words, and where their count stands


@operator("TfIdfVectorizer")
def read_tf_idf(node: ModelNode, x: Expr) -> Expr:
    """The counts of n-grams in x (words) or (texts, words), or whether there are any, times weights."""
    if node["pool_strings"]:
        raise Unsaid("has text, for which weft has no dtype")
    if x.ndim not in (1, 2):
        raise ValueError(f"takes one text or several, and not an array with {x.ndim} axes")
    grams, width = _grams(node), max(node["ngram_indexes"]) + 1
    texts = x if x.ndim == 2 else expand_dims(x, 0)
    counts = zeros((texts.shape[0], width), "int64")
    for length, places in grams.items():
        columns = constant(np.array(list(places.values()), np.int64))
        known = constant(np.array(list(places), np.int64))
        # how far words are apart does not matter where there is one
        for distance in range(1, 2 if length == 1 else node["max_skip_count"] + 2):
            counts = index_add(counts, (slice(None), columns), _count(texts, known, length, distance))
    found = _weigh(node, counts, width)
    return found if x.ndim == 2 else found[0]


def _grams(node: ModelNode) -> Grams:
    """The n-grams that count, of a pool in which those of one word come first."""
    pool, starts = node["pool_int64s"], [*node["ngram_counts"], len(node["pool_int64s"])]
    columns = iter(node["ngram_indexes"])
    found: Grams = defaultdict(dict)
    for length, (start, end) in enumerate(pairwise(starts), 1):
        for at in range(start, end - length + 1, length):
            column = next(columns, -1)
            if column < 0:
                raise ValueError("the pool has more n-grams than there are ngram_indexes from 0 up")
            if node["min_gram_length"] <= length <= node["max_gram_length"]:
                found[length][tuple(pool[at : at + length])] = column
    return found


def _count(texts: Expr, known: Expr, length: int, distance: int) -> Expr:
    """How often each known n-gram (n-grams, length) is in each text, its words so far apart: (texts, n-grams)."""
    words = texts.shape[1]
    first, last = iota((words,)), size(words) - 1
    hit = expand_dims(expand_dims(first + (length - 1) * distance <= last, 0), 2)
    for place in range(length):
        word = getitem(texts, (slice(None), scalar.minimum(first + place * distance, last)))
        same = scalar.eq(expand_dims(cast(word, "int64"), 2), known[:, place])
        hit = scalar.logical_and(hit, same)
    return reduce.sum(cast(hit, "int64"), 1)


def _weigh(node: ModelNode, counts: Expr, width: int) -> Expr:
    """Counts, or with IDF 1 for each that is not 0; but for TF times a weight for each column."""
    found = scalar.gt(counts, 0) if node["mode"] == "IDF" else counts
    weights = node["weights"]
    if node["mode"] == "TF" or not weights:
        return cast(found, "float32")
    if len(weights) != width:
        raise ValueError(f"there are {len(weights)} weights, and {width} columns")
    return cast(found, "float32") * constant(np.array(weights, np.float32))
