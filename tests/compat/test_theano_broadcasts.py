"""What arrays, numbers and updates turn into where they meet: new axes, fill, default updates, truncated draws."""

import numpy as np
import pytest

import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812
from weft.compat.theano.sandbox.rng_mrg import MRG_RandomStreams
from weft.compat.theano.updates import OrderedUpdates


def test_new_axes_drop_axes_of_size_1_that_the_key_leaves_out():
    m = T.matrix("m")
    column, row = m.sum(1, keepdims=True), m.sum(0, keepdims=True)
    block = T.alloc(1.0, m.shape[0], 1, 1)
    shapes = [
        (column[:, None], (False, True)),
        (column[None], (True, False, True)),  # its first axis has no size 1, so NumPy's meaning is the only one
        (row[:, None], (True, True, False)),
        (block[:, None], (False, True)),
        (block[None, 0], (True,)),
        (column[:, :, None], (False, True, True)),
        (column[..., None], (False, True, True)),
        (m[:, None], (False, True, False)),
        (m[T.arange(2), None], (False, True, False)),
        (column[T.arange(2), None], (False, True, True)),
        (T.constant([[4.0]])[None], (True,)),
    ]
    given = np.arange(6.0).reshape(2, 3)
    found = theano.function([m], [v for v, _ in shapes])(given)
    for (variable, pattern), value in zip(shapes, found, strict=True):
        assert variable.broadcastable == pattern
        assert value.ndim == len(pattern)
    np.testing.assert_array_equal(found[0], [[3], [12]])
    slope = T.grad((column[:, None] * m).sum(), m)
    np.testing.assert_array_equal(slope.eval({m: given}), 2 * given.sum(1, keepdims=True) + 0 * given)


def test_fill_takes_the_shape_of_both():
    x, m, s = T.vector("x"), T.matrix("m"), T.scalar("s")
    given = {x: np.ones(3), m: np.full((2, 3), 7.0), s: 5.0}
    pairs = [(x, m), (m, x), (m, s), (s, m), (s, s), (T.row("r"), T.col("c"))]
    for a, b in pairs[:5]:
        found = T.fill(a, b).eval({v: given[v] for v in {a, b}})
        np.testing.assert_array_equal(found, np.broadcast_arrays(given[a], given[b])[1])
    r, c = pairs[5]
    assert T.second(r, c).eval({r: np.ones((1, 3)), c: np.ones((2, 1))}).shape == (2, 3)
    np.testing.assert_array_equal(m.fill(2).eval({m: given[m]}), np.full((2, 3), 2.0))
    assert T.fill(x, m).dtype == "float64"
    assert T.fill(T.lvector(), s).dtype == "float64"


def test_what_replaces_a_variable_does_so_in_default_updates():
    x, data = T.matrix("x"), theano.shared(np.arange(12.0).reshape(4, 3))
    mean, calls = theano.shared(np.zeros(3)), theano.shared(0)
    mean.default_update = 0.5 * mean + 0.5 * x.mean(0) + 0 * calls
    calls.default_update = calls + 1  # which only the other default update reads
    f = theano.function([], (x + 0 * mean).sum(), givens={x: data})
    assert f() == 66
    np.testing.assert_array_equal(mean.get_value(), [2.25, 2.75, 3.25])
    assert calls.get_value() == 1
    h = 2 * x
    mean.default_update = h.sum(0)  # an intermediate variable that is an input
    theano.function([h], h.sum() + 0 * mean.sum())(np.ones((2, 3)))
    np.testing.assert_array_equal(mean.get_value(), [2, 2, 2])
    other = theano.shared(np.ones(3))
    mean.default_update = mean + 1
    theano.function([], mean.sum(), givens={mean: other})()
    np.testing.assert_array_equal(mean.get_value(), [2, 2, 2])  # nothing reads it any more
    for kept in (True, [mean]):
        theano.function([x], (x + mean).sum(), no_default_updates=kept)(np.ones((2, 3)))
        np.testing.assert_array_equal(mean.get_value(), [2, 2, 2])


def test_numbers_as_updates_and_givens_lose_nothing():
    w, v, x = theano.shared(np.float32(1.0)), theano.shared(np.int32(1)), T.fscalar("x")
    f = theano.function([], x * w, givens={x: np.float64(0.5)}, updates=[(w, np.float64(2)), (v, np.int64(5))])
    assert (f(), w.get_value(), v.get_value()) == (0.5, 2, 5)
    for wrong in (np.int64(2**40), np.float64(0.5)):
        with pytest.raises(TypeError, match="cannot hold"):
            theano.function([], [], updates=[(v, wrong)])


def test_draws_within_two_deviations():
    streams = MRG_RandomStreams(3)
    draws = theano.function([], [
        streams.normal((20000,), avg=1.0, std=2.0, truncate=True, dtype="float32"),
        streams.truncated_normal((20000,)),
    ])()  # fmt: skip
    assert draws[0].dtype == np.float32
    for values, mean, deviation in ((draws[0], 1.0, 2.0), (draws[1], 0.0, 1.0)):
        unit = (values - mean) / deviation
        assert np.abs(unit).max() <= 2.0001
        np.testing.assert_allclose([unit.mean(), unit.std()], [0, 0.8796], atol=0.02)


def test_updates_that_add_up():
    a, b, c = theano.shared(1.0, "a"), theano.shared(2.0, "b"), T.scalar("c")
    one, other = OrderedUpdates([(a, a + c)]), OrderedUpdates({b: b * c})
    both = one + other
    assert type(both) is OrderedUpdates
    assert list(both) == [a, b]
    assert list({b: c} + one) == [b, a]
    assert (len(one), len(one + one), len(one + OrderedUpdates())) == (1, 1, 1)
    both.update(None)
    theano.function([c], [], updates=both)(3.0)
    assert (a.get_value(), b.get_value()) == (4, 6)
    with pytest.raises(KeyError, match="a is updated in two ways"):
        one + {a: c}
    for wrong in ({c: a}, [("a", c)]):
        with pytest.raises(TypeError, match="keys of updates are shared variables"):
            OrderedUpdates(wrong)
