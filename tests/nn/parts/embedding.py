"""Embeddings."""

import numpy as np

import weft as wf

from . import Arg, functional, part

layers = wf.nn.layers
LABELS, W = Arg(("n", 3), 0, 4, "int64"), Arg((5, 2))


def without(labels, w, index):
    return np.where((labels == index)[..., None], 0, w[labels])


def means(labels, w, index):
    kept = (labels != index).sum(-1, keepdims=True)
    return without(labels, w, index).sum(-2) / np.maximum(kept, 1)


def most(labels, w, index):
    rows = np.where((labels == index)[..., None], -np.inf, w[labels]).max(-2)
    return np.where(np.isinf(rows), 0, rows)


part(
    layers.embedding,
    lambda i, w: w[i],
    LABELS,
    W,
    call=lambda i, w: layers.embedding(i, 5, 2, w),
    torch=functional("embedding"),
)
part(
    layers.embedding,
    lambda i, w: without(i, w, 1),
    LABELS,
    W,
    call=lambda i, w: layers.embedding(i, 5, 2, w, padding_index=1),
    label="with padding",
    special=False,  # zeros for NaN
)
part(
    layers.embedding,
    lambda i, w: w[i] / np.maximum(np.linalg.norm(w[i], axis=-1, keepdims=True), 1.5) * 1.5,
    LABELS,
    W,
    call=lambda i, w: layers.embedding(i, 5, 2, w, max_norm=1.5),
    label="of limited length",
    special=False,  # of infinite rows
)
part(
    layers.embedding_bag,
    lambda i, w: w[i].mean(-2),
    LABELS,
    W,
    call=lambda i, w: layers.embedding_bag(i, 5, 2, w),
    torch=functional("embedding_bag"),
)
for _mode, _reference in (
    ("mean", means),
    ("sum", lambda i, w, index: without(i, w, index).sum(-2)),
    ("max", most),
):
    part(
        layers.embedding_bag,
        lambda i, w, reference=_reference: reference(i, w, 1),
        LABELS,
        W,
        call=lambda i, w, mode=_mode: layers.embedding_bag(i, 5, 2, w, mode=mode, padding_index=1),
        label=f"{_mode} without padding",
        torch=functional("embedding_bag", mode=_mode, padding_idx=1),
        differentiable=_mode != "max",  # a label may stand in a bag twice, which is a tie
        special=False,
    )
