"""Kernels of the compiler with one barrier taken out, or one wait too short: the simulator finds each."""

import sys
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np
import pytest

from weft.codegen.cuda.index import merge_sort
from weft.codegen.cuda.index.argsort import plan_argsort
from weft.codegen.cuda.index.cumsum import CHUNK, plan_cumsum
from weft.codegen.cuda.launch import Processor
from weft.codegen.cuda.products import conv
from weft.codegen.cuda.products.conv import plan_conv
from weft.codegen.cuda.products.matmul import plan_matmul
from weft.codegen.cuda.trace import simulator
from weft.codegen.cuda.trace.simulator import KernelFault, Simulator, simulate

from .graphs_of_nests import nests_of
from .simulated_plans import make_plan, run
from .test_nests import buffers_for, plan_of

OLD, MODERN = Processor(75, 4), Processor(90, 1)
FIELDS = ("strides", "padding", "x_dilation", "w_dilation", "groups", "batch_groups")
PLAIN = ((1, 1), ((1, 1), (1, 1)), (1, 1), (1, 1), 1, 1)
# Barriers whose absence cannot be seen in shared memory: nothing is prepared for operands whose places are affine, and
# one stands between what a block leaves in global memory and the count that says so.
NOTHING_PREPARED, LEFT = ("_prepare", 0), ("_leave", 0)


class Site(NamedTuple):
    """A call of a builder's method: in which function, and which of those in it."""

    method: str
    function: str
    line: int


class Meddler(Simulator):
    """Notes where barriers and waits are called, and leaves one barrier out, or waits for one group less."""

    seen: ClassVar[set[Site]] = set()
    spoilt: ClassVar[Site | None] = None

    def _is_spoilt(self, method: str) -> bool:
        frame = sys._getframe(2)
        site = Site(method, frame.f_code.co_name, frame.f_lineno)
        Meddler.seen.add(site)
        return site == Meddler.spoilt

    def barrier(self) -> None:
        if not self._is_spoilt("barrier"):
            super().barrier()

    def await_copies(self, but: int) -> None:
        super().await_copies(but + self._is_spoilt("await_copies"))


def find_unseen(work: Callable[[], object], monkeypatch) -> set[tuple[str, int]]:
    """Spoil each call in turn: those, as (function, number in it), that nothing is said about."""
    monkeypatch.setattr(simulator, "Simulator", Meddler)
    monkeypatch.setattr(Meddler, "seen", set())
    monkeypatch.setattr(Meddler, "spoilt", None)
    work()
    sites, unseen = sorted(Meddler.seen), set()
    assert sites
    for site in sites:
        monkeypatch.setattr(Meddler, "spoilt", site)
        try:
            work()
        except KernelFault:
            continue
        alike = [other for other in sites if other[:2] == site[:2]]
        unseen.add((site.function, alike.index(site)))
    return unseen


def draw(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


PRODUCTS = {
    "threads": (OLD, (17, 40, 9), {NOTHING_PREPARED}),
    "threads, shared sums": (Processor(75, 20), (7, 600, 9), {NOTHING_PREPARED, LEFT}),
    "tensor units": (MODERN, (17, 150, 9), {NOTHING_PREPARED}),
    "tensor units, by fours": (MODERN, (20, 36, 24), {NOTHING_PREPARED}),
    "tensor units, shared sums": (Processor(90, 8), (20, 1000, 5), {NOTHING_PREPARED, LEFT}),
}


@pytest.mark.parametrize("case", PRODUCTS)
def test_products(case, monkeypatch):
    processor, (m, depth, n), unseen = PRODUCTS[case]
    plan, out, buffers = make_plan(
        lambda result, a, b, _: plan_matmul(result, a, b, processor), "float32", (m, n), draw(m, depth), draw(depth, n)
    )
    assert ("k by" in plan.way) == ("shared sums" in case)
    assert find_unseen(lambda: run(plan, out, buffers), monkeypatch) <= unseen


@pytest.mark.parametrize(("processor", "pieces"), [(OLD, False), (MODERN, False), (MODERN, True)])
def test_convolutions(processor, pieces, monkeypatch):
    if not pieces:
        monkeypatch.setattr(conv, "plan_patch", lambda *arguments: None)
    plan, out, buffers = make_plan(
        lambda result, x, w, _, **fields: plan_conv(result, x, w, processor, **fields),
        *("float32", (1, 12, 5, 8), draw(1, 8, 5, 8), draw(12, 8, 3, 3)),
        **dict(zip(FIELDS, PLAIN, strict=True)),
    )
    assert ("piece" in plan.way) == pieces
    assert find_unseen(lambda: run(plan, out, buffers), monkeypatch) <= ({NOTHING_PREPARED} if pieces else set())


def test_running_sums(monkeypatch):
    plan, out, buffers = make_plan(plan_cumsum, "float32", (1, 2 * CHUNK + 5), draw(1, 2 * CHUNK + 5), reverse=False)
    assert len(plan.launches) == 3
    assert find_unseen(lambda: run(plan, out, buffers), monkeypatch) == set()


def test_sorting(monkeypatch):
    monkeypatch.setattr(merge_sort, "TILE", 256)
    plan, out, buffers = make_plan(plan_argsort, "int64", (3, 600), draw(3, 600), descending=False)
    assert find_unseen(lambda: run(plan, out, buffers), monkeypatch) == set()


def test_reductions(monkeypatch):
    """Each over all threads of a block."""
    met = 0
    for nest, sizes, count in nests_of("long"):
        plan, used = plan_of(nest, sizes)
        if nest.reduced and plan.kernel.arguments[3] > 1:  # several threads share a result
            arrays = buffers_for(nest, sizes, count)
            kernel, given = plan.kernel.trace(), [*(arrays[number] for number in used), *plan.numbers]
            assert find_unseen(lambda: simulate(kernel, (plan.blocks,), given), monkeypatch) == set()
            met += 1
    assert met
