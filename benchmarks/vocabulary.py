"""How many of the parts of torch.nn, torch.optim, Keras and optax weft has, and which it lacks.

    python -m benchmarks.vocabulary              # those that are installed
    python -m benchmarks.vocabulary --missing    # with the names that have no counterpart

A part counts where weft has a function of its name, written in small letters with underscores and without the number of
axes at its end, or where COUNTERPARTS says how it is called here, or which function it is an option of.  What is no
part of a network is left out, NO_PARTS: base classes, containers, preprocessing of files, and what is of a framework's
own machinery.  Parts for one, two and three axes count once.  The last lines are the sums.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

import weft as wf

from .counterparts import COUNTERPARTS, NO_PARTS

os.environ.setdefault("KERAS_BACKEND", "jax")


class Group(NamedTuple):
    """Modules of a framework whose public names are parts of one kind."""

    framework: str
    kind: str
    modules: tuple[str, ...]


NN = "torch.nn.modules."
GROUPS = [
    Group("torch", "activations", (NN + "activation",)),
    Group("torch", "convolutions", (NN + "conv",)),
    Group("torch", "pooling", (NN + "pooling",)),
    Group("torch", "normalisation", (NN + "batchnorm", NN + "instancenorm", NN + "normalization")),
    Group("torch", "padding, resizing", (NN + "padding", NN + "upsampling", NN + "pixelshuffle", NN + "fold")),
    Group("torch", "recurrent, attention", (NN + "rnn", NN + "transformer")),
    Group("torch", "dropout, embedding, linear", (NN + "dropout", NN + "sparse", NN + "linear", NN + "channelshuffle")),
    Group("torch", "losses, distances", (NN + "loss", NN + "distance")),
    Group("torch", "optimisers", ("torch.optim",)),
    Group("torch", "schedules", ("torch.optim.lr_scheduler",)),
    Group("torch", "initialisers", ("torch.nn.init",)),
    Group("keras", "activations", ("keras.activations",)),
    Group("keras", "layers", ("keras.layers",)),
    Group("keras", "losses", ("keras.losses",)),
    Group("keras", "optimisers", ("keras.optimizers",)),
    Group("keras", "schedules", ("keras.optimizers.schedules",)),
    Group("keras", "initialisers", ("keras.initializers",)),
    Group("keras", "regularisers, constraints", ("keras.regularizers", "keras.constraints")),
    Group("keras", "metrics", ("keras.metrics",)),
    Group("optax", "optimisers", ("optax._src.alias",)),
    Group("optax", "schedules", ("optax.schedules",)),
    Group("optax", "losses", ("optax.losses",)),
]


def plain(name: str) -> str:
    """A name in small letters with underscores, without the number of axes: `LazyConv2d` is lazy_conv."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return re.sub(r"_?[123]_?d(?=_|$)", "", split).strip("_")


def names_of(group: Group) -> Iterator[str]:
    """The public names of parts in a group's modules."""
    for path in group.modules:
        module = importlib.import_module(path)
        for name in getattr(module, "__all__", dir(module)):
            found = getattr(module, name, None)
            callable_part = inspect.isclass(found) or inspect.isfunction(found)
            if (
                callable_part
                and not name.startswith("_")
                and getattr(found, "__module__", "").startswith(group.framework)
            ):
                yield name


def wefts(kind: str) -> set[str]:
    """The plain names of weft's functions, of which parts of this kind can be; `x` is what needs no function."""
    nn = wf.nn
    spaces = {"initialisers": [nn, nn.init], "schedules": [nn, nn.schedules]}.get(kind)
    if spaces is None:
        spaces = [wf, nn, nn.activations, nn.layers, nn.losses, nn.updates, nn.metrics, nn.regularizers, nn.constraints]
    return {plain(name) for space in spaces for name in getattr(space, "__all__", dir(space))} | {"x", "x[...]"}


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--missing", action="store_true", help="also the names without a counterpart")
    args = arguments.parse_args()
    sums: dict[str, tuple[int, int]] = {}
    for group in GROUPS:
        own = wefts(group.kind)
        try:
            names = {plain(name) for name in names_of(group)} - NO_PARTS
        except ImportError:
            continue
        missing = sorted(n for n in names if n not in own and COUNTERPARTS.get(n) not in own)
        found, total = sums.get(group.framework, (0, 0))
        sums[group.framework] = found + len(names) - len(missing), total + len(names)
        print(f"{group.framework:6} {group.kind:27} {len(names) - len(missing):3} of {len(names):3}")
        if args.missing and missing:
            print(f"       {', '.join(missing)}")
    for framework, (found, total) in sums.items():
        print(f"{framework}: {found} of {total}")


if __name__ == "__main__":
    main()
