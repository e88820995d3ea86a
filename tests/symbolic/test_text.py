"""Graphs as text, and the Python that rebuilds them."""

import re
from dataclasses import dataclass, field

import numpy as np
import pytest

import weft as wf
from weft.symbolic.expr import toposort
from weft.symbolic.text import describe, listing, names, to_dot, to_python


@wf.elementwise
def swish(x):
    return x * wf.sigmoid(x)


def rebuilt(roots):
    scope: dict = {}
    exec(compile(to_python(roots), "rebuilt.py", "exec"), scope)
    return scope["outputs"]


def signature(roots):
    """The structure, with leaves by what they hold."""
    order = toposort(roots)
    number = {node: i for i, node in enumerate(order)}
    rows = []
    for node in order:
        leaf = (node.name, node.op.numpy().tobytes() if hasattr(node.op, "numpy") and _is_value(node) else None)
        rows.append((leaf if not node.args else node.op, [number[a] for a in node.args], node.type))
    return rows, [number[r] for r in roots]


def _is_value(node):
    return type(node.op).__name__ in ("Constant", "Shared")


def graphs():
    x = wf.matrix("x", ("n", 3), "float64")
    i = wf.vector("i", ("n",), "int64")
    w = wf.shared(np.array([[1.0, np.nan], [np.inf, -np.inf], [0.1, -0.0]]), "w")
    big = wf.constant(np.linspace(0, 1, 30).reshape(3, 10))
    loss = wf.crossentropy(x @ w, i).mean()
    yield "arithmetic", [(x * 2.5 - 1) / wf.exp(-x) + 3]
    yield "several outputs of the graph", [x.sum(axis=0), wf.exp(x), x.sum(axis=0)]
    yield "a loss with its gradient", [loss, wf.grad(loss, w)]
    yield "constants", [x @ big, wf.constant(float("inf")), wf.constant([True, False]), wf.constant(float("nan")) * x]
    yield "sizes", [x.sum() / x.shape[0], wf.reshape(x, (-1,)), wf.arange(x.shape[0] * 2)]
    yield "movement", [wf.flip(x.T, 0), wf.concatenate([x, x]), wf.pad(x, 1), x[1:, ::-2], wf.cast(x, "int8")]
    yield "indexing", [x[i], wf.take_along_axis(x, i[:, None], 1)]
    yield "a function of the user's", [swish(x), wf.softplus(x)]
    yield "a custom gradient", [wf.stop_gradient(x)]
    yield "convolution", [wf.conv2d(wf.tensor4("im", (2, 1, 8, 8)), wf.tensor4("k", (3, 1, 3, 3)), padding="same")]
    yield "pooling", [wf.max_pool2d(wf.tensor4("im", ("b", 1, 8, 8)), 2)]
    yield "an empty constant", [wf.constant(np.zeros((0, 3))) + 1]
    yield "no name", [wf.exp(wf.vector())]


@pytest.mark.parametrize(("what", "roots"), list(graphs()), ids=lambda v: v if isinstance(v, str) else "")
def test_python_that_rebuilds_the_graph(what, roots):
    again = rebuilt(roots)
    assert signature(again) == signature(roots)


def test_a_lambda_cannot_be_written_down():
    double = wf.custom_gradient(lambda x: x * 2, lambda g, out, x: g)
    with pytest.raises(wf.ArgumentError, match="<lambda> cannot be imported"):
        to_python(double(wf.vector("x")))


def test_the_size_of_what_is_not_read_cannot_be_written_down():
    w = wf.shared(np.zeros((2, 3)), "w", shape=(None, 3))
    assert rebuilt([w.sum() + wf.zeros(w.shape)])[0].shape[1] == 3
    with pytest.raises(wf.ArgumentError, match=r"w_\d+ is that of a shared variable that the graph does not read"):
        to_python(wf.zeros(w.shape))


def test_an_op_that_is_no_dataclass():
    class Plain(wf.Op):
        def infer(self, x):
            return x

    class Detailed(Plain):
        details = "of its own"

    x = wf.vector("x", (2,))
    assert repr(wf.apply(Plain(), x)) == "<plain(x): float32(2,)>"
    assert repr(wf.apply(Detailed(), x)) == "<detailed(x, of its own): float32(2,)>"


def test_rebuilt_constants_alone_are_the_same_nodes():
    y = wf.exp(wf.constant([1.0, 2.0])) * 2
    assert rebuilt(y) == [y]


def test_the_formula_of_an_expression():
    x, w = wf.matrix("x", ("batch", 4)), wf.shared(np.zeros((4, 3), "float32"), "w")
    assert repr(x) == "<x: float32(batch, 4)>"
    assert repr((x @ w).sum(axis=0) * 2) == "<mul(sum(matmul(x, w), axes=(0,)), 2.0): float32(3,)>"
    assert describe(wf.vector()).startswith("<input: float32(d")
    assert repr(wf.constant(2)) == "<2: int64() weak>"


def test_long_formulas_are_cut():
    x = wf.vector("x")
    y = sum((wf.exp(x * k) for k in range(200)), x)
    assert len(repr(y)) < 2000
    assert "..." in repr(y)


def test_the_listing_has_types_and_lines():
    x = wf.vector("x", ("n",))
    y = wf.exp(x) * 2
    w = wf.shared(np.float32(1), "w")
    lines = listing(wf.Graph((x,), (y,), ((w, w + 1),))).splitlines()
    assert re.search(r"^x = input +float32\(n,\) +.*test_text\.py:\d+  x = wf\.vector", lines[0])
    assert re.search(r"^%\d = exp\(x\) +float32\(n,\) +.*:\d+  y = wf\.exp\(x\) \* 2$", lines[1])
    assert "mul(" in lines[2]
    assert lines[-2:] == [f"return {lines[2].split()[0]}", f"update w <- {lines[-3].split()[0]}"]
    assert ".py" not in listing(wf.Graph((x,), (y,)), sites=False)


def test_the_listing_of_everything_that_is_printed():
    x, w = wf.tensor("x", ("n", 3), "float64"), wf.shared(np.ones(3), "w")
    table = wf.constant(np.arange(8.0))
    rows = x[:, ::2] * wf.symbolic.leaves.size(x.shape[0]) + wf.expand_dims(x.max(1), 1)
    graph = wf.Graph((x,), (rows, table, wf.argmax(x + 2, 0)), ((w, w * 2),))
    assert [" ".join(line.split()) for line in listing(graph, sites=False).splitlines()] == [
        "x = input float64(n, 3)",
        "%1 = slice(x, starts=(0, 0), steps=(1, 2), sizes=(n, 2)) float64(n, 2)",
        "%2 = size(n) int64() weak",
        "%3 = cast(%2, float64) float64()",
        "%4 = mul(%1, %3) float64(n, 2)",
        "%5 = max(x, axes=(1,)) float64(n,)",
        "%6 = expand_dims(%5, axes=(1,)) float64(n, 1)",
        "%7 = add(%4, %6) float64(n, 2)",
        "%8 = constant([0. 1. ... 6. 7.]) float64(8,)",
        "%10 = add(x, 2.0) float64(n, 3)",
        "%11 = argmax(%10, kind=argmax, axis=0) int64(3,)",
        "w = shared float64(3,)",
        "%13 = mul(w, 2.0) float64(3,)",
        "return %7, %8, %11",
        "update w <- %13",
    ]
    assert listing(wf.Graph((), ())) == ""


@dataclass(frozen=True)
class Noted(wf.Op):
    """An op with parameters that are not printed."""

    shown: int
    hidden: int = field(repr=False)
    apart: int = field(compare=False)

    def infer(self, x):
        return x


def test_parameters_that_are_not_printed():
    assert repr(wf.apply(Noted(1, 2, 3), wf.vector("x", (2,)))) == "<noted(x, shown=1): float32(2,)>"


def test_names_are_the_users_where_they_are_free():
    x, other = wf.vector("x", ("n",)), wf.vector("x", ("n",))
    found = names([x + other])
    assert found[x] == "x"
    assert len(set(found.values())) == 3


def test_dot():
    x = wf.vector("x", ("n",))
    dot = to_dot(wf.exp(x) + wf.exp(x) * x)
    assert dot.count("->") == 5
    assert dot.count("exp") == 1
    assert dot.startswith("digraph")
    assert dot.rstrip().endswith("}")
    assert to_dot(wf.exp(x)) == to_dot([wf.exp(x)])
    assert to_dot([wf.exp(x), wf.sin(x), x]).count("label=") == 3
    assert to_python(wf.exp(x)) == to_python([wf.exp(x)])
