"""function(..., nan="raise", inf="raise"): which operation made the number, and what is left as it was."""

import copy
import pathlib

import numpy as np
import pytest

import weft as wf

HERE = "test_not_finite.py"


def line_of(mark):
    """The number of the one line of this file with this mark."""
    text = pathlib.Path(__file__).read_text().splitlines()
    lines = [n for n, line in enumerate(text, 1) if line.rstrip().endswith(f"# {mark}")]
    assert len(lines) == 1
    return f"{HERE}:{lines[0]}"


def refusal(f, *args):
    """What a call says that makes a number it may not: the sentence, and the line it happened at."""
    with pytest.raises(wf.NotFiniteError) as caught:
        f(*args)
    assert isinstance(caught.value, FloatingPointError)
    return str(caught.value), next(note for note in caught.value.__notes__ if "<- here" in note)


def f32(*values):
    return np.array(values, "float32")


def test_the_first_operation_is_named_inside_of_a_nest():
    x = wf.vector("x", ("n",))
    y = wf.log(x)  # log
    f = wf.function([x], {"loss": (y * 2 + 1).sum(), "count": x.shape[0]}, nan="raise")
    text, line = refusal(f, f32(1, 2, -3))
    assert text == "log: its value becomes nan at [2], of x = -3.0."
    assert line_of("log") in line
    assert f(f32(1, 1))["loss"] == 2
    assert f(f32(1, 0))["loss"] == -np.inf  # which is no NaN
    g = wf.function([x], y.sum(), inf="raise")
    assert refusal(g, f32(1, 0))[0] == "log: its value becomes -inf at [1], of x = 0.0."
    assert np.isnan(g(f32(-1)))


def test_gradients_say_so():
    x = wf.vector("x", ("n",))
    y = wf.sqrt(x)  # sqrt
    f = wf.function([x], wf.grad(y.sum(), x), inf="raise")
    text, line = refusal(f, f32(4, 0))
    assert "its gradient becomes inf at [1]" in text
    assert line_of("sqrt") in line
    assert "its value" in refusal(wf.function([x], 1 / y, inf="raise"), f32(4, 0))[0]


def test_what_is_masked_is_not_to_blame():
    x = wf.vector("x", ("n",))
    safe = wf.where(x > 0, wf.log(x), 0.0)
    y = safe / x  # quotient
    text, line = refusal(wf.function([x], y, nan="raise"), f32(-1, 0, 2))
    assert text.startswith("div: its value becomes nan at [1], of ")
    assert line_of("quotient") in line
    np.testing.assert_array_equal(wf.function([x], safe, nan="raise", inf="raise")(f32(-1, 0, 1)), 0)


def test_steps_of_loops():
    x = wf.vector("x", ("n",))

    def step(h, a):
        k = h - a
        return wf.sqrt(k), k  # root

    h, ks = wf.scan(step, wf.constant(5.0, "float32"), x)
    for y, kind, data, says in (
        (ks.sum(), "nan", (1, 1, 9, 2), "sqrt: its value becomes nan"),
        (wf.grad(h, x), "inf", (1, 2, 0, 0), "its gradient becomes inf"),
    ):
        text, line = refusal(wf.function([x], y, **{kind: "raise"}), f32(*data))
        assert says in text
        assert line_of("root") in line


def test_branches():
    x = wf.scalar("x")
    y = wf.cond(x < 0, lambda: wf.log(x), lambda: x)  # branch
    f = wf.function([x], y, nan="raise")
    assert f(3.0) == 3
    text, line = refusal(f, -1.0)
    assert text.startswith("log: its value becomes nan")
    assert line_of("branch") in line


def test_arguments_and_variables_that_begin_so():
    x, w = wf.matrix("x"), wf.shared(np.array([1, np.nan], "float32"), "w")
    f = wf.function([x], (x @ w).sum(), nan="raise")
    assert (
        refusal(f, np.ones((3, 2), "f4"))[0] == "w: the value of the variable that the call began with is nan at [1]."
    )
    w.set_value(f32(1, 2))
    data = np.ones((3, 2), "f4")
    assert f(data) == 9
    data[2, 1] = np.nan
    assert refusal(f, data)[0] == "x: the value that the call began with is nan at [2, 1]."


def test_products_say_what_they_were_made_of():
    x, y = wf.matrix("x"), wf.matrix("y")
    f = wf.function([x, y], x @ y, inf="raise")
    text = refusal(f, np.full((2, 3), 1e30, "f4"), np.full((3, 2), 1e30, "f4"))[0]
    assert text.startswith("matmul: its value becomes inf at [0, 0], of x from ")
    assert "1.0" in text


def trained(**options):
    """A step that divides by the sum of its data, with all kinds of variables; and these variables."""
    x = wf.vector("x", ("n",))
    w = wf.shared(f32(1, 2, 3), "w")
    grows = wf.shared(f32(1), "grows", shape=(None,))
    count = wf.shared(np.int64(0), "count")
    stream = wf.random.Stream(3)
    noise = stream.uniform((3,))
    new = w * noise / x.sum()
    updates = {w: new, grows: wf.concatenate([grows, x]), count: count + 1}
    return wf.function([x], new.sum(), updates, **options), (w, grows, count, stream.counter)


def test_variables_are_as_before():
    f, variables = trained(nan="raise", inf="raise")
    g, others = trained()
    for data in (f32(1, 2), f32(3, 4, 5)):
        assert f(data) == g(data)
    before = [v.get_value() for v in variables]
    for _ in range(2):
        assert "div" in refusal(f, f32(1, -1))[0]
        for v, value in zip(variables, before, strict=True):
            np.testing.assert_array_equal(v.get_value(), value)
    assert f(f32(7)) == g(f32(7))
    for v, other in zip(variables, others, strict=True):
        np.testing.assert_array_equal(v.get_value(), other.get_value())


def test_only_updates():
    x, w = wf.vector("x"), wf.shared(np.float32(1), "w")
    f = wf.function([x], updates={w: w * x.sum()}, inf="raise")
    array = w.get_value(borrow=True)
    assert f(f32(2, 3)) is None
    assert "mul" in refusal(f, f32(3e38, 1))[0]
    assert array == w.get_value() == 5  # and the variable keeps its memory


def test_numbers_whose_sum_is_infinite_are_finite():
    x = wf.vector("x")
    f = wf.function([x], [x * 1, x > 0, x.argmax()], nan="raise", inf="raise")
    data = np.full(100, 3e38, "float32")
    np.testing.assert_array_equal(f(data)[0], data)
    half = wf.vector("half", dtype="float16")
    g = wf.function([half], half * 1, nan="raise", inf="raise")
    assert (g(np.full(9, 60000, "float16")) == 60000).all()
    assert "mul" in refusal(wf.function([half], half * 2, inf="raise"), np.full(9, 60000, "float16"))[0]


def test_a_copy_looks_as_well():
    f, _ = trained(nan="raise", inf="raise")
    assert "div" in refusal(copy.deepcopy(f), f32(1, -1))[0]


def test_other_reactions_are_refused():
    x = wf.scalar("x")
    with pytest.raises(wf.ArgumentError, match="nan is 'ignore' or 'raise', not 'warn'"):
        wf.function([x], x, nan="warn")
    with pytest.raises(wf.ArgumentError, match="inf is 'ignore' or 'raise', not True"):
        wf.function([x], x, inf=True)
