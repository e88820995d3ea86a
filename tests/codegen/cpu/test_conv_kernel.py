"""Convolutions and their gradients against sums over the taps of the kernel in float64."""

import itertools

import numpy as np
import pytest

from weft.codegen.cpu.conv import (
    channels as conv_channels,
)
from weft.codegen.cpu.conv import (
    dots as conv_dots,
)
from weft.codegen.cpu.conv import (
    images as conv_images,
)
from weft.codegen.cpu.conv import (
    pixels as conv_pixels,
)
from weft.codegen.cpu.conv.plan import plan_conv

from ...sampling import every_row
from .plans import describe, run_plan

WAYS = {"channels": conv_channels, "dots": conv_dots, "images": conv_images, "pixels": conv_pixels}
TOLERANCE = {"float32": 3e-6, "float64": 1e-14}  # of sums of |x| |w|
LAYOUTS = {
    "in order": lambda a: np.ascontiguousarray(a),
    "first two axes exchanged": lambda a: np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1),
    "channels last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1),
    "flipped": lambda a: np.flip(np.ascontiguousarray(np.flip(a, range(2, a.ndim))), range(2, a.ndim)),
    "every second": lambda a: np.repeat(a, 2, -1)[..., ::2],
}


def windows(x, padding, x_dilation):
    """x with zeros between its elements and around them, or cropped."""
    spread = np.zeros((*x.shape[:2], *(max(d * (s - 1) + 1, 0) for s, d in zip(x.shape[2:], x_dilation, strict=True))))
    spread[(..., *(slice(None, None, d) for d in x_dilation))] = x
    padded = np.pad(spread, [(0, 0), (0, 0), *((max(b, 0), max(a, 0)) for b, a in padding)])
    crop = (slice(max(-b, 0), size - max(-a, 0)) for (b, a), size in zip(padding, padded.shape[2:], strict=True))
    return padded[(..., *crop)]


def reference(x, w, strides, padding, x_dilation, w_dilation, groups, batch_groups):
    """The definition, tap by tap."""
    x, parts, (o, c) = windows(x, padding, x_dilation), groups * batch_groups, w.shape[:2]
    geometry = list(zip(x.shape[2:], w.shape[2:], strides, w_dilation, strict=True))
    size = [(i - d * (k - 1) - 1) // s + 1 for i, k, s, d in geometry]
    n, out = x.shape[0] // batch_groups, np.zeros((x.shape[0] // batch_groups, o, *size))
    for part in range(parts):
        images = x[part * n : (part + 1) * n] if batch_groups > 1 else x[:, part * c : (part + 1) * c]
        channels = slice(part * o // parts, (part + 1) * o // parts)
        for tap in np.ndindex(*w.shape[2:]):
            place = (
                slice(t * d, t * d + s * (q - 1) + 1, s)
                for t, q, s, d in zip(tap, size, strides, w_dilation, strict=True)
            )
            seen, taps = images[(..., *place)], w[(channels, slice(None), *tap)]
            out[:, channels] += np.einsum("nc...,oc->no...", seen, taps.astype("float64"))
    return out


def check(x, w, out_layout="in order", strides=None, padding=None, x_dilation=None, w_dilation=None, groups=1,
          batch_groups=1):  # fmt: skip
    """The plan's result against the reference; both arrays, which may have any strides, are as the kernel sees them."""
    ones = (1,) * (x.ndim - 2)
    options = {"strides": strides or ones, "x_dilation": x_dilation or ones, "w_dilation": w_dilation or ones}
    options |= {"padding": padding or ((0, 0),) * len(ones), "groups": groups, "batch_groups": batch_groups}
    expected = reference(x, w, **options)
    bound = reference(np.abs(x), np.abs(w), **options)
    out = LAYOUTS[out_layout](np.full(expected.shape, np.nan, x.dtype))
    plan = plan_conv(describe(out), describe(x), describe(w), **options)
    run_plan(plan, [out], [x, w])
    assert np.all(np.abs(out - expected) <= TOLERANCE[x.dtype.name] * bound + 1e-30)


def normal(*shape, dtype="float32"):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Each way in turn, wherever it is possible at all."""
    for name, module in WAYS.items():
        monkeypatch.setattr(module, "time", lambda problem, cost=1e30 * (name != request.param): cost)
    return request.param


GEOMETRIES = {
    "plain": ((9, 11), (3, 2), {}),
    "1x1": ((7, 6), (1, 1), {}),
    "whole": ((5, 4), (5, 4), {}),
    "single": ((1, 1), (1, 1), {}),
    "strided": ((9, 12), (3, 4), {"strides": (2, 3)}),
    "dilated": ((13, 12), (3, 4), {"w_dilation": (2, 3)}),
    "padded": ((6, 5), (3, 4), {"padding": ((1, 2), (3, 0))}),
    "padded only": ((1, 1), (2, 2), {"padding": ((4, 4), (4, 4))}),
    "cropped": ((9, 9), (3, 2), {"padding": ((-2, -1), (-3, 1))}),
    "full, strided, dilated": ((8, 7), (3, 3), {"padding": ((4, 4), (4, 4)), "strides": (2, 1), "w_dilation": (2, 2)}),
    "input gradient": ((5, 4), (3, 4), {"padding": ((2, 3), (3, 1)), "x_dilation": (2, 3)}),
    "input gradient, all at once": ((4, 5), (2, 2), {"x_dilation": (3, 3), "strides": (2, 1), "w_dilation": (1, 2)}),
    "input gradient, few taps": ((5, 4), (2, 1), {"padding": ((1, 2), (0, 1)), "x_dilation": (3, 2)}),
    "spread, cropped, strided": (
        (6, 5),
        (2, 3),
        {"padding": ((-1, 2), (-2, -1)), "x_dilation": (3, 4), "strides": (2, 3)},
    ),
    "wide": ((8, 31), (3, 17), {"strides": (2, 3), "w_dilation": (2, 1), "padding": ((1, 0), (0, 2))}),
    "1-d": ((40,), (7,), {"padding": ((3, 3),)}),
    "1-d dilated": ((50,), (3,), {"strides": (3,), "w_dilation": (5,)}),
    "3-d": ((5, 6, 7), (2, 3, 4), {"padding": ((1, 0), (0, 1), (2, 2))}),
    "3-d input gradient": ((3, 4, 3), (3, 4, 2), {"padding": ((1, 1), (2, 0), (0, 1)), "x_dilation": (2, 1, 3)}),
    "3-d strided": ((5, 6, 7), (2, 3, 2), {"strides": (1, 2, 2), "w_dilation": (2, 1, 1)}),
}


@pytest.mark.parametrize(
    ("geometry", "batch", "channels"),
    every_row(4, itertools.product(GEOMETRIES, (1, 17), [(1, 1), (3, 20), (20, 33)])),
    ids=str,
)
def test_geometry(way, geometry, batch, channels):
    image, kernel, options = GEOMETRIES[geometry]
    check(normal(batch, channels[0], *image), normal(channels[1], channels[0], *kernel), **options)


@pytest.mark.parametrize(("channels", "kernel"), [(3, (1, 1)), (40, (3, 3))], ids=str)  # x is the larger one, or w
def test_blocks_of_places_and_of_channels(way, channels, kernel):
    check(normal(2, channels, 60, 61), normal(100, channels, *kernel))


@pytest.mark.parametrize(
    ("c", "kernel", "groups"),
    [
        (250, (3, 3), 1),  # blocks of channels; few units, so that they are cut into chunks
        (250, (3, 3), 20),  # and many units, each of which runs through all blocks
        (3, (40, 30), 1),  # blocks of lines
    ],
    ids=str,
)
def test_blocks_of_a_long_contraction(way, c, kernel, groups):
    x = normal(2, c * groups, kernel[0] + 1, kernel[1] + 2)
    check(x, normal(2 * groups, c, *kernel), groups=groups)


@pytest.mark.parametrize(("x", "w", "out"), list(itertools.product(LAYOUTS, repeat=3))[::3])
def test_layouts(way, x, w, out):
    check(LAYOUTS[x](normal(9, 5, 8, 7)), LAYOUTS[w](normal(6, 5, 3, 2)), out, padding=((1, 0), (0, 2)))


@pytest.mark.parametrize("options", [{"groups": 3}, {"batch_groups": 3}], ids=str)
@pytest.mark.parametrize("geometry", ["plain", "padded", "strided", "wide", "input gradient"])
@pytest.mark.parametrize("channels", [(1, 1), (2, 5)], ids=str)
def test_groups(way, channels, geometry, options):
    image, kernel, more = GEOMETRIES[geometry]
    x = normal(9 * options.get("batch_groups", 1), channels[0] * options.get("groups", 1), *image)
    check(x, normal(3 * channels[1], channels[0], *kernel), **options, **more)


@pytest.mark.parametrize("size", [(20, 1, 20, 28), (17, 20, 50, 12)], ids=str)
def test_gradients_of_a_network(size):
    """The forward pass and both gradients as the graph asks for them: views, no flips and no copies."""
    n, c, o, side = size
    x, w, g = normal(n, c, side, side), normal(o, c, 5, 5), normal(n, o, side - 4, side - 4)
    check(x, w)
    check(g, np.flip(w.swapaxes(0, 1), (2, 3)), padding=((4, 4), (4, 4)))
    check(x.swapaxes(0, 1), g.swapaxes(0, 1), "first two axes exchanged")


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_gradient_to_weights_of_a_long_contraction(stride):
    """Few elements of out, each a sum over many images and places: cut into chunks and added in order."""
    side = (30 - 3) // stride + 1
    x, g = normal(3, 40, 30, 30), normal(18, 40, side, side)
    check(x, g, "first two axes exchanged", w_dilation=(stride, stride))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes(way, dtype):
    check(normal(11, 4, 10, 9, dtype=dtype), normal(37, 4, 3, 3, dtype=dtype), padding=((1, 1), (1, 1)))


@pytest.mark.parametrize(
    ("x", "w", "out"), [((0, 2, 5, 5), (3, 2, 2, 2), (0, 3, 4, 4)), ((2, 2, 5, 5), (0, 2, 2, 2), (2, 0, 4, 4)),
                        ((2, 2, 1, 5), (3, 2, 2, 2), (2, 3, 0, 4))], ids=str,
)  # fmt: skip
def test_nothing_to_compute(x, w, out):
    arrays = [np.empty(out, "float32"), normal(*x), normal(*w)]
    ones = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "x_dilation": (1, 1), "w_dilation": (1, 1)}
    assert not plan_conv(*(describe(array) for array in arrays), **ones).launches


def test_sums_over_nothing_are_zero():
    check(normal(2, 0, 5, 5), normal(3, 0, 2, 2), "channels last")
    check(normal(2, 3, 0, 4), normal(3, 3, 2, 2), padding=((1, 2), (0, 0)))


def test_nan_stays_in_its_windows():
    x, w = normal(16, 3, 9, 9), normal(4, 3, 3, 3)
    x[5, 1, 4, 4] = np.nan
    out = np.empty((16, 4, 9, 9), "float32")
    ones = {"strides": (1, 1), "x_dilation": (1, 1), "w_dilation": (1, 1)}
    run_plan(plan_conv(*map(describe, (out, x, w)), padding=((1, 1), (1, 1)), **ones), [out], [x, w])
    touched = np.zeros(out.shape, bool)
    touched[5, :, 3:6, 3:6] = True
    np.testing.assert_array_equal(np.isnan(out), touched)
