"""Inverses, solutions and decompositions against NumPy, and their derivatives against differences."""

import numpy as np
import pytest

import weft as wf

from ..sampling import rarely

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


@pytest.mark.parametrize(
    ("shape_a", "shape_b"),
    [
        ((4, 4), (4,)),
        ((2, 3, 3), (2, 3, 2)),
        rarely((4, 4), (4, 3)),
        rarely((3, 1, 2, 2), (3, 1, 2, 1)),
    ],
)
def test_solutions(shape_a, shape_b):
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


@pytest.mark.parametrize(("shape_a", "shape_b"), [((3, 3), (2, 3, 2)), ((2, 1, 3, 3), (3, 2)), ((2, 3, 3), (3, 1))])
def test_one_matrix_and_many_right_sides(shape_a, shape_b):
    value, right = matrices(*shape_a) + 4 * np.eye(3), matrices(*shape_b)
    a, b = wf.tensor("a", shape_a, "float64"), wf.tensor("b", shape_b, "float64")
    for x, part in (
        (wf.solve(a, b), lambda m: m),
        (wf.solve_triangular(a, b), np.triu),
        (wf.solve_triangular(a, b, lower=True), np.tril),
    ):
        g = matrices(*x.shape)
        found = wf.evaluate([x, *wf.grad((x * g).sum(), [a, b])], {a: value, b: right})
        solution = np.linalg.inv(part(value)) @ right
        back = np.swapaxes(np.linalg.inv(part(value)), -1, -2) @ g
        lead = tuple(range(solution.ndim - 2))
        for one, other in zip(found, (solution, -part(back @ np.swapaxes(solution, -1, -2)), back), strict=True):
            extra = tuple(i for i in lead if i < other.ndim - one.ndim)  # the axes that were repeated
            np.testing.assert_allclose(one, other.sum(extra), rtol=1e-9, atol=1e-12)


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
    weights = wf.constant(matrices(*r.shape[1:]))
    wf.check_grad(wf.sum(q * left) + wf.sum(r * r * weights), a, {a: value}, order=2, rtol=1e-3)


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


def test_sizes_that_only_a_call_knows():
    a = wf.matrix("a", dtype="float64")
    u, s, vt = wf.svd(a)
    q, r = wf.qr(a)
    f = wf.function([a], [u * s @ vt, q @ r, s, wf.grad(s.sum(), a), wf.grad((q @ r).sum(), a)])
    for shape in ((4, 3), (3, 3), (2, 3)):
        value = np.random.default_rng(0).normal(size=shape)
        again, product, sigma, gradient, ones = f(value)
        np.testing.assert_allclose(ones, np.ones(shape), atol=1e-12)
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


ROTATION = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0]
COTANGENT = np.random.default_rng(3).normal(size=(5, 5))


@pytest.mark.parametrize("value", [np.eye(5), ROTATION, ROTATION * 1e8, np.diag([3.0, 2, 2, 1, 0.5])], ids=str)
def test_vectors_of_equal_values_have_no_wrong_derivative(value):
    a = wf.tensor("a", (5, 5), "float64")
    u, s, vt = wf.svd(a)
    inverse = wf.function([a], wf.vjp(vt.T @ (u / s).T, a, COTANGENT))(value)
    right = -np.linalg.inv(value).T @ COTANGENT @ np.linalg.inv(value).T
    assert np.isnan(inverse).any() or np.allclose(inverse, right, rtol=1e-6)
    symmetric = value @ value.T / np.linalg.norm(value, 2) ** 2
    values, vectors = wf.eigh(a)
    square = wf.function([a], wf.vjp((vectors * values**2) @ vectors.T, a, COTANGENT))(symmetric)
    moved = (square + square.T) / 2  # what moves both triangles alike
    right = (symmetric @ (COTANGENT + COTANGENT.T) + (COTANGENT + COTANGENT.T) @ symmetric) / 2
    assert np.isnan(square).any() or np.allclose(moved, right, rtol=1e-6)


@pytest.mark.parametrize("value", [np.eye(4), np.diag([2.0, 2, 1, 1]), ROTATION[:4]], ids=str)
def test_sums_of_equal_singular_values_have_a_derivative(value):
    a = wf.tensor("a", value.shape, "float64")
    u, _, vt = np.linalg.svd(value, full_matrices=False)
    found = wf.function([a], wf.grad(wf.svd(a)[1].sum(), a))(value)
    np.testing.assert_allclose(found, u @ vt, atol=1e-12)


def test_a_vector_apart_from_equal_ones_has_a_derivative():
    tall = matrices(5, 2)
    value = tall @ tall.T  # the eigenvalue 0 three times
    a, weights = wf.tensor("a", (5, 5), "float64"), wf.constant(matrices(5))
    _, vectors = wf.eigh(a)
    loss = (vectors[:, 4] ** 2 * weights).sum()
    found, change = wf.function([a], wf.grad(loss, a))(value), lower(matrices(5, 5)) * 1e-6
    ends = [wf.evaluate(loss, {a: value + side * change}) for side in (1, -1)]
    assert (np.tril(found) * np.tril(change)).sum() == pytest.approx((ends[0] - ends[1]) / 2, rel=1e-6)


def test_what_a_mask_leaves_out_is_not_nan():
    a = wf.tensor("a", (3, 3), "float64")
    u, _, vt = wf.svd(a)
    values, vectors = wf.eigh(a)
    y = wf.where(a.sum() > 100, (u @ vt + vectors).sum(), values.sum())
    np.testing.assert_allclose(wf.function([a], wf.grad(y, a))(np.eye(3)), np.eye(3), atol=1e-12)


def test_a_square_matrix_of_low_rank_is_put_together_again():
    value = matrices(5, 4) @ matrices(4, 5)
    a = wf.tensor("a", (5, 5), "float64")
    u, s, vt = wf.svd(a)
    found = wf.function([a], wf.vjp((u * s) @ vt, a, COTANGENT))(value)
    np.testing.assert_allclose(found, COTANGENT, atol=1e-9)


def cofactors(value):
    """By minors."""
    n = len(value)
    minors = np.array([[np.delete(np.delete(value, i, 0), j, 1) for j in range(n)] for i in range(n)])
    return np.linalg.det(minors) * (-1.0) ** np.add.outer(np.arange(n), np.arange(n))


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_the_gradient_of_a_determinant_is_its_cofactors(kind):
    n = 4
    values = [matrices(n, rank) @ matrices(rank, n) for rank in range(n + 1)]
    values += [np.eye(n), np.ones((n, n)), np.diag([1e-6, 1.0, 2.0, 3.0]), -ROTATION[:n, :n], np.diag([2.0, 0, 1, 3])]
    a = wf.tensor("a", ("batch", n, n), kind)
    found = wf.function([a], wf.grad(wf.det(a).sum(), a))(np.array(values, kind))
    for got, value in zip(found, values, strict=True):
        scale = max(1.0, np.abs(value).max()) ** (n - 1)
        np.testing.assert_allclose(got, cofactors(value), atol=(1e-4 if kind == "float32" else 1e-12) * scale)


def test_second_derivatives_of_a_determinant_are_right_or_nan():
    a = wf.tensor("a", (3, 3), "float64")
    hessian = wf.function([a], wf.hessian(wf.det(a), a))
    wf.check_grad(wf.det(a), a, {a: np.eye(3)}, order=2, rtol=1e-4)
    for value in (np.ones((3, 3)), matrices(3, 2) @ matrices(2, 3), np.zeros((3, 3))):
        assert np.isnan(hessian(value)).all()
