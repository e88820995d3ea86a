"""Operations of one's own: each has the values and gradients of PyTorch's, and runs as the program says."""

import numpy as np
import pytest

import weft as wf

from .programs import run


def test_program_runs(tmp_path):
    found = run("extending.custom_op", tmp_path, "--quick")
    assert found["mish: apart from NumPy"] < 1e-6
    assert found["cumsum: apart from NumPy"] < 1e-5


@pytest.mark.parametrize("name", ["mish", "cumsum"])
@pytest.mark.parametrize("target", ["cpu", "reference"])
def test_own_operations_agree_with_torch(name, target, rng):
    from examples.extending.custom_op import network

    torch = pytest.importorskip("torch")
    x, mish, sums = network()
    y, theirs_of = {
        "mish": (mish, torch.nn.functional.mish),
        "cumsum": (sums, lambda x: x.cumsum(1)),
    }[name]
    value = rng.normal(size=(4, 5))
    found = wf.function([x], [y, wf.grad((y**3).mean(), x)], target=target)(value)
    theirs = torch.tensor(value, requires_grad=True)
    result = theirs_of(theirs)
    (result**3).mean().backward()
    np.testing.assert_allclose(found[0], result.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(found[1], theirs.grad.numpy(), rtol=1e-9)


def test_a_function_of_scalars_and_its_derivative_fuse_into_one_loop():
    from examples.extending.custom_op import network

    x, mish, _ = network()
    f = wf.function([x], [mish, wf.grad(mish.sum(), x)], target="cpu")
    assert f.explain("nests").count("loop nest") == 1


def test_the_kernel_runs_where_it_was_registered():
    from examples.extending.custom_op import network

    x, _, sums = network()
    assert "kernel cum_sum" in wf.function([x], sums, target="cpu").explain("nests")
