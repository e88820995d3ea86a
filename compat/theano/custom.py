"""Ops written in Theano's style: make_node, perform, grad; as_op; and Print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import weft as wf

from ...symbolic.expr import Expr
from .configuration import config
from .convert import unwrap
from .copies import copied
from .op import Apply, Op
from .ops import Work, applied_to
from .sizes import as_shape
from .variables import Shape, variable_of, wrap


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Sizes:
    """The sizes of what an op makes, in a row: found by running it."""

    performed: Performed

    def __call__(self, *arrays: np.ndarray) -> Any:
        return np.array([n for each in self.performed(*arrays) for n in each.shape], np.int64)


def applied(op: Any, node: Any) -> list[Any]:
    """The outputs of a node: a callback that runs the op's perform."""
    inputs = [unwrap(x) for x in node.inputs]
    performed = Performed(op, tuple((o.dtype, o.ndim) for o in node.outputs), node)
    shapes = _shapes(op, node, inputs, performed)
    types = [wf.Type(np.dtype(o.dtype), shape) for o, shape in zip(node.outputs, shapes, strict=True)]
    rule = _rule(op) if hasattr(op, "grad") or hasattr(op, "L_op") else None
    found = wf.callback(performed, types, *inputs, vjp=rule, name=type(op).__name__)
    made = [wrap(f) for f in found]
    if len(made) == 1:
        applied_to(made[0], op, node.inputs)
    for variable, promised in zip(made, node.outputs, strict=True):
        if promised.name and not variable.name:
            variable.name = promised.name
    return made


def _shapes(op: Any, node: Any, inputs: Sequence[Expr], performed: Performed) -> list[tuple[Any, ...]]:
    if hasattr(op, "infer_shape"):
        found = op.infer_shape(node, [Shape(x.shape) for x in inputs])
        shapes = [as_shape(s) for s in found]
    else:
        total = sum(o.ndim for o in node.outputs)
        sizes = wf.callback(Sizes(performed), wf.Type(np.dtype("int64"), (total,)), *inputs) if total else None
        places = iter(range(total))
        shapes = [as_shape([wrap(sizes[next(places)]) for _ in range(o.ndim)]) for o in node.outputs]
    return [
        tuple(1 if one else size for one, size in zip(o.broadcastable, shape, strict=True))
        for o, shape in zip(node.outputs, shapes, strict=True)
    ]


def _rule(op: Any) -> Callable[..., Any]:
    def vjp(gs: Sequence[Expr | None], outs: Sequence[Expr], *args: Expr) -> list[Expr | None]:
        known = [wf.zeros_like(o, config.floatX) if g is None else g for g, o in zip(gs, outs, strict=True)]  # of ints
        inputs, outputs, output_gradients = ([variable_of(v) for v in group] for group in (args, outs, known))
        rule, first = (op.L_op, (inputs, outputs)) if hasattr(op, "L_op") else (op.grad, (inputs,))
        found = rule(*first, output_gradients)
        return [
            None if g is None or not x.type.is_float else unwrap(g, x.dtype) for g, x in zip(found, args, strict=True)
        ]

    return vjp


def as_op(itypes: Any, otypes: Any, infer_shape: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """A decorator: a function of arrays as an op of these types."""
    inputs = list(itypes) if isinstance(itypes, list | tuple) else [itypes]
    outputs = list(otypes) if isinstance(otypes, list | tuple) else [otypes]

    def decorate(function: Callable[..., Any]) -> Op:
        def perform(self: Any, node: Any, arrays: Any, storage: Any) -> None:
            found = function(*arrays)
            found = found if isinstance(found, list | tuple) else [found]
            for cell, value in zip(storage, found, strict=True):
                cell[0] = value

        members: dict[str, Any] = {"itypes": inputs, "otypes": outputs, "perform": perform, "__doc__": function.__doc__}
        if infer_shape is not None:
            members["infer_shape"] = staticmethod(infer_shape)
        return type(function.__name__, (Op,), members)()  # type: ignore[no-any-return]

    return decorate


FromFunctionOp = as_op


class ViewOp(Work):
    """The same value, which a program's subclass gives a derivative of its own by `grad`."""

    view_map = {0: [0]}  # noqa: RUF012 - Theano's name for what lies in the memory of what

    def __call__(self, x: Any) -> Any:
        rule = _rule(self) if hasattr(self, "grad") else None
        node = unwrap(x)
        if rule is None:
            return applied_to(wrap(copied(node)), self, [x])
        found = wf.custom_gradient(lambda v: v, lambda g, out, v: rule([g], [out], v)[0])(node)
        return applied_to(wrap(found), self, [x])

    def make_node(self, *inputs: Any) -> Apply:
        """The application to this input."""
        return self(*inputs).owner  # type: ignore[no-any-return]


view_op = ViewOp()


class Print(Work):
    """x, which prints itself whenever it is computed: its attributes `attrs`, or what global_fn does with it."""

    __props__ = ("message", "attrs", "global_fn")

    def __init__(
        self,
        message: str = "",
        attrs: Sequence[str] = ("__str__",),
        global_fn: Callable[..., Any] | None = None,
    ) -> None:
        self.message, self.attrs, self.global_fn = message, tuple(attrs), global_fn

    def __call__(self, x: Any) -> Any:
        node = unwrap(x)
        found = wf.callback(
            self._printed, node.type, node, vjp=lambda g, out, v: g, name=f"Print({self.message})", effects=True
        )
        return applied_to(wrap(found), self, [x])

    def _printed(self, value: np.ndarray) -> np.ndarray:
        if self.global_fn is not None:
            self.global_fn(self, value)
            return value
        for name in self.attrs:
            found = getattr(value, name)
            print(self.message, name, "=", found() if callable(found) else found)
        return value
