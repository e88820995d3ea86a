"""Operations of one's own."""

import numpy as np
import pytest

import weft as wf

from .programs import run


@pytest.fixture(autouse=True)
def _double():
    with wf.config(float_dtype="float64"):
        yield


@pytest.mark.parametrize("name", ["custom_op"])
def test_program_runs(name, tmp_path):
    with wf.config(float_dtype="float32"):
        run(f"extending.{name}", tmp_path, "--quick")


def test_own_operations_agree_with_torch():
    from examples.extending.custom_op import network

    torch = pytest.importorskip("torch")
    x, y, sums = network()
    value = np.random.default_rng(0).normal(size=(4, 5))
    loss = (wf.square(y) + sums**3).mean()
    theirs = torch.tensor(value, requires_grad=True)
    (torch.nn.functional.mish(theirs).square() + theirs.cumsum(1) ** 3).mean().backward()
    np.testing.assert_allclose(wf.evaluate(wf.grad(loss, x), {x: value}), theirs.grad.numpy(), rtol=1e-9)
