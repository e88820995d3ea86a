"""Convolutions of other kinds, and padding by elements: what the sweep over the parts does not see."""

import numpy as np
import pytest

import weft as wf
from weft.nn import init, layers, parameters, scope
from weft.symbolic.evaluate import evaluate

RNG = np.random.default_rng(7)
IMAGES = wf.tensor4("images", (2, 4, 6, 5))
LINES = wf.tensor3("lines", (2, 4, 6))


def images(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def both(make, *arrays, symbols=(0, 2, 3)):
    """The value of an expression of arrays of known sizes, and compiled where those of the first are symbols."""
    shape = [None if i in symbols else d for i, d in enumerate(arrays[0].shape)]
    known = [wf.tensor(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
    unknown = [wf.tensor(f"x{i}", shape if i == 0 else a.shape, a.dtype) for i, a in enumerate(arrays)]
    return evaluate(make(*known), dict(zip(known, arrays, strict=True))), wf.function(unknown, make(*unknown))(*arrays)


# ---- parameters ------------------------------------------------------------------------------------------------------


def test_parameters_of_convolutions():
    with scope("net"):
        h = layers.conv2d(IMAGES, 8, 3, padding=1, groups=2)
        h = layers.depthwise_conv2d(h, (3, 1), 2)
        h = layers.separable_conv2d(h, 3, 2, 2)
        h = layers.conv2d_transpose(h, 6, 3, groups=3, name="up")
        h = layers.locally_connected2d(h, 5, 2, stride=2)
    assert {name: p.shape for name, p in parameters(h).items()} == {
        "net.conv_w": (8, 2, 3, 3),
        "net.conv_b": (8,),
        "net.conv2_w": (16, 1, 3, 1),
        "net.conv2_b": (16,),
        "net.conv3_depth_w": (32, 1, 2, 2),
        "net.conv3_w": (3, 32, 1, 1),
        "net.conv3_b": (3,),
        "net.up_w": (3, 2, 3, 3),
        "net.up_b": (6,),
        "net.local_w": (2, 3, 5, 6, 2, 2),
        "net.local_b": (5, 2, 3),
    }


def test_kernels_of_each_place_are_drawn_for_its_inputs():
    y = layers.locally_connected1d(LINES, 500, 3, rng=np.random.default_rng(1), name="l")
    drawn = parameters(y)["l_w"].get_value()
    np.testing.assert_allclose(drawn.std((1, 2, 3)), np.sqrt(2 / 12), rtol=0.05)
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(drawn[:2], [init.he_normal((500, 4, 3), rng) for _ in range(2)])
    with pytest.raises(wf.ShapeError, match="locally_connected1d: w: the initialiser gives"):
        layers.locally_connected1d(LINES, 5, 3, lambda shape, rng: np.zeros(3, np.float32))


def test_weights_may_be_shared():
    w = wf.shared(images(6, 1, 3, 3), "w")
    x = wf.tensor4("x", ("n", 3, "h", "w"))
    for y in (layers.depthwise_conv2d(x, 3, 2, w, None), layers.conv2d(x, 6, 3, w, None, groups=3)):
        assert list(parameters(y)) == ["w"]


# ---- padding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
def test_pad_by_elements(mode):
    value = images(4, 3)
    for widths in (0, 2, (1, 0), ((3, 0), (0, 2)), ((0, 0), (2, 1)), ((0, 0), (0, 0))):
        for found in both(lambda x, w=widths: wf.pad(x, w, mode=mode), value, symbols=(0, 1)):
            np.testing.assert_array_equal(found, np.pad(value, widths, mode))
    flags = value > 0
    for found in both(lambda x: wf.pad(x, 1, mode=mode), flags, symbols=(0, 1)):
        np.testing.assert_array_equal(found, np.pad(flags, 1, mode))
    assert wf.pad(wf.scalar("s"), 3, mode=mode).shape == ()


@pytest.mark.parametrize(("mode", "most"), [("edge", None), ("reflect", 2), ("symmetric", 3), ("wrap", 3)])
def test_pad_by_more_elements_than_there_are(mode, most):
    known, n = wf.vector("x", (3,)), wf.vector("x", ("n",))
    if most is None:
        assert wf.pad(known, 50, mode=mode).shape == (103,)
    else:
        assert wf.pad(known, most, mode=mode).shape == (3 + 2 * most,)
        with pytest.raises(wf.ShapeError, match=f"pad: mode '{mode}' adds at most {most} on each side of axis 0"):
            wf.pad(known, (0, most + 1), mode=mode)
        f = wf.function([n], wf.pad(n, most + 1, mode=mode))
        assert f(np.ones(9)).shape == (9 + 2 * (most + 1),)
        with pytest.raises(wf.IndexRangeError, match="do not lie within axis 0, which has size 3"):
            f(np.ones(3))
    with pytest.raises(wf.ShapeError, match="adds at most 0 on each side of axis 0, which has 0 elements"):
        wf.pad(wf.vector("x", (0,)), 1, mode=mode)


@pytest.mark.parametrize("padding", [1, (2, 0), ((0, 1), (2, 1)), "same", "half", "valid"])
def test_convolutions_padded_by_elements(padding):
    x, w = images(2, 3, 5, 6), images(4, 3, 3, 2)
    pairs = {"same": ((1, 1), (0, 1)), "half": ((1, 1), (1, 1)), "valid": ((0, 0), (0, 0))}.get(padding, padding)
    pairs = tuple(p if isinstance(p, tuple) else (p, p) for p in ((pairs, pairs) if isinstance(pairs, int) else pairs))
    for mode, numpys in (("circular", "wrap"), ("replicate", "edge"), ("zeros", "constant")):
        around = np.pad(x, ((0, 0), (0, 0), *pairs), numpys)
        wanted = evaluate(wf.conv2d(wf.constant(around), wf.constant(w)))
        make = lambda v, m=mode: layers.conv2d(v, 4, (3, 2), w, None, padding=padding, padding_mode=m)  # noqa: E731
        for found in both(make, x):
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


# ---- errors ----------------------------------------------------------------------------------------------------------

N = wf.tensor4("x", ("n", 4, "h", "w"))
REFUSED = {
    "filters": (lambda: layers.conv2d_transpose(IMAGES, 3, 2, groups=2), "groups = 2 does not divide the 3 filters"),
    "channels in groups": (lambda: layers.conv1d_transpose(LINES, 3, 2, groups=3), "groups = 3 does not divide the 4"),
    "one axis of space": (lambda: layers.separable_conv2d(LINES, 3, 2), "separable_conv2d: x has 3 axes, and needs 4"),
    "a mode of padding": (
        lambda: layers.conv2d(IMAGES, 3, 3, padding=1, padding_mode="edge"),
        "conv2d: padding_mode is 'zeros', 'reflect', .* not 'edge'",
    ),
    "too much to mirror": (
        lambda: layers.conv1d(LINES, 3, 3, padding=6, padding_mode="reflect"),
        "conv1d: mode 'reflect' adds at most 5 on each side of axis 2, which has 6 elements, and the widths are 6",
    ),
    "a padding by symbols": (
        lambda: layers.conv2d(N, 3, 3, stride=2, padding="same", padding_mode="reflect"),
        "conv2d: padding 'same' depends on the size h",
    ),
    "places that are symbols": (
        lambda: layers.locally_connected2d(N, 3, 3),
        "locally_connected2d: axis 2 of x has the size h, and parameters are made for a number",
    ),
    "a kernel": (lambda: layers.locally_connected1d(LINES, 3, 7), "locally_connected1d: the kernel is larger than"),
    "a kernel apart": (lambda: layers.depthwise_conv1d(LINES, 7), "depthwise_conv1d: .*the kernel is larger than"),
    "weights": (
        lambda: layers.depthwise_conv1d(LINES, 3, 2, wf.zeros((4, 1, 3))),
        r"depthwise_conv1d: w has shape \(4, 1, 3\), and the layer needs \(8, 1, 3\)",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused(what):
    call, text = REFUSED[what]
    with pytest.raises(wf.WeftError, match=text) as caught:
        call()
    assert any(__file__.rpartition("/")[2] in note for note in caught.value.__notes__)
