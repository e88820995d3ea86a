"""The training steps that are compared: networks by name, and their steps in each framework."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import networks
from inception import inception_v3
from large_networks import bottleneck_resnet, deep_mlp, densenet, penalised, unrolled_rnn, vgg16
from networks import Network
from training import TRAINING, Step, Task

SMALL: dict[str, Callable[[], Network]] = {
    "logreg": networks.logistic_regression,
    "mlp": networks.mlp,
    "autoencoder": networks.autoencoder,
    "lenet": networks.lenet,
    "vgg-small": networks.vgg_small,
    "resnet20": partial(networks.resnet, 20, 64),
    "char-lstm": networks.char_lstm,
}

_densenet121 = partial(densenet, (6, 12, 24, 16))

# with growing numbers of nodes
FAMILIES: dict[str, dict[str, Callable[[], Network]]] = {
    "resnet": {
        **{f"resnet{depth}-2": partial(networks.resnet, depth, 2) for depth in (20, 44, 110)},
        "resnet164": partial(bottleneck_resnet, 164),
    },
    "densenet": {
        "densenet121": _densenet121,
        "densenet169": partial(densenet, (6, 12, 32, 32)),
        "densenet264": partial(densenet, (6, 12, 64, 48)),
    },
    "rnn": {f"rnn{steps}": partial(unrolled_rnn, steps) for steps in (25, 50, 100, 200)},
    "chain": {f"chain{layers}": partial(deep_mlp, layers) for layers in (50, 500, 5000)},
}

LARGE: dict[str, Callable[[], Network]] = {
    "vgg16": vgg16,
    "inception-v3": inception_v3,
    **{name: make for family in FAMILIES.values() for name, make in family.items()},
}

# densenet121 after one change
CHANGED: dict[str, Callable[[], Network]] = {
    "tanh of the logits": partial(_densenet121, tanh=True),
    "weight penalty": lambda: penalised(_densenet121()),
    "adam": lambda: _densenet121()._replace(optimiser="adam"),
    "11 classes": partial(_densenet121, classes=11),
}

MODELS = {**SMALL, **LARGE, **CHANGED}


def task(name: str) -> Task:
    """What a network of that name trains, with the numbers that it starts with."""
    return MODELS[name]().task()


def make_step(framework: str, name: str, **options: Any) -> Step:
    """The step of a network in a framework, with these options of weft's `function`; it returns the loss before it."""
    step: Step = TRAINING[framework]().step(task(name), **options)
    return step


STEPS = {framework: partial(make_step, framework) for framework in TRAINING}
weft_step = STEPS["weft"]
