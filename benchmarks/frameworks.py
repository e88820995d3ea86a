"""The operations of workloads.py as each framework's users would write them.

A call that changes state instead of returning values returns a function that looks at it.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Call = Callable[[], Any]
Arrays = Sequence[np.ndarray]
Pad = int | tuple[int, ...]  # zeros on both sides of each axis, or of each one its own
RATE, EPS = 1e-3, 1e-5  # of adam; of the norms


class Weft:
    """weft: expressions over inputs of known sizes, compiled."""

    def __init__(self) -> None:
        import weft

        self.wf = weft

    def call(self, function: Callable[..., Any], arrays: Arrays) -> Call:
        """A call of function(*arrays)."""
        inputs = [self.wf.tensor(None, a.shape, dtype=a.dtype.name) for a in arrays]
        compiled = self.wf.function(inputs, function(*inputs), on_unused_input="ignore")
        return lambda: compiled(*arrays)

    def gradients(self, function: Callable[..., Any], arrays: Arrays, wrt: Sequence[int]) -> Call:
        """A call of the cotangents of the arguments `wrt`; the last array is the cotangent of the result."""
        return self.call(lambda *x: list(self.wf.vjp([function(*x[:-1])], [x[i] for i in wrt], [x[-1]])), arrays)

    def with_gradients(self, function: Callable[..., Any], arrays: Arrays, wrt: Sequence[int]) -> Call:
        """The same, and the result."""

        def both(*x: Any) -> Any:
            result = function(*x[:-1])
            return [result, *self.wf.vjp([result], [x[i] for i in wrt], [x[-1]])]

        return self.call(both, arrays)

    def adam(self, param: np.ndarray, gradient: np.ndarray) -> Call:
        p, g = self.wf.shared(param), self.wf.tensor(None, gradient.shape, dtype="float32")
        step = self.wf.function([g], None, updates=self.wf.nn.updates.adam([g], [p], RATE))

        def call() -> Any:
            step(gradient)
            return p.get_value

        return call

    def conv(self, x: Any, w: Any, axes: int, stride: int, pad: Pad, dilation: int, groups: int) -> Any:
        convolution = getattr(self.wf, f"conv{axes}d")
        return convolution(x, w, stride=stride, padding=pad, dilation=dilation, groups=groups)

    def conv_transpose(self, x: Any, w: Any, stride: int, pad: int) -> Any:
        return self.wf.conv2d_transpose(x, w, stride=stride, padding=pad)

    def max_pool(self, x: Any, size: int, stride: int, pad: int) -> Any:
        return self.wf.max_pool2d(x, size, stride=stride, padding=pad)

    def mean_pool(self, x: Any, size: int, stride: int, pad: int) -> Any:
        return self.wf.avg_pool2d(x, size, stride=stride, padding=pad, count_include_pad=True)

    def batch_norm(self, x: Any, scale: Any, shift: Any) -> Any:
        return self.wf.batch_norm(x, scale, shift, axes=(0, 2, 3), eps=EPS)[0]

    def crossentropy(self, logits: Any, labels: Any) -> Any:
        return self.wf.mean(self.wf.nn.losses.crossentropy(logits, labels))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wf, name)


class Torch:
    """PyTorch, eager."""

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.torch, self.nn = torch, torch.nn.functional

    def call(self, function: Callable[..., Any], arrays: Arrays) -> Call:
        tensors = [self.torch.from_numpy(a) for a in arrays]
        return lambda: function(*tensors)

    def _wanting(self, arrays: Arrays, wrt: Sequence[int]) -> list[Any]:
        tensors = [self.torch.from_numpy(np.array(a)) for a in arrays]
        for i in wrt:
            tensors[i].requires_grad_()
        return tensors

    def gradients(self, function: Callable[..., Any], arrays: Arrays, wrt: Sequence[int]) -> Call:
        *tensors, g = self._wanting(arrays, wrt)
        result = function(*tensors)  # once: what is timed is the backward pass alone
        return lambda: self.torch.autograd.grad(result, [tensors[i] for i in wrt], g, retain_graph=True)

    def with_gradients(self, function: Callable[..., Any], arrays: Arrays, wrt: Sequence[int]) -> Call:
        *tensors, g = self._wanting(arrays, wrt)

        def call() -> Any:
            result = function(*tensors)
            return [result.detach(), *self.torch.autograd.grad(result, [tensors[i] for i in wrt], g)]

        return call

    def adam(self, param: np.ndarray, gradient: np.ndarray) -> Call:
        p = self.torch.from_numpy(np.array(param)).requires_grad_()
        p.grad = self.torch.from_numpy(gradient)
        optimizer = self.torch.optim.Adam([p], RATE, fused=True)

        def call() -> Any:
            optimizer.step()
            return lambda: p.detach().numpy()

        return call

    def conv(self, x: Any, w: Any, axes: int, stride: int, pad: Pad, dilation: int, groups: int) -> Any:
        return getattr(self.torch, f"conv{axes}d")(x, w, None, stride, pad, dilation, groups)

    def conv_transpose(self, x: Any, w: Any, stride: int, pad: int) -> Any:
        return self.torch.conv_transpose2d(x, w, None, stride, pad)

    def max_pool(self, x: Any, size: int, stride: int, pad: int) -> Any:
        return self.nn.max_pool2d(x, size, stride, pad)

    def mean_pool(self, x: Any, size: int, stride: int, pad: int) -> Any:
        return self.nn.avg_pool2d(x, size, stride, pad)

    def layer_norm(self, x: Any, scale: Any, shift: Any) -> Any:
        return self.nn.layer_norm(x, scale.shape, scale, shift, EPS)

    def batch_norm(self, x: Any, scale: Any, shift: Any) -> Any:
        return self.nn.batch_norm(x, None, None, scale, shift, training=True, eps=EPS)

    def crossentropy(self, logits: Any, labels: Any) -> Any:
        return self.nn.cross_entropy(logits, labels)

    def max(self, x: Any, axis: int) -> Any:
        return self.torch.amax(x, axis)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.torch, name)


class TorchCompiled(Torch):
    """PyTorch, compiled: shapes are known, and the code is kept for the calls that are timed."""

    def __init__(self) -> None:
        super().__init__()
        import torch._functorch.config

        torch._functorch.config.donated_buffer = False  # `gradients` runs the backward pass alone, again and again

    def _compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.torch.compiler.reset()
        return self.torch.compile(function, dynamic=False)

    def call(self, function: Callable[..., Any], arrays: Arrays) -> Call:
        return super().call(self._compiled(function), arrays)

    def gradients(self, function: Callable[..., Any], arrays: Arrays, wrt: Sequence[int]) -> Call:
        return super().gradients(self._compiled(function), arrays, wrt)

    def with_gradients(self, function: Callable[..., Any], arrays: Arrays, wrt: Sequence[int]) -> Call:
        return super().with_gradients(self._compiled(function), arrays, wrt)


class Formulas:
    """Norms as users write them where a framework has none."""

    _normalised: Callable[[Any, tuple[int, ...]], Any]  # x over these axes, with mean 0 and variance 1

    def layer_norm(self, x: Any, scale: Any, shift: Any) -> Any:
        return self._normalised(x, (-1,)) * scale + shift

    def batch_norm(self, x: Any, scale: Any, shift: Any) -> Any:
        return self._normalised(x, (0, 2, 3)) * scale[:, None, None] + shift[:, None, None]


class Jax(Formulas):
    """JAX under jit."""

    def __init__(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self.jax, self.np, self.nn = jax, jax.numpy, jax.nn

    def call(self, function: Callable[..., Any], arrays: Arrays) -> Call:
        compiled, given = self.jax.jit(function), [self.np.asarray(a) for a in arrays]
        return lambda: self.jax.block_until_ready(compiled(*given))

    def gradients(self, function: Callable[..., Any], arrays: Arrays, wrt: Sequence[int]) -> Call:
        def cotangents(*x: Any) -> Any:
            return self._vjp(function, x, wrt)[1:]

        return self.call(cotangents, arrays)

    def with_gradients(self, function: Callable[..., Any], arrays: Arrays, wrt: Sequence[int]) -> Call:
        return self.call(lambda *x: self._vjp(function, x, wrt), arrays)

    def _vjp(self, function: Callable[..., Any], x: Sequence[Any], wrt: Sequence[int]) -> list[Any]:
        def of(*chosen: Any) -> Any:
            return function(*(chosen[wrt.index(i)] if i in wrt else x[i] for i in range(len(x) - 1)))

        result, back = self.jax.vjp(of, *(x[i] for i in wrt))
        return [result, *back(x[-1])]

    def adam(self, param: np.ndarray, gradient: np.ndarray) -> Call:
        def step(state: Any, g: Any) -> Any:
            p, m, v, t = state
            t, m, v = t + 1, 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            return p - RATE * (m / (1 - 0.9**t)) / (self.np.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v, t

        compiled, g, zero = self.jax.jit(step, donate_argnums=0), self.np.asarray(gradient), np.zeros_like(param)
        state = [self.np.asarray(param), self.np.array(zero), self.np.array(zero), self.np.float32(0)]

        def call() -> Any:
            state[:] = self.jax.block_until_ready(compiled(tuple(state), g))
            return lambda: state[0]

        return call

    def conv(self, x: Any, w: Any, axes: int, stride: int, pad: Pad, dilation: int, groups: int) -> Any:
        options = {"rhs_dilation": (dilation,) * axes, "feature_group_count": groups}
        around = [(one, one) for one in (pad if isinstance(pad, tuple) else (pad,) * axes)]
        return self.jax.lax.conv_general_dilated(x, w, (stride,) * axes, around, **options)

    def max_pool(self, x: Any, size: int, stride: int, pad: int) -> Any:
        window, padding = (1, 1, size, size), [(0, 0), (0, 0), (pad, pad), (pad, pad)]
        return self.jax.lax.reduce_window(x, -np.inf, self.jax.lax.max, window, (1, 1, stride, stride), padding)

    def conv_transpose(self, x: Any, w: Any, stride: int, pad: int) -> Any:
        around = [(size - 1 - pad, size - 1 - pad) for size in w.shape[2:]]
        kernel = w.swapaxes(0, 1)[:, :, ::-1, ::-1]
        return self.jax.lax.conv_general_dilated(x, kernel, (1, 1), around, lhs_dilation=(stride, stride))

    def mean_pool(self, x: Any, size: int, stride: int, pad: int) -> Any:
        window, padding = (1, 1, size, size), [(0, 0), (0, 0), (pad, pad), (pad, pad)]
        sums = self.jax.lax.reduce_window(x, 0.0, self.jax.lax.add, window, (1, 1, stride, stride), padding)
        return sums / (size * size)

    def _normalised(self, x: Any, axes: tuple[int, ...]) -> Any:
        centred = x - x.mean(axes, keepdims=True)
        return centred * self.jax.lax.rsqrt((centred * centred).mean(axes, keepdims=True) + EPS)

    def crossentropy(self, logits: Any, labels: Any) -> Any:
        return -self.np.take_along_axis(self.nn.log_softmax(logits), labels[:, None], 1).mean()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.np, name, None)
        return getattr(self.nn, name) if found is None else found


class NumPy:
    """NumPy: what it does by itself."""

    def call(self, function: Callable[..., Any], arrays: Arrays) -> Call:
        return lambda: function(*arrays)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


class PyTensor(Formulas):
    """PyTensor in its Numba mode."""

    def __init__(self) -> None:
        import pytensor

        pytensor.config.floatX = "float32"
        self.pytensor, self.pt = pytensor, pytensor.tensor

    def _compiled(self, inputs: Sequence[Any], outputs: Any, updates: Any = None) -> Any:
        f = self.pytensor.function(inputs, outputs, updates=updates, mode="NUMBA", on_unused_input="ignore")
        f.trust_input = True
        return f

    def call(self, function: Callable[..., Any], arrays: Arrays) -> Call:
        inputs = [self.pt.tensor(dtype=a.dtype.name, shape=a.shape) for a in arrays]
        compiled = self._compiled(inputs, function(*inputs))
        return lambda: compiled(*arrays)

    def with_gradients(self, function: Callable[..., Any], arrays: Arrays, wrt: Sequence[int]) -> Call:
        def both(*x: Any) -> Any:
            result = function(*x[:-1])
            return [result, *self.pytensor.gradient.grad(None, [x[i] for i in wrt], known_grads={result: x[-1]})]

        return self.call(both, arrays)

    def adam(self, param: np.ndarray, gradient: np.ndarray) -> Call:
        shared, g = self.pytensor.shared, self.pt.tensor(dtype="float32", shape=gradient.shape)
        p, m, v = shared(param), shared(np.zeros_like(param)), shared(np.zeros_like(param))
        t, one = shared(np.float32(0)), np.float32(1)
        count = t + one
        m1 = np.float32(0.9) * m + np.float32(0.1) * g
        v1 = np.float32(0.999) * v + np.float32(0.001) * g * g
        size = self.pt.sqrt(v1 / (one - np.float32(0.999) ** count)) + np.float32(1e-8)
        new = p - np.float32(RATE) * (m1 / (one - np.float32(0.9) ** count)) / size
        step = self._compiled([g], [], [(p, new), (m, m1), (v, v1), (t, count)])

        def call() -> Any:
            step(gradient)
            return p.get_value

        return call

    def relu(self, x: Any) -> Any:
        return self.pt.maximum(x, np.float32(0))

    def softmax(self, x: Any, axis: int) -> Any:
        return self.pt.special.softmax(x, axis)

    def _normalised(self, x: Any, axes: tuple[int, ...]) -> Any:
        centred = x - x.mean(axes, keepdims=True)
        return centred / self.pt.sqrt((centred * centred).mean(axes, keepdims=True) + np.float32(EPS))

    def crossentropy(self, logits: Any, labels: Any) -> Any:
        logs = self.pt.special.log_softmax(logits, 1)
        return -logs[self.pt.arange(labels.shape[0]), labels].mean()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pt, name)


FRAMEWORKS = {
    "weft": Weft,
    "torch": Torch,
    "compiled": TorchCompiled,
    "jax": Jax,
    "pytensor": PyTensor,
    "numpy": NumPy,
}
