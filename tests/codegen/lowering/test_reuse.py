"""What may stand in another's memory, in which order variables are written, and which are copied."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.lowering.buffers import Role
from weft.codegen.lowering.program import BranchStep, CopyStep, KernelStep, LoopStep, NestStep

from ..graphs import Program, compiled, variable
from ..interpreted import interpreted


def program(inputs, outputs, updates=None):
    return compiled(Program(inputs, outputs, updates, [])).program


def homes(found):
    """(what stands there, where it stands) for each alias."""
    return [(b.node.op.name, b.alias.node.name or b.alias.node.op.name) for b in found.buffers if b.alias is not None]


def matrices(*names):
    return [wf.matrix(name, (4, 4)) for name in names]


def test_the_last_reader_puts_a_result_in_its_place():
    x, y = matrices("x", "y")
    assert homes(program([x, y], [wf.exp(x @ y)])) == [("matmul", "exp")]


@pytest.mark.parametrize(
    "result",
    [
        lambda p, x: [wf.exp(p), p @ x],  # read later
        lambda p, x: [p.T + 1],  # at other places
        lambda p, x: [(p + 1)[:2] * 1],  # of another shape
        lambda p, x: [wf.cumsum(p, 0)],  # by a kernel, which reads as it likes
        lambda p, x: [p.astype("float64") * 2],  # of other bytes
        lambda p, x: [p * 1 + p[::-1]],  # at two places
        lambda p, x: [wf.concatenate([p, p[:0]], 0)],  # by several nests
    ],
)
def test_what_is_not_put_in_place(result):
    x, y = matrices("x", "y")
    found = program([x, y], result(x @ y, x))
    assert ("matmul", "exp") not in homes(found)
    assert not [b for b in found.buffers if b.alias is not None and b.node.op.name == "matmul"]


def test_inputs_and_results_keep_their_memory():
    x, y = matrices("x", "y")
    product = x @ y
    found = program([x, y], [product, wf.exp(product), wf.exp(x)])
    assert homes(found) == []


@pytest.mark.parametrize("others", range(10))
def test_of_two_that_are_made_at_once_the_first_stands_in_the_result(others):
    x, y = matrices("x", "y")
    first, second = wf.max(x, 1), wf.exp(x).sum(1)
    kept = [wf.vector(f"unused{i}", (4,)) for i in range(others)]  # other addresses, and another order in sets
    found = program([x, y, *kept], [first * second + y[0]])
    assert homes(found) == [("max", "add")]


def steps_of(found):
    return [type(step) for step in found.steps]


def test_a_new_value_stands_in_place_of_the_old_one():
    x, s = wf.vector("x", (6,)), variable("s", 6)
    found = program([x], [x.sum()], [(s, s * 0.9 + x)])
    assert homes(found) == [("add", "s")]
    assert found.commit == len(found.steps) - 1


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (lambda s, x: wf.cumsum(s, 0), "made by a kernel"),
        (lambda s, x: s[::-1] + x, "read at other places"),
        (lambda s, x: wf.concatenate([s[1:], x[:1]]), "made by several nests"),
        (lambda s, x: s - s.mean(), None),  # the mean is read before
        (lambda s, x: wf.where(s > x, x, s) + wf.argmax(s, 0).astype("float32"), None),  # so is the place
    ],
)
def test_which_new_values_are_copied(new, why):
    x, s = wf.vector("x", (6,)), variable("s", 6)
    found = program([x], [], [(s, new(s, x))])
    assert (CopyStep in steps_of(found)) == (why is not None)
    assert any(alias == "s" for _, alias in homes(found)) == (why is None)


def test_what_is_stored_beside_a_sum_in_parts_is_written_in_place():
    """Each part of the sum reads its own elements alone, each before it is written."""
    s = variable("s", 40_000)
    asked = compiled(Program([], [wf.exp(s).sum()], [(s, s * 2)], []))
    (step,) = asked.program.steps
    assert len(step.nests) == 2
    assert ("mul", "s") in homes(asked.program)
    before = s.get_value()
    (total,), new = interpreted(asked, [])
    np.testing.assert_array_equal(new[s], before * 2)
    np.testing.assert_allclose(total, np.exp(before.astype(np.float64)).sum(), rtol=1e-6)


def test_what_every_step_of_a_sum_reads_is_not_written_over():
    """All rows read s, and one of them would write it."""
    s, x = variable("s", 300), wf.matrix("x", (400, 300))
    found = program([x], [(x * s).sum(0)], [(s, (x[0] * s) * 2)])
    asked = compiled(Program([x], [(x * s).sum(0)], [(s, (x[0] * s) * 2)], []))
    values, before = np.random.default_rng(0).random((400, 300), np.float32), s.get_value()
    (sums,), new = interpreted(asked, [values])
    np.testing.assert_array_equal(new[s], values[0] * before * 2)
    np.testing.assert_allclose(sums, (values.astype(np.float64) * before).sum(0), rtol=1e-6)
    assert found.commit


def test_a_variable_that_is_read_later_is_copied_last():
    """Two variables that change places: one is written in place, the other after it."""
    s, t = variable("s", 6), variable("t", 6)
    swapped = compiled(Program([], [], [(s, t * 1.5), (t, s * 2.0)], []))
    before = s.get_value(), t.get_value()
    _, new = interpreted(swapped, [])
    np.testing.assert_array_equal(new[s], before[1] * np.float32(1.5))
    np.testing.assert_array_equal(new[t], before[0] * np.float32(2))


def test_variables_are_written_after_all_that_may_fail():
    """A gather may refuse its indices: though the update was written first, it comes last."""
    x, i, s = wf.vector("x", (6,)), wf.vector("i", (3,), "int64"), variable("s", 6)
    found = program([x, i], [x[i] * 2], [(s, s + x)])
    late, early = found.steps[found.commit :], found.steps[: found.commit]
    assert any(isinstance(step, KernelStep) for step in early)
    assert [type(step) for step in late] == [NestStep]
    written = {b.home for step in late for _, buffers in step.nests for b in buffers}
    assert any(b.role is Role.SHARED for b in written)


def test_what_other_steps_wait_for_is_not_late():
    """A new value that a kernel reads is made early, in memory of its own."""
    x, s = wf.matrix("x", (4, 4)), variable("s", 4, 4)
    new = s + x
    found = program([x], [new @ x], [(s, new)])
    assert [type(step) for step in found.steps] == [NestStep, KernelStep, CopyStep]
    assert found.commit == 2
    assert homes(found) == []


def test_a_variable_of_another_size_gets_another_array():
    x, s = wf.vector("x", (6,)), variable("s", 2, sizes=("rows",))
    found = program([x], [x * 2], [(s, wf.concatenate([s, x]))])
    assert [shared for shared, _ in found.replaced] == [s]
    assert [b.role for b in found.results] == [Role.OUTPUT, Role.OUTPUT]
    assert CopyStep not in steps_of(found)


def test_bodies_write_nothing_in_place_of_variables():
    x, s = wf.vector("x", (6,)), variable("s", 6)
    for found, kind in (
        (program([x], [], [(s, wf.scan(lambda h, _: (h * 0.5 + x, h.sum()), s, wf.arange(3))[0])]), LoopStep),
        (program([x], [], [(s, wf.cond(x[0] > 0, lambda: s + x, lambda: s * 2))]), BranchStep),
    ):
        assert kind in steps_of(found)
        assert steps_of(found)[-1] is CopyStep
        assert not any(b.role is Role.SHARED for b in (x.home for x in found.buffers if x.alias is not None))
