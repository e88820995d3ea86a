"""Names at the root of theano, and in its small modules, that no other file has."""

from __future__ import annotations

import struct
from collections import OrderedDict
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...symbolic.errors import blame, user_site
from .convert import find_dtype

version = full_version = short_version = "1.0.5"
release = True
enable_grad = True

__all__ = ["OrderedDict"]


def test(*args: Any, **options: Any) -> None:
    """Theano's own tests are not part of this layer."""
    raise blame(NotImplementedError("theano.test() runs Theano's own tests, which are not here."), user_site())


def _asarray(a: Any, dtype: Any, order: str | None = None) -> np.ndarray:
    """The value as an array of a dtype; "floatX" is the flag of that name."""
    return np.asarray(a, find_dtype(dtype), order=order)  # type: ignore[call-overload, no-any-return]


def local_bitwidth() -> int:
    """How many bits an address has."""
    return struct.calcsize("P") * 8


def python_int_bitwidth() -> int:
    """How many bits the largest whole number of NumPy's default dtype has."""
    return struct.calcsize("l") * 8


class ProfileStats:
    """What Theano counted while a function ran; weft's own profile is f.compiled.profile(*arguments)."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.fct_call: dict[Any, int] = {}
        self.fct_call_time, self.fct_callcount, self.compile_time = 0.0, 0, 0.0

    def summary(self, file: Any = None, *args: Any, **options: Any) -> None:
        """Say where the profile is."""
        print("Profiles of functions on weft: print(f.compiled.profile(*arguments)).", file=file)

    def print_summary(self, *args: Any, **options: Any) -> None:
        """Say where the profile is."""
        self.summary()


class ParamsType:
    """The parameters of an op in C: their names and types.  Calling it makes a set of them."""

    def __init__(self, **types: Any) -> None:
        self.types = types
        self.fields = tuple(sorted(types))

    def get_params(self, op: Any, **values: Any) -> Any:
        """The values that an op has for the parameters."""
        return SimpleNamespace(**{name: values.get(name, getattr(op, name, None)) for name in self.fields})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParamsType) and self.types == other.types

    def __hash__(self) -> int:
        return hash(self.fields)


Params = SimpleNamespace


def hashtype(self: Any) -> int:
    """The hash of a thing's class."""
    return hash(type(self).__name__) ^ hash(type(self).__module__)
