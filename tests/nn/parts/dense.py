"""Dense layers and convolutions with parameters."""

import numpy as np

import weft as wf

from . import Arg, functional, part

layers = wf.nn.layers


def convolved(x, w, b):
    """Kernels of 3 over (n, 2, 5): each place's window against each kernel."""
    windows = np.lib.stride_tricks.sliding_window_view(x, 3, axis=2)
    return np.einsum("ncpk,ock->nop", windows, w) + b[:, None]


X, W, B = Arg(("n", 6)), Arg((6, 4)), Arg((4,))
part(
    layers.dense,
    lambda x, w, b: x @ w + b,
    X,
    W,
    B,
    call=lambda x, w, b: layers.dense(x, 4, w, b),
    torch=lambda x, w, b: x @ w + b,
)
part(
    layers.dense,
    lambda x, w: x.reshape(len(x), 6) @ w,
    Arg(("n", 2, 3)),
    W,
    call=lambda x, w: layers.dense(x, 4, w, None),
    label="of images, no biases",
)
part(
    layers.dense,
    lambda x, w, b: x @ w + b,
    Arg(("n", 2, 6)),
    W,
    B,
    call=lambda x, w, b: layers.dense(x, 4, w, b, flatten=False),
    label="along the last axis",
)
part(
    layers.bilinear,
    lambda x, y, w, b: np.einsum("ni,kij,nj->nk", x, w, y) + b,
    X,
    Arg(("n", 3)),
    Arg((4, 6, 3)),
    B,
    call=lambda x, y, w, b: layers.bilinear(x, y, 4, w, b),
    torch=functional("bilinear"),
    special=False,  # infinities meet in another order
)
part(
    layers.bilinear,
    lambda x, y, w: np.einsum("nti,kij,tj->ntk", x, w, y),
    Arg(("n", 2, 6)),
    Arg((2, 3)),
    Arg((4, 6, 3)),
    call=lambda x, y, w: layers.bilinear(x, y, 4, w, None),
    label="no biases",
    special=False,
)
part(layers.conv1d, convolved, Arg(("n", 2, 5)), Arg((4, 2, 3)), B, call=lambda x, w, b: layers.conv1d(x, 4, 3, w, b))
part(
    layers.batch_norm,
    lambda x, s, t: (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5) * s + t,
    Arg((5, 4)),
    B,
    B,
    call=lambda x, s, t: layers.batch_norm(x, True, s, t, name="norm"),
    sizes=(5,),
)

for _op, _ones in ((layers.conv2d, (1,)), (layers.conv3d, (1, 1))):
    part(
        _op,
        lambda x, w, b, ones=_ones: convolved(x.reshape(-1, 2, 5), w.reshape(4, 2, 3), b).reshape(len(x), 4, *ones, 3),
        Arg(("n", 2, *_ones, 5)),
        Arg((4, 2, *_ones, 3)),
        B,
        call=lambda x, w, b, op=_op, ones=_ones: op(x, 4, (*ones, 3), w, b),
    )
