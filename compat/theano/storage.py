"""Theano's shared variables: weft's, whose sizes may change, with Theano's methods."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import storage_of
from ...symbolic.variables import get_value, set_value
from ...symbolic.variables import shared as weft_shared
from .convert import unwrap
from .types import TensorType
from .variables import Tensor, Variable, variable_of, wrap


class SharedVariable(Tensor):
    """A mutable array that compiled functions read and update."""

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """A copy of the array; with borrow=True perhaps the array itself."""
        return get_value(self.expr, borrow)

    def set_value(self, new_value: Any, borrow: bool = False) -> None:
        """Copy an array into it.  Raises TypeError where its dtype or number of axes do not fit."""
        array = np.asarray(new_value)
        if array.ndim != self.ndim:
            text = f"{self.name or 'The shared variable'} has {self.ndim} axes, and its new value {array.ndim}."
            raise blame(TypeError(f"Wrong number of dimensions: {text}"), user_site(), self.expr.site)
        set_value(self.expr, array)

    def zero(self, borrow: bool = False) -> None:
        """Set all elements to 0."""
        self.set_value(np.zeros_like(self.get_value(borrow=True)))

    @property
    def default_update(self) -> Any:
        """Its new value in functions that read it, unless their own updates say otherwise."""
        update = storage_of(self.expr).default_update
        return None if update is None else variable_of(update)

    @default_update.setter
    def default_update(self, update: Any) -> None:
        storage_of(self.expr).default_update = None if update is None else unwrap(update)

    @property
    def container(self) -> Any:
        """What holds the array: `.value`, `.data`."""
        return SimpleNamespace(value=self.get_value(borrow=True), data=self.get_value(borrow=True), type=self.type)

    def clone(self, name: str | None = None) -> Any:
        """Another shared variable that holds a copy of the value."""
        return shared(self.get_value(), name or self.name, broadcastable=self.broadcastable)

    def __iter__(self) -> Any:
        return (self[i] for i in range(self.get_value(borrow=True).shape[0]))


TensorSharedVariable = ScalarSharedVariable = SharedVariable


class RandomStateSharedVariable(SharedVariable):
    """Where a stream of random numbers is: programs look for these among the inputs of a graph."""


def shared_class(node: Expr) -> type[SharedVariable]:
    """Of which class the variable of a shared variable's expression is."""
    return RandomStateSharedVariable if node.name == "random_counter" else SharedVariable


def shared(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    *,
    borrow: bool = False,
    broadcastable: Sequence[bool] | None = None,
    target: str | None = None,
    **ignored: Any,
) -> Any:
    """A mutable array that compiled functions read and update.

    Its dtype and number of axes stay; its sizes may change, but for axes that are broadcastable, whose size is 1.
    A Python float is float64, an int int64.  Raises TypeError for what is no array of numbers.
    """
    if isinstance(value, Variable):
        error = TypeError("Shared variables hold values, and this is a symbolic variable.")
        raise blame(error, user_site(), value.expr.site, hint="give an array, or compute it first: variable.eval().")
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        text = f"A shared variable holds numbers, and {name or 'its value'} is {type(value).__name__} ({array.dtype})."
        raise blame(TypeError(text), user_site())
    pattern = tuple(broadcastable) if broadcastable is not None else (False,) * array.ndim
    if len(pattern) != array.ndim:
        text = f"broadcastable has {len(pattern)} entries, and the value has {array.ndim} axes."
        raise blame(ValueError(text), user_site())
    TensorType(array.dtype.name, pattern).filter(array, allow_downcast=True)
    label = name if str(name).isidentifier() else None
    made = wrap(weft_shared(array, label, dtype=array.dtype.name, shape=[1 if b else None for b in pattern]))
    if name is not None:
        made.name = name
    return made


_shared = tensor_constructor = shared
