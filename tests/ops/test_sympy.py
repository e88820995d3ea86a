"""Formulas to SymPy and back: values agree, and what has no form says so."""

import numpy as np
import pytest
import sympy

from weft.ops import scalar
from weft.ops.elementwise import Primitive
from weft.ops.reduce import sum as sum_over
from weft.ops.scalar import exp, gelu, log, maximum, sin, softplus, where
from weft.ops.sympy import from_sympy, to_sympy
from weft.symbolic.errors import ArgumentError, LoweringError
from weft.symbolic.evaluate import evaluate
from weft.symbolic.grad import grad
from weft.symbolic.leaves import tensor, vector


@pytest.fixture
def x():
    return tensor("x", (), "float64")


def test_names_and_exact_numbers(x):
    s = sympy.Symbol("x", real=True)
    assert to_sympy(exp(x) * 0.5 + 3 - x**2) == sympy.exp(s) / 2 + 3 - s**2


def test_composites_are_written_out(x):
    s = sympy.Symbol("x", real=True)
    assert sympy.simplify(to_sympy(softplus(x)) - sympy.log(1 + sympy.exp(s))) == 0
    assert to_sympy(gelu(x)).has(sympy.erfc)


def test_symbols_for_any_node(x):
    a = sympy.Symbol("a")
    total = sum_over(vector("v", (3,), "float64"))
    assert to_sympy(total * x, {total: a, x: a}) == a**2
    with pytest.raises(LoweringError, match="sum has no SymPy form"):
        to_sympy(total)


def test_derivatives_agree_with_sympys(x):
    y = sin(x) * exp(x) / (1 + x**2)
    s = sympy.Symbol("x", real=True)
    assert sympy.simplify(to_sympy(grad(y, x)) - sympy.diff(to_sympy(y), s)) == 0


UNARY = "exp log sin cos tan sinh cosh tanh arcsin arctan arcsinh erf erfc abs sign floor ceil sqrt square reciprocal"


@pytest.mark.parametrize("name", UNARY.split())
def test_there_and_back(x, name):
    y = Primitive.table[name](x)
    back = from_sympy(to_sympy(y), {sympy.Symbol("x", real=True): x})
    for value in (0.3, 0.7):
        np.testing.assert_allclose(evaluate(back, {x: value}), evaluate(y, {x: value}), rtol=1e-14)


def test_branches_and_relations(x):
    y = where(scalar.logical_and(x > 0, x < 2), maximum(x, 1), -x)
    back = from_sympy(to_sympy(y), {sympy.Symbol("x", real=True): x})
    for value in (-1.0, 0.5, 1.5, 3.0):
        assert evaluate(back, {x: value}) == evaluate(y, {x: value})


def test_sympys_own_expressions_over_arrays():
    a, b = sympy.symbols("a b")
    v = vector("v", (3,), "float64")
    y = from_sympy(sympy.sqrt(a**2 + b) * sympy.pi + sympy.Rational(1, 3), {a: v, b: 2})
    values = np.array([0.5, -1, 3])
    np.testing.assert_allclose(evaluate(y, {v: values}), np.sqrt(values**2 + 2) * np.pi + 1 / 3, rtol=1e-14)


def test_what_is_missing_is_named(x):
    with pytest.raises(ArgumentError, match="no expression for the symbol q"):
        from_sympy(sympy.Symbol("q") + 1, {})
    with pytest.raises(ArgumentError, match="no function for SymPy's zeta"):
        from_sympy(sympy.zeta(sympy.Symbol("q")), {sympy.Symbol("q"): x})


def test_log_of_integers_is_exact(x):
    assert from_sympy(sympy.log(1), {}) is not None
    assert evaluate(from_sympy(sympy.Integer(2) ** sympy.Symbol("q"), {sympy.Symbol("q"): x}), {x: 3.0}) == 8
    assert log is scalar.log
