"""What a call costs when there is little to compute.

    python -m benchmarks.calls [--python jax=PATH]

Microseconds a call, the best of several rounds: of weft's functions, of the same bound to arrays, from Python and from
C; beside them NumPy's own expressions and JAX's compiled functions.  For the LeNet step, a kernel that does nothing is
put in the place of each of its kernels: what is left is what Python, the tables and waking threads cost.
"""

import argparse
import ctypes
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from table import machine, show
from workers import Worker, answer, interpreters

Call = Callable[[], Any]
WORK = ["scalar, a Python float", "scalar, an array", "10 numbers", "10 numbers, 3 results", "step of a 16-16-4 MLP"]
STEPS = [
    (f"{model} step of batch 128{text}", model, options)
    for model in ("mlp", "lenet")
    for text, options in (("", {}), (", nan=", {"nan": "raise"}))
]
RATE = 1e-3
RNG = np.random.default_rng(0)
TEN, NUMBER = np.ones(10, np.float32), np.array(3, np.float32)
X, LABELS = RNG.normal(size=(8, 16)).astype(np.float32), np.arange(8, dtype=np.int32) % 4
WEIGHTS = [(RNG.normal(size=shape) * 0.1).astype(np.float32) for shape in [(16, 16), (16,), (16, 4), (4,)]]


def best(call: Call, calls: int = 2000, rounds: int = 15) -> float:
    """Microseconds a call."""
    found = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(calls):
            call()
        found = min(found, (time.perf_counter() - begun) / calls * 1e6)
    return found


# ---- the same work, as users of each would write it -----------------------------------------------------------------


def weft_functions() -> list[tuple[Any, tuple[Any, ...]]]:
    """Compiled functions, and what they are called with."""
    import weft as wf

    s, v = wf.scalar("s"), wf.vector("v", ("n",))
    x, t = wf.matrix("x", ("n", 16)), wf.vector("t", ("n",), dtype="int32")
    w1, b1, w2, b2 = shared = [wf.shared(w) for w in WEIGHTS]
    loss = wf.crossentropy(wf.relu(x @ w1 + b1) @ w2 + b2, t).mean()
    line = wf.function([s], s * 2 + 1)
    return [
        (line, (3.0,)),
        (line, (NUMBER,)),
        (wf.function([v], v * 2 + 1), (TEN,)),
        (wf.function([v], [v * 2, v + 1, v.sum()]), (TEN,)),
        (wf.function([x, t], loss, updates=wf.nn.updates.sgd(loss, shared, RATE)), (X, LABELS)),
    ]


def weft_calls() -> list[Call | None]:
    """Calls of them."""
    return [lambda f=f, args=args: f(*args) for f, args in weft_functions()]


def bound_calls() -> list[Call | None]:
    """Calls over arrays that stay."""
    return [f.bind(*args) if isinstance(args[0], np.ndarray) else None for f, args in weft_functions()]


def numpy_calls() -> list[Call | None]:
    """NumPy's own expressions, of a number Python's; training as one writes it by hand."""
    w1, b1, w2, b2 = (w.copy() for w in WEIGHTS)
    one_hot = np.eye(4, dtype=np.float32)

    def step() -> Any:
        h = X @ w1 + b1
        r = np.maximum(h, 0)
        z = r @ w2 + b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(8), LABELS]).mean()
        g = (p - one_hot[LABELS]) / np.float32(8)
        back = (g @ w2.T) * (h > 0)
        for w, gradient in ((w2, r.T @ g), (b2, g.sum(axis=0)), (w1, X.T @ back), (b1, back.sum(axis=0))):
            w -= np.float32(RATE) * gradient
        return loss

    number = 3.0

    def three() -> tuple[np.ndarray, np.ndarray, np.floating[Any]]:
        return TEN * 2, TEN + 1, TEN.sum()

    return [lambda: number * 2 + 1, lambda: NUMBER * 2 + 1, lambda: TEN * 2 + 1, three, step]


def jax_calls() -> list[Call | None]:
    """JAX's compiled functions, of NumPy's arrays as weft's are; results are waited for, parameters stay with JAX."""
    import jax
    import jax.numpy as jnp

    parameters = [jnp.asarray(w) for w in WEIGHTS]

    def loss_of(p: list[Any], x: Any, t: Any) -> Any:
        z = jax.nn.relu(x @ p[0] + p[1]) @ p[2] + p[3]
        return -jnp.take_along_axis(jax.nn.log_softmax(z), t[:, None], 1).mean()

    @jax.jit
    def train(p: list[Any], x: Any, t: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(p, x, t)
        return loss, [w - RATE * g for w, g in zip(p, gradients, strict=True)]

    def step() -> Any:
        loss, parameters[:] = train(parameters, X, LABELS)
        return loss.block_until_ready()

    line, several = jax.jit(lambda x: x * 2 + 1), jax.jit(lambda v: (v * 2, v + 1, v.sum()))
    return [
        lambda: line(3.0).block_until_ready(),
        lambda: line(NUMBER).block_until_ready(),
        lambda: line(TEN).block_until_ready(),
        lambda: jax.block_until_ready(several(TEN)),
        step,
    ]


SIDES: Mapping[str, Callable[[], list[Call | None]]] = {
    "weft": weft_calls,
    "weft, bound": bound_calls,
    "numpy": numpy_calls,
    "jax": jax_calls,
}


def work() -> None:
    """The side that holds one of them: times all calls when asked."""
    try:
        calls = SIDES[sys.argv[2]]()
    except ImportError:
        return
    for call in calls:
        for _ in range(20 if call else 0):
            call()
    answer(lambda _: [best(call) if call else None for call in calls], "ready")


# ---- weft alone -----------------------------------------------------------------------------------------------------


def from_c() -> list[float]:
    """Microseconds of a C function's call in a loop of machine code, which has let go of the GIL."""
    import numba

    times = []
    for f, args in weft_functions()[1:]:
        g = f.bind(*args)
        call, state = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_size_t)(g.address), g.state

        @numba.njit(nogil=True)
        def repeat(state: int, count: int) -> int:
            failed = 0
            for _ in range(count):
                failed += call(state) != 0
            return failed

        assert repeat(state, 1000) == 0
        times.append(best(lambda: repeat(state, 2000), 1) / 2000)
    return times


def lenet() -> float:
    """Microseconds of a LeNet step at batch 128 whose kernels do nothing."""
    import weft as wf
    from weft.codegen.cpu.launch import KernelRef

    x, t = wf.tensor("x", (128, 1, 28, 28)), wf.vector("t", (128,), dtype="int32")
    rng = np.random.default_rng(0)
    shapes = [(20, 1, 5, 5), (20,), (50, 20, 5, 5), (50,), (800, 256), (256,), (256, 10), (10,)]
    p = [wf.shared((rng.normal(size=s) * 0.05).astype(np.float32)) for s in shapes]
    h = wf.max_pool2d(wf.relu(wf.conv2d(x, p[0], p[1])), 2)
    h = wf.max_pool2d(wf.relu(wf.conv2d(h, p[2], p[3])), 2)
    z = wf.relu(h.reshape((128, 800)) @ p[4] + p[5]) @ p[6] + p[7]
    loss = wf.crossentropy(z, t).mean()
    step = wf.function([x, t], loss, updates=wf.nn.updates.momentum(loss, p, 1e-3))
    image, label = np.zeros((128, 1, 28, 28), np.float32), np.zeros(128, np.int32)
    step(image, label)
    ((binding,),) = step._idle.values()
    binding.step_table[:, 0] = KernelRef(idle).address()
    return best(lambda: step(image, label), 200)


def idle() -> Any:
    """A kernel that does nothing."""

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        return 0

    return kernel


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="", help="framework=interpreter, separated by commas")
    chosen = interpreters(parser.parse_args().python)
    print(machine())
    workers = [Worker(Path(__file__), chosen.get(side, sys.executable), side, 1) for side in SIDES]
    columns = {worker.framework: worker.ask("times") for worker in workers if worker.hello}
    for worker in workers:
        worker.end()
    columns["weft, from C"] = [None, *from_c()]
    rows = [[what, *(column[row] for column in columns.values())] for row, what in enumerate(WORK)]
    show("microseconds a call", ["what", *columns], [["-" if cell is None else cell for cell in row] for row in rows])

    from models import weft_step

    steps = [[text, best(weft_step(model, **options), 30)] for text, model, options in STEPS]
    show("and of larger steps", ["what", "us"], [["LeNet step of batch 128, around its work", lenet()], *steps])


if __name__ == "__main__":
    work() if sys.argv[1:2] == ["--work"] else main()
