"""Options of Theano's loops, derivatives, batches and windows in pairs, against plain loops: directions, taps, borders.

The layer translates to weft's expressions, so they are run by the reference evaluator, without compiling anything.
"""

import itertools

import numpy as np
import pytest
import scipy

import weft as wf
import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812
from weft.compat.theano.gradient import disconnected_grad, grad_clip, grad_scale
from weft.compat.theano.tensor.nnet import bn, neighbours
from weft.compat.theano.tensor.signal import conv, pool
from weft.compat.theano.variables import wrap

RNG = np.random.default_rng(0)
C = RNG.permutation(24).reshape(2, 3, 4) - 11.5


def of_shape(*shape):
    """An input whose sizes are known."""
    return wrap(wf.tensor(None, shape, "float64"))


def values(outputs, given):
    """The arrays of variables, given {variable: array}."""
    return wf.evaluate([v.expr for v in outputs], {x.expr: np.asarray(v, x.dtype) for x, v in given.items()})


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


@pytest.mark.parametrize("border", ["valid", "full"])
def test_convolutions_of_matrices_and_stacks_of_them(border):
    images, kernels = RNG.normal(size=(3, 5, 6)), RNG.normal(size=(2, 3, 2))
    right = np.array([[scipy.signal.convolve2d(image, kernel, border) for kernel in kernels] for image in images])
    x, w = T.tensor3("x"), T.tensor3("w")
    keys = list(itertools.product((np.s_[:], 1), (np.s_[:], 0)))  # all, or one without its axis
    outputs = [conv.conv2d(x[one], w[other], border_mode=border) for one, other in keys]
    for key, found in zip(keys, values(outputs, {x: images, w: kernels}), strict=True):
        np.testing.assert_allclose(found, right[key], rtol=1e-10)
