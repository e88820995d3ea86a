"""What stands where something else stood before: temporaries with outputs, new values with old ones."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.lowering.buffers import Role


def reused(f):
    """(temporary, output) for each temporary that stands in an output's memory."""
    found = [b for b in f.program.buffers if b.role is Role.TEMPORARY and b.home.role is Role.OUTPUT]
    return [(b.node, b.home.node) for b in found]


def normal(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@pytest.mark.parametrize("shape", [(1, 1), (3, 17), (65, 1000), (300, 129), (0, 4)], ids=str)
def test_the_terms_of_softmax_stand_in_its_result(shape):
    x = wf.matrix("x")
    f = wf.function([x], wf.softmax(x, 1))
    assert {output for _, output in reused(f)} == set(f.graph.outputs)
    first, second = normal(*shape), -normal(*shape)
    results = [f(first), f(second)]  # the second call leaves the first result alone
    for given, result in zip((first, second), results, strict=True):
        np.testing.assert_allclose(result, softmax(given), rtol=1e-5)


def test_one_temporary_after_the_other():
    x, w = wf.matrix("x", (40, 30)), wf.matrix("w", (30, 20))
    f = wf.function([x, w], wf.softmax(wf.tanh(x @ w), 1))
    assert [node.op.name for node, _ in reused(f)] == ["exp", "tanh", "matmul"]
    a, b = normal(40, 30), normal(30, 20)
    np.testing.assert_allclose(f(a, b), softmax(np.tanh(a @ b)), rtol=1e-4)


def test_what_is_read_elsewhere_has_memory_of_its_own():
    x, w = wf.matrix("x", (40, 30)), wf.matrix("w", (30, 40))
    product = x @ w
    for result, expected in (
        (product + product.T, lambda p: p + p.T),
        (product[:, ::-1] * 2, lambda p: p[:, ::-1] * 2),
        (wf.concatenate([product[5:], product[:5]]), lambda p: np.concatenate([p[5:], p[:5]])),
    ):
        f = wf.function([x, w], result)
        assert not reused(f)
        a, b = normal(40, 30), normal(30, 40)
        np.testing.assert_allclose(f(a, b), expected(a @ b), rtol=1e-4, atol=1e-5)


def test_what_is_read_later_has_memory_of_its_own():
    x, w = wf.matrix("x", (40, 30)), wf.matrix("w", (30, 30))
    product = x @ w
    f = wf.function([x, w], [wf.exp(product), product @ w])
    a, b = normal(40, 30), normal(30, 30) / 5
    first, second = f(a, b)
    np.testing.assert_allclose(first, np.exp(a @ b), rtol=1e-4)
    np.testing.assert_allclose(second, a @ b @ b, rtol=1e-4, atol=1e-4)


def test_two_outputs_of_one_temporary():
    x, w = wf.matrix("x", (40, 30)), wf.matrix("w", (30, 30))
    product = x @ w
    f = wf.function([x, w], [wf.exp(product), product * 2, wf.tanh(product) + 1])
    assert len(reused(f)) == 1
    a, b = normal(40, 30), normal(30, 30) / 5
    for result, expected in zip(f(a, b), (np.exp(a @ b), a @ b * 2, np.tanh(a @ b) + 1), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


SEARCHES = {
    "least": lambda x: wf.argmin(x, 1),
    "largest of columns": lambda x: wf.argmax(x, 0),
    "largest of what is made of it": lambda x: wf.argmax(wf.abs(x * 0.5 - 1.0), 1),
}


@pytest.mark.parametrize("kind", SEARCHES)
@pytest.mark.parametrize("size", [3, 700])
def test_what_is_searched_is_read_twice_and_stays(kind, size):
    # one loop reads, writes and searches: its second look must not meet what it has written
    search, x = SEARCHES[kind], wf.matrix("x", (6, size))
    s, w = wf.shared(normal(6, size), "s"), wf.shared(normal(size, size), "w")
    before, a = s.get_value(), normal(6, size)
    places = wf.function([], search(s), updates={s: s * -2.0})()
    np.testing.assert_array_equal(places, search(wf.constant(before)).eval({}))
    np.testing.assert_array_equal(s.get_value(), before * -2)
    product = x @ w
    places, other = wf.function([x], [search(product), product * -2.0])(a)
    np.testing.assert_array_equal(places, search(wf.constant(other * -0.5)).eval({}))


def test_an_output_that_is_a_new_value_too():
    w = wf.shared(normal(30, 30), "w")
    x = wf.matrix("x", (40, 30))
    new = wf.softmax(x.T @ (x @ w), 1)
    f = wf.function([x], [new, wf.softmax(x @ w, 1)], updates={w: new})
    a, before = normal(40, 30), w.get_value()
    first, second = f(a)
    np.testing.assert_allclose(first, softmax(a.T @ (a @ before)), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(second, softmax(a @ before), rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(w.get_value(), first)


@pytest.mark.parametrize("size", [10, 3_000_000])  # the large one on all threads
@pytest.mark.parametrize("forward", [True, False])
def test_a_shift_register(size, forward):
    start = np.arange(size, dtype=np.float32)
    s, zeros = wf.shared(start, "s"), wf.zeros((3,), "float32")
    f = wf.function([], None, updates={s: wf.concatenate([s[3:], zeros] if forward else [zeros, s[:-3]])})
    expected = start
    for _ in range(3):
        f()
        expected = np.concatenate([expected[3:], [0] * 3] if forward else [[0] * 3, expected[:-3]])
    np.testing.assert_array_equal(s.get_value(), expected)
