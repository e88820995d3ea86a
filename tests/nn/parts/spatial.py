"""Convolutions of other kinds: padded by elements of x, transposed, depthwise, separable, locally connected."""

import itertools

import numpy as np

import weft as wf

from . import Arg, functional, part

layers = wf.nn.layers


def convolved(x, w, stride=1):
    """Every window of x (n, c, ...) against kernels of all channels."""
    rank = x.ndim - 2
    axes = tuple(range(2, x.ndim))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axes)
    strided = windows[(slice(None), slice(None), *[slice(None, None, stride)] * rank)]
    return np.moveaxis(np.tensordot(strided, w, ((1, *range(-rank, 0)), tuple(range(1, w.ndim)))), -1, 1)


def along_space(b, rank):
    return b.reshape(-1, *[1] * rank)


MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
LINES, KERNELS, BIAS = Arg(("n", 2, 5)), Arg((3, 2, 3)), Arg((3,))

for _mode, _numpys in MODES.items():
    part(
        layers.conv1d,
        lambda x, w, b, m=_numpys: convolved(np.pad(x, ((0, 0), (0, 0), (2, 2)), m), w, 2) + b[:, None],
        LINES,
        KERNELS,
        BIAS,
        call=lambda x, w, b, m=_mode: layers.conv1d(x, 3, 3, w, b, stride=2, padding=2, padding_mode=m),
        torch=lambda x, w, b, m=_mode: functional("conv1d")(functional("pad")(x, (2, 2), mode=m), w, b, stride=2),
        label=_mode,
        sizes=(1, 7),  # NumPy knows no edges of nothing
    )
part(
    layers.conv2d,
    lambda x, w: convolved(np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 1)), "symmetric"), w),
    Arg(("n", 2, 3, 4)),
    Arg((2, 2, 3, 2)),
    call=lambda x, w: layers.conv2d(x, 2, (3, 2), w, None, padding="same", padding_mode="symmetric"),
    label="symmetric",
    sizes=(1, 7),
)


def spread(x, w, stride, cut, more):
    """Every element of x (n, c, length) added to the result, times kernels w (c, out, size)."""
    size = (x.shape[2] - 1) * stride + w.shape[2]
    out = np.zeros((len(x), w.shape[1], size + more))
    for i, k in itertools.product(range(x.shape[2]), range(w.shape[2])):
        out[:, :, i * stride + k] += x[:, :, i] @ w[:, :, k]
    return out[:, :, cut : size - cut + more]


for _rank, _op in enumerate((layers.conv1d_transpose, layers.conv2d_transpose, layers.conv3d_transpose)):
    _ones = (1,) * _rank
    part(
        _op,
        lambda x, w, b, ones=_ones: (spread(x.reshape(-1, 2, 4), w.reshape(2, 3, 3), 2, 1, 1) + b[:, None]).reshape(
            len(x), 3, *ones, 8
        ),
        Arg(("n", 2, *_ones, 4)),
        Arg((2, 3, *_ones, 3)),
        BIAS,
        call=lambda x, w, b, op=_op, z=(0,) * _rank, ones=_ones: op(
            x, 3, (*ones, 3), w, b, stride=(*ones, 2), padding=(*z, 1), output_padding=(*z, 1)
        ),
        torch=lambda x, w, b, r=_rank, z=(0,) * _rank, ones=_ones: functional(f"conv_transpose{r + 1}d")(
            x, w, b, stride=(*ones, 2), padding=(*z, 1), output_padding=(*z, 1)
        ),
    )


def apart(x, w):
    """Every channel against kernels of its own."""
    each = len(w) // x.shape[1]
    parts = [convolved(x[:, c : c + 1], w[c * each : (c + 1) * each]) for c in range(x.shape[1])]
    return np.concatenate(parts, 1)


for _rank, _word in ((1, "1d"), (2, "2d")):
    _sizes, _kernel = ((4,), (3,)) if _rank == 1 else ((3, 4), (2, 3))
    _op = getattr(layers, f"depthwise_conv{_word}")
    part(
        _op,
        lambda x, w, b, r=_rank: apart(x, w) + along_space(b, r),
        Arg(("n", 2, *_sizes)),
        Arg((4, 1, *_kernel)),
        Arg((4,)),
        call=lambda x, w, b, op=_op, k=_kernel: op(x, k, 2, w, b),
        torch=lambda x, w, b, word=_word: functional(f"conv{word}")(x, w, b, groups=2),
    )
    _op = getattr(layers, f"separable_conv{_word}")
    part(
        _op,
        lambda x, d, w, b, r=_rank: convolved(apart(x, d), w) + along_space(b, r),
        Arg(("n", 2, *_sizes)),
        Arg((4, 1, *_kernel)),
        Arg((3, 4, *[1] * _rank)),
        BIAS,
        call=lambda x, d, w, b, op=_op, k=_kernel: op(x, 3, k, 2, d, w, b),
        torch=lambda x, d, w, b, word=_word: functional(f"conv{word}")(functional(f"conv{word}")(x, d, groups=2), w, b),
        eps=32,
    )
    _op = getattr(layers, f"locally_connected{_word}")
    _places = (3,) if _rank == 1 else (3, 2)

    def each_place(x, w, b, places=_places):
        """A convolution of each window with the kernels of its place."""
        kernel, rank = w.shape[len(places) + 2 :], len(places)
        x = np.pad(x, ((0, 0), (0, 0), *[(0, 1)] * rank)) if rank == 2 else x
        out = np.zeros((len(x), w.shape[rank], *places))
        for at in np.ndindex(*places):
            steps = (1, 2)[2 - rank :]
            box = tuple(slice(a * s, a * s + k) for a, s, k in zip(at, steps, kernel, strict=True))
            out[(slice(None), slice(None), *at)] = np.tensordot(
                x[(slice(None), slice(None), *box)],
                w[at],
                (
                    tuple(range(1, rank + 2)),
                    tuple(range(1, rank + 2)),
                ),
            )
        return out + b

    part(
        _op,
        each_place,
        Arg(("n", 2, *((7,) if _rank == 1 else _sizes))),
        Arg((*_places, 3, 2, *_kernel)),
        Arg((3, *_places)),
        call=(lambda x, w, b, op=_op: op(x, 3, 3, w, b, stride=2))
        if _rank == 1
        else lambda x, w, b, op=_op: op(x, 3, (2, 3), w, b, stride=(1, 2), padding=((0, 1), (0, 1))),
    )
