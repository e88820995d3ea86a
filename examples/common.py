"""What the programs of the gallery share: options, data, and where pictures go."""

import argparse
import gzip
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from weft import nn


def options(
    doc: str | None, argv: Sequence[str] | None, *, epochs: int, batch: int = 64, **more: Any
) -> argparse.Namespace:
    """The arguments of a program: those that all have, and `more`, {name: default or (default, help)}.

    What is False by default is a flag without a value.  `--quick` makes it one epoch of few examples, to see that
    everything runs.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with MNIST's or CIFAR-10's files, or a text file")
    parser.add_argument("--epochs", type=int, default=epochs, help=f"passes over the data (default {epochs})")
    parser.add_argument("--batch", type=int, default=batch, help=f"examples in a step (default {batch})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu", help='"cpu", "cuda", or another target (default cpu)')
    parser.add_argument("--out", type=Path, default=Path("out"), help="the folder for pictures (default out)")
    parser.add_argument("--examples", type=int, help="learn from so many examples alone")
    parser.add_argument("--quick", action="store_true", help="one epoch of few examples, to see that everything runs")
    for name, value in more.items():
        default, text = value if isinstance(value, tuple) else (value, "")
        kind = {"action": "store_true"} if default is False else {"type": type(default), "default": default}
        parser.add_argument(f"--{name.replace('_', '-')}", help=text, **kind)
    args = parser.parse_args(argv)
    if args.quick:
        args.epochs, args.examples = min(args.epochs, 1), args.examples or 200
    args.out.mkdir(parents=True, exist_ok=True)
    nn.init.seed(args.seed)
    return args


class Data(NamedTuple):
    """Images (n, channels, height, width) of float32 in [0, 1] and labels (n,) of int64, to learn and to test."""

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        return self.images, self.labels

    @property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        return self.test_images, self.test_labels

    @property
    def flat(self) -> "Data":
        """Each image as a row of numbers."""
        return Data(*(a.reshape(len(a), -1) if a.ndim == 4 else a for a in self))

    def only(self, *classes: int) -> "Data":
        """The examples of these classes, labelled by their places: 0, 1 ..."""
        place = {c: i for i, c in enumerate(classes)}
        found = []
        for x, t in (self.train, self.test):
            chosen = np.isin(t, classes)
            found += [x[chosen], np.array([place[int(c)] for c in t[chosen]], np.int64)]
        return Data(*found)


def images(args: argparse.Namespace, size: int = 8) -> Data:
    """MNIST or CIFAR-10 from the folder `--data`; without one, scikit-learn's digits at `size` x `size` pixels."""
    if args.data is None:
        found = digits(args.seed, size)
    else:
        found = mnist(args.data) if any(args.data.glob("train-images-idx3-ubyte*")) else cifar10(args.data)
    few = args.examples
    return Data(found.images[:few], found.labels[:few], found.test_images[:few], found.test_labels[:few])


def digits(seed: int = 0, size: int = 8) -> Data:
    """scikit-learn's 1,797 digits of 8 x 8 pixels, drawn at `size`; a fifth of them, 360, for the test."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    found = load_digits()
    drawn = found.images / 16
    if size != 8:
        drawn = zoom(drawn, (1, size / 8, size / 8), order=1, grid_mode=True, mode="nearest")
    labels = found.target.astype(np.int64)
    parts = train_test_split(
        drawn[:, None].astype(np.float32), labels, test_size=0.2, stratify=labels, random_state=seed
    )
    return Data(parts[0], parts[2], parts[1], parts[3])


def mnist(folder: Path) -> Data:
    """MNIST's four IDX files, gzipped or not: 60,000 and 10,000 images of 28 x 28 pixels."""
    found = []
    for part in ("train", "t10k"):
        found.append(read_idx(folder, f"{part}-images-idx3-ubyte")[:, None] / np.float32(255))
        found.append(read_idx(folder, f"{part}-labels-idx1-ubyte").astype(np.int64))
    return Data(*found)


def read_idx(folder: Path, name: str) -> np.ndarray:
    """An array of bytes in MNIST's format: a magic number, the sizes, the elements."""
    path = next(p for p in (folder / name, folder / f"{name}.gz") if p.exists())
    raw = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
    rank = raw[3]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(np.frombuffer(raw, ">i4", rank, 4))


def cifar10(folder: Path) -> Data:
    """CIFAR-10's binary files, gzipped or not, as many as there are: images of 3 x 32 x 32 in 10 classes."""
    found: list[np.ndarray] = []
    for part in ("data_batch", "test_batch"):
        paths = sorted(folder.glob(f"{part}*.bin*"))
        raw = b"".join((gzip.open if p.suffix == ".gz" else open)(p, "rb").read() for p in paths)
        records = np.frombuffer(raw, np.uint8).reshape(-1, 3073)
        found += [records[:, 1:].reshape(-1, 3, 32, 32) / np.float32(255), records[:, 0].astype(np.int64)]
    return Data(*found)


def text(args: argparse.Namespace) -> str:
    """The text file `--data`, such as the plays of Shakespeare; without one, Python's own manual pages."""
    if args.data is not None:
        found = (args.data / "input.txt" if args.data.is_dir() else args.data).read_text(encoding="utf-8")
    else:
        from pydoc_data.topics import topics

        found = "\n".join(str(page) for page in topics.values())
    return found[: 20 * args.examples] if args.examples else found


def picture(args: argparse.Namespace, name: str, figure: Any) -> None:
    """Write a figure of matplotlib's to the folder for pictures."""
    path = args.out / f"{name}.png"
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


def mosaic(images: np.ndarray, columns: int = 10) -> np.ndarray:
    """Images (n, channels, height, width), or rows of the pixels of square ones, side by side in one.

    Where any of it is outside of [0, 1], as in weights, 0 becomes gray and what is farthest from it, in each image,
    black or white.
    """
    side = math.isqrt(images[0].size)
    each = images if images.ndim == 4 else images.reshape(-1, 1, side, side)
    if each.min() < 0 or each.max() > 1:
        each = 0.5 + 0.5 * each / np.maximum(abs(each).max((1, 2, 3), keepdims=True), 1e-12)
    rows = math.ceil(len(each) / columns)
    room = np.pad(each, [(0, rows * columns - len(each)), (0, 0), (1, 0), (1, 0)], constant_values=0.5)
    table = room.reshape(rows, columns, *room.shape[1:]).transpose(2, 0, 3, 1, 4)
    whole = table.reshape(each.shape[1], rows * room.shape[2], columns * room.shape[3])
    return whole[0] if len(whole) == 1 else whole.transpose(1, 2, 0)


def show(plot: Any, title: str, images: np.ndarray, columns: int = 10) -> None:
    """Draw a mosaic of images where a plot would be."""
    plot.imshow(mosaic(images, columns), cmap="gray", vmin=0, vmax=1)
    plot.set_title(title, fontsize=10)
    plot.axis("off")


def tell(plot: Any, title: str, text: str, width: int = 64, lines: int = 18) -> None:
    """Write text where a plot would be."""
    wrapped = [part for line in text.splitlines() for part in textwrap.wrap(line, width, drop_whitespace=False) or [""]]
    plot.text(0, 1, "\n".join(wrapped[:lines]), va="top", family="monospace", fontsize=7, parse_math=False)
    plot.set_title(title, fontsize=10)
    plot.axis("off")


def scatter(plot: Any, title: str, places: np.ndarray, labels: np.ndarray, most: int = 2000) -> None:
    """Draw points of the plane in the colours of their labels, whose numbers stand at the medians."""
    plot.scatter(*places[:most].T, s=5, c=labels[:most], cmap="tab10", alpha=0.7)
    for label in np.unique(labels):
        box = {"boxstyle": "circle", "facecolor": "white", "alpha": 0.7, "linewidth": 0}
        plot.text(*np.median(places[labels == label], axis=0), str(label), ha="center", va="center", bbox=box)
    plot.set_title(title, fontsize=10)


def plots(columns: int, width: float = 7.0, height: float = 3.0, rows: int = 1) -> tuple[Any, Any]:
    """(figure, its plots in an array) of matplotlib's, drawn without a screen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    found = figure.subplots(rows, columns, squeeze=False)
    return figure, found[0] if rows == 1 else found
