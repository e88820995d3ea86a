"""Steps that run in Python: a kernel that calls back, and what it calls."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ....ops.callback import Callback
from ....symbolic.errors import Site, WeftError, at_site, blame, user_site
from ....symbolic.expr import Op
from ..launch import Array, Kernel, KernelRef, Launch, Plan
from ..model import UNKNOWN_NS

Results = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]

_ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_int64)  # takes the GIL, which the walker has let go of
# cells: 0 if the last call went well, and the addresses of what to call then and else
_STATUS, _ENTER, _ANEW = range(3)


class CallbackParams(NamedTuple):
    """Of `make_callback`."""

    cells: int  # their address


def make_callback() -> Kernel:
    """Calls a function with the address of the buffers.

    The status is 1 until the function says otherwise: it counts as failed, too, if Python refuses to enter it.
    """
    from ..tiles.intrinsics import address_of, call, pointer, read

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        cells = pointer(read(params, CallbackParams).cells, np.int64)
        function = cells[_ANEW] if cells[_STATUS] else cells[_ENTER]
        cells[_STATUS] = 1
        call(function, (address_of(buffers, 0),))
        status: int = cells[_STATUS]
        return status

    return kernel


class Caller:
    """What the kernel calls: a function, on copies of the arrays; and the error that came of it."""

    def __init__(
        self, name: str, function: Results, outs: tuple[Array, ...], args: tuple[Array, ...], site: Site
    ) -> None:
        self.name, self.function, self.outs, self.args, self.site = name, function, outs, args, site
        self.error: BaseException | None = None
        self.cells = np.zeros(3, np.int64)
        self._anew = _ENTRY(self._begin)
        self.cells[_ANEW] = _address(self._anew)
        self._begin()

    def _begin(self, table: int | None = None) -> None:
        """Make the generator that serves from now on: one that Python refused to enter is dead."""
        serving = self._serve()
        next(serving)
        self._enter = _ENTRY(serving.send)
        self.cells[_ENTER] = _address(self._enter)
        if table is not None:
            serving.send(table)

    def _serve(self) -> Generator[None, int, None]:
        """Runs once for each address sent.

        A generator, since it is entered within its `try`: a signal that waited for the walker to come back to Python
        raises its exception right there, and out of a function called from C there is no other way for it.
        """
        while True:
            try:
                while True:
                    self._run((yield))
            except GeneratorExit:  # nobody will send any more
                return
            except BaseException as error:
                self.error = error
                self.cells[_STATUS] = 1

    def _run(self, table: int) -> None:
        addresses = (ctypes.c_int64 * (len(self.outs) + len(self.args))).from_address(table)
        values = [
            array_at(place, array).copy() for place, array in zip(addresses[len(self.outs) :], self.args, strict=True)
        ]
        try:
            with at_site(self.site):
                results = self.function(values)
        except BaseException as error:
            self.error = error
            return
        for place, array, result in zip(addresses, self.outs, results, strict=False):
            np.copyto(array_at(place, array), result)
        self.cells[_STATUS] = 0

    def failure(self, table: int) -> BaseException:
        """The exception that made the last call fail."""
        error, self.error = self.error, None
        if error is not None:
            return error
        text = f"{self.name} was not called: Python refused to, as it does at its limit of recursion."
        return blame(RecursionError(text), self.site)


def _address(function: Any) -> int:
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


def array_at(address: int, array: Array) -> np.ndarray:
    """The array that is at an address."""
    if 0 in array.shape:
        return np.empty(array.shape, array.dtype)
    strides = [s * array.dtype.itemsize for s in array.strides]
    spans = [(n - 1) * s for n, s in zip(array.shape, strides, strict=True)]
    first, last = sum(s for s in spans if s < 0), sum(s for s in spans if s > 0) + array.dtype.itemsize
    memory = memoryview((ctypes.c_char * (last - first)).from_address(address + first))
    return np.ndarray(array.shape, array.dtype, memory, -first, strides)


def plan_callback(op: Callback, outs: tuple[Array, ...], args: tuple[Array, ...]) -> Plan:
    """A user's function."""
    return plan_results(op.name, op.results, outs, args)


def plan_reference(op: Op, outs: tuple[Array, ...], args: tuple[Array, ...]) -> Plan:
    """An op's own reference, where NumPy's library is as good as any: LAPACK, which nobody waits for to be compiled."""

    def results(values: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        site = user_site()
        try:
            found = op.numpy(*values)
        except WeftError as error:
            raise blame(error, site) from None
        return found if isinstance(found, tuple) else (found,)

    return plan_results(op.name, results, outs, args)


def plan_results(name: str, function: Results, outs: tuple[Array, ...], args: tuple[Array, ...]) -> Plan:
    """One launch, of one unit of work: the function makes the outputs' values of the arguments' values."""
    caller = Caller(name, function, outs, args, user_site())
    buffers = tuple(range(len(outs) + len(args)))
    params = CallbackParams(int(caller.cells.ctypes.data))
    launch = Launch(KernelRef(make_callback), buffers, params, 1, UNKNOWN_NS, caller)
    return Plan((launch,), way=f"{name}: in Python, on the calling thread")
