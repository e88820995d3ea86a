"""Training steps in each framework's own way: the same numbers, the same updates (momentum, running averages)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from frameworks import EPS, Jax, Torch, Weft
from layers import Arrays, Layers

RATE, MOMENTUM, KEPT = 1e-3, 0.9, 0.9  # KEPT: of a running average, at each step
Step = Callable[[], float]  # one step; the loss before its update
Loss = Callable[[Layers, Any, Any], Any]  # of a network, given its layers, its input, and what is wanted of it


class Task(NamedTuple):
    """What is trained: a loss, the numbers it starts with, and the batch, which stays the same."""

    loss: Loss
    params: Arrays
    averages: Arrays
    x: np.ndarray
    wanted: np.ndarray
    optimiser: str = "momentum"  # weft's name for it; the peers have momentum alone


class WeftTraining(Weft):
    """weft: shared variables, and a function that updates them."""

    compiled: Any = None  # the last step, as weft's function

    def batch_norm_training(self, x: Any, scale: Any, shift: Any, averages: dict[str, Any], name: str) -> Any:
        """Batch normalisation; the step updates the running averages."""
        mean, var = averages[f"{name}_mean"], averages[f"{name}_var"]
        return self.wf.nn.layers.batch_norm(x, True, scale, shift, mean, var, momentum=KEPT, eps=EPS)

    def scan(self, step: Any, init: Any, xs: Any) -> Any:
        """What `step` gives for each of xs."""
        return self.wf.scan(step, init, xs)[1]

    def step(self, task: Task, **options: Any) -> Step:
        """The step, compiled with these options of `function`."""
        from weft.codegen.spans import span

        with span("graph"):
            p = {name: self.wf.shared(value, name) for name, value in task.params.items()}
            old = {name: self.wf.shared(value, name) for name, value in task.averages.items()}
            inputs = [self.wf.tensor(None, a.shape, dtype=a.dtype.name) for a in (task.x, task.wanted)]
            loss = task.loss(Layers(self, p, old), *inputs)
        with span("gradient"):
            updates = self.updates(loss, list(p.values()), task.optimiser)
        with span("function"):
            function = self.compiled = self.wf.function(inputs, loss, updates=updates, **options)
        return lambda: float(function(task.x, task.wanted))

    def updates(self, loss: Any, params: list[Any], optimiser: str) -> Any:
        """The new values of parameters, and of what the optimiser remembers."""
        optimisers = self.wf.nn.updates
        if optimiser == "momentum":
            return optimisers.momentum(loss, params, RATE, MOMENTUM)
        return getattr(optimisers, optimiser)(loss, params, RATE)


class TorchTraining(Torch):
    """PyTorch, eager, with its fused SGD."""

    def batch_norm_training(self, x: Any, scale: Any, shift: Any, averages: dict[str, Any], name: str) -> Any:
        """Batch normalisation, which writes the running averages."""
        mean, var = averages[f"{name}_mean"], averages[f"{name}_var"]
        return self.nn.batch_norm(x, mean, var, scale, shift, training=True, momentum=1 - KEPT, eps=EPS)

    def scan(self, step: Any, init: Any, xs: Any) -> Any:
        """What `step` gives for each of xs."""
        found = []
        for x in xs:
            init, y = step(init, x)
            found.append(y)
        return self.torch.stack(found)

    def step(self, task: Task) -> Step:
        """The step."""
        torch = self.torch
        p = {name: torch.tensor(value, requires_grad=True) for name, value in task.params.items()}
        averages = {name: torch.tensor(value) for name, value in task.averages.items()}
        x, wanted = (torch.tensor(a.astype(np.int64) if a.dtype.kind == "i" else a) for a in (task.x, task.wanted))
        optimiser = torch.optim.SGD(list(p.values()), RATE, MOMENTUM, fused=True)

        def step() -> float:
            optimiser.zero_grad(set_to_none=True)
            loss = task.loss(Layers(self, p, averages), x, wanted)
            loss.backward()
            optimiser.step()
            return float(loss.detach())

        return step


class JaxTraining(Jax):
    """JAX: one jitted function whose parameters are donated, in its default precision."""

    def __init__(self) -> None:
        import jax

        self.jax, self.np, self.nn = jax, jax.numpy, jax.nn

    def batch_norm_training(self, x: Any, scale: Any, shift: Any, averages: dict[str, Any], name: str) -> Any:
        """Batch normalisation; the new running averages take the place of the old ones."""
        axes, count = (0, 2, 3), x.size // x.shape[1]
        mean = x.mean(axes)
        centred = x - mean[:, None, None]
        var = (centred * centred).mean(axes)
        found = {f"{name}_mean": mean, f"{name}_var": var * (count / max(count - 1, 1))}
        averages.update({key: KEPT * averages[key] + (1 - KEPT) * value for key, value in found.items()})
        return centred * (self.jax.lax.rsqrt(var + EPS) * scale)[:, None, None] + shift[:, None, None]

    def scan(self, step: Any, init: Any, xs: Any) -> Any:
        """What `step` gives for each of xs."""
        return self.jax.lax.scan(step, init, xs)[1]

    def step(self, task: Task) -> Step:
        """The step."""
        x, wanted = self.np.asarray(task.x), self.np.asarray(task.wanted)

        def loss(p: Any, averages: Any, x: Any, wanted: Any) -> Any:
            new = dict(averages)
            return task.loss(Layers(self, p, new), x, wanted), new

        def update(p: Any, velocity: Any, averages: Any, x: Any, wanted: Any) -> Any:
            (value, new), g = self.jax.value_and_grad(loss, has_aux=True)(p, averages, x, wanted)
            velocity = {name: MOMENTUM * velocity[name] + g[name] for name in p}
            return value, {name: p[name] - RATE * velocity[name] for name in p}, velocity, new

        jitted = self.jax.jit(update, donate_argnums=(0, 1, 2))
        zeros = {name: np.zeros_like(value) for name, value in task.params.items()}
        state = [{name: self.np.array(v) for name, v in d.items()} for d in (task.params, zeros, task.averages)]

        def step() -> float:
            value, *state[:] = jitted(*state, x, wanted)
            return float(value)

        return step


TRAINING: dict[str, Callable[[], Any]] = {"weft": WeftTraining, "torch": TorchTraining, "jax": JaxTraining}
