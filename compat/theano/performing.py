"""What a program's op does, as a callback: its perform, with its grad, or L_op, for a derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

import numpy as np

import weft as wf

from ...symbolic.expr import Expr
from ...symbolic.records import record
from .configuration import config
from .convert import unwrap
from .notes import note_op
from .sizes import as_shape
from .variables import ShapeVariable, variable_of, wrap


@record
class Performed:
    """An op's perform as a function of arrays; equal ops are one function."""

    theano_op: Any
    outputs: tuple[tuple[str, int], ...]
    node: Any = field(compare=False)

    def __call__(self, *arrays: np.ndarray) -> Any:
        storage: list[list[Any]] = [[None] for _ in self.outputs]
        self.theano_op.perform(self.node, list(arrays), storage)
        found = [np.asarray(cell[0], dtype) for cell, (dtype, _) in zip(storage, self.outputs, strict=True)]
        return tuple(found)


@record
class PerformedSizes:
    """The sizes of what an op makes, in a row: found by running it."""

    performed: Performed

    def __call__(self, *arrays: np.ndarray) -> Any:
        return np.array([n for each in self.performed(*arrays) for n in each.shape], np.int64)


def perform(op: Any, node: Any) -> list[Any]:
    """The outputs of a node: a callback that runs the op's perform."""
    inputs = [unwrap(x) for x in node.inputs]
    performed = Performed(op, tuple((o.dtype, o.ndim) for o in node.outputs), node)
    shapes = _shapes(op, node, inputs, performed)
    types = [wf.Type(np.dtype(o.dtype), shape) for o, shape in zip(node.outputs, shapes, strict=True)]
    rule = rule_of(op) if hasattr(op, "grad") or hasattr(op, "L_op") else None
    found = wf.callback(performed, types, *inputs, vjp=rule, name=type(op).__name__)
    made = [wrap(f) for f in found]
    if len(made) == 1:
        note_op(made[0], op, node.inputs)
    for variable, promised in zip(made, node.outputs, strict=True):
        if promised.name and not variable.name:
            variable.name = promised.name
    return made


def _shapes(op: Any, node: Any, inputs: Sequence[Expr], performed: Performed) -> list[tuple[Any, ...]]:
    if hasattr(op, "infer_shape"):
        found = op.infer_shape(node, [ShapeVariable(x.shape) for x in inputs])
        shapes = [as_shape(s) for s in found]
    else:
        total = sum(o.ndim for o in node.outputs)
        sizes = wf.callback(PerformedSizes(performed), wf.Type(np.dtype("int64"), (total,)), *inputs) if total else None
        places = iter(range(total))
        shapes = [as_shape([wrap(sizes[next(places)]) for _ in range(o.ndim)]) for o in node.outputs]
    return [
        tuple(1 if one else size for one, size in zip(o.broadcastable, shape, strict=True))
        for o, shape in zip(node.outputs, shapes, strict=True)
    ]


def rule_of(op: Any) -> Callable[..., Any]:
    """The vjp that an op's grad or L_op is."""

    def vjp(gs: Sequence[Expr | None], outs: Sequence[Expr], *args: Expr) -> list[Expr | None]:
        known = [wf.zeros_like(o, config.floatX) if g is None else g for g, o in zip(gs, outs, strict=True)]  # of ints
        inputs, outputs, output_gradients = ([variable_of(v) for v in group] for group in (args, outs, known))
        rule, first = (op.L_op, (inputs, outputs)) if hasattr(op, "L_op") else (op.grad, (inputs,))
        found = rule(*first, output_gradients)
        return [
            None if g is None or not x.type.is_float else unwrap(g, x.dtype) for g, x in zip(found, args, strict=True)
        ]

    return vjp
