"""Images of other sizes, in other order, as patches, and read at computed places."""

import itertools

import numpy as np

import weft as wf

from . import Arg, functional, part

layers = wf.nn.layers
IMAGES = Arg(("n", 2, 3, 4))


# ---- resize ----------------------------------------------------------------------------------------------------------


def cubic(d):
    """Keys' cubic with a = -0.75."""
    d = np.abs(d)
    return np.where(d <= 1, 1.25 * d**3 - 2.25 * d**2 + 1, np.where(d < 2, -0.75 * (d**3 - 5 * d**2 + 8 * d - 4), 0))


KERNELS = {"linear": lambda d: np.maximum(1 - np.abs(d), 0), "cubic": cubic}


def resized(x, sizes, mode="nearest", corners=False, steps=None):
    for axis, m in enumerate(sizes, 2):
        n = x.shape[axis]
        step = n / m if steps is None else steps[axis - 2]
        i = np.arange(m)
        if mode in ("nearest", "nearest-exact"):
            places = np.floor((i + (0.5 if mode == "nearest-exact" else 0)) * step + 1e-9).astype(int)
            x = x.take(np.minimum(places, n - 1), axis)
            continue
        at = i * ((n - 1) / max(m - 1, 1)) if corners else (i + 0.5) * step - 0.5
        weights = np.zeros((m, n))
        for p in range(-3, n + 3):
            weights[:, min(max(p, 0), n - 1)] += KERNELS[mode](at - p)
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ weights.T, -1, axis)
    return x


def _resize(given, mode, corners, out, label, arg=IMAGES, steps=None, **theirs):
    options = {"align_corners": corners} if corners else {}
    words = {1: "linear", 2: "bilinear", 3: "trilinear"}
    part(
        layers.resize,
        lambda x: resized(x, out, mode, corners, steps),
        arg,
        call=lambda x: layers.resize(x, **given, mode=mode, align_corners=corners),
        torch=lambda x: functional("interpolate")(
            x, **theirs, mode={"linear": words[x.ndim - 2], "cubic": "bicubic"}.get(mode, mode), **options
        ),
        label=label,
        eps=32,
    )


_resize({"scale": 2}, "nearest", False, (6, 8), "", scale_factor=2)
_resize({"size": (5, 3)}, "nearest", False, (5, 3), "nearest", size=(5, 3))
_resize({"scale": 0.5}, "nearest", False, (1, 2), "by half", steps=(2, 2), scale_factor=0.5)
_resize({"size": (1, 2)}, "nearest-exact", False, (1, 2), "nearest-exact of half", size=(1, 2))
_resize({"size": (2, 7)}, "nearest-exact", False, (2, 7), "nearest-exact", size=(2, 7))
_resize({"size": (5, 3)}, "linear", False, (5, 3), "linear", size=(5, 3))
_resize({"size": (2, 5)}, "linear", True, (2, 5), "corners", size=(2, 5))
_resize({"size": (5, 6)}, "cubic", False, (5, 6), "cubic", size=(5, 6))
_resize({"scale": 1.5}, "linear", False, (4, 6), "scale", steps=(2 / 3, 2 / 3), scale_factor=1.5)
_resize({"size": 3}, "linear", False, (3,), "line", Arg(("n", 2, 5)), size=3)
_resize({"size": (3, 1, 4)}, "linear", True, (3, 1, 4), "volume", Arg(("n", 1, 2, 3, 2)), size=(3, 1, 4))
part(
    layers.resize,
    lambda x: resized(x, (2 * x.shape[2], x.shape[3] // 2), "linear"),
    Arg((2, 1, "n", 4)),
    call=lambda x: layers.resize(x, scale=(2, 0.5), mode="bilinear"),
    label="a size that is a symbol",
    sizes=(1, 7),
)


# ---- shuffles --------------------------------------------------------------------------------------------------------


def shuffled(x, f=2):
    out = np.zeros((len(x), x.shape[1] // f**2, x.shape[2] * f, x.shape[3] * f))
    for k, l in itertools.product(range(f), range(f)):
        out[:, :, k::f, l::f] = x[:, k * f + l :: f * f]
    return out


part(
    layers.pixel_shuffle,
    shuffled,
    Arg(("n", 8, 2, 3)),
    call=lambda x: layers.pixel_shuffle(x, 2),
    torch=lambda x: functional("pixel_shuffle")(x, 2),
)
part(
    layers.pixel_unshuffle,
    lambda x: np.stack([x[:, :, k::2, l::2] for k in (0, 1) for l in (0, 1)], 2).reshape(len(x), 8, 2, 3),
    Arg(("n", 2, 4, 6)),
    call=lambda x: layers.pixel_unshuffle(x, 2),
    torch=lambda x: functional("pixel_unshuffle")(x, 2),
)
part(
    layers.channel_shuffle,
    lambda x: x[:, [0, 2, 4, 1, 3, 5]],
    Arg(("n", 6, 2)),
    call=lambda x: layers.channel_shuffle(x, 3),
)


# ---- patches ---------------------------------------------------------------------------------------------------------

WINDOWS = {"stride": (1, 2), "padding": (1, 0), "dilation": (2, 1)}


def columns(x):
    """Windows of 2 by 2, of rows 2 apart, with a row of zeros above and below."""
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)))
    rows = [x[:, :, k : k + x.shape[2] - 2, l::2][..., : x.shape[3] // 2] for k in (0, 2) for l in (0, 1)]
    return np.stack(rows, 2).reshape(len(x), 8, 6)


def folded(y):
    """The transpose of `columns`, of images of 2 channels, 3 rows and 4 columns."""
    matrix = columns(np.eye(24).reshape(24, 2, 3, 4)).reshape(24, -1)
    return (y.reshape(len(y), 48) @ matrix.T).reshape(len(y), 2, 3, 4)


part(
    layers.patches,
    columns,
    IMAGES,
    call=lambda x: layers.patches(x, 2, **WINDOWS),
    torch=lambda x: functional("unfold")(x, 2, **WINDOWS),
)
part(
    layers.fold,
    folded,
    Arg(("n", 8, 6)),
    call=lambda x: layers.fold(x, (3, 4), 2, **WINDOWS),
    torch=lambda x: functional("fold")(x, (3, 4), 2, **WINDOWS),
    special=False,  # the reference is a product with a matrix: 0 times infinity
)


# ---- grids -----------------------------------------------------------------------------------------------------------


def sampled(x, grid, mode, padding, corners):
    rank = x.ndim - 2
    kernel = KERNELS.get(mode)
    out = np.zeros((len(x), *grid.shape[1:-1], x.shape[1]))
    reads = [[] for _ in range(rank)]
    for k, n in enumerate(x.shape[2:]):
        at = grid[..., rank - 1 - k]
        at = (at + 1) / 2 * (n - 1) if corners else ((at + 1) * n - 1) / 2
        for offset in (0,) if kernel is None else range(-1, 3):
            p = np.round(at) if kernel is None else np.floor(at) + offset
            weight = np.ones_like(at) if kernel is None else kernel(at - p)
            p = p.astype(int)
            if padding == "zeros":
                weight = np.where((p < 0) | (p >= n), 0, weight)
            elif padding == "reflection":
                period = max(2 * n - 2, 1) if corners else 2 * n
                p = np.minimum(p % period, (period if corners else period - 1) - p % period)
            reads[k].append((np.clip(p, 0, n - 1), weight))
    batch = np.arange(len(x)).reshape(-1, *[1] * rank)
    for taps in itertools.product(*reads):
        places, weights = zip(*taps, strict=True)
        out += x[(batch, slice(None), *places)] * np.prod(weights, 0)[..., None]
    return np.moveaxis(out, -1, 1)


CHOICES = [
    ("linear", "zeros", False),
    ("linear", "border", True),
    ("linear", "reflection", False),
    ("nearest", "zeros", True),
    ("cubic", "reflection", True),
]
for _mode, _padding, _corners in CHOICES:
    _theirs = {"linear": "bilinear", "cubic": "bicubic"}.get(_mode, _mode)
    part(
        layers.grid_sample,
        lambda x, g, m=_mode, p=_padding, a=_corners: sampled(x, g, m, p, a),
        IMAGES,
        Arg(("n", 2, 2, 2), -1.9, 1.9),
        call=lambda x, g, m=_mode, p=_padding, a=_corners: layers.grid_sample(
            x, g, mode=m, padding_mode=p, align_corners=a
        ),
        torch=lambda x, g, m=_theirs, p=_padding, a=_corners: functional("grid_sample")(
            x, g, mode=m, padding_mode=p, align_corners=a
        ),
        label=f"{_mode} {_padding}",
        eps=64,
        special=False,  # places that are infinite
    )
part(
    layers.grid_sample,
    lambda x, g: sampled(x, g, "linear", "zeros", False),
    Arg(("n", 1, 2, 2, 3)),
    Arg(("n", 1, 2, 2, 3), -1.2, 1.2),
    torch=lambda x, g: functional("grid_sample")(x, g, align_corners=False),
    label="volume",
    eps=64,
    special=False,
)


def affine(theta, corners):
    line = lambda n: np.linspace(-1, 1, n) if corners else (2 * np.arange(n) + 1) / n - 1  # noqa: E731
    rows, cols = np.meshgrid(line(2), line(3), indexing="ij")
    return np.einsum("nab,bij->nija", theta, np.stack([cols, rows, np.ones_like(rows)]))


for _corners in (False, True):
    part(
        layers.affine_grid,
        lambda t, a=_corners: affine(t, a),
        Arg(("n", 2, 3)),
        call=lambda t, a=_corners: layers.affine_grid(t, (2, 3), align_corners=a),
        torch=lambda t, a=_corners: functional("affine_grid")(t, (len(t), 1, 2, 3), align_corners=a),
        label="corners" if _corners else "",
        special=False,  # the reference is a product with a matrix
    )
