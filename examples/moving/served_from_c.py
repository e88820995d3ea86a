"""LeNet is trained in Python, exported, and serves from a program of C that has neither Python nor weft.

Answers and logits of the C program are those of Python, bit for bit.

    python -m examples.moving.served_from_c              # scikit-learn's digits, 16 x 16 pixels
    python -m examples.moving.served_from_c --data DIR   # MNIST
"""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots, show, steps
from ..mnist.lenet import network

PROGRAM = Path(__file__).with_suffix(".c")


def build(predict: wf.Function, folder: Path, pixels: int) -> list[str]:
    """The C program around an exported function, and the weights that it loads."""
    predict.export(folder / "digits", sizes={"batch": 1}, values=False)
    nn.save(folder / "weights.npz", predict)
    command = ["cc", "-O2", f"-DPIXELS={pixels}", f"-I{folder}", str(PROGRAM), str(folder / "digits.o")]
    subprocess.run([*command, "-lm", "-lpthread", "-o", str(folder / "serve")], check=True)
    return [str(folder / "serve"), str(folder / "weights.npz")]


def ask(command: list[str], pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(digits, their logits) that the program says of images."""
    said = subprocess.run(command, input=np.ascontiguousarray(pixels).tobytes(), capture_output=True, check=True)
    rows = [line.split() for line in said.stdout.decode().splitlines()]
    return np.array([int(digit) for digit, _ in rows]), np.array([logit for _, logit in rows], np.float32)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, serve the test images, print the error and the time of an image; draw what C gets wrong."""
    args = options(__doc__, argv, epochs=15, batch=128, rate=(2e-3, "Adam's learning rate at the start"))
    data = images(args, 16)
    channels, _, size = data.images.shape[1:]
    (x, t, training), logits = network(size, *((4, 6), 16) if args.quick else ((20, 50), 256), channels)
    loss = nn.losses.crossentropy(logits, t).mean()
    updates = nn.updates.adam(loss, nn.parameters(loss), nn.schedules.cosine(args.rate, steps(args, len(data.images))))
    history = nn.fit([x, t], loss, data.train, updates=updates, training=training, **how(args))
    predict = wf.function([x], logits, givens={training: False}, name="predict")
    with TemporaryDirectory() as folder:
        command = build(predict, Path(folder), data.test_images[0].size)
        begun = time.perf_counter()
        digits, best = ask(command, data.test_images)
        seconds = time.perf_counter() - begun
        kilobytes = (Path(folder) / "serve").stat().st_size / 1e3
    python = np.concatenate([predict(image[None]) for image in data.test_images])
    wrong = digits != data.test_labels
    figures = {
        "test error from C, %": 100 * float(wrong.mean()),
        "other answers than Python's": float((digits != python.argmax(1)).sum() + (best != python.max(1)).sum()),
        "program, kB": kilobytes,
        "an image from C, start included, us": 1e6 * seconds / len(digits),
    }
    print(figures)
    figure, (curve, mistakes) = plots(2, 8)
    by_epoch(curve, history["loss"])
    curve.set(title="training loss, in Python", yscale="log")
    shown = np.flatnonzero(wrong)[:30] if wrong.any() else np.arange(30)
    answers = " ".join(map(str, digits[shown]))
    show(
        mistakes, f"{'wrong' if wrong.any() else 'right'} answers of the C program:\n{answers}", data.test_images[shown]
    )
    picture(args, "served_from_c", figure)
    return figures


if __name__ == "__main__":
    main()
