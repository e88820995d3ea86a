"""A program as data: what its buffers are, which steps use them when, loops and branches included."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu import CPU
from weft.codegen.lowering.buffers import Role
from weft.codegen.lowering.loops import Load
from weft.codegen.lowering.program import BranchStep, CopyStep, KernelStep, LoopStep, NestStep, bodies_of, each_step
from weft.codegen.lowering.text import number_steps, program_text
from weft.codegen.reference import FUSION, ReferenceTarget

from ..graphs import PROGRAMS, Program, compiled

UNFUSED = ReferenceTarget(FUSION._replace(buffers=0, recomputed=0))


def uses(step):
    """The buffers that a step itself reads, and those that it writes."""
    if isinstance(step, NestStep):
        reads = [b[v.access.buffer] for nest, b in step.nests for v in nest.body if isinstance(v, Load)]
        return reads, [b[w.access.buffer] for nest, b in step.nests for w in nest.writes]
    if isinstance(step, KernelStep):
        return [operand.buffer for operand in step.arguments], list(step.outputs)
    if isinstance(step, LoopStep):
        slices = [*step.sequences, *step.stacked]
        reads = [*(c.start for c in step.carries), *(s.whole for s in step.sequences)]
        writes = [*(c.result for c in step.carries), *(s.whole for s in step.stacked)]
        writes += [*(b for c in step.carries for b in (c.before, c.after)), *(s.element for s in slices)]
        return [*reads, *filter(None, [step.count])], [*writes, *filter(None, [step.test, step.taken])]
    if isinstance(step, BranchStep):
        return [step.condition], list(step.outputs)
    assert isinstance(step, CopyStep)
    return [step.source], [step.target]


EACH = [
    pytest.param(name, target, id=f"{name}-{kind}")
    for name in PROGRAMS
    for kind, target in (("fused", CPU), ("unfused", UNFUSED))
]


def built(name, target):
    return compiled(PROGRAMS[name](), target).program


def ends(program):
    """Of each step with bodies: the last time of any of its steps."""
    return {
        step: max(inner.time for body in bodies_of(step) for inner in each_step(body))
        for step in program.all_steps
        if any(bodies_of(step))
    }


@pytest.mark.parametrize(("name", "target"), EACH)
def test_times_go_up_from_step_to_step(name, target):
    times = [step.time for step in built(name, target).all_steps]
    assert times == sorted(set(times))
    assert times[0] >= 1  # at time 0 the arguments are there


@pytest.mark.parametrize(("name", "target"), EACH)
def test_every_use_lies_within_the_lives(name, target):
    program = built(name, target)
    assert len(set(program.buffers)) == len(program.buffers)
    assert [b.number for b in program.buffers] == list(range(len(program.buffers)))
    until = ends(program)
    for step in program.all_steps:
        for buffer in (b for side in uses(step) for b in side):
            assert buffer in program.buffers
            for one in {buffer, buffer.home}:
                assert one.first <= step.time <= one.last
        if isinstance(step, LoopStep):  # the body runs again: what came from outside is still there
            outside = {b for inner in each_step(step.body) for side in uses(inner) for b in side}
            for buffer in {b.home for b in outside if b.first <= step.time}:
                assert buffer.last > until[step]
            wholes = [s.whole for s in (*step.sequences, *step.stacked)]
            for buffer in [*wholes, *(c.result for c in step.carries), *(c.start for c in step.carries)]:
                assert buffer.first <= step.time
                assert buffer.home.last > until[step]
        if isinstance(step, BranchStep):
            for buffer in step.outputs:
                assert buffer.first <= step.time
                assert buffer.home.last >= until[step]


@pytest.mark.parametrize(("name", "target"), EACH)
def test_what_is_read_has_been_written(name, target):
    """Temporaries, in the order of the steps; both bodies of a branch write what it makes."""
    program = built(name, target)
    given = {b for b in program.buffers if b.role in (Role.INPUT, Role.SHARED, Role.CONSTANT)}

    def follow(steps, written):
        for step in steps:
            reads, writes = uses(step)
            scratch = {b for b in writes if b.role is Role.SCRATCH}  # made by one nest of the step, read by the next
            assert {b.home for b in reads} <= {b.home for b in written | scratch}
            inside = set(written)
            if isinstance(step, LoopStep):
                inside |= {c.before for c in step.carries} | {s.element for s in step.sequences}
            bodies = [follow(body, set(inside)) for body in bodies_of(step)]
            if isinstance(step, LoopStep):
                needed = {c.after for c in step.carries} | {s.element for s in step.stacked}
                assert needed | set(filter(None, [step.test])) <= bodies[0]
            if isinstance(step, BranchStep):
                assert all({b.home for b in step.outputs} <= {b.home for b in body} for body in bodies)
            written |= set(writes)
        return written

    written = follow(program.steps, given)
    assert {b.home for b in program.results} <= {b.home for b in written}


@pytest.mark.parametrize(("name", "target"), EACH)
def test_aliases_stand_in_memory_of_their_size(name, target):
    for buffer in built(name, target).buffers:
        home = buffer.home
        assert home.alias is None or home.role is Role.ELEMENT
        if buffer.alias is not None and buffer.role is not Role.ELEMENT:
            assert buffer.role is Role.TEMPORARY
            assert home.role in (Role.OUTPUT, Role.SHARED, Role.TEMPORARY)
            assert buffer.shape == home.shape
            assert buffer.dtype.itemsize == home.dtype.itemsize
        if buffer.role is Role.ELEMENT:
            assert buffer.alias is not None
            assert buffer.shape == buffer.alias.shape[1:]
            assert buffer.dtype == buffer.alias.dtype


@pytest.mark.parametrize("name", PROGRAMS)
def test_roles_are_those_of_the_graph(name):
    function = compiled(PROGRAMS[name]())
    program, graph = function.program, function.graph
    assert [b.node for b in program.inputs] == list(graph.inputs)
    assert all(b.role is Role.INPUT for b in program.inputs)
    assert [b.node for b in program.results] == [*graph.outputs, *(new for _, new in program.replaced)]
    assert all(b.role is Role.OUTPUT for b in program.results)
    shared = {b.node for b in program.buffers if b.role is Role.SHARED}
    assert {b.node for b in program.shared} == shared
    assert shared <= {*graph.shared, *(s for s, _ in graph.updates)}
    assert all(b.node is None for b in program.buffers if b.role is Role.SCRATCH)
    written = {b.home for step in program.steps[: program.commit] for b in uses(step)[1]}
    assert not [b for b in written if b.role is Role.SHARED]


def test_a_step_in_a_loop_is_numbered_within_it():
    program = compiled(PROGRAMS["scan"]()).program
    names = number_steps(program)
    assert list(names) == list(program.all_steps)
    assert len(set(names.values())) == len(names)
    for step in program.steps:
        for place, inner in enumerate(inner for body in bodies_of(step) for inner in body):
            assert names[inner] == f"{names[step]}.{place}"
    for line in (f"{name}: " for name in names.values()):
        assert line in program_text(program, sites=False)


def test_the_same_nest_of_two_steps_is_one():
    xs = [wf.vector(f"x{i}", (5,)) for i in range(3)]
    program = compiled(Program(xs, [wf.tanh(x) for x in xs], None, [])).program
    assert len(program.steps) == 3
    assert len(program.nests) == 1


def test_a_constant_is_one_buffer_wherever_it_is_read():
    """Also in bodies."""
    c, x = wf.constant(np.arange(4.0, dtype="float32").reshape(2, 2)), wf.matrix("x", (2, 2))
    last, _ = wf.scan(lambda h, _: (h @ c, h.sum()), x, wf.arange(3))
    program = compiled(Program([x], [last, x @ c], None, [])).program
    assert sum(b.role is Role.CONSTANT and b.node is c for b in program.buffers) <= 1
    assert sum(b.role is Role.CONSTANT and b.node is not None and b.node.shape == (2, 2) for b in program.buffers) >= 1
