"""Layers of the networks that are compared, over the operations of any framework, and the numbers they start with."""

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from frameworks import Pad

Arrays = dict[str, np.ndarray]


class Layers:
    """Layers with parameters: a layer is named by its kind and its number, and its parameters by the layer.

    What is no layer is an operation of the framework.  `averages` are the running averages of batch normalisation: a
    layer puts the new ones in the place of the old ones.
    """

    def __init__(self, operations: Any, params: Mapping[str, Any], averages: dict[str, Any]):
        self.operations, self.params, self.averages = operations, params, averages
        self.count = 0

    def name(self, kind: str) -> str:
        """The name of the next layer."""
        self.count += 1
        return f"{kind}{self.count}"

    def normal(self, name: str, *shape: int, fan: int) -> Any:
        """A parameter that starts with a normal distribution of variance 2 / fan."""
        return self.params[name]

    def constant(self, name: str, size: int, value: float = 0.0) -> Any:
        """A vector that starts with one value."""
        return self.params[name]

    def average(self, name: str, size: int, value: float) -> None:
        """A running average that starts with one value."""

    def dense(self, x: Any, inputs: int, outputs: int) -> Any:
        """x @ w + b"""
        name = self.name("dense")
        return x @ self.normal(f"{name}_w", inputs, outputs, fan=inputs) + self.constant(f"{name}_b", outputs)

    def conv(self, x: Any, channels: int, maps: int, size: int | tuple[int, int], stride: int = 1, pad: Pad = 0) -> Any:
        """A convolution without a bias."""
        height, width = size if isinstance(size, tuple) else (size, size)
        w = self.normal(f"{self.name('conv')}_w", maps, channels, height, width, fan=channels * height * width)
        return self.operations.conv(x, w, 2, stride, pad, 1, 1)

    def bias(self, x: Any, maps: int) -> Any:
        """A bias for each map."""
        return x + self.constant(f"{self.name('bias')}_b", maps).reshape((1, maps, 1, 1))

    def norm(self, x: Any, channels: int) -> Any:
        """Batch normalisation of each channel, with this batch's statistics; running averages are kept of them."""
        name = self.name("norm")
        scale, shift = self.constant(f"{name}_scale", channels, 1.0), self.constant(f"{name}_shift", channels)
        self.average(f"{name}_mean", channels, 0.0)
        self.average(f"{name}_var", channels, 1.0)
        return self.operations.batch_norm_training(x, scale, shift, self.averages, name)

    def embed(self, indices: Any, rows: int, size: int) -> Any:
        """The rows of a table."""
        return self.normal(f"{self.name('embed')}_w", rows, size, fan=2)[indices]

    def lstm(self, x: Any, steps: int, batch: int, inputs: int, hidden: int) -> Any:
        """All hidden states of a long short-term memory, (steps, batch, hidden), over x (steps, batch, inputs)."""
        o, name = self.operations, self.name("lstm")
        wx = self.normal(f"{name}_wx", inputs, 4 * hidden, fan=2 * inputs)
        wh = self.normal(f"{name}_wh", hidden, 4 * hidden, fan=2 * hidden)
        b = self.constant(f"{name}_b", 4 * hidden)

        def step(carry: Any, u: Any) -> Any:
            h, cell = carry
            z = u + h @ wh
            i, f, g, out = (z[:, k * hidden : (k + 1) * hidden] for k in range(4))
            cell = o.sigmoid(f) * cell + o.sigmoid(i) * o.tanh(g)
            h = o.sigmoid(out) * o.tanh(cell)
            return (h, cell), h

        gates = (x.reshape((steps * batch, inputs)) @ wx + b).reshape((steps, batch, 4 * hidden))
        zero = o.zeros((batch, hidden))
        return o.scan(step, (zero, zero), gates)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.operations, name)


class Drawing(Layers):
    """Layers that compute nothing, and draw the parameters that they ask for."""

    def __init__(self) -> None:
        super().__init__(Blank(), {}, {})
        self.rng = np.random.default_rng(0)
        self.drawn: Arrays = {}

    def normal(self, name: str, *shape: int, fan: int) -> Any:
        values = self.rng.standard_normal(shape, np.float32)
        values *= np.float32((2.0 / fan) ** 0.5)
        self.drawn[name] = values
        return self.operations

    def constant(self, name: str, size: int, value: float = 0.0) -> Any:
        self.drawn[name] = np.full(size, value, np.float32)
        return self.operations

    def average(self, name: str, size: int, value: float) -> None:
        self.averages[name] = np.full(size, value, np.float32)


class Blank:
    """Stands for every value and every operation where nothing is computed."""

    def _same(self, *arguments: Any, **keywords: Any) -> Any:
        return self

    __call__ = __getitem__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = _same

    def __getattr__(self, name: str) -> Any:
        return self

    def __iter__(self) -> NoReturn:
        raise TypeError("Nothing is computed here: how many parts a value has is not known.")
