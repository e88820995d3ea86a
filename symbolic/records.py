"""Classes of plain values, many of which no program needs: each is finished when its first instance is made.

To generate a dataclass's methods takes half a millisecond, and there are some eighty kinds of ops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
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
    """Generate the methods of a record, and of those that it derives from, if that was not done before."""
    with _lock:
        for one in reversed(cls.__mro__):
            options = _unfinished.get(one)
            if options is not None:
                del one.__init__, one.__setstate__  # type: ignore[misc, attr-defined]
                dataclass(frozen=True, **options)(one)
                del _unfinished[one]
