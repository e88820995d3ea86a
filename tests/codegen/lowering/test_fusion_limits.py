"""What goes to memory and what is computed again, as a target's FusionLimits say; the results are the same."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.lowering.fuse import fuse
from weft.codegen.lowering.groups import Group, Single
from weft.codegen.reference import FUSION, ReferenceTarget
from weft.symbolic.graph import Graph

from ..graphs import Program, compiled
from ..interpreted import interpreted


def scheduled(inputs, outputs, **limits):
    return fuse(Graph(tuple(inputs), tuple(outputs)), ReferenceTarget(FUSION._replace(**limits)))


def groups(schedule):
    return [step for step in schedule.steps if isinstance(step, Group)]


def names(nodes):
    return sorted(node.op.name for node in nodes)


def stored(schedule):
    """The ops of what a step makes, but for the arguments: what has memory, or passes in registers (`passed_on`)."""
    return names(dict.fromkeys(node for step in schedule.steps for node in step.written))


def passed_on(schedule):
    """The ops of what a nest computes for itself alone, and never writes."""
    found = []
    for group in groups(schedule):
        written = {placed.buffers[w.access.buffer] for placed in group.nests for w in placed.nest.writes}
        found += [node for node in group.roots if node not in written]
    return names(found)


def test_a_chain_is_cut_where_it_is_too_much_to_compute_again():
    x = wf.vector("x", ("n",))
    y = x
    for _ in range(12):
        y = wf.tanh(y)
    assert stored(scheduled([x], [y])) == ["tanh"] * 2  # 8 of each: after the ninth there are more than 64
    assert stored(scheduled([x], [y], recomputed=200)) == ["tanh"]
    assert stored(scheduled([x], [y], recomputed=0)) == ["tanh"] * 12
    assert stored(scheduled([x], [y], expensive=1)) == ["tanh"]


def test_what_is_cheap_and_read_twice_is_computed_twice():
    x, w = wf.matrix("x", ("n", "n")), wf.vector("w", ("n",))
    cheap, dear = x + 1, wf.exp(x)
    for value, op in ((cheap, []), (dear, ["exp"])):
        schedule = scheduled([x, w], [value.sum(0) * w, (value.T * w).sum(1)])
        assert [name for name in stored(schedule) if name in ("add", "exp")] == op


def test_what_is_stretched_along_rows_is_stored():
    """Computed again for each row it would cost more than it takes to read."""
    x, v = wf.matrix("x", ("n", "m")), wf.vector("v", ("m",))
    assert "exp" in stored(scheduled([x, v], [x * wf.exp(v)]))
    assert "add" not in stored(scheduled([x, v], [x * (v + 1)]))
    column = wf.vector("column", ("n",))  # along columns it is computed once a row
    assert "exp" not in stored(scheduled([x, column], [x * wf.expand_dims(wf.exp(column), 1)]))


def test_so_many_buffers_share_a_nest_at_most():
    xs = [wf.vector(f"x{i}", ("n",)) for i in range(8)]
    common = wf.vector("common", ("n",))
    outputs = [x + common for x in xs]
    for most, count in ((24, 1), (9, 2), (5, 4), (0, 8)):
        found = groups(scheduled([*xs, common], outputs, buffers=most))
        assert len(found) == count
        assert all(len(g.reads) + len(g.roots) <= max(most, 3) for g in found)


def test_only_what_has_something_in_common_shares_a_nest():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    assert len(groups(scheduled([x, y], [x + 1, y + 1]))) == 2
    assert len(groups(scheduled([x, y], [x + 1, y + x]))) == 1


def test_different_reduced_axes_are_different_nests():
    x = wf.matrix("x", ("n", "n"))
    assert len(groups(scheduled([x], [x.sum(0), x.sum(1)]))) == 2
    assert len(groups(scheduled([x], [x.sum(1), wf.exp(x), x.max(1)]))) == 1


def test_what_only_its_own_nest_reads_is_not_written():
    x = wf.vector("x", (50,))
    e = wf.exp(x)
    schedule = scheduled([x], [e * 2, e + 1])
    assert passed_on(schedule) == ["exp"]
    (group,) = groups(schedule)
    assert len(group.nests[0].nest.writes) == 2
    assert passed_on(scheduled([x], [e * 2, e])) == []  # it is a result


def test_a_result_and_a_kernels_argument_have_memory_and_views_have_none():
    x, w = wf.matrix("x", (4, 5)), wf.matrix("w", (4, 6))
    schedule = scheduled([x, w], [wf.exp(x).T @ w[:, ::2]])
    (kernel,) = [step for step in schedule.steps if isinstance(step, Single)]
    assert kernel.arguments[0].base.op.name == "exp"
    assert kernel.arguments[1].base is w
    assert stored(schedule) == ["exp", "matmul"]


def test_what_a_reshape_finds_in_another_order_is_copied():
    x = wf.matrix("x", (4, 5))
    assert stored(scheduled([x], [x.T.reshape((20,)) @ wf.reshape(x, (20,))])) == ["matmul", "transpose"]
    assert stored(scheduled([x], [x.reshape((20,)) @ x.reshape((20,))])) == ["matmul"]


def test_bodies_are_fused_by_the_same_limits():
    x = wf.vector("x", (5,))
    last, _ = wf.scan(lambda h, _: (wf.exp(h) * 2 + 1, h.sum()), x, wf.arange(3))
    for limit, wanted in ((64, ["add", "sum"]), (0, ["add", "exp", "mul", "sum"])):
        (loop,) = [s for s in scheduled([x], [last], recomputed=limit).steps if isinstance(s, Single) and s.inner]
        (body,) = loop.inner
        assert stored(body) == wanted


LIMITS = [{}, {"recomputed": 0}, {"buffers": 0}, {"expensive": 0, "recomputed": 10**6}, {"long": 1, "chunks": 3}]


@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_results_are_the_same_whatever_the_limits(limits):
    x, w = wf.matrix("x", ("n", 6), "float64"), wf.matrix("w", (6, 6), "float64")
    h = wf.softmax(wf.tanh(x @ w) + wf.exp(w[0]), 1)
    outputs = [h, h.sum(0), (h.T @ x).max(), *wf.grad((h * h).sum(), [x, w])]
    target = ReferenceTarget(FUSION._replace(few_results=1000, **limits))
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((5, 6)), rng.standard_normal((6, 6))]
    found, _ = interpreted(compiled(Program([x, w], outputs, None, []), target), arrays)
    for one, other in zip(found, wf.evaluate(outputs, dict(zip([x, w], arrays, strict=True))), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
