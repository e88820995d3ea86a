"""The workloads of kernels.py, written once over the few operations that each framework brings here."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Call = Callable[[], Any]


class Weft:
    """weft: expressions over inputs of known sizes, compiled."""

    def __init__(self) -> None:
        import weft

        self.wf = weft

    def call(self, function: Callable[..., Any], arrays: Sequence[np.ndarray]) -> Call:
        """A call of function(*arrays)."""
        inputs = [self.wf.tensor(None, a.shape, dtype=a.dtype.name) for a in arrays]
        compiled = self.wf.function(inputs, function(*inputs))
        return lambda: compiled(*arrays)

    def gradient(self, function: Callable[..., Any], arrays: Sequence[np.ndarray], wrt: Sequence[int]) -> Call:
        """A call of the cotangents of the arguments `wrt`; the last array is the cotangent of the result."""

        def cotangents(*inputs: Any) -> Any:
            return list(self.wf.vjp([function(*inputs[:-1])], [inputs[i] for i in wrt], [inputs[-1]]))

        inputs = [self.wf.tensor(None, a.shape, dtype=a.dtype.name) for a in arrays]
        compiled = self.wf.function(inputs, cotangents(*inputs), on_unused_input="ignore")
        return lambda: compiled(*arrays)

    def conv(self, x: Any, w: Any, stride: int, pad: int, dilation: int, groups: int) -> Any:
        return self.wf.conv2d(x, w, stride=stride, padding=pad, dilation=dilation, groups=groups)

    def max_pool(self, x: Any, size: int, stride: int, pad: int) -> Any:
        return self.wf.max_pool2d(x, size, stride=stride, padding=pad)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wf, name)


class Torch:
    """PyTorch, eager."""

    def __init__(self) -> None:
        import os

        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.torch = torch

    def call(self, function: Callable[..., Any], arrays: Sequence[np.ndarray]) -> Call:
        tensors = [self.torch.from_numpy(a) for a in arrays]
        return lambda: function(*tensors)

    def gradient(self, function: Callable[..., Any], arrays: Sequence[np.ndarray], wrt: Sequence[int]) -> Call:
        *tensors, g = (self.torch.from_numpy(a) for a in arrays)
        for i in wrt:
            tensors[i].requires_grad_()
        result = function(*tensors)  # once: what is timed is the backward pass alone
        return lambda: self.torch.autograd.grad(result, [tensors[i] for i in wrt], g, retain_graph=True)

    def conv(self, x: Any, w: Any, stride: int, pad: int, dilation: int, groups: int) -> Any:
        return self.torch.conv2d(x, w, None, stride, pad, dilation, groups)

    def max_pool(self, x: Any, size: int, stride: int, pad: int) -> Any:
        return self.torch.nn.functional.max_pool2d(x, size, stride, pad)

    def max(self, x: Any, axis: int) -> Any:
        return self.torch.amax(x, axis)

    def logsumexp(self, x: Any, axis: int) -> Any:
        return self.torch.logsumexp(x, axis)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.torch, name)


class Jax:
    """JAX under jit."""

    def __init__(self) -> None:
        import jax

        self.jax = jax

    def call(self, function: Callable[..., Any], arrays: Sequence[np.ndarray]) -> Call:
        compiled, given = self.jax.jit(function), [self.jax.numpy.asarray(a) for a in arrays]
        return lambda: self.jax.block_until_ready(compiled(*given))

    def gradient(self, function: Callable[..., Any], arrays: Sequence[np.ndarray], wrt: Sequence[int]) -> Call:
        def cotangents(*inputs: Any) -> Any:
            found = self.jax.vjp(function, *inputs[:-1])[1](inputs[-1])
            return [found[i] for i in wrt]

        return self.call(cotangents, arrays)

    def conv(self, x: Any, w: Any, stride: int, pad: int, dilation: int, groups: int) -> Any:
        options = {"rhs_dilation": (dilation, dilation), "feature_group_count": groups}
        return self.jax.lax.conv_general_dilated(x, w, (stride, stride), [(pad, pad)] * 2, **options)

    def max_pool(self, x: Any, size: int, stride: int, pad: int) -> Any:
        window, padding = (1, 1, size, size), [(0, 0), (0, 0), (pad, pad), (pad, pad)]
        return self.jax.lax.reduce_window(x, -np.inf, self.jax.lax.max, window, (1, 1, stride, stride), padding)

    def softmax(self, x: Any, axis: int) -> Any:
        return self.jax.nn.softmax(x, axis)

    def logsumexp(self, x: Any, axis: int) -> Any:
        return self.jax.nn.logsumexp(x, axis)

    def relu(self, x: Any) -> Any:
        return self.jax.nn.relu(x)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.jax.numpy, name)


class NumPy:
    """NumPy: what it does by itself."""

    def call(self, function: Callable[..., Any], arrays: Sequence[np.ndarray]) -> Call:
        return lambda: function(*arrays)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


FRAMEWORKS = {"weft": Weft, "torch": Torch, "jax": Jax, "numpy": NumPy}
