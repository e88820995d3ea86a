"""Optimisers and schedules against PyTorch's and Optax's, in float64."""

import numpy as np
import pytest

import weft as wf
from weft.nn import schedules, updates

from .descents import START, T, X, assert_same, gradients, train

STEPS = 8


def by_torch(make, steps=STEPS, of_matrices=lambda w: w):
    torch = pytest.importorskip("torch")
    values = {n: torch.tensor(of_matrices(v) if v.ndim == 2 else v, requires_grad=True) for n, v in START.items()}
    x, t = torch.tensor(X), torch.tensor(T)
    optimiser, path = make(torch.optim, list(values.values())), []

    def loss():
        optimiser.zero_grad()
        w = of_matrices(values["w"])
        found = ((torch.tanh(x @ w + values["b"]) - t) ** 2).sum()
        found.backward()
        return found

    for _ in range(steps):
        optimiser.step(loss)
        path.append({n: v.detach().numpy().copy() for n, v in values.items()})
    return path


TORCH = {
    "sgd": ({"weight_decay": 0.3}, "SGD", {"weight_decay": 0.3}),
    "momentum": ({"momentum": 0.8, "weight_decay": 0.3}, "SGD", {"momentum": 0.8, "weight_decay": 0.3}),
    "nesterov": ({"momentum": 0.8}, "SGD", {"momentum": 0.8, "nesterov": True}),
    "adagrad": ({"epsilon": 0.0}, "Adagrad", {"eps": 0.0}),
    "adadelta": ({"rho": 0.9, "epsilon": 1e-6}, "Adadelta", {}),
    "rmsprop": (
        {"rho": 0.8, "epsilon": 0.0, "centered": False, "momentum": 0.7},
        "RMSprop",
        {"alpha": 0.8, "eps": 0.0, "momentum": 0.7},
    ),
    "adam": ({}, "Adam", {}),
    "adamw": ({"weight_decay": 0.3}, "AdamW", {"weight_decay": 0.3}),
    "nadam": ({}, "NAdam", {}),
    "radam": ({"beta2": 0.9}, "RAdam", {"betas": (0.9, 0.9)}),
    "adamax": ({}, "Adamax", {}),
    "rprop": ({}, "Rprop", {}),
    "adafactor": ({"weight_decay": 0.3}, "Adafactor", {"weight_decay": 0.3}),
    "lbfgs": ({"history": 4}, "LBFGS", {"history_size": 4, "max_iter": 1}),
}


@pytest.mark.parametrize("name", TORCH)
def test_torch(name):
    own, theirs, options = TORCH[name]
    found = train(lambda loss, params: getattr(updates, name)(loss, params, learning_rate=0.1, **own), STEPS)
    rtol = 1e-5 if name == "nadam" else 1e-8  # PyTorch keeps its product in float32
    assert_same(found, by_torch(lambda optim, params: getattr(optim, theirs)(params, lr=0.1, **options)), rtol)


def test_torch_amsgrad():
    found = train(lambda loss, params: updates.adam(loss, params, 0.1, beta2=0.8, amsgrad=True), STEPS)
    options = {"lr": 0.1, "betas": (0.9, 0.8), "amsgrad": True}
    assert_same(found, by_torch(lambda optim, params: optim.Adam(params, **options)), 1e-8)


def test_torch_muon():
    """Whose weights are (outputs, inputs), and iterations in bfloat16."""
    if not hasattr(pytest.importorskip("torch").optim, "Muon"):
        pytest.skip("this version of PyTorch has no Muon")
    found = train(lambda loss, params: updates.muon(loss, [params["w"]], 0.1, weight_decay=0.1), STEPS)
    theirs = by_torch(lambda optim, params: optim.Muon(params[:1], lr=0.1), of_matrices=lambda w: w.T)
    assert_same(found, [{"w": step["w"].T, "b": START["b"]} for step in theirs], 0.02, 0.02)


OPTAX = {
    "adabelief": ({"epsilon": 1e-10}, "adabelief", {"eps": 1e-10, "eps_root": 1e-10}),
    "lion": ({"weight_decay": 0.3}, "lion", {"weight_decay": 0.3}),
    "lamb": ({"weight_decay": 0.3}, "lamb", {"weight_decay": 0.3}),
    "lars": ({"weight_decay": 0.3, "trust": 0.5}, "lars", {"weight_decay": 0.3, "trust_coefficient": 0.5}),
    "nesterov": ({}, "sgd", {"momentum": 0.9, "nesterov": True}),
    "adamax": ({}, "adamax", {}),
}


def by_optax(make, steps=STEPS):
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    with jax.enable_x64(True):
        values, path = {n: jax.numpy.asarray(v) for n, v in START.items()}, []
        rule = make(optax)
        state = rule.init(values)
        for _ in range(steps):
            grads = {
                n: jax.numpy.asarray(g) for n, g in gradients({n: np.asarray(v) for n, v in values.items()}).items()
            }
            moves, state = rule.update(grads, state, values)
            values = optax.apply_updates(values, moves)
            path.append({n: np.asarray(v) for n, v in values.items()})
    return path


@pytest.mark.parametrize("name", OPTAX)
def test_optax(name):
    own, theirs, options = OPTAX[name]
    found = train(lambda loss, params: getattr(updates, name)(loss, params, learning_rate=0.1, **own), STEPS)
    assert_same(found, by_optax(lambda optax: getattr(optax, theirs)(0.1, **options)), 1e-6, 1e-8)


def test_optax_lookahead_and_adaptive_clipping():
    found = train(lambda loss, params: updates.lookahead(updates.sgd(loss, params, 0.1), 3, 0.4), STEPS)

    def make(optax):
        return optax.lookahead(optax.sgd(0.1), sync_period=3, slow_step_size=0.4)

    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    with jax.enable_x64(True):
        pair = optax.LookaheadParams.init_synced({n: jax.numpy.asarray(v) for n, v in START.items()})
        rule = make(optax)
        state, path = rule.init(pair), []
        for _ in range(STEPS):
            grads = gradients({n: np.asarray(v) for n, v in pair.fast.items()})
            moves, state = rule.update(grads, state, pair)
            pair = optax.apply_updates(pair, moves)
            path.append({n: np.asarray(v) for n, v in pair.fast.items()})
    assert_same(found, path, 1e-8)
    clipped = train(lambda loss, p: updates.sgd(updates.clip_adaptively(loss, p, 0.1), p, 0.1), STEPS)
    chain = by_optax(lambda optax: optax.chain(optax.adaptive_grad_clip(0.1), optax.sgd(0.1)))
    assert_same(clipped, chain, 1e-8)


N = np.arange(60)
TORCH_SCHEDULES = {
    "StepLR": (schedules.step(0.1, 7, 0.5), {"step_size": 7, "gamma": 0.5}),
    "MultiStepLR": (schedules.multi_step(0.1, [3, 8, 20]), {"milestones": [3, 8, 20]}),
    "ExponentialLR": (schedules.exponential(0.1, 0.9), {"gamma": 0.9}),
    "LinearLR": (
        schedules.linear(0.05, 12, 0.1),
        {"start_factor": 0.5, "total_iters": 12},
    ),
    "PolynomialLR": (schedules.polynomial(0.1, 30, power=2.0), {"total_iters": 30, "power": 2.0}),
    "CosineAnnealingLR": (schedules.cosine(0.1, 59, 0.01), {"T_max": 59, "eta_min": 0.01}),
    "CosineAnnealingWarmRestarts": (
        schedules.cosine_restarts(0.1, 5, 2, 0.01),
        {"T_0": 5, "T_mult": 2, "eta_min": 0.01},
    ),
    "CyclicLR": (
        schedules.cyclic(0.1, 0.5, 4, 7, 0.5),
        {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 4, "step_size_down": 7, "mode": "triangular2"},
    ),
}


@pytest.mark.parametrize("name", TORCH_SCHEDULES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_torch_schedules(name):
    torch = pytest.importorskip("torch")
    own, options = TORCH_SCHEDULES[name]
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    theirs, rates = getattr(torch.optim.lr_scheduler, name)(optimiser, **options), []
    for _ in N:
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        theirs.step()
    np.testing.assert_allclose(own(N), rates, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("own", "make"),
    [
        (schedules.cosine(0.1, 40, 0.01), lambda s: s.cosine_decay_schedule(0.1, 40, 0.1)),
        (schedules.one_cycle(0.1, 50), lambda s: s.cosine_onecycle_schedule(50, 0.1)),
        (schedules.exponential(0.1, 0.9, 5), lambda s: s.exponential_decay(0.1, 5, 0.9)),
        (schedules.polynomial(0.1, 30, 0.01, 2.0), lambda s: s.polynomial_schedule(0.1, 0.01, 2.0, 30)),
        (
            schedules.warmup(schedules.cosine(0.1, 30), 10),
            lambda s: s.warmup_cosine_decay_schedule(0.0, 0.1, 10, 40),
        ),
        (
            schedules.join([0.1, schedules.linear(0.2, 10)], [20]),
            lambda s: s.join_schedules([s.constant_schedule(0.1), s.linear_schedule(0.2, 0.0, 10)], [20]),
        ),
    ],
)
def test_optax_schedules(own, make):
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    with jax.enable_x64(True):
        theirs = make(optax.schedules)
        rates = [float(theirs(jax.numpy.asarray(int(n), "int64"))) for n in N]
    np.testing.assert_allclose(own(N), rates, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(("patience", "cooldown"), [(2, 0), (0, 3), (1, 2)])
def test_torch_plateau(mode, patience, cooldown):
    torch = pytest.importorskip("torch")
    options = {"mode": mode, "patience": patience, "cooldown": cooldown, "threshold": 0.01}
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, min_lr=1e-3, **options)
    metric = wf.scalar("metric", dtype="float64")
    rate, watched = schedules.plateau(metric, 0.1, 0.5, least=1e-3, **options)
    watch = wf.function([metric], None, updates=watched)
    for value in np.random.default_rng(0).choice([1.0, 0.995, 0.9, 1.2, 0.8], 50):
        watch(value)
        theirs.step(value)
        np.testing.assert_allclose(rate.get_value(), optimiser.param_groups[0]["lr"], rtol=1e-12)
