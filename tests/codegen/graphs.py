"""Small graphs, one of each kind that the compiler meets: what it makes of them is in golden/."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import weft as wf
from weft.codegen.arguments import as_graph
from weft.codegen.compiled import Compiled
from weft.codegen.cpu import CPU
from weft.codegen.target import Options, Source


class Program(NamedTuple):
    """What a function is made of, and the shapes of a call; a fixed number of threads shares its work."""

    inputs: list
    outputs: list
    updates: object
    shapes: list


def compiled(program: Program, target=CPU) -> Compiled:
    """The graph and the program for a target, of which no code is made."""
    graph, _, _ = as_graph(program.inputs, program.outputs, program.updates, None, 2, "ignore")
    return Compiled(Source(graph, None, list, Options("golden", threads=2)), target)


def arguments(program: Program, seed: int = 0) -> list[np.ndarray]:
    """Random arrays of the shapes of the call; integers are 0, 1 or 2."""
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape) * 0.5 for shape in program.shapes]
    floats = [x.dtype.kind == "f" for x in program.inputs]
    return [
        np.asarray(a if is_float else rng.integers(0, 3, a.shape)).astype(x.dtype)
        for a, is_float, x in zip(arrays, floats, program.inputs, strict=True)
    ]


def variable(name: str, *shape: int, sizes=None):
    """A shared variable of numbers that are not all the same."""
    values = np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape).astype("float32")
    return wf.shared(values, name, shape=sizes)


def mlp(rows) -> Program:
    """A training step: loss, gradients and new weights."""
    x, t = wf.matrix("x", (rows, 20)), wf.vector("t", (rows,), "int64")
    w, b, v = variable("w", 20, 16), variable("b", 16), variable("v", 16, 10)
    loss = wf.nn.losses.crossentropy(wf.tanh(x @ w + b) @ v, t).mean()
    return Program([x, t], [loss], wf.nn.updates.sgd(loss, [w, b, v], 0.1), [(32, 20), (32,)])


def convolutions() -> Program:
    x, w, b = wf.tensor("x", ("n", 3, 12, 12)), wf.tensor("w", (8, 3, 3, 3)), wf.vector("b", (8,))
    y = wf.max_pool2d(wf.relu(wf.conv2d(x, w, b, padding=1)), 2)
    return Program([x, w, b], [y, *wf.grad((y * y).sum(), [x, w, b])], None, [(4, 3, 12, 12), (8, 3, 3, 3), (8,)])


def softmax() -> Program:
    """A loss of logits, and its gradient."""
    z, t = wf.matrix("z", ("n", 10)), wf.vector("t", ("n",), "int64")
    loss = wf.nn.losses.crossentropy(z, t).mean()
    return Program([z, t], [loss, wf.grad(loss, z)], None, [(6, 10), (6,)])


def scan() -> Program:
    """A recurrent layer and its gradient."""
    xs, h, w = wf.matrix("xs", ("time", 4)), wf.vector("h", (4,)), wf.matrix("w", (4, 4))
    last, states = wf.scan(lambda h, x: (wf.tanh(x + h @ w),) * 2, h, xs)
    loss = (states * states).sum() + last.sum()
    return Program([xs, h, w], [loss, *wf.grad(loss, [h, w])], None, [(5, 4), (4,), (4, 4)])


def cond() -> Program:
    x, s = wf.matrix("x", ("n", 3)), variable("s", 3)
    y = wf.cond(x.sum() > 0, lambda: wf.exp(x).sum(0), lambda: (x @ wf.ones((3, 3)))[0] - s)
    return Program([x], [y * 2], [(s, s + y)], [(5, 3)])


def while_loop() -> Program:
    """Newton's method, until two values are close."""
    a = wf.vector("a", ("n",))
    start = (a * 0, a * 0 + 1, wf.constant(np.int64(0)))
    (_, root, count) = wf.while_loop(
        lambda c: wf.max(wf.abs(c[1] - c[0])) > 1e-3,
        lambda c: (c[1], (c[1] + a / c[1]) / 2, c[2] + 1),
        start,
        max_steps=20,
    )
    return Program([a], [root, count], None, [(6,)])


def updates() -> Program:
    """New values in place of old ones; copied, where the old one is read at other places; and of another size."""
    x = wf.vector("x", (6,))
    total, shifted, swapped = variable("total", 6), variable("shifted", 6), variable("swapped", 6)
    seen = variable("seen", 2, 6, sizes=("rows", 6))
    new = [
        (total, total + x),
        (shifted, wf.concatenate([shifted[1:], x[:1]])),
        (swapped, wf.cumsum(total, 0)),
        (seen, wf.concatenate([seen, wf.expand_dims(x, 0)])),
    ]
    return Program([x], [seen.mean(0)], new, [(6,)])


def assembled() -> Program:
    """Arrays that several loops write."""
    x, y = wf.matrix("x", ("n", 4)), wf.matrix("y", ("m", 4))
    joined = wf.concatenate([x[::-1], wf.pad(y, ((1, 0), (0, 0)), 2.0)], 0)
    return Program([x, y], [joined, wf.grad((joined * joined).sum(), x)], None, [(3, 4), (2, 4)])


def reductions() -> Program:
    """Over each axis, one that is long, and the places of extremes."""
    x, long = wf.matrix("x", ("n", 5)), wf.vector("long", (100_000,))
    outputs = [x.sum(0), x.sum(1), x.max(), long.mean(), wf.argmax(x, 1), wf.argmin(x, 0)]
    return Program([x, long], outputs, None, [(7, 5), (100_000,)])


def dropout() -> Program:
    """Random numbers, and their stream's counter."""
    x, stream = wf.matrix("x", ("n", 8)), wf.random.Stream(3)
    y = wf.nn.layers.dropout(x, 0.5, stream)
    return Program([x], [y, wf.grad(y.sum(), x)], None, [(4, 8)])


def gather() -> Program:
    """Rows of a table, their gradient, and rows that are added to another one."""
    table, i = wf.matrix("table", ("rows", 4)), wf.vector("i", ("n",), "int64")
    v = variable("v", 3, 4)
    y = wf.tanh(table[i])
    return Program([table, i], [y, wf.grad(y.sum(), table)], [(v, wf.index_add(v, i, y))], [(7, 4), (5,)])


def batch_norm() -> Program:
    x, scale, shift = wf.matrix("x", ("n", 6)), wf.vector("scale", (6,)), wf.vector("shift", (6,))
    y, mean, _ = wf.batch_norm(x, scale, shift)
    running = variable("running", 6)
    outputs = [y, *wf.grad((y * y).sum(), [x, scale, shift])]
    return Program([x, scale, shift], outputs, [(running, 0.9 * running + 0.1 * mean)], [(8, 6), (6,), (6,)])


PROGRAMS: dict[str, Callable[[], Program]] = {
    "mlp": lambda: mlp("n"),
    "mlp_of_fixed_sizes": lambda: mlp(32),
    **{f.__name__: f for f in (convolutions, softmax, scan, cond, while_loop, updates, assembled)},
    **{f.__name__: f for f in (reductions, dropout, gather, batch_norm)},
}
