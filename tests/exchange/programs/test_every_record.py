"""Every record of the sweep goes through a file, and comes back as the same nodes, over the same leaves."""

import numpy as np
import pytest

import weft as wf

from ...cases import CASES
from ...nn.test_every_part import GROUPS
from ...test_every_op import inputs_of
from .files import is_same

FLOATS = ("float32", "float64")
DOZENS = [CASES[i : i + 12] for i in range(0, len(CASES), 12)]
by_dozen = pytest.mark.parametrize("cases", DOZENS, ids=lambda cases: f"{cases[0].label} .. {cases[-1].label}")


def roots_of(case, kind):
    inputs = inputs_of(case, kind)
    out = case.call(*inputs)
    roots = [out]
    floats = [x for x in inputs if x.type.is_float]
    if case.differentiable and floats and out.type.is_float:
        roots += wf.grad(out.sum(), floats, disconnected="zero")
    return roots


@by_dozen
def test_the_same_nodes_come_back(cases, tmp_path):
    for kind in FLOATS:
        named = [(case.label, root) for case in cases for root in roots_of(case, kind)]
        same = is_same([root for _, root in named], tmp_path / "graph", [np.sin])
        assert [label for (label, _), one in zip(named, same, strict=True) if not one] == []


@pytest.mark.slow
@pytest.mark.parametrize("parts", GROUPS, ids=lambda parts: f"{parts[0].label} .. {parts[-1].label}")
def test_the_same_layers_and_losses_come_back(parts, tmp_path):
    test_the_same_nodes_come_back(parts, tmp_path)
