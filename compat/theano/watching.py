"""Modes that look at every value a function computes: NanGuardMode, DebugMode, MonitorMode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...codegen.function import function as weft_function
from ...symbolic.errors import blame
from ...symbolic.expr import Expr, depends
from ...symbolic.leaves import Input, Shared, storage_of
from ...symbolic.types import TupleType
from .modes import Mode, WatchingMode, WrapLinkerMany
from .notes import is_leaf
from .variables import variable_of

__all__ = ["WrapLinkerMany"]


class _NodeValues:
    """The values of all nodes of a function, before it changes any shared variable."""

    def __init__(self, function: Any) -> None:
        graph = function.compiled.source
        moving = depends(graph.nodes, [n for n in graph.nodes if isinstance(n.op, Input | Shared)])
        self.nodes = [n for n in graph.nodes if n in moving and not isinstance(n.type, TupleType)]
        inputs = list(graph.inputs)
        self.values = weft_function(inputs, self.nodes, _still(graph), on_unused_input="ignore", optimize=0)

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[tuple[Expr, np.ndarray]]:
        return list(zip(self.nodes, self.values(*arrays), strict=True))


def _still(graph: Any) -> dict[Expr, Expr]:
    """Updates that leave the random streams where they are."""
    return {n: n for n in graph.shared if storage_of(n).default_update is not None}


class _Watching(WatchingMode):
    """A mode that sees every value before each call."""

    def before(self, function: Any, arrays: Sequence[np.ndarray]) -> None:
        """Compute all values, without updates, and look at them."""
        if function not in self.watched:
            self.watched[function] = _NodeValues(function)
        self.see(self.watched[function](arrays))

    def see(self, values: list[tuple[Expr, np.ndarray]]) -> None:
        """What the mode does with the values."""
        raise NotImplementedError


class NanGuardMode(_Watching):
    """Look at every value that a function computes: NaN, infinities and numbers beyond 1e10 are errors."""

    error: type[Exception] = AssertionError

    def __init__(
        self, nan_is_error: bool = True, inf_is_error: bool = True, big_is_error: bool = True, **options: Any
    ) -> None:
        super().__init__()
        self.nan, self.inf, self.big = nan_is_error, inf_is_error, big_is_error

    def see(self, values: list[tuple[Expr, np.ndarray]]) -> None:
        """Raise an error at the first bad value."""
        for node, value in values:
            what = self._bad(value) if node.type.is_float else ""
            if what:
                name = variable_of(node).name or node.op.name
                text = f"{type(self).__name__}: {name}, of shape {value.shape}, holds {what}."
                raise blame(self.error(text), node.site, *[a.site for a in node.args])

    def _bad(self, value: np.ndarray) -> str:
        if self.nan and np.isnan(value).any():
            return "NaN"
        if self.inf and np.isinf(value).any():
            return "an infinity"
        finite = value[np.isfinite(value)]
        return "a number beyond 1e10" if self.big and (np.abs(finite) > 1e10).any() else ""


class DebugModeError(Exception):
    """What DebugMode finds."""


class InvalidValueError(DebugModeError):
    """A value that is NaN or infinite."""


class BadThunkOutput(DebugModeError):
    """Two ways to compute a value that disagree: weft has one."""


class BadOptimization(DebugModeError):
    """A rewritten value that differs: weft's rules are tested, and not checked at calls."""


class BadDestroyMap(DebugModeError):
    """An op that changes an input: arrays are handed to ops as copies."""


class BadViewMap(DebugModeError):
    """An op whose output is an input's memory: outputs are copied."""


class StochasticOrder(DebugModeError):
    """An order that differs from run to run: weft's does not."""


class DebugMode(NanGuardMode):
    """Look at every value that a function computes: NaN and infinities raise InvalidValueError."""

    error = InvalidValueError

    def __init__(self, optimizer: Any = "default", check_isfinite: bool = True, **options: Any) -> None:
        super().__init__(check_isfinite, check_isfinite, big_is_error=False)


class MonitorMode(_Watching):
    """Call functions with every application, its inputs and its outputs, before each call of a function.

    pre_func(place, node, fn) and post_func(place, node, fn): fn.inputs and fn.outputs are lists of [array].
    """

    def __init__(
        self,
        pre_func: Callable[..., None] | None = None,
        post_func: Callable[..., None] | None = None,
        optimizer: Any = "default",
        linker: Any = None,
    ) -> None:
        super().__init__(linker, optimizer)
        self.pre_func, self.post_func = pre_func, post_func

    def see(self, values: list[tuple[Expr, np.ndarray]]) -> None:
        """Show the values to the functions."""
        for place, (node, fn) in enumerate(_thunks(values)):
            for call in (self.pre_func, self.post_func):
                if call is not None:
                    call(place, node, fn)


def _thunks(values: list[tuple[Expr, np.ndarray]]) -> list[tuple[Any, Any]]:
    """(application, what its inputs and outputs are) for all that is computed."""
    known = dict(values)
    found = []
    for node, value in values:
        if is_leaf(node) or variable_of(node).owner is None:
            continue
        inputs = [[known.get(a, getattr(a.op, "value", None))] for a in node.args]
        thunk = _Thunk(inputs, [[value]])
        found.append((variable_of(node).owner, thunk))
    return found


class _Thunk(SimpleNamespace):
    """An application that has been run."""

    def __init__(self, inputs: list[Any], outputs: list[Any]) -> None:
        super().__init__(inputs=inputs, outputs=outputs)

    def __call__(self) -> None:
        """Nothing: the outputs are there."""


class WrappedMode(_Watching):
    """A mode whose linker calls a program's functions around each application."""

    def see(self, values: list[tuple[Expr, np.ndarray]]) -> None:
        """Call the linker's wrappers."""
        for place, (node, fn) in enumerate(_thunks(values)):
            for wrapper in self.linker.wrappers:
                wrapper(place, node, fn)


MODES: dict[str, Callable[[], Mode]] = {
    "DebugMode": DebugMode,
    "DEBUG_MODE": DebugMode,
    "NanGuardMode": NanGuardMode,
}
