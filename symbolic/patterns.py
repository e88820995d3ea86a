"""Equations as rules: the left side, user code over pattern variables, becomes a few checks that a node must pass.

A pattern variable is an input.  A side with commutative ops stands for one pattern in each order of their arguments;
each pattern is a list of steps that fill slots: slot 0 is the node itself, and every step adds one of the arguments of
a slot filled before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from enum import Enum, auto
from typing import Any, NamedTuple

import numpy as np

from .dims import fresh
from .errors import at_site
from .expr import Expr, apply, serial
from .leaves import Constant, Input, constant
from .operators import Operators
from .types import BOOL, DType, TupleType, Type, promote

_DEPTH = 8  # movement ops that are looked through to find a scalar constant


class Const(Operators):
    """Annotation of a pattern variable: it matches scalar constants only, and conditions get its value."""


class Bool(Operators):
    """Annotation of a pattern variable: it matches bools only."""


class Vector(Operators):
    """Annotation of a pattern variable: it matches what has one axis."""


class Matrix(Operators):
    """Annotation of a pattern variable: it matches what has two axes."""


_RANKS = {Vector: 1, Matrix: 2}


class Number:
    """What stands for the op's head where an argument is a number: the most frequent ones are told apart."""

    __slots__ = ("value",)

    def __init__(self, value: int | None):
        self.value = value


NUMBER = Number(None)  # a scalar constant
NUMBERS = Number(None)  # one that is repeated, or has axes of size 1
_FREQUENT = {float(value): Number(value) for value in range(-2, 5)}


def scalar_constant(node: Expr) -> Expr | None:
    """The constant of one element that every element of the node is, where it is one."""
    for _ in range(_DEPTH):
        op = node.op
        if isinstance(op, Constant):
            return _as_scalar(node) if op.value.size == 1 else None
        if not op.is_movement:
            return None
        node = node.args[0]
    return None


def _as_scalar(node: Expr) -> Expr:
    op: Any = node.op
    return node if op.value.ndim == 0 else constant(op.value.reshape(()))


def number(node: Expr) -> Any:
    """The Python number that every element of the node is, or None."""
    found = scalar_constant(node)
    return None if found is None else found.op.value.item()  # type: ignore[attr-defined]


def compute(node: Expr) -> Expr:
    """The constant that a node over constants is, at the same line of the user's program.

    Python numbers are taken with all their digits, and stay such: where their dtype would change, the node is left as
    it is.
    """
    with np.errstate(all="ignore"), at_site(node.site):
        value = np.asarray(node.op.numpy(*[_exact(a) for a in node.args]))
        if node.type.weak:
            found = constant(value.item())
            return found if found.dtype == node.dtype else node
        return constant(value.astype(node.dtype))


def _exact(node: Expr) -> np.ndarray:
    op: Any = node.op
    return op.value if op.number is None else np.asarray(op.number)


def head(node: Expr) -> Any:
    """What a rule that wants this node as an argument looks for: the op's head, or a Number."""
    op = node.op
    if type(op) is Constant:
        if op.value.ndim == 0:
            return _FREQUENT.get(op.value.item(), NUMBER)
        return NUMBERS if op.value.size == 1 else Constant
    return NUMBERS if op.is_movement and scalar_constant(node) is not None else op.head


def variable(name: str, annotation: Any, kind: DType) -> Expr:
    """The input that stands for a rule's parameter."""
    shape = tuple(fresh() for _ in range(_RANKS.get(annotation, 0)))
    return apply(Input(serial(), Type(BOOL if annotation is Bool else kind, shape), name))


class Check(Enum):
    """What a step asks of an argument."""

    OP = auto()  # this op
    VARIABLE = auto()  # anything that a variable takes
    SAME = auto()  # the node in a slot filled before
    LITERAL = auto()  # a constant of this value


class MatchStep(NamedTuple):
    """Fill the next slot with argument `index` of the node in slot `parent`, if it is what is wanted."""

    check: Check
    parent: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a step
    wanted: Any
    kind: str = ""  # of the dtype: "f", "i" or "b"


class Variables(NamedTuple):
    """A rule's parameters: the inputs that stand for them, in order, and the annotation of each."""

    inputs: tuple[Expr, ...]
    annotations: tuple[Any, ...]

    def annotation(self, node: Expr) -> Any:
        """How a parameter is annotated."""
        return next(a for x, a in zip(self.inputs, self.annotations, strict=True) if x is node)

    def hold(self, node: Expr) -> bool:
        """Whether a node is one of the parameters."""
        return any(x is node for x in self.inputs)


class Match(NamedTuple):
    """What each variable stands for, and the dtype of what was matched."""

    nodes: dict[Expr, Expr]
    dtype: DType


class Pattern:
    """A left side with the arguments of its commutative ops in one order."""

    def __init__(self, left: Expr, tree: _Tree, variables: Variables, kind: str):
        self.op, self.kind = left.op, kind
        self.root_kind = dtype_class(left.dtype)
        self.structural = _structural(left.op)
        self.steps: list[MatchStep] = []
        self.places: dict[Expr, int] = {}
        self._variables = variables
        self._slots = 1
        self._compile(tree, 0)
        self.heads = tuple(_wanted_head(s) for s in self.steps if s.parent == 0)
        self.twice = [(s.wanted - 1, s.index) for s in self.steps if s.check is Check.SAME and s.parent == 0]

    def _compile(self, tree: _Tree, slot: int) -> None:
        children = []
        for index, child in enumerate(tree.args):
            self.steps.append(self._step(child.node, slot, index))
            self._slots += 1
            children.append((child, self._slots - 1))
        for child, place in children:
            self._compile(child, place)

    def _step(self, node: Expr, parent: int, index: int) -> MatchStep:
        if node in self.places:
            return MatchStep(Check.SAME, parent, index, self.places[node])
        if self._variables.hold(node):
            self.places[node] = self._slots
            return MatchStep(Check.VARIABLE, parent, index, self._variables.annotation(node))
        if isinstance(node.op, Constant):
            return MatchStep(Check.LITERAL, parent, index, node.op.value.item())
        return MatchStep(Check.OP, parent, index, (node.op, len(node.args)), dtype_class(node.dtype))

    def fits(self, kind: str, heads: tuple[Any, ...]) -> bool:
        """Whether a node of this sort of dtype over arguments with these heads can match."""
        return (
            kind == self.root_kind
            and len(heads) == len(self.heads)
            and all(_may_be(wanted, have) for wanted, have in zip(self.heads, heads, strict=True))
            and all(_may_be(heads[i], heads[j]) or _may_be(heads[j], heads[i]) for i, j in self.twice)
        )

    def match(self, node: Expr) -> Match | None:
        """What the variables stand for if this node is an instance of the left side; its head and theirs fit."""
        if self.structural and node.op != self.op:
            return None
        dtypes: dict[str, DType] = {self.root_kind: node.dtype}
        if dtype_class(node.dtype) != self.root_kind:
            return None
        slots = [node]
        for step in self.steps:
            found = _argument(step, slots, dtypes)
            if found is None:
                return None
            slots.append(found)
        kind = dtypes.get(self.kind)
        if kind is None:  # nothing but comparisons
            kind = promote(*(a.type for a in node.args))
            if dtype_class(kind) != self.kind:
                return None
        return Match({v: slots[place] for v, place in self.places.items()}, kind)


def _argument(step: MatchStep, slots: list[Expr], dtypes: dict[str, DType]) -> Expr | None:
    check, parent, index, wanted, kind = step
    node = slots[parent].args[index]
    if check is Check.VARIABLE:
        if wanted is Const:
            return scalar_constant(node)
        if wanted is Bool:
            return node if node.dtype == BOOL else None
        return node if _RANKS.get(wanted, node.ndim) == node.ndim else None
    if check is Check.SAME:
        return node if node is slots[wanted] else _same_constant(node, slots[wanted])
    if check is Check.LITERAL:
        return node if _is_literal(node, wanted) else None
    op, arity = wanted
    if node.op.head is not op.head or len(node.args) != arity or (_structural(op) and node.op != op):
        return None
    if isinstance(node.type, TupleType) or dtype_class(node.dtype) != kind:
        return None
    return node if dtypes.setdefault(kind, node.dtype) == node.dtype else None


def _same_constant(node: Expr, other: Expr) -> Expr | None:
    if not isinstance(other.op, Constant):
        return None
    return other if scalar_constant(node) is other else None


def _is_literal(node: Expr, wanted: float) -> bool:
    found = scalar_constant(node)
    if found is None:
        return False
    value = found.op.value  # type: ignore[attr-defined]
    return bool(value == value.dtype.type(wanted)) if value.dtype.kind == "f" else value.item() == wanted


def _structural(op: Any) -> bool:
    """Whether an op has more parameters than its head tells."""
    return op.head is type(op)


def dtype_class(kind: DType) -> str:
    """The letter of its sort: f, i or b."""
    return kind.kind.replace("u", "i")


def _may_be(wanted: Any, have: Any) -> bool:
    if wanted is None or wanted is have:
        return True
    return isinstance(have, Number) and isinstance(wanted, Number) and (wanted is NUMBER or have is NUMBERS)


def _wanted_head(step: MatchStep) -> Any:
    if step.check is Check.OP:
        return step.wanted[0].head
    if step.check is Check.LITERAL:
        return _FREQUENT.get(step.wanted, NUMBER)
    if step.check is Check.VARIABLE and step.wanted is Const:
        return NUMBER
    return None


class _Tree(NamedTuple):
    """A side with its arguments in one order."""

    node: Expr
    args: tuple[_Tree, ...]


def _orders(node: Expr, variables: Variables) -> Iterator[_Tree]:
    if variables.hold(node):
        yield _Tree(node, ())
        return
    for args in itertools.product(*(tuple(_orders(a, variables)) for a in node.args)):
        yield _Tree(node, args)
        if node.op.commutative and args[0].node is not args[1].node:
            yield _Tree(node, args[::-1])


def patterns(left: Expr, variables: Variables, kind: str) -> list[Pattern]:
    """One pattern for each order of the arguments of commutative ops, but for those that ask for the same."""
    found: dict[tuple[MatchStep, ...], Pattern] = {}
    for tree in _orders(left, variables):
        pattern = Pattern(left, tree, variables, kind)
        found.setdefault(tuple(pattern.steps), pattern)
    return list(found.values())
