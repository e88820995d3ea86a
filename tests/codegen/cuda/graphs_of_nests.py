"""Graphs whose nests cover what nests have: maps, reductions of each kind and axis, parts, indices, dtypes."""

import numpy as np

import weft as wf
from weft.codegen.arguments import as_graph
from weft.codegen.compiled import Compiled
from weft.codegen.cuda import CUDA
from weft.codegen.lowering.bind import NestCall, bind
from weft.codegen.target import Options, Source


def _chain():
    x, y = wf.matrix("x", ("n", "m")), wf.matrix("y", ("n", "m"))
    return [x, y], [wf.relu(x * y + 1)], [(7, 37), (7, 37)]


def _broadcasting():
    x, b, c = wf.tensor3("x"), wf.vector("b"), wf.matrix("c")
    return [x, b, c], [wf.tanh(x + b), x[:, ::-1, 1:] * 2, x.transpose((2, 0, 1)) - c[:, 0]], [(3, 5, 7), (7,), (5, 2)]


def _reductions():
    x = wf.tensor3("x")
    sums = [x.sum(axis) for axis in (0, 1, 2, (0, 1), (1, 2), (0, 2), None)]
    return [x], [*sums, x.max(0), x.min(2), x.prod(1), wf.argmax(x, 1), wf.argmin(x, 2)], [(5, 9, 33)]


def _doubles():
    x = wf.matrix("x", dtype="float64")
    return [x], [x.sum(0), x.sum(), wf.exp(x) / (1 + wf.exp(x)), wf.var(x, axis=1)], [(6, 41)]


def _integers():
    x = wf.matrix("x", dtype="int32")
    n = wf.matrix("n", dtype="int64")
    found = [x // 3, x % 5, x.sum(0), (x > 0).any(1), (x > 0).all(0), n << 2, n * x, (x > 0).sum(), n.max(1)]
    return [x, n], found, [(6, 11), (6, 11)]


def _halves():
    x = wf.matrix("x", dtype="float16")
    return [x], [x + 1, x.sum(1), x.astype("float32") * 2, (x * 3).astype("float16")], [(5, 12)]


def _parts():
    x, y = wf.matrix("x"), wf.matrix("y")
    joined = wf.concatenate([x * 2, wf.exp(y)], axis=1)
    return [x, y], [joined, wf.pad(x, ((1, 2), (0, 1))), wf.eye(4, 6, 1) + 1], [(4, 5), (4, 3)]


def _long():
    x = wf.vector("x")
    return [x], [x.sum(), x.max(), (x * x).mean()], [(70001,)]


def _columns():
    x = wf.matrix("x")
    return [x], [x.sum(0), x.max(0), wf.argmax(x, 0)], [(301, 70)]


def _softmax():
    x = wf.matrix("x")
    y = wf.log_softmax(x, 1)
    return [x], [y, wf.grad((y * y).sum(), x)], [(13, 29)]


def _one_element():
    x = wf.matrix("x")
    return [x], [x.sum(), x + 1, x.max(0)], [(1, 1)]


def _functions():
    x = wf.vector("x")
    names = ("sin", "cos", "tan", "exp", "log1p", "tanh", "erf", "sigmoid", "arctan", "sqrt", "cbrt", "floor")
    return [x], [getattr(wf, name)(wf.abs(x)) for name in names], [(40,)]


_MAKERS = (
    *(_chain, _broadcasting, _reductions, _doubles, _integers, _halves, _parts, _long, _columns, _softmax),
    *(_one_element, _functions),
)
GRAPHS = {make.__name__.strip("_"): make for make in _MAKERS}


def nests_of(name):
    """(nest, sizes, number of its buffers) for each nest of a graph's program."""
    inputs, outputs, shapes = GRAPHS[name]()
    graph, _, _ = as_graph(inputs, outputs, None, None, 2, "ignore")
    function = Compiled(Source(graph, None, list, Options("nests")), CUDA)
    arrays = [np.zeros(shape, x.dtype) for x, shape in zip(inputs, shapes, strict=True)]
    bound = bind(function.program, function.sizes(arrays))
    found = []
    for call in bound.calls:
        if isinstance(call, NestCall):
            found.append((call.placed.nest, bound.sizes, len(call.placed.buffers)))
    assert found
    return found
