"""scan, while_loop and cond against plain Python loops: values, both derivatives, and what is refused."""

import pickle
from typing import Any, NamedTuple

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.run import times

RNG = np.random.default_rng(3)
N, H = 4, 3


def normal(*shape, dtype="float32"):
    return RNG.normal(size=shape).astype(dtype) * 0.5


def compiled(inputs, outputs, *values):
    """What the compiled function and the reference say; they must agree."""
    found = wf.function(inputs, outputs, on_unused_input="ignore")(*values)
    expected = wf.evaluate(outputs, dict(zip(inputs, values, strict=True)))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5)
    return found


def rnn(length, reverse=False, **options):
    """A recurrent network: (inputs, loss, the states), and the same in NumPy."""
    x, h0, w, u = (
        wf.tensor("x", (length, N, 2)),
        wf.tensor("h0", (N, H)),
        wf.matrix("w", (2, H)),
        wf.matrix("u", (H, H)),
    )
    last, states = wf.scan(lambda h, x: ((new := wf.tanh(x @ w + h @ u)), new), h0, x, reverse=reverse, **options)
    loss = wf.sum(last * last) + wf.sum(wf.sin(states))
    return [x, h0, w, u], loss, states


def rnn_by_hand(x, h, w, u, reverse=False):
    states = np.zeros((len(x), *h.shape), h.dtype)
    for i in range(len(x))[:: -1 if reverse else 1]:
        h = states[i] = np.tanh(x[i] @ w + h @ u)
    return np.sum(h * h) + np.sum(np.sin(states)), states


def rnn_values(steps):
    return [normal(steps, N, 2), normal(N, H), normal(2, H), normal(H, H)]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 2, 7])
def test_rnn_of_any_length(steps, reverse):
    inputs, loss, states = rnn("time", reverse)
    values = rnn_values(steps)
    found = compiled(inputs, [loss, states, *wf.grad(loss, inputs)], *values)
    for mine, other in zip(found, rnn_by_hand(*values, reverse), strict=False):
        np.testing.assert_allclose(mine, other, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"unroll": 2}, {"checkpoint_every": 3}, {"checkpoint_every": 100}])
@pytest.mark.parametrize("reverse", [False, True])
def test_rnn_derivatives(options, reverse):
    inputs, loss, states = rnn(7, reverse, **options)
    values = rnn_values(7)
    wf.check_grad(loss, inputs, dict(zip(inputs, values, strict=True)), order=2, rtol=1e-4)
    found = compiled(inputs, [loss, states, *wf.grad(loss, inputs)], *values)
    for mine, other in zip(found, rnn_by_hand(*values, reverse), strict=False):
        np.testing.assert_allclose(mine, other, rtol=2e-5, atol=1e-6)


def busy_step(c, xs, w, v):
    """A step that carries a float row and a whole number, and takes from outside a matrix, a vector and a number."""
    row, k = c
    x, i = xs
    new = wf.tanh(row @ w + x * v[i]) + row * 0.5
    return (new, k * 2 + i), {"y": new * x + v.sum(), "k": k, "row": wf.sin(row)}


BUSY = {
    "plain": ({}, range(5)),
    "backwards": ({"reverse": True}, range(4, -1, -1)),
    "unrolled": ({"unroll": 2}, range(5)),
    "unrolled backwards": ({"unroll": 3, "reverse": True}, range(4, -1, -1)),
    "with checkpoints": ({"checkpoint_every": 2}, range(5)),
    "with checkpoints backwards": ({"checkpoint_every": 4, "reverse": True}, range(4, -1, -1)),
    "some": ({"length": 3}, range(3)),
    "some backwards": ({"length": 2, "reverse": True}, range(1, -1, -1)),
    "all there are": ({"length": 5}, range(5)),
    "none": ({"length": 0}, range(0)),
    "until": ({"until": lambda c, y: c[1] > 10}, range(3)),
    "until at once": ({"until": lambda c, y: y["k"] >= 1}, range(1)),
    "until never": ({"until": lambda c, y: c[1] > 999}, range(5)),
}


@pytest.mark.parametrize("name", BUSY)
def test_loops_are_their_steps_written_out(name):
    options, order = BUSY[name]
    n = wf.scalar("n", dtype="int64")
    if "length" in options:
        options = {**options, "length": n}
    x, v, w, start = (wf.tensor(None, shape, "float64") for shape in ((5, 3), (4,), (3, 3), (3,)))
    i = wf.tensor("i", (5,), "int64")
    given = {a: np.random.default_rng(k).normal(size=a.shape) for k, a in enumerate((x, v, w, start))}
    given |= {i: np.array([1, 3, 2, 0, 1]), n: np.int64(BUSY[name][0].get("length", 0))}
    last, ys, *steps = wf.scan(busy_step, (start, 1), (x, i), (w, v), **options)
    carry, made = (start, wf.constant(np.int64(1))), {}
    for place in order:
        carry, made[place] = busy_step(carry, (x[place], i[place]), w, v)
    none = {"y": wf.zeros((3,), "float64"), "k": wf.constant(np.int64(0)), "row": wf.zeros((3,), "float64")}
    stacks = {key: wf.stack([made.get(place, none)[key] for place in range(5)]) for key in none}
    pairs = [(last[0], carry[0]), (last[1], carry[1]), *((ys[key], stacks[key]) for key in none)]
    pairs += [(count, wf.constant(np.int64(len(order)))) for count in steps]
    weights = np.arange(15.0).reshape(5, 3) - 6
    for some in (
        (lambda a, b: a.sum()),
        (lambda a, b: (weights * b["y"]).sum()),
        (lambda a, b: (a * b["row"][1:2]).sum()),
    ):
        losses = some(last[0] ** 2, ys), some(carry[0] ** 2, stacks)
        first = [wf.grad(loss, [x, v, w, start], disconnected="zero") for loss in losses]
        pairs += zip(*first, strict=True)
    second = [wf.grad(wf.sum(g[2] ** 2), [x, v, w, start], disconnected="zero") for g in first]
    pairs += zip(*second, strict=True)
    found, wanted = (wf.evaluate(list(side), given) for side in zip(*pairs, strict=True))
    for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10, err_msg=f"pair {number}")


@pytest.mark.parametrize("steps", range(4))
def test_few_steps_in_chunks(steps):
    x = wf.tensor("x", (steps, 2), "float64")
    value = np.random.default_rng(1).normal(size=(steps, 2))
    plain, chunked = [], []
    for reverse in (False, True):
        run = lambda reverse=reverse, **options: wf.scan(  # noqa: E731
            lambda c, v: (wf.sin(c) * v, {"c": c + v}), wf.ones((2,), "float64"), x, reverse=reverse, **options
        )
        for options in ({"unroll": 1}, {"unroll": 2}, {"unroll": 5}, {"checkpoint_every": 1}, {"checkpoint_every": 2}):
            for results, (last, ys) in ((plain, run()), (chunked, run(**options))):
                results += [last, ys["c"], wf.grad((last * ys["c"]).sum(), x, disconnected="zero")]
    for one, other in zip(wf.evaluate(chunked, {x: value}), wf.evaluate(plain, {x: value}), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("limit", [0, 2, 4, 9])
def test_loops_of_any_length_are_their_steps_written_out(limit):
    x, w = wf.tensor("x", (3,), "float64"), wf.tensor("w", (3, 3), "float64")
    given = {x: np.array([0.5, -1.0, 2.0]), w: np.array([[0.1, 0.9, 0.2], [-0.3, 0.4, 1.0], [0.7, 0.0, -0.5]])}
    body = lambda c: (wf.sin(c[0] @ w) + x, c[1] + 1)  # noqa: E731
    row, count = wf.while_loop(lambda c: c[1] < 4, body, (x, 0), max_steps=limit)
    carry = (x, wf.constant(np.int64(0)))
    for _ in range(min(limit, 4)):
        carry = body(carry)
    pairs = [(row, carry[0]), (count, carry[1])]
    slopes = [wf.grad((r * r).sum(), [x, w], disconnected="zero") for r in pairs[0]]
    found, wanted = (wf.evaluate(list(side), given) for side in zip(*pairs, *zip(*slopes, strict=True), strict=True))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_sizes_that_are_values_in_loops_and_branches():
    """They may be values of what lies outside; those that change from step to step are refused."""
    x, n, p = wf.vector("x", ("m",), "float64"), wf.scalar("n", dtype="int64"), wf.scalar("p", dtype="bool")
    total, rows = wf.scan(lambda c, v: (c + (wf.arange(n) * v).sum(), c * wf.ones((n,), "float64")), 0.0, x)
    chosen = wf.cond(p, lambda: wf.zeros((n,), "float64") + x[0], lambda: x[:n] * total)
    values = np.array([2.0, -1.0, 0.5, 3.0])
    for often in (3, 0, 1):
        factor = sum(range(often))
        before = np.array([0, 2, 1, 1.5]) * factor
        for flag, right in ((True, np.full(often, 2.0)), (False, values[:often] * 4.5 * factor)):
            given = {x: values, n: often, p: flag}
            for found, wanted in zip(
                wf.evaluate([total, rows, chosen], given),
                (4.5 * factor, before[:, None] * np.ones(often), right),
                strict=True,
            ):
                np.testing.assert_allclose(found, wanted)
    k = wf.vector("k", ("m",), "int64")
    for step in (lambda c, v: (c + wf.arange(v).sum(), None), lambda c, v: (c + wf.zeros((c,), "int64").sum(), None)):
        with pytest.raises(wf.ShapeError, match="must not be a value that changes from step to step"):
            wf.scan(step, 0, k)


def test_one_function_for_all_lengths():
    inputs, loss, _ = rnn("time")
    f = wf.function(inputs, loss)
    for steps in (5, 1, 0, 9, 5):
        values = rnn_values(steps)
        np.testing.assert_allclose(f(*values), rnn_by_hand(*values)[0], rtol=2e-5, atol=1e-6)


def test_second_derivative_is_compiled():
    inputs, loss, _ = rnn(3)
    values = rnn_values(3)
    first = wf.grad(loss, inputs[3])
    second = wf.grad(wf.sum(first * first), inputs)
    compiled(inputs, second, *values)


def test_several_states_in_a_structure():
    x = wf.vector("x", ("n",))
    (low, both), ys = wf.scan(
        lambda c, x: ((c[0] + x, {"p": c[1]["p"] * x, "k": c[1]["k"] + 1}), (x - c[0], [c[1]["k"]])),
        (0.0, {"p": wf.constant(np.float32(1)), "k": 0}),
        x,
    )
    values = normal(5)
    total, product, count, y, k = compiled([x], [low, both["p"], both["k"], ys[0], ys[1][0]], values)
    np.testing.assert_allclose(total, values.sum(), rtol=1e-5)
    np.testing.assert_allclose(product, values.prod(), rtol=1e-5)
    assert count == 5
    assert k.dtype == np.int64
    np.testing.assert_array_equal(k, np.arange(5))
    np.testing.assert_allclose(y, values - np.concatenate([[0], np.cumsum(values)[:-1]]), rtol=1e-4, atol=1e-6)


def test_without_sequences_and_without_results():
    x = wf.scalar("x")
    power, nothing = wf.scan(lambda c, _: (c * x, None), wf.constant(np.float32(1)), length=10)
    assert nothing is None
    value, slope = compiled([x], [power, wf.grad(power, x)], np.float32(1.1))
    np.testing.assert_allclose([value, slope], [1.1**10, 10 * 1.1**9], rtol=1e-5)


def test_nested():
    x = wf.matrix("x", ("n", "m"))
    w = wf.scalar("w")

    def row(c, line):
        inner, _ = wf.scan(lambda s, v: (wf.tanh(s * w + v), None), c, line)
        return inner, inner

    last, ys = wf.scan(row, wf.constant(np.float32(0)), x)
    loss = last + wf.sum(ys * ys)
    values, weight = normal(3, 4), np.float32(0.7)
    state, expected = 0.0, []
    for line in values:
        for v in line:
            state = np.tanh(state * weight + v)
        expected.append(state)
    found = compiled([x, w], [ys, *wf.grad(loss, [x, w])], values, weight)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)
    wf.check_grad(loss, [x, w], {x: values, w: weight}, order=2, rtol=1e-4)


def test_ends_early():
    x = wf.vector("x", ("n",))
    total, ys, steps = wf.scan(lambda c, x: (c + x, c * x), 0.0, x, until=lambda c, y: c > 3)
    values = np.ones(8, np.float32)
    c, y, n, slope = compiled([x], [total, ys, steps, wf.grad(total + wf.sum(ys), x)], values)
    assert (c, n) == (4, 4)
    np.testing.assert_array_equal(y, [0, 1, 2, 3, 0, 0, 0, 0])
    np.testing.assert_array_equal(slope, [4, 4, 4, 4, 0, 0, 0, 0])
    assert wf.function([x], steps)(values[:2]) == 2


@pytest.mark.parametrize("reverse", [False, True])
def test_number_of_steps_is_a_value(reverse):
    x, k = wf.vector("x", ("n",)), wf.scalar("k", dtype="int64")
    total, ys = wf.scan(lambda c, x: (c * x, c + x), 1.0, x, length=k, reverse=reverse)
    loss = total + wf.sum(ys)
    values = normal(6) + 1
    for count in (0, 1, 4, 6):
        c, made = np.float32(1), np.zeros(6, np.float32)
        for i in range(count)[:: -1 if reverse else 1]:
            made[i] = c + values[i]
            c = c * values[i]
        found = compiled([x, k], [total, ys, wf.grad(loss, x)], values, np.int64(count))
        np.testing.assert_allclose(found[0], c, rtol=1e-5)
        np.testing.assert_allclose(found[1], made, rtol=1e-5)


def test_while_loop():
    x = wf.scalar("x", dtype="float64")
    root, steps = wf.while_loop(
        lambda c: abs(c[0] * c[0] - x) > 1e-12 * x, lambda c: ((c[0] + x / c[0]) / 2, c[1] + 1), (x, 0), max_steps=60
    )
    value, count, slope = compiled([x], [root, steps, wf.grad(root, x)], np.float64(2))
    np.testing.assert_allclose([value, slope], [np.sqrt(2), 0.5 / np.sqrt(2)], rtol=1e-9)
    assert 3 < count < 10


def test_while_loop_without_a_step_and_without_a_limit():
    n = wf.scalar("n", dtype="int64")
    left, total = wf.while_loop(lambda c: c[0] > 0, lambda c: (c[0] - 1, c[1] + c[0]), (n, 0))
    f = wf.function([n], [left, total])
    assert f(1000) == [0, 500500]
    assert f(0) == [0, 0]
    assert f(-3) == [-3, 0]


def test_derivative_needs_a_limit():
    x = wf.scalar("x")
    y = wf.while_loop(lambda c: c < 10, lambda c: c * x, x)
    with pytest.raises(wf.GradientError, match="max_steps"):
        wf.grad(y, x)


def test_while_loop_stops_at_its_limit():
    x = wf.scalar("x")
    y = wf.while_loop(lambda c: c < 100, lambda c: c * 2, x, max_steps=3)
    assert wf.function([x], y)(np.float32(1)) == 8


def test_draws_differ_from_step_to_step():
    rng = wf.random.Stream(seed=1)
    _, draws = wf.scan(lambda c, _: (c, rng.uniform((4,))), 0.0, length=6)
    assert len(np.unique(wf.function([], draws)())) == 24
    f = wf.function([], draws)
    assert not np.array_equal(f(), f())
    inner = wf.scan(lambda c, _: (c, wf.scan(lambda d, _: (d, rng.uniform(())), 0.0, length=3)[1]), 0.0, length=3)[1]
    assert len(np.unique(wf.function([], inner)())) == 9


def test_draws_differ_from_step_to_step_of_a_loop_of_any_length():
    rng, k = wf.random.Stream(seed=2), wf.scalar("k", dtype="int64")
    keep = lambda c: (wf.index_set(c[0], c[1], rng.uniform(())), c[1] + 1)  # noqa: E731
    drawn, steps = wf.while_loop(lambda c: c[1] < k, keep, (wf.zeros((6,)), 0))
    found, count = wf.evaluate([drawn, steps], {k: 5})
    assert count == 5
    assert len(np.unique(found)) == 6
    assert found[-1] == 0


class State(NamedTuple):
    total: Any
    product: Any


def test_first_values_and_structures_of_ones_own():
    x = wf.vector("x", ("n",), "float64")
    values = np.array([1.5, -2.0, 3.0])
    last, ys = wf.scan(lambda c, v: (State(c.total + v, c.product * v), [c, {"v": v}]), State(0, 1.0), x)
    assert isinstance(last, State)
    assert isinstance(ys[0], State)
    outputs = [*last, *ys[0], ys[1]["v"]]
    assert {y.dtype.name for y in outputs} == {"float64"}
    wanted = [2.5, -9.0, [0, 1.5, -0.5], [1, 1.5, -3.0], values]
    for found, right in zip(wf.evaluate(outputs, {x: values}), wanted, strict=True):
        np.testing.assert_allclose(found, right)
    p = wf.scalar("p", dtype="bool")
    chosen = wf.cond(p, State(x, 1.0), State(2 * x, x.sum()))
    assert isinstance(chosen, State)
    for flag, right in ((True, (values, 1)), (False, (2 * values, 2.5))):
        for found, one in zip(wf.evaluate([*chosen], {x: values, p: flag}), right, strict=True):
            np.testing.assert_allclose(found, one)


def test_cond_takes_one_branch():
    p, x = wf.scalar("p", dtype="bool"), wf.vector("x", ("n",))
    index = wf.vector("i", ("k",), dtype="int64")
    y = wf.cond(p, lambda: wf.sum(x[index]), lambda: wf.sum(x * x))
    f = wf.function([p, x, index], [y, wf.grad(y, x)])
    values, far = normal(5), np.array([99])
    np.testing.assert_allclose(f(False, values, far)[0], (values**2).sum(), rtol=1e-5)  # nobody looks at place 99
    np.testing.assert_allclose(f(False, values, far)[1], 2 * values, rtol=1e-5)
    with pytest.raises(wf.IndexRangeError):
        f(True, values, far)
    value, slope = f(True, values, np.array([1, 1, 4]))
    np.testing.assert_allclose(value, 2 * values[1] + values[4], rtol=1e-5)
    np.testing.assert_allclose(slope, [0, 2, 0, 0, 1])


def test_cond_of_structures_and_numbers():
    p, x = wf.scalar("p", dtype="bool"), wf.vector("x", (3,))
    y = wf.cond(p, {"a": (x, 1.0)}, {"a": (x * 2, 0)})
    for flag in (True, False):
        a, b = compiled([p, x], [y["a"][0], y["a"][1]], flag, np.ones(3, np.float32))
        np.testing.assert_array_equal(a, np.ones(3) * (1 if flag else 2))
        assert b == flag


def test_numbers_in_a_branch_are_like_the_other():
    p, given = wf.scalar("p", dtype="bool"), np.array([1, -2, 3])
    for kind in ("int8", "float64", "bool"):
        x = wf.tensor("x", ("n",), kind)
        value = given.astype(kind)
        for number in (1, True) if kind != "float64" else (1, 2.5):
            for branches, flag in (((x, number), False), ((number, x), True)):
                y = wf.cond(p, *branches)
                assert (y.dtype, y.shape) == (np.result_type(value, number), x.shape)
                found = wf.evaluate([y, wf.cond(p, *(lambda b=b: b for b in branches))], {p: flag, x: value})
                np.testing.assert_array_equal(found, np.full((2, 3), number))
                np.testing.assert_array_equal(wf.evaluate(y, {p: not flag, x: value}), value)
    y = wf.cond(p, 1, 2.5)
    assert y.shape == ()
    assert [float(wf.evaluate(y, {p: flag})) for flag in (True, False)] == [1, 2.5]
    x = wf.tensor("x", (2,), "float64")
    slopes = wf.grad(wf.cond(p, x, 3.0).sum(), x)
    assert [wf.evaluate(slopes, {p: flag, x: given[:2]}).tolist() for flag in (True, False)] == [[1, 1], [0, 0]]


def test_cond_in_a_loop_and_a_loop_in_a_cond():
    x = wf.vector("x", ("n",))

    def step(c, v):
        new = wf.cond(v > 0, lambda: c * v, lambda: c - v)
        return new, new

    last, ys = wf.scan(step, 1.0, x)
    inside = wf.cond(last > 0, lambda: wf.scan(lambda c, v: (c + v * v, None), 0.0, x)[0], lambda: last * 3)
    loss = last + wf.sum(ys) + inside
    values = normal(6)
    compiled([x], [last, ys, inside, wf.grad(loss, x)], values)
    wf.check_grad(loss, x, {x: values}, order=2, rtol=1e-4)


def test_captured_values_are_computed_once():
    x, w = wf.tensor("x", ("n", 4, 4)), wf.matrix("w", (4, 4))
    _, ys = wf.scan(lambda c, x: (c, x @ (w @ w.T)), 0.0, x)
    f = wf.function([x, w], ys)
    assert str(f.explain("nests")).count("kernel matmul(") == 2
    a, b = normal(3, 4, 4), normal(4, 4)
    np.testing.assert_allclose(f(a, b), a @ (b @ b.T), rtol=1e-4, atol=1e-5)


def test_what_nobody_reads_is_not_computed():
    x = wf.vector("x", ("n",))
    total, _ = wf.scan(lambda c, x: ((c[0] + x, wf.exp(c[1] * x)), wf.tanh(x)), (0.0, 1.0), x)
    f = wf.function([x], total[0])
    (loop,) = [n for n in f.graph.nodes if n.op.bodies]
    assert (loop.op.carries, loop.op.sequences, loop.op.stacked) == (1, 1, ())


def test_views_of_any_kind_go_in():
    x = wf.matrix("x", ("n", "m"))
    values = normal(4, 6)
    for view, array in ((x.T, values.T), (x[::-1], values[::-1]), (x[:, ::2], values[:, ::2]), (x + 0, values)):
        _, ys = wf.scan(lambda c, v: (c + wf.sum(v), v * c), 0.0, view)
        found = wf.function([x], ys)(values)
        sums = np.concatenate([[0], array.sum(1).cumsum()[:-1]])
        np.testing.assert_allclose(found, array * sums[:, None], rtol=1e-4, atol=1e-5)


def test_updates_and_loops():
    w, x = wf.shared(np.float32(2), "w"), wf.vector("x", ("n",))
    total, _ = wf.scan(lambda c, x: (c + w * x, None), 0.0, x)
    f = wf.function([x], total, updates={w: total})
    assert f(np.ones(3, np.float32)) == 6
    assert w.get_value() == 6
    assert f(np.ones(2, np.float32)) == 12


def test_a_failed_call_leaves_nothing_behind():
    table, index = wf.vector("table", (5,)), wf.vector("i", ("n",), dtype="int64")
    _, ys = wf.scan(lambda c, i: (c, table[wf.reshape(i, (1,))]), 0.0, index)
    f = wf.function([table, index], ys)
    values = np.arange(5, dtype=np.float32)
    with pytest.raises(wf.IndexRangeError):
        f(values, np.array([1, 2, 9]))
    np.testing.assert_array_equal(f(values, np.array([1, 2, 4])).ravel(), [1, 2, 4])


@pytest.mark.parametrize("steps", [0, 5])
def test_profile_and_explain(steps):
    inputs, loss, _ = rnn("time")
    f = wf.function(inputs, [loss, *wf.grad(loss, inputs)])
    profile = f.profile(*rnn_values(steps))
    assert any(row.what == "scan" for row in profile.rows)
    assert "scan, length=time, body of" in f.explain("nests")
    assert "matmul(" in f.explain("nests")


def test_a_profile_counts_a_loop_in_a_loop_once_for_each_step_of_both():
    x = wf.matrix("x", (3, 4))
    inner = lambda c, row: (wf.scan(lambda d, v: (wf.sin(d * v), None), c, row)[0], None)  # noqa: E731
    f = wf.function([x], wf.scan(inner, 1.0, x)[0])
    f(normal(3, 4))
    ((binding,),) = f._idle.values()
    often = times._repeats(binding)
    assert set(often) == {1, 3, 12}
    assert often[0] == often[-1] == 1
    x, w = wf.matrix("x", ("n", "m")), wf.vector("w", (4,))
    total = wf.scan(lambda c, v: (c + v, None), 0.0, w)[0]
    chosen = wf.cond(total > 0, lambda: total * 2, lambda: total - wf.scan(lambda c, v: (c * v, None), 1.0, w)[0])

    def step(c, v):
        inside = wf.scan(lambda d, u: (d + u * u, None), 0.0, w)[0]  # the same in every step
        return c + wf.sum(v) * inside + wf.cond(total > 0, lambda: total, lambda: inside), None

    last, _ = wf.scan(step, 0.0, x)
    for sign in (1, -1):
        a, b = normal(3, 2), sign * np.arange(1, 5, dtype=np.float32)
        squares, product = np.sum(b * b), np.prod(b)
        found = compiled([x, w], [chosen, last, *wf.grad(chosen + last, [x, w])], a, b)
        assert found[0] == pytest.approx(b.sum() * 2 if sign > 0 else b.sum() - product)
        assert found[1] == pytest.approx(a.sum() * squares + 3 * (b.sum() if sign > 0 else squares), rel=1e-4)
    wf.check_grad(chosen + last, [x, w], {x: a, w: b}, order=2, rtol=1e-4)


def test_text_and_pickle_rebuild_it():
    inputs, loss, _ = rnn(3)
    chosen = wf.cond(loss > 0, lambda: loss * 2, lambda: wf.grad(loss, inputs[1]).sum())
    values = rnn_values(3)
    expected = wf.function(inputs, chosen)(*values)
    made = {}
    exec(wf.to_python([chosen, *inputs]), made)
    again, *places = made["outputs"]
    np.testing.assert_allclose(wf.function(places, again)(*values), expected, rtol=1e-6)
    again, *places = pickle.loads(pickle.dumps([chosen, *inputs]))
    np.testing.assert_allclose(wf.function(places, again)(*values), expected, rtol=1e-6)


def sigmoid_step(c, x):
    return wf.sigmoid(c + x)


def test_errors():
    x, m = wf.vector("x", (4,)), wf.matrix("m", (3, 2))
    with pytest.raises(wf.ArgumentError, match="sigmoid_step must return \\(carry, y\\)"):
        wf.scan(sigmoid_step, 0.0, x)
    with pytest.raises(wf.ShapeError, match="4 and 3 elements"):
        wf.scan(lambda c, x: (c, None), 0.0, (x, m))
    with pytest.raises(wf.ShapeError, match=r"carry number 0 \(x\) has shape \(4,\) at first, and \(\) after a step"):
        wf.scan(lambda c, _: (wf.sum(c), None), x, length=3)
    with pytest.raises(wf.DTypeError, match="float32 at first, and float64 after a step"):
        wf.scan(lambda c, _: (c.astype("float64"), None), x, length=3)
    with pytest.raises(wf.ArgumentError, match="takes a carry of the form"):
        wf.scan(lambda c, _: ((c, c), None), x, length=3)
    with pytest.raises(wf.ArgumentError, match="length says how many steps"):
        wf.scan(lambda c, _: (c, None), 0.0)
    with pytest.raises(wf.ShapeError, match="length is 5"):
        wf.scan(lambda c, _: (c, None), 0.0, x, length=5)
    with pytest.raises(wf.DTypeError, match="must return a bool scalar"):
        wf.while_loop(lambda c: c + 1, lambda c: c, 0.0)
    with pytest.raises(wf.ArgumentError, match="one branch gives"):
        wf.cond(wf.sum(x) > 0, (x, x), x)
    with pytest.raises(wf.ShapeError, match="one branch gives"):
        wf.cond(wf.sum(x) > 0, x, m)
    with pytest.raises(wf.DTypeError, match="must be a bool"):
        wf.cond(wf.sum(x), x, x)
    with pytest.raises(wf.ArgumentError, match="runs forwards"):
        wf.scan(lambda c, x: (c, x), 0.0, x, reverse=True, until=lambda c, y: c > 0)


def test_loops_that_differ_in_one_thing_are_two():
    # loops over one body are joined where nothing else differs
    def step(c, x):
        return c * 0.5 + x, c - x

    x, n = wf.vector("x", (5,), "float64"), wf.scalar("n", dtype="int64")
    given, starts = (np.array([3.0, -1.0, 2.0, 0.5, 7.0]), 3), (wf.constant(np.array(1.0)), wf.constant(np.array(-2.0)))
    loops = [wf.scan(step, start, x, reverse=reverse) for start in starts for reverse in (False, True)]
    loops += [wf.scan(step, starts[0], xs) for xs in (x[:4], x[::-1])]
    loops += [wf.scan(step, starts[0], x, length=length) for length in (n, n + 1)]
    loops += [wf.scan(step, starts[0], x, until=lambda c, y, limit=limit: c > limit) for limit in (2.0, 5.0)]
    together = [part for loop in loops for part in loop[:2]]
    expected = wf.evaluate(together, {x: given[0], n: np.int64(given[1])})
    for one, other in zip(wf.function([x, n], together)(*given), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
