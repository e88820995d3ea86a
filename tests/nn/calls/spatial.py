"""Convolutions of other kinds, images of other sizes, patches, and sampling."""

import weft as wf

from ...calls import IMAGES, LINES, RNG, VOLUMES, call

layers = wf.nn.layers

HOW = {"stride": 1, "padding": 0, "dilation": 1, "rng": RNG, "name": "c"}
WINDOWS = {"stride": 1, "padding": 0, "dilation": 1}
AROUND = {"padding_mode": "reflect", "flip": False}
GRID = wf.tensor("grid", (2, 4, 3, 2))
THETA = wf.tensor("theta", (2, 2, 3))

CALLS = {
    "layers.resize": call(layers.resize, IMAGES, (4, 7), scale=None, mode="linear", align_corners=False),
    "layers.pixel_shuffle": call(layers.pixel_shuffle, wf.zeros((2, 4, 3, 2)), 2),
    "layers.pixel_unshuffle": call(layers.pixel_unshuffle, wf.zeros((2, 1, 4, 2)), 2),
    "layers.channel_shuffle": call(layers.channel_shuffle, IMAGES, 3),
    "layers.patches": call(layers.patches, IMAGES, 2, **WINDOWS),
    "layers.fold": call(layers.fold, wf.zeros((2, 12, 20)), (6, 5), 2, **WINDOWS),
    "layers.grid_sample": call(
        layers.grid_sample, IMAGES, GRID, mode="linear", padding_mode="zeros", align_corners=False
    ),
    "layers.affine_grid": call(layers.affine_grid, THETA, (4, 3), align_corners=False),
}
for _rank, _x in ((1, LINES), (2, IMAGES), (3, VOLUMES)):
    _word = f"conv{_rank}d_transpose"
    CALLS[f"layers.{_word}"] = call(getattr(layers, _word), _x, 4, 2, groups=1, output_padding=0, flip=False, **HOW)
    if _rank < 3:
        _word = f"depthwise_conv{_rank}d"
        CALLS[f"layers.{_word}"] = call(getattr(layers, _word), _x, 2, 1, **HOW, **AROUND)
        _word = f"separable_conv{_rank}d"
        CALLS[f"layers.{_word}"] = call(getattr(layers, _word), _x, 4, 2, 1, **HOW, **AROUND)
        _word = f"locally_connected{_rank}d"
        CALLS[f"layers.{_word}"] = call(getattr(layers, _word), _x, 4, 2, **HOW)
