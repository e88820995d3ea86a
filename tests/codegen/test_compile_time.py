"""The code of a recurrence that is written out grows with its steps, and LLVM has no search to do in it."""

import re

import numpy as np
import pytest

import weft as wf
from weft.codegen import cache

STEPS = 25, 50, 100


def recurrence(steps, shape, dtype, derived=True):
    """c = c + c g, so many times, and its derivative, as (function, a value of g, the results)."""
    g = wf.tensor("g", shape, dtype)
    c = wf.constant(np.asarray(0.1 if dtype == "float64" else 3, dtype))
    for _ in range(steps):
        c = c + c * g
    outputs = [c, wf.grad(c.sum(), g)] if derived else [c]
    value = np.full([5] * len(shape), 0.01 if dtype == "float64" else 2, dtype)
    with np.errstate(over="ignore"):
        one = np.asarray(1 + value)
        results = [0.1 * one**steps, 0.1 * steps * one ** (steps - 1)] if derived else [np.asarray(3 * one**steps)]
    return wf.function([g], outputs), value, results


def instructions(function):
    """Lines of the generated code that compute, load or store."""
    lines = function.explain("ir").splitlines()
    return sum(line.startswith("  ") and ("=" in line or "store" in line) for line in lines)


@pytest.mark.parametrize(
    ("shape", "dtype", "derived"),
    [((), "float64", True), (("n",), "float64", True), ((), "int64", False), (("n",), "int64", False)],
    ids=["number", "vector", "whole number", "whole numbers"],
)
def test_code_grows_with_the_steps(shape, dtype, derived):
    counts = []
    for steps in STEPS:
        f, value, results = recurrence(steps, shape, dtype, derived)
        counts.append(instructions(f))
        if steps == STEPS[0]:
            for found, expected in zip(f(value), results, strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-12)
    first, second = counts[1] - counts[0], counts[2] - counts[1]
    assert counts[0] >= STEPS[0]
    assert 0 < second < 2.5 * first, counts  # twice as many steps more


def loops(ir):
    """The properties of each loop of a function's code, by their names."""
    named = dict(re.findall(r"^(!\d+) = (?:distinct )?(!\{.*\})$", ir, re.MULTILINE))

    def properties(node, seen=()):
        inside = [n for n in re.findall(r"!\d+", named.get(node, "")) if n not in (*seen, node)]
        return named.get(node, "") + "".join(properties(n, (*seen, node)) for n in inside)

    return [properties(node) for node in re.findall(r"!llvm\.loop (!\d+)", ir)]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: wf.tanh(x) + 1.0,
        lambda x: wf.grad(x * wf.exp(x * x) + x**7, x),
        lambda x: wf.cast(wf.floor(x), "int64") ** 13,
    ],
    ids=["a function", "a gradient", "a whole power"],
)
def test_nests_of_numbers_are_not_searched_for_vectors(function):
    x = wf.scalar("x", dtype="float64")
    ir = wf.function([x], function(x)).explain("ir")
    found = loops(ir)
    assert found
    assert all(re.search(r'"llvm.loop.vectorize.enable", i1 (0|false)', each) for each in found), found
    assert "vectorize.enable" not in wf.function([v := wf.vector("v")], wf.tanh(v) + 1.0).explain("ir")


@pytest.mark.parametrize("power", [2, 3, 7, 13, 30, 62])
@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint16"])
def test_whole_powers_written_out(power, dtype):
    x, data = wf.vector("x", ("n",), dtype), np.array([0, 1, 2, 3, 5, 11], dtype)
    with np.errstate(over="ignore"):
        expected = data ** np.asarray(power, dtype)
    f = wf.function([x], x**power)
    np.testing.assert_array_equal(f(data), expected)
    assert instructions(f) < 500  # a product for each bit of the dtype at most


def test_object_code_is_found_again():
    """What a recurrence compiled to once is not compiled a second time."""
    recurrence(10, (), "float64")[0](0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "store", lambda *args: pytest.fail("compiled again"))
        assert np.isclose(recurrence(10, (), "float64")[0](0.5)[0], 0.1 * 1.5**10)
