"""How a variable was made: `v.owner`, with the op that Theano has for it and the variables it was applied to.

What the layer's functions make is noted as it is made: the op and the arguments.  What weft makes by itself, in a
derivative or in a compiled function, is told from weft's op.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...symbolic.expr import Expr
from ...symbolic.leaves import Item, Size, items
from .convert import as_variable
from .facts import facts_of
from .notes import is_leaf
from .op import Apply, Op
from .variables import Variable, variable_of

# weft's class of op: what makes Theano's op of a node; files add what they have
EQUIVALENTS: dict[type, Callable[[Expr], Op]] = {}


class NodeOp(Op):
    """What a node does that Theano has no op for: `.op` is weft's op."""

    __props__ = ("op",)

    def __init__(self, op: Any) -> None:
        self.op, self.name = op, op.name

    def __repr__(self) -> str:
        return str(self.name)


class Work(Op):
    """An op of Theano's whose work a function of the layer does."""

    __props__: tuple[str, ...] | None = ()
    name: str | None = None

    def __repr__(self) -> str:
        return self.name or super().__repr__()

    def make_node(self, *inputs: Any) -> Apply:
        """The application to these inputs."""
        return self(*inputs).owner  # type: ignore[no-any-return]


class ShapeOp(Work):
    """T.shape."""

    def __call__(self, x: Any) -> Any:
        return x.shape

    def __repr__(self) -> str:
        return "Shape"


def owner_of(variable: Variable) -> Apply | None:
    """The application that makes a variable; None for inputs, constants and shared variables."""
    if is_leaf(variable.expr) or isinstance(variable.expr.op, Size):
        return None
    facts = variable.facts
    if facts.owner is None and getattr(variable, "of", None) is not None:  # x.shape, of x
        facts.owner = Apply(ShapeOp(), [variable.of], [variable])
    if facts.owner is None:
        facts.owner = _noted_owner(variable) if facts.made is not None else _owner_of_node(variable)
    return facts.owner  # type: ignore[no-any-return]


def _noted_owner(variable: Any) -> Apply:
    describe, args, options = variable.facts.made
    op, inputs = describe(*args, **options)
    outputs = [variable]
    return Apply(op, [as_variable(x) for x in inputs], outputs)


def _owner_of_node(variable: Any) -> Apply:
    """What weft's node says: its arguments' variables, and Theano's op for its op."""
    node = variable.expr
    if not isinstance(node.op, Item):
        return Apply(op_of(node), [variable_of(a) for a in node.args], [variable])
    whole = facts_of(node.args[0])  # one application for all outputs
    if whole.owner is None:
        outputs = [variable if n is node else variable_of(n) for n in items(node.args[0])]
        whole.owner = Apply(op_of(node.args[0]), [variable_of(a) for a in node.args[0].args], outputs)
    return whole.owner  # type: ignore[no-any-return]


def op_of(node: Expr) -> Op:
    """Theano's op for what a node does."""
    own = getattr(getattr(node.op, "function", None), "theano_op", None)
    if own is not None:
        return own  # type: ignore[no-any-return]
    known = EQUIVALENTS.get(type(node.op))
    return NodeOp(node.op) if known is None else known(node)
