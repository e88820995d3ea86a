"""Classes of plain values, many of which no program needs: each is finished when its first instance is made.

To generate a dataclass's methods takes half a millisecond, and there are some eighty kinds of ops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")

_unfinished: dict[type, dict[str, bool]] = {}  # with the options of each
_lock = threading.RLock()


@overload
def record(cls: type[T], /) -> type[T]: ...


@overload
def record(*, repr: bool) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: Any = None, /, *, repr: bool = True) -> Any:
    """`dataclass(frozen=True)`, whose methods are generated when the first instance is made, or a subclass."""
    if cls is None:
        return lambda cls: record(cls) if repr else _postpone(cls, repr=False)
    return _postpone(cls)


def _postpone(cls: type, **options: bool) -> type:
    assert not {"__init__", "__setstate__"} & set(vars(cls)), cls

    def make_first(self: Any, *args: Any, **keywords: Any) -> None:
        finish(cls)
        cls.__init__(self, *args, **keywords)  # type: ignore[misc]  # that of the dataclass

    def restore_first(self: Any, state: dict[str, Any]) -> None:
        finish(cls)
        self.__dict__.update(state)

    cls.__init__ = make_first  # type: ignore[misc]
    cls.__setstate__ = restore_first  # type: ignore[attr-defined]  # where a pickle brings the first
    _unfinished[cls] = options
    return cls


def finish(cls: type) -> None:
    """Generate the methods of a record, and of those that it derives from, if that was not done before.

    `__init__` comes last: until then it is what makes other threads wait, and a class that has it has all.
    """
    with _lock:
        for one in reversed(cls.__mro__):
            options = _unfinished.get(one)
            if options is not None:
                dataclass(frozen=True, init=False, **options)(one)
                one.__init__ = _generate_init(one)  # type: ignore[misc]
                del one.__setstate__  # type: ignore[attr-defined]
                del _unfinished[one]


def _generate_init(cls: Any) -> Any:
    """The `__init__` of a frozen dataclass with these fields."""
    after = {"__post_init__": cls.__post_init__} if hasattr(cls, "__post_init__") else {}
    named = [(f.name, f.type, f) for f in fields(cls)]
    like = make_dataclass(cls.__name__, named, namespace=after, frozen=True, eq=False, repr=False)
    made = vars(like)["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made
