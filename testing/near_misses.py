"""Expressions that are nearly instances of a rule: its left side with one thing or two changed, mechanically.

Another dtype, other sizes (0, 1, a symbol), another rank, special constants, other axes, starts and steps, operands
swapped, another function in a function's place, one argument in place of another, or a function of one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import scalar
from ..ops.elementwise import Cast, Elementwise, Primitive, cast
from ..ops.gather import Gather, ScatterAdd
from ..ops.movement import Slice, Transpose, Unslice, broadcast_to, expand_dims
from ..ops.reduce import KINDS
from ..symbolic.dims import SymDim
from ..symbolic.errors import WeftError
from ..symbolic.expr import Expr, apply, toposort
from ..symbolic.leaves import Constant, Input, constant
from ..symbolic.variables import tensor

DTYPES = ("bool", "int8", "uint8", "int32", "int64", "uint64", "float16", "float32", "float64")
SIZES = (0, 1, 2, 5, "n")
CONSTANTS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.1, 49.0, 1e-30, 1e30, -3e38, 1e-45, np.inf, -np.inf, np.nan)
FORMS: tuple[Callable[[Expr], Expr], ...] = (
    lambda x: -x,
    scalar.abs,
    scalar.square,
    scalar.exp,
    scalar.sigmoid,
    lambda x: cast(cast(x, "int8"), x.dtype),
    lambda x: scalar.where(x > 0, x, 0),
    lambda x: x * 1e-3,
    lambda x: broadcast_to(expand_dims(x, 0), (3, *x.shape)),
)

Leaf = Callable[[Expr], Expr]
Node = Callable[[Expr, list[Expr]], Expr]


def near_miss(root: Expr, rng: np.random.Generator) -> Expr | None:
    """The expression with a random change or two; None where that is no expression."""
    for _ in range(rng.integers(1, 3)):
        try:
            with np.errstate(all="ignore"):
                found = CHANGES[rng.integers(len(CHANGES))](root, rng)
        except (WeftError, TypeError, ValueError, ArithmeticError, IndexError, RuntimeError):
            return None
        root = root if found is None else found
    return root if all(map(_is_sound, toposort([root]))) else None


def _is_sound(node: Expr) -> bool:
    """Whether the fields of an op are what its functions make, which it does not check itself."""
    op: Any = node.op
    if isinstance(op, Slice | Unslice):
        whole, part = (node.args[0].shape, node.shape) if isinstance(op, Slice) else (node.shape, node.args[0].shape)
        if not all(isinstance(v, int) for v in (*op.starts, *whole, *part)):
            return False
        if not len(op.starts) == len(op.steps) == len(whole) == len(part):
            return False
        rows = zip(op.starts, op.steps, part, whole, strict=True)
        return all(s and 0 <= a < n and 0 <= a + s * (m - 1) < n for a, s, m, n in rows if m)
    axes = getattr(op, "axes", ())
    most = max(node.ndim, *(a.ndim for a in node.args)) if node.args else 0
    plain = all(0 <= a < most for a in axes) and len(set(axes)) == len(axes)
    return plain and (isinstance(op, Transpose | Gather | ScatterAdd) or list(axes) == sorted(axes))


def _again(root: Expr, leaf: Leaf = lambda n: n, node: Node = lambda n, args: apply(n.op, *args)) -> Expr:
    """The expression built anew from other leaves and nodes."""
    done: dict[Expr, Expr] = {}
    for n in toposort([root]):
        done[n] = node(n, [done[a] for a in n.args]) if n.args else leaf(n)
    return done[root]


def _pick(root: Expr, rng: np.random.Generator, wanted: Callable[[Expr], Any]) -> Expr | None:
    found = [n for n in toposort([root]) if wanted(n)]
    return found[rng.integers(len(found))] if found else None


def _one(root: Expr, chosen: Expr | None, change: Callable[[Expr, list[Expr]], Expr]) -> Expr | None:
    """The expression with one node changed."""
    if chosen is None:
        return None
    return _again(
        root,
        lambda n: change(n, []) if n is chosen else n,
        lambda n, args: change(n, args) if n is chosen else apply(n.op, *args),
    )


def _is_input(node: Expr) -> bool:
    return isinstance(node.op, Input)


def _is_number(node: Expr) -> bool:
    return isinstance(node.op, Constant) and node.op.value.size == 1 and node.dtype.kind == "f"


def _other_dtype(root: Expr, rng: np.random.Generator) -> Expr:
    new, old = rng.choice(DTYPES), next((n.dtype for n in toposort([root]) if _is_input(n)), None)

    def leaf(n: Expr) -> Expr:
        if n.dtype != old:
            return n
        return tensor(n.name, n.shape, new) if _is_input(n) else n

    def node(n: Expr, args: list[Expr]) -> Expr:
        return cast(args[0], new) if n.op.head is Cast and n.dtype == old else apply(n.op, *args)

    return _again(root, leaf, node)


def _other_size(root: Expr, rng: np.random.Generator) -> Expr | None:
    """One size, wherever it occurs."""
    sizes = sorted({d for n in toposort([root]) if _is_input(n) for d in n.shape if isinstance(d, int)})
    if not sizes:
        return None
    old = sizes[rng.integers(len(sizes))]
    name = SIZES[rng.integers(len(SIZES))]
    new = SymDim(name) if isinstance(name, str) else name

    def leaf(n: Expr) -> Expr:
        return tensor(n.name, [new if d == old else d for d in n.shape], n.dtype) if _is_input(n) else _resize(n, [])

    def _resize(n: Expr, args: list[Expr]) -> Expr:
        shape = getattr(n.op, "shape", None)
        if not isinstance(shape, tuple) or not dataclasses.is_dataclass(n.op):
            return apply(n.op, *args) if args else n
        return apply(dataclasses.replace(n.op, shape=tuple(new if d == old else d for d in shape)), *args)

    return _again(root, leaf, _resize)


def _other_shape(root: Expr, rng: np.random.Generator) -> Expr | None:
    """An input with an axis of size 1, without its first axis, or with one more."""
    chosen = _pick(root, rng, lambda n: _is_input(n) and n.ndim)
    if chosen is None:
        return None
    shape, axis = list(chosen.shape), rng.integers(chosen.ndim)
    stretched = [*shape[:axis], 1, *shape[axis + 1 :]]
    shapes = [stretched, shape[1:], [2, *shape], shape[::-1]]
    return _one(root, chosen, lambda n, _: tensor(n.name, shapes[rng.integers(4)], n.dtype))


def _other_constant(root: Expr, rng: np.random.Generator) -> Expr | None:
    value = CONSTANTS[rng.integers(len(CONSTANTS))]
    return _one(root, _pick(root, rng, _is_number), lambda n, _: constant(np.full(n.shape, value, n.dtype)))


_FIELDS = ("axes", "axis", "starts", "steps", "sizes", "kind", "widths")


def _other_field(root: Expr, rng: np.random.Generator) -> Expr | None:
    """Other axes, starts or steps of an op, or another kind of reduction."""
    chosen = _pick(root, rng, lambda n: any(hasattr(n.op, f) for f in _FIELDS) and dataclasses.is_dataclass(n.op))
    if chosen is None:
        return None
    op: Any = chosen.op
    names = [f for f in _FIELDS if hasattr(op, f)]
    name = names[rng.integers(len(names))]
    other = dataclasses.replace(op, **{name: _change(getattr(op, name), rng)})
    return _one(root, chosen, lambda n, args: apply(other, *args))


def _change(value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, str):
        return list(KINDS)[rng.integers(4)]
    if isinstance(value, int):
        return value + int(rng.choice([-1, 1]))
    if isinstance(value, tuple) and value and all(isinstance(v, int) for v in value):
        shifted = tuple(v + int(rng.integers(-1, 2)) for v in value)
        choices = [tuple(int(v) for v in rng.permutation(value)), shifted, tuple(-v for v in value), value[1:]]
        return choices[rng.integers(4)]
    return value


def _swap(root: Expr, rng: np.random.Generator) -> Expr | None:
    return _one(root, _pick(root, rng, lambda n: len(n.args) > 1), lambda n, args: apply(n.op, *args[::-1]))


def _other_function(root: Expr, rng: np.random.Generator) -> Expr | None:
    chosen = _pick(root, rng, lambda n: isinstance(n.op, Elementwise) and isinstance(n.op.function, Primitive))
    if chosen is None:
        return None
    op: Any = chosen.op
    result, count = op.function.result, len(chosen.args)
    known: list[Any] = [t for t in toposort([root]) if isinstance(t.op, Elementwise)]
    near = [scalar.add, scalar.sub, scalar.mul, scalar.div, scalar.maximum, scalar.minimum, scalar.mul_no_nan]
    one = [scalar.neg, scalar.abs, scalar.square, scalar.sqrt, scalar.exp, scalar.log, scalar.reciprocal]
    others = [n.op.function for n in known if len(n.args) == count] + {1: one, 2: near}.get(count, [])
    new = others[rng.integers(len(others))].op
    return None if result == "bool" else _one(root, chosen, lambda n, args: apply(new, *args))


def _same_twice(root: Expr, rng: np.random.Generator) -> Expr | None:
    """One argument, or a part of the expression, in place of another of its type."""
    chosen = _pick(root, rng, lambda n: n is not root)
    if chosen is None:
        return None
    other = _pick(root, rng, lambda n: n.type is chosen.type and chosen not in set(toposort([n])))
    return None if other is None else _one(root, chosen, lambda n, args: other)


def _of_a_function(root: Expr, rng: np.random.Generator) -> Expr | None:
    form = FORMS[rng.integers(len(FORMS))]
    return _one(root, _pick(root, rng, _is_input), lambda n, _: form(n))


CHANGES = (
    *(_other_dtype, _other_size, _other_shape, _other_constant, _other_field, _swap, _other_function),
    *(_same_twice, _of_a_function),
)
