"""Convolution and pooling against PyTorch, where it is installed: values and gradients."""

import numpy as np
import pytest

import weft as wf
from weft.ops import conv
from weft.symbolic.evaluate import evaluate
from weft.symbolic.grad import vjp
from weft.symbolic.leaves import constant
from weft.symbolic.variables import tensor

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(4)


def compare(ours, theirs, values):
    """The same values, and the same products with the transposed Jacobian."""
    inputs = [tensor(None, v.shape, "float64") for v in values]
    leaves = [torch.tensor(v, requires_grad=True) for v in values]
    out, expected = ours(*inputs), theirs(*leaves)
    assert out.shape == tuple(expected.shape)
    g = RNG.standard_normal(out.shape)
    found = evaluate([out, *vjp([out], inputs, [constant(g)])], dict(zip(inputs, values, strict=True)))
    expected.backward(torch.tensor(g))
    for mine, its in zip(found, [expected.detach(), *(leaf.grad for leaf in leaves)], strict=True):
        np.testing.assert_allclose(mine, its.numpy(), atol=1e-10)


CONVS = [
    ((2, 4, 9), (6, 2, 3), {"stride": 2, "padding": 3, "dilation": 2, "groups": 2}),
    ((2, 3, 8, 7), (4, 3, 3, 2), {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 3)}),
    ((2, 3, 8, 7), (4, 3, 3, 3), {"padding": "same", "dilation": 2}),
    ((1, 2, 4, 5, 6), (2, 1, 2, 3, 2), {"stride": 2, "padding": 1, "groups": 2}),
]
TRANSPOSES = [
    ((2, 4, 5), (4, 3, 3), {"stride": 3, "padding": 1, "output_padding": 2, "dilation": 2, "groups": 2}),
    ((2, 3, 4, 5), (3, 2, 3, 2), {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 2)}),
    ((1, 2, 3, 2, 4), (2, 3, 2, 3, 1), {"stride": 2}),
]
POOLS = [
    ((2, 3, 11), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((2, 3, 9, 8), {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 0)}),
    ((2, 3, 9, 8), {"kernel_size": 2}),
    ((1, 1, 5, 6), {"kernel_size": 2, "stride": 3, "padding": 1}),
    ((1, 2, 4, 5, 6), {"kernel_size": (2, 3, 2), "stride": 2, "padding": (0, 1, 1)}),
]


@pytest.mark.parametrize(("xs", "ws", "options"), CONVS)
def test_conv(xs, ws, options):
    name = f"conv{len(xs) - 2}d"
    values = [RNG.standard_normal(s) for s in (xs, ws, ws[:1])]
    ours, theirs = getattr(conv, name), getattr(torch.nn.functional, name)
    compare(lambda x, w, b: ours(x, w, b, **options), lambda x, w, b: theirs(x, w, b, **options), values)


@pytest.mark.parametrize(("xs", "ws", "options"), TRANSPOSES)
def test_transpose(xs, ws, options):
    rank = len(xs) - 2
    outs = ws[1] * options.get("groups", 1)
    values = [RNG.standard_normal(s) for s in (xs, ws, (outs,))]
    ours = getattr(conv, f"conv{rank}d_transpose")
    theirs = getattr(torch.nn.functional, f"conv_transpose{rank}d")
    compare(lambda x, w, b: ours(x, w, b, **options), lambda x, w, b: theirs(x, w, b, **options), values)


DILATED = [
    ((2, 3, 11), {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2}),
    ((2, 3, 13), {"kernel_size": 2, "padding": 1, "dilation": 3}),
    ((2, 2, 9, 12), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1), "dilation": (2, 3)}),
    ((1, 2, 9, 9), {"kernel_size": 2, "stride": 4, "dilation": 3}),
    ((1, 2, 6, 7, 8), {"kernel_size": 2, "stride": (2, 1, 3), "padding": 1, "dilation": (2, 1, 4)}),
]


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("shape", "options"), POOLS + DILATED)
def test_max_pool_with_indices(shape, options, ceil_mode):
    """Values, places, gradients, and the gradients of those."""
    name, given = f"max_pool{len(shape) - 2}d", {**options, "ceil_mode": ceil_mode}
    renamed = {("size" if key == "kernel_size" else key): value for key, value in given.items()}
    values = RNG.standard_normal(shape)
    compare(
        lambda x: getattr(wf, name)(x, **renamed), lambda x: getattr(torch.nn.functional, name)(x, **given), [values]
    )
    x = wf.tensor("x", shape, "float64")
    found = wf.evaluate(list(getattr(wf, f"{name}_with_indices")(x, **renamed)), {x: values})
    theirs = getattr(torch.nn.functional, name)(torch.tensor(values), **given, return_indices=True)
    for mine, its in zip(found, theirs, strict=True):
        np.testing.assert_array_equal(mine, its.numpy())


@pytest.mark.parametrize(("shape", "options"), POOLS[:1] + POOLS[2:3] + POOLS[4:])
def test_max_unpool(shape, options):
    name, functional = f"max_unpool{len(shape) - 2}d", torch.nn.functional
    options = {"stride": options["kernel_size"], **options}
    pool = getattr(functional, f"max_pool{len(shape) - 2}d")
    pooled, places = pool(torch.tensor(RNG.standard_normal(shape)), **options, return_indices=True)
    size, given = options.pop("kernel_size"), options
    v = wf.tensor("v", tuple(pooled.shape), "float64")
    found = wf.evaluate(
        getattr(wf, name)(v, places.numpy(), size, **given, output_shape=shape[2:]), {v: pooled.numpy()}
    )
    theirs = getattr(functional, name)(pooled, places, size, **given, output_size=shape[2:])
    np.testing.assert_array_equal(found, theirs.numpy())
    # gradients, of places that are taken once: of others PyTorch's are not those of its values
    once = np.argsort(places.reshape(*places.shape[:2], -1).numpy(), -1).reshape(places.shape)
    compare(
        lambda v: getattr(wf, name)(v, once, size, **given),
        lambda v: getattr(functional, name)(v, torch.tensor(once), size, **given),
        [pooled.numpy()],
    )


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("kind", ["max", "avg", "avg with padding"])
@pytest.mark.parametrize(("shape", "options"), POOLS)
def test_pool(shape, options, kind, ceil_mode):
    name = f"{kind[:3]}_pool{len(shape) - 2}d"
    given = {**options, "ceil_mode": ceil_mode}
    if kind != "max":
        given["count_include_pad"] = "padding" in kind
    renamed = {("size" if key == "kernel_size" else key): value for key, value in given.items()}
    ours, theirs = getattr(wf, name), getattr(torch.nn.functional, name)
    compare(lambda x: ours(x, **renamed), lambda x: theirs(x, **given), [RNG.standard_normal(shape)])


def test_lp_pool():
    values = [np.abs(RNG.standard_normal((2, 3, 7, 6)))]
    for p in (1, 2, 3):
        options = {"stride": (1, 2), "ceil_mode": False}
        compare(
            lambda x: wf.lp_pool2d(x, (3, 2), p, **options),
            lambda x: torch.nn.functional.lp_pool2d(x, p, (3, 2), **options),
            values,
        )
