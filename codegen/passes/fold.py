"""Constant folding: what depends on constants alone is computed before anything is compiled."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any

from ...ops.callback import Callback
from ...symbolic.dims import SymDim
from ...symbolic.expr import Expr, Op, rebuild
from ...symbolic.graph import Graph
from ...symbolic.leaves import Constant
from ...symbolic.patterns import compute
from ...symbolic.types import TupleType

LIMIT_ELEMENTS = 100_000  # of a result, and of each argument


def fold(graph: Graph) -> Graph:
    """Nodes whose arguments are all small constants become constants, computed with their NumPy references.

    A result is never larger than its arguments together: a number that is broadcast stays a number.
    """
    done: dict[Expr, Expr] = {}
    for node in graph.nodes:
        current = rebuild(node, tuple([done[a] for a in node.args]))
        done[node] = _try_fold(current) if _foldable(current) else current
    return graph.with_roots([done[root] for root in graph.roots])


def _foldable(node: Expr) -> bool:
    arrays = [a.op.value for a in node.args if isinstance(a.op, Constant)]
    if not arrays or len(arrays) < len(node.args) or node.op.effects:
        return False
    if isinstance(node.type, TupleType) or not node.type.is_static or node.guards or _is_symbolic(node.op):
        return False
    sizes = [array.size for array in arrays]
    made = math.prod(d for d in node.shape if isinstance(d, int))
    return made <= min(sum(sizes), LIMIT_ELEMENTS) and max(sizes) <= LIMIT_ELEMENTS


def _is_symbolic(op: Op) -> bool:
    return is_dataclass(op) and any(_has_symbol(getattr(op, f.name)) for f in fields(op))


def _has_symbol(value: Any) -> bool:
    if isinstance(value, Op):
        return _is_symbolic(value)
    return isinstance(value, SymDim) or (isinstance(value, tuple) and any(map(_has_symbol, value)))


def _try_fold(node: Expr) -> Expr:
    """The node as a constant; as it is where its reference raises: then it is an error of the call, at its line."""
    try:
        return compute(node)
    except (NotImplementedError, IndexError, ValueError, ArithmeticError):
        return node
    except Exception:  # a user's function raises whatever it likes
        if isinstance(node.op, Callback):
            return node
        raise
