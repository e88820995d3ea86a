"""Loop nests as kernels: in the simulator, and as compiled code, beside the nests of the reference."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.arguments import as_graph
from weft.codegen.compiled import Compiled
from weft.codegen.cuda import CUDA
from weft.codegen.cuda.nests.plan import plan_nest
from weft.codegen.cuda.trace import ptx
from weft.codegen.cuda.trace.kernel import TraceRef
from weft.codegen.cuda.trace.ptx import ISA, to_ptx
from weft.codegen.cuda.trace.ptx_builder import PTXBuilder
from weft.codegen.cuda.trace.simulator import simulate
from weft.codegen.reference.nests import run_nest
from weft.codegen.target import Options, Source

from .graphs_of_nests import GRAPHS, nests_of
from .on_host import aligned, run


def buffers_for(nest, sizes, count, seed=0):
    """Flat arrays that hold all places of a nest, with random numbers."""
    rng = np.random.default_rng(seed)
    extents = [axis.value(sizes) for axis in nest.axes]
    found = []
    for number in range(count):
        accesses = [a for a in nest.accesses if a.buffer == number]
        highest, dtype = 0, np.dtype("float32")
        for a in accesses:
            dtype = a.dtype
            start = sum(o.value(sizes) for o in a.offset)
            highest = max(
                highest, start + sum(max(0, s.value(sizes)) * (n - 1) for s, n in zip(a.strides, extents, strict=True))
            )
        values = rng.standard_normal(highest + 1) * 2
        values[rng.random(highest + 1) < 0.05] = 0
        found.append(values.astype(dtype) if dtype.kind != "b" else values > 0)
    return found


def plan_of(nest, sizes):
    """(the plan of a nest, the numbers of the buffers that it touches)."""
    used = sorted({a.buffer for a in nest.accesses})
    places = tuple(used.index(n) if n in used else 0 for n in range(max(used) + 1))
    return plan_nest(nest, places, sizes), used


def kernel_of(plan, **changed):
    """The kernel of a plan, with some arguments of `make_nest` changed."""
    names = ("nest", "arrays", "wide", "sharers", "together", "composites")
    return TraceRef(
        plan.kernel.make, tuple({**dict(zip(names, plan.kernel.arguments, strict=True)), **changed}.values())
    ).trace()


def results(nest, sizes, arrays, how):
    """The arrays after a run."""
    copies = [aligned(a) for a in arrays]
    plan, used = plan_of(nest, sizes)
    given = [*(copies[n] for n in used), *plan.numbers]
    if how == "simulated":
        simulate(kernel_of(plan), (plan.blocks,), given)
        return copies
    # as many blocks as there are results, since each is computed by one thread
    count = int(np.prod([nest.axes[k].value(sizes) for k in nest.parallel])) if nest.reduced else 0
    kernel = kernel_of(plan, sharers=1)
    run(kernel, (max(plan.blocks, -(-count // kernel.threads)),), given)
    return copies


@pytest.mark.parametrize("how", ["simulated", "code"])
@pytest.mark.parametrize("name", GRAPHS)
def test_nests_are_the_references(name, how):
    for nest, sizes, count in nests_of(name):
        arrays = buffers_for(nest, sizes, count)
        wanted = [a.copy() for a in arrays]
        run_nest(nest, wanted, sizes)
        for got, want in zip(results(nest, sizes, arrays, how), wanted, strict=True):
            tolerance = 1e-5 if want.dtype == np.float32 else 1e-2 if want.dtype == np.float16 else 1e-12
            np.testing.assert_allclose(
                got.astype("float64"), want.astype("float64"), rtol=tolerance, atol=tolerance, err_msg=str(nest)
            )


SOME = ("sm_75", "sm_90", "sm_121")


@pytest.mark.parametrize("arch", [pytest.param(a, marks=[] if a in SOME else pytest.mark.slow) for a in ISA])
def test_every_kind_of_processor_gets_its_code(arch):
    for nest, sizes, _ in nests_of("reductions"):
        plan, _ = plan_of(nest, sizes)
        text = to_ptx(PTXBuilder(plan.kernel.trace()).module_text(), arch)
        assert f".target {arch}" in text
        assert f".version {ISA[arch] // 10}.{ISA[arch] % 10}" in text


def test_neighbours_are_moved_together():
    """A thread loads and stores four floats at once where they stand side by side."""
    ((nest, sizes, _),) = nests_of("chain")
    text = to_ptx(PTXBuilder(plan_of(nest, sizes)[0].kernel.trace()).module_text(), "sm_90")
    assert "ld.global.v4" in text or "ld.global.nc.v4" in text
    assert "st.global.v4" in text


def test_places_beyond_32_bits():
    """Numbers that need more than 32 bits have kernels of their own, which compute the same."""
    for nest, sizes, count in nests_of("reductions"):
        plan, used = plan_of(nest, sizes)
        arrays = buffers_for(nest, sizes, count)
        copies = [[aligned(a) for a in arrays] for _ in range(2)]
        for wide, copy in zip((False, True), copies, strict=True):
            simulate(kernel_of(plan, wide=wide), (plan.blocks,), [*(copy[n] for n in used), *plan.numbers])
        for a, b in zip(*copies, strict=True):
            np.testing.assert_array_equal(a, b)
    nest, sizes, _ = nests_of("columns")[0]
    assert not plan_of(nest, sizes)[0].kernel.arguments[2]
    assert plan_of(nest, dict.fromkeys(sizes, 1 << 16))[0].kernel.arguments[2]


def test_nests_that_differ_in_names_alone_have_one_kernel():
    """So that a second process finds what the first one has compiled, however it counts its symbols."""
    first, second = nests_of("columns")[0], nests_of("columns")[0]
    assert str(first[0]) != str(second[0])
    assert plan_of(*first[:2])[0].kernel == plan_of(*second[:2])[0].kernel


def test_functions_of_one_name_are_not_one():
    """A composite prints as its name, whatever it computes."""
    plans = []
    for power in (2.0, 3.0):

        def raised(x, power=power):
            return x**power

        function = wf.elementwise(raised)
        function.whole = True
        x = wf.vector("x", (5,))
        graph, _, _ = as_graph([x], [function(x)], None, None, 2, "ignore")
        program = Compiled(Source(graph, None, list, Options("one name")), CUDA).program
        plans.append(str(plan_of(program.nests[0], {})[0].kernel.arguments))
    assert plans[0] != plans[1]


def test_an_llvm_that_is_too_old_is_said(monkeypatch):
    monkeypatch.setattr(ptx.llvm, "llvm_version_info", (15, 0, 7))
    with pytest.raises(wf.LoweringError, match=r"LLVM 20 or newer, and llvmlite has 15\.0\.7"):
        ptx.to_ptx("", "sm_90")
