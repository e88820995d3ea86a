"""Arguments that make no sense: a sentence that names the function that was called, what it got, and what it takes."""

import numpy as np
import pytest

import weft as wf

X = wf.matrix("x", (3, 4))
Y = wf.tensor("y", ("n", 5))
SMALL = wf.tensor("i", (3,), "int8")
IMAGES = wf.tensor4("images")
FAR = 2**63

REFUSED = {
    "a width that is no whole number": (lambda: wf.pad(X, 1.5), r"pad: widths are whole numbers, not 1\.5"),
    "widths that are flags": (lambda: wf.pad(X, True), "pad: widths are whole numbers, not True"),
    "a value that does not fit around": (lambda: wf.pad(SMALL, 1, 300), "300 does not fit in int8"),
    "a number that does not fit": (lambda: wf.index_set(SMALL, 0, 300), "300 does not fit in int8"),
    "a number below what is unsigned": (
        lambda: wf.index_add(wf.tensor("u", (3,), "uint8"), 0, -1),
        "-1 does not fit in uint8",
    ),
    "a number in full_like": (lambda: wf.full_like(SMALL, 300), "300 does not fit in int8"),
    "keepdims that is a dtype": (lambda: wf.sum(X, 0, "int32"), "sum: keepdims is True or False, not 'int32'"),
    "keepdims that is a number": (lambda: wf.mean(X, 0, 2), "mean: keepdims is True or False, not 2"),
    "keepdims of a position": (lambda: wf.argmax(X, 0, 1), "argmax: keepdims is True or False"),
    "keepdims that is an array": (lambda: X.var(0, np.ones(2)), "var: keepdims is True or False"),
    "an axis that is a float": (lambda: wf.sum(X, 2.0), r"sum: one axis is a whole number, not 2\.0"),
    "an axis that is text": (lambda: wf.max(X, "rows"), "max: one axis is a whole number, not 'rows'"),
    "an axis that is an expression": (lambda: wf.std(X, X), "std: one axis is a whole number"),
    "several axes where there is one": (
        lambda: wf.argmax(X, (0, 1)),
        r"argmax: one axis is a whole number, not \(0, 1\)",
    ),
    "axes of a scalar": (
        lambda: wf.softmax(wf.scalar("s")),
        "softmax: axis -1 does not exist; the expression has none",
    ),
    "an axis of stack": (lambda: wf.stack([X, X], 3), "stack: axis 3 does not exist"),
    "an axis of expand_dims": (lambda: wf.expand_dims(X, 1.0), "expand_dims: one axis is a whole number"),
    "an axis of repeat": (lambda: wf.repeat(X, 2, 0.0), "repeat: one axis is a whole number"),
    "degrees of freedom": (lambda: wf.std(X, ddof="1"), "std: ddof is a number, not '1'"),
    "no pieces": (lambda: wf.split(X, 0), "split: the number of pieces is a whole number from 1 up, not 0"),
    "half a piece": (lambda: wf.split(X, 1.5), r"split: the number of pieces is a whole number from 1 up, not 1\.5"),
    "half a repetition": (
        lambda: wf.tile(X, 2.5),
        r"tile: the number of repetitions is a whole number from 0 up, not 2\.5",
    ),
    "repetitions below none": (lambda: wf.repeat(X, -1), "repeat: the number of repetitions"),
    "no arrays": (lambda: wf.stack([]), "stack needs at least one array"),
    "no end": (lambda: wf.arange(0, np.inf, 2), "arange: from 0 to inf in steps of 2 there is no end"),
    "no limit": (lambda: wf.arange(None), "arange: a limit is a number or a scalar, not None"),
    "a step that is no number": (lambda: wf.arange(0, 5, np.nan), "arange: the step must be a number other than 0"),
    "nothing left over": (lambda: wf.reshape(wf.tensor("z", (0, 5)), (0, -1)), r"reshape: of no elements, \(0, -1\)"),
    "nothing left over of symbols": (lambda: wf.reshape(Y, (0, -1)), "reshape: of no elements"),
    "the trace of a vector": (
        lambda: wf.trace(X[0]),
        r"trace: a matrix has two axes, and this expression has shape \(4,\)",
    ),
    "the determinant of what is not square": (lambda: wf.det(X), "det: a matrix of shape"),
    "a value that does not fit the key": (
        lambda: wf.index_set(X, 0, wf.zeros((3,))),
        r"index_set: a value of shape \(3,\) does not fit where the key selects \(4,\)",
    ),
    "a value with too many axes": (
        lambda: wf.index_add(X, 0, wf.zeros((2, 4))),
        r"index_add: a value of shape \(2, 4\)",
    ),
    "no function": (lambda: wf.scan(None, wf.zeros(()), X), "scan: step is a function, not None"),
    "an end that is no function": (
        lambda: wf.scan(lambda c, x: (c, c), 0.0, X, until=True),
        "scan: until is a function",
    ),
    "half a step": (
        lambda: wf.scan(lambda c, x: (c, c), 0.0, X, unroll="2"),
        "scan: unroll is a whole number from 1 up",
    ),
    "a direction": (lambda: wf.scan(lambda c, x: (c, c), 0.0, X, reverse="yes"), "scan: reverse is True or False"),
    "no body": (lambda: wf.while_loop(lambda c: c < 3, None, 0), "while_loop: body is a function, not None"),
    "no condition": (lambda: wf.while_loop(X, lambda c: c, 0), "while_loop: condition is a function"),
    "half a limit": (
        lambda: wf.while_loop(lambda c: c < 3, lambda c: c + 1, 0, 2.5),
        r"while_loop: max_steps is a whole number from 0 up, not 2\.5",
    ),
    "differences": (
        lambda: wf.diff(X, 1.0),
        r"differences is a whole number from 0 to 1000, not 1\.0",
    ),
    "the largest so many": (lambda: wf.topk(X, "2"), "topk: k is a whole number from 0 up, not '2'"),
    "a side": (lambda: wf.solve_triangular(wf.eye(3), X, "lower"), "solve_triangular: lower is True or False"),
    "a start": (lambda: wf.flatten(X, 5), "flatten: axis 5 does not exist"),
    "a vector that is none": (lambda: wf.hvp(X.sum(), X, "a"), "A vector is an expression, not 'a'"),
    "an output that is none": (lambda: wf.vjp("a", [X], [X]), "An output is an expression, not 'a'"),
    "a tangent that is none": (lambda: wf.jvp(X.sum(), X, None), "A tangent is an expression, not None"),
    "a limit": (lambda: wf.arange(None), "arange: a limit is a number or a scalar, not None"),
    "a rate": (lambda: wf.dropout(X, "a", wf.random.Stream()), r"the rate is in \[0, 1\), and 'a' is not"),
    "a generator": (lambda: wf.dropout(X, 0.5, np.random.default_rng(0)), "rng is a random.Stream, not Generator"),
    "subscripts": (lambda: wf.einsum(3, X), "einsum: the subscripts are a string like 'ij,jk->ik', not 3"),
    "axes of tensordot": (
        lambda: wf.tensordot(X, X, "a"),
        "axes are how many, or two lists of axes, not 'a'",
    ),
    "three axes": (lambda: wf.tensordot(X, X, [0, 1, 1]), r"two lists of axes, not \[0, 1, 1\]"),
    "sizes that are a number": (lambda: wf.vector("v", 3), "The sizes of a vector are a list of .* not 3"),
    "sizes that are a dtype": (lambda: wf.scalar("t", "int64"), "The sizes of a scalar are a list of .* not 'int64'"),
    "a name that is a dtype": (lambda: wf.shared(np.ones(3), "float32"), "'float32' is given as the name of a shared"),
    "values that are none": (lambda: wf.evaluate(X, 3), "evaluate: values are a dict {input: array}, not int"),
    "a flag": (lambda: wf.max_pool2d(IMAGES, 2, ceil_mode="no"), "max_pool2d: ceil_mode is True or False, not 'no'"),
    "too many differences": (lambda: wf.diff(Y, n=FAR), f"a whole number from 0 to 1000, not {FAR}"),
    "too many channels": (lambda: wf.local_response_norm(IMAGES, FAR), f"a whole number from 1 to 1000, not {FAR}"),
    "a stride beyond all": (lambda: wf.max_pool2d(IMAGES, 2, FAR), f"stride must be at most {2**62}, and is {FAR}"),
    "too many repetitions": (lambda: wf.repeat(Y, FAR), f"a whole number from 0 to {2**62}, not {FAR}"),
    "how often a profile runs": (lambda: wf.function([X], X).profile(1, repeat="a"), "repeat is a whole number from 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name):
    call, says = REFUSED[name]
    with pytest.raises(wf.WeftError, match=says) as caught:
        call()
    assert "test_arguments.py" in "".join(caught.value.__notes__)


def test_hints_name_the_dtype():
    for call in (lambda: wf.scalar("t", "int64"), lambda: wf.shared(1.0, "int64")):
        with pytest.raises(wf.ArgumentError) as caught:
            call()
        assert any("dtype='int64'" in note for note in caught.value.__notes__)


def test_inputs_that_nothing_needs():
    """An input may be there for its size alone, if no array that is needed says it."""
    x, v = wf.matrix("x", ("n", 4)), wf.vector("v", ("n",))
    with pytest.raises(wf.ArgumentError, match="Nothing depends on the input v"):
        wf.function([x, v], x.sum())
    assert wf.function([v], wf.ones((v.shape[0], 2)))(np.ones(3, "f4")).shape == (3, 2)


def test_what_looks_odd_and_is_right():
    for start, stop in ((0, 5), (5, 0), (-5, -1), (2, -2.5), (3, 3)):
        for step in (np.inf, -np.inf):
            found = wf.arange(start, stop, step).eval()
            assert found.tolist() == ([start] if (stop - start) * step > 0 else []), (start, stop, step)
    assert wf.reshape(wf.tensor("x", (0, 5)), (-1, 5)).shape == (0, 5)
    x = wf.tensor("x", (2, 3), "bool")
    assert wf.sum(x, np.array([0, 1]), np.True_).shape == (1, 1)
    assert wf.evaluate(wf.tile(x, np.array([1, 2])), {x: np.eye(2, 3, dtype=bool)}).shape == (2, 6)
    u = wf.tensor("u", (3,), "uint8")
    assert wf.evaluate(wf.index_set(u, 1, 255), {u: np.zeros(3)}).tolist() == [0, 255, 0]


def test_largest_of_fewer_at_the_call():
    x = wf.vector("x", ("n",))
    f = wf.function([x], list(wf.topk(x, 3)))
    assert [r.tolist() for r in f(np.array([1, 3, 2], "float32"))] == [[3, 2, 1], [1, 2, 0]]
    with pytest.raises(wf.GuardError, match="topk"):
        f(np.ones(2, "float32"))


def test_trace_sums_the_diagonals_of_matrices():
    rng = np.random.default_rng(0)
    for shape in ((3, 3), (2, 4), (4, 2), (0, 2), (2, 3, 5)):
        value = rng.normal(size=shape)
        value[..., 1:2, 0:1] = np.nan  # beside the diagonal
        x = wf.tensor("x", [None] * len(shape), "float64")
        np.testing.assert_allclose(wf.function([x], wf.trace(x))(value), np.trace(value, axis1=-2, axis2=-1))
