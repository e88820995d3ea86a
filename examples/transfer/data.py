"""What the programs of this group learn from: images anywhere on a larger ground, and few of each class."""

import argparse

import numpy as np

from ..common import Data, images


def scattered(args: argparse.Namespace, room: float = 1.5, copies: int = 4) -> Data:
    """Images anywhere on a black ground that is `room` times as large.

    What a network learns of some classes, that it does not matter where a digit is, is of use for others.
    """
    data, rng, found = images(args, 16), np.random.default_rng(args.seed), []
    for pictures, labels in (data.train, data.test):
        count = 1 if args.quick else copies
        size = pictures.shape[2]
        side = round(room * size)
        wide = np.zeros((count * len(pictures), pictures.shape[1], side, side), pictures.dtype)
        for ground, picture in zip(wide, np.tile(pictures, (count, 1, 1, 1)), strict=True):
            row, column = rng.integers(0, side - size + 1, 2)
            ground[:, row : row + size, column : column + size] = picture
        found += [wide, np.tile(labels, count)]
    return Data(*found)


def few(data: Data, each: int) -> Data:
    """So many examples of each class to learn from, and all to test."""
    chosen = [i for c in sorted(set(data.labels.tolist())) for i in (data.labels == c).nonzero()[0][:each]]
    return data._replace(images=data.images[chosen], labels=data.labels[chosen])
