"""Functions of numbers: derivatives where squares leave the range, at 0, to higher order; arguments and dtypes."""

import mpmath
import numpy as np
import pytest
import scipy.special

import weft as wf

TINY_AND_HUGE = [
    s * v for v in (1e-40, 1e-25, 1e-19, 1e-6, 0.5, 0.9999999, 1.0000002, 3.0, 1e6, 1e19, 3e37) for s in (1, -1)
]
ONE = {
    wf.arcsinh: lambda x: 1 / mpmath.sqrt(x * x + 1),
    wf.arccosh: lambda x: 1 / mpmath.sqrt(x * x - 1) if x > 1 else None,
    wf.arctanh: lambda x: 1 / (1 - x * x) if abs(x) < 1 else None,
    wf.arcsin: lambda x: 1 / mpmath.sqrt(1 - x * x) if abs(x) < 1 else None,
    wf.arccos: lambda x: -1 / mpmath.sqrt(1 - x * x) if abs(x) < 1 else None,
    wf.arctan: lambda x: 1 / (1 + x * x),
    wf.sqrt: lambda x: 1 / (2 * mpmath.sqrt(x)) if x > 0 else None,
    wf.rsqrt: lambda x: -1 / (2 * x * mpmath.sqrt(x)) if x > 0 else None,
    wf.cbrt: lambda x: 1 / (3 * mpmath.cbrt(x * x)),
    wf.log: lambda x: 1 / x if x > 0 else None,
    wf.log1p: lambda x: 1 / (1 + x) if x > -1 else None,
    wf.reciprocal: lambda x: -1 / (x * x),
}
TWO = {
    wf.arctan2: (lambda y, x: x / (x * x + y * y), lambda y, x: -y / (x * x + y * y)),
    wf.hypot: (lambda x, y: x / mpmath.hypot(x, y), lambda x, y: y / mpmath.hypot(x, y)),
    wf.div: (lambda x, y: 1 / y, lambda x, y: -x / (y * y)),
    wf.logaddexp: (lambda x, y: 1 / (1 + mpmath.exp(y - x)), lambda x, y: 1 / (1 + mpmath.exp(x - y))),
}


def disagreeing(found, exact, points):
    """The points where a derivative that fits in float32 is not the exact one."""
    info = np.finfo("float32")
    for got, right, point in zip(found.ravel(), exact, points, strict=True):
        if right is None or abs(right) > info.max / 2:
            continue
        if not abs(mpmath.mpf(float(got)) - right) <= 64 * float(info.eps) * abs(right) + 4 * float(info.tiny):
            yield point, float(got), float(right)


@pytest.mark.parametrize("function", ONE, ids=str)
def test_derivatives_are_within_range(function):
    points = np.array(TINY_AND_HUGE, "float32")
    x = wf.vector("x", ("n",), "float32")
    found = wf.function([x], wf.grad(function(x).sum(), x))(points)
    assert list(disagreeing(found, [ONE[function](mpmath.mpf(float(p))) for p in points], points)) == []


@pytest.mark.parametrize("function", TWO, ids=str)
def test_derivatives_of_two_are_within_range(function):
    points = np.array(TINY_AND_HUGE, "float32")
    x, y = wf.tensor("x", ("n", 1), "float32"), wf.tensor("y", (1, "m"), "float32")
    found = wf.function([x, y], wf.vjp(function(x, y), [x, y], wf.ones((x.shape[0], y.shape[1]))), optimize=2)
    partials = wf.function(
        [x, y], [wf.vjp(function(u, v), w, wf.ones_like(u)) for u, v in [wide(x, y)] for w in (u, v)]
    )
    assert [g.shape for g in found(points[:, None], points[None])] == [(len(points), 1), (1, len(points))]
    pairs = [(mpmath.mpf(float(p)), mpmath.mpf(float(q))) for p in points for q in points]
    for got, partial in zip(partials(points[:, None], points[None]), TWO[function], strict=True):
        assert list(disagreeing(got, [partial(p, q) for p, q in pairs], pairs)) == []


def wide(x, y):
    """Both in the shape that they have together."""
    shape = (x.shape[0], y.shape[1])
    return wf.broadcast_to(x, shape), wf.broadcast_to(y, shape)


@pytest.mark.parametrize("optimize", [0, 2])
def test_powers_at_zero(optimize):
    x, k = wf.scalar("x", dtype="float64"), wf.scalar("k", dtype="float64")
    by_base, by_exponent = wf.grad(x**k, [x, k])
    f = wf.function([x, k], [by_base, by_exponent], optimize=optimize)
    for exponent, slope in ((0.0, 0), (1.0, 1), (2.0, 0), (3.0, 0), (0.5, np.inf)):
        assert f(0.0, exponent) == [slope, 0], exponent
    assert f(np.inf, -2.0) == [0, 0]
    for power, right in ((2, (0, 2, 0, 0)), (3, (0, 0, 6, 0)), (1, (1, 0, 0, 0)), (0, (0, 0, 0, 0))):
        derivative = x**power
        for number, value in enumerate(right, 1):
            derivative = wf.grad(derivative, x, disconnected="zero")
            g = wf.function([x], derivative, optimize=optimize, on_unused_input="ignore")
            assert g(0.0) == value, (power, number)
    derivative = wf.exp(-(x**2))
    for value in (0, -2, 0, 12):
        derivative = wf.grad(derivative, x)
        assert wf.function([x], derivative, optimize=optimize)(0.0) == value


@pytest.mark.parametrize("kind", ["int8", "uint8", "int32", "int64", "uint64"])
def test_whole_numbers_divided_and_raised(kind):
    """By 0: 0.  By -1 the least wraps around.  To a power below 0: 0, but for 1 and -1."""
    info = np.iinfo(kind)
    some = [v for v in (info.min, -7, -1, 0, 1, 2, 5, info.max) if v >= info.min]
    x, y = wf.tensor("x", ("n", 1), kind), wf.tensor("y", (1, "m"), kind)
    outputs = [wf.floor_divide(x, y), wf.mod(x, y), wf.fmod(x, y), x**y]
    wrapped = lambda v: (v - info.min) % 2**info.bits + info.min  # noqa: E731

    def remainder(a, b):
        return 0 if b == 0 else abs(a) % abs(b) * (-1 if a < 0 else 1)

    def power(a, b):
        return pow(a, b, 2**info.bits) if b >= 0 else {1: 1, -1: 1 if b % 2 == 0 else -1}.get(a, 0)

    exact = [
        lambda a, b: wrapped(a // b) if b else 0,
        lambda a, b: a % b if b else 0,
        remainder,
        lambda a, b: wrapped(power(a, b)),
    ]
    right = [np.array([[f(a, b) for b in some] for a in some], kind) for f in exact]
    values = np.array(some, kind)[:, None], np.array(some, kind)[None]
    found = wf.evaluate(outputs, dict(zip((x, y), values, strict=True)))
    for one, other, out in zip(found, right, outputs, strict=True):
        assert one.dtype == kind
        np.testing.assert_array_equal(one, other, err_msg=out.op.name)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_references_that_numpy_lacks(kind):
    points = [
        0.0,
        -0.0,
        1,
        -1,
        0.5,
        -0.5,
        0.1,
        -0.99,
        0.999,
        2,
        -2.5,
        5,
        -9,
        30,
        -30,
        700,
        -800,
        np.inf,
        -np.inf,
        np.nan,
    ]
    x, values = wf.vector("x", ("n",), kind), np.array(points, kind)
    exact = {
        wf.sigmoid: scipy.special.expit,
        wf.erf: scipy.special.erf,
        wf.erfc: scipy.special.erfc,
        wf.erfinv: scipy.special.erfinv,
        wf.rint: np.rint,
        wf.relu: lambda v: np.where(v > 0, v, np.where(np.isnan(v), v, 0)),
    }
    with np.errstate(all="ignore"):
        for function, reference in exact.items():
            found, right = wf.evaluate(function(x), {x: values}), reference(values.astype("float64"))
            assert found.dtype == kind
            tolerance = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-13}[kind]
            np.testing.assert_allclose(
                found, right.astype(kind), rtol=tolerance, atol=tolerance / 9, err_msg=str(function)
            )
            if function in (wf.erf, wf.erfinv, wf.rint):
                np.testing.assert_array_equal(np.signbit(found[:2]), [False, True])
    y = wf.vector("y", ("n",), kind)
    given = {x: np.array([np.inf, np.nan, 0, 3, -np.inf, 2], kind), y: np.array([0, -0.0, np.inf, 2, 1, np.nan], kind)}
    np.testing.assert_array_equal(wf.evaluate(wf.mul_no_nan(x, y), given), [0, 0, np.nan, 6, -np.inf, np.nan])


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64"])
def test_whole_numbers_are_round(kind):
    x, values = wf.vector("x", (3,), kind), np.array([0, 1, 1], kind)
    for function in (wf.rint, wf.round, wf.floor, wf.ceil, wf.trunc):
        found = wf.evaluate(function(x), {x: values})
        assert found.dtype == kind
        np.testing.assert_array_equal(found, values)


def total(*values):
    return sum(values)


def test_functions_of_ones_own_of_any_number_of_arguments():
    x, y = wf.vector("x", (2,), "float64"), wf.scalar("y", dtype="float64")
    several = wf.elementwise(total)
    assert several.arity[0] == 1
    given = {x: np.array([1.0, -2.0]), y: np.array(0.5)}
    for args, wanted in (((x,), [1, -2]), ((x, y, 3.0), [4.5, 1.5]), ((x, x, x, x, y), [4.5, -7.5])):
        np.testing.assert_array_equal(wf.evaluate(several(*args), given), wanted)
    with pytest.raises(wf.ArgumentError, match="total takes"):
        several()


KINKS = [  # function, points, derivatives there: as the docstrings say
    (wf.abs, [0.0, -0.0], [0, 0]),
    (wf.relu, [0.0, -0.0], [0, 0]),
    (lambda x: wf.leaky_relu(x, 0.3), [0.0, -0.0], [0.3, 0.3]),
    (lambda x: wf.elu(x, 0.3), [0.0, -0.0], [0.3, 0.3]),
    (wf.softsign, [0.0, -0.0], [1, 1]),
    (wf.hard_sigmoid, [-2.6, -2.5, 2.5, 2.6], [0, 0.2, 0.2, 0]),
    (lambda x: wf.clip(x, -1, 2), [-1.0, 2.0, -1.1, 2.1], [1, 1, 0, 0]),
    (lambda x: wf.clip(0.0 * x, x, 2), [0.0, 1.0], [0, 1]),
    (lambda x: wf.maximum(x, 1.0), [1.0, 2.0, 0.0, np.nan], [1, 1, 0, 0]),
    (lambda x: wf.maximum(1.0, x), [1.0, 2.0, 0.0, np.nan], [0, 1, 0, 1]),
    (lambda x: wf.minimum(x, 1.0), [1.0, 2.0, 0.0, np.nan], [1, 0, 1, 0]),
    (lambda x: wf.minimum(1.0, x), [1.0, 2.0, 0.0, np.nan], [0, 0, 1, 1]),
    (lambda x: wf.maximum(x, np.nan), [1.0, np.nan], [0, 0]),
    (lambda x: wf.where(x > 0, x, 3 * x), [0.0, 1.0, np.nan], [3, 1, 3]),
    (lambda x: wf.maximum(x, 2 * x), [0.0, 1.0, -1.0], [1, 2, 1]),
    (lambda x: wf.minimum(x, 2 * x), [0.0, 1.0, -1.0], [1, 1, 2]),
]


@pytest.mark.parametrize("optimize", [0, 2])
def test_derivatives_at_kinks(optimize):
    x = wf.vector("x", ("n",), "float64")
    found = wf.function([x], [wf.vjp(f(x), x, wf.ones_like(x)) for f, *_ in KINKS], optimize=optimize)
    points = [0.0, -0.0, *{p for _, at, _ in KINKS for p in at if p and p == p}, np.nan]
    values = found(np.array(points))
    for (number, (_, at, slopes)), value in zip(enumerate(KINKS), values, strict=True):
        places = [next(i for i, p in enumerate(points) if str(p) == str(a)) for a in at]
        np.testing.assert_array_equal(value[places], slopes, err_msg=f"number {number} at {at}")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: wf.add(x), "add takes 2 arguments, and 1 was given"),
        (lambda x: wf.add(x, x, x), "add takes 2 arguments, and 3 were given"),
        (lambda x: wf.exp(x, x), "exp takes 1 argument, and 2 were given"),
        (lambda x: wf.exp(), "exp takes 1 argument, and 0 were given"),
        (lambda x: wf.where(x), "where takes 3 arguments, and 1 was given"),
        (lambda x: wf.isnan(x, x), "isnan takes 1 argument"),
        (lambda x: wf.left_shift(x), "left_shift takes 2 arguments"),
        (lambda x: wf.floor_divide(x), "floor_divide takes 2 arguments"),
        (lambda x: x.clip(0), "clip takes 3 arguments, and 2 were given"),
        (lambda x: wf.softplus(x, x), "softplus takes 1 argument"),
    ],
)
def test_arguments_are_counted(call, says):
    with pytest.raises(wf.ArgumentError, match=says):
        call(wf.vector("x", (3,), "int64"))


def test_functions_of_ones_own_may_have_defaults():
    @wf.elementwise
    def scaled(x, factor=2.0):
        return x * factor

    x = wf.vector("x", (2,))
    assert wf.evaluate(scaled(x), {x: [1, 3]}).tolist() == [2, 6]
    assert wf.evaluate(scaled(x, 5), {x: [1, 3]}).tolist() == [5, 15]
    with pytest.raises(wf.ArgumentError, match="scaled takes 1 to 2 arguments, and 3 were given"):
        scaled(x, x, x)
    with pytest.raises(wf.ArgumentError, match="elementwise takes a function of scalars, not 3"):
        wf.elementwise(3)


@pytest.mark.parametrize(
    ("function", "reference"),
    [
        (lambda x, y: 1.5, lambda x, y: 1.5 + 0 * x * y),
        (lambda x, y: x * 2, lambda x, y: x * 2 + 0 * y),
        (lambda x, y: wf.ones_like(y), lambda x, y: 1 + 0 * x * y),
    ],
)
def test_functions_of_ones_own_have_the_shape_of_all_their_arguments(function, reference):
    x, y = wf.tensor("x", ("n", 1), "float64"), wf.vector("y", ("m",), "float64")
    out = wf.elementwise(function)(x, y)
    values = np.arange(3.0)[:, None], np.arange(2.0)
    found, *gradients = wf.function([x, y], [out, *wf.grad(out.sum(), [x, y])], on_unused_input="ignore")(*values)
    np.testing.assert_array_equal(found, reference(*values))
    np.testing.assert_array_equal(wf.evaluate(out, dict(zip((x, y), values, strict=True))), reference(*values))
    assert [g.shape for g in gradients] == [(3, 1), (2,)]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: x - x.mean(), "x.mean.* uses sum"),
        (lambda x: wf.stack([x, x]), "uses "),
        (lambda x: np.ones(2), r"makes an array of shape \(2,\)"),
        (lambda x: x[0], "uses "),
    ],
)
def test_functions_of_more_than_single_numbers_are_refused(function, says):
    with pytest.raises(wf.ShapeError, match=says) as caught:
        wf.elementwise(function)(wf.vector("x", ("n",)))
    assert "test_scalar.py" in "".join(caught.value.__notes__)


@pytest.mark.parametrize("kind", ["bool", "int8", "uint8", "int16", "int32", "int64", "uint64"])
def test_functions_of_integers_give_the_float_that_exp_gives(kind):
    x = wf.vector("x", ("n",), kind)
    value = np.array([0, 1, 1] if kind == "bool" else [0, 3, 127], kind)
    functions = (wf.softplus, wf.log_sigmoid, wf.silu, wf.gelu, wf.softsign, wf.hard_sigmoid, wf.elu, wf.leaky_relu)
    for function in functions:
        y = function(x)
        assert y.dtype == wf.exp(x).dtype, function
        floats = wf.vector("x", ("n",), y.dtype)
        right = wf.evaluate(function(floats), {floats: value.astype(y.dtype)})
        np.testing.assert_allclose(wf.function([x], y)(value), right, rtol=1e-6)


@pytest.mark.parametrize(
    "call", [lambda: wf.gelu(-1), lambda: wf.softplus(2), lambda: wf.clip(0.5, 0, 1), lambda: wf.silu(True)]
)
def test_functions_of_numbers_are_what_they_say(call):
    for optimize in (0, 2):
        found = wf.function([], call(), optimize=optimize)()
        assert found.dtype == call().dtype
        np.testing.assert_allclose(found, wf.evaluate(call()), rtol=1e-6)
