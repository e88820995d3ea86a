"""The labels' check: values, strides, and what is refused."""

import numpy as np
import pytest

from weft.codegen.cpu.index.labels import plan_check_labels
from weft.codegen.cpu.launch import Array, Plan

from .plans import describe, launch_once, run_plan


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "int8", "uint64"])
@pytest.mark.parametrize("shape", [(), (7,), (0,), (3, 4), (2, 1, 5)])
def test_labels_pass(kind, shape):
    labels = np.asarray(np.random.default_rng(0).integers(0, 10, shape), kind)
    for given in (labels, np.flip(labels), labels.T, np.repeat(labels[None], 2, 0)[1]):
        given = np.asarray(given)
        out = np.empty(given.shape, np.int32)
        run_plan(plan_check_labels(describe(out), describe(given), 10), [out], [given])
        np.testing.assert_array_equal(out, given)


@pytest.mark.parametrize(
    ("kind", "bad"), [("int64", -1), ("int64", 10), ("int64", 2**40), ("uint8", 255), ("uint64", 2**63)]
)
def test_a_label_outside_is_refused(kind, bad):
    labels = np.array([3, bad, 4], kind)
    out = np.empty(3, np.int32)
    plan: Plan = plan_check_labels(Array(out.dtype, (3,), (1,)), describe(labels), 10)
    assert launch_once(plan.launches[0], [out, labels], 0, 3) != 0
    assert launch_once(plan.launches[0], [out, labels], 0, 1) == 0
