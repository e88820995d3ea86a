"""Arithmetic, comparisons, logic, rounding, division, powers, shifts and casts: NumPy's results, bit for bit."""

from typing import Any

import numpy as np
import pytest
from llvmlite import ir

from weft.codegen.llvm.emitters import EMITTERS, constant, llvm_type
from weft.ops.elementwise import Primitive

from ...sampling import every
from .applied import BOOL, apply, cast_array

INTEGERS = ("int8", "int32", "int64", "uint8", "uint32", "uint64")
FLOATS = ("float32", "float64")

ARITHMETIC = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mul_no_nan": lambda x, y: np.where(y == 0, np.zeros_like(x), x * y),
}
COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}
DIVISION = {"floor_divide": np.floor_divide, "mod": np.mod, "fmod": np.fmod}
BITS = {"bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor}
SHIFTS = {"left_shift": np.left_shift, "right_shift": np.right_shift}
UNARY = {
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "square": np.square,
    "isnan": np.isnan,
    "isinf": np.isinf,
    "isfinite": np.isfinite,
    "logical_not": np.logical_not,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "rint": lambda x: np.rint(x) if x.dtype.kind == "f" else x,
}


def pairs(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of edge values, and of others of all sizes; an odd number of them."""
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        limits = np.finfo(dtype)
        sizes = [0.0, 0.5, 1, 2, 3, 7.5, 1e-30, 1e30, np.inf, limits.max, limits.tiny, limits.smallest_subnormal]
        edges = np.array([*sizes, *(-s for s in sizes), np.nan], dtype)
        bits = rng.integers(0, 2**64, (2, 1500), np.uint64).view(f"u{edges.itemsize}").view(dtype)[:, :3000]
        few = rng.integers(-20, 20, (2, 3000)).astype(dtype)
        others = [bits, few, np.stack([few[0], rng.normal(size=3000).astype(dtype)])]
    else:
        bounds = np.iinfo(dtype)
        edges = np.array([bounds.min, bounds.min + 1, bounds.max, bounds.max - 1, 0, 1, 2, 3, 7], dtype)
        edges = np.concatenate([edges, np.array([-1, -2, -7], dtype)]) if bounds.min < 0 else edges
        far = rng.integers(bounds.min, bounds.max, (2, 3000), dtype, endpoint=True)
        few = rng.integers(-9 if bounds.min < 0 else 0, 10, (2, 3000)).astype(dtype)
        others = [far, few, np.stack([far[0], few[1]])]
    crossed = np.stack([v.ravel() for v in np.meshgrid(edges, edges)])
    x, y = np.concatenate([crossed, *others, np.ones((2, 2), dtype)], axis=1)
    return x[: (len(x) - 1) | 1], y[: (len(x) - 1) | 1]


def same(got: np.ndarray, expected: Any) -> None:
    """Equal, with the same dtype and the same signs of zeros."""
    expected = np.asarray(expected)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
    if got.dtype.kind == "f":
        zeros = got == 0
        np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(expected[zeros]))


@pytest.fixture(autouse=True)
def _quiet():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("dtype", every(2, INTEGERS + FLOATS))
def test_binary(dtype):
    x, y = pairs(dtype)
    for name, reference in {**ARITHMETIC, **COMPARISONS, **DIVISION}.items():
        same(apply(name, dtype, x, y), reference(x, y))


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
def test_unary(dtype):
    x, _ = pairs(dtype)
    for name, reference in UNARY.items():
        same(apply(name, dtype, x), reference(x))
    np.testing.assert_array_equal(apply("relu", dtype, x), np.maximum(x, np.zeros((), dtype)))


@pytest.mark.parametrize("dtype", ["int16", "uint16"])
def test_division_of_16_bits(dtype):
    x, y = pairs(dtype)
    for name, reference in DIVISION.items():
        same(apply(name, dtype, x, y), reference(x, y))


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_division_of_all_bytes(dtype):
    bounds = np.iinfo(dtype)
    every = np.arange(bounds.min, bounds.max + 1).astype(dtype)
    x, y = (v.ravel() for v in np.meshgrid(every, every))
    for name, reference in DIVISION.items():
        same(apply(name, dtype, x, y), reference(x, y))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_bits_and_shifts(dtype):
    x, y = pairs(dtype)
    for name, reference in {**BITS, **SHIFTS}.items():
        same(apply(name, dtype, x, y), reference(x, y))
    same(apply("invert", dtype, x), np.invert(x))


@pytest.mark.parametrize("dtype", every(3, INTEGERS))
def test_integer_powers_wrap(dtype):
    x, y = pairs(dtype)
    y = np.where(y < 0, -(y + 1), y).astype(dtype)
    same(apply("pow", dtype, x, y), np.power(x, y))


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64"])
def test_integers_to_negative_powers(dtype):
    base, exponent = np.array([1, -1, -1, 2, 0, -3], dtype), np.array([-3, -3, -4, -1, -2, -1], dtype)
    same(apply("pow", dtype, base, exponent), np.array([1, -1, 1, 0, 0, 0], dtype))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_reciprocals(dtype):
    x, _ = pairs(dtype)
    expected = np.where(np.abs(x) == 1, x, 0).astype(dtype)
    same(apply("reciprocal", dtype, x), np.where(x == np.iinfo(dtype).min, 0, expected).astype(dtype))


@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_only(dtype):
    x, y = pairs(dtype)
    same(apply("div", dtype, x, y), x / y)
    same(apply("reciprocal", dtype, x), 1 / x)
    same(apply("sqrt", dtype, x), np.sqrt(x))
    same(apply("copysign", dtype, x, y), np.copysign(x, y))


@pytest.mark.parametrize("dtype", FLOATS)
def test_remainders_are_exact_whatever_the_quotient(dtype):
    rng = np.random.default_rng(1)
    limits = np.finfo(dtype)
    x = (10.0 ** rng.uniform(-30, 30, 999)).astype(dtype)
    y = (10.0 ** rng.uniform(-37, 0, 999)).astype(dtype)
    x[:4], y[:4] = [limits.max, 1e30, -1e30, 5], [limits.tiny, 3, 7, limits.smallest_subnormal]
    for name, reference in {"fmod": np.fmod, "mod": np.mod}.items():
        same(apply(name, dtype, x, y), reference(x, y))


def test_bool():
    x, y = (np.random.default_rng(i).integers(0, 2, 777).astype(bool) for i in (0, 1))
    for name in ("add", "mul", "maximum", "minimum", *COMPARISONS):
        same(apply(name, bool, x, y), {**ARITHMETIC, **COMPARISONS}[name](x, y))
    for name, reference in BITS.items():
        same(apply(name, bool, x, y), reference(x, y))
    for name in ("abs", "logical_not", "isnan", "isfinite"):
        same(apply(name, bool, x), UNARY[name](x))
    same(apply("invert", bool, x), ~x)


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, "bool"])
def test_where(dtype):
    x, y = pairs(dtype) if dtype != "bool" else (np.arange(9) % 2 == 0, np.arange(9) % 3 == 0)
    condition = np.random.default_rng(2).integers(0, 2, x.size).astype(bool)
    same(apply("where", dtype, condition, x, y), np.where(condition, x, y))


@pytest.mark.parametrize("source", ["bool", "int8", "int32", "int64", "uint8", "uint64", *FLOATS])
def test_casts(source):
    x = np.arange(7) % 2 == 0 if source == "bool" else pairs(source)[0]
    for target in ("bool", "int8", "int32", "int64", "uint8", "uint64", *FLOATS):
        given = x
        if source in FLOATS and target not in (*FLOATS, "bool"):  # out of range, the platform decides
            bounds = np.iinfo(target)
            given = x[(x > max(bounds.min, -(2.0**62)) - 1) & (x < min(bounds.max, 2.0**63))]
        same(cast_array(given, target), given.astype(target))


@pytest.mark.parametrize("size", [0, 1, 2, 15, 16, 17, 63])
def test_sizes(size):
    x = np.linspace(-2, 2, size, dtype=np.float32)
    same(apply("maximum", "float32", x, -x), np.maximum(x, -x))


def test_types_and_constants():
    assert llvm_type(BOOL) == ir.IntType(1)
    assert llvm_type(np.dtype("uint16")) == ir.IntType(16)
    assert str(constant(np.dtype("float32"), 0.1)) == "float 0x3fb99999a0000000"
    assert "7ff0000000000000" in str(constant(np.dtype("float64"), np.inf))
    assert "7ff8000000000000" in str(constant(np.dtype("float32"), np.nan))
    assert "fff0000000000000" in str(constant(np.dtype("float32"), -1e300))
    assert str(constant(np.dtype("int8"), 255)) == "i8 -1"
    assert str(constant(np.dtype("uint8"), -1)) == "i8 255"
    assert str(constant(BOOL, np.bool_(True))) == "i1 1"
    with pytest.raises(TypeError, match="complex"):
        llvm_type(np.dtype("complex64"))


@pytest.mark.parametrize(("name", "dtype"), [("exp", "int32"), ("neg", "bool"), ("left_shift", "float32")])
def test_what_numpy_lacks_is_refused(name, dtype):
    x = np.ones(3, dtype)
    with pytest.raises(TypeError, match=name):
        apply(name, dtype, *([x, x] if name == "left_shift" else [x]))


def test_every_row_of_the_table_has_an_emitter():
    assert set(Primitive.table) <= set(EMITTERS)
