"""Pooling whose windows follow from the size of the result."""

import weft as wf

from ...calls import IMAGES, LINES, STREAM, VOLUMES, call

layers = wf.nn.layers

CALLS = {
    "layers.global_avg_pool": call(layers.global_avg_pool, IMAGES, keepdims=False),
    "layers.global_max_pool": call(layers.global_max_pool, IMAGES, keepdims=False),
    "layers.spatial_pyramid_pool": call(layers.spatial_pyramid_pool, IMAGES, bins=(2, 1), kind="max"),
    "layers.fractional_max_pool2d": call(layers.fractional_max_pool2d, IMAGES, 2, (4, 3), rng=STREAM),
    "layers.fractional_max_pool3d": call(layers.fractional_max_pool3d, VOLUMES, 2, (3, 4, 3), rng=STREAM),
} | {
    f"layers.adaptive_{kind}_pool{rank}d": call(getattr(layers, f"adaptive_{kind}_pool{rank}d"), x, 2)
    for kind in ("avg", "max")
    for rank, x in ((1, LINES), (2, IMAGES), (3, VOLUMES))
}
