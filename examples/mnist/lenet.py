"""LeNet learns handwritten digits: 20C5-MP2-50C5-MP2-FC256 (LeCun et al. 1998, with relu and max pooling).

    python examples/lenet.py                          # scikit-learn's digits, 16 x 16 pixels, half a minute
    python examples/lenet.py --data DIR --epochs 10   # MNIST's four IDX files, gzipped or not
    python examples/lenet.py --target cuda            # on a device of NVIDIA's

Draws the learning curve and the filters of the first layer to out/lenet.png.
"""

import argparse
import gzip
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

import weft as wf


def read_idx(folder: Path, name: str) -> np.ndarray:
    """An array of bytes in MNIST's format: a magic number, the sizes, the elements."""
    path = next(p for p in (folder / name, folder / f"{name}.gz") if p.exists())
    raw = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
    rank = raw[3]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(np.frombuffer(raw, ">i4", rank, 4))


def mnist(folder: Path) -> tuple[np.ndarray, ...]:
    """(train images, train labels, test images, test labels): 60,000 and 10,000 of 28 x 28 pixels in [0, 1]."""
    images = [read_idx(folder, f"{part}-images-idx3-ubyte")[:, None] / np.float32(255) for part in ("train", "t10k")]
    labels = [read_idx(folder, f"{part}-labels-idx1-ubyte").astype(np.int64) for part in ("train", "t10k")]
    return images[0], labels[0], images[1], labels[1]


def digits(seed: int) -> tuple[np.ndarray, ...]:
    """The same of scikit-learn's 1,797 digits of 8 x 8 pixels, drawn at 16 x 16; a fifth of them for the test."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    found = load_digits()
    images = zoom(found.images / 16, (1, 2, 2), order=1, grid_mode=True, mode="nearest").astype(np.float32)[:, None]
    parts = train_test_split(
        images, found.target.astype(np.int64), test_size=0.2, stratify=found.target, random_state=seed
    )
    return parts[0], parts[2], parts[1], parts[3]


def shifted(images: np.ndarray, rng: np.random.Generator, by: int) -> np.ndarray:
    """Each image moved by up to so many pixels along each axis: more examples than there are."""
    size = images.shape[-1]
    wide = np.pad(images, ((0, 0), (0, 0), (by, by), (by, by)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, (size, size), axis=(2, 3))
    rows, columns = rng.integers(0, 2 * by + 1, (2, len(images)))
    return windows[np.arange(len(images)), :, rows, columns]


class LeNet:
    """The parameters, and the expressions made of them."""

    def __init__(self, size: int, rng: np.random.Generator):
        make = wf.nn.layers
        maps = ((size - 4) // 2 - 4) // 2  # pixels along a side after two convolutions and two poolings
        self.conv1 = make.conv_params(1, 20, 5, rng, "conv1")
        self.conv2 = make.conv_params(20, 50, 5, rng, "conv2")
        self.fc1 = make.dense_params(50 * maps * maps, 256, rng, "fc1")
        self.fc2 = make.dense_params(256, 10, rng, "fc2")
        self.params = [*self.conv1, *self.conv2, *self.fc1, *self.fc2]

    def logits(self, x: wf.Expr, dropout: float, draws: wf.random.Stream, training: bool) -> wf.Expr:
        """(batch, 1, size, size) -> (batch, 10)."""
        h = wf.max_pool2d(wf.relu(wf.conv2d(x, *self.conv1)), 2)
        h = wf.max_pool2d(wf.relu(wf.conv2d(h, *self.conv2)), 2)
        h = wf.relu(wf.nn.layers.dense(h, 256, *self.fc1))
        h = wf.dropout(h, dropout, draws, training)
        return wf.nn.layers.dense(h, 10, *self.fc2)


def compiled(net: LeNet, size: int, rate: wf.Expr, args: argparse.Namespace) -> tuple[wf.Function, wf.Function]:
    """(train(x, t) -> loss, with the parameters updated; count(x, t) -> how many are recognised)."""
    x = wf.tensor4("x", ("batch", 1, size, size))
    t = wf.vector("t", ("batch",), dtype="int64")
    draws = wf.random.Stream(args.seed)
    loss = wf.crossentropy(net.logits(x, args.dropout, draws, training=True), t).mean()
    updates = wf.nn.updates.adam(loss, net.params, learning_rate=rate)
    right = wf.eq(wf.argmax(net.logits(x, args.dropout, draws, training=False), axis=1), t).sum()
    return (
        wf.function([x, t], loss, updates=updates, name="train", target=args.target),
        wf.function([x, t], right, name="count", target=args.target),
    )


def accuracy(count: wf.Function, images: np.ndarray, labels: np.ndarray) -> float:
    """The share that is recognised."""
    right = sum(int(count(images[i : i + 500], labels[i : i + 500])) for i in range(0, len(images), 500))
    return right / len(images)


def learn(args: argparse.Namespace, data: tuple[np.ndarray, ...]) -> tuple[LeNet, list[float], list[float]]:
    """Train; the network, the loss of every step, and the test accuracy after every epoch."""
    images, labels, test_images, test_labels = data
    rng, rate, size = np.random.default_rng(args.seed), wf.shared(args.rate, "rate"), images.shape[-1]
    net = LeNet(size, rng)
    start = time.perf_counter()
    train, count = compiled(net, size, rate, args)
    print(f"compiled in {time.perf_counter() - start:.2f} s")
    losses, scores, seconds = [], [], []
    bar = tqdm(range(args.epochs), desc="epochs")
    for epoch in bar:
        rate.set_value(args.rate * 0.5 * (1 + np.cos(np.pi * epoch / args.epochs)))
        order = rng.permutation(len(images))
        for i in range(0, len(images) - args.batch + 1, args.batch):
            chosen = order[i : i + args.batch]
            x, t = shifted(images[chosen], rng, args.shift) if args.shift else images[chosen], labels[chosen]
            begin = time.perf_counter()
            losses.append(float(train(x, t)))
            seconds.append(time.perf_counter() - begin)
        scores.append(accuracy(count, test_images, test_labels))
        bar.set_postfix(loss=f"{losses[-1]:.4f}", test=f"{100 * scores[-1]:.2f} %")
    print(f"first step {seconds[0]:.2f} s, which prepares the kernels")
    print(f"{1e3 * np.median(seconds[1:]):.2f} ms for each of {len(losses)} steps of {args.batch} images")
    return net, losses, scores


def draw(path: Path, net: LeNet, losses: list[float], scores: list[float]) -> None:
    """The learning curve beside the first layer's filters."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.semilogy(losses, lw=0.6, color="tab:blue", label="training loss")
    left.set(xlabel="step", ylabel="loss")
    error = left.twinx()
    steps = np.linspace(0, len(losses), len(scores) + 1)[1:]
    error.plot(steps, [100 * (1 - s) for s in scores], "o-", ms=3, color="tab:red")
    error.set_ylabel("test error, %", color="tab:red")
    error.set_ylim(bottom=0)
    filters = net.conv1[0].get_value()[:, 0]
    grid = np.full((4 * 6 - 1, 5 * 6 - 1), np.nan)
    for number, image in enumerate(filters):
        row, column = divmod(number, 5)
        grid[6 * row : 6 * row + 5, 6 * column : 6 * column + 5] = image
    limit = np.abs(filters).max()
    right.imshow(grid, cmap="RdBu", vmin=-limit, vmax=limit)
    right.set(title="filters of the first layer", xticks=[], yticks=[])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Read the data, train, draw."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--data", type=Path, help="a folder with MNIST's IDX files; without it, scikit-learn's digits"
    )
    arguments.add_argument("--epochs", type=int, help="passes over the data (default 40 for the digits, 10 for MNIST)")
    arguments.add_argument("--batch", type=int, default=128, help="images for a step (default 128)")
    arguments.add_argument("--rate", type=float, default=2e-3, help="Adam's learning rate at the start (default 0.002)")
    arguments.add_argument("--dropout", type=float, default=0.4, help="of the 256 hidden units (default 0.4)")
    arguments.add_argument(
        "--shift", type=int, default=1, help="training images are moved by so many pixels (default 1)"
    )
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path, default=Path("out/lenet.png"), help="the picture")
    arguments.add_argument("--target", default="cpu", help='"cpu", "cuda", or another target (default cpu)')
    arguments.add_argument("--examples", type=int, help="learn and test with so many images alone")
    arguments.add_argument("--quick", action="store_true", help="a few steps, to see that everything runs")
    args = arguments.parse_args()
    data = mnist(args.data) if args.data else digits(args.seed)
    args.epochs = args.epochs or (10 if args.data else 40)
    if args.quick:
        args.epochs, args.examples = 2, args.examples or 400
    data = tuple(part[: args.examples] for part in data)
    net, losses, scores = learn(args, data)
    draw(args.out, net, losses, scores)
    print(f"picture: {args.out}")
    print(f"test accuracy {100 * scores[-1]:.2f} %")


if __name__ == "__main__":
    main()
