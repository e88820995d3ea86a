"""The simulator finds what is wrong in global memory, among threads that meet, and in dtypes."""

import numpy as np
import pytest

from weft.codegen.cuda.trace import simulator
from weft.codegen.cuda.trace.builder import FLOAT32, INT32, INT64
from weft.codegen.cuda.trace.simulator import KernelFault

from .planted import COUNT, THREADS, check, fault, faults_in, place_of, run

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


FAULTS = faults_in(globals())


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    check(FAULTS[name])


ACROSS = (
    blocks_write_one_element,
    a_thread_reads_what_another_wrote,
    a_thread_writes_what_another_read,
    an_element_is_written_twice,
)


@pytest.mark.parametrize("body", ACROSS, ids=lambda body: body.__name__)
def test_blocks_that_are_not_simulated_at_once_meet_as_well(body, monkeypatch):
    monkeypatch.setattr(simulator, "TOGETHER", 1)
    check(body)


def test_right_kernels_compute_what_they_say():
    np.testing.assert_array_equal(run(an_atomic_behind_an_array, False)[1], [0, 0, 0, COUNT])
    np.testing.assert_array_equal(run(a_thread_writes_what_another_read, False)[0], np.zeros(COUNT))


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
