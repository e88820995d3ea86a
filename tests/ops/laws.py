"""Instances of rules: typed arguments in several shapes, at which a rule fires."""

import functools
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from weft.ops import scalar
from weft.ops.elementwise import cast
from weft.ops.reduce import max as max_over
from weft.ops.reduce import sum as sum_over
from weft.symbolic.evaluate import bind_sizes
from weft.symbolic.expr import Expr, toposort
from weft.symbolic.graph import Graph
from weft.symbolic.leaves import Input, constant, tensor
from weft.symbolic.patterns import Bool, Const, Match, Matrix, Vector
from weft.symbolic.rewrite import Rule, RuleSet, rewrite
from weft.symbolic.rules import Template

SHAPES = [[()], [(48,)], [(2, 3)], [(2, 1), (3,), (2, 3)], [(2, 3), (), ()], [("n", 3), (1, 3)]]
DTYPES = {"f": ["float32", "float64"], "i": ["int32", "int64", "uint8"], "b": ["bool"]}
CONSTANTS = {"f": [2.0, 0.3, -1.5, 4.0, 1.0, 3.0, 2.5], "i": [2, 3, 5], "b": [True, False]}


def _row_total(x: Expr) -> Expr:
    axes = (x.ndim - 1,) if x.ndim else ()
    return sum_over(scalar.exp(x - max_over(x, axes, keepdims=True)), axes, keepdims=True)


def _indicator(x: Expr) -> Expr:
    return cast(scalar.gt(x, 0), x.dtype)


FORMS = [lambda x: x, scalar.square, _row_total, _indicator]  # what conditions on nodes may ask for


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


@functools.cache
def instances(rule: Any) -> tuple[Instance, ...]:
    """All instances of a rule: an equation's for all dtypes and shapes, a function's for its examples."""
    return tuple(_instances(rule))


def _instances(rule: Any) -> Iterator[Instance]:
    if not isinstance(rule, Rule):
        for example in rule.examples:
            instance = apply_rule(rule, example())
            assert instance is not None, f"{rule.name} does not fire at {example()!r}"
            yield instance
        return
    kind = rule.dtype.kind.replace("u", "i")
    for dtype, shapes in itertools.product(DTYPES[kind], SHAPES):
        instance = _equation(rule, kind, np.dtype(dtype), shapes)
        if instance is not None:
            yield instance


def _equation(rule: Rule, kind: str, dtype: np.dtype, shapes: list[Any]) -> Instance | None:
    variables = [v for v in rule.variables.inputs if v in set(toposort([rule.left]))]
    constants = [v for v in variables if rule.variables.annotation(v) is Const]
    others = [v for v in variables if v not in set(constants)]
    for values in itertools.product(CONSTANTS[kind], repeat=len(constants)):
        for forms in itertools.product(FORMS, repeat=len(others)):
            if any(f is not FORMS[0] for f in forms) and (rule.condition is None or kind != "f"):
                continue
            nodes = {v: constant(np.asarray(c, dtype)) for v, c in zip(constants, values, strict=True)}
            for place, (v, form) in enumerate(zip(others, forms, strict=True)):
                nodes[v] = form(_argument(v, rule, dtype, shapes[place % len(shapes)], place))
            if rule.holds({**dict.fromkeys(rule.variables.inputs), **nodes}):
                return apply_rule(rule, Template(rule.left, rule.dtype).build(Match(nodes, dtype)))
    return None


def _argument(v: Expr, rule: Rule, dtype: np.dtype, shape: Any, place: int) -> Expr:
    annotation = rule.variables.annotation(v)
    if annotation in (Vector, Matrix):
        shape = tuple(f"d{i}" for i in range(v.ndim))
    return tensor(f"x{place}", shape, "bool" if annotation is Bool else dtype)


SPECIALS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 1e10, -1e10, 1e-10]


def draw(inputs: list[Expr], rng: np.random.Generator, specials: bool) -> dict[Expr, np.ndarray]:
    """A value for each input: normal numbers, some of them replaced by NaN, infinities, zeros and large numbers."""
    values = {}
    for node in inputs:
        shape = tuple(4 if not isinstance(d, int) else d for d in node.shape)
        if node.dtype.kind == "f":
            array = rng.normal(size=shape) * 2
            if specials:
                array = np.where(rng.random(shape) < 0.6, rng.choice(SPECIALS, shape), array)
        elif node.dtype == bool:
            array = rng.random(shape) < 0.5
        else:
            limits = np.iinfo(node.dtype)
            array = rng.integers(max(limits.min, -6), 6, shape)
            array = np.where(rng.random(shape) < 0.2, rng.choice([limits.min, limits.max], shape), array)
        values[node] = np.asarray(array).astype(node.dtype)
    bind_sizes(values)
    return values
