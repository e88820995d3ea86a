"""Ops written in Theano's style: make_node, perform, grad; as_op; and Print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import weft as wf

from .convert import unwrap
from .copies import make_copy
from .notes import note_op
from .op import Apply, Op
from .ops import Work
from .performing import rule_of
from .variables import wrap


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
        rule = rule_of(self) if hasattr(self, "grad") else None
        node = unwrap(x)
        if rule is None:
            return note_op(wrap(make_copy(node)), self, [x])
        found = wf.custom_gradient(lambda v: v, lambda g, out, v: rule([g], [out], v)[0])(node)
        return note_op(wrap(found), self, [x])

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
            self._print, node.type, node, vjp=lambda g, out, v: g, name=f"Print({self.message})", effects=True
        )
        return note_op(wrap(found), self, [x])

    def _print(self, value: np.ndarray) -> np.ndarray:
        if self.global_fn is not None:
            self.global_fn(self, value)
            return value
        for name in self.attrs:
            found = getattr(value, name)
            print(self.message, name, "=", found() if callable(found) else found)
        return value
