"""What a program in a file may name: weft's ops, functions of numbers and guards, and Python that both sides give."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from ...ops import random, scalar
from ...ops.elementwise import Composite, Primitive, Scalar
from ...symbolic.errors import ArgumentError, GradientError, blame, user_site
from ...symbolic.expr import Op
from ...symbolic.guards import Fits, Guard, Inside, Nonempty, Within
from ...symbolic.index_maps import AxisMap
from ...symbolic.leaves import Constant, Input, Shared

TUPLES: dict[str, Any] = {cls.__name__: cls for cls in (AxisMap, Fits, Guard, Inside, Nonempty, Within)}

_PACKAGE = __name__.partition(".")[0]
_OURS = (f"{_PACKAGE}.ops.", f"{_PACKAGE}.symbolic.")


@functools.cache
def own_ops() -> dict[str, type[Op]]:
    """weft's ops by their names, but for leaves that have rows of their own."""
    found, waiting = {}, [Op]
    while waiting:
        for cls in waiting.pop().__subclasses__():
            waiting.append(cls)
            if cls.__module__.startswith(_OURS) and cls.infer is not Op.infer and not cls.__name__.startswith("_"):
                found[cls.__name__] = cls
    return {name: cls for name, cls in found.items() if cls not in (Constant, Input, Shared)}


@functools.cache
def own_functions() -> dict[str, Scalar]:
    """The functions of numbers of weft by name: of the table, and those made of others that graphs are written with."""
    made = [f for module in (scalar, random) for f in vars(module).values() if isinstance(f, Composite)]
    return {**Primitive.table, **{f.name: f for f in made if f.function.__module__.startswith(_OURS)}}


def is_own(op: Op) -> bool:
    """Whether it is one of weft's ops."""
    return own_ops().get(type(op).__name__) is type(op)


class GivenPython:
    """Ops and functions of a user's: a file has their names, and whoever reads it gives them once more."""

    def __init__(self, what: str, given: Iterable[Any]) -> None:
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise blame(ArgumentError(f"{what} is a list of ops and functions, not {given!r}."), user_site())
        self.by_name: dict[str, Any] = {}
        for one in given:
            name = getattr(one, "__qualname__", None)
            if not callable(one) or not isinstance(name, str):
                raise blame(ArgumentError(f"{what} has {one!r}, which is no op and no function."), user_site())
            if self.by_name.setdefault(name, one) is not one:
                raise blame(ArgumentError(f"{what} has two that are called {name}."), user_site())
        self._names = {one: name for name, one in self.by_name.items()}

    def name_of(self, one: Any) -> str | None:
        """The name of something that was given; None for all else."""
        return self._names.get(one)


class ForgottenRule:
    """Stands for the rule of a custom gradient, which no file has: only who takes a derivative anew needs it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any) -> Any:
        """Raise GradientError."""
        text = f"The rule {self.name} of a custom gradient is Python, and the file that this was loaded from has none."
        raise blame(GradientError(text), user_site(), hint="give it to save and to load: python=[rule].")
