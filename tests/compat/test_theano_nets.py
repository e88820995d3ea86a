"""Theano's activations, costs, convolutions and pooling with all names and options, against NumPy, SciPy, plain loops.

The layer translates to weft's expressions, so they are run by the reference evaluator, without compiling anything.
"""

import numpy as np
import pytest
import scipy
from scipy import special

import weft as wf
import weft.compat.theano.tensor as T  # noqa: N812
from weft.compat.theano.tensor.nnet import bn, neighbours
from weft.compat.theano.tensor.signal import conv, downsample, pool
from weft.compat.theano.variables import wrap
from weft.symbolic.errors import GuardError

RNG = np.random.default_rng(0)
M = np.array([[-9.0, -3.5, 0.0, 2.5], [0.5, 3.25, -1.5, 6.5], [3.0, -0.25, -6.0, 20.0]])
P = special.softmax(RNG.normal(size=(2, 3, 4)), -1)
CLASSES = np.array([2, 0, 3], "int8")


def of_shape(*shape):
    """An input whose sizes are known."""
    return wrap(wf.tensor(None, shape, "float64"))


def values(outputs, given):
    """The arrays of variables, given {variable: array}."""
    return wf.evaluate([v.expr for v in outputs], {x.expr: np.asarray(v, x.dtype) for x, v in given.items()})


# ---- activations and costs -------------------------------------------------------------------------------------------


def ultra_fast(x):
    half = abs(x) / 2
    if half < 1.7:
        y = 1.5 * half / (1 + half)
    else:
        y = 0.935409070603099 + 0.0458812946797165 * (half - 1.7) if half < 3 else 0.99505475368673
    return 0.5 + 0.5 * np.copysign(y, x)


ACTIVATIONS = {
    "nnet.softmax(m)": lambda m: special.softmax(m, 1),
    "nnet.softmax_with_bias(m, m[1])": lambda m: special.softmax(m + m[1], 1),
    "nnet.softmax_op(m[1])": lambda m: special.softmax(m[1:2], 1),
    "nnet.logsoftmax(m)": lambda m: special.log_softmax(m, 1),
    "nnet.ultra_fast_sigmoid(m)": np.vectorize(ultra_fast),
    "nnet.hard_sigmoid(m)": lambda m: (0.2 * m + 0.5).clip(0, 1),
    "nnet.relu(m)": lambda m: m.clip(0),
    "nnet.relu(m, m[1])": lambda m: np.where(m > 0, m, m[1] * m),
    "nnet.relu(m, 1)": lambda m: m,
    "nnet.elu(m)": lambda m: np.where(m > 0, m, np.expm1(m)),
    "nnet.elu(m, m[1])": lambda m: np.where(m > 0, m, m[1] * np.expm1(m)),
    "nnet.softsign(m)": lambda m: m / (1 + np.abs(m)),
    "nnet.nnet.prepend_1_to_each_row(m)": lambda m: np.c_[np.ones(3), m],
    "nnet.nnet.prepend_scalar_to_each_row(m[0, 1], m)": lambda m: np.c_[np.full(3, m[0, 1]), m],
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_activations_in_their_dtype(dtype):
    m = T.matrix("m", dtype=dtype)
    outputs = [eval(f"T.{text}", {"T": T, "m": m}) for text in ACTIVATIONS]
    for (text, reference), found in zip(ACTIVATIONS.items(), values(outputs, {m: M}), strict=True):
        assert found.dtype == dtype, text
        np.testing.assert_allclose(found, reference(M), rtol=1e-5, atol=1e-6, err_msg=text)


def test_selu_is_a_scaled_elu():
    x = T.matrix("x")
    (found,) = values([T.nnet.selu(x)], {x: M})
    np.testing.assert_allclose(
        found, 1.0507009873554805 * np.where(M > 0, M, 1.6732632423543772 * np.expm1(M)), rtol=1e-12
    )


def test_rectifiers_of_arrays_and_at_the_kink():
    np.testing.assert_array_equal(T.nnet.relu(M, 0.5), np.where(M > 0, M, 0.5 * M))
    np.testing.assert_array_equal(T.nnet.relu(M), M.clip(0))
    x, slope = T.matrix("x"), T.scalar("slope")
    outputs = [T.grad(T.nnet.relu(x, a).sum(), x) for a in (0, 0.25, slope)]
    outputs.append(T.nnet.relu(2.0, slope))
    at = np.array([[-2.0, 0.0, 3.0]])
    slopes = [[[0, 0.5, 1]], [[0.25, 0.625, 1]], [[-3, -1, 1]], 2]
    for found, right in zip(values(outputs, {x: at, slope: -3.0}), slopes, strict=True):
        np.testing.assert_array_equal(found, right)


def test_rows_of_probabilities_and_their_costs():
    m, p, t, k = T.matrix("m"), T.tensor3("p"), T.tensor3("t"), T.ivector("k")
    targets, places = RNG.uniform(0.1, 0.9, P.shape), np.array([[1, 0, 3], [2, 2, 0]])
    picked = np.take_along_axis(P, places[..., None], -1)[..., 0]
    logs = special.log_softmax(M, 1)
    one, soft = T.nnet.crossentropy_softmax_1hot(m, CLASSES)
    outputs = {
        "binary": (T.nnet.binary_crossentropy(p, t), special.xlogy(-targets, P) - special.xlog1py(1 - targets, -P)),
        "of logits": (
            T.nnet.sigmoid_binary_crossentropy(m * 100, T.constant(np.eye(3, 4, dtype="int8"))),
            np.logaddexp(0, M * 100) - np.eye(3, 4) * M * 100,
        ),
        "distributions": (T.nnet.categorical_crossentropy(p, t), -(targets * np.log(P)).sum(-1)),
        "classes": (T.nnet.categorical_crossentropy(p, places), -np.log(picked)),
        "classes of a matrix": (
            T.nnet.nnet.crossentropy_categorical_1hot(p[0], k),
            -np.log(P[0, range(3), CLASSES]),
        ),
        "of softmax": (one, -logs[range(3), CLASSES]),
        "softmax": (soft, np.exp(logs)),
        "with bias": (
            T.nnet.crossentropy_softmax_1hot_with_bias(m, m[1], k)[0],
            -special.log_softmax(M + M[1], 1)[range(3), CLASSES],
        ),
    }
    found = values([out for out, _ in outputs.values()], {m: M, p: P, t: targets, k: CLASSES})
    for (name, (_, right)), value in zip(outputs.items(), found, strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-10, atol=1e-12, err_msg=name)


def test_classes_and_how_they_are_confused():
    actual, predicted = T.ivector("actual"), T.lvector("predicted")
    a, b = np.array([7, -1, 3, 7, 3, 7]), np.array([3, -1, 3, 8, 7, 3])
    counts, order = values(T.nnet.nnet.confusion_matrix(actual, predicted), {actual: a, predicted: b})
    classes = np.unique(np.r_[a, b])
    np.testing.assert_array_equal(order, classes)
    np.testing.assert_array_equal(counts, [[((a == i) & (b == j)).sum() for j in classes] for i in classes])
    assert counts.dtype == "int64"


# ---- batches ---------------------------------------------------------------------------------------------------------


def test_batch_normalization_with_given_statistics():
    x, names = T.matrix("x"), [T.vector() for _ in range(4)]
    gamma, beta, mean, std = RNG.uniform(0.5, 2, (4, 4))
    (found,) = values(
        [bn.batch_normalization(x, *names, mode="high_mem")],
        {x: M, **dict(zip(names, (gamma, beta, mean, std), strict=True))},
    )
    np.testing.assert_allclose(found, (M - mean) * gamma / std + beta)
    *_, mean_after = bn.batch_normalization_train(x, gamma, beta, running_mean=mean)
    np.testing.assert_allclose(values([mean_after], {x: M})[0], 0.9 * mean + 0.1 * M.mean(0))
    with pytest.raises(ValueError, match="epsilon must be at least 1e-5, and is 1e-06"):
        bn.batch_normalization_train(x, *names[:2], epsilon=1e-6)
    bn.batch_normalization_train(x, *names[:2], epsilon=1e-5)
    with pytest.raises(ValueError, match="The parameters have 1 and 2 axes, and 1 are needed"):
        bn.batch_normalization_test(x, *names[:3], T.matrix())
    with pytest.raises(ValueError, match="The parameters have 1 and 1 axes, and 0 are needed"):
        bn.batch_normalization_train(x, *names[:2], axes=(0, 1))


# ---- convolution -----------------------------------------------------------------------------------------------------


def test_convolutions_over_one_and_three_axes():
    line, kernel = RNG.normal(size=(2, 1, 7)), RNG.normal(size=(3, 1, 4))
    solid, block = RNG.normal(size=(1, 2, 4, 5, 3)), RNG.normal(size=(3, 2, 2, 3, 2))
    x, w, y, v = T.tensor3("x"), T.tensor3("w"), T.tensor5("y"), T.tensor5("v")
    outputs = [
        T.nnet.conv1d(x, w, border_mode="full"),
        T.nnet.conv1d(x, w, subsample=(2,), filter_flip=False),
        T.nnet.conv3d(y, v),
        T.nnet.conv3d(y, v, subsample=(1, 2, 1), filter_flip=False, border_mode=(1, 0, 1)),
    ]
    framed = np.pad(solid, [(0, 0), (0, 0), (1, 1), (0, 0), (1, 1)])
    right = [
        np.array([[np.convolve(a[0], b[0]) for b in kernel] for a in line]),
        np.array([[np.correlate(a[0], b[0]) for b in kernel] for a in line])[..., ::2],
        np.array([[sum(map(scipy.signal.convolve, solid[0], b, ["valid"] * 2)) for b in block]]),
        np.array([[sum(map(scipy.signal.correlate, framed[0], b, ["valid"] * 2)) for b in block]])[:, :, :, ::2],
    ]
    for found, wanted in zip(values(outputs, {x: line, w: kernel, y: solid, v: block}), right, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


def test_convolutions_may_say_their_sizes():
    x, w = T.tensor4("x"), T.tensor4("w")
    image, kernel = RNG.normal(size=(2, 3, 6, 5)), RNG.normal(size=(4, 3, 3, 2))
    shape, step = (2, 3, None, T.constant(5)), T.constant([2, 1])
    plain = T.nnet.conv2d(x, w, subsample=(2, 1), border_mode=(1, 2))
    outputs = [
        T.nnet.conv2d(x, w, shape, (None, 3, 3, 2), (1, 2), step),
        T.nnet.conv.conv2d(x, w, image_shape=shape, filter_shape=(4, 3, 3, 2), border_mode=[1, 2], subsample=[2, 1]),
        T.nnet.conv2d(x, w, border_mode=np.array([1, 2]), subsample=np.array([2, 1]), filter_dilation=1),
    ]
    assert [str(v.broadcastable) for v in outputs] == [str(plain.broadcastable)] * 3
    assert outputs[1].expr.shape[:2] == (2, 4)
    assert outputs[0].expr.shape[1] is w.expr.shape[0]
    wanted, *found = values([plain, *outputs], {x: image, w: kernel})
    for value in found:
        np.testing.assert_allclose(value, wanted)
    for out in outputs[:2]:
        with pytest.raises(GuardError):
            values([out], {x: image[:, :, :, :4], w: kernel})
        with pytest.raises(GuardError):
            values([out], {x: image, w: kernel[:, :, :2]})
    with pytest.raises(NotImplementedError, match="kernels differ from place to place"):
        T.nnet.conv2d(x, w, unshared=True)


def test_convolution_of_whole_numbers_and_bools():
    x, w = T.btensor4("x"), T.tensor4("w", dtype="bool")
    image, kernel = RNG.integers(-9, 9, (1, 1, 4, 5)), RNG.integers(0, 2, (1, 1, 2, 3))
    (found,) = values([T.nnet.conv2d(x, w)], {x: image, w: kernel})
    np.testing.assert_array_equal(found[0, 0], scipy.signal.convolve2d(image[0, 0], kernel[0, 0], "valid"))
    with pytest.raises(Exception, match="takes matrices or stacks of them, not 4 and 2 axes"):
        conv.conv2d(x, T.matrix())
    with pytest.raises(Exception, match="takes matrices or stacks of them, not 2 and 1 axes"):
        conv.conv2d(T.matrix(), T.vector())


def test_transposed_convolution_and_derivatives_over_three_axes():
    abstract = T.nnet.abstract_conv
    small, kernel, wide = RNG.normal(size=(2, 3, 3, 4)), RNG.normal(size=(3, 5, 2, 3)), (2, 5, 6, 10)
    x, w, image = of_shape(*small.shape), of_shape(*kernel.shape), of_shape(*wide)
    options = {"filter_flip": False, "border_mode": (0, 1)}
    forward = (T.nnet.conv2d(image, w, subsample=(2, 3), **options) * x).sum()
    outputs = [abstract.conv2d_transpose(x, w, wide, input_dilation=(2, 3), **options), T.grad(forward, image)]
    solid, block, g = (
        RNG.normal(size=(1, 4, 4, 5, 3)),
        RNG.normal(size=(6, 2, 2, 3, 1)),
        RNG.normal(size=(1, 6, 3, 2, 3)),
    )
    y, v, top = of_shape(*solid.shape), of_shape(*block.shape), of_shape(*g.shape)
    options = {"subsample": (1, 2, 1), "num_groups": 2}
    cost = (T.nnet.conv3d(y, v, **options) * top).sum()
    outputs += [
        abstract.AbstractConv3d_gradInputs(**options)(v, top, solid.shape[2:]), T.grad(cost, y),
        abstract.AbstractConv3d_gradWeights(**options)(y, top, block.shape[2:]), T.grad(cost, v),
    ]  # fmt: skip
    given = {x: small, w: kernel, image: np.zeros(wide), y: solid, v: block, top: g}
    found = values(outputs, given)
    for one, other in zip(found[::2], found[1::2], strict=True):
        np.testing.assert_allclose(one, other)
    stretched = np.zeros((2, 3, 5, 10))
    stretched[:, :, ::2, ::3] = small
    right = [
        [sum(scipy.signal.convolve2d(stretched[n, o], kernel[o, i]) for o in range(3)) for i in range(5)]
        for n in range(2)
    ]
    np.testing.assert_allclose(found[0], np.array(right)[..., 1:-1])


# ---- pooling ---------------------------------------------------------------------------------------------------------


def pooled(x, window, stride, pad, ignore_border, mode):
    """One window after the other, over the last axes."""
    rank = len(window)
    counts = []
    for n, w, s, p in zip(x.shape[-rank:], window, stride, pad, strict=True):
        if ignore_border:
            counts.append((n + 2 * p - w) // s + 1)
        else:  # as Theano's documentation has it
            counts.append((n - 1) // s + 1 if s >= w else max(0, (n - 1 - w + s) // s) + 1)
    out = np.zeros((*x.shape[:-rank], *counts))
    for place in np.ndindex(*counts):
        ends = [(k * s - p, k * s - p + w) for k, w, s, p in zip(place, window, stride, pad, strict=True)]
        box = [slice(max(0, a), min(b, n)) for (a, b), n in zip(ends, x.shape[-rank:], strict=True)]
        seen = x[..., *box].reshape(*x.shape[:-rank], -1)
        padded = np.prod([min(b, n + p) - a for (a, b), n, p in zip(ends, x.shape[-rank:], pad, strict=True)])
        number = {"average_exc_pad": seen.shape[-1], "average_inc_pad": padded}.get(mode, 1)
        out[..., *place] = seen.max(-1) if mode == "max" else seen.sum(-1) / number
    return out


@pytest.mark.parametrize("mode", ["max", "sum", "average_inc_pad", "average_exc_pad"])
def test_pooling_over_two_and_three_axes(mode):
    solid = RNG.integers(-3, 4, (2, 3, 4, 7, 5)) * 1.0
    x = of_shape(*solid.shape)
    tried = [
        (pool.pool_2d, (2, 3), (2, 3), (0, 0), True),
        (pool.pool_2d, (2, 3), (3, 1), (1, 2), True),
        (pool.pool_2d, (2, 2), (3, 5), (0, 0), False),
        (pool.pool_3d, (2, 3, 2), (2, 3, 2), (0, 0, 0), True),
        (pool.pool_3d, (2, 3, 3), (1, 2, 1), (1, 0, 2), True),
        (pool.pool_3d, (2, 3, 2), (2, 3, 2), (0, 0, 0), False),
        (pool.pool_3d, (3, 2, 3), (1, 3, 2), (0, 0, 0), False),
    ]
    outputs = [f(x, window, ignore, stride, pad, mode) for f, window, stride, pad, ignore in tried]
    for (_, *options), found in zip(tried, values(outputs, {x: solid}), strict=True):
        np.testing.assert_allclose(found, pooled(solid, *options, mode), atol=1e-12, err_msg=str(options))


def test_pooling_by_its_old_names_and_of_any_rank():
    image = RNG.normal(size=(3, 6, 7))
    x, whole = of_shape(3, 6, 7), of_shape(6, 7)
    i = T.ltensor3("i")
    numbers = RNG.integers(-9, 9, (3, 6, 7))
    outputs = [
        downsample.max_pool_2d(x, (2, 3)),
        downsample.max_pool_2d(x, ds=(2, 3), ignore_border=True, st=(1, 2), padding=(1, 2)),
        pool.pool_2d(x, ds=3, st=(2, 1), ignore_border=True, padding=(1, 0), mode="sum"),
        pool.pool_2d(x, [2, 2], stride=2, ignore_border=True),
        pool.pool_2d(whole, np.array([2, 2]), True),
        pool.pool_3d(x, 2, True, mode="average_exc_pad"),
        pool.pool_2d(i, (2, 2), False),
        pool.pool_2d(i, (2, 2), True, mode="average_exc_pad"),
        pool.pool_2d(x, T.constant([2, 3]), True),
    ]
    right = [
        pooled(image, (2, 3), (2, 3), (0, 0), False, "max"),
        pooled(image, (2, 3), (1, 2), (1, 2), True, "max"),
        pooled(image, (3, 3), (2, 1), (1, 0), True, "sum"),
        pooled(image, (2, 2), (2, 2), (0, 0), True, "max"),
        pooled(image[0], (2, 2), (2, 2), (0, 0), True, "max"),
        pooled(image, (2, 2, 2), (2, 2, 2), (0, 0, 0), True, "average_exc_pad"),
        pooled(numbers, (2, 2), (2, 2), (0, 0), False, "max"),
        pooled(numbers, (2, 2), (2, 2), (0, 0), True, "average_exc_pad"),
        pooled(image, (2, 3), (2, 3), (0, 0), True, "max"),
    ]
    for found, wanted in zip(values(outputs, {x: image, whole: image[0], i: numbers}), right, strict=True):
        np.testing.assert_allclose(found, wanted)
    assert (outputs[6].dtype, outputs[7].dtype) == ("int64", "float64")
    slopes = [T.grad((pool.pool_2d(x, (3, 2), True, 2, pad) ** 2).sum(), x) for pad in (1, (1, 1))]
    np.testing.assert_array_equal(*values(slopes, {x: image}))


def test_all_but_the_largest_of_each_patch():
    image = RNG.permutation(30).reshape(1, 1, 5, 6) - 14.5
    x = of_shape(1, 1, 5, 6)
    (found,) = values([pool.max_pool_2d_same_size(x, (2, 3))], {x: image})
    largest = pooled(image, (2, 3), (2, 3), (0, 0), True, "max")[0, 0].repeat(2, 0).repeat(3, 1)
    right = np.where(image[0, 0, :4] == largest, image[0, 0, :4], 0)
    np.testing.assert_array_equal(found[0, 0], np.r_[right, np.zeros((1, 6))])


@pytest.mark.parametrize("mode", ["max", "sum", "average_inc_pad", "average_exc_pad"])
def test_windows_whose_sizes_are_computed(mode):
    x, window, stride = T.tensor4("x"), T.lvector("window"), T.lvector("stride")
    image = RNG.normal(size=(2, 3, 7, 6))
    outputs = [
        pool.pool_2d(x, (window[0], 3), True, stride, mode=mode),
        pool.pool_2d(x, (2, 3), True, (stride[1], 1), mode=mode),
        pool.pool_2d(x, window, True, mode=mode),
        pool.pool_2d(x, window[0], True, stride[0], mode=mode),
    ]
    found = values(outputs, {x: image, window: [3, 2], stride: [1, 2]})
    for value, (w, s) in zip(
        found, [((3, 3), (1, 2)), ((2, 3), (2, 1)), ((3, 2), (3, 2)), ((3, 3), (1, 1))], strict=True
    ):
        np.testing.assert_allclose(value, pooled(image, w, s, (0, 0), True, mode))


def test_pooling_that_is_not_there():
    x, n = T.tensor4("x"), T.iscalar("n")
    with pytest.raises(NotImplementedError, match="Pooling over 3 axes needs as many, and the input has 2"):
        pool.pool_3d(T.matrix(), (2, 2, 2), True)
    for options in ({"ignore_border": False}, {"ignore_border": True, "pad": (0, 1)}):
        with pytest.raises(NotImplementedError, match="go with ignore_border=True and without padding"):
            pool.pool_2d(x, (n, 2), **options)
    for window in ((n, 2), (2, 2)):
        with pytest.raises(ValueError, match="not 'least'"):
            pool.pool_2d(x, window, True, mode="least")
    with pytest.warns(UserWarning, match="taken to be False") as caught:
        pool.pool_2d(x, (2, 2))
    assert caught[0].filename == __file__


# ---- patches ---------------------------------------------------------------------------------------------------------


def test_patches_and_images_of_them():
    image = RNG.normal(size=(2, 3, 4, 6))
    x = of_shape(2, 3, 4, 6)
    wide = [np.pad(plane, [(1, 1), (2, 2)]) for plane in image.reshape(6, 4, 6)]
    patches = [
        [plane[i : i + h, j : j + w].ravel() for plane in planes for i in rows for j in columns]
        for planes, h, w, rows, columns in (
            (image.reshape(6, 4, 6), 2, 3, (0, 2), (0, 3)),
            (wide, 3, 5, (0, 2), (0, 3)),
            (image.reshape(6, 4, 6), 3, 4, (0,), (0,)),
        )
    ]
    outputs = [
        neighbours.images2neibs(x, (2, 3)),
        neighbours.images2neibs(x, (3, 5), (2, 3), mode="half"),
        neighbours.images2neibs(x, T.constant([3, 4]), mode="ignore_borders"),
        neighbours.neibs2images(np.array(patches[0]), (2, 3), image.shape),
    ]
    for found, right in zip(values(outputs, {x: image}), [*patches, image], strict=True):
        np.testing.assert_array_equal(found, right)
    with pytest.raises(NotImplementedError, match="mode 'wrap_centered' is not supported"):
        neighbours.images2neibs(x, (3, 3), mode="wrap_centered")


# ---- mistakes --------------------------------------------------------------------------------------------------------


def test_ranks_that_costs_do_not_take():
    with pytest.raises(ValueError, match="x must be a vector or a matrix, and has 3 axes"):
        T.nnet.softmax(T.tensor3())
    with pytest.raises(ValueError, match="x must be a vector or a matrix, and has 0 axes"):
        T.nnet.logsoftmax(T.scalar())
    with pytest.raises(TypeError, match="The true distribution has 1 axes, and the coding one 3"):
        T.nnet.categorical_crossentropy(T.tensor3(), T.lvector())
