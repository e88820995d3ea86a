"""theano.scan and ifelse against plain Python loops: values, gradients, taps, updates, until, sizes 0 and 1."""

import numpy as np
import pytest

import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812
from weft.compat.theano.ifelse import ifelse
from weft.compat.theano.scan_module import until
from weft.compat.theano.tensor.shared_randomstreams import RandomStreams

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("steps", [0, 1, 2, 7])
def test_a_power_with_any_number_of_steps(steps):
    a, k = T.vector("a"), T.iscalar("k")
    powers, updates = theano.scan(lambda before, a: before * a, None, T.ones_like(a), a, n_steps=k)
    f = theano.function([a, k], powers, updates=updates)
    value = RNG.normal(size=4)
    np.testing.assert_allclose(f(value, steps), np.array([value ** (i + 1) for i in range(steps)]).reshape(-1, 4))


def test_sequences_taps_states_and_non_sequences_come_in_order():
    x, y, w = T.vector("x"), T.matrix("y"), T.scalar("w")

    def step(x_before, x_now, x_next, y_now, two_ago, one_ago, s_ago, w):
        return x_before + 2 * x_now + 3 * x_next + y_now.sum() + 0.5 * two_ago - one_ago, s_ago * w + x_now

    (u, s), _ = theano.scan(
        step,
        sequences=[{"input": x, "taps": [-1, 0, 1]}, y],
        outputs_info=[{"initial": T.as_tensor_variable([1.0, 2.0]), "taps": [-2, -1]}, T.constant(0.5)],
        non_sequences=w,
    )
    xs, ys = RNG.normal(size=6), RNG.normal(size=(9, 2))
    us, ss = [1.0, 2.0], [0.5]
    for i in range(1, 5):
        us.append(xs[i - 1] + 2 * xs[i] + 3 * xs[i + 1] + ys[i - 1].sum() + 0.5 * us[-2] - us[-1])
        ss.append(ss[-1] * 1.5 + xs[i])
    found = theano.function([x, y, w], [u, s])(xs, ys, 1.5)
    np.testing.assert_allclose(found[0], us[2:])
    np.testing.assert_allclose(found[1], ss[1:])


@pytest.mark.parametrize("backwards", [False, True])
def test_backwards_is_in_the_order_of_the_steps(backwards):
    x = T.matrix("x")
    sums, _ = theano.scan(lambda row, before: before + row, x, T.zeros_like(x[0]), go_backwards=backwards)
    value = RNG.normal(size=(5, 3))
    order = value[::-1] if backwards else value
    np.testing.assert_allclose(theano.function([x], sums)(value), order.cumsum(0))
    negative, _ = theano.scan(lambda row, before: before + row, x, T.zeros_like(x[0]), n_steps=-5)
    np.testing.assert_allclose(theano.function([x], negative)(value), value[::-1].cumsum(0))


def test_the_shortest_sequence_and_n_steps_decide():
    x, y = T.vector("x"), T.vector("y")
    products, _ = theano.scan(lambda a, b: a * b, [x, y])
    f = theano.function([x, y], products)
    np.testing.assert_array_equal(f([1, 2, 3], [4, 5]), [4, 10])
    np.testing.assert_array_equal(f([], [4, 5]), [])
    some, _ = theano.scan(lambda a: a * 2, x, n_steps=2)
    np.testing.assert_array_equal(theano.function([x], some)([1, 2, 3]), [2, 4])


def test_gradients_to_second_order():
    x, w = T.vector("x"), T.scalar("w")
    states, _ = theano.scan(lambda x, h, w: T.tanh(w * h + x), x, T.constant(0.1), w)
    cost = (states**2).sum()
    first = T.grad(cost, w)
    f = theano.function([x, w], [cost, first, T.grad(first, w), T.grad(cost, x)])
    xs = RNG.normal(size=5)

    def plain(w, xs=xs):
        h, total = 0.1, 0.0
        for each in xs:
            h = np.tanh(w * h + each)
            total += h * h
        return total

    e = 1e-4
    value, slope, bend, to_x = f(xs, 0.7)
    np.testing.assert_allclose(value, plain(0.7))
    np.testing.assert_allclose(slope, (plain(0.7 + e) - plain(0.7 - e)) / (2 * e), rtol=1e-6)
    np.testing.assert_allclose(bend, (plain(0.7 + e) - 2 * plain(0.7) + plain(0.7 - e)) / e**2, rtol=1e-4)
    numeric = [(plain(0.7, xs + e * d) - plain(0.7, xs - e * d)) / (2 * e) for d in np.eye(5)]
    np.testing.assert_allclose(to_x, numeric, rtol=1e-5)


@pytest.mark.parametrize("kept", [1, 3, 9])
def test_truncated_gradients_flow_through_the_last_steps(kept):
    w, x = T.scalar("w"), T.vector("x")
    states, _ = theano.scan(lambda x, h, w: w * h + x, x, T.constant(1.0), w, truncate_gradient=kept)
    value, slope = theano.function([x, w], [states, T.grad(states[-1], w)])(np.arange(5.0), 0.5)
    h, past = 1.0, []
    for each in np.arange(5.0):
        past.append(h)
        h = 0.5 * h + each
    np.testing.assert_allclose(value[-1], h)
    expected = sum(before * 0.5 ** (4 - i) for i, before in enumerate(past) if i >= 5 - kept)
    np.testing.assert_allclose(slope, expected)


def test_until_ends_the_loop_and_cuts_its_outputs():
    top = T.scalar("top")
    doubled, _ = theano.scan(
        lambda before, top: (before * 2, until(before * 2 > top)), None, T.constant(1.0), top, n_steps=100
    )
    f = theano.function([top], [doubled, doubled[-1]])
    np.testing.assert_array_equal(f(45.0)[0], [2, 4, 8, 16, 32, 64])
    np.testing.assert_array_equal(f(0.0)[0], [2])
    assert f(1e300)[0].shape == (100,)


def test_updates_of_shared_variables():
    count = theano.shared(0, "count")
    seen, updates = theano.scan(lambda: (count * 10, {count: count + 1}), n_steps=4)
    f = theano.function([], seen, updates=updates)
    np.testing.assert_array_equal(f(), [0, 10, 20, 30])
    np.testing.assert_array_equal(f(), [40, 50, 60, 70])
    assert count.get_value() == 8
    nothing, updates = theano.scan(lambda: [(count, count * 2)], n_steps=2)
    assert nothing is None
    theano.function([], updates=updates)()
    assert count.get_value() == 32


def test_random_numbers_differ_from_step_to_step_and_call_to_call():
    rng = RandomStreams(3)
    drawn, updates = theano.scan(lambda: rng.uniform((2,)), n_steps=3)
    f = theano.function([], drawn, updates=updates)
    first, second = f(), f()
    assert first.shape == (3, 2)
    assert len({*first.ravel(), *second.ravel()}) == 12


def test_the_forms_of_what_comes_out():
    x = T.vector("x")
    assert isinstance(theano.scan(lambda a: a, x, return_list=True)[0], list)
    pair, _ = theano.scan(lambda a: [a, a * 2], x)
    assert len(pair) == 2
    doubled, _ = theano.map(lambda a: a * 2, x)
    total, _ = theano.reduce(lambda a, before: a + before, x, T.constant(0.0))
    left, _ = theano.foldl(lambda a, before: before * 2 + a, x, T.constant(0.0))
    right, _ = theano.foldr(lambda a, before: before * 2 + a, x, T.constant(0.0))
    found = theano.function([x], [doubled, total, left, right])([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(found[0], [2, 4, 6])
    assert [float(v) for v in found[1:]] == [6, 11, 17]


def test_loops_in_loops():
    x = T.matrix("x")

    def row(r):
        return theano.scan(lambda v, before: before * 2 + v, r, T.constant(0.0))[0][-1]

    found = theano.function([x], theano.scan(row, x)[0])(np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(found, [0 * 4 + 1 * 2 + 2, 3 * 4 + 4 * 2 + 5])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: theano.scan(lambda: 1), ValueError, "scan needs n_steps, or a sequence"),
        (lambda x: theano.scan(lambda a, b, c: a + b, x, [1.0, 2.0]), ValueError, "returns 1 outputs, and .* has 2"),
        (lambda x: theano.scan(lambda a: a, x, [{"taps": [-1]}]), ValueError, "without an initial value"),
        (
            lambda x: theano.scan(lambda a, b: a + b, x, {"initial": 0.0, "taps": [1]}),
            ValueError,
            "different and below 0",
        ),
        (lambda x: theano.scan(lambda a: a, x, n_steps=T.scalar("n")), ValueError, "n_steps must be a whole number"),
        (lambda x: theano.scan(lambda b: b, T.scalar("s")), ValueError, "a sequence has at least one axis"),
        (
            lambda x: theano.scan(lambda a, h: h[:2], x, T.zeros((3,))),
            ValueError,
            r"a carry of shape \(3,\) becomes \(2,\)",
        ),
    ],
)
def test_mistakes(call, error, text):
    with pytest.raises(error, match=text):
        call(T.vector("x"))


def test_ifelse_computes_one_side():
    c, x = T.iscalar("c"), T.vector("x")
    one, two = ifelse(c, [x * 2, x.sum()], [x - 1, x.prod()])
    f = theano.function([c, x], [one, two, T.grad(one.sum(), x)])
    for flag, expected in [
        (1, ([2, 4, 6], 6, [2, 2, 2])),
        (0, ([0, 1, 2], 6, [1, 1, 1])),
        (7, ([2, 4, 6], 6, [2, 2, 2])),
    ]:
        for found, right in zip(f(flag, [1.0, 2.0, 3.0]), expected, strict=True):
            np.testing.assert_array_equal(found, right)
