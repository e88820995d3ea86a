"""Image networks, narrow ones for small images."""

import functools

import numpy as np

import weft as wf
from weft.nn import zoo

from ...calls import STREAM, call


def x(size: int) -> wf.Expr:
    return wf.tensor4("x", (1, 3, size, size))


HOW = {"weights": wf.nn.init.he_normal, "rng": np.random.default_rng(0), "name": "net"}
NOISY = {**HOW, "dropout": 0.25, "stream": STREAM}


MANY = 10**4  # classes, with which the sweep computes no values: it leaves out what is large


def zeros(shape, rng):
    return wf.nn.init.constant(shape)


def narrow(function, size, classes=3, **options):
    """A call with a sixteenth of the maps, and with no other `width`: seven times a network is a large one."""
    return call(functools.partial(function, width=0.0625), x(size), classes, True, **options)


CALLS = {
    "zoo.alexnet": narrow(zoo.alexnet, 63, **NOISY),
    "zoo.zfnet": narrow(zoo.zfnet, 63, **NOISY),
    "zoo.googlenet": narrow(zoo.googlenet, 32, aux=False, normal=False, **NOISY),
    "zoo.inception_v3": narrow(zoo.inception_v3, 75, MANY, aux=False, **NOISY),
    "zoo.small_vgg": narrow(zoo.small_vgg, 8, **NOISY),
    "zoo.resnet": call(
        zoo.resnet, x(8), (1, 1), 3, True, bottleneck=True, plain=False, stride_first=False, width=0.25, **HOW
    ),
    "zoo.cifar_resnet": call(zoo.cifar_resnet, x(8), 8, 3, True, plain=False, width=0.25, **HOW),
    "zoo.densenet": call(zoo.densenet, x(16), (1, 2), 4, 3, True, **NOISY),
    "zoo.cifar_densenet": call(zoo.cifar_densenet, x(8), 10, 4, 3, True, bottleneck=True, **NOISY),
}
CALLS |= {f"zoo.{f.__name__}": narrow(f, 32, **NOISY) for f in (zoo.vgg_a, zoo.vgg_a_lrn, zoo.vgg_b, zoo.vgg_c)}
CALLS |= {f"zoo.{f.__name__}": narrow(f, 32, **NOISY) for f in (zoo.vgg16, zoo.vgg19)}
for _depth in (18, 34, 50, 101, 152):
    CALLS[f"zoo.resnet{_depth}"] = narrow(getattr(zoo, f"resnet{_depth}"), 8, **(HOW if _depth == 18 else {}))
for _depth in (121, 161, 169, 201, 264):
    _options = NOISY if _depth == 121 else {"weights": zeros}
    CALLS[f"zoo.densenet{_depth}"] = call(getattr(zoo, f"densenet{_depth}"), x(32), MANY, True, **_options)
