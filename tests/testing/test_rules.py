"""`check_rule` finds what is no law, says where and for which values, and lets laws pass; `function(..., rules=)`."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import weft as wf
from weft.ops.elementwise import Elementwise
from weft.ops.rules import special, stable


@wf.rules
def laws(x, y, c: wf.Const):
    yield wf.exp(x) * wf.exp(y), wf.exp(x + y)
    yield wf.tanh(-x), -wf.tanh(x)
    yield (x * c) / c, x, lambda c: c in (2.0, 4.0)
    yield wf.tanh(x) + wf.tanh(x) * y, wf.tanh(x) * (1 + y)


@wf.rules(dtypes=("int",))
def laws_of_integers(x, y):
    yield (x + y) - y, x


@wf.rules
def wrong(x, y, c: wf.Const):
    yield wf.sqrt(x * x), x  # not for negative ones
    yield x / c, x * (1 / c)  # not where 1 / c is out of range
    yield x - x, 0 * wf.exp(x)  # not where exp(x) is out of range
    yield (x * c) / c, x, lambda c: c > 1  # not where x * c is out of range
    yield wf.expm1(x), wf.exp(x) - 1  # loses all digits near 0
    yield wf.maximum(x, y), wf.where(x > y, x, y)  # not for NaN
    yield wf.log(x * y), wf.log(x) + wf.log(y)  # not for two negative ones


@wf.rules(dtypes=("int",))
def wrong_for_integers(x, c: wf.Const):
    yield (x * c) // c, x  # not where the product wraps


@wf.rules(dtypes=("bool",))
def wrong_for_bools(x, y):
    yield wf.logical_or(x, y), wf.logical_xor(x, y)


def statements(*sets):
    return [pytest.param(rule, id=rule.statement) for rules in sets for rule in rules]


@pytest.mark.parametrize("rule", statements(laws, laws_of_integers))
def test_laws_pass(rule):
    wf.check_rule(rule)


@pytest.mark.parametrize("rule", statements(wrong, wrong_for_integers, wrong_for_bools))
def test_what_is_no_law_is_found(rule):
    with pytest.raises(wf.VerifyError, match=r"(?s)is no law: yield .* in place of .* where\n  x0 = ") as caught:
        wf.check_rule(rule)
    assert f"{rule.site}" in "".join(caught.value.__notes__)


def test_the_values_shown_are_where_the_sides_differ():
    with pytest.raises(wf.VerifyError, match=r"sqrt.*becomes.*\n  x0 = array\(-.*dtype=float32\)"):
        wf.check_rule(next(iter(wrong)))


@wf.rewrite(Elementwise, examples=[lambda: wf.sin(wf.vector("x")) * 2])
def doubled_sines(node):
    """2 sin(x) = sin(2 x)"""
    x = next((a.args[0] for a in node.args if getattr(a.op, "function", None) is wf.sin.op.function), None)
    return None if x is None else wf.sin(2 * x)


@wf.rewrite(Elementwise)
def without_examples(node):
    """Nothing is known of where it fires."""
    return


@wf.rewrite(Elementwise, examples=[lambda: wf.sin(wf.vector("x"))])
def not_at_its_example(node):
    """Never."""
    return


@wf.rewrite(Elementwise, examples=[lambda: wf.sin(wf.vector("x", (3,)))])
def of_another_shape(node):
    """sin(x), twice"""
    return wf.stack([node, node]) if node.ndim == 1 else None


def test_functions_of_a_node_are_checked_at_their_examples():
    with pytest.raises(wf.VerifyError, match="doubled_sines is no law: 2 sin"):
        wf.check_rule(doubled_sines)
    with pytest.raises(wf.ArgumentError, match="without_examples fires at none of the expressions"):
        wf.check_rule(without_examples)
    with pytest.raises(wf.VerifyError, match=r"not_at_its_example does not fire at its example <sin\(x\)"):
        wf.check_rule(not_at_its_example)
    with pytest.raises(wf.VerifyError, match="a rule may not change a type"):
        wf.check_rule(of_another_shape)


@wf.rules
def never(x, c: wf.Const):
    yield x * c, x, lambda c: False


@wf.rules
def undone(x):
    yield x * 2, x + x
    yield x + x, x * 2


def test_rules_of_which_nothing_can_be_said():
    with pytest.raises(wf.ArgumentError, match="fires at none of the expressions"):
        wf.check_rule(never)
    with pytest.raises(wf.ArgumentError, match="rules are made by"):
        wf.check_rule(lambda x: x)
    with pytest.raises(wf.ArgumentError, match="no rule was given"):
        wf.check_rule([])
    with pytest.raises(wf.ArgumentError, match="count"):
        wf.check_rule(laws, count=-1)


@wf.rules
def from_nowhere(x, y):
    yield wf.sin(x) - wf.sin(x), 0 * y


def test_a_right_side_may_only_use_what_the_left_one_has():
    with pytest.raises(wf.ArgumentError, match=r"The right side uses y, which the left side does not have"):
        wf.check_rule(from_nowhere)


def test_a_rule_that_undoes_one_of_wefts_is_found():
    with pytest.raises(wf.RewriteLoop, match=r"x \* 2"):
        wf.check_rule(undone)


def test_limits_are_asked_for():
    logistic = next(rule for rule in stable if "exp(x) / (1 + exp(x))" in rule.statement)
    wf.check_rule(logistic, limits=True)
    with pytest.raises(wf.VerifyError, match=r"in place of .*nan"):
        wf.check_rule(logistic)


def test_wefts_own_rules_pass():
    wf.check_rule(wf.RuleSet("some", list(special)[::12]), count=5, limits=True)


# ---- rules in functions -------------------------------------------------------------------------------------------


@wf.rules
def mine(x, y):
    yield wf.sinh(x) / wf.cosh(x), wf.tanh(x)
    yield wf.exp(x) / wf.exp(y), wf.exp(x - y)  # weft itself may spell either side otherwise


def ops_of(f):
    return [node.op.name for node in f.graph.nodes]


@pytest.mark.parametrize("given", [mine, [mine], list(mine), wf.RuleSet("all", [mine])], ids=lambda g: type(g).__name__)
def test_a_function_runs_rules_of_ones_own(given):
    x = wf.vector("x", ("n",), "float64")
    y = wf.sinh(x) / wf.cosh(x)
    plain, ruled = wf.function([x], y), wf.function([x], y, rules=given)
    assert "sinh" in ops_of(plain)
    assert "sinh" not in ops_of(ruled)
    assert "yield wf.sinh(x) / wf.cosh(x), wf.tanh(x)" in ruled.explain("rules")
    value = np.array([-800.0, -1.5, 0.0, 0.3, 900.0])
    np.testing.assert_allclose(ruled(value), np.tanh(value), rtol=1e-14)
    assert np.isnan(plain(value)[[0, 4]]).all()


def test_rules_run_inside_loops_gradients_and_updates():
    x, v = wf.vector("x", (3,), "float64"), wf.shared(np.full(3, 900.0), "v")
    h, _ = wf.scan(lambda h, row: (wf.sinh(h + row) / wf.cosh(h + row), None), wf.zeros((), "float64"), x)
    value = (wf.sinh(x) / wf.cosh(x)).sum()
    f = wf.function([x], [h, wf.grad(value, x)], {v: wf.sinh(v) / wf.cosh(v)}, rules=mine)
    last, gradient = f(np.array([900.0, -0.5, 0.5]))
    np.testing.assert_allclose(last, np.tanh(np.tanh(np.tanh(900.0) - 0.5) + 0.5), rtol=1e-14)
    np.testing.assert_allclose(gradient[1:], 1 - np.tanh([-0.5, 0.5]) ** 2, rtol=1e-14)
    assert v.get_value().tolist() == [1.0, 1.0, 1.0]


def test_rules_do_not_run_where_no_rules_do():
    x = wf.vector("x", dtype="float64")
    assert "sinh" in ops_of(wf.function([x], wf.sinh(x) / wf.cosh(x), rules=mine, optimize=0))


def test_functions_with_rules_travel():
    x = wf.vector("x", dtype="float64")
    f = wf.function([x], wf.sinh(x) / wf.cosh(x), rules=[*mine, doubled_sines])
    for other in (copy.copy(f), copy.deepcopy(f)):
        assert "sinh" not in ops_of(other)
    for given in (mine, doubled_sines):
        f = wf.function([x], wf.sinh(x) / wf.cosh(x), rules=given)
        assert ops_of(pickle.loads(pickle.dumps(f))) == ops_of(f)


def test_rules_that_are_dropped_are_freed():
    x = wf.vector("x", dtype="float64")

    @wf.rules
    def passing(x):
        yield wf.sinh(x) / wf.cosh(x), wf.tanh(x)

    f, gone = wf.function([x], wf.sinh(x) / wf.cosh(x), rules=passing), weakref.ref(passing)
    assert "sinh" not in ops_of(f)
    del f, passing
    gc.collect()
    assert gone() is None


def test_what_is_no_rule_is_refused():
    x = wf.vector("x")
    with pytest.raises(wf.ArgumentError, match=r"function: rules are made by @wf\.rules .* 'fast' is none"):
        wf.function([x], x, rules="fast")
    with pytest.raises(wf.ArgumentError, match="3 is none"):
        wf.function([x], x, rules=[mine, 3])


def test_a_loop_of_rules_is_an_error_of_function():
    x = wf.vector("x")
    with pytest.raises(wf.RewriteLoop, match="undo each other"):
        wf.function([x], x * 2, rules=undone)
