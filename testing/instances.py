"""Instances of rules: typed arguments in several shapes, at which a rule fires."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..ops import scalar
from ..ops.elementwise import cast
from ..ops.reduce import max as max_over
from ..ops.reduce import sum as sum_over
from ..symbolic.errors import VerifyError, blame
from ..symbolic.expr import Expr, toposort
from ..symbolic.graph import Graph
from ..symbolic.leaves import Input, constant
from ..symbolic.patterns import Bool, Const, Match, Matrix, Vector
from ..symbolic.rewrite import Rewrite, Rule, RuleSet, rewrite
from ..symbolic.rules import Template
from ..symbolic.variables import tensor

SHAPES: list[list[Any]] = [[()], [(2, 3)], [(2, 1), (3,), (2, 3)], [(2, 3), (), ()], [("n", 3), (1, 3)], [(48,)]]
DTYPES = {"f": ["float32", "float64"], "i": ["int32", "int64", "uint8"], "b": ["bool"]}
# and those that a rule's condition names
CONSTANTS: dict[str, list[Any]] = {
    "f": [2.0, 0.3, -1.5, 4.0, 1.0, 3.0, 2.5],
    "i": [2, 3, 5],
    "b": [True, False],
}


def _row_total(x: Expr) -> Expr:
    axes = (x.ndim - 1,) if x.ndim else ()
    return sum_over(scalar.exp(x - max_over(x, axes, keepdims=True)), axes, keepdims=True)


def _indicator(x: Expr) -> Expr:
    return cast(scalar.gt(x, 0), x.dtype)


# what conditions on nodes may ask for
FORMS: list[Callable[[Expr], Expr]] = [lambda x: x, scalar.square, _row_total, _indicator]


class Instance(NamedTuple):
    """An expression at which a rule fires, and what it becomes."""

    left: Expr
    right: Expr

    @property
    def inputs(self) -> list[Expr]:
        """The inputs of both sides."""
        return [n for n in toposort([self.left, self.right]) if isinstance(n.op, Input)]


def apply_rule(rule: Any, left: Expr) -> Instance | None:
    """The rule applied at an expression: only at its root, if it is one of the equations."""
    record: list[Any] = []
    inputs = tuple(n for n in toposort([left]) if isinstance(n.op, Input))
    right = rewrite(Graph(inputs, (left,)), RuleSet("one rule", [rule]), record).outputs[0]
    return Instance(left, right) if record else None


def instances(rule: Any) -> tuple[Instance, ...]:
    """Instances of a rule: one of an equation for each dtype and shape, a function's for its examples."""
    if isinstance(rule, Rewrite):
        return tuple(_examples(rule))
    kind = rule.dtype.kind.replace("u", "i")
    every = (
        next(_instances(rule, np.dtype(dtype), shapes, CONSTANTS[kind]), None)
        for dtype, shapes in itertools.product(DTYPES[kind], SHAPES)
    )
    return tuple(instance for instance in every if instance is not None)


def extreme_instances(rule: Any) -> Iterator[Instance]:
    """Instances of an equation over scalars, one for all constants at the ends of the range and between."""
    if isinstance(rule, Rewrite) or Const not in rule.variables.annotations:
        return
    kind = rule.dtype.kind.replace("u", "i")
    for dtype in DTYPES[kind]:
        limits: Any = np.finfo(dtype) if kind == "f" else np.iinfo(dtype if kind == "i" else "uint8")
        extremes = [limits.min, limits.max, 0, 1]
        if kind == "f":
            extremes += [-0.0, limits.tiny, limits.smallest_subnormal, 1e-30, 1e30, 0.1, 49.0, np.inf, -np.inf, np.nan]
        yield from _instances(rule, np.dtype(dtype), SHAPES[0], CONSTANTS[kind] + extremes)


def _examples(rule: Rewrite) -> Iterator[Instance]:
    for example in rule.examples:
        instance = apply_rule(rule, example())
        if instance is None:
            raise blame(VerifyError(f"The rule {rule.name} does not fire at its example {example()!r}."), rule.site)
        yield instance


def _instances(rule: Rule, dtype: np.dtype, shapes: list[Any], constants: list[Any]) -> Iterator[Instance]:
    """Instances for arguments of these shapes, over all choices of constants and of what conditions may ask for."""
    variables = [v for v in rule.variables.inputs if v in set(toposort([rule.left]))]
    fixed = [v for v in variables if rule.variables.annotation(v) is Const]
    others = [v for v in variables if v not in set(fixed)]
    forms = FORMS if rule.condition is not None and dtype.kind == "f" else FORMS[:1]
    choices = itertools.product([*constants, *_condition_numbers(rule)], repeat=len(fixed))
    for values, chosen in itertools.product(choices, itertools.product(forms, repeat=len(others))):
        nodes = {v: constant(np.asarray(c).astype(dtype)) for v, c in zip(fixed, values, strict=True)}
        for place, (v, form) in enumerate(zip(others, chosen, strict=True)):
            nodes[v] = form(_argument(v, rule, dtype, shapes[place % len(shapes)], place))
        if rule.holds(nodes):
            instance = apply_rule(rule, Template(rule.left, rule.dtype).build(Match(nodes, dtype)))
            if instance is not None:
                yield instance


def _condition_numbers(rule: Rule) -> list[Any]:
    """The numbers in a rule's condition."""
    known = () if rule.condition is None else rule.condition.__code__.co_consts
    return [c for c in known if type(c) in (int, float)]


def _argument(v: Expr, rule: Rule, dtype: np.dtype, shape: Any, place: int) -> Expr:
    annotation = rule.variables.annotation(v)
    if annotation in (Vector, Matrix):
        shape = tuple(f"d{i}" for i in range(v.ndim))
    return tensor(f"x{place}", shape, "bool" if annotation is Bool else dtype)
