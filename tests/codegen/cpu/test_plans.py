"""Plans say what they do, name what they need without making it, and kernels read what planners wrote."""

import ctypes
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest

from weft.codegen.cpu.conv.plan import plan_conv
from weft.codegen.cpu.index import plan as index
from weft.codegen.cpu.index.order import make_cumsum, plan_argsort, plan_cumsum
from weft.codegen.cpu.kernels import KERNELS
from weft.codegen.cpu.launch import Array, CodeRef, KernelRef
from weft.codegen.cpu.matmul import plan as matmuls
from weft.codegen.cpu.params import Address, Params, numbers, resolve
from weft.codegen.cpu.pool import plan as pool
from weft.codegen.cpu.tiles.copy import contiguous_strides, plan_copy
from weft.ops.decompositions import SolveTriangular


def array(*shape, dtype="float32", order=None):
    """An operand; `order` are its axes as they lie in memory."""
    order = order or range(len(shape))
    steps = contiguous_strides([shape[axis] for axis in order])
    return Array(np.dtype(dtype), shape, tuple(steps[list(order).index(axis)] for axis in range(len(shape))))


def matmul(m, k, n, dtype="float32", b_order=None):
    return matmuls.plan_matmul(
        array(m, n, dtype=dtype), array(m, k, dtype=dtype), array(k, n, dtype=dtype, order=b_order)
    )


def conv(x, w, padding=0, stride=1, dilation=1):
    (n, _, size, _), (o, _, kernel, _) = x, w
    side = (dilation * (size - 1) + 2 * padding - kernel + 1) // stride + 1
    return plan_conv(
        array(n, o, side, side), array(*x), array(*w), strides=(stride,) * 2, padding=((padding,) * 2,) * 2,
        x_dilation=(dilation,) * 2, w_dilation=(1, 1),
    )  # fmt: skip


def pooling(planner, *arrays, window=2):
    padding = ((0, 0), (0, 0))
    return planner(*arrays, window=(window, window), strides=(2, 2), padding=padding)


MATMUL = """\
matmul: a in place, b packed by its readers, tile float32 6 x 16, k in 4 blocks of 250
    matmul.plan.make_multiply(): 4 units, buffers 0, 1, 2, 3
        tile=tiles.tile.emit_tile(float32 6 x 16, 6, False, 0, False),
        last_tile=tiles.tile.emit_tile(float32 6 x 16, 6, False, 0, False), move=tiles.move.emit_move(float32),
        panels=60000, itemsize=4, m=48, n=900, k=1000, rows=6, lanes=16, row_blocks=1, column_blocks=4, depth=250,
        by_rows=0, a_tile=6000, a_k=1, a_row=1000, b_tile=0, b_k=900, b_column=1, fetches=0, in_segment=1, axes=0,
        batch=(), a_batch=(), b_batch=()
    scratch: 960000 bytes"""

SCATTER = """\
pool: gradient of the max, 8 windows at a time, made for 1 x 2 x 2, 2 apart
    pool.general.make_clear(float32): 24 units, buffers 0, 1, 2
        stripes=2, rows=8, channels=3, xn=390, xc=130, xd=0, xh=13, D=1, H=10, W=13, OD=1, OH=4, OW=6, kd=1, kh=2, kw=2,
        sd=1, sh=2, sw=2, pd=0, ph=0, pw=0, vn=72, vc=24, vd=0, vh=6, dd=1, dh=1, dw=1
    pool.kernels.make_max_scatter(float32, 8, 1, 2, 2, 2): 24 units, buffers 0, 1, 2
        stripes=2, rows=8, channels=3, xn=390, xc=130, xd=0, xh=13, D=1, H=10, W=13, OD=1, OH=4, OW=6, kd=1, kh=2, kw=2,
        sd=1, sh=2, sw=2, pd=0, ph=0, pw=0, vn=72, vc=24, vd=0, vh=6, dd=1, dh=1, dw=1"""

GATHER = """\
gather: rows of 7, 1 for each index
    index.kernels.make_offsets(int64, True): 5 units, buffers 3, 2
        size=9, stride=7, axes=1, sizes=(5), steps=(1)
    index.kernels.make_gather(uint32): 5 units, buffers 0, 1, 3
        rows=1, columns=7, out_i=7, out_column=1, x_column=1, axes=0, sizes=(), out_steps=(), x_steps=()
    scratch: 40 bytes"""


@pytest.mark.usefixtures("avx2")
def test_plans_print_what_they_do():
    x, out, g = array(4, 3, 10, 13), array(4, 3, 10, 13), array(4, 3, 4, 6)
    assert str(matmul(48, 1000, 900)) == MATMUL
    assert str(pooling(pool.plan_max_pool_scatter, out, x, g)) == SCATTER
    assert str(index.plan_gather(array(5, 7), array(9, 7), array(5, dtype="int64"), axes=(0,))) == GATHER
    assert str(matmul(3, 2, 0)) == "nothing to do"


LABELS = array(5, dtype="int64")
WAYS = {
    "matmul: a in place, b in place, tile float32 6 x 16, k at once": lambda: matmul(64, 784, 100),
    "matmul: a packed, b packed, tile float64 4 x 12, k in 2 blocks of 750": lambda: matmul(900, 1500, 900, "float64"),
    "matmul: dot products along k, float32 2 x 2 at a time, nothing packed": lambda: matmul(2, 900, 50, b_order=(1, 0)),
    "matmul: plain loops over rows of int8": lambda: matmul(3, 4, 5, "int8"),
    "conv pixels: tile float32 4 x 24, 4 blocks of channels, x padded by its readers, w packed": lambda: conv(
        (8, 3, 33, 33), (16, 3, 5, 5), 2
    ),
    "conv channels: tile float32 2 x 32, contraction in one chunk, w packed": lambda: conv(
        (32, 128, 7, 7), (128, 128, 1, 1)
    ),
    "conv channels last: x copied, tile float32 2 x 32, contraction in one chunk, w packed": lambda: conv(
        (2, 64, 14, 14), (64, 64, 3, 3), 1
    ),
    "conv images: tile float32 2 x 32, x and w packed": lambda: conv((64, 16, 8, 8), (16, 16, 3, 3), 1),
    "conv dots: float32 2 x 4 results at a time, contraction in 7 pieces, 7 chunks, nothing packed": lambda: conv(
        (4, 40, 40, 40), (4, 40, 36, 36)
    ),
    "pool: max of each window, 8 windows at a time, made for width 2, 2 apart": lambda: pooling(
        pool.plan_max_pool, array(4, 3, 5, 6), array(4, 3, 10, 12)
    ),
    "pool: sum of each window, general: window by window": lambda: pooling(
        pool.plan_sum_pool, array(4, 3, 1, 1), array(4, 3, 6, 6), window=6
    ),
    "copy: rows of 41 x 100": lambda: plan_copy(array(70, 100), array(70, 120)._replace(shape=(70, 100))),
    "copy: tiles, transposed of 64 x 64": lambda: plan_copy(array(70, 100), array(70, 100, order=(1, 0))),
    "scatter: +=, units own ranges of out": lambda: index.plan_scatter_add(
        array(9, 7), array(9, 7), array(5, 7), LABELS, axes=(0,)
    ),
    "gather: elements of a vector": lambda: index.plan_gather(array(5), array(9), LABELS, axes=(0,)),
    "cumsum: float32, line by line": lambda: plan_cumsum(array(3, 4), array(3, 4), False),
    "argsort: float32, line by line, runs of 16 merged": lambda: plan_argsort(
        array(3, 4, dtype="int64"), array(3, 4), False
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("avx2")
def test_plans_name_their_way(way):
    assert WAYS[way]().way == way


ALONE = f"""
import runpy, sys, types
sys.modules["numba"] = sys.modules["llvmlite"] = None  # to import them is an error
processor = sys.modules["weft.codegen.cpu.run.processor"] = types.ModuleType("processor")
processor.vector_bytes, processor.host_triple = lambda: 32, lambda: "x86_64"
for way in runpy.run_path({__file__!r})["WAYS"].values():
    print(way().way)
"""


def test_planning_needs_no_compiler():
    """A process that has neither Numba nor llvmlite makes all of these plans."""
    ways = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True)
    assert ways.returncode == 0, ways.stderr
    assert ways.stdout.splitlines() == list(WAYS)


def test_all_code_of_a_plan_is_named():
    plan = conv((8, 3, 33, 33), (16, 3, 5, 5), 2)
    found = {str(reference) for reference in plan.references()}
    assert {"conv.pixels.make_pixels()", "tiles.pack.make_panels()", "tiles.move.emit_move(float32)"} <= found
    assert all(reference.address() for reference in plan.references())


def test_kernels_on_arrays_are_named_before_they_are_compiled(monkeypatch):
    from weft.codegen.cpu.run import custom

    monkeypatch.setattr(custom, "_compile", None)
    planner, op = KERNELS[SolveTriangular], SolveTriangular(lower=True)
    plan = planner(op, (array(2, 3, 4),), (array(2, 3, 3), array(2, 3, 4)))
    assert plan.way == "solve_triangular: a kernel on arrays, on one thread"
    assert [str(r) for r in plan.references()] == ["solve_triangular(float32, float32, float32, lower=True)"]


def test_references_are_what_they_name():
    kernel = KernelRef(make_cumsum, ("float32", True))
    assert str(kernel) == "index.order.make_cumsum(float32, True)"
    assert kernel == KernelRef(make_cumsum, ("float32", True))
    assert kernel != KernelRef(make_cumsum, ("float32", False))
    assert kernel.address() == KernelRef(make_cumsum, ("float32", True)).address()
    assert GIVEN.code.address() == CodeRef("tiles.move", "emit_move", ("float32",)).address()


def test_threads_that_ask_at_once_get_what_one_of_them_makes():
    made, start = [], threading.Barrier(4)

    def make():
        made.append(time.sleep(0.05))
        return lambda buffers, params, lo, hi: 7

    def ask(_):
        start.wait()
        return KernelRef(make).address()

    with ThreadPoolExecutor(4) as pool_of_threads:
        assert len(set(pool_of_threads.map(ask, range(4)))) == 1
    assert len(made) == 1


class Inner(NamedTuple):
    first: int
    table: tuple[int, ...]


class Outer(NamedTuple):
    code: Address
    steps: tuple[int, ...]
    number: int
    inner: Inner
    other: Params
    last: tuple[int, ...]


MOVE = CodeRef("tiles.move", "emit_move", ("float32",))
GIVEN = Outer(MOVE, (10, 11), 12, Inner(13, (14, 15)), Inner(16, (17,)), (18,))


def make_reading():
    from weft.codegen.cpu.tiles.intrinsics import address_of, pointer, read

    def kernel(buffers, params, lo, hi):
        p, out = read(params, Outer), pointer(buffers[0], np.int64)
        other = read(p.other, Inner)
        out[0], out[1], out[2], out[3] = p.code, p.steps[0], p.steps[1], p.number
        out[4], out[5], out[6] = p.inner.first, p.inner.table[0], p.inner.table[1]
        out[7], out[8], out[9] = other.first, other.table[0], p.last[0]
        return address_of(p.last, 0) - address_of(params, 0)

    return kernel


def test_kernels_read_by_name_what_planners_wrote():
    given = resolve(GIVEN)
    out, buffers, params = np.zeros(10, np.int64), np.zeros(1, np.int64), np.array(given)
    buffers[0] = out.ctypes.data
    kernel = ctypes.CFUNCTYPE(*[ctypes.c_int64] * 5)(KernelRef(make_reading).address())
    where = kernel(buffers.ctypes.data, params.ctypes.data, 0, 1)
    assert out.tolist() == [GIVEN.code.address(), *range(10, 19)]
    assert where == 8 * (len(given) - 1)


def test_tables_lie_behind_the_fields_in_order():
    assert numbers(Outer(1, (2, 3), 4, Inner(5, (6,)), (), (7, 8))) == [1, 6, 4, 8, 11, 11, 2, 3, 5, 2, 6, 7, 8]
    assert numbers(((1, 2), (3,), 4)) == [1, 2, 3, 4]
