"""What is known of integers before anything runs: numbers, and sizes of axes.

Models compute shapes with the same operators as everything else.  Of an expression that depends on constants and sizes
alone, the elements are computed here, by the references of the ops, over arrays whose elements may be symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....ops.coerce import as_expr
from ....ops.elementwise import Cast, Elementwise, cast
from ....ops.gather import Gather
from ....ops.movement import Concatenate, reshape, stack
from ....ops.reduce import Reduce
from ....symbolic.dims import Dim, SymDim, at_least, maximum, minimum, same
from ....symbolic.expr import Expr, toposort
from ....symbolic.leaves import Constant, Input, Shared, Size, constant
from ....symbolic.types import TupleType

MOST = 4096  # elements of what is computed here; a shape has few

Elements = np.ndarray  # of numbers, or of objects: numbers and SymDims


class NotKnown(Exception):
    """An element that only a call can tell."""


class Known:
    """The elements of expressions, as far as they are known; what was found is remembered."""

    def __init__(self) -> None:
        self._found: dict[Expr, Elements | None] = {}

    def __call__(self, node: Expr) -> Elements | None:
        """The elements of an expression, or None."""
        for each in toposort([node], lambda n: n not in self._found):
            if each not in self._found:
                self._found[each] = self._compute(each)
        return self._found[node]

    def numbers(self, node: Expr) -> np.ndarray | None:
        """The value of an expression, if all of it are numbers."""
        found = self(node)
        if found is None or any(isinstance(each, SymDim) for each in found.flat):
            return None
        return found.astype(node.dtype)

    def _compute(self, node: Expr) -> Elements | None:
        op: Any = node.op
        if isinstance(op, Constant):
            return op.value if node.type.size <= MOST else None
        if isinstance(op, Size):
            return np.array(op.dim, object)
        if isinstance(node.type, TupleType) or isinstance(op, Input | Shared) or op.effects or op.bodies:
            return None
        args = [self._found[a] for a in node.args]
        if any(a is None for a in args) or not node.type.is_static or node.type.size > MOST:
            return None
        try:
            return self._apply(node, [a for a in args if a is not None])
        except (NotKnown, TypeError, ValueError, IndexError):  # a symbol where the reference needs a number
            return None

    def _apply(self, node: Expr, args: Sequence[Elements]) -> Elements | None:
        op: Any = node.op
        if all(a.dtype != object for a in args):
            with np.errstate(all="ignore"):
                return np.asarray(op.numpy(*args), node.dtype)
        if node.dtype.kind not in "biu":
            return None
        if isinstance(op, Elementwise):
            return _elementwise(op, args)
        if isinstance(op, Reduce):
            return _reduce(op, args[0])
        if op.is_movement or isinstance(op, Concatenate) or (isinstance(op, Gather) and args[1].dtype != object):
            return np.asarray(op.numpy(*args), object)
        return None


def _elementwise(op: Elementwise, args: Sequence[Elements]) -> Elements | None:
    if isinstance(op.function, Cast):
        return args[0] if op.function.to.kind in "iu" else None
    function = ARITHMETIC.get(op.name)
    return None if function is None else np.asarray(np.frompyfunc(function, len(args), 1)(*args), object)


def _reduce(op: Reduce, x: Elements) -> Elements | None:
    function = REDUCTIONS.get(op.kind)
    if function is None:
        return None
    lines = np.moveaxis(x, op.axes, range(len(op.axes)))
    lines = lines.reshape(-1, *lines.shape[len(op.axes) :])
    if not len(lines):
        return None
    total = lines[0]
    for line in lines[1:]:
        total = np.frompyfunc(function, 2, 1)(total, line)
    return np.asarray(total, object)


def _decide(answer: bool | None) -> bool:
    if answer is None:
        raise NotKnown
    return answer


def _equal(a: Dim, b: Dim) -> bool:
    if any(isinstance(d, int | np.integer) and d < 0 for d in (a, b)) and _is_symbolic(a, b):
        return _decide(False if _never_negative(a) or _never_negative(b) else None)
    return _decide(same(a, b))


def _is_symbolic(*values: Any) -> bool:
    return any(isinstance(v, SymDim) for v in values)


def _never_negative(a: Dim) -> bool:
    return isinstance(a, SymDim) and at_least(a, 0)


def _at_least(a: Dim, b: Dim) -> bool:
    if at_least(a, b):
        return True
    return _decide(False if at_least(b, a + 1) else None)


def _where(choice: Any, a: Dim, b: Dim) -> Dim:
    if _is_symbolic(choice):
        raise NotKnown
    return a if choice else b


def _divide(a: Dim, b: Dim) -> Dim:
    if not _is_symbolic(b) and b == 0:
        raise NotKnown
    return a // b


def _integers(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of plain integers: NumPy's have no arithmetic with symbols."""

    def of_elements(*values: Any) -> Any:
        return function(*[v if isinstance(v, SymDim) else int(v) for v in values])

    return of_elements


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": _integers(lambda a, b: a + b),
    "sub": _integers(lambda a, b: a - b),
    "mul": _integers(lambda a, b: a * b),
    "neg": _integers(lambda a: 0 - a),
    "floor_divide": _integers(_divide),
    "mod": _integers(lambda a, b: a - b * _divide(a, b)),
    "maximum": _integers(maximum),
    "minimum": _integers(minimum),
    "eq": _integers(_equal),
    "ne": _integers(lambda a, b: not _equal(a, b)),
    "ge": _integers(_at_least),
    "le": _integers(lambda a, b: _at_least(b, a)),
    "gt": _integers(lambda a, b: not _at_least(b, a)),
    "lt": _integers(lambda a, b: not _at_least(a, b)),
    "where": _integers(_where),
    "logical_not": lambda a: not a,
    "logical_and": lambda a, b: bool(a and b),
    "logical_or": lambda a, b: bool(a or b),
}
"""What ops compute of sizes, by their names."""

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": ARITHMETIC["add"],
    "prod": ARITHMETIC["mul"],
    "max": ARITHMETIC["maximum"],
    "min": ARITHMETIC["minimum"],
    "all": ARITHMETIC["logical_and"],
    "any": ARITHMETIC["logical_or"],
}


def from_elements(elements: Elements, dtype: Any = "int64") -> Expr:
    """The expression of these elements: a constant where all are numbers."""
    if elements.dtype != object or not any(isinstance(e, SymDim) for e in elements.flat):
        return constant(np.asarray(elements).astype(dtype))
    scalars = [cast(as_expr(e if isinstance(e, SymDim) else int(e)), dtype) for e in elements.flat]
    if elements.ndim == 0:
        return scalars[0]
    return reshape(stack(scalars), elements.shape)
