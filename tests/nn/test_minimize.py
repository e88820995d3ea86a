"""SciPy's minimisers over all parameters at once."""

import sys

import numpy as np
import pytest

import weft as wf
from weft.symbolic.errors import ArgumentError, ShapeError

from .descents import gradients, loss_of, make_params

nn = wf.nn


def test_flat_and_back():
    cells = {
        "a": wf.shared(np.arange(6, dtype="float32").reshape(2, 3), "a"),
        "b": wf.shared(np.array(7.0)),
        "o": wf.shared(np.zeros((0, 2))),
    }
    vector = nn.flat(cells)
    assert vector.dtype == np.float64
    np.testing.assert_array_equal(vector, [0, 1, 2, 3, 4, 5, 7])
    nn.set_flat(cells, vector + 1)
    np.testing.assert_array_equal(cells["a"].get_value(), np.arange(1, 7, dtype="float32").reshape(2, 3))
    assert cells["b"].get_value() == 8
    np.testing.assert_array_equal(nn.flat(list(cells.values())), vector + 1)
    assert nn.flat([]).shape == (0,)
    with pytest.raises(ShapeError, match="set_flat: the parameters are 7 numbers, and the vector float64"):
        nn.set_flat(cells, np.zeros(6))


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "CG"])
def test_it_ends_where_the_gradient_is_nought(method):
    pytest.importorskip("scipy")
    params = make_params()
    loss = loss_of(params)
    before = wf.evaluate(loss)
    result = nn.minimize(loss, params, method=method, tol=1e-12, options={"maxiter": 500})
    grads = gradients({name: p.get_value() for name, p in params.items()})
    assert max(np.abs(g).max() for g in grads.values()) < 1e-4
    assert result.fun < before
    np.testing.assert_allclose(wf.evaluate(loss), result.fun)
    np.testing.assert_array_equal(nn.flat(params), result.x)


def test_least_squares_with_inputs():
    pytest.importorskip("scipy")
    rng = np.random.default_rng(0)
    x, t = wf.matrix("x", ("n", 3)), wf.vector("t", ("n",))
    w = wf.shared(np.zeros(3, "float32"), "w")
    xs, ts = rng.normal(size=(20, 3)).astype("float32"), rng.normal(size=20).astype("float32")
    nn.minimize(wf.mean(wf.square(x @ w - t)), [w], {x: xs, t: ts})
    np.testing.assert_allclose(w.get_value(), np.linalg.lstsq(xs, ts, rcond=None)[0], atol=1e-3)


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    w = wf.shared(np.ones(2), "w")
    with pytest.raises(ImportError, match=r"nn\.minimize needs SciPy: pip install scipy"):
        nn.minimize(wf.sum(wf.square(w)), [w])


def test_what_is_wrong():
    w = wf.shared(np.ones(2), "w")
    with pytest.raises(ShapeError, match="loss is a number or a scalar expression"):
        nn.minimize(w * w, [w])
    with pytest.raises(ArgumentError, match="method is 'L-BFGS-B', 'BFGS'"):
        nn.minimize(wf.sum(w * w), [w], method="Newton")


def test_the_loss_is_compiled_as_it_is_asked_for():
    pytest.importorskip("scipy")
    w, training = wf.shared(np.ones(2), "w"), wf.scalar("training", dtype="bool")
    loss = wf.where(training, wf.sum(wf.square(w - 3)), wf.sum(wf.square(w)))
    nn.minimize(loss, [w], givens={training: True}, target="reference")
    np.testing.assert_allclose(w.get_value(), 3, rtol=1e-5)
    with pytest.raises(wf.LoweringError, match=r"minimize: There is no target .abacus"):
        nn.minimize(loss, [w], givens={training: True}, target="abacus")
