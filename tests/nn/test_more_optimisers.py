"""Optimisers that are rarer, against Optax and Keras, and what is peculiar to each."""

import os

import numpy as np
import pytest

import weft as wf
from weft.nn import schedules, updates
from weft.symbolic.errors import DTypeError

from .descents import START, advance, assert_same, gradients, loss_of, make_params, train
from .test_optimisers_against_torch import STEPS, by_optax

OPTAX = {
    "yogi": ({"start": 0.0}, lambda o: o.chain(o.scale_by_yogi(initial_accumulator_value=0.0), o.scale(-0.1))),
    "adan": ({"beta2": 0.5}, lambda o: o.adan(0.1, b2=0.5, eps_root=0.0)),  # where 1 - b2 is b2
    "novograd": ({"weight_decay": 0.3}, lambda o: o.novograd(0.1, 0.95, 0.98, 1e-8, weight_decay=0.3)),
    "signum": ({}, lambda o: o.signum(0.1)),
    "fromage": ({}, lambda o: o.fromage(0.1)),
    "sm3": ({}, lambda o: o.sm3(0.1)),
}


@pytest.mark.parametrize("name", OPTAX)
def test_optax(name):
    own, theirs = OPTAX[name]
    pytest.importorskip("optax")
    found = train(lambda loss, params: getattr(updates, name)(loss, params, 0.1, **own), STEPS)
    assert_same(found, by_optax(theirs), 1e-6, 1e-8)


def test_keras_ftrl(monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    own = {"beta": 0.5, "l1": 0.3, "l2": 0.8, "start": 0.1}
    found = train(lambda loss, params: updates.ftrl(loss, params, 0.1, **own), STEPS)
    options = {"l1_regularization_strength": 0.3, "l2_regularization_strength": 0.4, "beta": 0.5}
    optimiser, path = keras.optimizers.Ftrl(0.1, initial_accumulator_value=0.1, **options), []
    values = {n: keras.Variable(v) for n, v in START.items()}
    for _ in range(STEPS):
        grads = gradients({n: np.asarray(v, "float64") for n, v in values.items()})
        optimiser.apply(list(grads.values()), list(values.values()))
        path.append({n: np.asarray(v, "float64") for n, v in values.items()})
    assert_same(found, path, 1e-4, 1e-5)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_optimism(name):
    pytest.importorskip("optax")
    make = lambda loss, params: updates.apply_optimism(getattr(updates, name)(loss, params, 0.1), part=0.7)  # noqa: E731
    theirs = lambda o: o.chain(getattr(o, name)(0.1), o.scale_by_optimistic_gradient(1.0, 0.7))  # noqa: E731
    assert_same(train(make, STEPS), by_optax(theirs), 1e-6, 1e-8)


def test_optimism_ends_games_in_which_descent_circles():
    def far(treat):
        x, y = wf.shared(np.array(1.0), "x"), wf.shared(np.array(1.0), "y")
        changes = treat(updates.sgd([y, -x], [x, y], 0.1))  # of x y, least in x and most in y
        advance(changes, 200)
        return np.hypot(x.get_value(), y.get_value())

    assert far(updates.apply_optimism) < 0.6 < 1.0 < far(lambda changes: changes)


def test_polyak():
    def steps(least, most):
        values, path = dict(START), []
        for _ in range(6):
            params = {n: wf.shared(v, n) for n, v in values.items()}
            loss, grads = float(wf.evaluate(loss_of(params))), gradients(values)
            rate = min(most, max(loss - least, 0) / sum((g * g).sum() for g in grads.values()))
            values = {n: v - rate * grads[n] for n, v in values.items()}
            path.append(values)
        return path

    for least, most in ((0.0, 1.0), (0.2, 1.0), (0.0, 0.05), (50.0, 1.0)):
        assert_same(train(lambda loss, p, a=least, b=most: updates.polyak(loss, p, a, b)), steps(least, most))
    flat = wf.shared(np.zeros(2), "flat")
    advance(updates.polyak(wf.square(flat).sum() + 1.0, [flat]), 1)
    assert flat.get_value().tolist() == [0, 0]


def test_ftrl_stays_where_the_rate_is_nought():
    make = lambda rate: lambda loss, params: updates.ftrl(loss, params, rate, l1=0.1, start=0.1)  # noqa: E731
    found = train(make(schedules.join([0.0, 0.1], [2])), 8)
    assert_same(found[:2], [START] * 2, 0, 0)
    assert_same(found[2:], train(make(0.1), 6))
    assert_same(train(make(0.0), 1), [START], 0, 0)


@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("shape", [(0,), (0, 2), (3, 0, 2)])
def test_sm3_takes_parameters_without_elements(shape, momentum):
    w = wf.shared(np.zeros(shape), "w")
    changes = updates.sm3(wf.sum(w), [w], momentum=momentum)
    advance(changes, 2)
    wf.function([], None, updates=changes)()
    assert w.get_value().shape == shape
    assert all(np.isfinite(c.get_value()).all() for c in changes)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_optax_schedule_free(decay):
    pytest.importorskip("optax")
    make = lambda loss, p: updates.schedule_free(updates.adamw(loss, p, 0.1, beta1=0.0, weight_decay=decay))  # noqa: E731
    found = train(lambda loss, params: make(loss, params)[0], STEPS)
    theirs = by_optax(lambda o: o.contrib.schedule_free_adamw(0.1, weight_decay=decay))
    assert_same(found, theirs, 1e-6, 1e-8)


def test_schedule_free_averages_leads_by_weights():
    p = wf.shared(np.array(2.0), "p")
    weight = schedules.linear(0.0, 4, 1.0)
    changes, averages = updates.schedule_free(updates.sgd(wf.square(p), [p], 0.1), 0.5, weight)
    lead = average = y = 2.0
    total = 0.0
    for t in range(6):
        advance(changes, 1)
        total += weight(t)
        c = weight(t) / total if total else 0.0
        lead -= 0.1 * 2 * y
        average = (1 - c) * average + c * lead
        y = 0.5 * lead + 0.5 * average
        assert [p.get_value(), averages[p].get_value()] == pytest.approx([y, average], rel=1e-12)


@pytest.mark.parametrize("total", [1e6, 4e7])
def test_schedule_free_averages_take_in_late_leads(total):
    p = wf.shared(np.zeros(1, "float32"), "p")
    changes, averages = updates.schedule_free({p: p + 1})
    weight = next(c for c in changes if c.name == "schedule_free_weight")
    weight.set_value(np.array(total))
    advance(changes, 1)
    assert averages[p].get_value()[0] == pytest.approx(1 / (total + 1), rel=1e-6)


def test_scaled_losses_leave_out_what_overflows():
    w, x = wf.shared(np.float32(2.0), "w"), wf.shared(np.float32(1.0), "x")
    loss = wf.cast(wf.square(wf.cast(w, "float16") * wf.cast(x, "float16")), "float32")
    changes = updates.scale_loss(loss, [w], lambda g, p: updates.momentum(g, p, 0.1), factor=2.0**20, every=2)
    factor = next(c for c in changes if c.name == "loss_factor")
    step = wf.function([], None, updates=changes)
    factors, values = [], []
    for _ in range(9):
        step()
        factors.append(int(np.log2(factor.get_value())))
        values.append(float(w.get_value()))
    # 2 w times the factor is below 65504, float16's largest, from 2**13 on; two such steps double it
    assert factors == [19, 18, 17, 16, 15, 14, 13, 13, 14]
    assert values[:7] == [2.0] * 7
    assert values[8] < values[7] < 2


def test_the_factor_of_losses_stays_a_number():
    w = wf.shared(np.float32(1.0), "w")
    changes = updates.scale_loss(w * 1e-30, [w], updates.sgd, factor=2.0**126, every=1)
    factor = next(c for c in changes if c.name == "loss_factor")
    advance(changes, 3)
    assert factor.get_value() == 2.0**127
    assert np.isfinite(w.get_value())


def test_scaled_losses_want_parameters_that_can_move():
    half, whole, wide = (wf.shared(np.ones(2, kind), "w") for kind in ("float16", "int32", "float32"))
    for w in (half, whole):
        with pytest.raises(DTypeError, match=f"scale_loss: parameter w is float32 or wider, not {w.dtype.name}"):
            updates.scale_loss(wf.sum(wf.cast(w, "float32") * wide), [wide, w], updates.sgd)
    with pytest.raises(DTypeError, match="scale_loss: loss is float32 or wider, not float16"):
        updates.scale_loss(wf.sum(wf.cast(wide, "float16")), [wide], updates.sgd)


def test_scaled_losses_keep_small_gradients():
    """In float16 a gradient of 1e-9 is 0."""
    w = wf.shared(np.float32(1.0), "w")
    loss = wf.cast(wf.cast(w, "float16") * wf.cast(1.0, "float16"), "float32") * 1e-9
    rule = lambda grads, params: updates.sgd(grads, params, 1e6)  # noqa: E731
    advance(rule(wf.grad(loss, [w]), [w]), 1)
    assert w.get_value() == 1.0
    advance(updates.scale_loss(loss, [w], rule), 1)
    assert w.get_value() == pytest.approx(1.0 - 1e-3, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda loss, p: updates.polyak(wf.grad(loss, p), p), "polyak: loss is an expression"),
        (lambda loss, p: updates.scale_loss(wf.grad(loss, p), p, updates.sgd), "scale_loss: loss is an expression"),
        (lambda loss, p: updates.scale_loss(loss, p, updates.sgd, factor=0), "factor is above 0"),
        (lambda loss, p: updates.ftrl(loss, p, start=-1.0), "start is a finite number from 0 up"),
        (lambda loss, p: updates.yogi(loss, p, start=-1.0), "start is a finite number from 0 up"),
        (lambda loss, p: updates.adam(loss, p, beta1=1.0), r"adam: beta1 is in \[0, 1\), and 1.0 is not"),
        (lambda loss, p: updates.adan(loss, p, beta3=1), r"adan: beta3 is in \[0, 1\), and 1 is not"),
        (lambda loss, p: updates.lamb(loss, p, beta2=-0.1), r"lamb: beta2 is in \[0, 1\), and -0.1 is not"),
        (lambda loss, p: updates.ema({p[0]: p[0]}, 1.0), r"ema: decay is in \[0, 1\), and 1.0 is not"),
        (lambda loss, p: updates.apply_optimism({p[0]: p[0]}, [p[1]]), "no new value"),
    ],
)
def test_wrong_arguments_are_told(make, text):
    params = make_params()
    with pytest.raises(wf.WeftError, match=text):
        make(loss_of(params), list(params.values()))
