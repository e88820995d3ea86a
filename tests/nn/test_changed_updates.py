"""What is made of updates and gradients: averages, lookahead, accumulation, decay, clipping, noise."""

import numpy as np
import pytest

import weft as wf
from weft.nn import schedules, updates
from weft.symbolic.errors import ArgumentError, DTypeError, ShapeError
from weft.symbolic.evaluate import evaluate

from .descents import START, advance, assert_same, by_numpy, gradients, loss_of, make_params, train


def after(make, steps):
    """The values of what `make` gives beside its updates, by step."""
    params, found = make_params(), []
    changes, cells = make(loss_of(params), params)
    for _ in range(steps):
        advance(changes, 1)
        found.append({cells_name: cell.get_value() for cells_name, cell in zip(params, cells.values(), strict=True)})
    return found


PATH = by_numpy(lambda p, g, state, t: p - 0.1 * g)


def test_parameters_may_be_a_dict():
    params = make_params()
    loss = loss_of(params)
    for given in (params, list(params.values()), tuple(params.values())):
        assert_same(
            train(lambda loss, p, g=given: updates.sgd(loss, p if isinstance(g, dict) else list(p.values()), 0.1)), PATH
        )
    assert list(updates.adam(loss, wf.nn.parameters(loss)).params) == list(params.values())


def test_updates_know_which_are_parameters():
    params = make_params()
    loss, w, b = loss_of(params), *params.values()
    changes = updates.adam(loss, params)
    assert changes.params == [w, b]
    assert len(changes.remembered) == 5
    for changed in (updates.apply_momentum(changes), updates.lookahead(changes), updates.ema(changes)[0]):
        assert changed.params == [w, b]
    assert len(updates.apply_momentum(changes)) == len(changes) + 2  # no velocity of what adam remembers
    joined = updates.adam(loss, [w]) | updates.momentum(loss, [b])
    assert isinstance(joined, updates.Updates)
    assert joined.params == [w, b]
    mixed = dict(updates.sgd(loss, [w])) | updates.adam(loss, [b])
    assert mixed.params == [w, b]
    mixed |= updates.adam(loss, [w])
    assert set(mixed.params) == {w, b}
    counter = wf.shared(0, "mine")
    assert updates.Updates({counter: counter + 1}).params == [counter]


@pytest.mark.parametrize("name", ["apply_momentum", "apply_nesterov"])
def test_momentum_leaves_alone_what_is_remembered(name):
    change = getattr(updates, name)
    assert_same(
        train(lambda loss, params: change(updates.rmsprop(loss, params, 0.1), momentum=0.8)),
        train(lambda loss, params: change(dict(updates.rmsprop(loss, params, 0.1)), params, 0.8)),
    )


@pytest.mark.parametrize("debias", [True, False])
def test_ema(debias):
    found = after(lambda loss, params: updates.ema(updates.sgd(loss, params, 0.1), 0.7, debias=debias), 6)
    average, wanted = {n: 0 if debias else v for n, v in START.items()}, []
    for t, now in enumerate(PATH, 1):
        average = {n: 0.7 * a + 0.3 * now[n] for n, a in average.items()}
        wanted.append({n: a / (1 - 0.7**t if debias else 1) for n, a in average.items()})
    assert_same(found, wanted)


@pytest.mark.parametrize(("start", "every"), [(0, 1), (2, 1), (1, 2)])
def test_mean(start, every):
    found = after(lambda loss, params: updates.mean(updates.sgd(loss, params, 0.1), start, every), 6)
    for t, now in enumerate(found):
        taken = PATH[start : t + 1 : every] or PATH[t : t + 1]
        for name in START:
            np.testing.assert_allclose(now[name], np.mean([p[name] for p in taken], axis=0), rtol=1e-12)


@pytest.mark.parametrize("steps", [1e6, 4e7])
def test_means_take_in_late_steps(steps):
    """In float32, 1 - 1 / steps is 1."""
    p = wf.shared(np.zeros(1, "float32"), "p")
    changes, averages = updates.mean({p: p + 1})
    next(c for c in changes if c.name == "mean_steps").set_value(np.int64(steps))
    advance(changes, 1)
    assert averages[p].get_value()[0] == pytest.approx(1 / (steps + 1), rel=1e-6)


@pytest.mark.parametrize("debias", [True, False])
@pytest.mark.parametrize("steps", [1e6, 4e7])
def test_slow_averages_take_in_late_steps(steps, debias):
    p = wf.shared(np.zeros(1, "float32"), "p")
    for decay in (1 - 1 / steps, wf.shared(np.array(1 - 1 / steps), "decay")):
        changes, averages = updates.ema({p: p + 1}, decay, debias=debias)
        for counter in (c for c in changes if c.name == "ema_steps"):
            counter.set_value(np.int64(steps))
        advance(changes, 1)
        part = 1 / steps / (1 - np.exp(-1 - 1 / steps) if debias else 1)
        assert averages[p].get_value()[0] == pytest.approx(part, rel=1e-5)
        p.set_value(np.zeros(1, "float32"))


def test_averages_leave_nothing_of_where_training_began():
    p = wf.shared(np.full(1, 1e30, "float32"), "p")
    for make in (updates.mean, updates.ema):
        changes, averages = make({p: p * 0 + 1})
        p.set_value(np.full(1, 1e30, "float32"))
        advance(changes, 1)
        assert averages[p].get_value() == 1.0


def test_averages_are_givens():
    params = make_params()
    loss = loss_of(params)
    changes, averages = updates.ema(updates.sgd(loss, params, 0.1))
    np.testing.assert_allclose(wf.function([], loss, givens=averages)(), evaluate(loss))  # copies, to begin with
    advance(changes, 2)
    cells = list(averages.values())
    assert [c.name for c in cells] == ["w_average", "b_average"]
    at = {n: c.get_value() for n, c in zip(params, cells, strict=True)}
    found = wf.function([], loss, givens=averages)()
    for name, p in params.items():
        p.set_value(at[name])
    np.testing.assert_allclose(found, evaluate(loss), rtol=1e-6)


def test_lookahead():
    fast = slow = START
    found = train(lambda loss, params: updates.lookahead(updates.sgd(loss, params, 0.1), 2, 0.3))
    for t, now in enumerate(found, 1):
        grads = gradients(fast)
        fast = {n: p - 0.1 * grads[n] for n, p in fast.items()}
        if t % 2 == 0:
            fast = slow = {n: slow[n] + 0.3 * (fast[n] - slow[n]) for n in slow}
        assert_same([now], [fast])


def test_accumulated_gradients_do_what_one_large_batch_would():
    x, t = wf.matrix("x", ("n", 3), "float64"), wf.matrix("t", ("n", 2), "float64")
    rng = np.random.default_rng(0)
    xs, ts = rng.normal(size=(6, 2, 3)), rng.normal(size=(6, 2, 2))
    cells = [make_params() for _ in range(2)]
    losses = [wf.mean(wf.square(x @ c["w"] + c["b"] - t)) for c in cells]
    optimiser = lambda grads, params: updates.adam(grads, params, schedules.exponential(0.1, 0.5))  # noqa: E731
    small = wf.function([x, t], None, updates=updates.accumulate(losses[0], cells[0], 3, optimiser))
    large = wf.function([x, t], None, updates=optimiser(losses[1], cells[1]))
    for start in (0, 3):
        before = [p.get_value() for p in cells[0].values()]
        for i in range(start, start + 3):
            for p, value in zip(cells[0].values(), before, strict=True):
                np.testing.assert_array_equal(p.get_value(), value)
            small(xs[i], ts[i])
        large(xs[start : start + 3].reshape(6, 3), ts[start : start + 3].reshape(6, 2))
        for p, q in zip(cells[0].values(), cells[1].values(), strict=True):
            np.testing.assert_allclose(p.get_value(), q.get_value(), rtol=1e-9)


def test_rates_of_groups():
    make = lambda loss, p: updates.scale(updates.sgd(loss, p, 0.1), {p["b"]: 0.5, p["w"]: lambda n: 1.0 * (n > 0)})  # noqa: E731
    wanted = by_numpy(lambda p, g, state, t: p - 0.1 * g * (0.5 if p.ndim == 1 else float(t > 1)))
    assert_same(train(make), wanted)


def test_decay():
    plain = by_numpy(lambda p, g, state, t: p - 0.1 * (g + 0.3 * p * (p.ndim > 1)))
    given = lambda loss, p: updates.sgd(updates.add_decay(loss, p, 0.3, lambda q: q.ndim > 1), p, 0.1)  # noqa: E731
    assert_same(train(given), plain)
    assert_same(train(lambda loss, p: updates.decay(updates.sgd(loss, p, 0.1), 0.03, [p["w"]])), plain)
    both = by_numpy(lambda p, g, state, t: p - 0.1 * g - (0.1 / t) * p)
    assert_same(
        train(lambda loss, p: updates.decay(updates.sgd(loss, p, 0.1), lambda n: 0.1 / (1.0 + n.astype("float64")))),
        both,
    )


def grads_of(*values, dtype="float64"):
    cells = [wf.shared(np.array(v, dtype), "g") for v in values]
    return cells, lambda found: [np.asarray(v) for v in evaluate(found)]


def test_clip_by_norm_in_float16():
    """The squares are beyond its numbers."""
    (half,), of = grads_of([300.0, 400.0], dtype="float16")
    (found,) = of(updates.clip_by_norm([half], 5.0))
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, [3, 4], rtol=2e-3)
    (whole,), _ = grads_of([300, 400], dtype="int64")
    with pytest.raises(DTypeError, match="clip_by_norm takes floats, not int64"):
        updates.clip_by_norm([whole], 5.0)


def test_clip_each_by_norm():
    cells, of = grads_of([3.0, 4.0], [0.3, 0.4], [0.0])
    a, b, c = of(updates.clip_each_by_norm(cells, 1.0))
    np.testing.assert_allclose(a, [0.6, 0.8], rtol=1e-6)
    np.testing.assert_array_equal(b, [0.3, 0.4])
    np.testing.assert_array_equal(c, [0.0])
    (half,), of = grads_of([300.0, 400.0], dtype="float16")  # whose squares float16 does not hold
    np.testing.assert_allclose(of(updates.clip_each_by_norm([half], 5.0))[0], [3, 4], rtol=2e-3)


def test_clip_by_value():
    cells, of = grads_of([3.0, -4.0, 0.5], [[-1.0]], dtype="float32")
    a, b = of(updates.clip_by_value(cells, wf.shared(np.array(0.75), "limit")))
    assert a.dtype == np.float32
    np.testing.assert_array_equal(a, [0.75, -0.75, 0.5])
    np.testing.assert_array_equal(b, [[-0.75]])


def test_clip_adaptively():
    w = wf.shared(np.array([[3.0, 0.0], [4.0, 0.0]]), "w")
    k = wf.shared(np.full((2, 1, 2, 2), [[[[2.0]]], [[[1.0]]]]), "k")
    gw, gk = np.array([[0.3, 0.3], [0.4, 0.4]]), np.full((2, 1, 2, 2), 0.1)
    a, b = evaluate(updates.clip_adaptively([wf.constant(gw), wf.constant(gk)], [w, k], 0.05, 1e-2))
    np.testing.assert_allclose(a, gw * [0.5, 0.001], rtol=1e-12)  # columns with norms of 5 and 0
    np.testing.assert_allclose(b, gk * [[[[1.0]]], [[[0.5]]]], rtol=1e-12)
    (whole,) = evaluate(updates.clip_adaptively([wf.constant(gw)], [w], 0.05, axes=(0, 1)))
    np.testing.assert_allclose(whole, gw * 0.25 / np.linalg.norm(gw), rtol=1e-12)


def test_add_noise():
    g, stream = wf.constant(np.ones(5000, np.float32)), wf.random.Stream(1)
    (noisy,) = updates.add_noise([g], stream, schedules.piecewise_constant([0.5, 0.0], [2]))
    step = wf.function([], noisy)
    draws = [step() for _ in range(3)]
    assert draws[0].dtype == np.float32
    for drawn in draws[:2]:
        assert abs(drawn.mean() - 1) < 0.03
        assert abs(drawn.std() - 0.5) < 0.03
    assert (draws[0] != draws[1]).mean() > 0.99
    np.testing.assert_array_equal(draws[2], 1)


def test_coefficients_in_float64_leave_float32_parameters():
    rate = lambda value: wf.shared(np.array(value), "c")  # noqa: E731
    params = make_params("float32")
    loss = loss_of(params)
    plain = updates.sgd(loss, params)
    for changes in (
        updates.adam(loss, params, beta1=rate(0.9), beta2=rate(0.99), epsilon=rate(1e-8)),
        updates.adamw(loss, params, weight_decay=rate(0.1)),
        updates.rmsprop(loss, params, rho=rate(0.9), epsilon=rate(1e-6), centered=True, momentum=rate(0.1)),
        updates.lars(loss, params, trust=rate(0.1), epsilon=rate(0.1), weight_decay=rate(0.1)),
        updates.muon(loss, params, momentum=rate(0.1), epsilon=rate(0.1), weight_decay=rate(0.1)),
        updates.rprop(loss, params, grow=rate(1.1), shrink=rate(0.1), least=rate(0.1), most=rate(0.2)),
        updates.adafactor(loss, params, exponent=rate(0.5), least=rate(0.1), limit=rate(1.0), epsilon=rate(0.1)),
        updates.ema(plain, rate(0.5))[0],
        updates.ema(plain, rate(0.5), debias=False)[0],
        updates.lookahead(plain, 2, rate(0.5)),
        updates.scale(plain, {params["w"]: rate(0.5)}),
        updates.decay(plain, rate(0.5)),
        updates.sgd(loss, params, weight_decay=rate(0.5)),
    ):
        assert all(cell.dtype == new.dtype for cell, new in changes.items())


def test_what_is_wrong():
    params = make_params()
    loss, (w, b) = loss_of(params), params.values()
    with pytest.raises(ArgumentError, match="ema: updates has no new value for b"):
        updates.ema(updates.sgd(loss, [w]), params=[b])
    with pytest.raises(ArgumentError, match="decayed: b is none of params"):
        updates.adamw(loss, [w], decayed=[b])
    with pytest.raises(ArgumentError, match="the function says True or False of a parameter"):
        updates.adamw(loss, [w], decayed=lambda p: 1)
    with pytest.raises(ArgumentError, match="decayed is a list of shared variables"):
        updates.adamw(loss, [w], decayed=w)
    with pytest.raises(ShapeError, match="learning_rate is a number or a scalar expression"):
        updates.sgd(loss, [w], lambda n: wf.stack([n, n]))
    with pytest.raises(ArgumentError, match="learning_rate is called with the number of the step"):
        updates.sgd(loss, [w], lambda: 0.1)
    with pytest.raises(ArgumentError, match="scale: updates has no new value for b"):
        updates.scale(updates.sgd(loss, [w]), {b: 0.1})
    with pytest.raises(ArgumentError, match="updates is a dict"):
        updates.accumulate(loss, [w], 2, lambda grads, params: grads)
    v, m = wf.shared(np.ones(2), "v", shape=("n",)), wf.shared(np.ones((2, 3)), "m", shape=("n", 3))
    with pytest.raises(ShapeError, match=r"lbfgs takes parameters whose sizes are numbers, and v has shape \(n,\)"):
        updates.lbfgs(wf.sum(v), [v])
    with pytest.raises(ShapeError, match=r"muon takes parameters whose sizes are numbers, and m has shape \(n, 3\)"):
        updates.muon(wf.sum(m), [m])
    with pytest.raises(ArgumentError, match=r"add_noise: rng is a random\.Stream"):
        updates.add_noise([v], np.random.default_rng(0))
    with pytest.raises(ArgumentError, match=r"add_noise: rng is a random\.Stream"):
        updates.add_noise([v], type("Drawn", (), {"normal": None, "bernoulli": None})())
