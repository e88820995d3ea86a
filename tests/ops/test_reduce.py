"""Reductions: of nothing, of too few, of products through zero, in the dtype that is asked for."""

import itertools
import math
import warnings

import numpy as np
import pytest

import weft as wf
from weft.ops.reduce import Reduce
from weft.symbolic.expr import apply

from ..numeric import check_gradients


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "int32"])
def test_variance_of_too_few_is_numpys(kind):
    options = [(n, a, d) for n, a, d in itertools.product(("var", "std"), (1, None), (0, 1, 2, 3, 0.5))]
    x = wf.tensor("x", (2, "n"), kind)
    f = wf.function([x], [getattr(wf, name)(x, axis, ddof=ddof) for name, axis, ddof in options])
    for n in (0, 1, 2, 3):
        data = np.arange(2 * n).reshape(2, n).astype(kind)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            right = [getattr(np, name)(data, axis=axis, ddof=ddof) for name, axis, ddof in options]
        known = wf.tensor("x", data.shape, kind)
        of_known = [getattr(wf, name)(known, axis, ddof=ddof) for name, axis, ddof in options]
        for found in (f(data), wf.evaluate(of_known, {known: data})):
            for a, b, option in zip(found, right, options, strict=True):
                np.testing.assert_allclose(a, b, rtol=2e-3 if kind == "float16" else 1e-6, err_msg=f"{n}, {option}")


AXES = (0, 1, (0, 1))


def exponentials(x):
    """logsumexp and its kind along all axes; also of what is transposed, and the gradient."""
    return [
        f(x, axis)
        for axis in AXES
        for f in (
            wf.logsumexp,
            wf.softmax,
            wf.log_softmax,
            lambda x, axis: wf.logsumexp(wf.transpose(x), axis),
            lambda x, axis: wf.grad(wf.logsumexp(x, axis).sum(), x),
        )
    ]


@pytest.mark.parametrize("optimize", [0, 2])
def test_exponentials_of_nothing(optimize):
    x = wf.tensor("x", ("b", "n"), "float64")
    f = wf.function([x], exponentials(x), optimize=optimize)
    for shape in ((2, 0), (0, 3), (0, 0), (2, 3)):
        data, right = np.linspace(-1, 1, math.prod(shape)).reshape(shape), []
        for axis in AXES:
            with np.errstate(divide="ignore"):
                total = np.log(np.exp(data).sum(axis, keepdims=True))
                turned = np.log(np.exp(data.T).sum(axis))
            right += [total.squeeze(axis), np.exp(data - total), data - total, turned, np.exp(data - total)]
        known = wf.tensor("x", shape, "float64")
        for found in (f(data), wf.evaluate(exponentials(known), {known: data})):
            for a, b in zip(found, right, strict=True):
                np.testing.assert_allclose(a, b, atol=1e-14)


@pytest.mark.parametrize("reduce", [wf.max, wf.min, wf.argmax, wf.argmin])
def test_nothing_has_no_largest(reduce):
    with pytest.raises(wf.ShapeError, match="axis 1 is empty, and nothing has no"):
        reduce(wf.tensor("x", (2, 0)), 1)
    x, s = wf.tensor("x", ("b", "n")), wf.tensor("s", ("b", 1))
    inside = wf.scan(lambda c, row: (c, reduce(row, 0)), wf.zeros(()), x)[1]
    wide = reduce(wf.broadcast_to(s, x.shape), 1)
    for y in (reduce(x, 1), reduce(wf.transpose(x), 0), reduce(-x, 1), inside, wide):
        f = wf.function([x, s], y, on_unused_input="ignore")
        assert f(np.ones((2, 3), "float32"), np.ones((2, 1), "float32")).shape == (2,)
        with pytest.raises(wf.ShapeError, match="empty") as caught:
            f(np.ones((2, 0), "float32"), np.ones((2, 1), "float32"))
        assert "test_reduce.py" in "".join(caught.value.__notes__)
        with pytest.raises(wf.ShapeError, match="empty"):
            wf.evaluate(y, {x: np.ones((2, 0)), s: np.ones((2, 1))})


KINDS = ["bool", "int8", "uint8", "uint16", "int32", "int64", "uint64", "float16", "float32", "float64"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_reduction_of_every_dtype(kind):
    """NumPy's dtypes, but that means of integers of up to 16 bits are float32; large values do not wrap around."""
    small = kind in KINDS[:4]
    data = np.array([[1, 0, 1], [1, 1, 0]] if kind == "bool" else [[9, 120, 0], [7, 127, 127]]).astype(kind)
    x = wf.tensor("x", (2, 3), kind)
    names = ("sum", "prod", "max", "min", "any", "all", "mean", "var", "std", "cumsum", "cumprod", "sort", "diff")
    for name in names:
        for options in ({}, {"axis": 0}, {"axis": -1}):
            with np.errstate(all="ignore"):
                wide = data.astype("float64") if name in ("mean", "var", "std") else data
                right = np.asarray(getattr(np, name)(wide, **options))
                like = np.asarray(getattr(np, name)(data, **options)).dtype
            y = getattr(wf, name)(x, **options)
            assert y.dtype == (np.float32 if small and name in ("mean", "var", "std") else like), name
            found = wf.evaluate(y, {x: data})
            assert found.dtype == y.dtype
            np.testing.assert_allclose(found, right.astype(y.dtype), rtol=2e-3 if kind == "float16" else 1e-6)
    float_kind = wf.exp(x).dtype
    assert {f(x).dtype for f in (wf.softmax, wf.log_softmax, wf.logsumexp, wf.mean, wf.var, wf.std)} == {float_kind}
    wanted = np.log(np.exp(data.astype("float64")).sum(1))
    np.testing.assert_allclose(
        wf.evaluate(wf.logsumexp(x, 1), {x: data}), wanted, rtol=2e-3 if kind == "float16" else 1e-6
    )
    if kind[0] != "b":  # the largest and the smallest numbers that there are
        info = np.iinfo(kind) if kind[0] in "iu" else np.finfo(kind)
        ends = np.array([[info.min, info.max, 0]] * 2, kind)
        found = wf.evaluate([wf.max(x, 1), wf.min(x, 1), wf.argmax(x, 1), wf.argmin(x), wf.sort(x)], {x: ends})
        for one, other in zip(found, [[info.max] * 2, [info.min] * 2, [1, 1], 0, np.sort(ends)], strict=True):
            np.testing.assert_array_equal(one, np.array(other, one.dtype))


def test_the_references_keep_their_digits():
    """NumPy's sums along other axes than the last do not, nor do its products of float32."""
    x = wf.tensor("x", ("n", 2), "float32")
    for name, value in (("sum", np.full((300_000, 2), 0.1)), ("prod", np.full((300_000, 2), 1 + 2e-6)), ("mean", 0.1)):
        data = np.broadcast_to(value, (300_000, 2)).astype("float32")
        exact = getattr(np, name)(data.astype("float64"), axis=0)
        found = wf.evaluate(getattr(wf, name)(x, 0), {x: data})
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, exact, rtol=1e-7)


def test_the_largest_of_nothing_is_the_smallest_that_there_is():
    """As a part of others, that is: users get an error."""
    ends = {"bool": (False, True), "float32": (-np.inf, np.inf), "float64": (-np.inf, np.inf)}
    ends |= {k: (np.iinfo(k).min, np.iinfo(k).max) for k in ("int8", "uint8", "int64", "uint64")}
    inputs = [wf.tensor(None, (2, 0), kind) for kind in ends]
    outputs = [apply(Reduce(which, (1,)), x) for x in inputs for which in ("max", "min")]
    values = [np.zeros((2, 0), kind) for kind in ends]
    found = wf.evaluate(outputs, dict(zip(inputs, values, strict=True)))
    for one, (kind, end) in zip(found, [(k, e) for k, both in ends.items() for e in both], strict=True):
        assert one.dtype == kind
        np.testing.assert_array_equal(one, np.array([end, end], kind))


def products_of_others(x, order):
    """The derivatives of this order of the product of a vector, by their definition."""
    found = np.zeros((len(x),) * order)
    for places in itertools.permutations(range(len(x)), order):
        found[places] = math.prod(v for i, v in enumerate(x) if i not in places)
    return found


def test_derivatives_of_products_through_zero():
    x = wf.vector("x", (4,), dtype="float64")
    derivatives = [wf.grad(wf.prod(x), x), wf.hessian(wf.prod(x), x)]
    derivatives.append(wf.jacobian(derivatives[1], x))
    f = wf.function([x], derivatives)
    for zeros in range(5):
        value = np.array([0.0] * zeros + [2.0, 3.0, -1.5, 4.0][zeros:])
        for order, found in enumerate(f(value), 1):
            np.testing.assert_allclose(found, products_of_others(value, order), rtol=1e-12)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2)])
@pytest.mark.parametrize("function", [wf.prod, wf.cumprod])
def test_second_derivatives_along_axes_through_zero(function, axis):
    value = np.random.default_rng(0).normal(size=(2, 4, 3))
    value[0, 1] = value[1, 2, 1] = value[1, 3, 1] = 0
    if function is wf.cumprod and isinstance(axis, tuple):
        axis = -1
    check_gradients(lambda x: wf.sin(function(x, axis)), [value], symbolic=True)


@pytest.mark.parametrize("kind", ["uint8", "int8", "int32", "float16", "float32", "bool"])
@pytest.mark.parametrize("name", ["sum", "prod"])
def test_the_dtype_that_is_asked_for(name, kind):
    data = np.array([[1, 2, 3], [100, 5, 7]], "uint8")
    x = wf.tensor("x", (2, "n"), "uint8")
    axes = (None, 0, (), (0, 1))
    found = wf.function([x], [getattr(wf, name)(x, axis, dtype=kind) for axis in axes])(data)
    for axis, got in zip(axes, found, strict=True):
        right = getattr(np, name)(data, axis=axis, dtype=kind)
        assert got.dtype == right.dtype
        np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize("kept", [False, True])
def test_every_reduction_along_every_axis(kept):
    data = np.random.default_rng(0).normal(size=(2, 1, 4))
    x = wf.tensor("x", data.shape, "float64")
    names = ("sum", "prod", "max", "min", "any", "all", "mean", "var", "std", "argmax", "argmin")
    for name, axis in itertools.product(names, (None, 0, 1, -1, (), (0, -1), (-1, 1), (2, 0, 1))):
        if isinstance(axis, tuple) and name.startswith("arg"):
            continue
        found = wf.evaluate(getattr(wf, name)(x, axis, keepdims=kept), {x: data})
        right = getattr(np, name)(data, axis=axis, keepdims=kept)
        assert found.shape == right.shape, (name, axis)
        np.testing.assert_allclose(found, right, rtol=1e-12, err_msg=f"{name} {axis}")
    for axis in (None, 0, -1, (), (0, -1), (-1, 1)):
        total = np.log(np.exp(data).sum(axis, keepdims=True))
        logs = [wf.logsumexp(x, axis, kept), wf.softmax(x, axis), wf.log_softmax(x, axis)]
        right = [total if kept or axis == () else total.squeeze(axis), np.exp(data - total), data - total]
        for one, other in zip(wf.evaluate(logs, {x: data}), right, strict=True):
            assert one.shape == other.shape, axis
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-15, err_msg=f"{axis}")


@pytest.mark.parametrize("kind", ["float32", "float64", "int64"])
@pytest.mark.parametrize("which", ["argmax", "argmin"])
def test_the_first_of_several_extremes_however_far_apart(which, kind):
    # rows are searched block by block, and columns element by element
    x = wf.matrix("x", dtype=kind)
    f = wf.function([x], [getattr(wf, which)(x, 1), getattr(wf, which)(x.T, 0)])
    extremes = {"float32": [np.nan, np.inf, -np.inf], "float64": [np.nan, np.inf, -np.inf], "int64": [-(2**63), 9]}
    for extreme in extremes[kind]:
        for places in ([3, 4], [3, 4000], [1500, 1501, 5999], [5000, 5999]):
            v = np.random.default_rng(0).integers(-5, 5, (2, 6000)).astype(kind)
            v[:, places] = extreme
            for found in f(v):
                np.testing.assert_array_equal(found, getattr(np, which)(v, 1))
