"""Two photographs, and a network that has learnt how pieces of them are turned."""

import argparse

import numpy as np

import weft as wf
from weft import nn

from ..common import Data
from ..convnet import learn


def photographs(height: int) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's two, a temple in China and a flower, each (1, 3, height, 3/2 height) of floats in [0, 1]."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_sample_images

    found = [
        zoom(p / 255, (height / p.shape[0], 1.5 * height / p.shape[1], 1), order=1) for p in load_sample_images().images
    ]
    temple, flower = (p.transpose(2, 0, 1)[None].astype(np.float32) for p in found)
    return temple, flower


def network(x: wf.Expr, maps: int = 16) -> tuple[wf.Expr, list[wf.Expr]]:
    """(logits, what its layers give): three convolutions for images of any size."""
    seen = []
    with nn.scope("net"):
        h = x - 0.5
        for layer in range(3):
            h = wf.relu(nn.layers.conv2d(h if layer == 0 else wf.avg_pool2d(h, 2), maps << layer, 3, padding=1))
            seen.append(h)
        return nn.layers.dense(nn.layers.global_avg_pool(h), 8), seen


def turned_pieces(photos: list[np.ndarray], count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Square pieces of photographs, turned by 0 to 3 quarters; the label says of which photograph, and by how many."""
    rng, pieces = np.random.default_rng(seed), []
    labels = rng.integers(0, 4 * len(photos), count)
    for label in labels:
        photo = photos[label // 4][0]
        row, column = (rng.integers(0, n - size + 1) for n in photo.shape[1:])
        pieces.append(np.rot90(photo[:, row : row + size, column : column + size], label % 4, (1, 2)))
    return np.stack(pieces), labels


def learnt(args: argparse.Namespace, photos: list[np.ndarray]) -> tuple[wf.Expr, list[wf.Expr]]:
    """(images of any size, what the layers of a network give that has learnt how pieces of photographs are turned).

    Gidaris, Singh, Komodakis 2018, Unsupervised Representation Learning by Predicting Image Rotations.
    """
    x = wf.tensor4("x", ("batch", 3, "height", "width"))
    t = wf.vector("t", ("batch",), dtype="int64")
    logits, seen = network(x, 2 if args.quick else 16)
    pieces = turned_pieces(photos, args.examples or 3000, 24, args.seed)
    others = turned_pieces(photos, 200, 24, args.seed + 1)
    history = learn(args, [x, t], logits, Data(*pieces, *others))
    print(f"turns of other pieces: {history['error'][-1]:.1f} % wrong, by chance 87.5 %")
    return x, seen
