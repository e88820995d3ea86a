"""Pooling makes (N - F) / S + 1 numbers of N: windows side by side (F=2, S=2), or overlapping (F=3, S=2).

    python -m examples.shapes.pooling                 # a photograph that scikit-learn has
    python -m examples.shapes.pooling --data DIR      # an image of CIFAR-10

LeCun et al. 1998 take windows side by side; Krizhevsky, Sutskever, Hinton 2012, section 3.4, overlapping ones.
"""

from collections.abc import Sequence

import numpy as np

import weft as wf

from ..common import options, picture, plots, show
from .convolution_shapes import photograph

SMALL = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], np.float32)


def network(x: wf.Expr) -> dict[str, wf.Expr]:
    """What becomes of images by each kind of pooling."""
    return {
        "max, F=2, S=2": wf.max_pool2d(x, 2),
        "max, F=3, S=2": wf.max_pool2d(x, 3, 2),
        "average, F=2, S=2": wf.avg_pool2d(x, 2),
        "average, F=3, S=2": wf.avg_pool2d(x, 3, 2),
    }


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Pool sixteen numbers and a photograph, draw which pixels were the largest: those that the gradient reaches."""
    args = options(__doc__, argv, epochs=0)
    small = wf.function([], wf.max_pool2d(wf.constant(SMALL[None, None]), 2), target=args.target)()[0, 0]
    print(SMALL, "-> max, F=2, S=2 ->", small, sep="\n")
    for n, f in ((32, 2), (32, 3), (55, 3), (27, 3)):
        pooled_size = wf.max_pool2d(wf.tensor4(None, (1, 1, n, n)), f, 2).shape[2:]
        print(f"N {n}, F {f}, S 2: ({n} - {f}) // 2 + 1 = {(n - f) // 2 + 1}, and weft {pooled_size}")
    image = photograph(args, 52)
    x = wf.tensor4("x", ("batch", *image.shape))
    pooled = network(x)
    reached = {f"to {name}": wf.grad(y.sum(), x) for name, y in pooled.items()}
    found = wf.function([x], pooled | reached, target=args.target)(image[None])
    figures = {f"{name}: size": found[name].shape[-1] for name in pooled} | {"largest of sixteen": float(small.max())}
    print(figures)
    figure, rows = plots(5, 9, 4, rows=2)
    show(rows[0, 0], "image", image[None], 1)
    rows[1, 0].axis("off")
    rows[1, 0].text(0.5, 0.5, "and where\ntheir gradient\ngoes", ha="center", va="center")
    for (above, below), name in zip(rows.T[1:], pooled, strict=True):
        show(above, f"{name}\n{found[name].shape[2]} x {found[name].shape[3]}", found[name], 1)
        below.imshow(found[f"to {name}"][0].mean(0), cmap="magma", vmin=0)
        below.axis("off")
        above.title.set_fontsize(9)
    picture(args, "pooling", figure)
    return figures


if __name__ == "__main__":
    main()
