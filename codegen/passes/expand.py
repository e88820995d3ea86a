"""Composites and other ops that say what they are made of become simpler ops; results become nodes of their own."""

from __future__ import annotations

from ...ops.elementwise import Cast, Elementwise
from ...symbolic.errors import at_site
from ...symbolic.expr import Expr, apply, rebuilt, toposort
from ...symbolic.graph import Graph
from ...symbolic.leaves import Constant, Leaf, Shared
from ..lowering.views import is_view


def expand(graph: Graph) -> Graph:
    """Every op that has an expansion and no kernel of its own, replaced by it, down to ops that have none."""
    done: dict[Expr, Expr] = {}
    for node in graph.nodes:
        current = rebuilt(node, tuple(done[a] for a in node.args))
        done[node] = _expanded(current, done)
    return graph.with_roots([done[root] for root in graph.roots])


def _expanded(node: Expr, done: dict[Expr, Expr]) -> Expr:
    from ..cpu.kernels import has_kernel

    if has_kernel(node.op):
        return node
    with at_site(node.site):
        simpler = node.op.expand(*node.args)
    if simpler is None:
        return node
    known = dict.fromkeys(node.args)
    for inner in toposort([simpler], into=lambda n: n not in known):
        if inner not in done:
            rebuilt_inner = inner if inner in known else rebuilt(inner, tuple(done.get(a, a) for a in inner.args))
            done[inner] = rebuilt_inner if inner in known else _expanded(rebuilt_inner, done)
    return done[simpler]


def separate(graph: Graph) -> Graph:
    """Results get nodes of their own: a leaf, a view or a repeated result is copied.  Bodies get arrays in C order."""
    if any(node.op.bodies for node in graph.nodes):
        graph = _in_order(graph)
    taken: set[Expr] = set()
    roots = []
    for root in graph.roots:
        if root in taken or isinstance(root.op, (Leaf, Shared)) or is_view(root.op):
            with at_site(root.site):
                root = _copy(root, taken)
        taken.add(root)
        roots.append(root)
    return graph.with_roots(roots)


def _in_order(graph: Graph) -> Graph:
    """What loops and branches read is neither a view nor a number written into the code."""
    done: dict[Expr, Expr] = {}
    for node in graph.nodes:
        args = tuple(done[a] for a in node.args)
        if node.op.bodies:
            args = tuple(_copy(a, set()) if isinstance(a.op, Constant) or is_view(a.op) else a for a in args)
        done[node] = rebuilt(node, args)
    return graph.with_roots([done[root] for root in graph.roots])


def _copy(node: Expr, taken: set[Expr]) -> Expr:
    """A node with the same value that is none of those taken."""
    copy = apply(Elementwise(Cast(node.dtype)), node)
    while copy in taken:
        copy = apply(Elementwise(Cast(node.dtype)), copy)
    return copy
