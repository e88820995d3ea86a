"""What tests of the gallery share: programs run, and agree with PyTorch."""

import importlib

import numpy as np
import pytest

import weft as wf
from weft import nn


def run(name, folder, *options):
    """The figures of a program, `group.name`, run in this process in float32, as it is; its picture is there."""
    for package in ("sklearn", "matplotlib", "tqdm"):
        pytest.importorskip(package)
    with wf.config(float_dtype="float32"):
        figures = importlib.import_module(f"examples.{name}").main([*options, "--out", str(folder)])
    assert (folder / f"{name.split('.')[1]}.png").stat().st_size > 5_000
    assert figures
    assert all(np.isfinite(value) for value in figures.values()), figures
    return figures


def agree_with_torch(loss, given, reference, aside=()):
    """Loss and gradients, in float64, are those of reference(torch, parameters, *arrays of `given`, *of `aside`).

    given : {input: array}; aside : expressions, such as draws, whose values of the same call the reference takes
    """
    torch = pytest.importorskip("torch")
    params = nn.parameters(loss)
    wanted = [loss, *wf.grad(loss, list(params.values())), *aside]
    found = wf.function(list(given), wanted, target="reference")(*given.values())
    theirs = {name: torch.tensor(p.get_value(), requires_grad=True) for name, p in params.items()}
    arrays = [torch.tensor(a) for a in (*given.values(), *found[1 + len(params) :])]
    value = reference(torch, theirs, *arrays)
    value.backward()
    np.testing.assert_allclose(found[0], value.detach().numpy(), rtol=1e-9)
    for (name, p), g in zip(theirs.items(), found[1:], strict=False):
        np.testing.assert_allclose(g, p.grad.numpy(), rtol=1e-7, atol=1e-10, err_msg=name)
