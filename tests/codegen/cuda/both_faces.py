"""Both builders do the same: bodies compiled for this processor, beside the simulator.

Threads run one after the other there, so that what lets them meet is compared with what it should be instead.
"""

import numpy as np

from weft.codegen.cuda.trace.kernel import Pointer, TracedKernel
from weft.codegen.cuda.trace.ptx import to_ptx
from weft.codegen.cuda.trace.ptx_builder import PTXBuilder
from weft.codegen.cuda.trace.simulator import simulate
from weft.symbolic.types import BOOL

from . import on_host

THREADS, BLOCKS = 32, 4
COUNT = THREADS * BLOCKS
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", "float16", "float32", "float64", *INTEGERS)
FLOATS = ("float32", "float64")


def same_bits(found, expected):
    """Equal in every bit; NaN is NaN."""
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    if found.dtype.kind == "f":
        there = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found[there]), np.signbit(expected[there]))


def faces(body, arrays, results, size=COUNT):
    """What the simulator and the compiled code make of `body(k, place, *arrays, *results)`; results: their dtypes."""
    pointers = [Pointer(a.dtype) for a in arrays] + [Pointer(np.dtype(d)) for d in results]

    def traced(k, *given):
        body(k, k.block[0] * THREADS + k.thread, *given)

    kernel = TracedKernel("both_faces", tuple(pointers), THREADS, traced)
    found = []
    for run in (simulate, on_host.run):
        outs = [on_host.aligned(np.zeros(size, d)) for d in results]
        run(kernel, (BLOCKS,), [*map(on_host.aligned, arrays), *outs])
        found.append(outs)
    assert ".visible .entry both_faces(" in to_ptx(PTXBuilder(kernel).module_text(), "sm_75")
    return found


def both(body, arrays, results, size=COUNT):
    """As `faces`, which agree."""
    simulated, compiled = faces(body, arrays, results, size)
    for one, other in zip(simulated, compiled, strict=True):
        same_bits(other, one)
    return simulated


def draw(dtype, seed=0, small=False):
    """Numbers of all sizes, and the ends of the range; what floats have besides."""
    rng, dtype = np.random.default_rng([seed, np.dtype(dtype).num]), np.dtype(dtype)
    if dtype == BOOL:
        return rng.random(COUNT) < 0.5
    if dtype.kind == "f":
        info = np.finfo(dtype)
        x = (rng.standard_normal(COUNT) * 10.0 ** rng.integers(-4, 5, COUNT)).astype(dtype)
        special = np.array([0, -0.0, np.nan, np.inf, -np.inf, info.max, info.tiny, info.smallest_subnormal, -1], dtype)
        return np.concatenate([special, x])[:COUNT]
    info = np.iinfo(dtype)
    if small:
        return rng.integers(max(info.min, -100), 100, COUNT).astype(dtype)
    x = rng.integers(info.min, info.max, COUNT, dtype, endpoint=True) >> rng.integers(0, info.bits, COUNT).astype(dtype)
    return np.concatenate([np.array([0, 1, info.min, info.max], dtype), x])[:COUNT]
