"""The generator: published answers, a plain Python reference, distributions, independence, reproducibility."""

import pickle

import numpy as np
import pytest
import scipy

from weft.codegen.function import function
from weft.ops.control import scan
from weft.ops.random import Stream, threefry2x32
from weft.symbolic.errors import ArgumentError, DTypeError
from weft.symbolic.evaluate import evaluate
from weft.symbolic.expr import toposort
from weft.symbolic.leaves import constant
from weft.symbolic.variables import matrix, tensor, vector

WORD = 2**32 - 1


def reference(key, counter):
    """Threefry-2x32 with 20 rounds on Python integers, after the paper's definition."""
    keys = [*key, key[0] ^ key[1] ^ 0x1BD11BDA]
    x, y = ((c + k) & WORD for c, k in zip(counter, key, strict=True))
    rotations = [13, 15, 26, 6, 17, 29, 16, 24]
    for number in range(20):
        x = (x + y) & WORD
        y = ((y << rotations[number % 8]) | (y >> (32 - rotations[number % 8]))) & WORD
        y ^= x
        if number % 4 == 3:
            group = number // 4 + 1
            x = (x + keys[group % 3]) & WORD
            y = (y + keys[(group + 1) % 3] + group) & WORD
    return x, y


def words(*values):
    packed = int(evaluate(threefry2x32(*(constant(np.uint32(v)) for v in values))))
    return packed & WORD, packed >> 32


def draw(expr, times=1):
    """The values of some calls of a function that returns `expr`: the counter goes up by its default update."""
    counters = [n for n in toposort([expr]) if n.name == "random_counter"]
    results = []
    for _ in range(times):
        new = evaluate([c.op.storage.default_update for c in counters])
        results.append(evaluate(expr))
        for counter, value in zip(counters, new, strict=True):
            counter.set_value(value)
    return results[0] if times == 1 else results


@pytest.mark.parametrize(
    ("key", "counter", "answer"),
    [  # Random123's known answers, kat_vectors, threefry 2x32 with 20 rounds
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((WORD, WORD), (WORD, WORD), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_known_answers(key, counter, answer):
    assert words(*key, *counter) == answer
    assert reference(key, counter) == answer


def test_arrays_of_counters_are_the_reference():
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 2**32, (4, 50), dtype=np.uint64).astype(np.uint32)
    packed = evaluate(threefry2x32(*(constant(row) for row in blocks)))
    for column, value in zip(blocks.T.tolist(), packed.tolist(), strict=True):
        assert (value & WORD, value >> 32) == reference(column[:2], column[2:])


def test_a_draw_is_what_the_module_says():
    stream = Stream(2**40 + 5)
    stream.bits((1,))  # draw number 0
    bits = stream.bits((2, 3))  # draw number 1
    stream.counter.set_value(np.uint64(2**33 + 7))
    call = reference((5, 2**8), (7, 2 + 256))
    wanted = [reference(call, (place, 0)) for place in range(6)]
    assert evaluate(bits).ravel().tolist() == [low | high << 32 for low, high in wanted]


def test_seeds_are_taken_modulo_the_size_of_a_word():
    for seed, same in ((2**64 + 5, 5), (-1, 2**64 - 1), (2**65 + 2**63, 2**63), (np.int8(-3), 2**64 - 3), (True, 1)):
        stream, again = Stream(seed), Stream(0)
        again.counter.set_value(np.uint64(9))
        again.seed(same)
        assert (int(stream.key.get_value()), int(again.key.get_value())) == (same, same)
        assert int(again.counter.get_value()) == 0
        np.testing.assert_array_equal(evaluate(stream.bits((3,))), evaluate(again.bits((3,))))


def test_draws_in_loops_are_what_the_module_says():
    stream = Stream(2**40 + 5)
    bits = scan(lambda c, _: (c, stream.bits((2,))), 0.0, length=3)[1]
    stream.counter.set_value(np.uint64(7))
    call = reference((5, 2**8), (7, 0))
    wanted = [[reference(reference(call, (step, 1)), (place, 0)) for place in range(2)] for step in range(3)]
    assert evaluate(bits).tolist() == [[low | high << 32 for low, high in row] for row in wanted]


def test_numbers_of_draws_and_places_wrap_around():
    stream, again = Stream(1), Stream(1)
    stream.draws, again.draws = 2**24 + 3, 3
    np.testing.assert_array_equal(evaluate(stream.bits((4,))), evaluate(again.bits((4,))))
    assert stream.draws == 2**24 + 4
    assert stream.bits((2, 2**32 + 3)).shape == (2, 2**32 + 3)


def test_draws_are_made_of_their_bits():
    shape, fresh = (3, 5), lambda: Stream(9)
    word, (first, second) = evaluate(fresh().bits(shape)), evaluate(fresh().bits(shape, blocks=2))
    low, high = word & np.uint64(WORD), word >> np.uint64(32)
    np.testing.assert_array_equal(first, word)
    halves, singles, doubles = (low >> 21) * 2.0**-11, (low >> 8) * 2.0**-24, (word >> 11) * 2.0**-53
    normal = np.sqrt(-2 * np.log((low + 0.5) * 2.0**-32)) * np.cos(2 * np.pi * (high >> 8) * 2.0**-24)
    angle = 2 * np.pi * (second >> 11) * 2.0**-53
    wide = np.sqrt(-2 * np.log((first + 0.5) * 2.0**-64)) * np.cos(angle)
    exact = [
        (fresh().uniform(shape, dtype="float16"), halves),
        (fresh().uniform(shape, dtype="float32"), singles),
        (fresh().uniform(shape, dtype="float64"), doubles),
        (fresh().uniform(shape, -2.0, 6.0, "float64"), doubles * 8 - 2),
        (fresh().uniform(shape, 0, 2, "float64"), doubles * 2),
        (fresh().uniform(shape, -1, 1, "float64"), doubles * 2 - 1),
        (fresh().uniform(shape, 1, 2, "float64"), doubles + 1),
        (fresh().uniform(shape, 3, 3, "float64"), np.full(shape, 3.0)),
        (fresh().uniform(shape, constant(np.array(-2.0)), 6.0, "float64"), doubles * 8 - 2),
        (fresh().bernoulli(0.3, shape), singles < 0.3),
        (fresh().bernoulli(constant(np.array([0.1, 0.3, 0.5, 0.7, 0.9])), shape), singles < [0.1, 0.3, 0.5, 0.7, 0.9]),
        (fresh().bernoulli(0.3, shape, "int8"), (singles < 0.3).astype("int8")),
        (fresh().integers(-3, 9, shape), [[int(v) * 12 // 2**64 - 3 for v in row] for row in word]),
        (fresh().integers(5, 2**32 + 5, shape), [[int(v) // 2**32 + 5 for v in row] for row in word]),
        (fresh().integers(0, 256, shape, "uint8"), [[int(v) // 2**56 for v in row] for row in word]),
    ]
    for draw, wanted in exact:
        np.testing.assert_array_equal(evaluate(draw), wanted)
    near = [
        (fresh().normal(shape, dtype="float16"), normal, 2e-3),
        (fresh().normal(shape), normal, 1e-5),
        (fresh().normal(shape, 3.0, 0.5, "float32"), normal * 0.5 + 3, 1e-5),
        (fresh().normal(shape, dtype="float64"), wide, 1e-13),
        (fresh().normal(shape, np.arange(5.0), constant(np.array(0.25)), "float64"), wide * 0.25 + np.arange(5), 1e-13),
        (fresh().normal(shape, constant(np.array(2.0)), np.arange(5.0), "float64"), wide * np.arange(5) + 2, 1e-13),
        (fresh().normal(shape, 0, 2, "float64"), wide * 2, 1e-13),
        (fresh().normal(shape, 1, 1, "float64"), wide + 1, 1e-13),
    ]
    for draw, wanted, tolerance in near:
        np.testing.assert_allclose(evaluate(draw), wanted, rtol=tolerance, atol=tolerance)


def test_the_bits_do_not_depend_on_how_sizes_are_known():
    x = tensor("x", ("a", 1, "c"))
    stream, other = Stream(4), Stream(4)
    symbolic, static = stream.bits(x.shape), other.bits((3, 1, 5))
    np.testing.assert_array_equal(evaluate(symbolic, {x: np.zeros((3, 1, 5))}), evaluate(static))


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (1, 1)])
def test_small_shapes(shape):
    stream = Stream(0)
    for value in (
        stream.uniform(shape),
        stream.normal(shape),
        stream.bernoulli(0.5, shape),
        stream.integers(0, 3, shape),
    ):
        assert evaluate(value).shape == shape == value.shape


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_uniform_is_uniform(kind):
    value = evaluate(Stream(1).uniform((400, 500), dtype=kind))
    assert value.dtype == kind
    assert value.min() >= 0
    assert value.max() < 1
    assert scipy.stats.kstest(value.ravel(), "uniform").pvalue > 1e-3
    low, high = evaluate(Stream(2).uniform((100000,), -3.0, 5.0, kind)), (-3.0, 8.0)
    assert scipy.stats.kstest(low, "uniform", high).pvalue > 1e-3


def test_uniform_never_reaches_its_upper_end():
    near = np.nextafter(np.float32(1), np.float32(2))
    value = evaluate(Stream(0).uniform((10000,), 1.0, float(near)))
    assert (value == 1).all()
    assert evaluate(Stream(0).uniform((200000,), 1, 2)).max() < 2


def test_all_bits_are_fair():
    value = evaluate(Stream(5).bits((100000,)))
    ones = [(value >> np.uint64(k) & np.uint64(1)).mean() for k in range(64)]
    assert np.abs(np.array(ones) - 0.5).max() < 5 * 0.5 / np.sqrt(value.size)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_normal_is_normal(kind):
    value = evaluate(Stream(3).normal((500, 400), dtype=kind)).ravel()
    assert value.dtype == kind
    assert scipy.stats.kstest(value, "norm").pvalue > 1e-3
    n = value.size
    assert abs(value.mean()) < 4.5 / np.sqrt(n)
    assert abs(value.var() - 1) < 4.5 * np.sqrt(2 / n)
    assert abs(scipy.stats.skew(value)) < 4.5 * np.sqrt(6 / n)
    assert abs(scipy.stats.kurtosis(value)) < 4.5 * np.sqrt(24 / n)


def test_normal_with_parameters():
    x = vector("x", (3,))
    stream = Stream(8)
    value = evaluate(stream.normal((50000, 3), mean=x, std=0.5), {x: np.array([-1.0, 0, 4])})
    np.testing.assert_allclose(value.mean(0), [-1, 0, 4], atol=0.015)
    np.testing.assert_allclose(value.std(0), 0.5, atol=0.01)
    wide = evaluate(stream.normal((50000,), 2.0, 3.0))
    assert scipy.stats.kstest((wide - 2) / 3, "norm").pvalue > 1e-3


@pytest.mark.parametrize("p", [0, 0.1, 0.5, 1])
def test_bernoulli(p):
    value = evaluate(Stream(6).bernoulli(p, (100000,)))
    assert value.dtype == np.bool_
    assert abs(value.mean() - p) <= 4.5 * np.sqrt(p * (1 - p) / value.size)
    assert evaluate(Stream(6).bernoulli(p, (3,), dtype="float32")).dtype == np.float32


def test_bernoulli_with_probabilities():
    x = vector("p", (3,))
    value = evaluate(Stream(6).bernoulli(x, (20000, 3)), {x: np.array([0, 0.25, 1])})
    np.testing.assert_allclose(value.mean(0), [0, 0.25, 1], atol=0.02)


def test_integers():
    value = evaluate(Stream(9).integers(-3, 4, (70000,)))
    assert value.dtype == np.int64
    counts = np.bincount(value + 3, minlength=7)
    assert len(counts) == 7
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    wide = evaluate(Stream(9).integers(0, 2**32, (100000,)))
    assert scipy.stats.kstest(wide / 2**32, "uniform").pvalue > 1e-3
    assert evaluate(Stream(9).integers(250, 256, (100,), "uint8")).min() >= 250
    assert (evaluate(Stream(9).integers(5, 6, (10,))) == 5).all()


def test_draws_calls_and_seeds_are_independent():
    stream = Stream(0)
    a, b, c = stream.uniform((20000,)), stream.uniform((20000,)), Stream(1).uniform((20000,))
    first, again = draw(a, times=2)
    series = [first, again, evaluate(b), evaluate(c), np.roll(first, 1)]
    for i, left in enumerate(series):
        for right in series[:i]:
            assert abs(scipy.stats.pearsonr(left, right).statistic) < 4.5 / np.sqrt(20000)


def test_every_call_draws_anew_and_the_counter_rewinds():
    stream = Stream(0)
    value = stream.uniform((5,))
    first, second, third = draw(value, times=3)
    assert len({tuple(v) for v in (first, second, third)}) == 3
    stream.counter.set_value(np.uint64(1))
    np.testing.assert_array_equal(draw(value), second)
    stream.seed(77)
    other = Stream(77)
    np.testing.assert_array_equal(draw(value), draw(other.uniform((5,))))


def test_equal_programs_draw_equal_numbers():
    for make in (lambda s: s.normal((4, 4)), lambda s: s.integers(0, 9, (6,)), lambda s: s.bernoulli(0.3, (9,))):
        np.testing.assert_array_equal(evaluate(make(Stream(12))), evaluate(make(Stream(12))))
    assert not np.array_equal(evaluate(Stream(12).uniform((4,))), evaluate(Stream(-12).uniform((4,))))


def test_two_draws_in_one_function_see_the_same_call():
    stream = Stream(0)
    a, b = stream.uniform((5,)), stream.uniform((5,))
    assert not np.array_equal(*evaluate([a, b]))
    assert stream.draws == 2


def test_streams_travel():
    value = Stream(3).uniform((4,))
    copy = pickle.loads(pickle.dumps(value))
    np.testing.assert_array_equal(draw(value, times=2), draw(copy, times=2))


def test_arguments_out_of_range():
    stream = Stream(0)
    with pytest.raises(ArgumentError, match="p is a probability"):
        stream.bernoulli(1.5, (3,))
    with pytest.raises(ArgumentError, match="must hold from 1 to"):
        stream.integers(3, 3, (2,))
    with pytest.raises(DTypeError, match="uint8 does not hold"):
        stream.integers(0, 257, (2,), "uint8")
    with pytest.raises(DTypeError, match="uniform draws floats"):
        stream.uniform((3,), dtype="int32")
    with pytest.raises(ArgumentError, match="A seed is a whole number"):
        Stream(1.5)
    with pytest.raises(ArgumentError, match="does not broadcast"):
        stream.normal((3,), mean=matrix("m", (2, 3)))


def test_compiled_functions_draw_the_references_numbers():
    stream = Stream(21)
    draws = [
        stream.bits((3, 70)),
        stream.uniform((1000,)),
        stream.normal((33, 5)),
        stream.normal((40,), dtype="float64"),
        stream.bernoulli(0.3, (2, 3, 4, 5)),
        stream.integers(-5, 9, (11,)),
    ]
    f = function([], draws)
    for call in range(3):
        stream.counter.set_value(np.uint64(call))
        wanted = evaluate(draws)
        assert stream.counter.get_value() == call
        found = f()
        assert stream.counter.get_value() == call + 1
        for a, b in zip(found, wanted, strict=True):
            assert a.dtype == b.dtype
            exact = a.dtype.kind != "f"
            np.testing.assert_allclose(a, b, rtol=0 if exact else 2e-6, atol=0 if exact else 2e-6)


def test_an_update_of_the_counter_replaces_its_own():
    stream = Stream(0)
    f = function([], stream.uniform((4,)), updates={stream.counter: stream.counter})
    np.testing.assert_array_equal(f(), f())
    g = function([], stream.uniform((4,)), updates={stream.counter: stream.counter + 10})
    g()
    assert stream.counter.get_value() == 10


def test_functions_that_share_a_stream_take_turns():
    stream = Stream(0)
    f, g = function([], stream.uniform((4,))), function([], stream.uniform((4,)))
    values = [f(), g(), f(), g()]
    assert len({tuple(v) for v in values}) == 4
    assert stream.counter.get_value() == 4
