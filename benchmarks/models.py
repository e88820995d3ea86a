"""The training steps that are compared: the same numbers, the same updates (momentum), in each framework's own way."""

from collections.abc import Callable
from typing import Any

import numpy as np

RATE, MOMENTUM = 1e-3, 0.9
Arrays = dict[str, np.ndarray]


def _normal(rng: np.random.Generator, *shape: int, fan: int) -> np.ndarray:
    return (rng.standard_normal(shape) * (2.0 / fan) ** 0.5).astype(np.float32)


def lenet() -> tuple[Arrays, np.ndarray, np.ndarray]:
    """Parameters and a batch of 128 for 20C5-MP2-50C5-MP2-FC256-FC10 on 28x28."""
    rng = np.random.default_rng(0)
    params = {
        "c1": _normal(rng, 20, 1, 5, 5, fan=25),
        "b1": np.zeros(20, np.float32),
        "c2": _normal(rng, 50, 20, 5, 5, fan=500),
        "b2": np.zeros(50, np.float32),
        "w3": _normal(rng, 800, 256, fan=800),
        "b3": np.zeros(256, np.float32),
        "w4": _normal(rng, 256, 10, fan=256),
        "b4": np.zeros(10, np.float32),
    }
    images = rng.standard_normal((128, 1, 28, 28)).astype(np.float32)
    return params, images, rng.integers(0, 10, 128).astype(np.int32)


def mlp() -> tuple[Arrays, np.ndarray, np.ndarray]:
    """Parameters and a batch of 128 for 784-256-256-10."""
    rng = np.random.default_rng(0)
    params: Arrays = {}
    for number, (i, o) in enumerate(((784, 256), (256, 256), (256, 10))):
        params[f"w{number}"] = _normal(rng, i, o, fan=i)
        params[f"b{number}"] = np.zeros(o, np.float32)
    images = rng.standard_normal((128, 784)).astype(np.float32)
    return params, images, rng.integers(0, 10, 128).astype(np.int32)


MODELS = {"lenet": lenet, "mlp": mlp}
Step = Callable[[], float]


def weft_step(name: str, **options: Any) -> Step:
    """The step compiled by weft, with these options of `function`; a call returns the loss before the update."""
    import weft as wf

    arrays, images, labels = MODELS[name]()
    p = {k: wf.shared(v, k) for k, v in arrays.items()}
    x = wf.tensor("x", images.shape)
    t = wf.vector("t", labels.shape, dtype="int32")
    if name == "lenet":
        h = wf.max_pool2d(wf.relu(wf.conv2d(x, p["c1"], p["b1"])), 2)
        h = wf.max_pool2d(wf.relu(wf.conv2d(h, p["c2"], p["b2"])), 2)
        h = wf.relu(h.reshape((128, 800)) @ p["w3"] + p["b3"])
        z = h @ p["w4"] + p["b4"]
    else:
        h = wf.relu(x @ p["w0"] + p["b0"])
        h = wf.relu(h @ p["w1"] + p["b1"])
        z = h @ p["w2"] + p["b2"]
    loss = wf.nn.losses.crossentropy(z, t).mean()
    updates = wf.nn.updates.momentum(loss, list(p.values()), RATE, MOMENTUM)
    step = wf.function([x, t], loss, updates=updates, **options)
    return lambda: float(step(images, labels))


def torch_step(name: str) -> Step:
    """The step in PyTorch, eagerly, with its fused SGD."""
    import torch
    from torch.nn import functional as fn

    arrays, images, labels = MODELS[name]()
    p = {k: torch.tensor(v, requires_grad=True) for k, v in arrays.items()}
    x, t = torch.tensor(images), torch.tensor(labels, dtype=torch.int64)
    optimiser = torch.optim.SGD(list(p.values()), RATE, MOMENTUM)

    def logits() -> Any:
        if name == "lenet":
            h = fn.max_pool2d(fn.relu(fn.conv2d(x, p["c1"], p["b1"])), 2)
            h = fn.max_pool2d(fn.relu(fn.conv2d(h, p["c2"], p["b2"])), 2)
            h = fn.relu(h.reshape(128, 800) @ p["w3"] + p["b3"])
            return h @ p["w4"] + p["b4"]
        h = fn.relu(x @ p["w0"] + p["b0"])
        h = fn.relu(h @ p["w1"] + p["b1"])
        return h @ p["w2"] + p["b2"]

    def step() -> float:
        loss = fn.cross_entropy(logits(), t)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss)

    return step


def jax_step(name: str) -> Step:
    """The step in JAX, one jitted function whose parameters are donated."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    arrays, images, labels = MODELS[name]()
    x, t = jnp.asarray(images), jnp.asarray(labels)

    def pooled(h: Any) -> Any:
        return lax.reduce_window(h, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def loss(p: Any) -> Any:
        if name == "lenet":
            h = lax.conv(x, p["c1"], (1, 1), "VALID") + p["b1"][:, None, None]
            h = pooled(jax.nn.relu(h))
            h = lax.conv(h, p["c2"], (1, 1), "VALID") + p["b2"][:, None, None]
            h = pooled(jax.nn.relu(h)).reshape(128, 800)
            z = jax.nn.relu(h @ p["w3"] + p["b3"]) @ p["w4"] + p["b4"]
        else:
            h = jax.nn.relu(x @ p["w0"] + p["b0"])
            z = jax.nn.relu(h @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"]
        return -jnp.take_along_axis(jax.nn.log_softmax(z), t[:, None], 1).mean()

    def updated(p: Any, v: Any) -> Any:
        value, g = jax.value_and_grad(loss)(p)
        v = {k: MOMENTUM * v[k] + g[k] for k in p}
        return value, {k: p[k] - RATE * v[k] for k in p}, v

    jitted = jax.jit(updated, donate_argnums=(0, 1))
    state = [{k: jnp.asarray(v) for k, v in arrays.items()}, {k: jnp.zeros_like(v) for k, v in arrays.items()}]

    def step() -> float:
        value, *state[:] = jitted(*state)
        return float(value)

    return step


STEPS = {"weft": weft_step, "torch": torch_step, "jax": jax_step}
