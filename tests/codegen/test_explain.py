"""What was compiled, as text: every stage, the memory of a call, and profiles, whose figures are those of the rows."""

import re

import numpy as np
import pytest

import weft as wf
from weft.codegen import profile
from weft.codegen.cpu import CPU
from weft.codegen.cpu.run import made, native
from weft.codegen.lowering.program import BranchStep, KernelStep, LoopStep, NestStep
from weft.codegen.lowering.text import number_steps
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
    ((binding,),) = function._idle.values()
    sums = {line.split()[0]: int(line.split()[1]) for line in lines[-6:]}
    assert sums["temporaries"] == binding.temporaries >= 2 * 20 * 300 * 4
    assert sums["arguments"] == 20 * 300 * 4
    assert sums["variables"] == (300 * 300 + 300 + 300) * 4
    assert sums["results"] == (20 * 300 + 20) * 4
    assert sums["all"] == sum(sums.values()) - sums["all"]


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


# ---- plans and memory ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def controlled():
    """A function with kernels, a scatter in two launches, a loop and a branch, after a call with n = 5."""
    x, i = wf.matrix("x", ("n", 4)), wf.vector("i", ("n",), "int64")
    w, s = wf.shared(np.eye(4, dtype=FLOAT), "w"), wf.shared(np.ones(4, FLOAT), "s")
    last, states = wf.scan(lambda h, row: (wf.tanh(row @ w + h),) * 2, wf.zeros((4,)), x)
    y = wf.cond(last[0] > 0, lambda: states @ w, lambda: states * 2)
    outputs = [states, wf.index_add(wf.zeros((5, 4)), i, y), wf.exp(wf.max_pool2d(x.reshape((1, 1, -1, 4)), 2))]
    f = wf.function([x, i], outputs, updates={s: s + last}, threads=1)
    f(np.ones((5, 4), FLOAT), np.arange(5))
    return f


def kernel_steps(f):
    return [step for step in f.program.all_steps if isinstance(step, KernelStep)]


def planned(f):
    """The lines of a plan that belong to each step, by its name."""
    found, name = {}, None
    for line in f.explain("plan").splitlines()[:-1]:
        if line.strip().startswith("step "):
            name = line.strip().split(":")[0]
        found.setdefault(name, []).append(line.strip())
    return found


def test_a_plan_names_the_way_and_the_buffers_of_each_kernel(controlled):
    texts, names = planned(controlled), number_steps(controlled.program)
    steps = kernel_steps(controlled)
    assert sorted(step.label for step in steps) == ["matmul", "matmul", "max_pool", "scatter_add"]
    ways = {"matmul": "tile float32", "max_pool": "max of each window", "scatter_add": "+=, units own ranges of out"}
    for step in steps:
        head, *rest = texts[names[step]]
        assert head.startswith(f"{names[step]}: {step.label}: ")
        assert ways[step.label] in head
        launches = [line for line in rest if " unit" in line]
        assert launches
        assert all(" on 1 thread: " in line for line in launches)
        for buffer in (*step.outputs, *(operand.buffer for operand in step.arguments)):
            assert any(f"{buffer.label}," in f"{line}," for line in launches)
    scatter = next(step for step in steps if step.label == "scatter_add")
    assert any("bytes of scratch" in line for line in texts[names[scatter]])


def test_a_plan_says_how_loops_and_branches_jump(controlled):
    texts, names = planned(controlled), number_steps(controlled.program)
    loop = next(step for step in controlled.program.steps if isinstance(step, LoopStep))
    branch = next(step for step in controlled.program.steps if isinstance(step, BranchStep))
    begun = texts[names[loop]]
    assert begun[:2] == [f"{names[loop]}: scan: begin of the steps", f"{names[loop]}: scan: end of a step"]
    assert [line for line in begun if "copy: rows of 1 x 4" in line]  # the last carry
    assert texts[names[branch]] == [
        f"{names[branch]}: cond: to one of two bodies",
        f"{names[branch]}: cond: to the end",
    ]
    assert f"{names[loop]}.0" in texts
    assert {f"{names[branch]}.0", f"{names[branch]}.1"} <= set(texts)


def test_a_plan_of_nests_says_how_they_are_cut_and_which_run_together():
    x = wf.matrix("x", ("n", 600))
    f = wf.function([x], wf.softmax(x, 1), threads=2)
    assert f.explain("plan") == "sizes are known when it is called: there was no call yet"
    f(np.zeros((500, 600), FLOAT))
    lines = f.explain("plan").splitlines()
    nests = [line for line in lines if "loop nest in 500 units on 2 threads" in line]
    assert len(nests) == len(f.program.steps)
    others = ", ".join(f"step {n}" for n in range(1, len(nests)))
    assert re.search(rf"^step 0: max: .*; with {others} in blocks of \d+ of 500 rows$", lines[0])
    assert all("; with" not in line for line in lines[1:])


def test_plans_are_printed_without_compiling(controlled, monkeypatch):
    wanted = controlled.explain("plan")
    monkeypatch.setattr(made, "address", None)
    monkeypatch.setattr(native, "object_codes", None)
    assert controlled.explain("plan") == wanted


def test_memory_says_role_alias_life_and_bytes_of_each_buffer(controlled):
    (bound,) = controlled.bounds()
    lines = controlled.explain("memory").splitlines()[:-6]
    assert len(lines) == len(controlled.program.buffers)
    roles = set()
    for line, buffer in zip(lines, controlled.program.buffers, strict=True):
        role, label, of, life, size, where = re.fullmatch(
            r"(\w+) +(%\d+ \S+) +(\w+\(.*\)) +(\d+\.\.\d+) +(\d+) bytes(.*)", line
        ).groups()
        assert role == buffer.role
        assert label == buffer.label
        assert of == str(buffer).split(": ")[1]
        assert life == f"{buffer.first}..{buffer.last}"
        assert int(size) == bound.bytes[buffer]
        kind = "part of" if role == "element" else "in place of"
        assert where.strip() == ("" if buffer.alias is None else f"{kind} {buffer.alias.label}")
        roles.add(role)
    assert roles >= {"input", "output", "shared", "temporary", "carry", "element"}


def test_without_a_call_memory_has_no_bytes():
    x = wf.matrix("x", ("n", 4))
    text = wf.function([x], wf.exp(x @ x.T)).explain("memory")
    assert "bytes" not in text
    assert "temporary  %2 matmul  float32(n, n)" in text
    assert text.splitlines()[-1].endswith("in place of %1 exp")


def test_steps_have_the_same_name_in_all_texts(controlled):
    names = {name: step for step, name in number_steps(controlled.program).items()}
    for stage in ("nests", "program", "bound", "plan"):
        found = re.findall(r"^ *(step [\d.]+): ", controlled.explain(stage), re.MULTILINE)
        assert set(found) == set(names), stage
