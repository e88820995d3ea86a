"""Schedules: their formulas, and the same value of a number, of an array and in the graph."""

import math

import numpy as np
import pytest

import weft as wf
from weft.nn import schedules, updates
from weft.symbolic.errors import ArgumentError, DTypeError
from weft.symbolic.types import config

N = np.arange(45)


def rounds(n, first=5, times=2):
    start, length = 0, first
    while n >= start + length:
        start, length = start + length, length * times
    return 0.05 + 0.05 * (1 + math.cos(math.pi * (n - start) / length))


def triangle(n, up=4, down=7, factor=0.5):
    cycle, place = divmod(n, up + down)
    return 0.1 + 0.4 * factor**cycle * (place / up if place <= up else (up + down - place) / down)


def half_cosine(a, b, part):
    return b + (a - b) * (1 + math.cos(math.pi * part)) / 2


SCHEDULES = {
    "constant": (schedules.constant(0.3), lambda n: 0.3),
    "step": (schedules.step(0.1, 7, 0.5), lambda n: 0.1 * 0.5 ** (n // 7)),
    "multi_step": (schedules.multi_step(0.1, [3, 8, 20], 0.5), lambda n: 0.1 * 0.5 ** sum(n >= b for b in (3, 8, 20))),
    "piecewise": (schedules.piecewise_constant([0.1, 0.01], [5]), lambda n: 0.1 if n < 5 else 0.01),
    "exponential": (schedules.exponential(0.1, 0.9, 3), lambda n: 0.1 * 0.9 ** (n / 3)),
    "polynomial": (
        schedules.polynomial(0.1, 30, 0.01, 2.0),
        lambda n: 0.01 + 0.09 * (1 - min(n, 30) / 30) ** 2,
    ),
    "linear": (schedules.linear(0.1, 30, 0.01), lambda n: 0.1 - 0.09 * min(n, 30) / 30),
    "cosine": (schedules.cosine(0.1, 30, 0.02), lambda n: half_cosine(0.1, 0.02, min(n, 30) / 30)),
    "restarts": (schedules.cosine_restarts(0.15, 5, 2, 0.05), rounds),
    "equal restarts": (
        schedules.cosine_restarts(0.2, 7, factor=0.5),
        lambda n: half_cosine(0.2 * 0.5 ** (n // 7), 0, n % 7 / 7),
    ),
    "one cycle": (
        schedules.one_cycle(0.1, 40, 0.25, 0.02, 0.01),
        lambda n: half_cosine(0.02, 0.1, n / 10) if n < 10 else half_cosine(0.1, 0.01, min(1, (n - 10) / 30)),
    ),
    "cyclic": (schedules.cyclic(0.1, 0.5, 4, 7, 0.5), triangle),
    "inverse time": (schedules.inverse_time(0.1, 0.5, 3), lambda n: 0.1 / (1 + 0.5 * n / 3)),
    "inverse sqrt": (
        schedules.inverse_sqrt(0.1, 10),
        lambda n: 0.1 * min((n + 1) / 10, math.sqrt(10 / (n + 1))),
    ),
    "warmup": (
        schedules.warmup(schedules.linear(0.1, 20), 10, 0.02),
        lambda n: 0.02 + 0.08 * n / 10 if n < 10 else 0.1 * (1 - min(20, n - 10) / 20),
    ),
    "warmup of a number": (schedules.warmup(0.1, 10), lambda n: 0.1 * min(n, 10) / 10),
    "join": (
        schedules.join([0.1, schedules.linear(0.2, 10), lambda n: 0.7], [10, 40]),
        lambda n: 0.1 if n < 10 else 0.2 * max(0, 1 - (n - 10) / 10) if n < 40 else 0.7,
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_formulas(name):
    schedule, formula = SCHEDULES[name]
    wanted = [formula(int(n)) for n in N]
    np.testing.assert_allclose(schedule(N), wanted, rtol=1e-12, atol=1e-15)
    assert schedule(N).dtype == np.float64
    for n in (0, 11, np.int32(11)):
        assert isinstance(schedule(n), float)
        assert schedule(n) == schedule(N)[n]


def test_in_the_graph():
    n = wf.scalar("n", dtype="int64")
    step = wf.function([n], {name: schedule(n) for name, (schedule, _) in SCHEDULES.items()})
    for number in N:
        found = step(number)
        for name, (schedule, _) in SCHEDULES.items():
            assert found[name].dtype == np.float64
            np.testing.assert_allclose(found[name], schedule(number), rtol=1e-12, atol=1e-15, err_msg=name)


def test_steps_beyond_those_of_float32():
    far = 2**24 + 1
    cycle = schedules.cyclic(0.0, 1.0, 2)
    n = wf.scalar("n", dtype="int64")
    step = wf.function([n], cycle(n))
    for number in range(far, far + 5):
        assert step(number) == cycle(number) == cycle(number % 4)


@pytest.mark.parametrize("growth", [2, 3, 10])
def test_restarts_begin_exactly(growth):
    schedule, start = schedules.cosine_restarts(0.1, 7, growth), 0
    for number in range(6):
        assert schedule(start) == 0.1
        start += 7 * growth**number
        assert schedule(start - 1) < 0.01


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rates_have_all_the_digits_of_the_parameter(dtype):
    with config(float_dtype="float32"):
        w = wf.shared(np.zeros(1, dtype), "w")
        changes = updates.sgd(wf.sum(w), [w], schedules.join([0.1, 0.3], [5]))
        train = wf.function([], None, updates=changes)
        train()
        np.testing.assert_array_equal(w.get_value(), np.array([-0.1], dtype))


def test_the_counter_is_saved_with_the_rest():
    w = wf.shared(np.zeros(1), "w")
    changes = updates.sgd(wf.sum(w), [w], schedules.linear(1.0, 4))
    (counter,) = (cell for cell in changes if cell is not w)
    assert counter.name in wf.nn.variables(changes)
    train = wf.function([], None, updates=changes)
    for wanted in (-1.0, -1.75, -2.25, -2.5, -2.5):
        train()
        np.testing.assert_allclose(w.get_value(), [wanted])


def test_plateau():
    metric = wf.scalar("metric")
    rate, watched = schedules.plateau(metric, 1.0, factor=0.5, patience=1, threshold=0.1, cooldown=1, least=0.3)
    watch = wf.function([metric], None, updates=watched)
    rates = []
    for value in (1.0, 0.95, 0.95, 0.5, 0.49, 0.49, 0.49, 0.49, 0.49, 0.49):
        watch(value)
        rates.append(float(rate.get_value()))
    assert rates == [1.0, 1.0, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3]


def test_what_plateau_remembers_is_no_parameter():
    w = wf.shared(np.ones(2), "w")
    loss = wf.sum(w)
    rate, watched = schedules.plateau(loss, 0.1)
    assert watched.params == []
    changes = updates.sgd(loss, [w], rate) | watched
    assert changes.params == [w]
    assert list(updates.ema(changes)[1]) == [w]
    assert set(updates.lookahead(changes)) >= set(watched)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint64"])
def test_steps_of_narrow_integers(dtype):
    """Which do not hold the boundaries."""
    n = wf.vector("n", ("n",), dtype)
    numbers = np.array([0, 3, 40, 100], dtype)
    for schedule in (schedules.join([0.1, 0.2, 0.3], [5, 300]), schedules.warmup(schedules.linear(1.0, 90), 1000)):
        wanted = schedule(numbers.astype("int64"))
        np.testing.assert_array_equal(schedule(numbers), wanted)
        assert schedule(numbers[2]) == wanted[2]
        np.testing.assert_allclose(wf.evaluate(schedule(n), {n: numbers}), wanted, rtol=1e-12)


def test_what_is_no_step():
    for wrong in (1j, True):
        with pytest.raises(ArgumentError, match="linear: a schedule is called with the number of a step"):
            schedules.linear(0.1, 5)(wrong)
    for wrong, says in [("a", "holds text"), ({1}, "is a set, which is no array")]:
        with pytest.raises((ArgumentError, DTypeError), match=f"linear: the number of the step {says}"):
            schedules.linear(0.1, 5)(wrong)
    with pytest.raises(ArgumentError, match="linear: a schedule is called with the number of a step"):
        schedules.linear(0.1, 5)(wf.scalar("f", dtype="bool"))


def test_wrong_boundaries():
    with pytest.raises(ArgumentError, match=r"multi_step: boundaries rise, and \[5, 3\] do not"):
        schedules.multi_step(0.1, [5, 3])
    with pytest.raises(ArgumentError, match="join: between 2 pieces are 1 boundaries, not 2"):
        schedules.join([0.1, 0.2], [3, 5])
    with pytest.raises(ArgumentError, match=r"one_cycle: rise is in \[0, 1\], and 1\.5 is not"):
        schedules.one_cycle(0.1, 10, 1.5)
