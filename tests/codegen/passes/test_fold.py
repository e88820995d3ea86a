"""Constant folding: what it computes, and what it leaves."""

import numpy as np
import pytest

from weft.codegen.passes.fold import LIMIT_ELEMENTS, fold
from weft.ops.creation import eye
from weft.ops.indexing import getitem
from weft.ops.linalg import matmul
from weft.ops.movement import broadcast_to, reshape
from weft.ops.reduce import sum as sum_over
from weft.ops.scalar import exp
from weft.symbolic.graph import Graph
from weft.symbolic.leaves import Constant, constant
from weft.symbolic.variables import vector

from ...sampling import rarely


def folded(output):
    return fold(Graph((), (output,))).outputs[0]


def test_numbers_and_small_arrays_are_computed():
    a = np.arange(6.0).reshape(2, 3)
    found = folded(sum_over(exp(constant(a)) * 2 + constant(a[0]), 1))
    assert isinstance(found.op, Constant)
    np.testing.assert_allclose(found.op.value, (np.exp(a) * 2 + a[0]).sum(1))


def test_dtype_and_line_are_kept():
    node = constant(np.float32(0.1)) * constant(np.float32(3))
    found = folded(node)
    assert found.dtype == np.float32
    assert found.op.value == np.float32(0.1) * np.float32(3)


def test_python_numbers_stay_weak_and_exact():
    found = folded(constant(0.1) * constant(3.0))
    assert found.type.weak
    assert (found * vector("x", (2,), "float64")).args[0].op.value == 0.1 * 3.0


def test_a_broadcast_does_not_grow():
    node = broadcast_to(constant(np.float32(2)), (1000, 1000))
    assert folded(node) is node
    inside = folded(broadcast_to(exp(constant(np.float32(2))), (1000, 1000)))
    assert isinstance(inside.args[0].op, Constant)
    assert folded(eye(300)).op is eye(300).op
    column, row = constant(np.ones((500, 1))), constant(np.ones((1, 500)))
    assert folded(column + row) is column + row


def test_large_arrays_stay_where_they_are():
    large, just = constant(np.ones(LIMIT_ELEMENTS + 1)), constant(np.ones(LIMIT_ELEMENTS))
    for node in (large * 2, sum_over(large)):
        assert folded(node) is node
    for node in (just * 2, sum_over(just)):
        assert isinstance(folded(node).op, Constant)


def test_what_depends_on_inputs_or_symbolic_sizes_is_left():
    x = vector("x", ("n",))
    assert folded(x * 2) is x * 2
    sized = broadcast_to(constant(np.ones((1, 3))), (x.shape[0], 3))
    assert folded(sized) is sized


def test_empty_arrays():
    empty = constant(np.ones((0, 3)))
    assert folded(reshape(exp(empty), (3, 0))).op.value.shape == (3, 0)
    assert folded(matmul(constant(np.ones((2, 0))), empty)).op.__class__ is not Constant


def test_an_index_out_of_range_is_left_to_the_call():
    indices = constant(np.array([0, 5])) + constant(np.array([0, 1]))
    node = getitem(constant(np.ones(3)), indices)
    assert not isinstance(folded(node).op, Constant)


@pytest.mark.parametrize("length", [20_000, rarely(100_000)])
def test_a_long_chain(length):
    y = constant(np.float32(1))
    for _ in range(length):
        y = y * constant(np.float32(1.00001))
    assert isinstance(folded(y).op, Constant)
