"""Errors of the float functions in units in the last place, against wider floats and mpmath, over the whole range."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special

from weft.ops.elementwise import Primitive

from .applied import apply

FLOATS = ("float32", "float64")
WIDE = {"float32": np.dtype(np.float64), "float64": np.dtype(np.longdouble)}
LONG = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant + 8
Reference = Callable[..., Any]

WITHOUT_A_ROW = {"lgamma": (0.6, 2.5), "digamma": (0.6, 3.0)}

# NumPy's functions of wider floats.
NUMPY: dict[str, Reference] = {
    **{name: getattr(np, name) for name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sinh", "cosh")},
    **{name: getattr(np, name) for name in ("tanh", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "cbrt")},
    **{name: getattr(np, name) for name in ("arcsinh", "arccosh", "arctanh")},
    "sigmoid": lambda x: np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-x))),
    "rsqrt": lambda x: 1 / np.sqrt(x),
}
BINARY: dict[str, Reference] = {"arctan2": np.arctan2, "hypot": np.hypot, "logaddexp": np.logaddexp, "pow": np.power}

# What NumPy lacks: SciPy's for float32, mpmath's for float64.
SPECIAL: dict[str, tuple[Reference, Reference]] = {
    "erf": (scipy.special.erf, mpmath.erf),
    "erfc": (scipy.special.erfc, mpmath.erfc),
    "erfinv": (scipy.special.erfinv, mpmath.erfinv),
    "lgamma": (scipy.special.gammaln, lambda x: mpmath.re(mpmath.loggamma(x))),
    "digamma": (scipy.special.psi, mpmath.digamma),
}


@pytest.fixture(autouse=True)
def _quiet():
    with np.errstate(all="ignore"):
        yield


def bits(dtype: str, count: int, seed: int = 0) -> np.ndarray:
    """Floats of random bits: every exponent is as likely, and NaN and subnormals among them."""
    size = np.dtype(dtype).itemsize
    return np.random.default_rng(seed).integers(0, 2 ** (8 * size), count, f"u{size}").view(dtype)


def edges(dtype: str) -> np.ndarray:
    """Zeros, infinities, NaN, limits, and the floats next to them."""
    limits = np.finfo(dtype)
    sizes = np.array([0, 0.5, 1, 2, np.inf, limits.max, limits.tiny, limits.smallest_subnormal], dtype)
    both = np.concatenate([sizes, -sizes])
    return np.concatenate(
        [both, np.nextafter(both, dtype(np.inf)), np.nextafter(both, dtype(-np.inf)), [dtype(np.nan)]]
    )


def samples(dtype: str, count: int) -> np.ndarray:
    """All exponents, the middle, and where exp and its kind overflow."""
    rng = np.random.default_rng(1)
    kind = np.dtype(dtype).type
    end = 110 if dtype == "float32" else 760
    spread = rng.standard_normal(count) * 10.0 ** rng.uniform(-6, 3, count)
    parts = [rng.uniform(-1, 1, count), rng.uniform(-4, 4, count), rng.uniform(-end, end, count), spread]
    return np.concatenate([bits(dtype, count), edges(kind), *(p.astype(dtype) for p in parts)])


def errors(got: np.ndarray, exact: np.ndarray, scale: np.ndarray | None = None) -> np.ndarray:
    """|got - exact| in ulps of the exact value (or of `scale`); infinite where NaN, inf or the sign of 0 is wrong."""
    limits = np.finfo(got.dtype)
    rounded = exact.astype(got.dtype)
    _, exponent = np.frexp(np.abs(exact) if scale is None else scale)
    finite = np.isfinite(rounded) & np.isfinite(got)
    unit = np.ldexp(exact.dtype.type(1), np.where(finite, np.maximum(exponent - 1, limits.minexp), 0) - limits.nmant)
    ulps = np.where(finite, np.abs(np.where(finite, got.astype(exact.dtype) - exact, 0)) / unit, 0)
    near_overflow = np.isinf(rounded) ^ np.isinf(got)  # then the other is to be the largest float
    wrong = np.isnan(got) != np.isnan(exact)
    wrong |= near_overflow & ~np.isnan(exact) & (np.minimum(np.abs(got), np.abs(rounded)) != limits.max)
    wrong |= np.isinf(got) & np.isinf(rounded) & (got != rounded)
    wrong |= (exact == 0) & ((got != 0) | (np.signbit(got) != np.signbit(exact)))
    return np.where(wrong, np.inf, ulps)


def check(name: str, dtype: str, exact: Reference, *arguments: np.ndarray, relative_to_arguments: bool = False) -> None:
    """The largest error is not above the one that is stated."""
    wide = [a.astype(WIDE[dtype]) for a in arguments]
    expected = np.asarray(exact(*wide))
    scale = np.max([np.abs(v) for v in (*wide, expected)], axis=0) if relative_to_arguments else None
    found = errors(apply(name, dtype, *arguments), expected, scale)
    worst = int(np.argmax(found))
    stated = (WITHOUT_A_ROW.get(name) or Primitive.table[name].ulp or (0.51, 0.51))[FLOATS.index(dtype)]
    assert found[worst] <= stated, f"{name}{tuple(a[worst] for a in arguments)}: {found[worst]} ulp, not {stated}"


def needs_wide(dtype: str) -> None:
    """Skip where there is no float that is wider."""
    if dtype == "float64" and not LONG:
        pytest.skip("long double is no wider than double here")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", sorted(NUMPY))
def test_unary(name, dtype):
    needs_wide(dtype)
    check(name, dtype, NUMPY[name], samples(dtype, 40000 if dtype == "float32" else 6000))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_large_angles(name, dtype):
    """Near multiples of pi/2, and beyond the limit where libm takes over, mixed with small ones."""
    needs_wide(dtype)
    multiples = np.round(10.0 ** np.random.default_rng(2).uniform(0, 12, 5000)) * (np.pi / 2)
    near = multiples.astype(dtype)
    limit = np.array([1e5, -1e5, 2.0**30, -(2.0**30)], dtype)
    around = np.concatenate([np.nextafter(limit, limit * 2), np.nextafter(limit, 0 * limit)])
    check(name, dtype, NUMPY[name], np.concatenate([near, -near, limit, around]))


def test_a_float64_angle_that_is_hard_to_reduce():
    """6381956970095103 * 2**797 is the double nearest to a multiple of pi/2; even libm loses a few ulps there."""
    x = np.array([6381956970095103 * 2.0**797, 1.0])
    with mpmath.workprec(1300):
        exact = np.array([float(mpmath.cos(mpmath.mpf(float(v)))) for v in x])
    np.testing.assert_allclose(apply("cos", "float64", x), exact, rtol=1e-14)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["arctan2", "hypot"])
def test_binary(name, dtype):
    needs_wide(dtype)
    x = samples(dtype, 8000)
    y = np.random.default_rng(3).permutation(x)
    near = (x * np.random.default_rng(4).normal(size=x.size)).astype(dtype)
    crossed = [v.ravel() for v in np.meshgrid(edges(np.dtype(dtype).type), edges(np.dtype(dtype).type))]
    for first, second in ((x, y), (x, near), crossed):
        check(name, dtype, BINARY[name], first, second)


@pytest.mark.parametrize("dtype", FLOATS)
def test_pow(dtype):
    needs_wide(dtype)
    rng = np.random.default_rng(5)
    x = samples(dtype, 4000)
    y = rng.permutation(x)
    positive = np.abs(x[np.isfinite(x) & (x != 0) & (np.abs(x) != 1)])
    near_one = (1 + rng.normal(size=9000) * 1e-3).astype(dtype)
    near_root = rng.uniform(0.7, 1.42, 9000).astype(dtype)
    crossed = [
        v.ravel()
        for v in np.meshgrid(
            edges(np.dtype(dtype).type), [-3, -2.5, -1, -0.0, 0, 0.5, 1, 2, 3, 2.0**25, np.inf, -np.inf, np.nan]
        )
    ]
    check("pow", dtype, np.power, x, y)
    check("pow", dtype, np.power, *(np.asarray(v, dtype) for v in crossed))
    for base in (positive, near_one[near_one != 1], near_root[near_root != 1]):
        top = 88 if dtype == "float32" else 709
        power = (rng.uniform(-top, top, base.size) / np.log(base.astype(np.float64))).astype(dtype)
        check("pow", dtype, np.power, base, power)


@pytest.mark.parametrize("dtype", FLOATS)
def test_pow_is_exact_where_it_can_be(dtype):
    base, exponent = (v.ravel().astype(dtype) for v in np.meshgrid(np.arange(-300, 301), np.arange(40)))
    exact = base.astype(object) ** exponent.astype(int).astype(object)
    known = np.array([abs(v) < 2 ** np.finfo(dtype).nmant for v in exact])
    np.testing.assert_array_equal(apply("pow", dtype, base[known], exponent[known]), exact[known].astype(dtype))


@pytest.mark.parametrize("dtype", FLOATS)
def test_logaddexp(dtype):
    needs_wide(dtype)
    x = samples(dtype, 4000)
    for y in (np.random.default_rng(6).permutation(x), x + np.random.default_rng(7).normal(size=x.size).astype(dtype)):
        check("logaddexp", dtype, np.logaddexp, x, y, relative_to_arguments=True)


def domain(name: str, dtype: str, count: int) -> np.ndarray:
    """Arguments at which a special function is neither trivial nor, for the gamma functions, near a zero below 0."""
    rng = np.random.default_rng(8)
    if name in ("erf", "erfc"):
        end = 11 if dtype == "float32" else 28
        parts = [rng.uniform(-4, 4, count), rng.uniform(-end, end, count), 10.0 ** rng.uniform(-36, 0, count)]
    elif name == "erfinv":
        tail = 10.0 ** rng.uniform(-7 if dtype == "float32" else -15, 0, count)
        parts = [rng.uniform(-1, 1, count), 1 - tail, tail - 1, tail]
    else:
        parts = [rng.uniform(0.01, 12, count), rng.uniform(0.9, 2.6, count), 10.0 ** rng.uniform(-30, 30, count)]
    return np.concatenate(parts).astype(dtype)


@pytest.mark.parametrize("name", sorted(SPECIAL))
def test_special(name):
    check(name, "float32", SPECIAL[name][0], domain(name, "float32", 20000))


@pytest.mark.parametrize("name", sorted(SPECIAL))
def test_special_float64(name):
    needs_wide("float64")

    def exact(x: np.ndarray) -> np.ndarray:
        with mpmath.workprec(120):
            return np.array([_long(SPECIAL[name][1](mpmath.mpf(float(v)))) for v in x])

    check(name, "float64", exact, domain(name, "float64", 400))


def _long(value: Any) -> np.longdouble:
    high = float(value)
    return np.longdouble(high) + np.longdouble(float(value - mpmath.mpf(high)) if np.isfinite(high) else 0)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_gamma_functions_below_zero(name, dtype):
    """The error is relative to 1 where the function is small."""
    x = np.random.default_rng(9).uniform(-20, 0, 3000).astype(dtype)
    x = x[np.abs(x - np.round(x)) > 1e-3]
    exact = SPECIAL[name][0](x.astype(np.float64))
    error = np.abs(apply(name, dtype, x) - exact) / np.maximum(1, np.abs(exact))
    assert error.max() < (1.2e-7 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize("dtype", FLOATS)
def test_special_values(dtype):
    inf, nan = np.inf, np.nan
    table = {
        "erf": ([0.0, -0.0, inf, -inf, nan], [0.0, -0.0, 1, -1, nan]),
        "erfc": ([0.0, inf, -inf, nan], [1, 0, 2, nan]),
        "erfinv": ([0.0, -0.0, 1, -1, 2, -inf, nan], [0.0, -0.0, inf, -inf, nan, nan, nan]),
        "lgamma": ([1, 2, 0.0, -0.0, -1, -1e30, inf, -inf, nan], [0, 0, inf, inf, inf, inf, inf, inf, nan]),
        "digamma": ([0.0, -0.0, -1, -7, inf, -inf, nan], [-inf, inf, nan, nan, inf, nan, nan]),
        "relu": ([-1, 0.0, 2, inf, -inf, nan], [0, 0, 2, inf, 0, nan]),
    }
    for name, (given, expected) in table.items():
        got = apply(name, dtype, np.array(given, dtype))
        np.testing.assert_array_equal(got, np.array(expected, dtype), err_msg=name)
        assert not np.signbit(got[got == 0]).any() or name in ("erf", "erfinv"), name
