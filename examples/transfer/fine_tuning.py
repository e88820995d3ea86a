"""Fine-tuning: the last layer is replaced, and it alone is trained, or all of a network that has learnt other classes.

Yosinski, Clune, Bengio, Lipson 2014, How transferable are features in deep neural networks?

    python -m examples.transfer.fine_tuning              # learns the digits 0 to 4, then 5 to 9
    python -m examples.transfer.fine_tuning --data DIR   # MNIST's, or the classes of CIFAR-10
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import options, picture, plots
from ..convnet import body, curve, head, inputs, learn
from .data import few, scattered


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, save, load what was learnt into new networks, train those; print and draw how they learn."""
    more = {"rate": (0.006, "Adam's learning rate at the start"), "each": (20, "examples of each new class")}
    args = options(__doc__, argv, epochs=20, batch=16, **more)
    data, maps = scattered(args), 2 if args.quick else 12
    known, new = data.only(0, 1, 2, 3, 4), few(data.only(5, 6, 7, 8, 9), args.each)
    x, t = inputs(data)
    features = body(x, maps)
    learn(args, [x, t], head(features, 5), known)
    path = args.out / "body.npz"
    nn.save(path, nn.parameters(features))
    figures = {}
    figure, (plot,) = plots(1)
    for name in ("from scratch", "last layer alone", "last two layers", "all layers"):
        logits = network(x, maps, None if name == "from scratch" else path)
        history = learn(args, [x, t], logits, new, trained=chosen(nn.parameters(logits), name))
        figures[f"{name}: test error, %"] = history["error"][-1]
        curve(plot, history, name)
    plot.set_title(f"{args.each} examples of each new class")
    plot.legend(frameon=False)
    picture(args, "fine_tuning", figure)
    print(figures)
    return figures


def network(x: wf.Expr, maps: int, path: object = None) -> wf.Expr:
    """The logits of a new last layer upon a body that begins with what a file holds: the names are the same."""
    features = body(x, maps)
    if path is not None:
        nn.load(path, nn.parameters(features))
    return head(features, 5)


def chosen(params: dict[str, wf.Expr], name: str) -> list[wf.Expr]:
    """The parameters that are trained."""
    parts = {"last layer alone": ("head",), "last two layers": ("head", "body.dense")}.get(name, ("head", "body"))
    return [p for word, p in params.items() if word.startswith(parts)]


if __name__ == "__main__":
    main()
