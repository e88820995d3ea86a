"""Concatenations that hold others read them as one part."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.passes.share import TRIED, share_concatenations
from weft.ops.movement import Concatenate
from weft.symbolic.graph import Graph

A, B, C, D = (wf.matrix(name, (size, 4)) for name, size in zip("abcd", (2, 3, "n", 1), strict=True))


def parts_of(*roots):
    """How many parts the concatenations of a graph have, in order, after the pass; the graph's values stay."""
    graph = Graph((A, B, C, D), roots)
    shared = share_concatenations(graph)
    rng = np.random.default_rng(0)
    given = dict(zip((A, B, C, D), (rng.standard_normal((n, 4)).astype("float32") for n in (2, 3, 5, 1)), strict=True))
    for found, expected in zip(wf.evaluate(list(shared.roots), given), wf.evaluate(list(roots), given), strict=True):
        np.testing.assert_array_equal(found, expected)
    return [len(node.args) for node in shared.nodes if isinstance(node.op, Concatenate)]


def join(*parts, axis=0):
    return wf.concatenate(list(parts), axis)


def test_what_begins_with_another_copies_it_as_one():
    assert parts_of(join(A, B), join(A, B, C)) == [2, 2]
    assert parts_of(join(A, B, C), join(A, B, C, D, A)) == [3, 3]


def test_a_run_within_is_one_part():
    assert parts_of(join(B, C), join(A, B, C, D)) == [2, 3]
    assert parts_of(join(A, B), join(A, B, C, A, B)) == [2, 3]


def test_the_longest_is_taken():
    assert parts_of(join(A, B), join(A, B, C), join(A, B, C, D)) == [2, 2, 2]


@pytest.mark.parametrize(
    "roots",
    [
        lambda: [join(B, A), join(A, B, C)],  # another order
        lambda: [join(A, C), join(A, B, C)],  # no run
        lambda: [join(D.T, D.T, axis=0), join(D.T, D.T, D.T, axis=1)],  # another axis
        lambda: [join(A, B, C, D)],  # alone
        lambda: [join(A, B, C), join(A, B, D)],  # only in part the same
    ],
)
def test_what_is_not_there_is_not_shared(roots):
    roots = roots()
    before = [len(node.args) for node in Graph((A, B, C, D), tuple(roots)).nodes if isinstance(node.op, Concatenate)]
    assert parts_of(*roots) == before


def test_of_many_with_the_same_begin_the_last_ones_are_looked_at():
    others = [join(A, B, *[D] * k, C) for k in range(1, TRIED + 1)]
    assert parts_of(join(A, B), *others, join(A, B, C))[-1] == 3
    assert parts_of(join(A, B), *others[1:], join(A, B, C))[-1] == 2


def test_layers_that_read_all_before_them_copy_two_parts_each():
    """The rules take concatenations of concatenations apart, which the compiled function shows are joined again."""
    rng = np.random.default_rng(1)
    x, data = wf.matrix("x", (5, 3)), rng.standard_normal((5, 3)).astype("float32")
    h, expected, sums, wanted = x, data, [], []
    for _ in range(6):
        h = join(h, wf.tanh(h[:, :2]), axis=1)
        expected = np.concatenate([expected, np.tanh(expected[:, :2])], 1)
        sums.append((h * h).sum(1))
        wanted.append((expected**2).sum(1))
    f = wf.function([x], sums)
    assert {len(node.args) for node in f.graph.nodes if isinstance(node.op, Concatenate)} == {2}
    for found, value in zip(f(data), wanted, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-6)
