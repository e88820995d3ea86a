"""NumPy's functions take expressions: the function of the same name is meant, or a sentence says what to do."""

import numpy as np
import pytest

import weft as wf

DATA = np.array([0.5, 1, 2], "f4")


@pytest.fixture
def x():
    return wf.vector("x", (3,))


@pytest.mark.parametrize(
    "call",
    [
        np.exp,
        np.absolute,
        np.isnan,
        np.sum,
        np.ravel,
        np.diff,
        lambda x: np.mean(x, axis=0, keepdims=True),
        lambda x: np.concatenate([x, DATA]),
        lambda x: np.stack([DATA, x], axis=1),
        lambda x: np.where(x > 1, x, 0),
        lambda x: np.clip(x, 1, 1.5),
        lambda x: np.einsum("i,j->ij", x, DATA),
        lambda x: np.add(2, x),
        lambda x: np.divide(DATA, x),
        lambda x: np.maximum(x, DATA[::-1]),
        lambda x: np.reshape(x, (3, 1)),
        lambda x: np.dot(DATA, x),
        lambda x: DATA * x,
        lambda x: DATA @ x,
        lambda x: np.less(DATA, x),
        lambda x: np.float32(2) ** x,
        lambda x: np.linalg.inv(x * np.eye(3, dtype="f4")),
    ],
)
def test_the_function_of_the_same_name(call, x):
    node = call(x)
    assert isinstance(node, wf.Expr)
    np.testing.assert_allclose(node.eval({x: DATA}), call(DATA), rtol=1e-6)


def test_what_is_known_without_a_call(x):
    assert (np.shape(x), np.ndim(x), np.size(x)) == ((3,), 1, 3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: np.allclose(x, DATA), "np.allclose is not for expressions: weft has no allclose"),
        (np.add.reduce, "np.add.reduce is not for expressions"),
        (lambda x: np.add(x, DATA, out=DATA.copy()), "np.add cannot write an expression into an array"),
        (lambda x: DATA.copy().__iadd__(x), "np.add cannot write an expression into an array"),
        (lambda x: np.sum(x, where=DATA > 1), "np.sum of an expression is weft.sum, which takes other arguments"),
        (np.asarray, "x is an expression, which has no numbers before it is computed"),
        (lambda x: np.array([x, x]), "x is an expression, which has no numbers before it is computed"),
    ],
)
def test_what_there_is_no_function_for(call, says, x):
    with pytest.raises(TypeError, match=says) as caught:
        call(x)
    assert "test_numpy_protocol.py" in "".join(caught.value.__notes__)


def test_errors_of_the_function_are_its_own(x):
    with pytest.raises(wf.ShapeError, match="do not"):
        np.add(x, np.ones(4, "f4"))
