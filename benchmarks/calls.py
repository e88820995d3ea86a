"""What a call costs when there is little to compute.

    python -m benchmarks.calls

Microseconds a call, the best of several rounds.  For the LeNet step, a kernel that does nothing is put in the place of
each of its kernels: what is left is what Python, the tables and waking threads cost.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import weft as wf
from weft.codegen.cpu.launch import KernelRef

from .models import weft_step
from .table import machine, show

STEPS = [
    (f"{model} step of batch 128{text}", model, options)
    for model in ("mlp", "lenet")
    for text, options in (("", {}), (", nan=", {"nan": "raise"}))
]


def best(call: Callable[[], Any], calls: int = 2000, rounds: int = 15) -> float:
    """Microseconds a call."""
    found = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(calls):
            call()
        found = min(found, (time.perf_counter() - begun) / calls * 1e6)
    return found


def main() -> None:
    """Print the table."""
    print(machine())
    s, v = wf.scalar("s"), wf.vector("v", ("n",))
    scalar, vector = wf.function([s], s * 2.0 + 1.0), wf.function([v], v * 2.0 + 1.0)
    zero_d, ten = np.array(3, np.float32), np.ones(10, np.float32)
    rows = [
        ["scalar function, Python float", best(lambda: scalar(3.0))],
        ["scalar function, NumPy scalar", best(lambda: scalar(np.float32(3)))],
        ["scalar function, array", best(lambda: scalar(zero_d))],
        ["vector of 10", best(lambda: vector(ten))],
        ["NumPy: v * 2 + 1, vector of 10", best(lambda: ten * 2 + 1)],
        ["LeNet step of batch 128, around its work", lenet()],
        *([text, best(weft_step(model, **options), 30)] for text, model, options in STEPS),
    ]
    show("microseconds a call", ["what", "us"], rows)


def lenet() -> float:
    """Microseconds of a LeNet step at batch 128 whose kernels do nothing."""
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


if __name__ == "__main__":
    main()
