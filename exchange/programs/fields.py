"""Parameters as the class of an op declares them: what a file says has to be of that kind before `infer` sees it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import numpy as np

from ...ops.elementwise import Scalar
from ...symbolic.arguments import LARGEST
from ...symbolic.dims import SymDim
from ...symbolic.errors import ArgumentError, listing
from ...symbolic.expr import Op
from ...symbolic.graph import Graph
from ...symbolic.records import finish
from .vocabulary import TUPLES, is_own

Check = Callable[[Any], bool]


def is_int(value: Any) -> bool:
    """Whether it is a whole number of 63 bits, and no bool."""
    return type(value) is int and -LARGEST <= value <= LARGEST


def is_size(value: Any) -> bool:
    """Whether it is a size: a number from 0 up, or a symbol."""
    return isinstance(value, SymDim) or (is_int(value) and value >= 0)


def _is_place(value: Any) -> bool:
    return isinstance(value, SymDim) or is_int(value)


def _all(check: Check, length: int | None = None) -> Check:
    def check_tuple(value: Any) -> bool:
        return type(value) is tuple and length in (None, len(value)) and all(map(check, value))

    return check_tuple


def _is_guard(value: Any) -> bool:
    return TUPLES.get(type(value).__name__) is type(value) and hasattr(value, "certain")


_is_shape = _all(is_size)
CHECKS: dict[str, Check] = {
    "int": is_int,
    "int | None": lambda value: value is None or is_int(value),
    "bool": lambda value: type(value) is bool,
    "str": lambda value: type(value) is str,
    "DType": lambda value: isinstance(value, np.dtype),
    "Dim": _is_place,
    "Shape": _is_shape,
    "Padding": _all(_all(_is_place, 2)),
    "Op": lambda value: isinstance(value, Op) and is_own(value),
    "Graph": lambda value: isinstance(value, Graph),
    "Scalar": lambda value: isinstance(value, Scalar),
    "Callable[..., Any]": callable,
    "Callable[..., Any] | None": lambda value: value is None or callable(value),
    "tuple[int, ...]": _all(is_int),
    "tuple[int, int]": _all(is_int, 2),
    "tuple[tuple[int, int], ...]": _all(_all(is_int, 2)),
    "tuple[Dim, ...]": _all(_is_place),
    "tuple[DType, ...]": _all(lambda value: isinstance(value, np.dtype)),
    "tuple[Shape, ...]": _all(_is_shape),
    "tuple[AnyGuard, ...]": _all(_is_guard),
}


def make_op(cls: type[Op], given: Mapping[str, Any]) -> Op:
    """The op with these parameters.  Raises ArgumentError for those that its class does not have, or not so."""
    finish(cls)
    if not is_dataclass(cls):
        raise ArgumentError(f"{cls.__name__} is no dataclass: its parameters are unknown.")
    declared = {f.name: f for f in fields(cls) if f.init}
    unknown = [repr(name) for name in given if name not in declared]
    needed = [n for n, f in declared.items() if f.default is MISSING and f.default_factory is MISSING]
    missing = [name for name in needed if name not in given]
    if unknown or missing:
        what = f"has no parameter {listing(unknown)}" if unknown else f"lacks {listing(missing)}"
        raise ArgumentError(f"{cls.__name__} {what}.")
    for name, value in given.items():
        check = CHECKS.get(str(declared[name].type))
        if check is not None and not check(value):
            raise ArgumentError(f"{cls.__name__}: {name} is {declared[name].type}, not {value!r}.")
    found: Op = cls(**given)
    return found


@functools.cache
def takes(infer: Callable[..., Any], count: int) -> bool:
    """Whether an op whose class has this `infer` may have so many arguments."""
    try:
        inspect.signature(infer).bind(None, *[None] * count)
    except TypeError:
        return False
    return True


def make_tuple(name: Any, items: tuple[Any, ...]) -> Any:
    """A guard, or a part of an index map.  Raises ArgumentError for what is none."""
    cls = TUPLES.get(name) if isinstance(name, str) else None
    if cls is None or len(items) != len(cls._fields):
        raise ArgumentError(f"There is no {name!r} of {len(items)} parts.")
    for word, value in zip(cls._fields, items, strict=True):
        if not CHECKS[cls.__annotations__[word].__forward_arg__](value):
            raise ArgumentError(f"{name}: {word} is not {value!r}.")
    if name == "Within" and items[1] == 0:
        raise ArgumentError("Within: the step is not 0.")
    return cls(*items)
