"""Functions of numbers whose bodies come from a file: what `wf.elementwise` has made of Python that is not there."""

from __future__ import annotations

from typing import Any

from ...ops.elementwise import Composite, Elementwise
from ...symbolic.errors import ArgumentError
from ...symbolic.expr import Expr, depends, toposort
from ...symbolic.leaves import Input, Shared
from ...symbolic.types import DType, TupleType

Trace = tuple[tuple[Expr, ...], Expr]  # the inputs of a body, and what it computes


class TracedFunction(Composite):
    """A function of numbers that is known by its bodies, one for each set of dtypes."""

    def __init__(self, name: str, whole: bool) -> None:
        def function(*args: Any) -> Expr:
            raise ArgumentError(f"{name} comes from a file, which has it for other dtypes than these.")

        function.__name__ = function.__qualname__ = name
        super().__init__(function)
        self.whole = whole

    def add_body(self, inputs: tuple[Expr, ...], output: Expr) -> None:
        """Take a body for the dtypes of its inputs.  Raises ArgumentError for what is no function of numbers."""
        order, own = toposort([output]), set(inputs)
        reached = depends(order, inputs) - own
        numbers = all(not isinstance(n.type, TupleType) and n.shape == () for n in (*inputs, output))
        leaves = all(isinstance(x.op, Input) for x in inputs) and len(own) == len(inputs) > 0
        known = all(n in own or not isinstance(n.op, Input | Shared) for n in order)
        alike = all(isinstance(n.op, Elementwise) for n in reached)
        if not (numbers and leaves and known and alike):
            raise ArgumentError(f"{self.name}: a body is no function of single numbers.")
        self._bodies[tuple(x.dtype for x in inputs)] = inputs, output

    def body(self, *dtypes: DType) -> Trace:
        """(inputs, output) for these dtypes."""
        if dtypes not in self._bodies:
            known = "; ".join(", ".join(kind.name for kind in kinds) for kinds in self._bodies)
            wanted = ", ".join(kind.name for kind in dtypes)
            raise ArgumentError(
                f"{self.name} comes from a file, which has it for {known or 'nothing'}, not for {wanted}."
            )
        return self._bodies[dtypes]

    def __reduce__(self) -> Any:
        return _restore, (self.name, self.whole, list(self._bodies.values()))


def _restore(name: str, whole: bool, bodies: list[Trace]) -> TracedFunction:
    found = TracedFunction(name, whole)
    for inputs, output in bodies:
        found.add_body(inputs, output)
    return found
