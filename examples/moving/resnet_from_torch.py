"""A ResNet-18 that PyTorch has trained on five digits is fine-tuned on all ten, and goes on to ONNX Runtime.

It comes and goes as ONNX, and nothing of it is written again for weft: what arrives is an ordinary graph. PyTorch has
put its batch normalisations into the convolutions before them.

    pip install torch onnxscript onnxruntime "weft-compiler[onnx]"
    python -m examples.moving.resnet_from_torch              # scikit-learn's digits, drawn at 32 x 32 pixels
    python -m examples.moving.resnet_from_torch --data DIR   # MNIST, CIFAR-10

He, Zhang, Ren, Sun 2016, Deep Residual Learning for Image Recognition, table 1.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import weft as wf
from weft import nn

from ..common import Data, how, images, options, picture, plots, show, steps
from ..convnet import curve


class Block(torch.nn.Module):
    """Two convolutions, and a shortcut around them."""

    def __init__(self, before: int, maps: int, stride: int) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(before, maps, 3, stride, 1, bias=False)
        self.second = torch.nn.Conv2d(maps, maps, 3, 1, 1, bias=False)
        self.norms = torch.nn.ModuleList(torch.nn.BatchNorm2d(maps) for _ in range(3))
        self.shortcut = torch.nn.Conv2d(before, maps, 1, stride, bias=False) if before != maps else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norms[1](self.second(torch.relu(self.norms[0](self.first(x)))))
        return torch.relu(y + (x if self.shortcut is None else self.norms[2](self.shortcut(x))))


def resnet18(channels: int, maps: int) -> torch.nn.Sequential:
    """The features of ResNet-18; `maps` in the first of its four stages, 64 in the paper."""
    stem = [torch.nn.Conv2d(channels, maps, 7, 2, 3, bias=False), torch.nn.BatchNorm2d(maps), torch.nn.ReLU()]
    widths = [maps, maps, 2 * maps, 4 * maps, 8 * maps]
    blocks = [
        Block(before if first else after, after, stride if first else 1)
        for before, after, stride in zip(widths, widths[1:], (1, 2, 2, 2), strict=False)
        for first in (True, False)
    ]
    return torch.nn.Sequential(
        *stem, torch.nn.MaxPool2d(3, 2, 1), *blocks, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    )


def trained_in_torch(args: argparse.Namespace, data: Data, maps: int) -> torch.nn.Module:
    """The features of a net that has learned these classes, in PyTorch."""
    torch.manual_seed(args.seed)
    features = resnet18(data.images.shape[1], maps)
    net = torch.nn.Sequential(features, torch.nn.Linear(8 * maps, 1 + int(data.labels.max())))
    adam, rng = torch.optim.Adam(net.parameters(), args.rate), np.random.default_rng(args.seed)
    for _ in range(args.epochs):
        for x, t in nn.batches(data.train, args.batch, rng):
            adam.zero_grad()
            torch.nn.functional.cross_entropy(net(torch.from_numpy(x)), torch.from_numpy(t)).backward()
            adam.step()
    return features.eval()


def export(features: torch.nn.Module, image: np.ndarray, path: Path) -> None:
    """Write the net as ONNX, for batches of any size."""
    batch = torch.from_numpy(np.stack([image, image]))
    sizes = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(features, (batch,), path, input_names=["x"], dynamic_shapes=sizes, verbose=False)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Learn in PyTorch, fine-tune, answer with ONNX Runtime; print errors, draw the curve and what is wrong."""
    more = {"maps": (64, "maps in the first stage"), "rate": (3e-4, "Adam's learning rate at the start")}
    args = options(__doc__, argv, epochs=10, batch=64, **more)
    data = images(args, 32)
    maps = 8 if args.quick else args.maps
    came, went = args.out / "from_torch.onnx", args.out / "fine_tuned.onnx"
    export(trained_in_torch(args, data.only(0, 1, 2, 3, 4), maps), data.images[0], came)

    net = wf.onnx.load(came)
    (x,), (features,) = net.inputs.values(), net.outputs.values()
    logits, t = nn.layers.dense(features, 10, name="head"), wf.vector("t", ("batch",), dtype="int64")
    loss = nn.losses.crossentropy(logits, t).mean()
    rate = nn.schedules.cosine(args.rate, steps(args, len(data.images)))
    updates = nn.updates.adam(loss, nn.parameters(loss), rate)
    error = 100 * (1 - nn.metrics.accuracy(logits, t))
    history = nn.fit(
        [x, t], loss, data.train, updates=updates, validation=data.test, metrics={"error": error}, **how(args)
    )
    wf.onnx.save({"probabilities": wf.softmax(logits)}, went)

    session = onnxruntime.InferenceSession(went, providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, {"x": data.test_images})
    ours = wf.function([x], wf.softmax(logits))(data.test_images)
    wrong = answers.argmax(1) != data.test_labels
    figures = {
        "test error in ONNX Runtime, %": 100 * float(wrong.mean()),
        "largest difference of a probability": float(np.abs(answers - ours).max()),
    }
    print(f"{len(net.parameters)} arrays, {nn.count(loss):,} parameters: {figures}")
    figure, (errors, mistakes) = plots(2)
    curve(errors, history)
    shown = np.flatnonzero(wrong)[:30] if wrong.any() else np.arange(30)
    show(mistakes, f"{'wrong' if wrong.any() else 'right'} answers", data.test_images[shown])
    picture(args, "resnet_from_torch", figure)
    return figures


if __name__ == "__main__":
    main()
