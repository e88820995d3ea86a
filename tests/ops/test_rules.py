"""Every rule of every set is a law: both sides are compared at instances that nobody writes by hand."""

import mpmath
import numpy as np
import pytest
import sympy

from weft.ops.rules import canonical, special, stable
from weft.ops.sympy import to_sympy
from weft.symbolic.errors import LoweringError
from weft.symbolic.evaluate import bind_sizes, run
from weft.symbolic.patterns import Bool
from weft.symbolic.rewrite import Rule
from weft.symbolic.verify import compatible
from weft.testing.high_precision import evaluate_exactly
from weft.testing.instances import instances

from ..sampling import every

SPECIALS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 1e10, -1e10, 1e-10]


def draw(inputs, rng, specials):
    """A value for each input: normal numbers, some of them replaced by NaN, infinities, zeros and large numbers."""
    values = {}
    for node in inputs:
        shape = tuple(4 if not isinstance(d, int) else d for d in node.shape)
        if node.dtype.kind == "f":
            array = rng.normal(size=shape) * 2
            if specials:
                array = np.where(rng.random(shape) < 0.6, rng.choice(SPECIALS, shape), array)
        elif node.dtype == bool:
            array = rng.random(shape) < 0.5
        else:
            limits = np.iinfo(node.dtype)
            array = rng.integers(max(limits.min, -6), 6, shape)
            array = np.where(rng.random(shape) < 0.2, rng.choice([limits.min, limits.max], shape), array)
        values[node] = np.asarray(array).astype(node.dtype)
    bind_sizes({x: value.shape for x, value in values.items()})
    return values


def _cases(*sets):
    return [pytest.param(rule, id=f"{rule.name} {rule.statement}") for rules in sets for rule in rules]


@pytest.mark.parametrize("rule", _cases(canonical, stable, special))
def test_fires_and_keeps_the_type(rule):
    found = instances(rule)
    assert found, "the rule fires at no instance"
    for instance in found:
        left, right = instance
        assert left is not right
        assert compatible(left.type, right.type)
        assert left.type.weak == right.type.weak


@pytest.mark.parametrize("rule", _cases(canonical))
def test_canonical_is_exact_for_specials(rule):
    rng = np.random.default_rng(1)
    for instance in instances(rule):
        for _ in range(3):
            _compare(instance, draw(instance.inputs, rng, specials=True))


@pytest.mark.parametrize("rule", _cases(special))
def test_special_agrees_but_for_rounding(rule):
    rng = np.random.default_rng(2)
    for instance in instances(rule):
        for _ in range(2):
            _compare(instance, draw(instance.inputs, rng, specials=False))


def _compare(instance, values):
    left, right = run([instance.left, instance.right], values)
    assert left.dtype == right.dtype
    assert left.shape == right.shape
    if left.dtype.kind == "f":
        digits = 1e-5 if left.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(right, left, rtol=digits, atol=digits * 1e-3, equal_nan=True)
    else:
        np.testing.assert_array_equal(right, left)


EXTREMES = [
    0.0,
    1e-30,
    1e-12,
    1e-5,
    0.03,
    0.5,
    0.7,
    1.0,
    1.00001,
    1.5,
    5.0,
    17.0,
    40.0,
    90.0,
    200.0,
    720.0,
    800.0,
    1e30,
]


ENABLING = ("forms", "distribute", "shares_of_total")  # these gain nothing alone, but bring factors together


@pytest.mark.parametrize("rule", every(2, _cases([rule for rule in stable if rule not in set(special)])))
def test_stable_has_the_digits_that_the_left_side_loses(rule):
    """The right side is near the exact value of the left one, or as near as the left one; and somewhere nearer."""
    gained = False
    for instance in instances(rule):
        if any(n.type.size in (48, 6) for n in instance.inputs if n.type.is_static) and isinstance(rule, Rule):
            continue  # many digits take their time; the other shapes are enough
        for values in _extremes(instance.inputs):
            gained |= _judge(instance, values)
    assert gained or rule.name.startswith(ENABLING), "the right side is nowhere better"


def _extremes(inputs):
    rng = np.random.default_rng(3)
    both = np.array([*EXTREMES, *(-v for v in EXTREMES)])
    for round_ in range(40 if all(n.ndim == 0 for n in inputs) else 6):
        values = {}
        for node in inputs:
            shape = tuple(4 if not isinstance(d, int) else d for d in node.shape)
            near = rng.choice(both, shape) if round_ % 2 else np.full(shape, rng.choice(both)) + rng.normal(size=shape)
            values[node] = near.astype(node.dtype)
        yield values


def _judge(instance, values):
    exact = evaluate_exactly(instance.left, values)
    left, right = run([instance.left, instance.right], values)
    limits = np.finfo(left.dtype)
    better = False
    too_large = any(np.any(abs(v) > 900) for v in values.values())  # for exp to keep its digits
    for value, before, after in zip(exact.flat, left.flat, right.flat, strict=True):
        if mpmath.isnan(value) or (mpmath.isinf(value) and too_large):
            continue
        if abs(value) > limits.max:
            assert not np.isfinite(after) or abs(after) > limits.max * 0.99
            continue
        errors = [float(abs(mpmath.mpf(float(v)) - value)) if np.isfinite(v) else np.inf for v in (before, after)]
        allowed = 64 * float(limits.eps * abs(value)) + float(limits.tiny)
        assert errors[1] <= max(allowed, 16 * errors[0]), (float(value), before, after, values)
        better |= errors[0] > 4 * max(errors[1], allowed / 32)
    return better


def _formulas():
    """(rule, left - right) for the equations of floats that SymPy knows, for positive arguments."""
    for rule in [*canonical, *stable, *special]:
        if not isinstance(rule, Rule) or rule.dtype.kind != "f" or Bool in rule.variables.annotations:
            continue
        left, right = instances(rule)[0]
        try:
            difference = to_sympy(left) - to_sympy(right)
        except (LoweringError, TypeError):
            continue
        yield rule, difference.subs({s: sympy.Symbol(s.name, positive=True) for s in difference.free_symbols})


def _simpler(difference):
    yield difference
    yield sympy.expand(difference)
    powers = sympy.expand_log(difference.rewrite(sympy.exp), force=True)
    yield sympy.expand(powers)
    yield sympy.cancel(sympy.together(powers))


def test_sympy_proves_most_equations_and_refutes_none():
    proven, open_ = [], []
    for rule, difference in _formulas():
        point = {s: sympy.Rational(3 + 2 * i, 7) for i, s in enumerate(sorted(difference.free_symbols, key=str))}
        assert abs(complex(difference.evalf(30, subs=point))) < 1e-6, f"{rule.name}: {difference} is not 0"
        (proven if any(d == 0 for d in _simpler(difference)) else open_).append(rule)
    assert len(proven) > 4 * len(open_), f"not proven: {[r.statement for r in open_]}"
