"""Theano's variables: expressions of weft with a name, a tag, a type with broadcastable axes, and Theano's methods.

An expression has one Variable as long as somebody holds it; names and tags stay as long as the expression does.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ...ops.callback import callback
from ...ops.elementwise import cast
from ...ops.movement import stack
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant, Input, Shared, size
from ...symbolic.leaves import constant as weft_constant
from ...symbolic.numpy_protocol import NumPyProtocol
from ...symbolic.types import Type
from .configuration import config
from .facts import Facts, facts_of
from .methods import function as bound

COMPARISONS = ("lt", "le", "gt", "ge")
# what Theano calls NumPy's functions where their names differ
UFUNCS = {
    "absolute": "abs_",
    "bitwise_and": "and_",
    "bitwise_or": "or_",
    "bitwise_xor": "xor",
    "divide": "true_div",
    "equal": "eq",
    "floor_divide": "int_div",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "matmul": "dot",
    "multiply": "mul",
    "negative": "neg",
    "not_equal": "neq",
    "power": "pow",
    "remainder": "mod",
    "square": "sqr",
    "subtract": "sub",
}
INTEGERS = ("int8", "int16", "int32", "int64")


_wrapped: WeakValueDictionary[Expr, Variable] = WeakValueDictionary()


def _deferred_call(name: str) -> Any:
    def call(self: Any, *args: Any, **options: Any) -> Any:
        return bound(name)(self, *args, **options)

    call.__name__ = name
    return call


def _reflect(name: str) -> Any:
    def call(self: Any, other: Any) -> Any:
        return bound(name)(other, self)

    return call


class Variable(NumPyProtocol):
    """A value that does not exist yet."""

    _functions_module = f"{__package__}.tensor"
    _other_names = UFUNCS

    def __init__(self, expr: Expr, facts: Facts | None = None) -> None:
        self.expr = expr
        known = facts is None and isinstance(expr, Expr)  # a program may make one of nothing
        self.facts = facts_of(expr) if known else facts or Facts()

    @functools.cached_property
    def evaluators(self) -> dict[Any, Any]:
        """The functions that `eval` has compiled, by their inputs."""
        return {}

    @property
    def name(self) -> str | None:
        named = self.facts.name
        return self.expr.name if named is None else named

    @name.setter
    def name(self, name: str | None) -> None:
        self.facts.name = name

    @property
    def tag(self) -> Any:
        return self.facts.tag

    @tag.setter
    def tag(self, tag: Any) -> None:
        self.facts.tag = tag

    def __array__(self, *args: Any, **options: Any) -> np.ndarray:
        """An array of one object, as of anything that is no number: np.prod([x.shape[0], 2]) multiplies objects."""
        found = np.empty((), object)
        found[()] = self
        return found

    @property
    def owner(self) -> Any:
        return bound("owner_of")(self)

    def get_parents(self) -> list[Any]:
        """The application that makes it, in a list; none for inputs, constants and shared variables."""
        return [] if self.owner is None else [self.owner]

    @property
    def index(self) -> Any:
        return None if self.owner is None else self.owner.outputs.index(self)

    @property
    def type(self) -> Any:
        return bound("tensor_type")(self.dtype, self.broadcastable)

    def __reduce__(self) -> Any:
        return _restore, (self.expr, self.name, dict(vars(self.tag)))

    def __deepcopy__(self, memo: Any) -> Any:
        return _restore(copy.deepcopy(self.expr, memo), self.name, copy.deepcopy(vars(self.tag), memo))

    def __repr__(self) -> str:
        if self.name:
            return self.name
        if isinstance(self.expr.op, Constant):
            return f"{type(self).__name__}{{{self.expr.op.value}}}"
        return f"{self.owner.op}.{self.index}" if self.expr.args else f"<{self.type}>"

    __str__ = __repr__

    def eval(self, inputs_to_values: Any = None) -> Any:
        """Compile and run it, with values for its inputs; the function is kept."""
        return bound("eval")(self, inputs_to_values or {})

    def clone(self, name: str | None = None) -> Any:
        """A variable of the same type, with the name given."""
        return self.type(name if name is not None else self.name)


class Tensor(Variable):
    """An array that does not exist yet: what inputs, results, constants and shared variables have in common."""

    taken_from: tuple[Any, Any] | None = None  # (x, key) where this is x[key]

    @property
    def dtype(self) -> str:
        return self.expr.dtype.name

    @property
    def ndim(self) -> int:
        return self.expr.ndim

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        return tuple(d == 1 and isinstance(d, int) for d in self.expr.shape)

    @property
    def shape(self) -> Any:
        return ShapeVariable(self.expr.shape, self)

    @property
    def size(self) -> Any:
        return bound("product_of")(self.shape, wrap(_strong(size(self.expr.type.size))))

    @property
    def T(self) -> Any:  # noqa: N802 - Theano's name
        return bound("transpose")(self)

    @property
    def real(self) -> Any:
        return self

    def __getitem__(self, key: Any) -> Any:
        return bound("getitem")(self, key)

    def __iter__(self) -> Iterator[Any]:
        length = self.expr.shape[0] if self.ndim else None
        if not isinstance(length, int):
            name = self.name or "this variable"
            error = TypeError(f"Only a call knows how many elements {name} has: it cannot be iterated over.")
            raise blame(error, user_site(), self.expr.site, hint="use theano.scan.")
        return (self[i] for i in range(length))

    def __bool__(self) -> bool:
        if self.expr.op.name not in COMPARISONS:
            return True  # as any object: programs ask whether they were given a variable
        error = TypeError("Variables do not support boolean operations: their value is not known yet.")
        raise blame(error, user_site(), self.expr.site, hint="use T.switch, T.and_, T.or_, or theano.ifelse.")

    def __len__(self) -> int:
        error = TypeError("object of type 'TensorVariable' has no len(): only a call knows.")
        raise blame(error, user_site(), self.expr.site, hint="use x.shape[0].")

    __add__, __radd__ = _deferred_call("add"), _reflect("add")
    __sub__, __rsub__ = _deferred_call("sub"), _reflect("sub")
    __mul__, __rmul__ = _deferred_call("mul"), _reflect("mul")
    __truediv__, __rtruediv__ = _deferred_call("true_div"), _reflect("true_div")
    __floordiv__, __rfloordiv__ = _deferred_call("int_div"), _reflect("int_div")
    __mod__, __rmod__ = _deferred_call("mod"), _reflect("mod")
    __pow__, __rpow__ = _deferred_call("pow"), _reflect("pow")
    __and__, __rand__ = _deferred_call("and_"), _reflect("and_")
    __or__, __ror__ = _deferred_call("or_"), _reflect("or_")
    __xor__, __rxor__ = _deferred_call("xor"), _reflect("xor")
    __matmul__, __rmatmul__ = _deferred_call("dot"), _reflect("dot")
    __lt__, __le__, __gt__, __ge__ = (
        _deferred_call("lt"),
        _deferred_call("le"),
        _deferred_call("gt"),
        _deferred_call("ge"),
    )
    __neg__, __abs__, __invert__ = _deferred_call("neg"), _deferred_call("abs_"), _deferred_call("invert")
    __ceil__, __floor__, __trunc__ = _deferred_call("ceil"), _deferred_call("floor"), _deferred_call("trunc")


METHODS = (
    "sum prod mean max min argmax argmin any all var std norm ptp reshape flatten ravel transpose swapaxes dimshuffle "
    "squeeze astype clip dot repeat cumsum cumprod argsort sort take diagonal trace nonzero nonzero_values choose "
    "round fill copy zeros_like ones_like conj compress get_scalar_constant_value"
)
for _name in METHODS.split():
    setattr(Tensor, _name, _deferred_call(_name))


class AsTensorError(TypeError):
    """What cannot be part of an expression."""


class TensorVariable(Tensor):
    """An input, or a result of an op."""


class TensorConstant(Tensor):
    """A value that never changes."""

    @property
    def data(self) -> np.ndarray:
        return self.expr.op.value  # type: ignore[attr-defined, no-any-return]

    value = data

    def equals(self, other: Any) -> bool:
        """Whether the other is a constant of the same value."""
        return isinstance(other, TensorConstant) and self.expr is other.expr


class ShapeVariable(TensorVariable):
    """x.shape: a vector of sizes, which gives each of them as a scalar of its own."""

    def __init__(self, dims: Sequence[Any], of: Any = None) -> None:
        self.dims, self.of = tuple(dims), of

    @functools.cached_property
    def facts(self) -> Facts:  # type: ignore[override]
        """Its own: x.shape is a new variable each time."""
        return Facts()

    @functools.cached_property
    def expr(self) -> Expr:  # type: ignore[override]
        if not self.dims:
            return weft_constant(np.zeros(0, np.int64))
        return stack([_strong(size(d)) for d in self.dims])

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, TensorConstant):
            key = int(key.data)
        if isinstance(key, int | np.integer) and -len(self.dims) <= key < len(self.dims):
            return bound("element")(self, int(key), wrap(_strong(size(self.dims[key]))))
        if isinstance(key, int | np.integer):
            return wrap(callback(self._no_axis, Type(np.dtype("int64"), ()), key, name="shape"))
        if isinstance(key, slice) and not any(isinstance(b, Variable) for b in (key.start, key.stop, key.step)):
            return ShapeVariable(self.dims[key])
        return super().__getitem__(key)

    def _no_axis(self, key: np.ndarray) -> Any:
        """An axis that is not there is an error of the call, as in Theano: programs take shapes before they look."""
        raise IndexError(f"There is no axis {key} among {len(self.dims)}.")

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self.dims)))


def _strong(node: Expr) -> Expr:
    return cast(node, np.int64)


def wrap(expr: Expr) -> Any:
    """A variable for the result of an operation: a new one, of an expression that was written before, too."""
    if isinstance(expr.op, Input | Constant | Shared):
        return variable_of(expr)
    if expr in _wrapped:
        return _test(TensorVariable(expr, Facts()))
    expr.facts = Facts()
    return variable_of(expr)


def variable_of(expr: Expr) -> Any:
    """The variable of an expression: the first of those that live; leaves have no other."""
    known = _wrapped.get(expr)
    if known is not None:
        return known
    made = _class_of(expr)(expr)
    _wrapped[expr] = made
    return _test(made) if expr.args else made


def _class_of(expr: Expr) -> Any:
    if isinstance(expr.op, Shared):
        return bound("shared_class")(expr)
    return TensorConstant if isinstance(expr.op, Constant) else TensorVariable


def _test(variable: Any) -> Any:
    """The variable, with a test value where the program wants them."""
    if config.compute_test_value != "off":
        bound("compute_test_value")(variable)
    return variable


def _restore(expr: Expr, name: str | None, tag: dict[str, Any]) -> Any:
    found = wrap(expr)
    if name is not None and found.name != name:
        found.name = name
    if tag:
        vars(found.tag).update(tag)
    return found
