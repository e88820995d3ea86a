"""The engine: what matches, what a result's type is, loops, growth, records; deep and wide graphs."""

import numpy as np
import pytest

from weft.ops import scalar
from weft.ops.decompositions import eigh
from weft.ops.elementwise import Elementwise, cast
from weft.ops.linalg import matmul
from weft.ops.movement import broadcast_to, expand_dims, transpose
from weft.ops.reduce import sum as sum_over
from weft.ops.rules import canonical, special, stable
from weft.ops.scalar import cos, exp, log, log1p, logaddexp, sin, square, tanh, where
from weft.symbolic import patterns
from weft.symbolic.equations import rules
from weft.symbolic.errors import RewriteLoop, VerifyError
from weft.symbolic.evaluate import evaluate, run
from weft.symbolic.expr import apply, toposort
from weft.symbolic.graph import Graph
from weft.symbolic.leaves import constant
from weft.symbolic.patterns import Bool, Const, Matrix
from weft.symbolic.rewrite import RuleSet, rewrite
from weft.symbolic.types import TupleType
from weft.symbolic.variables import matrix, shared, tensor, vector
from weft.symbolic.verify import verify

from ..sampling import rarely


def settled(rule_set, *outputs, record=None):
    """What the outputs become."""
    graph = rewrite(Graph((), outputs), rule_set, record)
    return graph.outputs if len(outputs) > 1 else graph.outputs[0]


@rules
def simple(x, y, c: Const, d: Const):
    """A few equations."""
    yield log(1 + x), log1p(x)
    yield x + 0, x
    yield (x * c) * d, x * (c * d)
    yield log(exp(x) + exp(y)), logaddexp(x, y)
    yield x * x, square(x)
    yield x / c, x * (1 / c), lambda c: c == 4


@pytest.fixture
def x():
    return matrix("x", ("n", 3))


# ---- matching --------------------------------------------------------------------------------------------------------


def test_an_equation_is_applied(x):
    assert settled(simple, log(1 + x)) is log1p(x)


def test_commutative_ops_match_in_either_order(x):
    y = vector("y", (3,))
    assert settled(simple, log(x + 1)) is log1p(x)
    assert settled(simple, log(exp(y) + exp(x))) is logaddexp(y, x)
    assert settled(simple, 2 * (3 * x)).args[1].op.value == 6


def test_a_variable_that_occurs_twice_is_the_same_node(x):
    y = matrix("y", ("n", 3))
    assert settled(simple, x * x) is square(x)
    assert settled(simple, x * y) is x * y


def test_numbers_match_constants_of_any_dtype_and_repeated_ones(x):
    double = matrix("d", ("n", 3), "float64")
    ones = broadcast_to(constant(np.float32(1)), x.shape)
    assert settled(simple, log(1 + double)) is log1p(double)
    assert settled(simple, log(ones + x)) is log1p(x)
    assert settled(simple, log(constant(np.ones((1, 1), np.float32)) + x)) is log1p(x)
    assert settled(simple, log(2 + x)) is log(2 + x)


def test_constants_on_the_right_take_the_dtype_of_the_match_and_are_computed():
    for dtype in ("float32", "float64"):
        x = vector("x", (3,), dtype)
        product = settled(simple, x * 0.1 * 3)
        assert product.dtype == dtype
        assert product.args[1].op.value == np.dtype(dtype).type(0.1) * np.dtype(dtype).type(3)


def test_conditions_see_the_values_of_constants(x):
    assert settled(simple, x / 4) is x * 0.25
    assert settled(simple, x / 3) is x / 3


def test_equations_of_floats_leave_integers_alone():
    n = vector("n", (3,), "int64")
    assert settled(simple, n * n) is n * n
    assert settled(canonical, n * n) is square(n)


def test_an_integer_argument_of_a_float_function_is_cast_to_what_was_matched():
    n = vector("n", (3,), "int8")
    found = settled(simple, log(1.0 + n))
    assert found.dtype == log(1.0 + n).dtype
    np.testing.assert_allclose(evaluate(found, {n: [0, 5, 100]}), np.log1p([0, 5, 100]), rtol=1e-6)


def test_annotations_narrow_what_a_variable_matches(x):
    @rules
    def narrow(x, y: Matrix, c: Bool):
        yield where(c, x, 0), sin(x)
        yield sin(y), cos(y)

    flag, number = vector("flag", (3,), "bool"), vector("number", (3,), "int8")
    assert settled(narrow, where(flag, x, 0)) is cos(x)
    assert settled(narrow, where(number, x, 0)) is where(number, x, 0)
    assert settled(narrow, sin(x[0])) is sin(x[0])


def test_structural_ops_match_by_their_parameters():
    @rules
    def products(a: Matrix, b: Matrix):
        yield matmul(transpose(a), transpose(b)), transpose(matmul(b, a))

    a, b = tensor("a", (3, 4)), tensor("b", (5, 3))
    found = settled(products, matmul(a.T, b.T))
    assert found is matmul(b, a).T
    assert settled(products, matmul(a.T, b.T[::1])) is found


def test_numbers_match_in_the_dtype_of_what_they_are_compared_with():
    @rules
    def tenths(x):
        yield x * 0.1, sin(x)

    for dtype in ("float32", "float64"):
        v = vector("v", (3,), dtype)
        near = np.dtype(dtype).type(0.1)
        assert settled(tenths, v * 0.1) is sin(v)
        assert settled(tenths, v * constant(near)) is sin(v)
        assert settled(tenths, v * constant(np.nextafter(near, near + 1))).op.head is scalar.mul


def test_comparisons_of_a_sort_of_numbers(x):
    @rules(dtypes=("int",))
    def of_integers(x, y):
        yield scalar.gt(x, y), scalar.lt(y, x)

    n, m = vector("n", (3,), "int64"), vector("m", (3,), "uint8")
    assert settled(of_integers, scalar.gt(n, m)) is scalar.lt(cast(m, "int64"), n)
    for left in (scalar.gt(x, n), scalar.gt(n, x), scalar.gt(vector("b", (3,), "bool"), vector("c", (3,), "bool"))):
        assert settled(of_integers, left) is left


def test_a_number_under_a_few_moves_and_under_many():
    two = constant(np.float32(2))
    for _ in range(3):
        two = expand_dims(two, 0)
    assert patterns.number(two) == 2
    assert settled(simple, log(two - 1 + matrix("x", ("n", 3)))).op.head is log
    for _ in range(10):
        two = expand_dims(two, 0)
    assert patterns.number(two) is None
    assert patterns.number(broadcast_to(constant(np.arange(3.0)), (2, 3))) is None


def test_what_takes_the_place_of_several_outputs():
    a = tensor("a", (3, 3), "float64")
    values, _ = eigh(a)
    whole = next(n for n in toposort([values]) if isinstance(n.type, TupleType))

    @rewrite(type(whole.op))
    def of_twice(node):
        (x,) = node.args
        return None if x.op.head is scalar.mul else apply(node.op, x * 2)

    @rewrite(type(whole.op))
    def one_of_them(node):
        return node.args[0]

    new = toposort([settled(RuleSet("one", [of_twice]), values)])
    assert apply(whole.op, whole.args[0] * 2) in set(new)
    assert whole not in set(new)
    with pytest.raises(VerifyError, match="The rule one_of_them makes float64"):
        settled(RuleSet("one", [one_of_them]), values)
    assert repr(of_twice) == of_twice.statement == "of_twice"
    assert repr(next(iter(simple))).startswith("simple line ")


def test_a_constant_twice_and_one_of_two(x):
    @rules
    def twice(x, y, c: Const, d: Const):
        yield x * c + y * c, (x + y) * c, lambda c: c > 2
        yield (x - c) - d, x - (c + d), lambda d, c: c > d

    y = matrix("y", ("n", 3))
    assert settled(twice, x * 3 + 3 * y) is (x + y) * 3
    for left in (x * 3 + y * 4, x * 2 + y * 2, x * 3 + constant(np.full(3, 3.0, "f")) * y):
        assert settled(twice, left) is left
    assert settled(twice, (x - 5) - 2) is x - 7
    assert settled(twice, (x - 2) - 5) is (x - 2) - 5  # conditions take parameters by name


def test_the_same_number_in_two_forms(x):
    @rules
    def idempotent(x):
        yield scalar.maximum(x, x), x

    two, three = constant(np.float32(2)), constant(np.float32(3))
    repeated = broadcast_to(two, (3,))
    assert settled(idempotent, scalar.maximum(two, repeated)) is repeated
    other = scalar.maximum(three, repeated)
    assert settled(idempotent, other) is other


def test_rules_of_a_class_and_of_a_function_in_their_order(x):
    @rewrite(Elementwise, when=lambda *heads: len(heads) == 1)
    def any_function(node):
        return cos(node.args[0]) if node.op.head is tanh else None

    @rewrite(tanh)
    def one_function(node):
        return sin(node.args[0])

    assert settled(RuleSet("a", [any_function, one_function]), tanh(x)) is cos(x)
    assert settled(RuleSet("b", [one_function, any_function]), tanh(x)) is sin(x)
    assert settled(RuleSet("c", [RuleSet("d", [any_function]), one_function]) + simple, tanh(x) * 1) is cos(x) * 1


def test_what_is_remembered_of_nodes_is_bounded(x, monkeypatch):
    monkeypatch.setattr("weft.symbolic.rules._REMEMBERED", 8)
    few = RuleSet("few", list(simple))
    functions = (sin, cos, exp, tanh, square, scalar.neg, scalar.abs, scalar.sqrt)
    for one in functions:
        for other in functions:
            assert settled(few, one(x) + other(x)).op.head is scalar.add
            assert settled(few, log(1 + one(x))) is log1p(one(x))
            assert 0 < len(few._candidates) <= 8


def test_left_sides_as_earlier_rules_leave_them(x):
    @rules(after=canonical)
    def later(x):
        yield tanh(x) / 2 - sin(x) * -3, exp(x)

    assert settled(canonical + later, tanh(x) / 2 - sin(x) * -3) is exp(x)
    assert settled(later, tanh(x) / 2 - sin(x) * -3) is exp(x)


# ---- types -----------------------------------------------------------------------------------------------------------


def test_the_result_has_the_shape_and_dtype_of_what_it_replaces():
    x, wide = tensor("x", (3,), "float32"), tensor("w", (2, 3), "float64")
    found = settled(canonical, x + broadcast_to(constant(np.zeros(())), (2, 3)))
    assert (found.shape, found.dtype) == ((2, 3), np.float64)
    n = tensor("n", ("k", 3), "int32")
    zero = settled(canonical, n * 0)
    assert (zero.shape, zero.dtype) == (n.shape, n.dtype)
    assert settled(canonical, wide * 1) is wide


def test_a_rule_that_changes_a_type_is_refused(x):
    @rewrite(tanh)
    def shrinks(node):
        return sum_over(node.args[0])

    @rewrite(tanh)
    def grows(node):
        return broadcast_to(node.args[0], (2, *node.shape))

    assert settled(RuleSet("one", [shrinks]), tanh(x)).shape == x.shape  # a scalar is repeated
    with pytest.raises(VerifyError, match=r"The rule grows makes float32\(2, n, 3\) of float32\(n, 3\)"):
        settled(RuleSet("one", [grows]), tanh(x))


FITTING = [
    # shape and dtype of a node, those of what takes its place, whether it can
    ((2, 3), "float32", (), "float32", True),
    ((2, 3), "float32", (3,), "float64", True),
    ((2, 3), "float64", (2, 1), "float32", True),
    ((1, 3), "float64", (3,), "float64", True),
    ((2, "n"), "float32", (1, 1), "float32", True),
    ((2, "n"), "float32", (2, 3), "float32", None),
    ((3,), "float32", ("n",), "float32", None),
    ((2, 3), "float32", (1, 2, 3), "float32", False),
    ((1, 3), "float32", (2, 3), "float32", False),
    ((2, 1), "float32", ("n",), "float32", False),
    ((1,), "float32", (2,), "float64", False),
    ((2, 3), "float32", (2, 4), "float32", False),
    ((2, 3), "float32", (2,), "float32", False),
    ((2, "n"), "float32", (3, 1), "float32", False),
]


@pytest.mark.parametrize(("shape", "dtype", "other", "of", "fits"), FITTING)
def test_what_can_take_the_place_of_a_node(shape, dtype, other, of, fits):
    """What a call may find to be of the same sizes stays; what only has to be repeated or cast is."""
    found, given = tanh(tensor("x", shape, dtype)), tensor("y", other, of)

    @rewrite(tanh)
    def replaces(node):
        return given

    if fits is False:
        with pytest.raises(VerifyError, match="a rule may not change a type"):
            settled(RuleSet("one", [replaces]), found)
        return
    new = settled(RuleSet("one", [replaces]), found)
    assert new.dtype == found.dtype
    if fits is None:
        assert new is given
    else:
        assert new.shape == found.shape
        values = np.arange(1.0, 1.0 + np.prod(other)).reshape(other)
        sizes = tuple(d if isinstance(d, int) else 4 for d in new.shape)
        (value,) = run([new], {given: values}, {"n": 4})
        np.testing.assert_array_equal(value, np.broadcast_to(values, sizes))


def test_python_numbers_stay_weak(x):
    found = settled(canonical, (constant(2.0) * constant(0.1)) * tensor("d", (3,), "float64"))
    assert found.args[0].op.value == 0.2
    assert settled(canonical, constant(0.1) * constant(3.0)).type.weak


# ---- order, loops, growth --------------------------------------------------------------------------------------------


def test_what_a_rule_returns_is_rewritten_in_turn(x):
    record = []
    found = settled(canonical + stable, log(1 / (1 + exp(-x))), record=record)
    assert found is -logaddexp(-x, constant(np.float32(0)))
    assert record[0].old is not record[-1].old
    assert "sigmoid" in str(record[1])
    assert "test_rewrite.py" in str(record[0])


def test_new_nodes_belong_to_the_line_of_what_they_replace(x):
    old = log(1 + x)
    assert str(settled(simple, old).site) == str(old.site)


def test_rules_that_undo_each_other_are_named(x):
    @rules
    def there_and_back(x):
        yield sin(x), cos(x)
        yield cos(x), sin(x)

    with pytest.raises(RewriteLoop) as caught:
        settled(there_and_back, exp(sin(x)))
    assert "yield sin(x), cos(x)" in str(caught.value)
    assert "yield cos(x), sin(x)" in str(caught.value)
    assert any("test_rewrite.py" in note for note in caught.value.__notes__)


def test_functions_that_undo_each_other_are_named_too(x):
    @rewrite(sin)
    def there(node):
        """sin becomes cos.

        More is not shown.
        """
        return cos(node.args[0])

    @rewrite(cos)
    def back(node):
        return sin(node.args[0])

    both = RuleSet("both", [there, back])
    with pytest.raises(RewriteLoop) as caught:
        settled(both, exp(sin(x)))
    lines = [line for line in str(caught.value).splitlines() if "test_rewrite.py:" in line]
    assert [line.split("  ")[-1] for line in lines] == ["sin becomes cos.", "back"]
    first = there.function.__code__.co_firstlineno
    assert f"test_rewrite.py:{first}  sin becomes cos." in lines[0]


def test_a_rule_whose_result_contains_what_it_replaces_is_a_loop(x):
    @rules
    def nested(x):
        yield tanh(x), tanh(tanh(x))

    with pytest.raises(RewriteLoop):
        settled(nested, tanh(x))


def test_a_rule_that_never_ends_is_switched_off(x):
    @rules
    def counts(x, c: Const):
        yield x * c, x * (c + 1)
        yield log(1 + x), log1p(x)

    with pytest.warns(RuntimeWarning, match=r"counts line \d+ .* has made \d+ new nodes .* is switched off"):
        found = settled(counts, log(1 + x * 2))
    assert found.op.head is log1p


def test_functions_of_nodes_use_pythons_match(x):
    from weft.symbolic.expr import Expr

    @rewrite(scalar.mul, when=lambda a, b: scalar.exp in (a, b))
    def powers(node):
        match node:
            case Expr(Elementwise(), [Expr(Elementwise(function=scalar.exp), [a]), Expr(_, [b])]):
                return exp(a + b)
        return None

    y = vector("y", (3,))
    assert settled(RuleSet("one", [powers]), exp(x) * exp(y)) is exp(x + y)
    assert settled(RuleSet("one", [powers]), x * exp(y)) is x * exp(y)


def test_sets_join_in_order_without_repeating():
    both = canonical + stable
    assert len(both) == len(canonical) + len(set(stable) - set(canonical))
    assert list(both)[: len(canonical)] == list(canonical)
    assert len(both + both) == len(both)
    assert repr(canonical) == f"RuleSet('canonical', {len(canonical)} rules)"


# ---- graphs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [5_000, rarely(25_000)])
def test_a_long_chain(length):
    x = vector("x", (3,))
    y = x
    for _ in range(length):
        y = -(-sin(y) + 0)
    graph = rewrite(Graph((x,), (y,)), canonical)
    assert len(graph.nodes) == length + 1


def test_a_graph_whose_paths_are_many_and_nodes_few():
    x = vector("x", (3,))
    y = x
    for _ in range(300):
        y = sin(y) * 1 + sin(y)
    assert len(rewrite(Graph((x,), (y,)), canonical).nodes) < 1300


def test_updates_and_values_survive_all_sets():
    rng = np.random.default_rng(0)
    x, w = matrix("x", ("n", 4)), shared(rng.normal(size=(4, 3)).astype("float32"), "w")
    h = tanh(x @ w)
    loss = -sum_over(log(exp(h) / sum_over(exp(h), 1, keepdims=True))) / 7 + sum_over((x * 2.0 / 3.0) ** 2.0)
    graph = Graph((x,), (loss, h), ((w, w - 0.1 * sum_over(x, 0).reshape(4, 1)),))
    after = rewrite(graph, canonical + stable + special)
    verify(after)
    values = {x: rng.normal(size=(5, 4)).astype("float32")}
    for old, new in zip(graph.roots, after.roots, strict=True):
        np.testing.assert_allclose(evaluate(new, values), evaluate(old, values), rtol=1e-5)
    assert after.updates[0][0] is w


def test_rewriting_twice_changes_nothing(x):
    y = log(exp(x) / sum_over(exp(x), 1, keepdims=True)) * 2 / 3 + x**2
    everything = canonical + stable + special
    once = rewrite(Graph((x,), (y,)), everything)
    record = []
    assert rewrite(once, everything, record).outputs == once.outputs
    assert not record


OTHER = vector("other", ("m",))


@rewrite(exp)
def with_another_size(node):
    """exp(x) = exp(x + 0 y), where y may be of another size than x."""
    return None if OTHER in set(toposort([node])) else exp(node.args[0] + 0 * OTHER)


@pytest.mark.parametrize("known", [False, True])
def test_a_rule_may_not_take_more_for_granted_than_the_graph_does(known):
    x = vector("x", ("n",))
    one = settled(RuleSet("wider", [with_another_size]), exp(x), x * OTHER if known else OTHER)[0]
    assert one is (exp(x + 0 * OTHER) if known else exp(x))
