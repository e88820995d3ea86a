"""Results become nodes of their own, and what bodies read arrays of their own: each gets memory that is whole."""

from __future__ import annotations

from ...ops.elementwise import Cast, Elementwise
from ...symbolic.errors import at_site
from ...symbolic.expr import Expr, Leaf, apply, rebuild
from ...symbolic.graph import Graph
from ...symbolic.leaves import Constant
from ..lowering.views import is_view


def copy_outputs(graph: Graph) -> Graph:
    """Results get nodes of their own: a leaf, a view or a repeated result is copied.  Bodies get arrays in C order."""
    if any(node.op.bodies for node in graph.nodes):
        graph = _in_order(graph)
    taken: set[Expr] = set()
    roots = []
    for root in graph.roots:
        if root in taken or isinstance(root.op, Leaf) or is_view(root.op):
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
        done[node] = rebuild(node, args)
    return graph.with_roots([done[root] for root in graph.roots])


def _copy(node: Expr, taken: set[Expr]) -> Expr:
    """A node with the same value that is none of those taken."""
    copy = apply(Elementwise(Cast(node.dtype)), node)
    while copy in taken:
        copy = apply(Elementwise(Cast(node.dtype)), copy)
    return copy
