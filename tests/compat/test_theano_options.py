"""Options of Theano's functions in pairs, against NumPy and plain loops: axes, modes, directions, taps, borders.

The layer translates to weft's expressions, so they are run by the reference evaluator, without compiling anything.
"""

import itertools

import numpy as np
import pytest

import weft as wf
import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812
from weft.compat.theano.gradient import disconnected_grad, grad_clip, grad_scale
from weft.compat.theano.tensor.nnet import bn, neighbours
from weft.compat.theano.tensor.signal import pool
from weft.compat.theano.variables import wrap

RNG = np.random.default_rng(0)
M = np.array([[-2.5, -0.5, 0.0, 1.5], [0.5, 2.5, -1.5, 1.0], [3.0, 0.0, -1.0, -2.0]])  # halves, zeros, both signs
C = RNG.permutation(24).reshape(2, 3, 4) - 11.5
PLACES = np.array([[-2, 5], [1, -7]])


def of_shape(*shape):
    """An input whose sizes are known."""
    return wrap(wf.tensor(None, shape, "float64"))


def values(outputs, given):
    """The arrays of variables, given {variable: array}."""
    return wf.evaluate([v.expr for v in outputs], {x.expr: np.asarray(v, x.dtype) for x, v in given.items()})


# ---- tables: what is written, and what NumPy gives for it ------------------------------------------------------------

AXES = {
    f"T.{name}(c, axis={axis}, {option}={value!r})": lambda m, c, i, name=name, axis=axis, option=option, value=value: (
        getattr(np, name)(c, axis=axis, **{option: value})
    )
    for (name, option, value), axis in itertools.product(
        [
            *((n, "keepdims", True) for n in ("sum", "prod", "mean", "max", "min", "var", "std", "argmax", "argmin")),
            ("var", "ddof", 1),
            ("std", "ddof", 2),
            ("sum", "dtype", "float32"),
            ("prod", "dtype", "float32"),
        ],
        (None, 1, -1, (0, 2), (-1, 0)),
    )
    if not (name.startswith("arg") and isinstance(axis, tuple))
}
NORMS = {
    f"c.norm({L}, axis={axis}, keepdims={kept})": lambda m, c, i, L=L, axis=axis, kept=kept: by_norm(c, L, axis, kept)
    for L, axis, kept in itertools.product((0, 1, 2, 3, "np.inf"), (None, -1, (0, 2)), (False, True))
}
TAKEN = {
    f"T.take(c, i, axis={axis}, mode={mode!r})": lambda m, c, i, axis=axis, mode=mode: np.take(c, i, axis, mode=mode)
    for axis, mode in itertools.product((None, 0, 1, 2, -1), ("wrap", "clip"))
}
DIAGONALS = {
    f"c.diagonal({k}, {a}, {b})": lambda m, c, i, k=k, a=a, b=b: c.diagonal(k, a, b)
    for k, (a, b) in itertools.product((-2, -1, 0, 1, 3), ((0, 1), (1, 2), (2, 0), (-1, -2)))
} | {f"T.diag(m[0], {k})": lambda m, c, i, k=k: np.diag(m[0], k) for k in (-2, 0, 1)}
ROLLED = {
    f"T.roll(c, {shift}, axis={axis})": lambda m, c, i, shift=shift, axis=axis: np.roll(c, shift, axis)
    for shift, axis in itertools.product((-1, 9), (None, 1, -1))
}
REPEATED = {
    f"T.repeat(c, {counts}, axis={axis})": lambda m, c, i, counts=counts, axis=axis: np.repeat(c, counts, axis)
    for counts, axis in ((2, None), (2, -2), ([2, 0, 1], 1), ([1, 0, 2, 1], -1), ([0, 2], 0))
} | {f"T.tile(c, {reps})": lambda m, c, i, reps=reps: np.tile(c, reps) for reps in ((2,), (2, 1), (2, 1, 1, 3))}
SORTED = {
    "T.searchsorted(T.sort(m[0]), c)": lambda m, c, i: np.searchsorted(np.sort(m[0]), c),
    "T.searchsorted(T.sort(m[0]), m, side='right')": lambda m, c, i: np.searchsorted(np.sort(m[0]), m, "right"),
    "T.searchsorted(m[2], m, side='left', sorter=T.argsort(m[2]))": lambda m, c, i: np.searchsorted(
        m[2], m, "left", np.argsort(m[2])
    ),
    "T.searchsorted(m[2], m, side='right', sorter=T.argsort(m[2]))": lambda m, c, i: np.searchsorted(
        m[2], m, "right", np.argsort(m[2])
    ),
    "T.sort(c, axis=None)": lambda m, c, i: np.sort(c, None),
    "T.argsort(c, axis=-2)": lambda m, c, i: np.argsort(c, -2, kind="stable"),
    "T.topk(c, 2, axis=1)": lambda m, c, i: np.sort(c, 1)[:, :-3:-1],
    "T.argtopk(c, 2, axis=0)": lambda m, c, i: np.argsort(c, 0)[::-1],
    "T.bincount(i.ravel() % 5)": lambda m, c, i: np.bincount(i.ravel() % 5),
    "T.bincount(i.ravel() % 5, minlength=9)": lambda m, c, i: np.bincount(i.ravel() % 5, minlength=9),
    "T.bincount(i.ravel() % 5, weights=m[0])": lambda m, c, i: np.bincount(i.ravel() % 5, m[0]),
}
ELEMENTS = {
    "T.round(m)": lambda m, c, i: np.round(m),
    "T.round(m, 'half_away_from_zero')": lambda m, c, i: np.sign(m) * np.floor(np.abs(m) + 0.5),
    "T.isclose(m, m + 1e-6, atol=1e-5)": lambda m, c, i: np.isclose(m, m + 1e-6, atol=1e-5),
    "T.isclose(m / 0, m / 0)": lambda m, c, i: np.isclose(m / 0, m / 0),
    "T.isclose(m / 0, m / 0, equal_nan=True)": lambda m, c, i: np.isclose(m / 0, m / 0, equal_nan=True),
    "T.isclose(m / 0, -m / 0, equal_nan=True)": lambda m, c, i: np.isclose(m / 0, -m / 0, equal_nan=True),
    "(i.choose([i, i * 10], mode='wrap'))": lambda m, c, i: np.choose(i, [i, i * 10], mode="wrap"),
    "(i.choose([i, i * 10], mode='clip'))": lambda m, c, i: np.choose(i, [i, i * 10], mode="clip"),
    "T.cumsum(c)": lambda m, c, i: np.cumsum(c),
    "T.cumprod(c, axis=-2)": lambda m, c, i: np.cumprod(c, -2),
    "T.extra_ops.diff(c, 2, axis=1)": lambda m, c, i: np.diff(c, 2, 1),
    "T.extra_ops.compress([0, 1, 1], m, axis=0)": lambda m, c, i: m.compress([0, 1, 1], 0),
    "T.extra_ops.compress([0, 1, 1, 0, 1], m)": lambda m, c, i: m.compress([0, 1, 1, 0, 1]),
    "(m[0] > -1).compress(m, axis=-1)": lambda m, c, i: m.compress(m[0] > -1, -1),
    "T.nonzero(m, return_matrix=True)": lambda m, c, i: np.array(np.nonzero(m)),
    "T.fill_diagonal(m[:, :2], 9.0)": lambda m, c, i: filled(m[:, :2], 9.0),
    "T.fill_diagonal(m, 9.0)": lambda m, c, i: filled(m, 9.0),
    "T.nnet.relu(m, -0.5)": lambda m, c, i: np.where(m > 0, m, -0.5 * m),
    "T.nnet.elu(m, 0.5)": lambda m, c, i: np.where(m > 0, m, 0.5 * np.expm1(m)),
    "T.set_subtensor(c[::-2, 1:, [-1, 0]], 0.0)": lambda m, c, i: written(c, np.s_[::-2, 1:, [-1, 0]], 0.0),
    "T.inc_subtensor(c[:, [1, 1, -1]], 2.0)": lambda m, c, i: added(c, np.s_[:, [1, 1, -1]], 2.0),
    "T.inc_subtensor(c[:, [1, 1, -1]], 2.0, set_instead_of_inc=True)": lambda m, c, i: written(
        c, np.s_[:, [1, 1, -1]], 2.0
    ),
    "c.dimshuffle(-1, 'x', 0, -2)": lambda m, c, i: c.transpose(2, 0, 1)[:, None],
    "c.flatten(2)": lambda m, c, i: c.reshape(2, 12),
    "c.swapaxes(-1, 0)": lambda m, c, i: c.swapaxes(-1, 0),
    "T.stack([m, m], axis=-1)": lambda m, c, i: np.stack([m, m], -1),
    "T.concatenate([c, c[:, :1]], axis=-2)": lambda m, c, i: np.concatenate([c, c[:, :1]], -2),
    "T.batched_tensordot(c, c, [[2], [2]])": lambda m, c, i: np.einsum("bij,bkj->bik", c, c),
    "T.eye(3, 4, -1)": lambda m, c, i: np.eye(3, 4, -1),
    "T.tril(m, -1)": lambda m, c, i: np.tril(m, -1),
    "T.triu(m, -1)": lambda m, c, i: np.triu(m, -1),
}
TABLES = {
    "axes": AXES, "norms": NORMS, "taken": TAKEN, "diagonals": DIAGONALS, "rolled": ROLLED, "repeated": REPEATED,
    "sorted": SORTED, "elements": ELEMENTS,
}  # fmt: skip


def by_norm(x, L, axis, keepdims):
    size = np.abs(x)
    if L == "np.inf":
        return size.max(axis, keepdims=keepdims)
    return (size**L).sum(axis, keepdims=keepdims) ** (1 / L) if L else (x != 0).sum(axis, keepdims=keepdims)


def filled(x, value):
    out = x.copy()
    np.fill_diagonal(out, value)
    return out


def written(x, key, value):
    out = x.copy()
    out[key] = value
    return out


def added(x, key, value):
    out = x.copy()
    np.add.at(out, key, value)
    return out


@pytest.mark.parametrize("table", TABLES)
def test_options_are_numpys(table):
    m, c, i = T.matrix("m"), T.tensor3("c"), T.lmatrix("i")
    texts = TABLES[table]
    with np.errstate(all="ignore"):
        outputs = [eval(text, {"T": T, "np": np, "m": m, "c": c, "i": i}) for text in texts]
        for (text, reference), out, found in zip(
            texts.items(), outputs, values(outputs, {m: M, c: C, i: PLACES}), strict=True
        ):
            right = np.asarray(reference(M, C, PLACES))
            assert found.shape == right.shape, text
            assert found.dtype == out.dtype, text
            assert out.dtype == right.dtype, text
            np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-12, err_msg=text)


# ---- loops -----------------------------------------------------------------------------------------------------------


def by_hand(xs, taps, backwards, steps, h, own):
    """h[t] = the sum of 10**k x[t + tap k] - 0.5 (the outputs `own` steps ago)."""
    before, behind = max(0, -min(taps)), max(0, *taps)
    places = list(range(before, len(xs) - behind))[:: -1 if backwards != (steps is not None and steps < 0) else 1]
    past = list(h[: -min(own)])
    for place in places[: None if steps is None else abs(steps)]:
        seen = sum(10.0**k * xs[place + tap] for k, tap in enumerate(taps))
        past.append(seen - 0.5 * sum(past[tap] for tap in own))
    return past[-min(own) :]


def test_taps_directions_and_numbers_of_steps():
    xs, hs = np.arange(1.0, 9.0), np.array([0.5, -1.0, 2.0, 8.0])  # more first values than any tap needs
    x, h = T.constant(xs), T.constant(hs)
    tried = [
        (taps, backwards, steps, own)
        for (taps, own), backwards, steps in itertools.product(
            (([0], [-1]), ([-1, 0], [-2, -1]), ([-2, 1], [-3, -1])), (False, True), (None, 2, -2)
        )
    ]
    outputs = []
    for taps, backwards, steps, own in tried:

        def step(*values, taps=taps):
            seen, past = values[: len(taps)], values[len(taps) :]
            return sum(10.0**k * v for k, v in enumerate(seen)) - 0.5 * sum(past)

        first = {"initial": h if own != [-1] else h[0], "taps": own}
        sequence = {"input": x, "taps": taps}
        outputs.append(theano.scan(step, sequence, first, n_steps=steps, go_backwards=backwards)[0])
    for options, value in zip(tried, values(outputs, {}), strict=True):
        taps, backwards, steps, own = options
        np.testing.assert_allclose(value, by_hand(xs, taps, backwards, steps, hs, own), err_msg=str(options))


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kept", [2, 5])
def test_truncated_gradients_in_both_directions(backwards, kept):
    """h = w h + x, the last h derived by w: only the last steps count."""
    w, xs = T.scalar("w"), np.arange(1.0, 5.0)
    h, _ = theano.scan(
        lambda x, h, w: w * h + x, T.constant(xs), T.constant(2.0), w, truncate_gradient=kept, go_backwards=backwards
    )
    found, slope = values([h, T.grad(h[-1], w)], {w: 0.5})
    past = [2.0]
    for x in xs[:: -1 if backwards else 1]:
        past.append(0.5 * past[-1] + x)
    np.testing.assert_allclose(found, past[1:])
    np.testing.assert_allclose(slope, sum(past[t] * 0.5 ** (3 - t) for t in range(4) if t >= 4 - kept))


# ---- shared variables ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broadcastable", [(False, False), (False, True), (True, True)])
def test_arrays_are_copied_unless_borrowed(broadcastable):
    given = np.ones((1, 1))
    s = theano.shared(given, "s", broadcastable=broadcastable)
    given[:] = 5  # what was given, what was got, and what is cloned: arrays of their own
    got, other = s.get_value(), s.clone()
    got[:] = 6
    other.set_value(np.full((1, 1), 7.0))
    assert (s.get_value(), s.get_value(borrow=True), s.container.value) == (1, 1, 1)
    new = np.full((1, 1), 3.0)
    s.set_value(new)
    new[:] = 8
    assert (s.get_value(), other.get_value()) == (3, 7)
    assert (other.name, other.type, other.broadcastable) == ("s", s.type, broadcastable)
    s.zero()
    assert s.get_value() == 0


# ---- derivatives -----------------------------------------------------------------------------------------------------


def test_constants_for_derivatives_in_all_of_them():
    """y = x (2x): with 2x held, its derivative is 2x in place of 4x."""
    x, at = T.vector("x"), np.array([1.0, -3.0])
    for held, factor in ((None, 4), ([], 4), ([0], 2)):
        y = x * 2
        constants = [y] if held else held
        outputs = [
            T.grad((x * y).sum(), x, consider_constant=constants),
            T.Lop(x * y, x, T.ones_like(x), consider_constant=constants),
            theano.gradient.jacobian(x * y, x, consider_constant=constants),
            theano.gradient.hessian((x * x * y).sum(), x, consider_constant=constants),
        ]
        right = [factor * at, factor * at, np.diag(factor * at), np.diag(4 * at if held else 12 * at)]
        for found, wanted in zip(values(outputs, {x: at}), right, strict=True):
            np.testing.assert_allclose(found, wanted)


def test_gradients_that_are_known_are_added():
    x, g, at = T.vector("x"), T.vector("g"), np.array([1.0, -3.0])
    y = x * x
    outputs = [
        T.grad(None, x, known_grads={y: g}),
        T.grad((3 * y).sum(), x, known_grads={y: g}),
        T.grad((3 * y).sum(), x, known_grads={y: g, x: g}),
        *theano.gradient.subgraph_grad([x], [y], {y: g})[0],
        T.grad((grad_scale(x, -2) * y).sum(), x),
        T.grad((disconnected_grad(y) * x).sum(), x),
        T.grad((grad_clip(x, -0.5, 2) * y).sum(), x),
    ]
    right = [
        2 * at * 7,
        6 * at + 14 * at,
        6 * at + 14 * at + 7,
        14 * at,
        0 * at,
        at**2,
        2 * at**2 + (at**2).clip(-0.5, 2),
    ]
    for found, wanted in zip(values(outputs, {x: at, g: [7.0, 7.0]}), right, strict=True):
        np.testing.assert_allclose(found, wanted)


# ---- batches and windows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "reduced"),
    [("per-activation", (0,)), ("spatial", (0, 2)), ((0, -1), (0, 2)), (1, (1,)), ((2, 0, 1), (0, 1, 2))],
)
@pytest.mark.parametrize("whole", [False, True])
def test_batch_normalization_over_any_axes(axes, reduced, whole):
    x = T.tensor3("x")
    wide = tuple(1 if i in reduced else d for i, d in enumerate(C.shape))
    shape = wide if whole else tuple(d for i, d in enumerate(C.shape) if i not in reduced)
    gamma, beta, mean, var = (RNG.uniform(0.5, 2, shape) for _ in range(4))
    options = {"axes": axes, "epsilon": 0.5}
    train = bn.batch_normalization_train(
        x, gamma, beta, running_average_factor=0.25, running_mean=mean, running_var=var, **options
    )
    only_var = bn.batch_normalization_train(x, gamma, beta, running_average_factor=0.25, running_var=var, **options)
    test = bn.batch_normalization_test(x, gamma, beta, mean, var, **options)
    m, v = C.mean(reduced, keepdims=True), C.var(reduced, keepdims=True)
    unbiased = C.var(reduced, ddof=1)
    inverse = 1 / np.sqrt(v + 0.5)
    g, b, old_m, old_v = (a.reshape(wide) for a in (gamma, beta, mean, var))
    right = [
        (C - m) * inverse * g + b, m.reshape(shape), inverse.reshape(shape), 0.75 * mean + 0.25 * m.reshape(shape),
        0.75 * var + 0.25 * unbiased.reshape(shape), 0.75 * var + 0.25 * unbiased.reshape(shape),
        (C - old_m) / np.sqrt(old_v + 0.5) * g + b,
    ]  # fmt: skip
    for found, wanted in zip(values([*train, only_var[-1], test], {x: C}), right, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10)


def pooled(x, g, window, stride, pad, ignore_border, mode):
    """(pooled x, its gradient with g: to every largest element), one window after the other."""
    fill = -np.inf if mode == "max" else 0
    ends = [n + 2 * p - w for n, p, w in zip(x.shape, pad, window, strict=True)]
    counts = [e // s + 1 if ignore_border or e % s == 0 else e // s + 2 for e, s in zip(ends, stride, strict=True)]
    out, back = np.zeros(counts), np.zeros(x.shape)
    for place in np.ndindex(*counts):
        box = [
            slice(max(0, k * s - p), max(0, min(k * s - p + w, n)))
            for k, s, p, w, n in zip(place, stride, pad, window, x.shape, strict=True)
        ]
        seen = x[*box]
        padded = [
            min(k * s + w, n + 2 * p) - k * s for k, s, p, w, n in zip(place, stride, pad, window, x.shape, strict=True)
        ]
        number = {"average_exc_pad": seen.size, "average_inc_pad": np.prod(padded)}.get(mode, 1)
        out[place] = seen.max(initial=fill) if mode == "max" else seen.sum() / number
        back[*box] += g[place] * ((seen == out[place]) if mode == "max" else 1 / number)
    return out, back


@pytest.mark.parametrize("mode", ["max", "sum", "average_inc_pad", "average_exc_pad"])
def test_pooling_and_its_gradient_with_borders(mode):
    image = RNG.integers(-2, 3, (5, 6)) * 1.0  # with ties
    x = of_shape(5, 6)
    tried = [
        ((2, 3), (2, 3), (0, 0)), ((2, 3), (1, 2), (1, 0)), ((3, 2), (2, 2), (0, 1)), ((3, 3), (2, 2), (1, 2)),
    ]  # fmt: skip
    for (window, stride, pad), ignore in itertools.product(tried, (True, False)):
        if any(pad) and not ignore:
            continue  # Theano refuses it
        out = pool.pool_2d(x, window, ignore, stride, pad, mode)
        (value,) = values([out], {x: image})
        g = RNG.normal(size=value.shape)
        (slope,) = values([T.grad((out * g).sum(), x)], {x: image})
        right = pooled(image, g, window, stride, pad, ignore, mode)
        np.testing.assert_allclose(value, right[0], err_msg=f"{window} {stride} {pad} {ignore}")
        np.testing.assert_allclose(slope, right[1], err_msg=f"{window} {stride} {pad} {ignore}", atol=1e-12)


def test_patches_at_any_step():
    x = of_shape(2, 3, 5, 6)
    images = RNG.normal(size=(2, 3, 5, 6))
    for (h, w), (down, across) in itertools.product(((2, 3), (1, 2)), ((2, 3), (1, 2), (3, 1))):
        (found,) = values([neighbours.images2neibs(x, (h, w), (down, across))], {x: images})
        right = [
            plane[i : i + h, j : j + w].ravel()
            for plane in images.reshape(6, 5, 6)
            for i in range(0, 5 - h + 1, down)
            for j in range(0, 6 - w + 1, across)
        ]
        np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize(
    "options",
    [
        {"num_groups": 2},
        {"subsample": (2, 1), "border_mode": (1, 2)},
        {"filter_dilation": (1, 2), "border_mode": "half", "num_groups": 2},
        {"filter_flip": False, "border_mode": "full", "subsample": (1, 2)},
    ],
)
def test_gradients_of_convolutions_as_functions(options):
    x, w = RNG.normal(size=(2, 4, 7, 6)), RNG.normal(size=(6, 4 // options.get("num_groups", 1), 3, 2))
    a, b = of_shape(*x.shape), of_shape(*w.shape)
    out = T.nnet.conv2d(a, b, **options)
    g = RNG.normal(size=values([out], {a: x, b: w})[0].shape)
    abstract = T.nnet.abstract_conv
    found = [
        abstract.conv2d_grad_wrt_inputs(g, b, x.shape, w.shape, **options),
        abstract.conv2d_grad_wrt_weights(a, g, w.shape, x.shape, **options),
    ]
    right = T.grad((out * g).sum(), [a, b])
    both = values([*found, *right], {a: x, b: w})
    for one, other in zip(both[:2], both[2:], strict=True):
        np.testing.assert_allclose(one, other)
