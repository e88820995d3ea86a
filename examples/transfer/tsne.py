"""t-SNE: of digits that a network has never seen, more neighbours are alike by its features than by their pixels.

van der Maaten, Hinton 2008, Visualizing Data using t-SNE.

    python -m examples.transfer.tsne              # learns the digits 0 to 4, and shows 5 to 9
    python -m examples.transfer.tsne --data DIR   # MNIST's, or the classes of CIFAR-10
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import options, picture, plots, scatter
from ..convnet import body, head, inputs, learn
from .data import scattered


def neighbours(rows: np.ndarray, labels: np.ndarray, count: int = 20) -> float:
    """The percentage of the nearest neighbours that are of the class of an example."""
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=count).fit(rows).kneighbors(return_distance=False)
    return 100 * float(np.mean(labels[nearest] == labels[:, None]))


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print how many of the nearest neighbours are of the same class, draw both maps."""
    from sklearn.manifold import TSNE

    more = {"rate": (0.006, "Adam's learning rate at the start"), "points": (700, "drawn")}
    args = options(__doc__, argv, epochs=10, batch=32, **more)
    data = scattered(args, 1.25)
    x, t = inputs(data)
    features = body(x, 2 if args.quick else 12)
    learn(args, [x, t], head(features, 5), data.only(0, 1, 2, 3, 4))
    chosen = data.labels >= 5
    shown, labels = data.images[chosen][: args.points], data.labels[chosen][: args.points]
    figures, steps = {}, 250 if args.quick else 1000
    figure, sides = plots(2, 8, 3.5)
    extract = wf.function([x], features, target=args.target)
    both = {"pixels": shown.reshape(len(shown), -1), "features": nn.predict(extract, shown)}
    for plot, (name, rows) in zip(sides, both.items(), strict=True):
        places = TSNE(perplexity=min(30, len(rows) // 4), max_iter=steps, random_state=args.seed).fit_transform(rows)
        scatter(plot, f"{name} of 5 to 9, by t-SNE", places, labels)
        plot.set(xticks=[], yticks=[])
        figures[f"{name}: of 20 nearest neighbours of the same class, %"] = neighbours(rows, labels)
    picture(args, "tsne", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
