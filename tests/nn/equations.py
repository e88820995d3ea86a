"""The equations of optimisers in NumPy, under their names and with their options: the table that they are tested by.

Each gives the new parameter from step(param, gradient, state, t), t = 1, 2 ..., with a dict that a parameter remembers.
"""

import numpy as np

from .descents import kept


def averages(g, state, beta1, beta2):
    m = kept(state, "m", lambda m: beta1 * m + (1 - beta1) * g)
    return m, kept(state, "v", lambda v: beta2 * v + (1 - beta2) * g * g)


def sgd(p, g, state, t, rate=0.1, weight_decay=0.0):
    return p - rate * (g + weight_decay * p)


def momentum(p, g, state, t, rate=0.1, momentum=0.9, weight_decay=0.0):
    return p + kept(state, "v", lambda v: momentum * v - rate * (g + weight_decay * p))


def nesterov(p, g, state, t, rate=0.1, momentum=0.9, weight_decay=0.0):
    step = rate * (g + weight_decay * p)
    return p + momentum * kept(state, "v", lambda v: momentum * v - step) - step


def adagrad(p, g, state, t, rate=0.1, epsilon=1e-6):
    return p - rate * g / np.sqrt(kept(state, "s", lambda s: s + g * g) + epsilon)


def rmsprop(p, g, state, t, rate=0.1, rho=0.9, epsilon=1e-6, centered=False, momentum=0.0):
    m, v = averages(g, state, rho, rho)
    step = rate * g / np.sqrt((v - m * m if centered else v) + epsilon)
    return p + kept(state, "velocity", lambda s: momentum * s - step)


def adadelta(p, g, state, t, rate=0.1, rho=0.95, epsilon=1e-6):
    mean = kept(state, "s", lambda s: rho * s + (1 - rho) * g * g)
    step = g * np.sqrt(state.get("d", 0.0) + epsilon) / np.sqrt(mean + epsilon)
    kept(state, "d", lambda d: rho * d + (1 - rho) * step**2)
    return p - rate * step


def adamw(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01, amsgrad=False):
    m, v = averages(g, state, beta1, beta2)
    v = kept(state, "largest", lambda s: np.maximum(s, v)) if amsgrad else v
    return p * (1 - rate * weight_decay) - rate * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon)


def adam(p, g, state, t, **options):
    return adamw(p, g, state, t, weight_decay=0.0, **options)


def nadam(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8, momentum_decay=0.004):
    m, v = averages(g, state, beta1, beta2)
    now, later = (beta1 * (1 - 0.5 * 0.96 ** (s * momentum_decay)) for s in (t, t + 1))
    product = kept(state, "product", lambda s: s * now, 1.0)
    ahead = later * m / (1 - product * later) + (1 - now) * g / (1 - product)
    return p - rate * ahead / (np.sqrt(v / (1 - beta2**t)) + epsilon)


def radam(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v = averages(g, state, beta1, beta2)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    if length <= 5:
        return p - rate * m / (1 - beta1**t)
    r = np.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
    return p - rate * r * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon)


def adamax(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, _ = averages(g, state, beta1, beta2)
    largest = kept(state, "u", lambda u: np.maximum(beta2 * u, np.abs(g) + epsilon))
    return p - rate * m / (1 - beta1**t) / largest


def adabelief(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-16):
    m, _ = averages(g, state, beta1, beta2)
    s = kept(state, "s", lambda s: beta2 * s + (1 - beta2) * (g - m) ** 2 + epsilon)
    return p - rate * m / (1 - beta1**t) / (np.sqrt(s / (1 - beta2**t)) + epsilon)


def lion(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.99, weight_decay=0.0):
    direction = np.sign(beta1 * state.get("v", 0.0) + (1 - beta1) * g)
    kept(state, "v", lambda v: beta2 * v + (1 - beta2) * g)
    return p - rate * (direction + weight_decay * p)


def lars(p, g, state, t, rate=0.1, momentum=0.9, weight_decay=0.0, trust=0.001):
    g = g + weight_decay * p
    g = trust * np.linalg.norm(p) / np.linalg.norm(g) * g
    return p + kept(state, "v", lambda v: momentum * v - rate * g)


def lamb(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-6, weight_decay=0.0):
    m, v = averages(g, state, beta1, beta2)
    step = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon) + weight_decay * p
    return p - rate * np.linalg.norm(p) / np.linalg.norm(step) * step


def rprop(p, g, state, t, rate=0.1, shrink=0.5, grow=1.2, least=1e-6, most=50.0):
    before = state.get("g", np.zeros_like(g))
    factor = np.where(g * before > 0, grow, np.where(g * before < 0, shrink, 1))
    step = kept(state, "step", lambda s: np.clip(s * factor, least, most), rate)
    g = state["g"] = np.where(g * before < 0, 0, g)
    return p - step * np.sign(g)


def adafactor(p, g, state, t, rate=0.1, exponent=0.8, least=1e-3, limit=1.0, epsilon=None, weight_decay=0.0):
    epsilon = np.finfo(p.dtype).eps if epsilon is None else epsilon
    part = t**-exponent
    if g.ndim == 2:
        rows = kept(state, "rows", lambda r: (1 - part) * r + part * (g * g).mean(1, keepdims=True))
        columns = kept(state, "columns", lambda c: (1 - part) * c + part * (g * g).mean(0, keepdims=True))
        second = rows * columns / max(rows.mean(), epsilon)
    else:
        second = kept(state, "v", lambda v: (1 - part) * v + part * g * g)
    step = g / np.sqrt(np.maximum(second, epsilon**2))
    pace = max(least, np.sqrt((p * p).mean())) * min(rate, t**-0.5)
    return p * (1 - rate * weight_decay) - pace * step / max(1, np.sqrt((step * step).mean()) / limit)


def muon(p, g, state, t, rate=0.1, momentum=0.95, nesterov=True, weight_decay=0.0, iterations=5):
    if g.ndim == 1:
        return adam(p, g, state, t, rate=0.001)
    v = kept(state, "velocity", lambda v: momentum * v + (1 - momentum) * g)
    slope = momentum * v + (1 - momentum) * g if nesterov else v
    x = slope / np.linalg.norm(slope)
    for _ in range(iterations):
        gram = x.T @ x
        x = 3.4445 * x + x @ (-4.7750 * gram + 2.0315 * gram @ gram)
    return p * (1 - rate * weight_decay) - rate * np.sqrt(max(1, p.shape[1] / p.shape[0])) * x


def yogi(p, g, state, t, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-3, start=1e-6):
    m = kept(state, "m", lambda m: beta1 * m + (1 - beta1) * g)
    v = kept(state, "v", lambda v: v - (1 - beta2) * np.sign(v - g * g) * g * g, start)
    return p - rate * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon)


def adan(p, g, state, t, rate=0.1, beta1=0.98, beta2=0.92, beta3=0.99, epsilon=1e-8, weight_decay=0.0):
    change = g - state.get("g", g)
    state["g"] = g
    m = kept(state, "m", lambda m: beta1 * m + (1 - beta1) * g)
    d = kept(state, "d", lambda d: beta2 * d + (1 - beta2) * change)
    n = kept(state, "n", lambda n: beta3 * n + (1 - beta3) * (g + beta2 * change) ** 2)
    step = m / (1 - beta1**t) + beta2 * d / (1 - beta2**t)
    return (p - rate * step / (np.sqrt(n / (1 - beta3**t)) + epsilon)) / (1 + rate * weight_decay)


def novograd(p, g, state, t, rate=0.1, beta1=0.95, beta2=0.98, epsilon=1e-8, weight_decay=0.0):
    v = kept(state, "v", lambda v: beta2 * v + (1 - beta2) * (g * g).sum(), (g * g).sum())
    return p - rate * kept(state, "m", lambda m: beta1 * m + g / (np.sqrt(v) + epsilon) + weight_decay * p)


def signum(p, g, state, t, rate=0.1, momentum=0.9, weight_decay=0.0):
    return p - rate * (np.sign(kept(state, "v", lambda v: momentum * v + (1 - momentum) * g)) + weight_decay * p)


def fromage(p, g, state, t, rate=0.1):
    return (p - rate * np.linalg.norm(p) / np.linalg.norm(g) * g) / np.sqrt(1 + rate**2)


def ftrl(p, g, state, t, rate=0.1, beta=1.0, l1=0.0, l2=0.0, start=0.0):
    before = np.sqrt(state.get("n", start))
    n = np.sqrt(kept(state, "n", lambda n: n + g * g, start))
    z = kept(state, "z", lambda z: z + g - (n - before) / rate * p)
    return np.where(np.abs(z) <= l1, 0, (np.sign(z) * l1 - z) / ((beta + n) / rate + l2))


def sm3(p, g, state, t, rate=0.1, momentum=0.9):
    if g.ndim == 1:
        total = state["0"] = state.get("0", 0.0) + g * g
    else:
        total = np.minimum(state.get("0", 0.0), state.get("1", 0.0)) + g * g
        state["0"], state["1"] = total.max(1, keepdims=True), total.max(0, keepdims=True)
    return p - rate * kept(state, "v", lambda v: momentum * v + (1 - momentum) * g / np.sqrt(total))


SHORT = {"beta1": 0.5, "beta2": 0.3}
OPTIONS = {  # besides none at all
    "sgd": [{"weight_decay": 0.3}],
    "momentum": [{"momentum": 0.8}, {"weight_decay": 0.3}],
    "nesterov": [{"momentum": 0.8}, {"weight_decay": 0.3}],
    "adagrad": [{"epsilon": 0.3}],
    "rmsprop": [{"rho": 0.6, "epsilon": 0.3}, {"centered": True, "momentum": 0.8}, {"momentum": 0.8}],
    "adadelta": [{"rho": 0.6, "epsilon": 0.3}],
    "adam": [{"beta1": 0.7, "beta2": 0.8, "epsilon": 0.3}, {"amsgrad": True, "beta2": 0.8}],
    "adamw": [{"weight_decay": 0.5, "epsilon": 0.3}, {"amsgrad": True, "beta2": 0.8}],
    "nadam": [{"momentum_decay": 0.5, "beta1": 0.7}],
    "radam": [{"beta2": 0.8}, {"beta2": 0.6}],
    "adamax": [],
    "adabelief": [{"epsilon": 0.1}],
    "lion": [{"beta1": 0.5, "beta2": 0.6, "weight_decay": 0.3}],
    "lars": [{"weight_decay": 0.3, "trust": 0.5}],
    "lamb": [{"weight_decay": 0.3, "epsilon": 0.1}],
    "rprop": [{"least": 0.03, "most": 0.11, "shrink": 0.2}],
    "adafactor": [{"weight_decay": 0.3, "epsilon": 0.3, "limit": 0.5, "least": 3.0, "exponent": 0.5}],
    "muon": [{"weight_decay": 0.3, "nesterov": False}],
    "yogi": [{"start": 3.0, "beta2": 0.5}],
    "adan": [{**SHORT, "beta3": 0.6, "weight_decay": 0.3}],
    "novograd": [{**SHORT, "weight_decay": 0.3}],
    "signum": [{"momentum": 0, "weight_decay": 0.3}],
    "fromage": [],
    "ftrl": [{"beta": 0.5, "l1": 1.5, "l2": 0.7, "start": 0.1}],
    "sm3": [{"momentum": 0}],
}
CASES = [(name, options) for name, more in OPTIONS.items() for options in ({}, *more)]

ADAMS = ("adam", "adamw", "adamax", "adabelief", "nadam", "radam", "adan", "lamb", "novograd")
NARROW = {  # coefficients that float16 has digits for
    **{name: {"epsilon": 1e-3} for name in (*ADAMS, "adadelta", "adafactor", "adagrad", "rmsprop")},
    "yogi": {"start": 1e-3},
    "fromage": {"least": 1e-4},
}
RATES = {"adadelta": 0.1, "sm3": 0.1, "lars": 10.0}  # at which they move by more than float16 rounds; else 0.01
