"""Images of other sizes, patches, sampling: what the sweep over the parts does not see."""

import itertools
import sys
from itertools import product

import numpy as np
import pytest

import weft as wf
from weft.nn import layers
from weft.symbolic.evaluate import evaluate

from ..sampling import every, every_row
from .test_spatial import both, images

RNG = np.random.default_rng(7)
IMAGES = wf.tensor4("images", (2, 4, 6, 5))


# ---- resize ----------------------------------------------------------------------------------------------------------

MODES = [("nearest", False), ("nearest-exact", False), *itertools.product(("linear", "cubic"), (False, True))]


@pytest.mark.parametrize(("mode", "corners"), every_row(2, MODES))
def test_sizes_may_be_symbols(mode, corners):
    value = images(2, 3, 4, 5)
    options = {"mode": mode, "align_corners": corners}
    for given in (
        {"scale": 3},
        {"scale": (0.5, 2)},
        {"scale": 1.5},
        {"size": (7, 2)},
        {"size": 1},
        {"scale": (0.25, 1 / 3)},
    ):
        one, other = both(lambda x, g=given: layers.resize(x, **g, **options), value)
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    x, y = wf.tensor4("x", (2, 3, "h", "w")), wf.tensor4("y", (2, 3, "p", "q"))
    large = images(2, 3, 9, 7)
    like = layers.resize(x, y.shape[2:], **options)
    fixed = wf.tensor4("x", value.shape)
    wanted = evaluate(layers.resize(fixed, (9, 7), **options), {fixed: value})
    np.testing.assert_allclose(wf.function([x, y], like)(value, large)[..., 0], wanted[..., 0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("mode", "corners"), MODES)
def test_what_is_even_stays_even(mode, corners):
    x = wf.tensor4("x", (1, 1, 4, 5), "float64")
    for size in ((9, 3), (1, 1), (40, 50)):
        y = layers.resize(x, size, mode=mode, align_corners=corners)
        np.testing.assert_allclose(evaluate(y, {x: np.full((1, 1, 4, 5), 3.0)}), 3, rtol=1e-12)


def test_corners_stay():
    value = images(1, 1, 3, 4)
    for size in ((5, 9), (2, 2), (3, 4)):
        found, _ = both(lambda x, s=size: layers.resize(x, s, mode="linear", align_corners=True), value)
        np.testing.assert_allclose(found[0, 0, :: size[0] - 1, :: size[1] - 1], value[0, 0, ::2, ::3], rtol=1e-5)


def test_a_third_is_a_third():
    x = wf.tensor3("x", (1, 1, 9), "int32")
    y = layers.resize(x, scale=1 / 3)
    assert y.dtype == "int32"
    assert evaluate(y, {x: np.arange(9, dtype=np.int32).reshape(1, 1, 9)}).tolist() == [[[0, 3, 6]]]
    assert layers.resize(x, scale=1 / 3).shape == (1, 1, 3)
    assert layers.resize(wf.tensor3("x", (1, 1, "n")), scale=0.75).shape[2].value({"n": 10}) == 7


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_lines_of_float16_of_any_length(mode, corners):
    """Weights are quotients of whole numbers, which float16 does not hold above 65504."""
    value = np.array([[[0, 1, 0.5, -1, 0.25]]], "float16")
    make = lambda x: layers.resize(x, (40_000,), mode=mode, align_corners=corners)  # noqa: E731
    wanted = evaluate(make(wf.constant(value.astype("float64"))))
    found = both(make, value)
    assert {v.dtype.name for v in found} == {"float16"}
    np.testing.assert_allclose(found, [wanted, wanted], rtol=0, atol=1e-3)


def test_large_matrices_are_made_in_the_call(monkeypatch):
    value = images(1, 2, 3, 5)
    make = lambda x: layers.resize(x, (4, 7), mode="cubic")  # noqa: E731
    once, _ = both(make, value)
    monkeypatch.setattr(sys.modules["weft.nn.layers.resize"], "LARGE", 0)
    for found in both(make, value):
        np.testing.assert_allclose(found, once, rtol=1e-5, atol=1e-6)


# ---- shuffles and patches --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_shuffles_undo_each_other(rank):
    sizes, factors = (4, 6, 2)[:rank], (2, 3, 1)[:rank]
    value = RNG.integers(0, 99, (2, 12, *sizes))
    for found in both(lambda x: layers.pixel_unshuffle(layers.pixel_shuffle(x, factors), factors), value):
        np.testing.assert_array_equal(found, value)
    for found in both(lambda x: layers.channel_shuffle(layers.channel_shuffle(x, 3), 4), value, symbols=(0, 1, 2)):
        np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_patches_times_kernels_are_convolutions(rank):
    x, w = images(2, 3, *(6, 5, 4)[:rank]), images(4, 3, *(3, 2, 2)[:rank])
    options = {"stride": 2, "padding": 1, "dilation": (2, 1, 1)[:rank]}
    convolve = (wf.conv1d, wf.conv2d, wf.conv3d)[rank - 1]
    wanted = evaluate(convolve(wf.constant(x), wf.constant(w), **options))
    make = lambda v: w.reshape(4, -1) @ layers.patches(v, w.shape[2:], **options)  # noqa: E731
    for found in both(make, x):
        np.testing.assert_allclose(found, wanted.reshape(2, 4, -1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (3, 1, 1), (2, 1, 2)])
def test_fold_counts_windows(rank, stride, padding, dilation):
    value = images(2, 3, *(6, 7, 5)[:rank])
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    size = (3, 2, 2)[:rank]

    def there_and_back(x):
        return layers.fold(layers.patches(x, size, **options), x.shape[2:], size, **options)

    counts = evaluate(there_and_back(wf.ones(value.shape)))
    for found in both(there_and_back, value):
        np.testing.assert_allclose(found, value * counts, rtol=1e-5, atol=1e-5)


# ---- grids -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("sizes", every(3, [(4, 5), (5,), (2, 3, 4), (1, 3)]))
def test_the_identity_reads_the_image(sizes, mode, corners):
    value, rank = images(2, 3, *sizes), len(sizes)
    theta = np.tile(np.eye(rank, rank + 1, dtype=np.float32), (2, 1, 1))

    def read(x, t):
        grid = layers.affine_grid(t, x.shape[2:], align_corners=corners)
        return layers.grid_sample(x, grid, mode=mode, align_corners=corners)

    for found in both(read, value, theta):
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("mode", "padding"), every_row(2, product(["nearest", "linear", "cubic"], ["zeros", "border", "reflection"]))
)
def test_places_that_are_nowhere(mode, padding):
    """Nothing outside of x is read for any coordinate."""
    x, grid = wf.tensor4("x", ("n", 1, 2, 3)), wf.tensor4("grid", ("n", 1, 5, 2))
    y = layers.grid_sample(x, grid, mode=mode, padding_mode=padding)
    f = wf.function([x, grid], [y, *wf.grad(y.sum(), [x, grid], disconnected="zero")])
    far = np.float32([np.nan, np.inf, -np.inf, 1e30, -1e30])
    places = np.stack([far, np.zeros(5, np.float32)], -1).reshape(1, 1, 5, 2)
    found, to_x, to_grid = f(np.ones((1, 1, 2, 3), np.float32), places)
    assert found.shape == (1, 1, 1, 5)
    assert np.isfinite(to_grid[..., 3:, :]).all()
    if mode == "nearest":
        assert (to_grid == 0).all()
        assert np.isfinite(to_x).all()
    if padding == "zeros":
        assert found[..., 3:].tolist() == [[[[0, 0]]]]
    else:
        np.testing.assert_allclose(found[..., 3:], 1, rtol=1e-5)


def test_what_lies_outside_is_no_part_of_the_result():
    x = wf.constant(np.float32([[[[np.inf, 2.0]]]]))
    grid = wf.constant(np.float32([[[[3.5, 0.0], [0.5, 0.0]]]]))
    assert evaluate(layers.grid_sample(x, grid)).tolist() == [[[[0, 2]]]]


def test_batches_that_only_a_call_knows():
    x, grid = wf.tensor4("x", ("n", 1, 2, 2)), wf.tensor4("grid", ("m", 1, 1, 2))
    f = wf.function([x, grid], layers.grid_sample(x, grid))
    assert f(np.ones((3, 1, 2, 2)), np.zeros((3, 1, 1, 2))).shape == (3, 1, 1, 1)
    with pytest.raises(wf.WeftError):
        f(np.ones((3, 1, 2, 2)), np.zeros((2, 1, 1, 2)))


# ---- errors ----------------------------------------------------------------------------------------------------------

X, N = wf.matrix("x", (2, 4)), wf.tensor4("x", ("n", 4, "h", "w"))
WHOLE = wf.tensor4("whole", (2, 4, 6, 5), "int32")
REFUSED = {
    "no space": (lambda: layers.resize(X, 3), "resize: x has 2 axes, and needs 3 to 5"),
    "neither size nor scale": (lambda: layers.resize(IMAGES), "resize: give size or scale, one of the two"),
    "both": (lambda: layers.resize(IMAGES, 3, scale=2), "resize: give size or scale, one of the two"),
    "three sizes of two": (lambda: layers.resize(IMAGES, (3, 3, 3)), "resize: size is one number, or one for each of"),
    "a size of 0": (lambda: layers.resize(IMAGES, (3, 0)), r"resize: from \(6, 5\) to \(3, 0\): a size is 0"),
    "a scale to 0": (lambda: layers.resize(IMAGES, scale=0.1), r"resize: from \(6, 5\) to \(0, 0\): a size is 0"),
    "a scale below 0": (lambda: layers.resize(IMAGES, scale=-2), "resize: scale is a number from 0.0001"),
    "corners of nearest": (lambda: layers.resize(IMAGES, 3, align_corners=True), "align_corners=True belongs to modes"),
    "a mode": (lambda: layers.resize(IMAGES, 3, mode="area"), "resize: mode is 'nearest', .* not 'area'"),
    "whole numbers": (lambda: layers.resize(WHOLE, 3, mode="linear"), "resize: mode 'linear' takes floats"),
    "channels": (lambda: layers.pixel_shuffle(IMAGES, 3), "axis 1 of x has the size 4, which 9 does not divide"),
    "places": (lambda: layers.pixel_unshuffle(IMAGES, 2), "axis 3 of x has the size 5, which 2 does not divide"),
    "groups": (lambda: layers.channel_shuffle(IMAGES, 3), "axis 1 of x has the size 4, which 3 does not divide"),
    "one axis": (lambda: layers.channel_shuffle(wf.vector("v"), 3), "channel_shuffle: x has 1 axis"),
    "a window": (lambda: layers.patches(IMAGES, 7), "patches: the window is larger than the input: its height is 7"),
    "a padding": (
        lambda: layers.patches(N, 3, stride=2, padding="same"),
        "patches: padding 'same' depends on sizes that are symbols",
    ),
    "other places": (
        lambda: layers.fold(wf.zeros((2, 8, 3)), (3, 3), 2),
        r"fold: patches of an image of shape \(2, 2, 3, 3\) have shape \(2, 8, 4\), and x has \(2, 8, 3\)",
    ),
    "other channels": (lambda: layers.fold(wf.zeros((2, 7, 4)), (3, 3), 2), r"fold: .*, and x has \(2, 7, 4\)"),
    "no floats": (lambda: layers.fold(wf.zeros((2, 8, 4), "int32"), (3, 3), 2), "fold: x is int32"),
    "a grid of lines": (
        lambda: layers.grid_sample(IMAGES, wf.zeros((2, 3, 3, 1))),
        r"grid_sample: for x of shape .* the grid has shape \(batch, ..., 2\) with 4 axes, not \(2, 3, 3, 1\)",
    ),
    "other batches": (
        lambda: layers.grid_sample(IMAGES, wf.zeros((3, 3, 3, 2))),
        "grid_sample: x has a batch of 2, and the grid one of 3",
    ),
    "whole places": (lambda: layers.grid_sample(IMAGES, wf.zeros((2, 3, 3, 2), "int64")), "grid is int64"),
    "a matrix": (lambda: layers.affine_grid(wf.zeros((2, 3, 3)), (4, 4)), r"theta has shape \(batch, 2, 3\), not"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused(what):
    call, text = REFUSED[what]
    with pytest.raises(wf.WeftError, match=text) as caught:
        call()
    assert any(__file__.rpartition("/")[2] in note for note in caught.value.__notes__)
