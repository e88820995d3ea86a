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
    "init.constant": call(init.constant, (4, 3), 0.0, dtype="float32"),
    "init.fans": call(init.fans, (4, 3)),
    "init.seed": call(init.seed, 0),
    "init.generator": call(init.generator),
}
