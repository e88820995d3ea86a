"""Style transfer: the image itself is trained, until its features are those of one photograph, and their products,
the Gram matrices, those of another.

Gatys, Ecker, Bethge 2016, Image Style Transfer Using Convolutional Neural Networks.

    python -m examples.inputs.style_transfer
    python -m examples.inputs.style_transfer --height 200 --steps 500
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import options, picture, plots, show
from .photographs import learnt, photographs


def gram(h: wf.Expr) -> wf.Expr:
    """How much each two maps of an image are alike, wherever: their products, (maps, maps)."""
    rows = wf.reshape(h, (h.shape[1], -1))
    return rows @ rows.T / rows.shape[1]


def losses(seen: list[wf.Expr], content: wf.Expr, styles: list[wf.Expr]) -> tuple[wf.Expr, wf.Expr]:
    """How far the last layer is from `content`, and the Gram matrices of all layers from `styles`, relatively."""
    far = nn.losses.squared_error(seen[-1], content).mean() / wf.square(content).mean()
    grams = [wf.square(gram(h) - s).sum() / wf.square(s).sum() for h, s in zip(seen, styles, strict=True)]
    return far, sum(grams) / len(grams)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train the network, then the image; print how far it is from both, draw all three."""
    more = {"height": (120, "of the images"), "steps": (300, "of the image"), "style": (0.3, "its loss, in units")}
    args = options(__doc__, argv, epochs=20, batch=32, rate=(0.01, "Adam's learning rate at the start"), **more)
    photo, flower = photographs(32 if args.quick else args.height)
    x, seen = learnt(args, [photo, flower])
    content = wf.function([x], seen[-1], target=args.target)(photo)
    styles = wf.function([x], [gram(h) for h in seen], target=args.target)(flower)
    image = wf.shared(photo, name="image")
    far, other = losses(seen, wf.constant(content), [wf.constant(s) for s in styles])
    smooth = wf.square(wf.diff(x, axis=2)).mean() + wf.square(wf.diff(x, axis=3)).mean()
    slope = wf.grad(far + args.style * other + 6 * smooth, x)
    new = nn.updates.adam([slope], [image], 0.02)
    new[image] = wf.clip(new[image], 0, 1)
    step = wf.function([], [far, other], updates=new, givens={x: image}, target=args.target)
    values = [step() for _ in range(5 if args.quick else args.steps)]
    figure, rows = plots(3, 8, 2.2)
    named = {"content": photo, "style": flower, "the content in this style": image.get_value()}
    for plot, (title, shown) in zip(rows, named.items(), strict=True):
        show(plot, title, shown, 1)
    picture(args, "style_transfer", figure)
    figures = {"style loss, first": float(values[0][1]), "style loss": float(values[-1][1])}
    figures["content loss"] = float(values[-1][0])
    print(figures)
    return figures


if __name__ == "__main__":
    main()
