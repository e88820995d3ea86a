"""Deep dream: an image is changed so that a layer answers more strongly to it, small and large scales in turn.

Mordvintsev, Olah, Tyka 2015, Inceptionism: Going Deeper into Neural Networks.

    python -m examples.inputs.deep_dream
    python -m examples.inputs.deep_dream --height 240 --steps 40
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

import weft as wf

from ..common import options, picture, plots, show
from .photographs import learnt, photographs


def strength(h: wf.Expr) -> wf.Expr:
    """How strongly a layer answers, and the more so where it does already."""
    return wf.square(h).mean()


def dream(climb: Any, image: np.ndarray, scales: int, steps: int, rate: float = 0.004) -> np.ndarray:
    """From small to large: what was dreamt at one scale is enlarged, and goes on at the next."""
    from scipy.ndimage import zoom

    dreamt = np.zeros((1, 3, 1, 1), image.dtype)
    for scale in range(scales - 1, -1, -1):
        part = zoom(image, (1, 1, *[round(n / 1.4**scale) / n for n in image.shape[2:]]), order=1)
        dreamt = zoom(dreamt, (1, 1, *[n / m for n, m in zip(part.shape[2:], dreamt.shape[2:], strict=True)]), order=1)
        for _ in range(steps):
            _, slope = climb(np.clip(part + dreamt, 0, 1))
            dreamt = dreamt + np.float32(rate) * slope / np.float32(abs(slope).mean() + 1e-12)
    return np.clip(image + dreamt, 0, 1)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train the network, dream; print how strongly the layer answers before and after, draw both."""
    more = {"height": (160, "of the image"), "scales": (4, "each 1.4 times the one before"), "steps": (12, "at each")}
    args = options(__doc__, argv, epochs=20, batch=32, rate=(0.01, "Adam's learning rate at the start"), **more)
    photo, flower = photographs(48 if args.quick else args.height)
    x, seen = learnt(args, [photo, flower])
    figures = {}
    figure, rows = plots(3, 8, 2.2)
    show(rows[0], "a photograph", photo, 1)
    for plot, layer in zip(rows[1:], (1, 2), strict=True):
        value = strength(seen[layer])
        climb = wf.function([x], [value, wf.grad(value, x)], target=args.target)
        found = dream(climb, photo, 2 if args.quick else args.scales, 2 if args.quick else args.steps)
        show(plot, f"what layer {layer + 1} dreams of it", found, 1)
        figures[f"layer {layer + 1}: times as strong"] = float(climb(found)[0] / climb(photo)[0])
    picture(args, "deep_dream", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
