"""The invariants of a graph, and what breaks them."""

from dataclasses import dataclass

import numpy as np
import pytest

import weft as wf
from weft.symbolic.leaves import items
from weft.symbolic.types import TupleType, Type
from weft.symbolic.verify import check_same_type, compatible


@dataclass(frozen=True)
class Liar(wf.Op):
    """An op whose inferred type depends on how often it was asked."""

    answers: tuple[str, ...]

    def infer(self, x):
        asked.append(self)
        return Type(np.dtype(self.answers[min(len(asked), len(self.answers)) - 1]), x.shape)


asked: list[Liar] = []


@pytest.fixture(autouse=True)
def _unasked():
    asked.clear()


def test_a_sound_graph_passes():
    x = wf.matrix("x", ("n", 3))
    w = wf.shared(np.ones((3, 2), "float32"), "w")
    loss = wf.logsumexp(x @ w, axis=1).mean()
    wf.verify(wf.Graph((x,), (loss,), ((w, w - 0.1 * wf.grad(loss, w)),)))


def test_an_input_that_nobody_provides():
    x = wf.vector("x")
    with pytest.raises(wf.VerifyError, match="x is not among the graph's inputs"):
        wf.verify(wf.Graph((), (wf.exp(x),)))


def test_a_type_that_is_not_what_the_op_infers():
    node = wf.apply(Liar(("float32", "float64")), wf.vector("x", (2,)))
    with pytest.raises(wf.VerifyError, match=r"liar infers float64\(2,\), the node says float32\(2,\)") as caught:
        wf.verify(wf.Graph(node.args, (node,)))
    assert "Liar((" in caught.value.__notes__[0]


@dataclass(frozen=True)
class Several(wf.Op):
    """An op of several outputs, which departs from what it said when it is asked again."""

    first: tuple[tuple[int, ...], ...] | None  # None: one output
    later: tuple[tuple[int, ...], ...] | None

    def infer(self, x):
        asked.append(self)
        shapes = self.first if len(asked) == 1 else self.later
        return x if shapes is None else TupleType(tuple(Type(x.dtype, shape) for shape in shapes))


PAIR = ((2,), (3, 1))


def test_types_of_several_outputs():
    x = wf.matrix("x", (3, 3), "float64")
    wf.verify(wf.Graph((x,), tuple(wf.eigh(x))))
    wf.verify(wf.Graph((x,), items(wf.apply(Several(PAIR, PAIR), x))))
    for later in (((2,),), (*PAIR, (1,)), ((2,), (1, 3)), ((2,), (3,)), None):
        asked.clear()
        node = wf.apply(Several(PAIR, later), x)
        with pytest.raises(wf.VerifyError, match=r"several infers .* the node says \(float64\(2,\), float64\(3, 1\)\)"):
            wf.verify(wf.Graph((x,), items(node)))
    asked.clear()
    node = wf.apply(Several(None, PAIR), x)
    with pytest.raises(wf.VerifyError, match=r"several infers \(float64\(2,\), .* the node says float64\(3, 3\)"):
        wf.verify(wf.Graph((x,), (node,)))


def test_updates_of_what_is_not_shared():
    x = wf.vector("x", (2,))
    with pytest.raises(wf.VerifyError, match="Only shared variables can be updated"):
        wf.verify(wf.Graph((x,), (), ((x, x + 1),)))


@pytest.mark.parametrize("new", [wf.zeros(3), wf.zeros(2, "float64"), wf.zeros((2, 1))])
def test_updates_that_do_not_fit(new):
    w = wf.shared(np.zeros(2, "float32"), "w")
    with pytest.raises(wf.VerifyError, match="The update of w has type"):
        wf.verify(wf.Graph((), (), ((w, new),)))


def test_compatible_types():
    def of(*shape, dtype="float32"):
        return Type(np.dtype(dtype), shape)

    n, m = wf.SymDim("n"), wf.SymDim("m")
    assert compatible(of(n, 3), of(m, 3))
    assert compatible(of(n), of(3))
    assert not compatible(of(2), of(3))
    assert not compatible(of(n), of(n + 1))
    assert not compatible(of(n), of(n, 1))
    assert not compatible(of(n), of(n, dtype="float64"))
    with pytest.raises(wf.VerifyError, match="The result of exp has type"):
        check_same_type("result", wf.exp(wf.zeros(2)), wf.zeros(3))
