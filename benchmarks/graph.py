"""What a graph costs before it runs: build, grad, rewrite, fuse, for 1,000, 10,000 and 100,000 nodes.

    python -m benchmarks.graph

Two graphs: a deep chain, and a wide sum of products.  Each figure is the best of three; the budgets are for 10,000
nodes and grow in proportion.  The fusing of the whole gradient graph counts all of its nodes.
"""

import gc
import time
from collections.abc import Callable

import weft as wf
from weft.codegen import pipeline
from weft.codegen.fuse import fuse
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
    rewritten = pipeline.run(graph, 2)
    passed = time.perf_counter()
    fuse(rewritten)
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


if __name__ == "__main__":
    main()
