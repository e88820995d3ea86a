"""Functions over arrays that stay, on the CPU: their tables are made once, and a call is the walk over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ....symbolic.access import queues
from ....symbolic.errors import ArgumentError, blame, user_site
from ....symbolic.storage import Storage
from ...bound_function import BoundFunction, Callee
from . import call_table, made
from .binding import Binding
from .builtin import make_builtin
from .layouts import ARRAY_DATA
from .table import BUSY, CALL_AGAIN


class TableFunction(Callee, Protocol):
    """What is asked of a function whose tables are walked."""

    @property
    def variables(self) -> tuple[Sequence[Storage], Sequence[Storage]]:
        """Those that a call uses, and of these those that it writes."""

    def run_with_variables(self, run: Callable[[], int | None]) -> int | None:
        """What `run` returns, which has the newest values of all variables for itself."""

    def new_binding(self, arrays: Sequence[np.ndarray]) -> Binding:
        """A binding for arrays of these shapes, which no other call gets."""

    def failure(self, binding: Binding, row: int, arrays: list[np.ndarray]) -> BaseException:
        """What a kernel's bad status means."""


class CPUBoundFunction(BoundFunction):
    """A binding of its own, and the table with which machine code runs it."""

    def __init__(self, function: TableFunction, arguments: Sequence[np.ndarray], arrays: Sequence[np.ndarray]):
        super().__init__(function, arguments, arrays)
        self._tables = function
        self._binding = function.new_binding(self.arguments)
        self._binding.keep_arena()
        # views of its own: nobody else changes their sizes, or where their elements are
        self._views = [array.view(np.ndarray) for array in (*self.arguments, *self._arrays)]
        for place, view in enumerate(self._views):
            self._binding.objects[place] = id(view)
        self._table = call_table.new_table()
        self._state = int(self._table.ctypes.data)
        call_table.set_binding(self._table, self._binding)
        call_table.set_variables(self._table, *function.variables, queues())
        self._walk = make_builtin(made.address("bound call", bound_call_recipe), "call", self._table)

    def __call__(self) -> Any:
        status = self._walk()
        return self.results if status is None else self._finish(status)

    def _finish(self, status: int | None) -> Any:
        """The results of a call that has not been run yet, or the error where it failed."""
        function = self._tables
        if status == CALL_AGAIN:
            status = function.run_with_variables(lambda: self._walk(True))
        if status is None:
            return self.results
        if status == BUSY:
            text = f"{function.name}, bound to arrays, is in a call already: of another thread, or one that this is in."
            raise blame(ArgumentError(text), user_site(), hint="bind once for each thread.")
        raise function.failure(self._binding, status, self._views[: len(self.arguments)])

    @property
    def address(self) -> int:
        return made.address("C function", c_function_recipe)

    @property
    def state(self) -> int:
        return self._state


def bound_call_recipe() -> made.Recipe:
    """How calls from Python are compiled."""
    return made.code_recipe(f"{__package__}.bound_calls", "emit_bound_call", (ARRAY_DATA,))


def c_function_recipe() -> made.Recipe:
    """How calls from C are compiled."""
    return made.code_recipe(f"{__package__}.bound_calls", "emit_c_function", ())
