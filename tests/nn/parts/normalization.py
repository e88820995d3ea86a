"""Normalisations with parameters, and weights made of others."""

import functools

import numpy as np

import weft as wf

from . import Arg, functional, part

layers = wf.nn.layers
X, IMAGES, B = Arg(("n", 4)), Arg(("n", 4, 2, 3)), Arg((4,))
LARGE = Arg(("n", 4, 2, 3), 3, 6)


def over(axes, x, s=1.0, t=0.0):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5) * s + t


def in_groups(x, s, t, groups):
    apart = x.reshape(len(x), groups, 4 // groups, 2, 3)
    return over((2, 3, 4), apart).reshape(x.shape) * s[:, None, None] + t[:, None, None]


part(
    layers.layer_norm,
    lambda x, s, t: over(-1, x, s, t),
    X,
    B,
    B,
    call=lambda x, s, t: layers.layer_norm(x, s, t),
    torch=lambda x, *parameters: functional("layer_norm")(x, (4,), *parameters),
)
part(
    layers.layer_norm,
    lambda x, s: over((1, 2, 3), x, s),
    LARGE,
    Arg((4, 2, 3)),
    call=lambda x, s: layers.layer_norm(x, s, None, axes=(1, 2, 3)),
    label="over images",
    torch=lambda x, s: functional("layer_norm")(x, (4, 2, 3), s),
)
part(
    layers.rms_norm,
    lambda x, s: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * s,
    X,
    B,
    call=lambda x, s: layers.rms_norm(x, s),
    torch=lambda x, s: functional("rms_norm", eps=1e-6)(x, (4,), s),
)
for _groups in (1, 2):
    part(
        layers.group_norm,
        functools.partial(in_groups, groups=_groups),
        IMAGES,
        B,
        B,
        call=lambda x, s, t, groups=_groups: layers.group_norm(x, groups, s, t),
        label=f"{_groups}",
        torch=lambda x, *parameters, groups=_groups: functional("group_norm")(x, groups, *parameters),
    )
part(
    layers.group_norm,
    lambda x: np.moveaxis(in_groups(np.moveaxis(x, -1, 1), np.ones(4), np.zeros(4), 2), 1, -1),
    Arg(("n", 2, 3, 4)),
    call=lambda x: layers.group_norm(x, 2, None, None, axis=-1),
    label="channels last",
)
part(
    layers.instance_norm,
    lambda x, s, t: over((2, 3), x, s[:, None, None], t[:, None, None]),
    IMAGES,
    B,
    B,
    call=lambda x, s, t: layers.instance_norm(x, s, t),
    torch=lambda x, *parameters: functional("instance_norm")(x, None, None, *parameters),
)
part(
    layers.batch_norm,
    lambda x: over((0, 2, 3), x),
    Arg((3, 4, 2, 3)),
    call=lambda x: layers.batch_norm(x, True, None, None, name="norm"),
    label="no parameters",
    sizes=(3,),
    torch=functional("batch_norm", running_mean=None, running_var=None, training=True),
)
part(
    layers.weight_norm,
    lambda v, g: g * v / np.sqrt((v * v).sum(0)),
    Arg((3, 4)),
    B,
    call=lambda v, g: layers.weight_norm(v, g),
    torch=lambda v, g: functional("normalize", dim=0)(v) * g,
)
part(
    layers.weight_norm,
    lambda v, g: g[:, None, None] * v / np.sqrt((v * v).sum((1, 2), keepdims=True)),
    Arg((4, 2, 3)),
    B,
    call=lambda v, g: layers.weight_norm(v, g, 0),
    label="of kernels",
)


U = np.array([0.6, 0.0, -0.8])


def spectral(w, iterations):
    """Power iteration from U, of a matrix of 3 rows."""
    u, matrix = U, w.reshape(3, -1)
    for _ in range(iterations):
        u = matrix @ (u @ matrix)
        u = u / np.linalg.norm(u)
    return w / np.linalg.norm(u @ matrix)


for _shape in ((3, 4), (3, 2, 2)):
    part(
        layers.spectral_norm,
        lambda w: spectral(w, 2),
        Arg(_shape),
        call=lambda w: layers.spectral_norm(w, 2, u=wf.shared(U, "u")),
        label=f"{len(_shape)} axes",
        differentiable=False,  # what iterates counts as constant: tests/nn/test_normalization.py
    )


for _p, _axis in ((2.0, -1), (1.0, 1), (3.0, 1)):
    part(
        layers.unit_norm,
        lambda x, p=_p, axis=_axis: x / (np.abs(x) ** p).sum(axis, keepdims=True) ** (1 / p),
        Arg(("n", 4, 3), 0.3, 2),
        call=lambda x, p=_p, axis=_axis: layers.unit_norm(x, axis, p=p),
        torch=functional("normalize", p=_p, dim=_axis),
        special=False,
        label=f"of order {_p:g}",
    )
