"""What was compiled, as text: every stage, the memory of a call, and profiles, whose figures are those of the rows."""

import numpy as np
import pytest

import weft as wf
from weft.codegen import profile
from weft.codegen.cpu import CPU
from weft.codegen.lowering.program import KernelStep, NestStep
from weft.codegen.passes import pipeline
from weft.symbolic.graph import Graph
from weft.symbolic.text import listing

FLOAT = "float32"


@pytest.fixture(scope="module")
def function():
    """A function with a temporary of its own, one in place of its output, and variables in place and copied."""
    x, w = wf.matrix("x", ("n", 300)), wf.shared(np.ones((300, 300), FLOAT), "w")
    v, copied = wf.shared(np.ones(300, FLOAT), "v"), wf.shared(np.zeros(300, FLOAT), "copied")
    out = wf.tanh(x @ w)
    return wf.function(
        [x], [out, wf.cumsum(x @ w.T, 1)[:, 0]], updates=[(v, v + 1), (copied, wf.cumsum(copied + 2, 0))], name="f"
    )


def test_memory_says_what_each_buffer_is_and_what_a_call_takes(function):
    function(np.ones((20, 300), FLOAT))
    lines = function.explain("memory").splitlines()
    roles = set()
    for line in lines:
        role, _, name, *rest = line.split()
        roles.add((" ".join(["in place of", rest[-1]]) if "in place of" in line else role, name))
    assert ("input", "x") in roles
    assert {("shared", name) for name in ("w", "v", "copied")} <= roles
    assert ("output", "tanh") in roles
    assert ("in place of tanh", "matmul") in roles
    assert ("in place of v", "add") in roles
    assert ("temporary", "cum_sum") in roles
    assert not any(role.startswith("in place of copied") for role, _ in roles)
    (bound,) = [line for line in lines if line.startswith("bound to ((20, 300),)")]
    ((binding,),) = function._idle.values()
    of_all = sum(block.size for block in binding.blocks)
    assert bound.endswith(f": {of_all} bytes of temporaries in an arena of {binding.temporaries}")
    assert of_all >= binding.temporaries >= 2 * 20 * 300 * 4


def test_the_overview_counts_and_lists(function):
    text = function.explain()
    steps = function.program.steps
    kernels = [step.node.op.name for step in steps if isinstance(step, KernelStep)]
    assert sorted(kernels) == ["cum_sum", "cum_sum", "matmul", "matmul"]
    nests = sum(len(step.nests) for step in steps if isinstance(step, NestStep))
    assert f"after {len(pipeline.PASSES)} passes, {nests} loop nests and 4 kernel calls" in text
    assert text.startswith(f"f: {len(function.source.nodes)} nodes as written, {len(function.graph.nodes)} after ")
    for part in (listing(function.source), function.explain("rules"), function.explain("nests")):
        assert part
        assert part in text
    assert "kernel matmul(%0 x(n, 300), " in text


@pytest.mark.parametrize("optimize", [0, 1, 2])
def test_every_stage_is_what_stands_there(optimize):
    x = wf.matrix("x", ("n", 4))
    y = wf.log(wf.exp(x).sum(1)) * (wf.constant(2.0) * 3.0)
    f, seen = wf.function([x], y, optimize=optimize), {}
    after = pipeline.run(Graph((x,), (y,)), optimize, CPU, seen.__setitem__)
    assert list(seen) == [step.name for step in pipeline.PASSES if step.level <= optimize]
    assert f.explain("graph") == listing(f.source)
    assert f.explain("rewritten") == listing(after)
    assert (f.explain("rules") == "no rule fired") == (optimize == 0)
    for step in pipeline.PASSES:
        ran = step.level <= optimize
        expected = listing(seen[step.name]) if ran else f"{step.name} does not run at optimize={optimize}"
        assert f.explain(step.name) == expected
    assert f.explain("ir").count("define ") == len(f.nests)


def test_rows_of_a_profile_are_those_of_the_program():
    x, w = wf.matrix("x", ("n", 300)), wf.shared(np.zeros((300,), FLOAT), "w")
    y = wf.cumsum(x @ x.T, 0)  # a temporary of n * n
    f = wf.function([x], y[:, ::2] * 2, updates={w: wf.cumsum(w + 1, 0)})
    found = f.profile(np.ones((30, 300), FLOAT), repeat=3)
    names = [row.what for row in found.rows]
    assert {"matmul", "cum_sum"} <= set(names)
    assert sum(row.share for row in found.rows) == pytest.approx(1)
    total = sum(row.seconds for row in found.rows)
    for row in found.rows:
        assert row.share == pytest.approx(row.seconds / total)
    assert found.rows[names.index("matmul")].bytes >= 30 * 30 * 4
    assert found.rows[-1].what == "shared"  # the copy into the variable
    np.testing.assert_array_equal(w.get_value(), np.zeros(300))


def test_threads_of_a_profile_are_those_that_run_a_step():
    x = wf.matrix("x")
    for count in (1, 3):
        f = wf.function([x], wf.exp(x), threads=count)
        (row,) = f.profile(np.zeros((64, 5000), FLOAT), repeat=1).rows
        assert row.threads == count


def test_a_profile_as_a_table():
    site = wf.vector("x").site
    rows = (
        profile.StepTime("quick", 2e-6, 0.25, 8000, 3, site),
        profile.StepTime("slow", 6e-6, 0.75, 600, 1, site),
        profile.StepTime("none", 0.0, 0.0, 64, 1, site),
    )
    text = str(profile.Profile(rows, 9.5e-6)).splitlines()
    assert text[0] == "one call 9.5 us, its steps 8.0 us"
    assert [line.split()[:5] for line in text[2:]] == [
        ["6.0us", "75.0%", "0.1", "1", "slow"],
        ["2.0us", "25.0%", "4.0", "3", "quick"],
        ["0.0us", "0.0%", "0.0", "1", "none"],
    ]
    assert all("test_explain.py" in line for line in text[2:])
