"""Steps of training: the losses and the parameters are those of the CPU, and the networks learn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...codegen.function import function
from ...symbolic.variables import get_value
from .check import DeviceCheck, DeviceSetting, group_checks
from .compare import Array, compare, require
from .models import Network, char_rnn, lenet, perceptron

STEPS = 20
# What rounding grows to over so many steps, relative to the largest loss; LeNet's losses move by 2**-8 of themselves
# where its parameters and images move by 2**-11.
NEAR = {"float32": 2.0**-12, "tf32": 2.0**-5}


def _train(make: Callable[[], Network], target: str, steps: int, **options: Any) -> tuple[list[float], list[Array]]:
    """The losses of so many steps, and the parameters after them."""
    network, rng = make(), np.random.default_rng(3)
    step = function(network.inputs, network.loss, network.updates, target=target, **options)
    held = [step(*network.draw(rng)) for _ in range(steps)]
    return [float(loss) for loss in held], [get_value(p) for p in network.params]


def check_training(
    large: Callable[[], Network], small: Callable[[], Network], setting: DeviceSetting, **options: Any
) -> None:
    """All losses of twenty steps, and the parameters after them."""
    make, steps = setting.pick(large, small), setting.pick(STEPS, 4)
    losses, params = _train(make, setting.target, steps, **options)
    expected, wanted = _train(make, "cpu", steps)
    eps = NEAR[options.get("precision", "float32")] / float(np.finfo("float32").eps)
    compare("the losses", np.array(losses, "float32"), np.array(expected, "float32"), eps)
    for number, (one, other) in enumerate(zip(params, wanted, strict=True)):
        compare(f"parameter {number}", one, other, eps * 4, max(1.0, float(np.abs(other).max())))
    require(np.isfinite(losses).all(), "A loss is not finite.")
    if steps == STEPS:
        require(np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3]), f"The network learns nothing: {losses}.")


def check_sizes(setting: DeviceSetting) -> None:
    """Batches of other sizes, the last one with a single example, and an empty one between."""
    network, other = perceptron(8, 30, 20), perceptron(8, 30, 20)
    step = setting.compile(network.inputs, network.loss, network.updates)
    on_cpu = function(other.inputs, other.loss, other.updates)
    rng = np.random.default_rng(4)
    for size in (8, 7, 1, 8, 1):
        x, t = (v[:size] for v in network.draw(rng))
        compare(f"the loss of a batch of {size}", step(x, t), np.asarray(on_cpu(x, t)), 1024, 1.0)


def checks() -> list[DeviceCheck]:
    """All of the group."""
    mlp = partial(perceptron, 128, 784, 256), partial(perceptron, 9, 30, 20)
    convolutional = partial(lenet, 128, 28, (20, 50), 256), partial(lenet, 3, 16, (3, 4), 8)
    recurrent = partial(char_rnn, 32, 50, 64), partial(char_rnn, 3, 6, 8)
    return group_checks(
        "training",
        {
            "MLP": partial(check_training, *mlp),
            "LeNet": partial(check_training, *convolutional),
            "char RNN": partial(check_training, *recurrent),
            "MLP, losses on the device": partial(check_training, *mlp, results="device"),
            "LeNet, tf32": partial(check_training, *convolutional, precision="tf32"),
            "batches of other sizes": check_sizes,
        },
    )
