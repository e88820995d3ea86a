"""sin, cos, tan and fmod of far arguments without a library, compiled for this processor and compared with mpmath."""

import ctypes
import math

import numpy as np
import pytest
from llvmlite import ir
from mpmath import mp

from weft.codegen.cpu.run import native
from weft.codegen.cpu.run.compiler import compile_ir
from weft.codegen.llvm import far, rare
from weft.codegen.llvm.rare import rarely
from weft.codegen.llvm.value import Value, llvm_type


def compiled(name, dtype, count):
    """The rare function as a function of Python numbers."""
    kind, module = llvm_type(dtype), ir.Module()
    symbol = f"test_far_{name}_{dtype}"
    function = ir.Function(module, ir.FunctionType(kind, [kind] * count), symbol)
    b = ir.IRBuilder(function.append_basic_block())
    values = [Value(b, dtype, a) for a in function.args]
    b.ret(rarely(name, values[0].ne(0.0), *values).ir)
    far.define(module, rare.functions(module))
    (address,) = native.add_object(compile_ir(str(module)), (symbol,))
    c = ctypes.c_float if dtype == np.float32 else ctypes.c_double
    return ctypes.CFUNCTYPE(c, *[c] * count)(address)


def angles(dtype):
    rng = np.random.default_rng(1)
    least, most = (1e5, 3e38) if dtype == np.float32 else (2.0**30, 1e308)
    x = np.exp(rng.uniform(math.log(least), math.log(most), 300)) * rng.choice([-1, 1], 300)
    # the float64 nearest to a multiple of pi/2, and the largest
    worst = [6381956970095103.0 * 2.0**797, np.finfo(dtype).max] if dtype == np.float64 else [np.finfo(dtype).max]
    return np.array([*x, *worst], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_far_angles(name, dtype):
    dtype = np.dtype(dtype)
    f = compiled(name, dtype, 1)
    with mp.workprec(1300):
        for x in angles(dtype):
            exact = getattr(mp, name)(mp.mpf(float(x)))
            unit = float(np.spacing(dtype.type(abs(float(exact)))))
            assert abs(f(x) - exact) / unit < 2, x
    assert f(0.0) == 0
    for x in (np.inf, -np.inf, np.nan):
        assert math.isnan(f(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_remainders(dtype):
    dtype = np.dtype(dtype)
    f = compiled("fmod", dtype, 2)
    info = np.finfo(dtype)
    rng = np.random.default_rng(2)
    sizes = np.exp(rng.uniform(np.log(info.tiny), np.log(info.max), (2, 200)))
    x, y = (sizes * rng.choice([-1, 1], (2, 200))).astype(dtype)
    edges = dtype.type([info.max, info.smallest_subnormal, 1, 3, -0.75, np.inf, -np.inf, np.nan, 0.0])
    pairs = [*zip(x, y, strict=True), *((a, b) for a in edges for b in edges if a != 0)]
    for a, b in pairs:
        with np.errstate(all="ignore"):
            assert np.array_equal(dtype.type(f(a, b)), np.fmod(a, b), equal_nan=True), (a, b)
