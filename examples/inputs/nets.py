"""Networks of this group: one that has learnt digits, and one that has learnt how pieces of photographs are turned."""

import argparse

import numpy as np

import weft as wf
from weft import nn

from ..common import Data, images


def digits_network(x: wf.Expr, maps: int = 12) -> wf.Expr:
    """The logits of two convolutions and a dense layer."""
    with nn.scope("net"):
        h = wf.max_pool2d(wf.relu(nn.layers.conv2d(x, maps, 5, padding=2)), 2)
        h = wf.max_pool2d(wf.relu(nn.layers.conv2d(h, 2 * maps, 3, padding=1)), 2)
        return nn.layers.dense(wf.relu(nn.layers.dense(h, 8 * maps)), 10)


def learnt_digits(args: argparse.Namespace) -> tuple[Data, wf.Expr, wf.Expr, wf.Expr]:
    """(the images, and of a network that has learnt them: its images, labels, logits)."""
    data = images(args, 16)
    x, t = wf.tensor4("x", ("batch", *data.images.shape[1:])), wf.vector("t", ("batch",), dtype="int64")
    logits = digits_network(x, 2 if args.quick else 12)
    loss, error = nn.losses.crossentropy(logits, t).mean(), 1 - nn.metrics.accuracy(logits, t)
    history = nn.fit([x, t], loss, data.train, epochs=args.epochs, batch=args.batch, seed=args.seed, target=args.target)
    measured = nn.average(wf.function([x, t], error, target=args.target), data.test)
    print(f"loss {history['loss'][-1]:.4f}, test error {100 * measured:.2f} %")
    return data, x, t, logits


def photographs(height: int) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's two, a temple in China and a flower, each (1, 3, height, 3/2 height) of floats in [0, 1]."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_sample_images

    found = [
        zoom(p / 255, (height / p.shape[0], 1.5 * height / p.shape[1], 1), order=1) for p in load_sample_images().images
    ]
    temple, flower = (p.transpose(2, 0, 1)[None].astype(np.float32) for p in found)
    return temple, flower


def photo_network(x: wf.Expr, maps: int = 16) -> tuple[wf.Expr, list[wf.Expr]]:
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


def learnt_photos(args: argparse.Namespace, photos: list[np.ndarray]) -> tuple[wf.Expr, list[wf.Expr]]:
    """(images of any size, what the layers of a network give that has learnt how pieces of photographs are turned).

    Gidaris, Singh, Komodakis 2018, Unsupervised Representation Learning by Predicting Image Rotations.
    """
    x = wf.tensor4("x", ("batch", 3, "height", "width"))
    t = wf.vector("t", ("batch",), dtype="int64")
    logits, seen = photo_network(x, 2 if args.quick else 16)
    loss, error = nn.losses.crossentropy(logits, t).mean(), 1 - nn.metrics.accuracy(logits, t)
    data = turned_pieces(photos, args.examples or 3000, 24, args.seed)
    history = nn.fit(
        [x, t],
        loss,
        data,
        updates=nn.updates.adam(loss, nn.parameters(loss), 0.003),
        epochs=args.epochs,
        batch=args.batch,
        seed=args.seed,
        validation=turned_pieces(photos, 200, 24, args.seed + 1),
        metrics={"error": error},
        target=args.target,
    )
    print(f"turns of other pieces: {100 * history['error'][-1]:.1f} % wrong, by chance 87.5 %")
    return x, seen
