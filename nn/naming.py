"""The names of layers, which begin those of their parameters: given, or the layer's kind and a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from ..symbolic.arguments import check_name
from ..symbolic.errors import ArgumentError, blame, user_site


class _Scope(NamedTuple):
    prefix: str
    layers: Counter[str]  # that were given no name, by kind


_scope: ContextVar[_Scope] = ContextVar("scope", default=_Scope("", Counter()))  # noqa: B039 - counts are its state


def scope(name: str) -> AbstractContextManager[None]:
    """`with nn.scope("encoder"):` names of layers inside begin with `encoder.`, and their numbers anew.

    So a network that is built again, in a scope, has the names that it had: those by which parameters are saved.
    """
    if not check_name(name):
        text = f"scope: the name of a scope is a string that is not empty, not {name!r}."
        raise blame(ArgumentError(text), user_site())
    return _enter(name)


@contextmanager
def _enter(name: str) -> Iterator[None]:
    token = _scope.set(_Scope(f"{_scope.get().prefix}{name}.", Counter()))
    try:
        yield
    finally:
        _scope.reset(token)


def layer_name(kind: str, name: str | None) -> str:
    """The name of a layer: that given, or its kind with the number that it has of these in the scope, from 2 on."""
    prefix, layers = _scope.get()
    if check_name(name) is None:
        layers[kind] += 1
        name = kind if layers[kind] == 1 else f"{kind}{layers[kind]}"
    return f"{prefix}{name}"


def layer_scope(kind: str, name: str | None) -> AbstractContextManager[None]:
    """The scope of a layer that is made of layers: their names begin with its own."""
    if check_name(name) == "":
        raise blame(ArgumentError("The name of a layer that is made of layers is not empty."), user_site())
    return scope(layer_name(kind, name).removeprefix(_scope.get().prefix))
