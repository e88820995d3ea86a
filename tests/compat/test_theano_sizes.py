"""Sizes that only a call knows: inputs that were computed, steps of other sizes each time, shapes in vectors."""

import numpy as np
import pytest

import weft as wf
import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812
from weft.compat.theano.scan_module import until
from weft.compat.theano.tensor.nnet import abstract_conv
from weft.compat.theano.tensor.shared_randomstreams import RandomStreams
from weft.compat.theano.tensor.signal.pool import Pool, pool_2d

# ---- computed variables as inputs ------------------------------------------------------------------------------------

COMPUTED = {
    "concatenate": lambda x, k: T.concatenate([x, x]),
    "nonzero": lambda x, k: x[T.nonzero(x[:, 0])[0]],
    "repeat": lambda x, k: T.repeat(x, k, axis=0),
    "slice": lambda x, k: x[:, 1:],
    "steps": lambda x, k: x[::2],
    "computed slice": lambda x, k: x[:k],
    "tile": lambda x, k: T.tile(x, (1, 3)),
    "flatten": lambda x, k: x.flatten().dimshuffle(0, "x") * T.ones((1, 3)),
    "alloc": lambda x, k: T.alloc(x[0], k, x.shape[1]),
    "scan": lambda x, k: theano.scan(lambda v: v * 2, x)[0],
    "dot": lambda x, k: T.dot(x, T.ones((3, 3))),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_any_variable_can_be_an_input(name):
    x, k = T.matrix("x"), T.iscalar("k")
    h = COMPUTED[name](x, k)
    chosen = h[(h[:, 0] > 3).nonzero()]
    outputs = [h * 2, h.mean(), h.shape[0], T.zeros_like(h) + h.sum(0), chosen.sum(), T.grad((h**2).sum(), h)]
    f = theano.function([h], outputs)
    for rows in (2, 5):
        given = np.arange(3.0 * rows).reshape(rows, 3)
        found = f(given)
        right = [given * 2, given.mean(), rows, 0 * given + given.sum(0), given[given[:, 0] > 3].sum(), 2 * given]
        for value, wanted in zip(found, right, strict=True):
            np.testing.assert_array_equal(value, wanted)


def test_inputs_that_are_computed_beside_what_they_are_computed_of():
    x = T.matrix("x")
    h = T.concatenate([x, x])
    f = theano.function([x, h], [h.mean(), (x * 2).sum(), h + T.concatenate([x, 2 * x])])
    mean, total, both = f(np.ones((2, 3)), np.full((4, 3), 5.0))
    assert (mean, total, both.tolist()) == (5, 12, [[6.0] * 3] * 2 + [[7.0] * 3] * 2)
    with pytest.raises(wf.GuardError, match=r"4 and 6|6 and 4"):
        f(np.ones((2, 3)), np.ones((6, 3)))
    with pytest.raises(theano.gof.fg.MissingInputError, match="'x'"):
        theano.function([h], h + x.sum())


# ---- loops whose arrays change their size ----------------------------------------------------------------------------

N, W = np.array([2, 3, 4, 0]), np.array([1.0, -2.0, 3.0, 0.5, 4.0])


def test_steps_with_arrays_of_another_size_each_time():
    n = T.lvector("n")
    sums, _ = theano.scan(lambda k: T.arange(k).sum(), n)
    np.testing.assert_array_equal(sums.eval({n: N}), [1, 3, 6, 0])
    back, _ = theano.scan(lambda k: T.arange(k).sum(), n, go_backwards=True)
    np.testing.assert_array_equal(back.eval({n: N}), [0, 6, 3, 1])
    assert sums.eval({n: N[:0]}).shape == (0,)
    (first, last), _ = theano.scan(lambda k: [T.zeros((k, 2)).shape[0], T.arange(k)[-1]], n)
    assert [v.tolist() for v in theano.function([n], [first, last])(N[:3])] == [[2, 3, 4], [1, 2, 3]]
    whole = theano.function([n], n.sum() + n.shape[0])  # sizes that no array of the step has
    outside, _ = theano.scan(lambda k: T.arange(k).sum() + n.shape[0] * T.ones(n.shape).sum(), n)
    np.testing.assert_array_equal(outside.eval({n: N}), [17, 19, 22, 16])
    assert whole(N) == 13


@pytest.mark.parametrize("floatx", ["float64", "float32"])
def test_derivatives_of_such_loops(floatx):
    n, x, w = T.lvector("n"), T.vector("x", dtype=floatx), theano.shared(W.astype(floatx), "w")
    states, _ = theano.scan(
        lambda k, h, x: T.tanh(0.5 * h + (x[:k] * w[:k]).sum()), n, T.constant(0.25, dtype=floatx), x
    )
    cost = states[-1] + (states**2).sum()
    f = theano.function([n, x], [cost, *T.grad(cost, [x, w])])
    given = (W / 7).astype(floatx)

    def plain(x, w):
        h, total = 0.25, 0.0
        for k in N:
            h = np.tanh(0.5 * h + (x[:k] * w[:k]).sum())
            total += h**2
        return h + total

    found = f(N, given)
    assert all(v.dtype == floatx for v in found[1:])
    np.testing.assert_allclose(found[0], plain(given, W), rtol=1e-5)
    step = 1e-6
    for value, differences in (
        (found[1], [(plain(given + e, W) - plain(given - e, W)) / (2 * step) for e in step * np.eye(5)]),
        (found[2], [(plain(given, W + e) - plain(given, W - e)) / (2 * step) for e in step * np.eye(5)]),
    ):
        np.testing.assert_allclose(value, differences, rtol=1e-4, atol=1e-5)
    m = T.matrix("m")
    means, _ = theano.scan(lambda row: row[(row > 0).nonzero()].mean(), m)
    slope = T.grad(means.sum(), m).eval({m: [[1.0, -1.0, 3.0], [2.0, 2.0, 2.0]]})
    np.testing.assert_allclose(slope, [[0.5, 0, 0.5], [1 / 3] * 3])
    with pytest.raises(wf.GradientError, match="no second derivative"):
        T.grad(T.grad(cost, x).sum(), x)


def test_such_loops_end_nest_draw_and_update():
    n, count = T.lvector("n"), theano.shared(0)

    def until_five(k, total):
        inner, _ = theano.scan(lambda i: i * 2, T.arange(k))
        return total + inner.sum(), {count: count + k}, until(total + inner.sum() > 5)

    totals, updates = theano.scan(until_five, n, np.int64(0))
    np.testing.assert_array_equal(theano.function([n], totals, updates=updates)([2, 3, 4, 5]), [2, 8])
    assert count.get_value() == 5
    depth, _ = theano.scan(lambda k: theano.scan(lambda j: T.arange(j).sum(), T.arange(k))[0].sum(), n)
    np.testing.assert_array_equal(depth.eval({n: [3, 5]}), [1, 10])
    stream = RandomStreams(3)
    noise, updates = theano.scan(lambda k: (stream.uniform((3,)) * T.ones((k, 3))).sum(0) / k, n)
    f = theano.function([n], noise, updates=updates)
    first, second = f([1, 2, 3]), f([1, 2, 3])
    assert len({*first.ravel().round(9), *second.ravel().round(9)}) == 18


def test_outputs_of_such_loops_have_one_shape():
    n = T.lvector("n")
    rows, _ = theano.scan(lambda k: T.ones((k,)), n)
    np.testing.assert_array_equal(rows.eval({n: [3, 3]}), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"outputs of all steps have one shape, and these have \[\(2,\), \(3,\)\]"):
        rows.eval({n: [2, 3]})


# ---- shapes in vectors -----------------------------------------------------------------------------------------------


def test_shapes_in_vectors_whose_length_only_a_call_knows():
    w, g, x = T.tensor4("w"), T.tensor4("g"), T.vector("x")
    size, whole = theano.shared(np.array([5, 5])), theano.shared(np.array([1, 3, 5, 5]))
    ones = {w: np.ones((2, 3, 3, 3)), g: np.ones((1, 2, 3, 3))}
    images = [
        abstract_conv.AbstractConv2d_gradInputs()(w, g, size),
        abstract_conv.conv2d_grad_wrt_inputs(g, w, whole),
        abstract_conv.conv2d_transpose(g, w, whole),
        abstract_conv.AbstractConv2d_gradInputs()(w, g, (5, 5)),
    ]
    for found in theano.function([w, g], images)(*ones.values()):
        assert found.shape == (1, 3, 5, 5)
        assert found[0, 0, 2, 2] == 18
    size.set_value([3, 3, 3])
    with pytest.raises(wf.WeftError, match="2"):
        images[0].eval(ones)
    pair = T.lvector("pair")
    line = np.arange(6.0)
    rows, repeated = T.reshape(x, pair, ndim=2), T.tile(x, pair, ndim=2)
    np.testing.assert_array_equal(rows.eval({x: line, pair: [2, 3]}), line.reshape(2, 3))
    np.testing.assert_array_equal(repeated.eval({x: line, pair: [2, 3]}), np.tile(line, (2, 3)))
    parts = theano.function([x, pair], T.split(x, pair, 2))(line, [2, 4])
    assert [p.tolist() for p in parts] == [[0, 1], [2, 3, 4, 5]]
    draws = RandomStreams(1)
    for draw in (draws.uniform(pair, ndim=2), draws.normal(pair, ndim=2), draws.binomial(pair, ndim=2)):
        assert (draw.ndim, draw.eval({pair: [2, 3]}).shape) == (2, (2, 3))


def test_sizes_of_windows_in_numbers_and_in_variables():
    shape = abstract_conv.get_conv_output_shape
    assert shape((1, 2, 9, 8), (4, 2, 3, 3), "valid", (1, 1)) == (1, 4, 7, 6)
    assert shape((None, 2, 9, None), (4, 2, 3, 3), "half", (2, 1)) == (None, 4, 5, None)
    assert shape((1, 2, 9, 8), (4, 2, 3, 3), (1, (0, 2)), (1, 1), (2, 2)) == (1, 4, 7, 6)
    assert shape((1, 2, 9, 8), (4, 2, 3, 3), "full", (1, 1)) == (1, 4, 11, 10)
    with pytest.raises(ValueError, match="border_mode is 'valid'"):
        shape((1, 2, 9, 8), (4, 2, 3, 3), "same", (1, 1))
    x = T.tensor4("x")
    given = np.random.default_rng(0).normal(size=(1, 2, 9, 8))
    for ws, stride, pad, border in (
        ((2, 3), None, (0, 0), True), ((2, 3), (1, 2), (1, 1), True), ((3, 2), (2, 3), (0, 0), False),
        ((2, 2), (4, 3), (0, 0), False), ((3, 3), (1, 2), (0, 0), False),
    ):  # fmt: skip
        found = pool_2d(x, ws, border, stride, pad).eval({x: given})
        assert tuple(Pool.out_shape(given.shape, ws, border, stride, pad)) == found.shape
        symbolic = Pool.out_shape(list(x.shape), ws, border, stride, pad)
        assert tuple(int(v.eval({x: given})) for v in symbolic[2:]) == found.shape[2:]
        np.testing.assert_array_equal(Pool(border, "max")(x, ws, stride, pad).eval({x: given}), found)
    with pytest.raises(TypeError, match="at least 2 sizes"):
        Pool.out_shape((3,), (2, 2))


def test_images_with_lines_between_their_pixels():
    x = T.tensor4("x")
    given = np.array([[[[0.0, 2.0], [4.0, 6.0]]]])
    twice = abstract_conv.bilinear_upsampling(x, ratio=2).eval({x: given})
    along = np.array([0.0, 1.0, 2.0, 2.0])
    np.testing.assert_allclose(twice[0, 0], along + 2 * along[:, None])
    thrice = abstract_conv.bilinear_upsampling(x, ratio=3).eval({x: given})
    along = np.clip((np.arange(6) - 1) / 3, 0, 1) * 2
    np.testing.assert_allclose(thrice[0, 0], along + 2 * along[:, None])
    with pytest.raises(NotImplementedError, match="frac_ratio"):
        abstract_conv.bilinear_upsampling(x, frac_ratio=(3, 2))
