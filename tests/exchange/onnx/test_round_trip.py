"""A model that is read, written and read again is the same graph, up to names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weft as wf
from weft import nn
from weft.symbolic.expr import Expr
from weft.symbolic.graph import Graph
from weft.symbolic.leaves import Constant, Input, Shared
from weft.symbolic.substitution import substitute

from ...nn.test_zoo import SMALL, outputs, small
from ...sampling import every

pytest.importorskip("onnx")
pytest.importorskip("onnx_ir")


class Pairing:
    """Which node of one graph stands where which node of another stands."""

    def __init__(self) -> None:
        self.known: dict[Expr, Expr] = {}

    def check(self, one: Any, other: Any, where: str) -> None:
        """One part of a graph is the other: expressions, bodies, fields of ops, tuples of these."""
        assert type(one) is type(other), where
        if isinstance(one, Expr):
            self.check_node(one, other)
        elif isinstance(one, Graph):
            self.check(one.inputs, other.inputs, where)
            self.check(one.outputs, other.outputs, where)
        elif isinstance(one, tuple | list):
            assert len(one) == len(other), where
            for first, second in zip(one, other, strict=True):
                self.check(first, second, where)
        else:
            assert one == other, where

    def check_node(self, one: Expr, other: Expr) -> None:
        waiting = [(one, other)]
        while waiting:
            one, other = waiting.pop()
            if one in self.known:
                assert self.known[one] is other, f"{one} is shared otherwise"
                continue
            self.known[one] = other
            assert one.type == other.type
            assert type(one.op) is type(other.op), f"{one} became {other}"
            if isinstance(one.op, Constant):
                assert one.op.value.tobytes() == other.op.value.tobytes()
            elif isinstance(one.op, Shared):
                np.testing.assert_array_equal(one.get_value(), other.get_value())
            elif not isinstance(one.op, Input):
                for name in one.op.__dataclass_fields__:
                    self.check(getattr(one.op, name), getattr(other.op, name), f"{name} of {one.op}")
            assert len(one.args) == len(other.args)
            waiting += zip(one.args, other.args, strict=True)


def there_and_back(*expressions: Expr) -> None:
    first = wf.onnx.load(wf.onnx.to_model(list(expressions)))
    second = wf.onnx.load(wf.onnx.to_model(first.outputs, inputs=first.inputs))
    assert [x.type for x in first.inputs.values()] == [x.type for x in second.inputs.values()]
    assert list(first.inputs) == list(second.inputs)
    assert list(first.outputs) == list(second.outputs)
    assert len(first.parameters) == len(second.parameters)
    Pairing().check(list(first.outputs.values()), list(second.outputs.values()), "outputs")


@pytest.mark.parametrize("label", every(3, SMALL))
def test_networks_of_the_zoo(label):
    _, found, _ = small(label)
    there_and_back(*outputs(found))


def lenet():
    from examples.mnist.lenet import network

    (_, t, training), logits = network(16, (4, 6), 16)
    loss = nn.losses.crossentropy(logits, t).mean()
    return substitute([logits, loss], {training: wf.constant(False)})


def two_layers():
    from examples.mnist.two_hidden_layers import network

    (_, t), logits = network(20, 8)
    loss = nn.losses.crossentropy(logits, t).mean()
    return [logits, loss, *wf.grad(loss, list(nn.parameters(loss).values()))]


def recurrent(layer):
    from examples.sequences.rnn import network

    net = network(layer, 5, 4, 6)
    return [net["logits"], net["loss"]]


def bidirectional():
    from examples.sequences.bidirectional import both, network

    return network(both, 7, 5)[1:]


def transformer():
    from examples.sequences.transformer import network

    return network(9, 6, 8, 2, 1)[1:]


def autoencoder():
    from examples.unsupervised.autoencoder import network

    return network(12, 6)[1:]


def generator():
    from examples.generators.dcgan import generator as dcgan

    return [dcgan(wf.matrix("z", ("batch", 6)), False, 1, 8, 3)]


NETS = {
    "lenet": lenet,
    "two layers and their gradients": two_layers,
    "rnn": lambda: recurrent(nn.layers.rnn),
    "lstm": lambda: recurrent(nn.layers.lstm),
    "gru": lambda: recurrent(nn.layers.gru),
    "bidirectional": bidirectional,
    "transformer": transformer,
    "autoencoder": autoencoder,
    "dcgan": generator,
}


@pytest.mark.parametrize("name", NETS)
def test_nets_of_the_gallery(name):
    there_and_back(*NETS[name]())


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("padding", "stride"), [(0, 2), (1, 1), (1, 2)])
def test_means_of_windows_are_one_operator(padded, padding, stride):
    x = wf.tensor4("x", ("n", 2, 7, "w"))
    y = wf.avg_pool2d(x, 3, stride=stride, padding=padding, count_include_pad=padded)
    model = wf.onnx.to_model([y, wf.exp(y)])
    assert [node.op_type for node in model.graph.node].count("AveragePool") == 1
    assert {node.op_type for node in model.graph.node} == {"AveragePool", "Exp", "Identity"}
    assert not model.graph.initializer
    there_and_back(y)


def test_sums_of_windows_stay_sums():
    x = wf.tensor4("x", ("n", 2, 7, 6))
    for y in (wf.sum_pool2d(x, 3), wf.sum_pool2d(x, 3) / 5.0, wf.sum_pool2d(x, 2) / x[:, :, ::2, ::2][:, :, :3]):
        kinds = [node.op_type for node in wf.onnx.to_model(y).graph.node]
        assert "Mul" in kinds


def test_what_differs_is_seen():
    x = wf.matrix("x", ("n", 3))
    one, other = wf.exp(x) + x, wf.exp(x) + wf.exp(x)
    Pairing().check([one, x * 2.0], [wf.exp(x) + x, x * 2.0], "")
    for wrong in ([other, x * 2.0], [one, x * 3.0], [one], [one, wf.matrix("x", ("m", 3)) * 2.0]):
        with pytest.raises(AssertionError):
            Pairing().check([one, x * 2.0], wrong, "")
