"""Small kernels, each right but for one fault, which is planted or not."""

import numpy as np
import pytest

from weft.codegen.cuda.trace.builder import FLOAT32, INT32
from weft.codegen.cuda.trace.kernel import Pointer, TracedKernel
from weft.codegen.cuda.trace.simulator import KernelFault, simulate

THREADS, BLOCKS = 64, 2
COUNT = THREADS * BLOCKS


def fault(said):
    """Bodies `(k, x, out, counts, wrong)`: `wrong` is whether the fault is there, of which the simulator says this."""

    def note(body):
        body.said = said
        return body

    return note


def faults_in(module):
    """The bodies of a module, by name."""
    return {name: body for name, body in module.items() if hasattr(body, "said")}


def check(body):
    """The fault is found, and without it nothing."""
    run(body, False)
    with pytest.raises(KernelFault, match=rf"^planted: .*{body.said}\.$"):
        run(body, True)


def run(body, wrong):
    """Two blocks of two warps; x: 0, 1 ..., out: -1, counts: 0."""

    def planted(k, x, out, counts):
        body(k, x, out, counts, wrong)

    kernel = TracedKernel("planted", (Pointer(FLOAT32), Pointer(FLOAT32), Pointer(INT32)), THREADS, planted)
    x, out, counts = np.arange(COUNT, dtype="f4"), np.full(COUNT, -1, "f4"), np.zeros(4, "i4")
    simulate(kernel, (BLOCKS,), (x, out, counts))
    return out, counts


def place_of(k):
    """The number of the thread in the grid."""
    return k.block[0] * THREADS + k.thread


def barrier_unless(k, wrong):
    """The barrier that a fault leaves out."""
    if not wrong:
        k.barrier()
