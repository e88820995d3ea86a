"""Control, memory, and threads that meet: the same in the simulator and in compiled code, bit for bit."""

import numpy as np
import pytest

from weft.codegen.cuda.trace.builder import FLOAT32, INT32, INT64
from weft.codegen.cuda.trace.kernel import Pointer, TracedKernel
from weft.codegen.cuda.trace.ptx import to_ptx
from weft.codegen.cuda.trace.ptx_builder import PTXBuilder
from weft.codegen.cuda.trace.simulator import simulate

from . import on_host
from .both_faces import BLOCKS, COUNT, DTYPES, THREADS, both, draw, same_bits

# ---- control -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_registers(dtype):
    """Set by some threads, in a branch and in a loop; the number that they begin with is one of their dtype."""
    x = draw(dtype)

    def body(k, place, x, out, kept):
        register, untouched = k.register(dtype, 1), k.register(dtype)
        with k.when(k.remainder(place, 3).eq(1)):
            register.set(x[place])
        before = register.get()  # what it is now, and stays
        with k.when(k.remainder(place, 5).eq(2)):
            register.set(0)
        out[place], kept[place] = register.get(), before
        with k.when(place < 0):
            out[place] = untouched.get()

    place = np.arange(COUNT)
    kept = np.where(place % 3 == 1, x, np.ones(COUNT, dtype))
    found = both(body, [x], [dtype] * 2)
    same_bits(found[1], kept)
    same_bits(found[0], np.where(place % 5 == 2, np.zeros(COUNT, dtype), kept))


@pytest.mark.parametrize("kind", ["int32", "int64"])
@pytest.mark.parametrize(
    ("low", "high", "step"), [(0, 5, 1), (-7, 9, 3), (3, 3, 1), (4, 2, 1), (0, 1, 100), (-3, -1, 2)]
)
def test_loops(low, high, step, kind):
    """Bounds that are numbers, and others that each thread has its own of."""
    lows, highs = draw(kind, small=True) % 7 + low, draw(kind, 1, small=True) % 11 + high
    steps = draw(kind, 2, small=True) % 3 + step

    def body(k, place, lows, highs, steps, constant, own, nested):
        for out, bounds in (
            (constant, (k.constant(kind, low), high, step)),
            (own, (lows[place], highs[place], steps[place])),
        ):
            total = k.register(INT64)
            for i in k.range(*bounds):
                assert i.dtype == kind
                with k.when((i & 1).ne(0)):
                    total.set(total.get() * 5 + k.cast(i, INT64))
                total.set(total.get() + 1)
            out[place] = total.get()
        count = k.register(INT32)
        for i in k.range(0, k.remainder(place, 6)):
            for _ in k.range(i, 4, 2):
                count.set(count.get() + 1)
        nested[place] = count.get()

    found = both(body, [lows, highs, steps], ["int64", "int64", "int32"])
    everyone = [(low, high, step)] * COUNT, list(zip(lows.tolist(), highs.tolist(), steps.tolist(), strict=True))
    for got, bounds in zip(found, everyone, strict=False):
        expected = []
        for each in bounds:
            total = 0
            for i in range(*each):
                total = (total * 5 + i if i % 2 else total) + 1
            expected.append(total)
        assert got.tolist() == expected
    assert found[2].tolist() == [sum(len(range(i, 4, 2)) for i in range(place % 6)) for place in range(COUNT)]


def test_branches():
    def body(k, place, out):
        with k.when(place >= 3):
            out[place] = place
            with k.when((place < 90) & (place & 1).eq(0)), k.when(k.remainder(place, 3).eq(0)):
                out[place] = -place
            with k.when(place < 0):  # nobody comes here: what stands here does nothing
                out[place + 1000] = k.quotient(place, 0)

    (found,) = both(body, [], ["int32"])
    assert found.tolist() == [p * (-1 if p < 90 and p % 6 == 0 else 1) * (p >= 3) for p in range(COUNT)]


# ---- memory --------------------------------------------------------------------------------------------------------


NEIGHBOURS = [(dtype, count) for dtype in DTYPES for count in (1, 2, 4) if np.dtype(dtype).itemsize * count <= 16]


@pytest.mark.parametrize(("dtype", "count"), NEIGHBOURS)
def test_neighbours(dtype, count):
    """Moved together: a bool is a byte, of which every number but 0 is true."""
    x = draw(dtype)
    if dtype == "bool":
        x = (np.arange(COUNT) % 3).astype(np.uint8).view(bool)

    def body(k, place, x, out):
        with k.when(place < COUNT // count):
            values = x.load(place * count, count)
            listed = values[::-1] if count > 1 else [values]
            out.store((COUNT // count - 1 - place) * count, listed if count > 1 else listed[0])

    (found,) = both(body, [x], [dtype])
    same_bits(found, (x != 0)[::-1] if dtype == "bool" else x[::-1])


def test_views():
    x = draw("float32")

    def body(k, place, x, bits, doubled):
        bits[place] = x.view(INT32)[place]
        doubled.view(INT32)[place] = x.view(INT32)[place] & 0x7FFFFFFF

    bits, magnitudes = both(body, [x], ["int32", "float32"])
    same_bits(bits, x.view(np.int32))
    same_bits(magnitudes, abs(x))


def test_places_are_of_either_width():
    def body(k, place, x, narrow, wide, number):
        narrow[place] = x[COUNT - 1 - place]
        wide[k.cast(place, INT64)] = x[COUNT - 1 - k.cast(place, INT64)]
        with k.when(place.eq(7)):
            number[7] = x[3]

    x = draw("int16")
    narrow, wide, number = both(body, [x], ["int16"] * 3)
    same_bits(narrow, x[::-1])
    same_bits(wide, x[::-1])
    assert number.tolist() == [x[3] if place == 7 else 0 for place in range(COUNT)]


def test_atomic_additions():
    """Each thread gets what was there before: every number once."""

    def body(k, place, before, counts):
        with k.when(k.remainder(place, 3).ne(0)):
            before[place] = k.atomic_add(counts, 1, 2) + 1
        k.atomic_add(counts, k.remainder(place, 2) + 2, place)

    before, counts = both(body, [], ["int32", "int32"])
    workers = [p for p in range(COUNT) if p % 3]
    assert sorted(before[before != 0].tolist()) == [2 * n + 1 for n in range(len(workers))]
    assert counts[:4].tolist() == [0, 2 * len(workers), sum(range(0, COUNT, 2)), sum(range(1, COUNT, 2))]


def test_refusals():
    def body(k, place, flags):
        with k.when(place > 100):
            k.refuse(flags, k.constant(INT32, 3))

    (flags,) = both(body, [], ["int32"])
    assert flags[:5].tolist() == [COUNT - 101, 0, 0, COUNT - 101, 0]


def test_grids_of_three_axes():
    def body(k, out, given):
        x, y, z = k.block
        across, down, deep = k.grid
        block = (z * down + y) * across + x
        out[block * THREADS + k.thread] = deep * 10000 + z * 1000 + y * 100 + x * 10 + k.remainder(k.thread, 10) + given

    kernel = TracedKernel("axes", (Pointer(INT32), INT32), THREADS, body)
    found = []
    for run in (simulate, on_host.run):
        out = on_host.aligned(np.zeros(2 * 3 * 4 * THREADS, np.int32))
        run(kernel, (2, 3, 4), [out, -1])
        found.append(out)
    same_bits(*found)
    z, y, x, thread = np.meshgrid(*map(np.arange, (4, 3, 2, THREADS)), indexing="ij")
    same_bits(found[0], (40000 + z * 1000 + y * 100 + x * 10 + thread % 10 - 1).reshape(-1).astype(np.int32))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool", "uint8"])
def test_shuffles(dtype):
    """Simulated; and their code, which has one exchange for each 4 bytes."""
    x = draw(dtype)

    def body(k, x, *outs):
        place = k.block[0] * THREADS + k.thread
        for out, mask in zip(outs, (1, 2, 4, 8, 16, 31), strict=True):
            out[place] = k.shuffle_xor(x[place], mask)

    kernel = TracedKernel("shuffled", (Pointer(x.dtype),) * 7, THREADS, body)
    outs = [np.zeros(COUNT, dtype) for _ in range(6)]
    simulate(kernel, (BLOCKS,), [x, *outs])
    for out, mask in zip(outs, (1, 2, 4, 8, 16, 31), strict=True):
        same_bits(out, x[np.arange(COUNT) ^ mask])
    for arch in ("sm_75", "sm_90"):
        text = to_ptx(PTXBuilder(kernel).module_text(), arch)
        assert text.count("shfl.sync.bfly.b32") == 6 * max(1, x.dtype.itemsize // 4)


def test_sums_of_a_warp():
    x = np.random.default_rng(0).integers(-99, 99, COUNT).astype(np.float32)

    def body(k, x, out):
        place = k.block[0] * THREADS + k.thread
        out[place] = k.sum_of_warp(x[place])

    out = np.zeros(COUNT, np.float32)
    simulate(TracedKernel("summed", (Pointer(FLOAT32),) * 2, THREADS, body), (BLOCKS,), [x, out])
    same_bits(out, np.repeat(x.reshape(-1, 32).sum(1), 32))


@pytest.mark.parametrize(("dtype", "count"), [("uint8", 4), ("int16", 4), ("float32", 1), ("float64", 2), ("int64", 1)])
def test_copies_to_shared_memory(dtype, count):
    """Neighbours of any dtype; zeros where there is nothing to copy, wherever that would be."""
    x = draw(dtype)

    def body(k, x, out):
        shared = k.shared_array(dtype, THREADS * count)
        place = k.thread * count
        with k.when(k.block[0].eq(0)):
            valid = k.remainder(k.thread, 3).ne(0) & (place < COUNT)
            k.copy_async(shared, place, x, k.select(valid, place, 1 << 20), count, valid)
            k.commit_copies()
            k.await_copies(0)
            k.barrier()
            for j in range(count):
                out[k.thread * count + j] = shared[k.thread * count + j]

    kernel = TracedKernel("copied", (Pointer(x.dtype),) * 2, THREADS, body)
    out = np.ones(THREADS * count, dtype)
    simulate(kernel, (BLOCKS,), [x, out])
    same_bits(out, np.where(np.arange(THREADS * count) // count % 3 != 0, x[: THREADS * count], np.zeros_like(out)))
    size = count * x.dtype.itemsize
    assert f"cp.async.{'cg' if size == 16 else 'ca'}.shared.global" in to_ptx(PTXBuilder(kernel).module_text(), "sm_80")
