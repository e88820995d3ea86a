"""Theano's ops and their applications: what `v.owner` and `v.owner.op` are."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...symbolic.errors import blame, user_site
from .convert import as_variable
from .performing import perform


class Apply:
    """An op, its inputs and its outputs."""

    def __init__(self, op: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        self.op, self.inputs, self.outputs = op, list(inputs), list(outputs)
        self.tag = SimpleNamespace()

    @property
    def out(self) -> Any:
        """The one output."""
        return self.outputs[0]

    def default_output(self) -> Any:
        """The output that a call of the op returns where it has one of several."""
        place = getattr(self.op, "default_output", None)
        if place is None and len(self.outputs) != 1:
            raise blame(AttributeError(f"{self.op} has {len(self.outputs)} outputs, and none by default."), user_site())
        return self.outputs[place or 0]

    @property
    def nin(self) -> int:
        return len(self.inputs)

    @property
    def nout(self) -> int:
        return len(self.outputs)

    def get_parents(self) -> list[Any]:
        """The inputs: what stands before it in the graph."""
        return list(self.inputs)

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(str, self.inputs))})"


class Op:
    """What a program writes subclasses of: perform runs in Python, on NumPy arrays.

    make_node(*inputs) returns Apply(self, inputs, outputs); perform(node, inputs, output_storage) fills
    output_storage[i][0]; grad(inputs, output_gradients), or L_op, returns a gradient for each input; infer_shape(node,
    shapes) says how large the outputs are: without it, perform runs once more to find out.

    Ops are equal where their types and their `__props__` are.
    """

    __props__: tuple[str, ...] | None = None
    itypes: Sequence[Any] | None = None
    otypes: Sequence[Any] | None = None
    default_output: int | None = None

    def make_node(self, *inputs: Any) -> Apply:
        """The application to these inputs, out of itypes and otypes."""
        if self.itypes is None or self.otypes is None:
            text = f"{self} has neither make_node nor itypes and otypes."
            raise blame(NotImplementedError(text), user_site())
        if len(inputs) != len(self.itypes):
            text = f"{self} takes {len(self.itypes)} inputs, and {len(inputs)} were given."
            raise blame(ValueError(text), user_site())
        found = [as_variable(x) for x in inputs]
        for place, (x, wanted) in enumerate(zip(found, self.itypes, strict=True)):
            if x.dtype != wanted.dtype or x.ndim != wanted.ndim:
                text = f"Input {place} of {self} is {wanted}, and {x.type} was given."
                raise blame(TypeError(text), user_site(), x.expr.site)
        return Apply(self, found, [t() for t in self.otypes])

    def perform(self, node: Any, inputs: Sequence[np.ndarray], output_storage: Any, *params: Any) -> None:
        """Fill output_storage[i][0]."""
        raise NotImplementedError(f"{self} has no perform.")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        node = self.make_node(*inputs, **options)
        found = perform(self, node)
        if self.default_output is not None:
            return found[self.default_output]
        return found[0] if len(found) == 1 else found

    def __eq__(self, other: object) -> bool:
        if self.__props__ is None:
            return self is other
        return type(self) is type(other) and self._properties() == other._properties()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), self._properties())) if self.__props__ is not None else id(self)

    def _properties(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__props__ or ())

    def __repr__(self) -> str:
        shown = ", ".join(f"{n}={getattr(self, n)!r}" for n in self.__props__ or ())
        return f"{type(self).__name__}{{{shown}}}" if shown else type(self).__name__


PureOp = COp = ExternalCOp = Op
