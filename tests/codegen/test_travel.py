"""Compiled functions that are pickled or copied: the same results, with variables of their own."""

import copy
import multiprocessing
import pickle
import sys

import numpy as np
import pytest

import weft as wf
import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812


def by_pickle(f):
    return pickle.loads(pickle.dumps(f))


travelled = pytest.mark.parametrize("travel", [by_pickle, copy.deepcopy])


def many():
    """A function with all that has to travel, what it is called with, and its variables."""
    x, t = wf.matrix("x", ("n", 3)), wf.vector("t", ("n",))
    w = wf.shared(np.array([1.0, -2.0, 3.0], "float32"), "w")
    grows = wf.shared(np.ones(2, "float32"), "grows", shape=(None,))
    stream = wf.random.Stream(7)
    h, hs = wf.scan(lambda h, row: (wf.tanh(h + row * w), h.sum()), wf.zeros((3,)), x)
    loss = ((x @ w - t) ** 2).mean() + wf.cond(h.sum() > 0, h.sum(), -h.sum())
    outputs = {
        "loss": loss,
        "hs": hs,
        "drawn": stream.uniform((4,)),
        "size": wf.cast(x.shape[0] + grows.sum(), "int64"),
    }
    updates = {w: w - wf.grad(loss, w), grows: wf.concatenate([grows, 2 * grows])}
    f = wf.function({"rows": x, "targets": t}, outputs, updates, name="many", downcast=True)
    rng = np.random.default_rng(0)
    return f, {"rows": rng.standard_normal((5, 3)), "targets": rng.standard_normal(5)}, (w, grows)


@travelled
def test_the_copy_goes_on_by_itself(travel):
    f, given, variables = many()
    f(**given)
    before = [v.get_value() for v in variables]
    g = travel(f)
    copied = [g(**given) for _ in range(3)]
    for v, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(v.get_value(), value)
    for results in copied:
        expected = f(**given)
        assert list(results) == list(expected)
        for name, value in expected.items():
            np.testing.assert_array_equal(results[name], value)
    assert (g.name, g.downcast) == ("many", True)


def test_what_travels_together_stays_together():
    x, w = wf.scalar("x"), wf.shared(np.float32(3), "w")
    f = wf.function([x], w * x, updates={w: w + 1})
    reads = wf.function([], w)
    for g, variable, other in (by_pickle((f, w, reads)), copy.deepcopy((f, w, reads))):
        assert g(2.0) == 6
        assert (float(variable.get_value()), other()) == (4, 4)
    assert w.get_value() == 3


def test_a_shallow_copy_has_the_same_variables():
    x, w = wf.scalar("x"), wf.shared(np.float32(3), "w")
    f = wf.function([x], w * x, updates={w: w + 1})
    assert [float(g(2.0)) for g in (copy.copy(f), f, copy.copy(f))] == [6, 8, 10]


@travelled
def test_guards_and_lines_travel(travel):
    a, b, w = wf.vector("a"), wf.vector("b"), wf.shared(np.ones(3, "float32"), "w")
    product = wf.function([a, b], wf.grad((a * b).sum(), a))
    update = wf.function([a], [], updates={w: a})
    for f, given in ((product, (np.ones(3, "f4"), np.ones(4, "f4"))), (update, (np.ones(4, "f4"),))):
        with pytest.raises(wf.GuardError) as there:
            travel(f)(*given)
        with pytest.raises(wf.GuardError) as here:
            f(*given)
        assert str(there.value).splitlines()[0] == str(here.value).splitlines()[0]
        assert "test_travel.py" in "".join(here.value.__notes__)
        assert "test_travel.py" in "".join(there.value.__notes__)


def test_long_chains_need_no_recursion():
    x = wf.scalar("x")
    y = x
    for _ in range(700):
        y = wf.sin(y) + 0.1
    f = wf.function([x], y, optimize=0)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(500)
    try:
        g = by_pickle(f)
    finally:
        sys.setrecursionlimit(limit)
    assert g(1.0) == f(1.0)


def answer(f, given, pipe):
    pipe.send(f(**given))


def test_to_another_process():
    f, given, _ = many()
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=answer, args=(f, given, there))
    child.start()
    assert here.poll(120), "no answer"
    found = here.recv()
    child.join()
    for name, value in f(**given).items():
        np.testing.assert_array_equal(found[name], value)


@travelled
def test_theanos_functions(travel):
    x, k, w = T.matrix("x"), T.scalar("k"), theano.shared(np.ones((3, 2)), "w")
    f = theano.function([x, theano.In(k, value=2.0)], T.dot(x, w) * k, updates=[(w, w + 1)])
    g = travel(f)
    for step in (1, 2):
        np.testing.assert_array_equal(g(np.ones((4, 3))), np.full((4, 2), 6.0 * step))
    assert float(g.get_shared()[0].get_value()[0, 0]) == 3
    np.testing.assert_array_equal(w.get_value(), np.ones((3, 2)))


def test_what_cannot_travel_says_so():
    x = wf.vector("x", ("n",))
    f = wf.function([x], wf.callback(lambda a: a + 1, x.type, x))
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(f)
