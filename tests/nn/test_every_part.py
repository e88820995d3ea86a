"""Every activation, layer and loss: values against NumPy and PyTorch, gradients to second order, compiled forms.

The records are in `parts/`.  Parts are compiled several at a time: one function is far quicker than eight.
"""

import importlib
import pkgutil

import numpy as np
import pytest

import weft as wf

from .. import test_every_op as sweep
from ..sampling import every, rarely
from . import parts
from .parts import PARTS

for _module in pkgutil.iter_modules(parts.__path__):
    importlib.import_module(f"{parts.__name__}.{_module.name}")

GROUPS = [PARTS[i : i + 8] for i in range(0, len(PARTS), 8)]
by_group = pytest.mark.parametrize("some", GROUPS, ids=lambda some: f"{some[0].label} .. {some[-1].label}")
some_groups = pytest.mark.parametrize("some", every(4, GROUPS), ids=lambda some: f"{some[0].label} .. {some[-1].label}")
MAKE = ("_params", "new_parameter")  # functions that make parameters, and no expressions of arguments


def test_every_part_has_a_record():
    covered = {id(p.op) for p in PARTS} | {id(value) for value in vars(wf).values()}  # weft's own: tests/cases.py
    without = []
    for word in ("activations", "layers", "losses"):
        module = getattr(wf.nn, word)
        named = [name for name in module.__all__ if not name.endswith(MAKE)]
        without += [f"{word}.{name}" for name in named if id(getattr(module, name)) not in covered]
    assert without == [], "give these a record in tests/nn/parts"


def test_labels_are_unique():
    labels = [p.label for p in PARTS]
    assert len(labels) == len(set(labels)), [label for label in labels if labels.count(label) > 1]


@by_group
def test_values_are_the_references(some):
    assert [text for p in some for kind in sweep.FLOATS for text in sweep.against_numpy(p, kind)] == []


@pytest.mark.parametrize("one", [p for p in PARTS if p.differentiable], ids=lambda p: p.label)
def test_gradients_are_those_of_values(one):
    sweep.test_gradients_are_those_of_the_values(one)


@pytest.mark.parametrize("kind", ["float32", rarely("float64")])
@some_groups
def test_compiled_values_and_gradients_are_the_references(some, kind):
    assert sweep.wrong_when_compiled(some, kind) == []


@pytest.mark.slow
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", sweep.FLOATS)
@by_group
def test_infinities_and_nan_are_the_references(some, kind, sign):
    sweep.test_infinities_and_nan_are_numpys(some, kind, sign)


@pytest.mark.parametrize("one", [p for p in PARTS if p.torch], ids=lambda p: p.label)
def test_values_and_gradients_are_torchs(one):
    torch = pytest.importorskip("torch")
    inputs, values = sweep.inputs_of(one, "float64"), sweep.drawn(one, one.sizes[-1], "float64")
    out = one.call(*inputs)
    given = [torch.tensor(v, requires_grad=v.dtype.kind == "f") for v in values]
    with torch.enable_grad():
        theirs = one.torch(*given)
    assert sweep.close(
        wf.evaluate(out, dict(zip(inputs, values, strict=True))), theirs.detach().numpy(), one.eps, values
    )
    if not (one.differentiable and out.type.is_float):
        return
    g = np.random.default_rng(1).normal(size=tuple(theirs.shape))
    floats = [i for i, v in enumerate(values) if v.dtype.kind == "f"]
    expected = torch.autograd.grad(theirs, [given[i] for i in floats], torch.tensor(g), allow_unused=True)
    seed = wf.tensor("g", out.shape, "float64")
    found = wf.evaluate(
        wf.vjp(out, [inputs[i] for i in floats], seed), {**dict(zip(inputs, values, strict=True)), seed: g}
    )
    for mine, other in zip(found, expected, strict=True):
        assert sweep.close(mine, 0 * mine if other is None else other.numpy(), 4 * one.eps, [*values, g])
