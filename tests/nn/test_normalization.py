"""Normalisations and reparametrisations: what the sweep over parts does not see."""

import numpy as np
import pytest

import weft as wf
from weft.nn import layers, parameters, variables
from weft.ops.updating import updates_of
from weft.symbolic.expr import toposort

from ..sampling import every

RNG = np.random.default_rng(0)


def test_parameters_that_are_left_out_are_none():
    x = wf.tensor4("x", ("n", 4, "h", "w"))
    with wf.nn.scope("net"):
        made = [
            layers.batch_norm(x, True, None, None),
            layers.group_norm(x, 2, None),
            layers.instance_norm(x, 1.0, None),
            layers.layer_norm(wf.matrix("rows", ("n", 4))),
            layers.rms_norm(wf.matrix("rows", ("n", 4)), None),
        ]
    assert [list(parameters(y)) for y in made] == [
        [],
        ["net.norm2_shift"],
        ["net.norm3_scale"],
        ["net.norm4_scale", "net.norm4_shift"],
        [],
    ]
    assert list(variables(made[0])) == ["net.norm_mean", "net.norm_var"]


def test_sizes_of_space_are_symbols():
    """And batch normalisation at test time has its averages, with no parameters either."""
    x = wf.tensor4("x", ("n", 4, "h", "w"), "float64")
    outputs = [layers.group_norm(x, 2), layers.instance_norm(x), layers.batch_norm(x, False, None, None, eps=0.25)]
    f = wf.function([x], outputs)
    for shape in ((2, 4, 3, 5), (1, 4, 1, 2), (0, 4, 3, 3)):
        value = RNG.normal(3, 2, shape)
        found = f(value)
        apart = value.reshape(shape[0], 2, 2, *shape[2:])
        for got, given, axes in ((found[0], apart, (2, 3, 4)), (found[1], value, (2, 3))):
            middle = given - given.mean(axes, keepdims=True)
            wanted = middle / np.sqrt((middle**2).mean(axes, keepdims=True) + 1e-5)
            np.testing.assert_allclose(got, wanted.reshape(shape), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found[2], value / np.sqrt(1.25))


def test_small_differences_of_large_numbers():
    value = (1e4 + RNG.normal(size=(3, 64))).astype("float32")
    x = wf.matrix("x", (3, 64))
    found = wf.function([x], layers.layer_norm(x))(value)
    exact = value.astype("float64") - value.mean(1, keepdims=True, dtype="float64")
    np.testing.assert_allclose(found, exact / exact.std(1, keepdims=True), atol=5e-3)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: layers.group_norm(wf.matrix("x", ("n", 6)), 4), wf.ShapeError, "6 channels do not divide into 4"),
        (lambda: layers.group_norm(wf.matrix("x", ("n", 6)), 3, axis=0), wf.ShapeError, "axis 0 is that of the batch"),
        (lambda: layers.instance_norm(wf.matrix("x", ("n", 6))), wf.ShapeError, "x has 2 axes, and needs 3"),
        (lambda: layers.layer_norm(wf.matrix("x", (3, "m"))), wf.ShapeError, "parameters are made for a number"),
        (lambda: layers.layer_norm(wf.matrix("x", (3, 4)), np.ones(3)), wf.ShapeError, "layer_norm: scale has shape"),
        (lambda: layers.rms_norm(wf.matrix("x", (3, 4), "int64")), wf.DTypeError, "rms_norm takes floats"),
        (lambda: layers.weight_norm(wf.matrix("x", (3, 4))), wf.ArgumentError, "v where that is a shared variable"),
        (lambda: layers.spectral_norm(wf.vector("x", (3,))), wf.ShapeError, "w has 1 axes"),
        (lambda: layers.spectral_norm(np.eye(3), u=wf.vector("u", (3,))), wf.ArgumentError, "a shared variable"),
    ],
)
def test_what_does_not_fit_says_so(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_weight_norm_begins_as_its_direction():
    value = RNG.normal(size=(3, 4)).astype("float32")
    v = wf.shared(value, "v")
    w = layers.weight_norm(v, name="wn")
    np.testing.assert_allclose(wf.evaluate(w), value, rtol=1e-6)
    assert list(parameters(w)) == ["v", "wn_g"]
    v.set_value(7 * value)  # a direction has no length
    np.testing.assert_allclose(wf.evaluate(w), value, rtol=1e-6)


def test_weight_norm_of_nothing_is_nothing():
    v = wf.matrix("v", (3, 2), "float64")
    w = layers.weight_norm(v, 2.0)
    value = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 2.0]])
    found, grad = wf.evaluate([w, wf.grad((w * w).sum() + w.sum(), v)], {v: value})
    np.testing.assert_allclose(found, value * [0, 2 / 3])
    assert np.isfinite(grad).all()


def test_spectral_norm_goes_on_with_each_call():
    value = RNG.normal(size=(5, 3, 2)).astype("float32")
    w, flag = wf.shared(value, "w"), wf.scalar("training", dtype="bool")
    y = layers.spectral_norm(w, training=flag, name="sn")
    assert list(parameters(y)) == ["w"]
    train, test = (wf.function([], y, givens={flag: training}) for training in (True, False))
    for _ in range(60):
        last = train()
    np.testing.assert_allclose(last, value / np.linalg.svd(value.reshape(5, 6))[1][0], rtol=1e-4, atol=1e-6)
    u = variables(y)["sn_u"].get_value()
    np.testing.assert_allclose(test(), last, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(variables(y)["sn_u"].get_value(), u)
    assert updates_of(toposort([layers.spectral_norm(w, training=False)])) == {}


def test_spectral_norm_and_its_gradient_are_torchs():
    torch = pytest.importorskip("torch")
    value, cotangent = RNG.normal(size=(2, 4, 3))
    linear = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(3, 4, bias=False).double())
    state = linear.parametrizations.weight
    with torch.no_grad():
        state.original.copy_(torch.tensor(value))
    start = state[0]._u.numpy().copy()
    state[0]._v.copy_(torch.nn.functional.normalize(torch.tensor(start @ value), dim=0))
    theirs = linear.weight
    theirs.backward(torch.tensor(cotangent))
    w, u = wf.matrix("w", (4, 3), "float64"), wf.shared(start, "u")
    y = layers.spectral_norm(w, u=u)
    found, grad = wf.function([w], [y, wf.vjp(y, w, wf.constant(cotangent))])(value)
    np.testing.assert_allclose(found, theirs.detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(grad, state.original.grad.numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(u.get_value(), state[0]._u.numpy(), rtol=1e-10)


def both(make, value):
    """An expression of x by the reference evaluator, and compiled."""
    x = wf.tensor("x", value.shape, value.dtype)
    y = make(x)
    return np.stack([wf.evaluate(y, {x: value}), wf.function([x], y)(value)])


def averages_after(x, value, **averages):
    """The running averages, of momentum 0.75, after a call; a value compiled, and one by the flag of a call."""
    flag = wf.scalar("training", dtype="bool")
    for training in (True, flag):
        held = {name: wf.shared(start.copy(), name) for name, start in averages.items()}
        y = layers.batch_norm(x, training, **held, momentum=0.75)
        wf.function([x], y, givens={} if training is True else {flag: True})(value)
        yield [v.get_value() for v in held.values()]


@pytest.mark.parametrize("rows", [0, "n"])
@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_an_empty_batch_leaves_the_averages(rows, kind):
    x, begin = wf.matrix("x", (rows, 2), kind), {"mean": np.array([3.0, -1.0]), "var": np.array([0.5, 7.0])}
    for found in averages_after(x, np.zeros((0, 2), kind), **begin):
        np.testing.assert_array_equal(found, [*begin.values()])


@pytest.mark.parametrize("rows", [70_000, "n"])
@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_averages_of_more_rows_than_float16_counts(rows, kind):
    x, value = wf.matrix("x", (rows, 2), "float16"), RNG.normal([2, 300], [1, 200], (70_000, 2)).astype("float16")
    begin = {"mean": np.zeros(2, kind), "var": np.zeros(2, kind)}
    exact = value.astype("float64")
    for found in averages_after(x, value, **begin):
        np.testing.assert_allclose(found, [exact.mean(0) / 4, exact.var(0, ddof=1) / 4], rtol=2e-3)


def test_what_a_momentum_is():
    x = wf.matrix("x", ("n", 2))
    for momentum in (2.0, -1.0, np.nan, True, wf.scalar("m")):
        with pytest.raises(wf.ArgumentError, match="batch_norm: momentum"):
            layers.batch_norm(x, momentum=momentum)


NORMALISATIONS = {
    "layer_norm": lambda x: layers.layer_norm(x, axes=(1, 2)),
    "rms_norm": lambda x: layers.rms_norm(x, axes=(1, 2)),
    "group_norm": lambda x: layers.group_norm(x, 1),
    "instance_norm": layers.instance_norm,
    "batch_norm": lambda x: layers.batch_norm(x, True),
    "batch_norm by its averages": lambda x: layers.batch_norm(x, False, mean=[250.0, 2e4], var=[5e3, 4e8]),
    "local_response_norm": lambda x: wf.local_response_norm(x, alpha=0.01),
    "unit_norm": lambda x: layers.unit_norm(x, 2),
    "weight_norm": lambda x: layers.weight_norm(x, 2.0, 0),
    "spectral_norm": lambda x: layers.spectral_norm(x, u=np.array([0.6, 0.8])),
}


@pytest.mark.parametrize("name", every(3, NORMALISATIONS))
@pytest.mark.filterwarnings("ignore:overflow")
def test_float16_of_plain_activations(name):
    """Whose squares end beyond 65504; and gradients of them."""
    value = np.array([[[300, 400, 300, 400], [5e4, 2e4, -3e4, 0]], [[-200, 100, 0, 300], [0, 1, 2e4, 5e4]]], "float16")
    weights = RNG.uniform(0.5, 1, value.shape)
    of = NORMALISATIONS[name]
    slopes = lambda x: wf.grad((wf.sin(of(x)) * wf.constant(weights.astype(x.dtype))).sum(), x)  # noqa: E731
    for make, error in ((of, 2e-3), (slopes, 5e-3)):
        wanted = both(make, value.astype("float64"))[0]
        found = both(make, value)
        assert found.dtype == np.float16
        np.testing.assert_allclose(found, [wanted, wanted], rtol=error, atol=error * min(1, abs(wanted).max()))


@pytest.mark.parametrize("kinds", [("float16", "float64"), ("float32", "float64"), ("float64", "float32")])
@pytest.mark.parametrize("training", [True, False, None])
def test_the_dtype_is_that_of_x(kinds, training):
    x, v = wf.tensor3("x", ("n", 2, 3), kinds[0]), np.array([1.5, 2], kinds[1])
    row = np.array([1, 2, 0.5], kinds[1])
    flag = wf.scalar("training", dtype="bool") if training is None else training
    made = [
        layers.batch_norm(x, flag, v, v, v, v),
        layers.layer_norm(x, row, row),
        layers.rms_norm(x, row),
        layers.group_norm(x, 2, v, v),
        layers.instance_norm(x, v, v),
        layers.unit_norm(x),
        layers.weight_norm(x, v),
    ]
    assert [y.dtype.name for y in made] == [kinds[0]] * len(made)
    for y in made:  # parameters of another dtype are cast, not lost
        assert all(wf.grad(y.sum(), p).dtype == p.dtype for p in parameters(y).values())


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_takes_floats(training):
    with pytest.raises(wf.DTypeError, match="batch_norm takes floats, not int64"):
        layers.batch_norm(wf.matrix("x", ("n", 2), "int64"), training)


def test_batch_norm_of_large_numbers_by_its_averages():
    """The difference from the mean is taken first: it is exact."""
    value = (1e4 + RNG.normal(size=(50, 1))).astype("float32")
    make = lambda x: layers.batch_norm(x, False, mean=np.array([1e4]), var=np.array([0.3]), eps=0.0)  # noqa: E731
    np.testing.assert_allclose(both(make, value), [(value.astype("float64") - 1e4) / np.sqrt(0.3)] * 2, rtol=1e-6)


@pytest.mark.parametrize("size", [1e-25, 1e25])
@pytest.mark.parametrize("axis", [0, 1])
def test_weights_of_any_size_have_a_length(size, axis):
    value = (RNG.uniform(1, 2, (4, 3)) * size).astype("float32")
    exact = value.astype("float64")
    wanted = 2 * exact / np.linalg.norm(exact, axis=1 - axis, keepdims=True)
    np.testing.assert_allclose(both(lambda v: layers.weight_norm(v, 2.0, axis), value), [wanted] * 2, rtol=1e-6)
    begun = layers.weight_norm(wf.shared(value, "v"), axis=axis)
    np.testing.assert_allclose(wf.evaluate(begun), value, rtol=1e-6)


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_spectral_norm_of_weights_of_any_size(size):
    value = RNG.normal(size=(4, 3))
    found = both(lambda w: layers.spectral_norm(w, 100), (value * size).astype("float32"))
    np.testing.assert_allclose(found, [value / np.linalg.norm(value, 2)] * 2, rtol=1e-4, atol=1e-5)


def test_spectral_norm_goes_on_after_zeros():
    value, u = RNG.normal(size=(4, 3)).astype("float32"), wf.shared(np.array([0.5, -0.5, 0.5, 0.5], "float32"), "u")
    w = wf.shared(np.zeros_like(value), "w")
    y = layers.spectral_norm(w, 3, u=u)
    f = wf.function([], [y, wf.grad(y.sum(), w)])
    found, slope = f()
    np.testing.assert_array_equal(found, 0)
    assert np.isfinite(slope).all()
    np.testing.assert_array_equal(u.get_value(), [0.5, -0.5, 0.5, 0.5])
    w.set_value(value)
    for _ in range(40):
        found, _ = f()
    np.testing.assert_allclose(found, value / np.linalg.norm(value, 2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_zeros_have_no_direction(kind):
    np.testing.assert_array_equal(both(layers.unit_norm, np.zeros((2, 3), kind)), 0)
