"""What a graph costs before it runs: build, grad, rewrite, fuse, for 1,000, 10,000 and 100,000 nodes.

    python -m benchmarks.graph

Two graphs: a deep chain, and a wide sum of products.  Each figure is the best of three; the budgets are for 10,000
nodes and grow in proportion.  The fusing of the whole gradient graph counts all of its nodes.

Then two that use sizes, written once with numbers and once with symbols for them: nodes of all kinds over a few sizes,
and slices, each of which has a size of its own.
"""

import gc
import time
from collections.abc import Callable, Sequence

import weft as wf
from weft.codegen.cpu import CPU
from weft.codegen.lowering.fuse import fuse
from weft.codegen.passes import pipeline
from weft.symbolic.expr import Expr, toposort
from weft.symbolic.graph import Graph

from .table import machine, show

BUDGET = {"build": 0.10, "grad": 0.15, "rewrite": 0.40, "fuse and schedule": 0.20}  # seconds for 10,000 nodes


def chain(x: Expr, nodes: int) -> Expr:
    """sin(x) + 1, again and again."""
    for _ in range(nodes // 2):
        x = wf.sin(x) + 1.0
    return x.sum()


def wide(x: Expr, nodes: int) -> Expr:
    """A sum of terms that do not depend on each other."""
    total = x
    for k in range(nodes // 3):
        total = total + wf.tanh(x * float(k))
    return total.sum()


def mixed(x: Expr, image: Expr, nodes: int) -> list[Expr]:
    """Products, slices, joins, reshapes, windows and reductions of x (n, d) and image (b, c, h, w)."""
    w, k = wf.ones((x.shape[1], 20)), wf.ones((4, 3, 3, 3))
    found = []
    for i in range(nodes // 39):  # so many nodes each
        h = wf.tanh((x * float(i)) @ w)
        rows = wf.concatenate([h[1:], h[::2]])
        p = wf.max_pool2d(wf.relu(wf.conv2d(image * float(i), k, padding="half")), 2)
        flat = p.reshape((p.shape[0], p.shape[1] * p.shape[2] * p.shape[3]))
        normal = (h - h.mean(0)) / (h.std(0) + 1.0) + h.sum(1, keepdims=True)
        found.append(rows.sum() + flat.sum() + normal.sum() + h[:, :7].sum() + (h[1:] - h[:-1]).sum())
    return found


def cuts(x: Expr, image: Expr, nodes: int) -> list[Expr]:
    """x[1:] + 1, again and again."""
    for _ in range(nodes // 2):
        x = x[1:] + 1.0
    return [x]


def written(make: Callable[[Expr, Expr, int], list[Expr]], shapes: Sequence[Sequence[int | None]]) -> tuple[float, int]:
    """(seconds to write 10,000 nodes over inputs of these shapes, how many there were)."""
    x, image = (wf.tensor(None, shape) for shape in shapes)
    gc.collect()
    begun = time.perf_counter()
    found = make(x, image, 10_000)
    taken, nodes = time.perf_counter() - begun, len(toposort(found))
    return taken / nodes * 1e4, nodes


def compare(make: Callable[[Expr, Expr, int], list[Expr]]) -> list[object]:
    """A row of the second table: the best of five, in turns; new symbols each time, of which nothing is remembered."""
    numbers, symbols = [(6000, 30), (8, 3, 28, 28)], [(None, None), (None, 3, None, None)]
    runs = [(written(make, numbers), written(make, symbols)) for _ in range(5)]
    fixed, symbolic = (min(run[i][0] for run in runs) for i in range(2))
    return [make.__name__, f"{runs[0][1][1]:,}", fixed, symbolic, symbolic / fixed]


def measure(make: Callable[[Expr, int], Expr], nodes: int) -> dict[str, float]:
    """Seconds for each stage, per 10,000 nodes of the graph that the stage works on."""
    x = wf.vector("x", ("n",))
    begun = time.perf_counter()
    loss = make(x, nodes)
    built = time.perf_counter()
    gradient = wf.grad(loss, x)
    differentiated = time.perf_counter()
    graph = Graph((x,), (loss, gradient))
    size = len(graph.nodes)
    started = time.perf_counter()
    rewritten = pipeline.run(graph, 2, CPU)
    passed = time.perf_counter()
    fuse(rewritten, CPU)
    fused = time.perf_counter()
    forward = len(toposort([loss]))
    return {
        "build": (built - begun) / forward * 1e4,
        "grad": (differentiated - built) / forward * 1e4,
        "rewrite": (passed - started) / size * 1e4,
        "fuse and schedule": (fused - passed) / len(rewritten.nodes) * 1e4,
    }


def main() -> None:
    """Print the table."""
    print(machine())
    rows = []
    for make in (chain, wide):
        for nodes in (1_000, 10_000, 100_000):
            runs = []
            for _ in range(3 if nodes < 100_000 else 1):
                gc.collect()
                runs.append(measure(make, nodes))
            rows.append([make.__name__, f"{nodes:,}", *(min(r[k] for r in runs) for k in BUDGET)])
    rows.append(["budget", "", *BUDGET.values()])
    show("seconds per 10,000 nodes", ["graph", "nodes", *BUDGET], rows)
    header = ["graph", "nodes", "fixed sizes", "symbolic sizes", "symbolic / fixed"]
    show("seconds to write 10,000 nodes; the budget of the ratio is 2", header, [compare(mixed), compare(cuts)])


if __name__ == "__main__":
    main()
