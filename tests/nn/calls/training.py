"""Data, training, files, tables and pictures."""

import tempfile
from pathlib import Path

import numpy as np

import weft as wf

from ...calls import FLAGS, LABELS, LOSS, RNG, V, W, X, call

nn, metrics, pictures = wf.nn, wf.nn.metrics, wf.nn.pictures
FOLDER = Path(tempfile.mkdtemp(prefix="weft-calls-"))
ARRAYS = (np.ones((4, 3)), np.arange(4))
IMAGES = np.arange(8.0).reshape(2, 2, 2)
MATRIX = wf.matrix("counts", (3, 3), dtype="int64")


def batches(*args, **options):
    return list(nn.batches(*args, **options))


def saved(path, cells):
    nn.save(path, cells)


def fitted(**options):
    """Two steps of a network of its own."""
    x = wf.matrix("x", ("n", 3))
    loss = (nn.layers.dense(x, 1, name="d") ** 2).mean()
    given = {"inputs": [x], "loss": loss, "data": ARRAYS[:1], **options}
    return len(nn.fit(given.pop("inputs"), given.pop("loss"), given.pop("data"), progress=False, **given))


CELLS = {"w": W}
nn.save(FOLDER / "w.npz", CELLS)
FIT = {"epochs": 1, "batch": 2, "seed": 0, "monitor": "loss", "patience": 1, "every": 1, "augment": None}
FIT |= {"highest": False, "keep_best": True, "callbacks": []}
FIT |= {"metrics": {}, "updates": nn.updates.sgd, "training": None}

CALLS = {
    "nn.batches": call(batches, ARRAYS, 3, RNG, keep_rest=True),
    "nn.average": call(nn.average, lambda *batch: 1.0, ARRAYS, 3),
    "nn.predict": call(nn.predict, lambda x: x, ARRAYS[:1], 3),
    "nn.fit": call(fitted, **FIT),
    "nn.save": call(nn.save, FOLDER / "v.npz", CELLS),
    "nn.load": call(nn.load, FOLDER / "w.npz", CELLS, strict=True),
    "nn.summary": call(nn.summary, LOSS, {"n": 3}),
    "metrics.accuracy": call(metrics.accuracy, X, FLAGS, threshold=0.5),
    "metrics.top_k": call(metrics.top_k, X, LABELS, 2),
    "metrics.confusion": call(metrics.confusion, X, LABELS, 3),
    "metrics.precision": call(metrics.precision, MATRIX),
    "metrics.recall": call(metrics.recall, MATRIX),
    "metrics.f1": call(metrics.f1, MATRIX),
    "metrics.f_beta": call(metrics.f_beta, MATRIX, beta=0.5),
    "metrics.specificity": call(metrics.specificity, MATRIX),
    "metrics.iou": call(metrics.iou, MATRIX),
    "metrics.kappa": call(metrics.kappa, MATRIX),
    "metrics.matthews": call(metrics.matthews, MATRIX),
    "metrics.pearson": call(metrics.pearson, V, V),
    "metrics.concordance": call(metrics.concordance, V, V),
    "metrics.roc": call(metrics.roc, [1.0, 2.0], [0, 1]),
    "metrics.precision_recall": call(metrics.precision_recall, [1.0, 2.0], [0, 1]),
    "metrics.r2": call(metrics.r2, V, V),
    "metrics.roc_auc": call(metrics.roc_auc, [1.0, 2.0], [0, 1]),
    "metrics.average_precision": call(metrics.average_precision, [1.0, 2.0], [0, 1]),
    "pictures.grid": call(pictures.grid, IMAGES, 2, each=True),
    "pictures.images": call(pictures.images, IMAGES, None, "title"),
    "pictures.filters": call(pictures.filters, IMAGES[:, None], None, "title"),
    "pictures.histograms": call(pictures.histograms, {"a": IMAGES}, None, 5),
}
