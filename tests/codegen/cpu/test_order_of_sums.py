"""In which order products are summed follows from sizes and the width of vectors: not from caches, nor from cores."""

import itertools

import numpy as np
import pytest

from weft.codegen.cpu import model
from weft.codegen.cpu.conv.plan import plan_conv
from weft.codegen.cpu.matmul import plan as matmul

from .plans import describe, run_plan

HOSTS = [model.Host(kib * 1024, cores) for kib, cores in itertools.product((256, 512, 1024, 2048, 4096), (1, 2, 64))]
SIDES = (1, 3, 16, 100, 257, 900, 4000)
SIZES = [(m, k, n) for m, n in itertools.product(SIDES, SIDES) for k in (5, 300, 1500, 5000)]


def on_each_host(monkeypatch, plan):
    """What the planner says on each of the hosts."""
    for host in HOSTS:
        monkeypatch.setattr(matmul, "host", lambda host=host: host)
        yield plan()


def order(plan):
    """What the bits follow from: which kernel sums, and how deep k is cut."""
    last = plan.launches[-1]
    return str(last.kernel), getattr(last.params, "depth", None), last.params.k


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_are_cut_alike_everywhere(monkeypatch, dtype, transposed):
    units = set()
    for m, k, n in SIZES:
        out, a, b = (np.broadcast_to(np.zeros((), dtype), shape) for shape in ((m, n), (m, k), (k, n)))
        given = [matmul.Array(x.dtype, x.shape, (x.shape[1], 1)) for x in (out, a, b)]
        if transposed:
            given[2] = given[2]._replace(strides=(1, k))
        plans = list(on_each_host(monkeypatch, lambda given=given: matmul.plan_matmul(*given)))
        assert len({order(plan) for plan in plans}) == 1, (m, k, n)
        units.add(len({plan.launches[-1].extent for plan in plans}))
    assert max(units) > 1  # what may depend on the host does


@pytest.mark.parametrize("size", [(300, 3000, 300), (100, 1500, 2000), (60, 5000, 700), (5, 4000, 33)], ids=str)
def test_products_have_the_same_bits_everywhere(monkeypatch, size):
    m, k, n = size
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k)).astype("float32"), rng.standard_normal((k, n)).astype("float32")
    out = np.zeros((m, n), "float32")
    results = {
        run_plan(plan, [out], [a, b])[0].tobytes()
        for plan in on_each_host(monkeypatch, lambda: matmul.plan_matmul(*map(describe, (out, a, b))))
    }
    assert len(results) == 1


def test_convolutions_ask_for_sizes_alone(monkeypatch):
    monkeypatch.setattr(model, "host", None)  # to ask for it is an error
    out, x, w = (np.zeros(shape, np.float32) for shape in ((4, 8, 20, 20), (4, 6, 20, 20), (8, 6, 3, 3)))
    ones = {"strides": (1, 1), "x_dilation": (1, 1), "w_dilation": (1, 1)}
    assert plan_conv(*map(describe, (out, x, w)), padding=((1, 1), (1, 1)), **ones).launches
