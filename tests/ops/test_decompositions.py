"""Inverses, solutions and decompositions against NumPy, and their derivatives against differences."""

import numpy as np
import pytest

import weft as wf

RNG = np.random.default_rng(11)


def matrices(*shape):
    return RNG.normal(size=shape)


def positive(*lead, n=4):
    a = matrices(*lead, n, n)
    return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)


def lower(a):
    return np.tril(a) + np.swapaxes(np.tril(a, -1), -1, -2)


ONE = {
    "inv": (wf.inv, np.linalg.inv, positive),
    "cholesky": (wf.cholesky, np.linalg.cholesky, positive),
    "det": (wf.det, np.linalg.det, lambda *lead, n=4: matrices(*lead, n, n)),
    "logdet": (lambda a: wf.slogdet(a)[1], lambda a: np.linalg.slogdet(a)[1], lambda *lead, n=4: matrices(*lead, n, n)),
    "sign": (lambda a: wf.slogdet(a)[0], lambda a: np.linalg.slogdet(a)[0], lambda *lead, n=4: matrices(*lead, n, n)),
    "eigenvalues": (lambda a: wf.eigh(a)[0], lambda a: np.linalg.eigh(a)[0], positive),
    "singular values": (
        lambda a: wf.svd(a)[1],
        lambda a: np.linalg.svd(a, compute_uv=False),
        lambda *lead, n=4: matrices(*lead, n, n + 1),
    ),
}


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_values(name, kind):
    function, reference, make = ONE[name]
    for value in (make(), make(3), make(2, 1), make(0), make(n=1), make(2, n=7)):
        a = wf.tensor("a", value.shape, kind)
        found = wf.function([a], function(a))(value.astype(kind))
        assert found.dtype == kind
        np.testing.assert_allclose(found, reference(value), rtol=2e-3 if kind == "float32" else 1e-9, atol=1e-4)
        np.testing.assert_allclose(found, wf.evaluate(function(a), {a: value}), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", [n for n in ONE if n != "sign"])
def test_derivatives(name):
    function, _, make = ONE[name]
    value = make(2, n=3)
    a = wf.tensor("a", value.shape, "float64")
    wf.check_grad(function(a), a, {a: value}, order=2, rtol=1e-4)


def test_solutions():
    for shape_a, shape_b in (((4, 4), (4,)), ((4, 4), (4, 3)), ((2, 4, 4), (2, 4, 3)), ((3, 1, 2, 2), (3, 1, 2, 1))):
        value, right = matrices(*shape_a) + 4 * np.eye(shape_a[-1]), matrices(*shape_b)
        a, b = wf.tensor("a", shape_a, "float64"), wf.tensor("b", shape_b, "float64")
        x = wf.solve(a, b)
        np.testing.assert_allclose(wf.function([a, b], x)(value, right), np.linalg.solve(value, right), rtol=1e-9)
        wf.check_grad(x, [a, b], {a: value, b: right}, order=2, rtol=1e-4)
        for below in (True, False):
            y = wf.solve_triangular(a, b, lower=below)
            part = np.tril(value) if below else np.triu(value)
            found = wf.function([a, b], y)(value, right)
            np.testing.assert_allclose(found, np.linalg.solve(part, right), rtol=1e-8)
            wf.check_grad(y, [a, b], {a: value, b: right}, order=2, rtol=1e-4)


def test_vectors():
    value = positive(2)
    a = wf.tensor("a", value.shape, "float64")
    values, vectors = wf.function([a], list(wf.eigh(a)))(value)
    np.testing.assert_allclose(vectors * values[:, None] @ np.swapaxes(vectors, 1, 2), value, rtol=1e-9)
    weights = wf.constant(matrices(4, 4))
    w, v = wf.eigh(a)  # the sign of a vector is free: products of two are not
    wf.check_grad(wf.sum((v * v) * weights) + wf.sum(wf.exp(-w)), a, {a: value}, order=2, rtol=1e-4)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (1, 3)])
def test_singular_vectors_and_qr(shape):
    value = matrices(2, *shape)
    a = wf.tensor("a", value.shape, "float64")
    u, s, vt = wf.svd(a)
    found = wf.function([a], wf.einsum("bik,bk,bkj->bij", u, s, vt))(value)
    np.testing.assert_allclose(found, value, rtol=1e-9)
    left, right = wf.constant(matrices(*shape[:1], min(shape))), wf.constant(matrices(min(shape), shape[1]))
    wf.check_grad(wf.sum(u * u * left) + wf.sum(vt * vt * right), a, {a: value}, order=1, rtol=1e-4)
    q, r = wf.qr(a)
    np.testing.assert_allclose(wf.function([a], q @ r)(value), value, rtol=1e-9)
    np.testing.assert_allclose(wf.function([a], r)(value), np.triu(np.linalg.qr(value)[1]), rtol=1e-9, atol=1e-12)
    if shape[0] >= shape[1]:
        wf.check_grad(wf.sum(q * left[:, : shape[1]]) + wf.sum(r * r), a, {a: value}, order=2, rtol=1e-3)


def test_triangles():
    value = matrices(2, 3, 4)
    x = wf.tensor("x", value.shape, "float64")
    for k in (-2, -1, 0, 1, 5):
        np.testing.assert_array_equal(wf.function([x], wf.tril(x, k))(value), np.tril(value, k))
        np.testing.assert_array_equal(wf.function([x], wf.triu(x, k))(value), np.triu(value, k))


def test_only_the_lower_triangle_is_read():
    value = positive()
    spoilt = np.tril(value) + np.triu(matrices(4, 4), 1)
    a = wf.tensor("a", (4, 4), "float64")
    np.testing.assert_allclose(wf.function([a], wf.cholesky(a))(spoilt), np.linalg.cholesky(value), rtol=1e-9)
    np.testing.assert_allclose(wf.function([a], wf.eigh(a)[0])(spoilt), np.linalg.eigvalsh(value), rtol=1e-9)


def test_nan_is_data():
    value = positive(3)
    value[1, 2, 2] = np.nan
    a = wf.tensor("a", value.shape, "float64")
    found = wf.function([a], [wf.inv(a), wf.cholesky(a), wf.eigh(a)[0], wf.svd(a)[1], wf.slogdet(a)[1]])(value)
    for each in found:
        assert np.isnan(each[1]).all()
        assert np.isfinite(each[[0, 2]]).all()


def test_what_has_no_inverse():
    a = wf.matrix("a", (2, 2), dtype="float64")
    for y, value in ((wf.inv(a), np.ones((2, 2))), (wf.solve(a, a), np.zeros((2, 2))), (wf.cholesky(a), -np.eye(2))):
        with pytest.raises(wf.LinAlgError, match=r"Singular|definite") as caught:
            wf.function([a], y)(value)
        assert "test_decompositions.py" in "".join(caught.value.__notes__)
        assert isinstance(caught.value, np.linalg.LinAlgError)
    sign, log = wf.function([a], list(wf.slogdet(a)))(np.ones((2, 2)))
    assert (sign, log) == (0, -np.inf)


@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 3)])
def test_sizes_that_only_a_call_knows(shape):
    a = wf.matrix("a", dtype="float64")
    u, s, vt = wf.svd(a)
    q, r = wf.qr(a)
    f = wf.function([a], [u * s @ vt, q @ r, s, wf.grad(s.sum(), a)])
    value = np.random.default_rng(0).normal(size=shape)
    again, product, sigma, gradient = f(value)
    np.testing.assert_allclose(again, value, atol=1e-12)
    np.testing.assert_allclose(product, value, atol=1e-12)
    left, right, v = np.linalg.svd(value, full_matrices=False)
    np.testing.assert_allclose(sigma, right, atol=1e-12)
    np.testing.assert_allclose(gradient, left @ v, atol=1e-12)


def test_what_is_refused():
    with pytest.raises(wf.ShapeError, match="not square"):
        wf.inv(wf.matrix("a", (2, 3)))
    with pytest.raises(wf.ShapeError, match="a matrix has two axes"):
        wf.svd(wf.vector("a", (2,)))
    with pytest.raises(wf.ShapeError, match="do not fit"):
        wf.solve(wf.matrix("a", (2, 2)), wf.matrix("b", (3, 2)))
