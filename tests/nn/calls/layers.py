"""Dense layers, convolutions, batch normalisation."""

import weft as wf

from ...calls import BIAS, IMAGES, LINES, RNG, VOLUMES, W, X, call

init, layers = wf.nn.init, wf.nn.layers

CONVOLVED = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "flip": False, "rng": RNG, "name": "c"}
CONVOLVED |= {"padding_mode": "reflect"}

CALLS = {
    "layers.new_parameter": call(layers.new_parameter, (4, 3), init.he_normal, "p", rng=RNG),
    "layers.dense": call(layers.dense, X, 2, W, BIAS, flatten=True, rng=RNG, name="d"),
    "layers.bilinear": call(layers.bilinear, X, X, 2, init.lecun_normal, BIAS, rng=RNG, name="d"),
    "layers.dense_params": call(layers.dense_params, 4, 3, RNG, name="d", weights=init.he_normal),
    "layers.conv_params": call(layers.conv_params, 3, 4, 2, RNG, name="c", weights=init.he_normal),
    "layers.batch_norm": call(layers.batch_norm, X, True, 1.0, 0.0, 0.0, 1.0, momentum=0.9, eps=1e-5, axis=1, name="n"),
} | {
    f"layers.conv{rank}d": call(getattr(layers, f"conv{rank}d"), x, 4, 2, **CONVOLVED)
    for rank, x in ((1, LINES), (2, IMAGES), (3, VOLUMES))
}
