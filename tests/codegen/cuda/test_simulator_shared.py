"""The simulator finds what is wrong in shared memory, where barriers and waits for copies are missing."""

import numpy as np
import pytest

from weft.codegen.cuda.trace import simulator
from weft.codegen.cuda.trace.builder import FLOAT32

from .planted import BLOCKS, COUNT, THREADS, barrier_unless, check, fault, faults_in, place_of, run

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


@fault("shared memory: an array of float64 that starts at byte 4")
def an_array_of_numbers_that_are_not_aligned(k, x, out, counts, wrong):
    k.shared_array(FLOAT32, 1)
    k.shared_array(np.dtype(np.float64), THREADS, 4 if wrong else 8)


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


# ---- all of them ---------------------------------------------------------------------------------------------------


FAULTS = faults_in(globals())


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    check(FAULTS[name])


def test_right_kernels_compute_what_they_say():
    x = np.arange(COUNT, dtype="f4")
    turned = x.reshape(BLOCKS, THREADS)[:, ::-1].reshape(-1)
    np.testing.assert_array_equal(run(no_barrier_before_a_read, False)[0], turned)
    np.testing.assert_array_equal(run(a_copy_is_not_awaited, False)[0], x)
    np.testing.assert_array_equal(run(a_copy_of_what_is_not_there, False)[0], [*x[1:], 0])
