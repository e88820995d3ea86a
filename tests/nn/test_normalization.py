"""Normalisations and reparametrisations: what the sweep over parts does not see."""

import numpy as np
import pytest

import weft as wf
from weft.nn import layers, parameters, variables
from weft.ops.updating import updates_of
from weft.symbolic.expr import toposort

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
