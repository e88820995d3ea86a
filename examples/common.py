"""What the programs of the gallery share: options, data, and where pictures go."""

import argparse
import gzip
import math
import sys
import textwrap
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

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
    parser.add_argument("--examples", type=int, help="learn from so many examples alone, test with all")
    parser.add_argument("--quick", action="store_true", help="one epoch of few examples, to see that everything runs")
    for name, value in more.items():
        default, text = value if isinstance(value, tuple) else (value, "")
        kind = {"action": "store_true"} if default is False else {"type": type(default), "default": default}
        parser.add_argument(f"--{name.replace('_', '-')}", help=text, **kind)
    args = parser.parse_args(argv)
    if args.batch < 1 or (args.examples is not None and args.examples < 1):
        parser.error("--batch and --examples are numbers of examples, 1 or more.")
    if args.quick:
        args.epochs, args.examples = min(args.epochs, 1), args.examples or 200
    args.out.mkdir(parents=True, exist_ok=True)
    nn.init.seed(args.seed)
    return args


def refuse(sentence: str) -> NoReturn:
    """End the program as for an option that it does not know: say why, exit status 2."""
    print(f"error: {sentence}", file=sys.stderr)
    raise SystemExit(2)


def how(args: argparse.Namespace, **other: Any) -> dict[str, Any]:
    """What `nn.fit` takes from the options, and `other` over it.

    The weights are those after the last epoch: the best on the test set would make its error look smaller than it is.
    """
    common = {"epochs": args.epochs, "batch": args.batch, "seed": args.seed, "target": args.target, "keep_best": False}
    return {**common, **other}


def steps(args: argparse.Namespace, examples: int) -> int:
    """How many steps a training takes: the batches of an epoch, the last of which may be smaller, times the epochs."""
    return args.epochs * -(-examples // args.batch)


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
    """MNIST or CIFAR-10 from the folder `--data`; without one, scikit-learn's digits at `size` x `size` pixels.

    `--examples` leaves few to learn from, and the test is the same; `--quick` leaves few of both.
    """
    found = digits(args.seed, size) if args.data is None else images_of(args.data)
    few, test = args.examples, args.examples if args.quick else None
    return Data(found.images[:few], found.labels[:few], found.test_images[:test], found.test_labels[:test])


def images_of(folder: Path) -> Data:
    """MNIST or CIFAR-10, whichever is in the folder."""
    if not folder.is_dir():
        refuse(f"--data {folder} is no folder; MNIST and CIFAR-10 are read from the folder that holds their files.")
    if any(folder.glob("train-images-idx3-ubyte*")):
        return mnist(folder)
    if any(folder.glob("data_batch*.bin*")):
        return cifar10(folder)
    refuse(
        f"--data {folder} has neither MNIST's train-images-idx3-ubyte nor CIFAR-10's data_batch_1.bin, gzipped or not."
    )


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


def contents(folder: Path, name: str) -> bytes:
    """The bytes of a file, which may be there gzipped."""
    path = next((p for p in (folder / name, folder / f"{name}.gz") if p.exists()), None)
    if path is None:
        refuse(f"--data {folder} has no file {name}, gzipped or not.")
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        refuse(f"--data: {path} cannot be read: {error}.")


def mnist(folder: Path) -> Data:
    """MNIST's four IDX files, gzipped or not: 60,000 and 10,000 images of 28 x 28 pixels."""
    found = []
    for part in ("train", "t10k"):
        pixels, labels = (read_idx(folder, f"{part}-{name}-ubyte") for name in ("images-idx3", "labels-idx1"))
        if len(pixels) != len(labels):
            refuse(f"--data {folder} has {len(pixels)} images, but {len(labels)} labels, in the files named {part}.")
        found += [pixels[:, None] / np.float32(255), labels.astype(np.int64)]
    return Data(*found)


def read_idx(folder: Path, name: str) -> np.ndarray:
    """An array of bytes in MNIST's format: a magic number, which ends in the rank, the sizes, the elements."""
    raw, rank = contents(folder, name), int(name.partition("-idx")[2][0])
    start = 4 + 4 * rank
    sizes = [int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4)]
    if raw[:4] != bytes([0, 0, 8, rank]):
        refuse(f"--data: {folder / name} is not in MNIST's format: it does not begin with the bytes 0, 0, 8, {rank}.")
    if len(raw) != start + math.prod(sizes):
        shape = " x ".join(map(str, sizes))
        refuse(f"--data: {folder / name} should hold {shape} bytes after its head, but holds {len(raw) - start}.")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(sizes)


def cifar10(folder: Path) -> Data:
    """CIFAR-10's binary files, gzipped or not, as many as there are: images of 3 x 32 x 32 in 10 classes."""
    found: list[np.ndarray] = []
    for part in ("data_batch", "test_batch"):
        names = {path.name.removesuffix(".gz") for path in folder.glob(f"{part}*.bin*")} or {f"{part}.bin"}
        raw = b"".join(contents(folder, name) for name in sorted(names))
        if len(raw) % 3073:
            refuse(f"--data {folder}: the files {part} hold {len(raw)} bytes, but an image with its label takes 3073.")
        records = np.frombuffer(raw, np.uint8).reshape(-1, 3073)
        found += [records[:, 1:].reshape(-1, 3, 32, 32) / np.float32(255), records[:, 0].astype(np.int64)]
    return Data(*found)


def text(args: argparse.Namespace) -> str:
    """The text file `--data`, such as the plays of Shakespeare; without one, Python's own manual pages."""
    if args.data is not None:
        path = args.data / "input.txt" if args.data.is_dir() else args.data
        try:
            found = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            refuse(f"--data: {path} is not a text that can be read: {error}.")
    else:
        from pydoc_data.topics import topics

        found = "\n".join(str(page) for page in topics.values())
    return found[: 20 * args.examples] if args.examples else found


def picture(args: argparse.Namespace, name: str, figure: Any) -> None:
    """Write a figure of matplotlib's to the folder for pictures."""
    path = args.out / f"{name}.png"
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


def squares(images: np.ndarray) -> np.ndarray:
    """Images (n, channels, height, width), of rows of the pixels of square ones in gray or in three colours."""
    if images.ndim == 4:
        return images
    channels = 1 if math.isqrt(images.shape[1]) ** 2 == images.shape[1] else 3
    return images.reshape(len(images), channels, *2 * [math.isqrt(images.shape[1] // channels)])


def tiles(images: np.ndarray, columns: int, between: float) -> np.ndarray:
    """Images (n, channels, height, width) side by side in one (channels, rows, columns), lines of a number between."""
    rows = math.ceil(len(images) / columns)
    room = np.pad(images, [(0, rows * columns - len(images)), (0, 0), (1, 0), (1, 0)], constant_values=between)
    table = room.reshape(rows, columns, *room.shape[1:]).transpose(2, 0, 3, 1, 4)
    return table.reshape(images.shape[1], rows * room.shape[2], columns * room.shape[3])


def mosaic(images: np.ndarray, columns: int = 10) -> np.ndarray:
    """Images (n, channels, height, width), or rows of the pixels of square ones, side by side in one.

    Where any of it is outside of [0, 1], as in weights, 0 becomes gray and what is farthest from it, in each image,
    black or white.
    """
    each = squares(images)
    if each.min() < 0 or each.max() > 1:
        each = 0.5 + 0.5 * each / np.maximum(abs(each).max((1, 2, 3), keepdims=True), 1e-12)
    whole = tiles(each, columns, 0.5)
    return whole[0] if len(whole) == 1 else whole.transpose(1, 2, 0)


def show(plot: Any, title: str, images: np.ndarray, columns: int = 10) -> None:
    """Draw a mosaic of images where a plot would be."""
    plot.imshow(mosaic(images, columns), cmap="gray", vmin=0, vmax=1)
    plot.set_title(title, fontsize=10)
    plot.axis("off")


def templates(plot: Any, title: str, weights: np.ndarray, columns: int = 5) -> Any:
    """Draw the weights of each class, (classes, pixels), as an image: what speaks for it is blue, what against it red.

    One scale of colours serves all classes; the three colours of a pixel are added up.
    """
    (whole,) = tiles(squares(weights).sum(1, keepdims=True), columns, 0)
    limit = abs(whole).max()
    drawn = plot.imshow(whole, cmap="RdBu", vmin=-limit, vmax=limit)
    plot.set_title(title, fontsize=10)
    plot.axis("off")
    return drawn


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


def by_epoch(plot: Any, values: Sequence[float], label: str = "", **style: Any) -> Any:
    """Draw a number that there is for each epoch, the first of which is 1; the line."""
    (line,) = plot.plot(range(1, len(values) + 1), values, label=label, **style)
    plot.set_xlabel("epoch")
    plot.xaxis.get_major_locator().set_params(integer=True)
    return line


def plots(columns: int, width: float = 7.0, height: float = 3.0, rows: int = 1) -> tuple[Any, Any]:
    """(figure, its plots in an array) of matplotlib's, drawn without a screen, with axes at the left and below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    found = figure.subplots(rows, columns, squeeze=False)
    for plot in found.flat:
        plot.spines[["top", "right"]].set_visible(False)
    return figure, found[0] if rows == 1 else found
