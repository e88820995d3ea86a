"""Third derivatives: what is linear, or has a derivative that is another op, shows its last rule only there."""

import numpy as np
import pytest

import weft as wf

from ..numeric import check_gradients

ONE = np.eye(3)
THIRD = {
    "the largest of windows": (lambda x: wf.max_pool2d(x, 2, (1, 2), 1) ** 3, [(1, 2, 3, 5)]),
    "means of windows": (lambda x: wf.avg_pool2d(x, (2, 3), (2, 1), (1, 0), True) ** 3, [(1, 2, 3, 5)]),
    "convolution": (lambda x, w: wf.conv1d(x, w, stride=2, padding=1) ** 2, [(2, 2, 5), (3, 2, 2)]),
    "groups": (lambda x, w: wf.conv1d(x, w, dilation=2, groups=2, flip=True) ** 2, [(2, 4, 6), (2, 2, 2)]),
    "spread": (lambda x, w: wf.conv1d_transpose(x, w, stride=2, padding=1) ** 2, [(2, 2, 3), (2, 3, 2)]),
    "slices": (lambda x: x[1::2, ::-1] ** 3, [(5, 3)]),
    "rows": (lambda x: x[:, [0, 2, 0]] ** 3, [(4, 3)]),
    "elements of rows": (lambda x: wf.take_along_axis(x, [[2, 0, 2]], 0) ** 3, [(4, 3)]),
    "adding": (lambda x, v: wf.index_add(x, [0, 2, 0], v) ** 3, [(4, 3), (3, 3)]),
    "writing": (lambda x, v: wf.index_set(x, [0, 2, 0], v) ** 3, [(4, 3), (3, 3)]),
    "running sums": (lambda x: wf.cumsum(x, 0) ** 3, [(4, 3)]),
    "running products": (lambda x: wf.cumprod(x, 0) ** 2, [(4, 3)]),
    "products": (lambda x: wf.prod(x, 0) ** 2, [(4, 3)]),
    "the largest": (lambda x: wf.max(x, 0) ** 3, [(4, 3)]),
    "order": (lambda x: wf.sort(x, 0) ** 3 * wf.topk(x, 2, 0)[0][0], [(4, 3)]),
    "padding": (lambda x, v: wf.pad(x, ((1, 0), (0, 2)), v) ** 3, [(2, 3), ()]),
    "joining": (lambda x, y: wf.concatenate([x, y, x], 1) ** 3, [(3, 3), (3, 2)]),
    "stretching": (lambda x, y: (wf.broadcast_to(x, (2, 3, 4)) * y) ** 2, [(3, 1), (2, 1, 4)]),
    "matrices": (lambda x, y: (x @ y) ** 3, [(2, 3), (3, 2)]),
    "batches": (lambda x, y: (x @ y) ** 3, [(2, 1, 2, 3), (3, 3, 2)]),
    "inverse": (lambda x: wf.inv(x + 4 * ONE), [(3, 3)]),
    "determinant": (lambda x: wf.det(x) ** 2, [(3, 3)]),
    "logarithm of a determinant": (lambda x: wf.slogdet(x - 2 * ONE)[1], [(3, 3)]),
    "root of a matrix": (lambda x: wf.cholesky(x @ x.T + ONE), [(3, 3)]),
    "solution": (lambda x, y: wf.solve(x + 3 * ONE, y), [(3, 3), (3, 2)]),
    "triangle": (lambda x, y: wf.solve_triangular(x + 3 * ONE, y, lower=True), [(3, 3), (3, 2)]),
    "exponentials": (lambda x: wf.logsumexp(x, 1) * wf.softmax(x, 0)[0], [(3, 3)]),
    "classes": (lambda x: wf.crossentropy(x, [2, 0, 1]) * wf.pick(x, [0, 1, 0]), [(3, 3)]),
    "one of two classes": (lambda x, y: wf.binary_crossentropy(x, y * y), [(3, 3), (3,)]),
    "normalisation": (lambda x, s: wf.batch_norm(x, s, s * s)[0] ** 2, [(4, 3), (3,)]),
    "normalisation of rows": (lambda x, s: wf.layer_norm(x, s, s * s) ** 2, [(4, 3), (3,)]),
    "loop": (lambda x: wf.scan(lambda c, v: (c * v + v, c), 1.0, x)[1] ** 2, [(4,)]),
    "branch": (lambda x: wf.cond(wf.sum(x) < 99, lambda: x * x * x, lambda: x) ** 2, [(4,)]),
}


@pytest.mark.parametrize("name", THIRD)
def test_to_the_third_order(name):
    rng, (function, shapes) = np.random.default_rng(len(name)), THIRD[name]
    check_gradients(function, [rng.uniform(-1, 1, shape) for shape in shapes], order=3, tolerance=1e-5)


def test_what_has_no_derivative_gives_zeros():
    x = wf.tensor("x", (3, 3), "float64")
    given = {x: np.array([[2.0, 1, 0], [0, -3, 1], [1, 0, 2]])}
    sign, logarithm = wf.slogdet(x)
    several = [sign, wf.sign(x).sum(), wf.elementwise(positive)(x).astype("float64").sum()]
    several += [wf.argsort(x, 0).astype("float64").sum(), wf.argmax(x, 0).astype("float64").sum()]
    for y in several:
        np.testing.assert_array_equal(wf.evaluate(wf.grad(y, x, disconnected="zero"), given), np.zeros((3, 3)))
    both = wf.evaluate(wf.grad(sign * logarithm, x), given)
    np.testing.assert_allclose(both, -np.linalg.inv(given[x]).T)


def positive(x):
    return x > 0
