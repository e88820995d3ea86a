"""Derivatives that a model asks for itself."""

from __future__ import annotations

from ....ops import reduce
from ....symbolic.expr import Expr
from ....symbolic.grad import grad
from ....symbolic.substitution import substitute
from .node import ModelNode
from .registry import TRAINING, operator


@operator("Gradient", domain=TRAINING)
def read_gradient(node: ModelNode, *operands: Expr) -> tuple[Expr, ...]:
    """The derivatives of the value `y` of this graph to its values `xs`, where these, and `zs`, are the operands."""
    names = (*node["xs"], *(node["zs"] or ()))
    where = {node.find(name): operand for name, operand in zip(names, operands, strict=True)}
    y = node.find(node["y"])
    found = grad(y if not y.ndim else reduce.sum(y), [node.find(name) for name in node["xs"]], disconnected="zero")
    return tuple(substitute(found, {old: new for old, new in where.items() if old is not new}))
