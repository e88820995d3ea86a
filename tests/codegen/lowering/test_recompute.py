"""Steps that run again for lack of memory: the same numbers to the last bit, within the limit, and nothing twice."""

import re
import tracemalloc

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.run.processor import processor
from weft.codegen.lowering.program import BranchStep, LoopStep, each_step
from weft.codegen.lowering.recompute import may_run_again

from ...sampling import rarely
from ..interpreted import interpreted


def taken(function):
    """The bytes of results and temporaries that a function plans for a call; for symbolic sizes, after one."""
    bound = function.bounds()[-1]
    return function.working_memory(bound).arena + sum(result.bytes for result in bound.results)


def chain(layers, width=16, rows=200, dropout=False, **options):
    """A training step of a deep net, its variables, and the arrays of a call."""
    rng = np.random.default_rng(0)
    stream = wf.random.Stream(seed=3)
    x, t = wf.matrix("x", (rows, width)), wf.matrix("t", (rows, width))
    h, params = x, []
    for number in range(layers):
        w = wf.shared(rng.standard_normal((width, width)).astype("float32") / 4, f"w{number}")
        b = wf.shared(rng.standard_normal(width).astype("float32") / 4, f"b{number}")
        params += [w, b]
        h = wf.tanh(h @ w + b)
        if dropout:
            h = wf.where(stream.uniform(h.shape) < 0.7, h / 0.7, 0)
    loss = ((h - t) ** 2).mean()
    updates = wf.nn.updates.momentum(loss, params, 0.1, 0.9)
    step = wf.function([x, t], loss, updates=updates, **options)
    shape = (rows if isinstance(rows, int) else 200, width)
    return step, [*params, stream.counter], [rng.standard_normal(shape).astype("float32") for _ in range(2)]


def convolutional(**options):
    """A training step with batch normalisation and pooling."""
    rng = np.random.default_rng(1)
    x, t = wf.tensor("x", (6, 3, 12, 12)), wf.vector("t", (6,), "int64")
    h, params, averages, channels = x, [], [], 3
    for number, maps in enumerate((4, 4, 4, 6, 6)):
        w = wf.shared(rng.standard_normal((maps, channels, 3, 3)).astype("float32") / 4, f"w{number}")
        scale, shift = wf.shared(np.ones(maps, "float32")), wf.shared(np.zeros(maps, "float32"))
        means, variances = wf.shared(np.zeros(maps, "float32")), wf.shared(np.ones(maps, "float32"))
        h = wf.nn.layers.batch_norm(wf.conv2d(h, w, padding=1), True, scale, shift, means, variances)
        h, averages = wf.relu(h), [*averages, means, variances]
        params, channels = [*params, w, scale, shift], maps
        if number == 2:
            h = wf.max_pool2d(h, 2)
    loss = wf.nn.losses.crossentropy(h.mean((2, 3)), t).mean()
    variables = [*params, *averages]
    updates = wf.nn.updates.sgd(loss, params, 0.1)
    step = wf.function([x, t], loss, updates=updates, **options)
    return step, variables, [rng.standard_normal((6, 3, 12, 12)).astype("float32"), rng.integers(0, 6, 6)]


def same_numbers(make, limits, **options):
    """Three calls of a step with each limit, which is a part of what it takes, against those of the step without."""
    step, variables, arrays = make(**options)
    losses = [step(*arrays) for _ in range(3)]
    whole = taken(step)
    steps = []
    for part in limits:
        limited, own, _ = make(max_memory=int(whole * part), **options)
        assert taken(limited) <= whole * part
        assert [limited(*arrays) for _ in range(3)] == losses
        for mine, other in zip(own, variables, strict=True):
            np.testing.assert_array_equal(mine.get_value(), other.get_value())
        steps.append(len(limited.bounds()[-1].program.recomputed.steps))
    return steps


def test_a_deep_net_has_the_same_bits_with_less_memory():
    none, few, many = same_numbers(lambda **o: chain(24, **o), (1.0, 0.6, 0.45))
    assert none == 0 < few < many


@pytest.mark.parametrize("target", ["reference", rarely("cuda:simulator")])
def test_other_targets_compute_again(target):
    (again,) = same_numbers(lambda **o: chain(8, rows=40, width=5, **o), (0.7,), target=target)
    assert again


def test_batch_normalisation_and_pooling_are_computed_again():
    least = 0.65 if processor().vector_bytes == 64 else 0.6  # packed elements of wide vectors take more
    few, many = same_numbers(convolutional, (0.8, least))
    assert 0 < few < many


def test_random_numbers_are_the_same_when_they_are_drawn_again():
    few, many = same_numbers(lambda **o: chain(12, dropout=True, **o), (0.7, 0.5))
    assert 0 < few < many


@pytest.mark.parametrize("part", [0.9, 0.7, 0.5, 0.4])
def test_nothing_is_needed_outside_of_its_life(part):
    step, variables, arrays = chain(16, target="reference")
    (loss,), new = interpreted(step, arrays)
    limited, own, _ = chain(16, target="reference", max_memory=int(taken(step) * part))
    (again,), newer = interpreted(limited, arrays)
    assert again == loss
    for mine, other in zip(own[:-1], variables[:-1], strict=True):
        np.testing.assert_array_equal(newer[mine], new[other])


def test_the_reference_takes_less_memory_too():
    """What stands in memory at once, as Python counts it."""
    step, _, arrays = chain(16, rows=4000, target="reference")
    limited, _, _ = chain(16, rows=4000, target="reference", max_memory=taken(step) // 2)
    peaks = []
    for each in (step, limited):
        tracemalloc.start()
        each(*arrays)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 0.7 * peaks[0]


def test_the_plan_and_its_price_are_told_before_any_call():
    whole = taken(chain(20)[0])
    step, _, _ = chain(20, max_memory=whole // 2)
    text = step.explain("memory")
    found = re.search(r"max_memory=(\d+): results and temporaries take (\d+) bytes; (\d+) if all were kept", text)
    limit, now, before = map(int, found.groups())
    assert (limit, now, before) == (whole // 2, taken(step), whole)
    count, of_all, price = re.search(r"(\d+) steps of (\d+) run again, about ([\d.]+)% more work", text).groups()
    plan = step.bounds()[-1].program.recomputed
    assert int(count) == len(plan.steps) > 4
    assert int(of_all) == len(step.bounds()[-1].program.steps)
    assert 0 < plan.work < 0.4
    assert f"{plan.work:.1%}" == f"{price}%"
    assert text.count("test_recompute.py") >= len(plan.steps)


def test_more_memory_costs_less_work():
    whole = taken(chain(24)[0])
    work = [
        chain(24, max_memory=int(whole * part))[0].bounds()[-1].program.recomputed.work for part in (0.8, 0.6, 0.45)
    ]
    assert 0 < work[0] < work[1] < work[2]


def test_the_least_is_told_where_the_limit_is_below_it():
    step, _, arrays = chain(12)
    loss = step(*arrays)
    with pytest.raises(wf.OutOfMemoryError, match=r"least that was found, .*, is \d+\.") as caught:
        chain(12, max_memory=1000)
    assert "max_memory=1000" in str(caught.value)
    assert "test_recompute.py" in "".join(caught.value.__notes__)
    least = int(re.search(r"is (\d+)\.", str(caught.value)).group(1))
    limited, _, _ = chain(12, max_memory=least)
    assert taken(limited) <= least < taken(step)
    assert limited(*arrays) == loss


def test_sizes_of_a_call_decide_on_its_plan():
    step, _, (x, t) = chain(16, rows="rows")
    whole = {}
    for rows in (40, 200):
        step(x[:rows], t[:rows])
        whole[rows] = taken(step)
    limit = whole[200] // 2
    assert limit > whole[40]
    limited, _, _ = chain(16, rows="rows", max_memory=limit)
    assert "bytes" not in limited.explain("memory")
    wanted, _, _ = chain(16, rows="rows")
    for rows in (40, 200, 40):
        assert limited(x[:rows], t[:rows]) == wanted(x[:rows], t[:rows])
        (program,) = [bound.program for bound in limited.bounds() if bound.sizes["rows"] == rows]
        assert bool(program.recomputed.steps) == (rows == 200)
    small, own, _ = chain(16, rows="rows", max_memory=whole[40])
    before = own[0].get_value()
    with pytest.raises(wf.OutOfMemoryError, match="least that was found"):
        small(x, t)
    np.testing.assert_array_equal(own[0].get_value(), before)


def test_callbacks_run_once():
    """Pure or not, a function of the user's is not called again, nor is what it gives lost."""
    calls = []

    def doubled(value):
        calls.append(value.shape)
        return value * 2

    def make(**options):
        x, w = wf.matrix("x", (200, 20)), wf.matrix("w", (20, 20))
        h = wf.callback(doubled, wf.Type("float32", (200, 20)), x @ w, vjp=lambda g, out, v: g * 2)
        for _ in range(8):
            h = wf.tanh(h @ w)
        loss = (h * wf.callback(doubled, wf.Type("float32", (200, 20)), h, effects=True, vjp=lambda g, o, v: g)).sum()
        return wf.function([x, w], [loss, wf.grad(loss, w)], **options)

    values = [np.random.default_rng(2).random(shape, np.float32) * 0.3 for shape in ((200, 20), (20, 20))]
    step = make()
    wanted, once = step(*values), len(calls)
    assert once == 2
    limited = make(max_memory=taken(step) * 7 // 10)
    found = limited(*values)
    assert len(calls) == 2 * once
    assert limited.bounds()[-1].program.recomputed.steps
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def loops(**options):
    """Values that are made early, and read late by a loop and by a branch, with much in between."""
    x, w = wf.matrix("x", (30, 20)), wf.shared(np.linspace(-1, 1, 400, dtype="float32").reshape(20, 20))
    early, other = wf.exp(x @ w * 0.1), wf.tanh(x @ w.T)
    layers = [early]
    for _ in range(8):
        layers.append(wf.tanh(layers[-1] @ w))
    between = sum((layer * layer).sum() for layer in reversed(layers[1:]))
    last, states = wf.scan(lambda h, row: (wf.tanh(h + row),) * 2, wf.zeros((20,)) + between, early)
    chosen = wf.cond(between > 0, lambda: (other @ w).sum(0), lambda: other.sum(0))
    return wf.function([x], [last, states.sum(0), chosen], **options)


def test_variables_that_a_callback_may_change_are_not_read_again():
    x, w = wf.matrix("x", (200, 20)), wf.shared(np.full((20, 20), 0.1, "float32"))
    h = wf.callback(np.tanh, wf.Type("float32", (200, 20)), x, vjp=lambda g, out, v: g)
    for _ in range(8):
        h = wf.tanh(h @ w)
    whole = taken(wf.function([x], [h.sum(), wf.grad(h.sum(), w)]))
    with pytest.raises(wf.OutOfMemoryError, match="max_memory"):
        wf.function([x], [h.sum(), wf.grad(h.sum(), w)], max_memory=whole // 2)


def test_loops_and_branches_read_what_is_computed_again():
    values = np.random.default_rng(3).standard_normal((30, 20)).astype("float32")
    step = loops()
    wanted = step(values)
    with pytest.raises(wf.OutOfMemoryError) as caught:
        loops(max_memory=1)
    limited = loops(max_memory=int(re.search(r"is (\d+)\.", str(caught.value)).group(1)))
    program = limited.bounds()[-1].program
    assert program.recomputed.steps
    for one, other in zip(limited(values), wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    kinds = [type(each) for each in each_step(program.steps)]
    assert kinds.count(LoopStep) == 1
    assert kinds.count(BranchStep) == 1
    reference = loops(max_memory=limited.max_memory + 20_000, target="reference")
    for one, other in zip(interpreted(reference, [values])[0], wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_an_lstm_is_left_as_it_is():
    step = loops()
    steps = [s for s in step.program.steps if isinstance(s, LoopStep | BranchStep)]
    assert len(steps) == 2
    assert not any(map(may_run_again, steps))


def test_a_limit_is_a_whole_number_of_bytes():
    x = wf.vector("x", (4,))
    for wrong in (0.5, -1, True, "1 GB"):
        with pytest.raises(wf.ArgumentError, match="max_memory"):
            wf.function([x], x + 1, max_memory=wrong)


def test_a_function_with_a_limit_travels():
    import pickle

    whole = taken(chain(12)[0])
    step, _, arrays = chain(12, max_memory=whole // 2)
    there = pickle.loads(pickle.dumps(step))
    assert taken(there) == taken(step) <= whole // 2
    assert there(*arrays) == step(*arrays)
