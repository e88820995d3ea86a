"""Formulas to SymPy and back: values agree, and what has no form says so."""

import math

import numpy as np
import pytest
import sympy

from weft.ops import scalar
from weft.ops.control import scan
from weft.ops.elementwise import Primitive
from weft.ops.movement import broadcast_to
from weft.ops.reduce import sum as sum_over
from weft.ops.scalar import exp, gelu, log, maximum, sin, softplus, where
from weft.ops.sympy import from_sympy, to_sympy
from weft.symbolic.errors import ArgumentError, LoweringError
from weft.symbolic.evaluate import evaluate
from weft.symbolic.grad import grad, stop_gradient
from weft.symbolic.leaves import constant
from weft.symbolic.variables import tensor, vector


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
    with pytest.raises(LoweringError, match="item has no SymPy form"):
        to_sympy(scan(lambda carry, at: (carry * at, None), x, vector("w", (3,), "float64"))[0])


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


FORMS = sorted(name for name, function in Primitive.table.items() if function.sympy is not None)
POINTS = [(0.3, 0.7), (-0.6, 0.7), (1.7, -0.6), (0.7, 0.7), (-2.5, -1.3)]


@pytest.mark.parametrize("name", FORMS)
def test_every_form_has_the_values_of_its_function(name):
    function, places = Primitive.table[name], [tensor(n, (), "float64") for n in "ab"]
    symbols = [sympy.Symbol(n, real=True) for n in "ab"]
    args = places[: function.arity[0]]
    if name.startswith("logical"):
        args = [places[0] < places[1], places[0] < 0][: len(args)]
    if name == "where":
        args = [places[0] < places[1], *places]
    y, compared = function(*args), 0
    for point in POINTS:
        wanted = evaluate(y, dict(zip(places, point, strict=True)))
        if np.isnan(wanted):
            continue
        found = to_sympy(y).subs({s: sympy.Rational(str(v)) for s, v in zip(symbols, point, strict=True)})
        np.testing.assert_allclose(bool(found) if y.dtype == np.bool_ else float(found), wanted, rtol=1e-13, atol=1e-15)
        compared += 1
    assert compared


def test_numbers_of_every_kind():
    exact = {
        True: sympy.true,
        False: sympy.false,
        -3: sympy.Integer(-3),
        0.375: sympy.Rational(3, 8),
        math.inf: sympy.oo,
        -math.inf: -sympy.oo,
        math.nan: sympy.nan,
    }
    for number, form in exact.items():
        assert to_sympy(constant(np.array(number))) is form
    for number in (0.1, -1e-9):
        found = to_sympy(constant(np.array(number)))
        assert found.is_Float
        assert float(found) == number


def test_casts_and_what_only_derivatives_see(x):
    s = sympy.Symbol("x", real=True)
    assert to_sympy(stop_gradient(x) + broadcast_to(x, (3,))) == 2 * s
    m = tensor("x", (3, 1, 4), "float64")
    for moved in (m[1:, ::-1], m[0, 0, 1], m.reshape(4, 3), m.transpose((2, 0, 1)), m[:, 0], m[..., None]):
        assert to_sympy(moved * 3, {m: s}) == 3 * s  # a symbol stands for any element
    assert to_sympy(x.astype("float32").astype("float64")) == s
    assert to_sympy(x.astype("int32")) == sympy.Function("trunc")(s)
    assert to_sympy(tensor("i", (), "int32").astype("int64").astype("float64")) == sympy.Symbol("i", real=True)


def test_whole_numbers_stay_whole():
    i, n = vector("i", (3,), "int64"), sympy.Symbol("n", integer=True)
    y = from_sympy(3 * n - 2, {n: i})
    assert y.dtype == np.int64
    np.testing.assert_array_equal(evaluate(y, {i: np.array([2**60, -1, 0])}), [3 * 2**60 - 2, -5, -2])
    assert from_sympy(n / 2 + sympy.Rational(1, 4), {n: i}).type.is_float
    chosen = from_sympy(sympy.Piecewise((n, n > 0), (5, sympy.Eq(n, 0)), (-n, True)), {n: i})
    assert chosen.dtype == np.int64
    np.testing.assert_array_equal(evaluate(chosen, {i: np.array([2**60 + 1, -7, 0])}), [2**60 + 1, 7, 5])


def test_sympys_functions_of_one_two_and_many(x):
    a, b, c = sympy.symbols("a b c", real=True)
    y, z = tensor("y", (), "float64"), tensor("z", (), "float64")
    values = {x: 0.4, y: -1.5, z: 0.9}
    formulas = [
        sympy.exp(a) - sympy.exp(-2 * c),
        sympy.E**b,
        sympy.Pow(c, 3) / sympy.sqrt(a) + 1 / sympy.sqrt(c) - 1 / b,
        a ** sympy.Rational(5, 3),
        *(a ** sympy.Rational(*power) for power in ((1, 3), (-1, 3), (1, 4), (3, 2), (-2, 1), (3, 1), (4, 1))),
        a + b + c - 2,
        a * b * c * 3,
        sympy.Max(a, b, c, 0) - 2 * sympy.Min(a, b, c, 0),
        sympy.atan2(b, a) - sympy.Mod(b, c) + sympy.Abs(b) * sympy.sign(b),
        sympy.floor(b) * sympy.ceiling(b) + sympy.erfinv(a) + sympy.acosh(2 + a) + sympy.atanh(a) + sympy.asin(c),
        sympy.Piecewise((a, sympy.And(a < b, b < c)), (b, sympy.Or(sympy.Eq(a, b), sympy.Not(c > a))), (c, True)),
        sympy.Piecewise((1, sympy.Ne(a, a + b)), (2, a <= c)),
        sympy.And(a > b, c >= a, c > b),
        sympy.Or(a < b, c <= a, c < b),
    ]
    for formula in formulas:
        wanted = formula.subs({a: sympy.Rational(2, 5), b: sympy.Rational(-3, 2), c: sympy.Rational(9, 10)})
        found = evaluate(from_sympy(formula, {a: x, b: y, c: z}), values)
        np.testing.assert_allclose(found, float(wanted) if wanted.is_number else bool(wanted), rtol=1e-13)
    assert np.isnan(evaluate(from_sympy(sympy.Piecewise((a, a > 0)), {a: x}), {x: -1.0}))
    assert evaluate(from_sympy(sympy.true, {}))
    assert not evaluate(from_sympy(sympy.false, {}))


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
    with pytest.raises(ArgumentError, match="no function for SymPy's airyai"):
        from_sympy(sympy.airyai(sympy.Symbol("q")), {sympy.Symbol("q"): x})


def test_log_of_integers_is_exact(x):
    assert from_sympy(sympy.log(1), {}) is not None
    assert evaluate(from_sympy(sympy.Integer(2) ** sympy.Symbol("q"), {sympy.Symbol("q"): x}), {x: 3.0}) == 8
    assert log is scalar.log
