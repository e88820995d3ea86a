"""Nodes: equal structure is the same object, leaves are not, and nothing depends on the depth of a graph."""

import copy
import gc
import multiprocessing
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import weft as wf
from weft.symbolic import expr
from weft.symbolic.errors import at_site
from weft.symbolic.expr import depends, toposort
from weft.symbolic.substitution import substitute
from weft.symbolic.text import listing

DEEP = 5_000  # five times Python's limit on recursion, and more


def chain(x, length=DEEP):
    for _ in range(length):
        x = wf.sin(x)
    return x


def test_equal_structure_is_the_same_object():
    x = wf.matrix("x")
    assert wf.exp(x) is wf.exp(x)
    assert x + 1 is x + 1
    assert (x * 2.0).sum(axis=0) is (x * 2.0).sum(axis=0)
    assert x + 1 is not x + 2
    assert x.sum(axis=0) is not x.sum(axis=1)
    assert x - x.T is not x.T - x


def test_inputs_of_the_same_name_are_different():
    a, b = wf.vector("x", ("n",)), wf.vector("x", ("n",))
    assert a is not b
    assert wf.exp(a) is not wf.exp(b)
    assert wf.shared(1.0, "w") is not wf.shared(1.0, "w")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        (1.0, np.float32(1.0)),
        (np.zeros(2, "float32"), np.zeros(2, "float64")),
        (np.zeros(2, "float32"), np.zeros((2, 1), "float32")),
    ],
)
def test_constants_that_python_calls_equal_are_different(one, other):
    assert wf.constant(one) is not wf.constant(other)


@pytest.mark.parametrize("value", [1, 1.0, True, 0.0, -0.0, float("nan"), float("inf"), np.arange(3)])
def test_equal_constants_are_the_same(value):
    assert wf.constant(value) is wf.constant(copy.copy(value))


def test_large_constants_are_compared_by_identity():
    array = np.zeros(1000)
    assert wf.constant(array) is not wf.constant(array)


def test_constants_are_copies():
    array = np.zeros(3)
    node = wf.constant(array)
    array[:] = 1
    np.testing.assert_array_equal(wf.evaluate(node), np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        node.op.value[0] = 1


def test_sets_tell_nodes_apart_and_truth_is_an_error():
    x = wf.vector("x")
    assert x in {x: 1}
    assert wf.vector("x") not in {x}
    assert len({x, x, x + 1, x + 1}) == 2
    with pytest.raises(TypeError, match="truth of an expression is not known"):
        bool(x > 0)
    with pytest.raises(TypeError, match="truth of an expression is not known"):
        bool(wf.eq(x, x))


def test_comparisons_are_of_elements():
    x, t = wf.vector("x", ("n",)), wf.vector("t", ("n",), dtype="int64")
    values = {x: np.array([0.0, 1.0, np.nan], "float32"), t: np.array([0, 2, 1])}
    for other in (0, 1.0, True, np.float32(1), np.array([0, 5, 1]), [0.0, 1.0, 2.0], t, x, wf.constant(1)):
        raw = values.get(other, other) if isinstance(other, wf.Expr) else other
        raw = wf.evaluate(other, values) if isinstance(other, wf.Expr) else raw
        for found, expected in (
            (x == other, values[x] == raw),
            (x != other, values[x] != raw),
            (other == x, values[x] == raw),
            (other != x, values[x] != raw),
        ):
            assert isinstance(found, wf.Expr)
            np.testing.assert_array_equal(wf.evaluate(found, values), expected)
    n = wf.scalar("k", dtype="int64")
    for found in (n == x.shape[0], x.shape[0] == n):
        assert wf.evaluate(found, {**values, n: 3})


@pytest.mark.parametrize("other", [None, "x", int, object(), {}])
def test_what_is_no_value_is_never_equal(other):
    x = wf.vector("x")
    assert (x == other, other == x, x != other, other != x) == (False, False, True, True)


def test_length_and_iteration():
    x = wf.matrix("x", (3, "n"))
    assert len(x) == 3
    assert [row.shape for row in x] == [(wf.SymDim("n"),)] * 3
    with pytest.raises(TypeError, match="length of this expression is n"):
        len(x.T)
    with pytest.raises(TypeError, match="scalar expression has no length"):
        len(wf.scalar("s"))


def test_numpy_arrays_leave_operators_to_expressions():
    x = wf.vector("x", (3,), "float64")
    left = np.ones(3) + x
    assert isinstance(left, wf.Expr)
    assert left.shape == (3,)
    assert isinstance(np.float64(2.0) * x, wf.Expr)


def test_the_table_forgets_nodes_that_nobody_holds():
    x = wf.vector("x")
    gc.collect()
    before = len(expr._table)
    y = chain(wf.exp(x * 17.25), 100)
    assert len(expr._table) >= before + 100
    del y
    gc.collect()
    assert len(expr._table) <= before + 2  # the two constants 17.25 stay at hand


def test_what_is_remembered_of_types_is_bounded(monkeypatch):
    monkeypatch.setattr(expr, "_REMEMBERED", 8)
    monkeypatch.setattr(expr, "_known", {})
    for size in range(1, 30):
        assert wf.exp(wf.vector("x", (size,))).shape == (size,)
        assert 0 < len(expr._known) <= 8


def test_an_entry_whose_node_has_gone_gives_way_to_a_new_one():
    """A collection may stand between a node's end and that of its entry."""
    x = wf.vector("x")
    node = wf.exp(x)
    key = (node.op, node.args)
    entry = expr._table[key]
    del node
    gc.collect()
    assert entry() is None
    expr._table[key] = entry
    made = wf.exp(x)
    assert made is wf.exp(x)
    expr._forget(entry)
    assert made is wf.exp(x), "the end of the old one is not that of the new one"


def test_nodes_made_by_many_threads_are_the_same():
    x = wf.vector("x")
    start = threading.Barrier(4)

    def build(_):
        start.wait()
        return chain(x * 0.5, 500)

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(build, range(4))
    assert all(other is first for other in others)


def test_toposort_gives_arguments_first_and_each_node_once():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    a = x + y
    root = wf.exp(a) * a - x
    order = toposort([root, a])
    assert len(order) == len(set(order)) == 6
    for place, node in enumerate(order):
        assert all(arg in set(order[:place]) for arg in node.args)
    assert toposort([root], into=lambda n: n is not a)[0] is a


def test_depends_finds_what_lies_between():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    a, b = wf.exp(x), wf.exp(y)
    root = a * b
    assert depends(toposort([root]), [x]) == {x, a, root}
    assert depends(toposort([root]), [wf.vector("z")]) & {a, b, root} == set()


def test_substitute_keeps_what_it_does_not_touch():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    untouched = wf.exp(y)
    (result,) = substitute([wf.sin(x) + untouched], {x: y})
    assert result is wf.sin(y) + untouched
    (same,) = substitute([untouched], {x: y})
    assert same is untouched


def test_substitute_exchanges_in_one_step():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    (result,) = substitute([x - y], {x: y, y: x})
    assert result is y - x


def test_sizes_of_what_lies_below_a_replaced_node_do_not_count():
    x, z = wf.vector("x", ("n",)), wf.vector("z", ("n",))
    below = wf.exp(z)
    (result,) = substitute([x * wf.symbolic.leaves.size(x.shape[0]) + below], {x: wf.zeros(5), below: wf.ones(5)})
    np.testing.assert_array_equal(wf.evaluate(result), np.ones(5))
    assert result.shape == (5,)


def test_sizes_that_are_values_follow_what_they_are_computed_from():
    k, j, x = wf.scalar("k", dtype="int64"), wf.scalar("j", dtype="int64"), wf.vector("x", (6,))
    old = wf.ones((wf.abs(k) + 1,)) * 2 + k
    new, part, same = substitute([old, x[: k % 4].sum(), wf.zeros((j,))], {k: j * 2})
    np.testing.assert_array_equal(wf.evaluate(new, {j: 2}), np.full(5, 6))
    assert wf.evaluate(part, {j: 5, x: np.arange(6.0)}) == 1
    assert same is wf.zeros((j,))
    assert substitute([old], {j: k})[0] is old


def test_graphs_know_their_parts():
    x, w, c = wf.vector("x", (2,)), wf.shared(np.ones(2, "f"), "w"), wf.constant(np.ones(2, "f"))
    graph = wf.Graph((x,), (x * w, c), ((w, w + x * w),))
    assert (graph.shared, graph.constants, graph.free_inputs) == ([w], [c], [x])
    assert graph.users[x * w] == [w + x * w]
    assert graph.users[w] == [x * w, w + x * w]
    assert wf.Graph((), (x * x,)).users[x] == [x * x, x * x]
    assert graph.replace({}) is graph
    other = graph.replace({x: c})
    assert (other.inputs, other.outputs, other.updates) == ((x,), (c * w, c), ((w, w + c * w),))


def test_an_op_without_a_meaning_says_so():
    class Blank(wf.Op):
        pass

    class Typed(wf.Op):
        def infer(self, x):
            return x

    x = wf.vector("x", (2,))
    with pytest.raises(NotImplementedError, match="Blank does not say what its result's shape and dtype are"):
        wf.apply(Blank(), x)
    typed = wf.apply(Typed(), x)
    assert repr(typed) == "<typed(x): float32(2,)>"
    with pytest.raises(NotImplementedError, match="Typed has no NumPy reference"):
        wf.evaluate(typed, {x: np.ones(2)})
    with pytest.raises(wf.GradientError, match="typed has no derivative"):
        wf.grad(typed.sum(), x)


@pytest.mark.parametrize(
    ("shape", "value", "says"),
    [
        (("n", 2), (3,), r"x has 2 axes, its value 1: \(3,\)"),
        (("n", "n"), (3, 2), r"x has shape \(n, n\), its value \(3, 2\)"),
        ((2, "n"), (3, 2), r"x has shape \(2, n\), its value \(3, 2\)"),
    ],
)
def test_values_that_do_not_fit(shape, value, says):
    x = wf.tensor("x", shape)
    with pytest.raises(wf.ShapeError, match=says) as caught:
        wf.evaluate(x * 2, {x: np.ones(value)})
    assert "test_expr.py" in "".join(caught.value.__notes__)


def test_substituted_nodes_keep_the_users_line():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    old = wf.sin(x)
    new = substitute([old], {x: y})[0]
    assert new.site.line == old.site.line
    assert "old = wf.sin(x)" in new.site.text


def test_at_site_is_undone_after_an_error():
    x = wf.vector("x")
    with pytest.raises(ValueError, match="inside"), at_site(x.site):
        raise ValueError("inside")
    assert "wf.sqrt(x * 1.75)" in wf.sqrt(x * 1.75).site.text


class TestPickle:
    def test_in_the_same_process_it_is_the_same_object(self):
        x = wf.matrix("x", ("n", 3))
        y = wf.softplus(x @ wf.constant(np.ones((3, 2), "float32"))).sum()
        assert pickle.loads(pickle.dumps(y)) is y
        assert copy.deepcopy(y) is y
        assert copy.copy(y) is y

    def test_several_expressions_share_what_they_shared(self):
        x = wf.vector("x")
        pair = pickle.loads(pickle.dumps([wf.exp(x), wf.exp(x) + x]))
        assert pair[1].args[0] is pair[0]

    def test_shared_variables_become_their_own(self):
        w = wf.shared(np.arange(3.0), "w")
        twin, expression = pickle.loads(pickle.dumps((w, w * 2)))
        assert expression.args[0] is twin
        assert twin is not w
        w.set_value(np.zeros(3))
        np.testing.assert_array_equal(twin.get_value(), np.arange(3.0))

    def test_lines_travel(self):
        x = wf.vector("x")
        y = wf.exp(x)
        file, line = y.site.file, y.site.line
        data = pickle.dumps(y)
        del y
        travelled = pickle.loads(data)
        assert (travelled.site.file, travelled.site.line) == (file, line)

    def test_inputs_of_another_process_stay_apart(self):
        code = "import pickle, sys, weft as wf; x = wf.vector('theirs', (2,)); sys.stdout.buffer.write(pickle.dumps(x))"
        results = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in "ab"]
        mine = [wf.vector("mine") for _ in range(50)]
        theirs = [pickle.loads(data) for data in results]
        assert [t.name for t in theirs] == ["theirs", "theirs"]
        assert theirs[0] is not theirs[1]
        assert not set(theirs) & set(mine)

    @pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system does not fork")
    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_inputs_of_a_forked_process_stay_apart(self):
        with multiprocessing.get_context("fork").Pool(1) as pool:
            theirs = pool.apply(_fresh_input)
        mine = [wf.scalar() for _ in range(20)]
        assert theirs not in set(mine)


def _fresh_input():
    return wf.scalar("theirs")


class TestDeepGraphs:
    """Nothing recurses."""

    def test_gradient_value_and_text(self):
        x = wf.vector("x", (2,), "float64")
        y = chain(x)
        (value, slope) = wf.evaluate([y, wf.grad(y.sum(), x)], {x: np.array([0.5, 0.0])})
        expected = np.array([0.5, 0.0])
        for _ in range(DEEP):
            expected = np.sin(expected)
        np.testing.assert_allclose(value, expected)
        assert 0 < slope[0] < 1
        assert slope[1] == 1
        assert repr(y).startswith("<sin(sin(")
        assert len(listing(wf.Graph((x,), (y,))).splitlines()) == DEEP + 2

    def test_pickle_and_substitute(self):
        x, z = wf.vector("x", (2,)), wf.vector("z", (2,))
        y = chain(x)
        assert pickle.loads(pickle.dumps(y)) is y
        assert substitute([y], {x: z})[0] is chain(z)

    def test_destruction(self):
        y = chain(wf.vector("x"), 10 * DEEP)
        z = chain(wf.vector("z"))
        before = len(expr._table)
        del y, z
        gc.collect()
        assert len(expr._table) < before - 10 * DEEP


@pytest.mark.parametrize(
    ("returned", "error", "says"),
    [
        (np.zeros((3, 1)), wf.ShapeError, r"returned an array of shape \(3, 1\), and its `infer` says \(3,\)"),
        (np.zeros(2), wf.ShapeError, r"returned an array of shape \(2,\), and its `infer` says \(3,\)"),
        (np.zeros(3, "complex128"), wf.DTypeError, "returned complex128, and its `infer` says float32"),
    ],
)
def test_a_reference_that_departs_from_what_was_inferred(returned, error, says):
    class Departing(wf.Op):
        def infer(self, x):
            return x

        def numpy(self, x):
            return returned

    x = wf.vector("x", ("n",))
    with pytest.raises(error, match="Departing: its `numpy` " + says) as caught:
        wf.evaluate(wf.apply(Departing(), x), {x: np.zeros(3, "f4")})
    assert "test_expr.py" in "".join(caught.value.__notes__)


def test_a_reference_may_answer_0_and_1_for_bools_and_nothing_else():
    class Answering(wf.Op):
        def infer(self, x):
            return wf.Type(np.dtype("bool"), x.shape)

        def numpy(self, x):
            return x.astype("int8")

    x = wf.vector("x", ("n",))
    node = wf.apply(Answering(), x)
    assert wf.evaluate(node, {x: [0, 1]}).tolist() == [False, True]
    with pytest.raises(wf.DTypeError, match="returned int8, and its `infer` says bool"):
        wf.evaluate(node, {x: [0, 2]})
