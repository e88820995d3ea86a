"""Initialisers."""

import weft as wf

from ...calls import RNG, call

init = wf.nn.init

DRAWN = {
    "normal": {"std": 0.01, "mean": 0.0},
    "uniform": {"limit": 0.01},
    **{key: {} for key in ("lecun_normal", "lecun_uniform")},
    **{key: {"gain": 1.0} for key in ("glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "orthogonal")},
}

CALLS = {
    f"init.{name}": call(getattr(init, name), (4, 3), RNG, **options, dtype="float32")
    for name, options in DRAWN.items()
} | {
    "init.truncated_normal": call(init.truncated_normal, (4, 3), RNG, std=0.1, mean=0.0, cut=2.0, dtype="float32"),
    "init.variance_scaling": call(
        init.variance_scaling, (4, 3), RNG, scale=1.0, mode="fan_in", distribution="uniform", dtype="float32"
    ),
    "init.delta_orthogonal": call(init.delta_orthogonal, (4, 3, 3), RNG, gain=1.0, dtype="float32"),
    "init.identity": call(init.identity, (4, 3, 3), RNG, gain=1.0, groups=2, dtype="float32"),
    "init.sparse": call(init.sparse, (4, 3), RNG, connections=2, std=1.0, dtype="float32"),
    "init.bilinear": call(init.bilinear, (4, 3, 4, 4), RNG, dtype="float32"),
    "init.zeros": call(init.zeros, (4, 3), RNG, dtype="float32"),
    "init.ones": call(init.ones, (4, 3), RNG, dtype="float32"),
    "init.gain": call(init.gain, "leaky_relu", slope=0.1),
    "init.constant": call(init.constant, (4, 3), 0.0, dtype="float32"),
    "init.fans": call(init.fans, (4, 3)),
    "init.seed": call(init.seed, 0),
    "init.generator": call(init.generator),
}
