"""Random numbers: a device draws the same bits as the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...codegen.function import function
from ...ops.control import scan
from ...ops.creation import zeros
from ...ops.normalization import dropout
from ...ops.random import Stream
from ...ops.reduce import sum as sum_over
from ...symbolic.expr import Expr
from ...symbolic.grad import grad
from ...symbolic.variables import matrix
from .check import DeviceCheck, DeviceSetting, group_checks
from .compare import Array, compare, compare_exactly, normal, require

Draw = Callable[[Stream, tuple[int, ...]], Expr]

# Those that are made of bits by exact steps: the same to the last bit.
EXACT: dict[str, Draw] = {
    "bits": lambda stream, shape: stream.bits(shape),
    "uniform float32": lambda stream, shape: stream.uniform(shape),
    "uniform float64": lambda stream, shape: stream.uniform(shape, -3.0, 5.0, "float64"),
    "uniform float16": lambda stream, shape: stream.uniform(shape, dtype="float16"),
    "bernoulli": lambda stream, shape: stream.bernoulli(0.3, shape),
    "integers": lambda stream, shape: stream.integers(-5, 1000, shape, "int32"),
}


def _three_calls(draw: Draw, shape: tuple[int, ...], target: str) -> list[Array]:
    stream = Stream(seed=11)
    f = function([], draw(stream, shape), target=target)
    return [np.asarray(f()) for _ in range(3)]


def check_exact(draw: Draw, setting: DeviceSetting) -> None:
    """Three calls on the device and on the CPU give the same bits, and each call other ones."""
    for shape in ((), (0, 3), (1,), (33, 7), setting.pick((1000, 1001), (70, 5))):
        found, expected = (_three_calls(draw, shape, target) for target in (setting.target, "cpu"))
        for one, other in zip(found, expected, strict=True):
            compare_exactly(f"a draw of {shape}", one, other)
        if np.prod(shape) > 200:
            require(not np.array_equal(found[0], found[1]), "The second call draws the same numbers as the first.")


def check_normal(setting: DeviceSetting) -> None:
    """Normal numbers, which go through logarithms and cosines, are the CPU's but for rounding."""
    for dtype in ("float32", "float64"):
        shape = setting.pick((1000, 1001), (100, 11))
        draw: Draw = partial(_normal, dtype)
        found, expected = (_three_calls(draw, shape, target) for target in (setting.target, "cpu"))
        for one, other in zip(found, expected, strict=True):
            compare("normal numbers", one, other, eps=16)
        require(abs(float(found[0].mean())) < 0.2 and abs(float(found[0].std()) - 1) < 0.1, "They are not normal.")


def _normal(dtype: str, stream: Stream, shape: tuple[int, ...]) -> Expr:
    return stream.normal(shape, dtype=dtype)


def check_streams(setting: DeviceSetting) -> None:
    """A stream that functions on both targets draw from goes on where the other left it, and begins again when told."""
    stream = Stream(seed=3)
    on_device, on_cpu = (function([], stream.uniform((5,)), target=t) for t in (setting.target, "cpu"))
    first = [on_device(), on_device(), on_cpu()]
    require(int(stream.counter.get_value()) == 3, "The stream has not counted three calls.")
    stream.seed(3)
    again = [on_device(), on_device(), on_cpu()]
    for one, other in zip(first, again, strict=True):
        compare_exactly("after seed(3)", one, other)
    stream.seed(4)
    require(not np.array_equal(on_device(), first[0]), "Another seed gives the same numbers.")


def check_in_loops(setting: DeviceSetting) -> None:
    """Every step of a loop draws anew, and a dropout's gradient uses the mask of its value."""
    found = []
    for target in (setting.target, "cpu"):
        stream = Stream(seed=5)
        _, drawn = scan(lambda h, _: (h, stream.uniform((4,)) + h), zeros((4,)), length=6)
        x = matrix("x", (5, 7))
        kept = dropout(x, 0.4, Stream(seed=6))
        f = function([x], [drawn, kept, grad(sum_over(kept * kept), x)], target=target)
        found.append([np.asarray(part) for part in f(normal((5, 7)))])
    for one, other in zip(*found, strict=True):
        compare("draws in a loop, and dropout", one, other, eps=2)
    rows = {row.tobytes() for row in found[0][0]}
    require(len(rows) == 6, "Two steps of a loop draw the same numbers.")


def checks() -> list[DeviceCheck]:
    """All of the group."""
    found: dict[str, Any] = {name: partial(check_exact, draw) for name, draw in EXACT.items()}
    found |= {"normal": check_normal, "streams": check_streams, "loops and dropout": check_in_loops}
    return group_checks("random", found)
