"""Loops over the scalar functions become vector code, whatever the width of the registers, and rare cases stay rare."""

import re

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from weft.codegen.cpu.run import native
from weft.codegen.cpu.run.compiler import compile_ir
from weft.codegen.cpu.run.processor import processor, vector_bytes
from weft.codegen.llvm.emitters import EMITTERS, constant

from .applied import PREDICATES, Loop, apply

BITWISE = ["bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"]
BOTH = ["add", "sub", "mul", "mul_no_nan", "maximum", "minimum", "floor_divide", "mod", "fmod", "pow"]
LOGICAL = ["eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"]
BINARY = [*BOTH, *LOGICAL, "div", "hypot", "arctan2", "logaddexp", "copysign"]
UNARY = sorted(set(EMITTERS) - {*BINARY, *BITWISE, "invert", "where"})

LEVEL = processor().cpu
FMA = LEVEL in ("x86-64-v3", "x86-64-v4") or llvm.get_process_triple().startswith(("aarch64", "arm64"))
X86 = llvm.get_process_triple().startswith("x86_64")


def is_vectorised(text: str) -> bool:
    """Whether vectors are stored."""
    return re.search(r"store <\d+ x ", text) is not None


@pytest.mark.skipif(not FMA, reason="without fused multiply-add in hardware LLVM keeps scalars")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_float_function(dtype):
    names = [(n, 1) for n in UNARY] + [(n, 2) for n in BINARY] + [("where", 3)]
    failed = [n for n, count in names if not is_vectorised(Loop.of(n, dtype, count).optimised())]
    assert not failed


def test_every_integer_function_of_32_bits():
    assert [n for n in [*BOTH, *BITWISE, "eq"] if not is_vectorised(Loop.of(n, "int32", 2).optimised())] == []


@pytest.mark.skipif(not X86, reason="names processors of the x86 family")
@pytest.mark.parametrize(("cpu", "bits"), [("x86-64-v3", 256), ("x86-64-v4", 512)])
@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sigmoid", "erf", "sin", "pow"])
def test_other_processors(name, cpu, bits):
    text = Loop.of(name, "float32", 2 if name == "pow" else 1).optimised(cpu)
    stored = re.findall(r"store <(\d+) x float>", text)
    assert max(map(int, stored)) * 32 >= min(bits, 8 * vector_bytes())


@pytest.mark.parametrize("name", sorted(set(UNARY) - {"sin", "cos", "tan"}))
def test_nothing_calls_libm(name):
    for dtype in ("float32", "float64"):
        module = llvm.parse_assembly(Loop.of(name, dtype, 1).ir("kernel"))
        called = [f.name for f in module.functions if f.is_declaration]
        assert all(f.startswith("llvm.") for f in called)


def test_no_instruction_is_given_a_fast_math_flag():
    for name, dtype, count in (("exp", "float32", 1), ("pow", "float64", 2), ("tanh", "float32", 1)):
        assert not re.search(
            r" = f\w+ (fast|nnan|ninf|nsz|arcp|contract|afn|reassoc)", Loop.of(name, dtype, count).ir("k")
        )


@pytest.mark.parametrize("lane", [0, 1, 7, 15, 16, 40])
def test_one_rare_lane_among_others(lane):
    x = np.linspace(-3, 3, 41, dtype=np.float32)
    x[lane] = 1e30
    np.testing.assert_allclose(apply("sin", "float32", x), np.sin(x.astype(np.float64)), rtol=2e-7, atol=1e-9)
    y = np.full(41, 0.75, np.float32)
    np.testing.assert_array_equal(apply("fmod", "float32", x, y), np.fmod(x, y))


def test_a_constant_argument_of_a_rare_function():
    """No pass takes the argument away from the scalar function alone."""
    kind = np.dtype(np.float32)
    loop = Loop(lambda b, x: EMITTERS["fmod"](b, kind, x, constant(kind, 0.75)), (kind,), kind)
    assert is_vectorised(loop.optimised())
    x = np.linspace(-3e10, 3, 41, dtype=np.float32)
    np.testing.assert_array_equal(loop(x), np.fmod(x, np.float32(0.75)))


def test_rare_functions_survive_linking_and_width_mixtures():
    """Two modules with the same internal functions, linked into one; float32 and float64 in one loop."""

    def mixed(builder: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
        narrow = EMITTERS["sin"](builder, np.dtype(np.float32), x)
        wide = EMITTERS["sin"](builder, np.dtype(np.float64), y)
        return builder.fadd(builder.fpext(narrow, y.type), wide)

    loops = {
        "weft_test_link_mixed": Loop(mixed, (np.dtype(np.float32), np.dtype(np.float64)), np.dtype(np.float64)),
        "weft_test_link_sin": Loop.of("sin", "float32", 1),
        "weft_test_link_cos": Loop.of("cos", "float32", 1),
    }
    data = compile_ir(*(loop.ir(name) for name, loop in loops.items()))
    native.add_object(data, tuple(loops))
    x = np.linspace(-4, 4, 37, dtype=np.float32)
    x[[0, 20, 36]] = [1e30, -2e20, 1e7]
    wide = x.astype(np.float64) * 1e5
    got = loops["weft_test_link_mixed"](x, wide)
    np.testing.assert_allclose(got, np.sin(x.astype(np.float64)) + np.sin(wide), rtol=1e-6, atol=1e-6)


def test_predicates_are_bools():
    x = np.linspace(-1, 1, 5)
    assert all(apply(n, "float64", *([x] * (1 if n in UNARY else 2))).dtype == bool for n in PREDICATES)
