"""The simulator finds faults: small kernels, each right but for one fault, which is planted or not."""

from typing import NamedTuple

import numpy as np
import pytest

from weft.codegen.cuda.trace import simulator
from weft.codegen.cuda.trace.builder import FLOAT32, INT32, INT64
from weft.codegen.cuda.trace.kernel import Pointer, TracedKernel
from weft.codegen.cuda.trace.simulator import KernelFault, simulate

THREADS, BLOCKS = 64, 2
COUNT = THREADS * BLOCKS


class Planted(NamedTuple):
    """A body, and what is said about it where its fault is planted."""

    body: object
    said: str


FAULTS = {}


def fault(said):
    """The body `(k, x, out, counts, wrong)`; `wrong`: whether the fault is there."""

    def add(body):
        FAULTS[body.__name__] = Planted(body, said)
        return body

    return add


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


# ---- shared memory -------------------------------------------------------------------------------------------------


@fault("read of what another thread has written since the last barrier")
def no_barrier_before_a_read(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, THREADS)
    shared[k.thread] = x[place_of(k)]
    barrier_unless(k, wrong)
    out[place_of(k)] = shared[THREADS - 1 - k.thread]


@fault("read of what another thread has written since the last barrier")
def no_barrier_before_a_read_within_a_warp(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, THREADS)
    shared[k.thread] = x[place_of(k)]
    barrier_unless(k, wrong)
    out[place_of(k)] = shared[k.thread ^ 1]


@fault("write of what another thread has read since the last barrier")
def no_barrier_before_a_write(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, THREADS)
    shared[k.thread] = x[place_of(k)]
    k.barrier()
    out[place_of(k)] = shared[THREADS - 1 - k.thread]
    barrier_unless(k, wrong)
    shared[k.thread] = 0.0


@fault("write of what another thread has read since the last barrier")
def no_barrier_before_a_write_to_what_several_read(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, 1)
    with k.when(k.thread.eq(0)):
        shared[0] = x[place_of(k)]
    k.barrier()
    out[place_of(k)] = shared[0]
    barrier_unless(k, wrong)
    with k.when(k.thread.eq(0)):
        shared[0] = 0.0


@fault("write of what another thread has written since the last barrier")
def no_barrier_between_writes(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, 32)
    with k.when(k.thread < 32):
        shared[k.thread] = 1.0
    barrier_unless(k, wrong)
    with k.when(k.thread >= 32):
        shared[k.thread - 32] = 2.0


@fault("write of what another thread has read since the last barrier")
def a_loop_without_its_second_barrier(k, x, out, counts, wrong):
    shared, total = k.shared_array(FLOAT32, THREADS), k.register(FLOAT32)
    for i in k.range(0, 3):
        shared[k.thread] = x[k.thread + i]
        k.barrier()
        total.set(total.get() + shared[THREADS - 1 - k.thread])
        barrier_unless(k, wrong)
    out[place_of(k)] = total.get()


@fault("two threads write one element at once")
def a_shared_element_is_written_twice(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, THREADS)
    shared[k.thread >> 1 if wrong else k.thread] = x[place_of(k)]


@fault("read of what nobody wrote")
def a_shared_element_is_not_written(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, THREADS)
    with k.when(k.thread < (THREADS - 1 if wrong else THREADS)):
        shared[k.thread] = x[place_of(k)]
    k.barrier()
    out[place_of(k)] = shared[THREADS - 1 - k.thread]


@fault("shared memory: elements 1 to 64 of an array that has 64")
def a_place_behind_a_shared_array(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, THREADS)
    k.shared_array(FLOAT32, THREADS)  # there is memory, but of another array
    shared[k.thread + (1 if wrong else 0)] = x[place_of(k)]


@fault("shared memory: elements -1 to 62 of an array that has 64")
def a_place_before_a_shared_array(k, x, out, counts, wrong):
    k.shared_array(FLOAT32, THREADS)
    shared = k.shared_array(FLOAT32, THREADS)
    shared[k.thread - (1 if wrong else 0)] = x[place_of(k)]


@fault("shared memory: 4 neighbours that do not start at a multiple of 4")
def neighbours_in_shared_memory_that_start_anywhere(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, 5 * THREADS)
    k.barrier()
    shared.store(k.thread * (5 if wrong else 4), [x[place_of(k)]] * 4)


@fault("shared memory: 2 neighbours that do not start at a multiple of 2")
def an_array_that_starts_anywhere(k, x, out, counts, wrong):
    k.shared_array(FLOAT32, 1)
    shared = k.shared_array(FLOAT32, 2 * THREADS, 4 if wrong else 8)
    shared.store(k.thread * 2, [x[place_of(k)]] * 2)


@fault("bytes of shared memory, where a block has at most 232448")
def more_shared_memory_than_there_is(k, x, out, counts, wrong):
    k.shared_array(FLOAT32, 100)
    k.shared_array(FLOAT32, simulator.MOST_SHARED // 4 - (99 if wrong else 100))


@fault("bytes of shared memory, where a block has at most 232448")
def more_shared_memory_at_its_begin_than_there_is(k, x, out, counts, wrong):
    k.overlay_array(FLOAT32, simulator.MOST_SHARED // 4 + (1 if wrong else 0))


# ---- copies --------------------------------------------------------------------------------------------------------


def begin_copies(k, x, shared, count=4):
    """Four groups, of 16 elements each, which the first four threads begin."""
    for group in range(4):
        with k.when(k.thread < 16 // count):
            at = group * 16 + k.thread * count
            k.copy_async(shared, at, x, k.block[0] * THREADS + at, count)
        k.commit_copies()


@fault("read before a copy has arrived")
def a_copy_is_not_awaited(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, THREADS)
    begin_copies(k, x, shared)
    k.await_copies(1 if wrong else 0)
    k.barrier()
    out[place_of(k)] = shared[k.thread]
    k.await_copies(0)


@fault("copies to shared memory are not awaited")
def copies_are_never_awaited(k, x, out, counts, wrong):
    begin_copies(k, x, k.shared_array(FLOAT32, THREADS))
    k.await_copies(1 if wrong else 0)


@fault("copies to shared memory are not awaited")
def copies_are_in_no_group(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, THREADS)
    k.copy_async(shared, k.thread, x, place_of(k), 1)
    if not wrong:
        k.commit_copies()
    k.await_copies(0)


@fault("read of what another thread has written since the last barrier")
def no_barrier_behind_a_copy(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, THREADS)
    begin_copies(k, x, shared)
    k.await_copies(0)
    barrier_unless(k, wrong)
    out[place_of(k)] = shared[k.thread]


@fault("write of what another thread has read since the last barrier")
def no_barrier_before_a_copy(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, THREADS)
    shared[k.thread] = x[place_of(k)]
    k.barrier()
    out[place_of(k)] = shared[THREADS - 1 - k.thread]
    barrier_unless(k, wrong)
    begin_copies(k, x, shared)
    k.await_copies(0)


@fault("write where a copy is under way")
def a_write_meets_a_copy(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, THREADS)
    k.copy_async(shared, k.thread, x, place_of(k), 1)
    k.commit_copies()
    if not wrong:
        k.await_copies(0)
    shared[k.thread] = 0.0
    k.await_copies(0)
    out[place_of(k)] = shared[k.thread]


@fault("a copy of 12 bytes: it is of 4, 8 or 16")
def a_copy_of_an_odd_size(k, x, out, counts, wrong):
    shared = k.shared_array(FLOAT32, 4 * THREADS)
    with k.when(k.thread < 32):
        k.copy_async(shared, k.thread * 4, x, k.thread * 4, 3 if wrong else 4)
    k.commit_copies()
    k.await_copies(0)


@fault("global memory: 4 neighbours that do not start at a multiple of 4")
def a_copy_from_anywhere(k, x, out, counts, wrong):
    with k.when(k.thread < 16):
        k.copy_async(k.shared_array(FLOAT32, THREADS), k.thread * 4, x, k.thread * 4 + (1 if wrong else 0), 4)
    k.commit_copies()
    k.await_copies(0)


@fault("shared memory: 4 neighbours that do not start at a multiple of 4")
def a_copy_to_anywhere(k, x, out, counts, wrong):
    with k.when(k.thread < 16):
        k.copy_async(k.shared_array(FLOAT32, 70), k.thread * 4 + (1 if wrong else 0), x, k.thread * 4, 4)
    k.commit_copies()
    k.await_copies(0)


@fault("global memory: elements 1 to 128 of an array that has 128")
def a_copy_of_what_is_not_there(k, x, out, counts, wrong):
    place = place_of(k) + 1
    valid = True if wrong else place < COUNT
    shared = k.shared_array(FLOAT32, THREADS)
    k.copy_async(shared, k.thread, x, place, 1, valid)
    k.commit_copies()
    k.await_copies(0)
    out[place_of(k)] = shared[k.thread]


# ---- threads meet --------------------------------------------------------------------------------------------------


@fault("part of a block does not reach a barrier")
def a_barrier_for_one_warp(k, x, out, counts, wrong):
    with k.when(k.thread < (32 if wrong else 64)):
        k.barrier()


@fault("part of a block does not reach a barrier")
def a_barrier_in_a_loop_of_several_lengths(k, x, out, counts, wrong):
    for _ in k.range(0, k.thread if wrong else k.block[0]):
        k.barrier()


@fault("part of a warp does not reach a shuffle")
def a_shuffle_in_part_of_a_warp(k, x, out, counts, wrong):
    value = x[place_of(k)]
    with k.when(k.thread < (31 if wrong else 32)):
        out[place_of(k)] = k.shuffle_xor(value, 1)


@fault("part of a warp does not reach a product of tiles")
def a_product_in_part_of_a_warp(k, x, out, counts, wrong):
    bits = x[place_of(k)].bits()
    with k.when(k.thread < (31 if wrong else 32)):
        out[place_of(k)] = k.multiply_tiles([bits] * 4, [bits] * 2, [k.constant(FLOAT32, 0)] * 4)[0]


# ---- global memory -------------------------------------------------------------------------------------------------


@fault("global memory: elements 1 to 128 of an array that has 128")
def a_read_behind_an_array(k, x, out, counts, wrong):
    place = place_of(k)
    with k.when(place < (COUNT if wrong else COUNT - 1)):
        out[place] = x[place + 1]


@fault("global memory: elements -1 to 126 of an array that has 128")
def a_write_before_an_array(k, x, out, counts, wrong):
    out[place_of(k) - (1 if wrong else 0)] = 1.0


@fault("global memory: elements 128 to 131 of an array that has 128")
def neighbours_behind_an_array(k, x, out, counts, wrong):
    with k.when(k.thread < 16):
        place = k.block[0] * THREADS + k.thread * 4
        sums = x.load(place, 4)
        with k.when(place.eq(COUNT - 4) if wrong else place < 0):
            sums = x.load(place + 4, 4)
        out.store(place, sums)


@fault("global memory: elements 4 to 4 of an array that has 4")
def an_atomic_behind_an_array(k, x, out, counts, wrong):
    k.atomic_add(counts, 4 if wrong else 3, 1)


@fault("global memory: 2 neighbours that do not start at a multiple of 2")
def neighbours_that_start_anywhere(k, x, out, counts, wrong):
    with k.when(place_of(k) < COUNT // 2 - 1):
        out.store(place_of(k) * 2, x.load(place_of(k) * 2 + (1 if wrong else 0), 2))


@fault("two threads write one element")
def an_element_is_written_twice(k, x, out, counts, wrong):
    out[place_of(k) >> (1 if wrong else 0)] = 1.0


@fault("two threads write one element")
def blocks_write_one_element(k, x, out, counts, wrong):
    out[k.thread if wrong else place_of(k)] = x[place_of(k)]


@fault("a thread reads what another one has written in the same launch")
def a_thread_reads_what_another_wrote(k, x, out, counts, wrong):
    out[place_of(k)] = x[place_of(k)]
    k.fence()
    k.barrier()
    found = out.load(place_of(k) ^ 1, fresh=not wrong)
    k.shared_array(FLOAT32, THREADS)[k.thread] = found


@fault("a thread (writes|reads) what another one has (read|written) in the same launch")
def a_thread_writes_what_another_read(k, x, out, counts, wrong):
    place = place_of(k)
    out[place if not wrong else COUNT - 1 - place] = out[place] + 1.0


# ---- dtypes --------------------------------------------------------------------------------------------------------


@fault("int32 is stored to an array of float32")
def a_store_of_another_dtype(k, x, out, counts, wrong):
    out[place_of(k)] = k.thread if wrong else k.cast(k.thread, FLOAT32)


@fault("int32 is stored to shared memory of float32")
def a_shared_store_of_another_dtype(k, x, out, counts, wrong):
    k.shared_array(FLOAT32, THREADS)[k.thread] = k.thread if wrong else k.cast(k.thread, FLOAT32)


@fault("a register of int32 is set to float32")
def a_register_of_another_dtype(k, x, out, counts, wrong):
    k.register(INT32).set(x[place_of(k)] if wrong else k.thread)


@fault("select of float32 and int32")
def a_choice_of_two_dtypes(k, x, out, counts, wrong):
    k.select(k.thread < 3, x[place_of(k)], k.thread if wrong else 0)


@fault("a division by zero")
def a_division_by_zero(k, x, out, counts, wrong):
    with k.when(k.thread > 0):
        k.quotient(place_of(k), k.thread - (1 if wrong else 0))


@fault("a division by zero")
def a_remainder_of_zero(k, x, out, counts, wrong):
    k.remainder(place_of(k), k.select(k.thread > 5, k.thread, 0 if wrong else 1))


# ---- all of them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    run(FAULTS[name].body, False)
    with pytest.raises(KernelFault, match=rf"^planted: .*{FAULTS[name].said}\.$"):
        run(FAULTS[name].body, True)


ACROSS = (
    blocks_write_one_element,
    a_thread_reads_what_another_wrote,
    a_thread_writes_what_another_read,
    an_element_is_written_twice,
)


@pytest.mark.parametrize("body", ACROSS, ids=lambda body: body.__name__)
def test_blocks_that_are_not_simulated_at_once_meet_as_well(body, monkeypatch):
    monkeypatch.setattr(simulator, "TOGETHER", 1)
    test_a_planted_fault_is_found(body.__name__)


def test_right_kernels_compute_what_they_say():
    x = np.arange(COUNT, dtype="f4")
    turned = x.reshape(BLOCKS, THREADS)[:, ::-1].reshape(-1)
    np.testing.assert_array_equal(run(no_barrier_before_a_read, False)[0], turned)
    np.testing.assert_array_equal(run(a_copy_is_not_awaited, False)[0], x)
    np.testing.assert_array_equal(run(a_copy_of_what_is_not_there, False)[0], [*x[1:], 0])
    np.testing.assert_array_equal(run(an_atomic_behind_an_array, False)[1], [0, 0, 0, COUNT])
    np.testing.assert_array_equal(run(a_thread_writes_what_another_read, False)[0], 0 * x)


def test_views_remember_who_wrote():
    def body(k, x, out, counts, wrong):
        out.view(INT32)[place_of(k)] = k.constant(INT32, 0)
        if wrong:
            out[COUNT - 1 - place_of(k)] = 0.0

    np.testing.assert_array_equal(run(body, False)[0], 0)
    with pytest.raises(KernelFault, match="two threads write one element"):
        run(body, True)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda k, x: k.thread + x, "int32 and float32 meet"),
        (lambda k, x: k.cast(k.thread, INT64) < k.thread, "int64 and int32 meet"),
        (lambda k, x: k.thread / 2, "divided by k.quotient"),
        (lambda k, x: 1 if k.thread < 2 else 0, "decides nothing in Python"),
    ],
)
def test_mistakes_of_who_writes_a_body(mistake, said):
    with pytest.raises(TypeError, match=said):
        run(lambda k, x, out, counts, wrong: mistake(k, x[place_of(k)]), False)
