"""Activations: errors, kinks, large numbers, shapes that a call decides."""

import numpy as np
import pytest

import weft as wf
from weft.nn import activations as f

HUGE = np.array([-1e38, -1e4, -100, -20, 0, 20, 100, 1e4, 1e38], "float32")
FINITE = [
    f.selu,
    f.celu,
    f.mish,
    f.swish,
    f.gelu_tanh,
    f.squareplus,
    f.relu6,
    f.hard_swish,
    f.hard_tanh,
    f.hard_shrink,
    f.soft_shrink,
    f.tanh_shrink,
    f.softmin,
    f.sparsemax,
    lambda x: f.threshold(x, 1.0, 2.0),
    lambda x: f.prelu(x, 0.25),
]


def test_values_and_gradients_of_large_numbers_are_finite():
    x = wf.vector("x", ("n",), "float32")
    outs = [call(x) for call in FINITE]
    found = wf.function([x], [*outs, *[wf.grad(y.sum(), x) for y in outs]])(HUGE)
    assert [i for i, v in enumerate(found) if not np.isfinite(v).all()] == []


@pytest.mark.parametrize("kind", ["int8", "bool"])
def test_integers_and_bools_become_floats(kind):
    x = wf.matrix("x", ("n", 2), kind)
    for call in FINITE[:-1]:
        if call is not f.relu6:
            assert call(x).type.is_float
    assert f.relu6(wf.vector("x", dtype="int8")).dtype == "int8"


def test_gelu_tanh_is_near_gelu_and_loses_no_digits_on_the_left():
    x = np.linspace(-6, 6, 101)
    exact = wf.evaluate(f.gelu(wf.constant(x)))
    assert 1e-5 < np.abs(wf.evaluate(f.gelu_tanh(wf.constant(x))) - exact).max() < 5e-4
    left = wf.evaluate(f.gelu_tanh(wf.constant(np.float32(-8))))
    u = np.sqrt(2 / np.pi) * (-8 + 0.044715 * -(8.0**3))
    np.testing.assert_allclose(left, -8 * np.exp(2 * u) / (1 + np.exp(2 * u)), rtol=1e-4)


@pytest.mark.parametrize("x", [-1e4, -100.0, -1.0, 0.0, 1.0, 100.0])
def test_squareplus_cancels_nothing(x):
    found = wf.evaluate(f.squareplus(wf.constant(np.float32(x))))
    np.testing.assert_allclose(found, 2 / (np.hypot(x, 2) - x) if x < 0 else (x + np.hypot(x, 2)) / 2, rtol=1e-6)


def test_derivatives_at_kinks():
    x = wf.vector("x", dtype="float64")
    kinks = [
        (f.relu6(x), [0, 6], [0, 1]),
        (f.hard_tanh(x), [-1, 1], [1, 1]),
        (f.hard_shrink(x), [-0.5, 0.5], [0, 0]),
        (f.soft_shrink(x), [-0.5, 0.5], [0, 0]),
        (f.hard_swish(x), [-3, 3], [-0.5, 1.5]),
        (f.celu(x, 2.0), [0, 0], [1, 1]),
        (f.squareplus(x), [0, 0], [0.5, 0.5]),
    ]
    for y, at, expected in kinks:
        np.testing.assert_array_equal(wf.evaluate(wf.grad(y.sum(), x), {x: np.array(at, "float64")}), expected)


@pytest.mark.parametrize("call", [f.hard_shrink, f.soft_shrink, lambda x: f.threshold(x, 0.5, -2.0), f.tanh_shrink])
def test_what_shrinks_keeps_nan(call):
    x = wf.vector("x", dtype="float32")
    given = np.array([np.nan, 0.1, 3.0], "float32")
    for found in (wf.evaluate(call(x), {x: given}), wf.function([x], call(x))(given)):
        np.testing.assert_array_equal(np.isnan(found), [True, False, False])


# ---- sparsemax -------------------------------------------------------------------------------------------------------


def test_sparsemax_of_what_is_known():
    rows = np.array([[0, 0, 0], [1, 0.5, 0], [9, 0, 0], [0.3, 0.3, -5], [1e4, 1e4 - 0.5, 0], [-np.inf, 2, 2.5]])
    expected = [[1 / 3] * 3, [0.75, 0.25, 0], [1, 0, 0], [0.5, 0.5, 0], [0.75, 0.25, 0], [0, 0.25, 0.75]]
    x = wf.matrix("x", ("n", 3), "float32")
    np.testing.assert_allclose(wf.function([x], f.sparsemax(x))(rows.astype("float32")), expected, atol=1e-6)


def test_sparsemax_of_nan_is_nan():
    assert np.isnan(wf.evaluate(f.sparsemax(wf.constant(np.array([1.0, np.nan, 0])))[1]))


def test_sparsemax_of_long_rows_sums_to_one():
    rows = np.random.default_rng(0).normal(size=(5, 1000)).astype("float32")
    x = wf.matrix("x", ("n", "classes"), "float32")
    y, g = wf.evaluate([f.sparsemax(x), wf.grad((f.sparsemax(x) * x).sum(), x)], {x: rows})
    np.testing.assert_allclose(y.sum(1), 1, rtol=1e-5)
    assert (y >= 0).all()
    assert (y == 0).mean() > 0.9
    support = y > 0
    means = (rows * support).sum(1, keepdims=True) / support.sum(1, keepdims=True)
    np.testing.assert_allclose(g, np.where(support, rows - means, 0) + y, atol=1e-5)


# ---- shapes ----------------------------------------------------------------------------------------------------------


def test_halves_and_pieces_of_sizes_that_a_call_decides():
    x = wf.matrix("x", ("n", "d"), "float64")
    g = wf.function([x], [f.glu(x), f.maxout(x, 2)])
    values = np.random.default_rng(0).normal(size=(3, 6))
    gated, largest = g(values)
    np.testing.assert_allclose(gated, values[:, :3] / (1 + np.exp(-values[:, 3:])))
    np.testing.assert_array_equal(largest, values.reshape(3, 3, 2).max(2))
    with pytest.raises(wf.GuardError):
        g(values[:, :5])


def test_prelu_takes_one_slope_or_one_for_each_channel():
    x = np.array([[[-1.0, 1], [-2, 2], [-3, 3]]])
    one, each = wf.evaluate([f.prelu(x, 0.5), f.prelu(x, np.array([0.1, 0.2, 0.3]))])
    np.testing.assert_allclose(one[0], [[-0.5, 1], [-1, 2], [-1.5, 3]])
    np.testing.assert_allclose(each[0], [[-0.1, 1], [-0.4, 2], [-0.9, 3]])
    with pytest.raises(wf.ShapeError, match=r"prelu: a slope of shape \(2,\) for axis 1 .* needs \(\) or \(3,\)"):
        f.prelu(x, np.array([0.1, 0.2]))


def test_the_layer_prelu_makes_its_slopes():
    x = wf.tensor("x", ("n", 3, 5))
    y = wf.nn.layers.prelu(x, 0.1, name="p")
    assert {name: p.shape for name, p in wf.nn.parameters(y).items()} == {"p_slope": (3,)}
    single = wf.nn.layers.prelu(wf.matrix("x", ("n", "d")), axis=None, name="q")
    (slope,) = wf.nn.parameters(single).values()
    assert slope.shape == ()
    assert slope.get_value() == 0.25
    with pytest.raises(wf.ShapeError, match="prelu: axis 1 of x has the size d"):
        wf.nn.layers.prelu(wf.matrix("x", ("n", "d")))


def test_draws_of_classes_have_their_probabilities():
    x = wf.constant(np.log(np.tile(np.array([0.5, 0.3, 0.2], "float32"), (4000, 1))))
    y = wf.function([], wf.nn.layers.gumbel_softmax(x, 0.1, wf.random.Stream(0), hard=True))()
    assert sorted(np.unique(y)) == [0, 1]
    np.testing.assert_array_equal(y.sum(1), 1)
    np.testing.assert_allclose(y.mean(0), [0.5, 0.3, 0.2], atol=0.03)


def test_what_is_drawn_hard_has_the_gradient_of_what_is_soft():
    x, g = wf.matrix("x", ("n", 3), "float64"), np.array([[1.0, -2, 0.5]])
    slopes = []
    for hard in (False, True):
        y = wf.nn.layers.gumbel_softmax(x, 2.0, wf.random.Stream(0), hard=hard)
        slopes.append(wf.function([x], wf.grad((y * g).sum(), x))(np.array([[0.1, 0.2, 0.3]])))
    np.testing.assert_allclose(slopes[0], slopes[1])
    assert slopes[0].any()


def test_slopes_are_drawn_in_training_and_fixed_at_test_time():
    x, training = wf.vector("x", ("n",)), wf.scalar("training", dtype="bool")
    f = wf.function([x, training], wf.nn.layers.rrelu(x, 0.2, 0.4, wf.random.Stream(0), training))
    drawn, fixed = f(-np.ones(1000, "float32"), True), f(-np.ones(1000, "float32"), False)
    assert -0.4 <= drawn.min() < -0.39
    assert -0.21 < drawn.max() <= -0.2
    np.testing.assert_allclose(fixed, -0.3, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: f.glu(x, 1), "glu: axis 1 of x has the size 5, which has no halves"),
        (lambda x: f.maxout(x, 2), "maxout: axis 1 of x has the size 5, which 2 does not divide"),
        (lambda x: f.hard_tanh(x, 1.0, -1.0), "hard_tanh: low is 1.0, and high is -1.0, which is below it"),
        (lambda x: f.celu(x, 0.0), "celu: alpha is above 0, and 0.0 is not"),
        (lambda x: f.soft_shrink(x, -1.0), "soft_shrink: threshold is a finite number from 0 up, not -1.0"),
        (lambda x: f.sparsemax(x, 2), "sparsemax: axis 2 does not exist"),
    ],
)
def test_errors_say_what_is_wrong(call, says):
    with pytest.raises(wf.WeftError, match=says):
        call(wf.matrix("x", ("n", 5)))
