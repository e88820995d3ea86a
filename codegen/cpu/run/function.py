"""Calls on the CPU: arguments as addresses, arrays for the results, and a table that machine code walks."""

from __future__ import annotations

import copy
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy import array, empty, ndarray

from ....symbolic.access import VariableAccess
from ....symbolic.dims import show
from ....symbolic.errors import OutOfMemoryError, VerifyError, blame
from ....symbolic.leaves import storage_of
from ....symbolic.storage import Storage, StorageNumber
from ....symbolic.types import config
from ...arguments import adapt_argument, copy_aliases, number_types, order_arguments
from ...bound_function import BoundFunction
from ...function import Function
from ...lowering.bind import Bound
from ...lowering.program import NestStep
from ...lowering.working import WorkingMemory
from ...profile import StepTime
from ...target import Source, Target
from . import arenas, checked
from .binding import Binding, Walk
from .bound_function import CPUBoundFunction
from .compile import compile_nests, ir_of
from .direct_call import DirectCall, direct_call
from .encode import Setting, encode, measure
from .layouts import object_layout
from .results import LARGE_BYTES, large_array
from .table import PAUSED
from .times import step_times

SizeKey = tuple[int | tuple[int, ...], ...]  # what decides which tables serve a call: shapes, and sizes that are values
T = TypeVar("T")
_VERSION, _BEHIND = int(StorageNumber.VERSION), int(StorageNumber.BEHIND)
SEVERAL = 8  # calls of the same sizes, after which it pays to make code for more of them
REMEMBERED = 64  # sets of sizes whose tables and memory a function keeps

_functions: weakref.WeakSet[CPUFunction] = weakref.WeakSet()  # those with bindings


def _after_fork() -> None:
    for function in list(_functions):
        function.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class CPUFunction(Function):
    """A function that runs on this machine's processor."""

    _at_end = False  # in the checked mode: whether this call's buffers lie against the page behind them

    def __init__(self, asked: Source, target: Target):
        super().__init__(asked, target)
        graph, program = asked.graph, self.program
        self._keywords, self._form = asked.keywords, asked.form
        self._expected = tuple((x, x.dtype, x.ndim, number_types(x)) for x in graph.inputs)
        self._count = len(graph.inputs)
        self.nests = compile_nests(program.nests, checked.ENABLED)
        self._debug = config.debug
        self._idle: dict[SizeKey, list[Binding]] = {}
        self._accesses: list[VariableAccess] = []  # idle ones, of calls that are over
        self._states = tuple(storage.numbers for storage in self._storages)
        self._written_states = tuple(storage.numbers for storage in self._updated)
        self._lock = threading.Lock()
        self._direct: DirectCall | None = None  # serves calls of the sizes that were asked for last, if they are brief
        self._direct_calls: dict[SizeKey, DirectCall | int | None] = {}  # or how many calls there have been
        _functions.add(self)
        # variables whose arrays may be others at each call: in the checked mode all are
        variables = [(buffer, buffer.storage) for buffer in program.shared]
        moving = [(buffer, storage) for buffer, storage in variables if checked.ENABLED or storage.resizable]
        self._moving = tuple(buffer for buffer, _ in moving)
        self._moving_storages = tuple(storage for _, storage in moving)
        # of all that decides which tables serve: shapes of arguments, then these sizes
        known = [*(storage_of(node) for node in self.graph.shared), *self._updated]
        sizes = [*(storage.sizes for storage in known if storage.resizable), *graph.stored_sizes]
        self._sized = tuple(dict.fromkeys(sizes))
        # shapes of arguments decide alone, all arrays stay, and nobody looks at results
        self._plain = not (self._sized or self._moving_storages or self._counts is not None or self.refused)
        self.plan_memory()

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if self._direct is not None and not keywords:
            found = self._direct(*args)
            if found is not NotImplemented:
                return found
        return self._call(args, keywords)

    def _call(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """A call in Python, step by step: all that it may be is done here."""
        if keywords or len(args) != self._count or self._keywords is not None:
            args = order_arguments(self.asked, args, keywords)
        arrays = []
        for given, (x, dtype, ndim, numbers) in zip(args, self._expected):  # noqa: B905 - checked above
            kind = type(given)
            if kind is ndarray and given.dtype is dtype and given.ndim == ndim and given.flags.carray:
                arrays.append(given)
            elif kind in numbers:
                arrays.append(array(given, dtype))
            else:
                arrays.append(adapt_argument(given, x, self.downcast))
        access = None
        try:
            if self._reads:
                access = self._accesses.pop() if self._accesses else VariableAccess(self._reads, self._writes)
                access.acquire()
                for state in self._states:  # as _bring_storages, in line
                    if state[_BEHIND]:
                        self._fetch_storages()
                if self._updated:
                    arrays = copy_aliases(arrays, self._updated)
                    for state in self._written_states:
                        state[_VERSION] += 1  # copies elsewhere are behind from now on
            key: SizeKey = tuple([a.shape for a in arrays])
            if not self._plain:
                key += self._more_sizes(arrays)
            table = self._idle  # if the process forks during the call, bindings go where nobody looks
            idle = table.get(key)
            binding = idle.pop() if idle else self._bound(key, arrays)
            try:
                if binding.pooled:
                    binding.take_arena()
                try:
                    results = [
                        empty(s, d) if size < LARGE_BYTES else large_array(s, d, size) for s, d, size in binding.results
                    ]
                except (MemoryError, ValueError):
                    results = self._results(binding)
                objects, place = binding.objects, 0
                for one in arrays:
                    objects[place] = id(one)
                    place += 1
                for one in results:
                    objects[place] = id(one)
                    place += 1
                if not self._plain:
                    held = self._variables(binding, place)  # noqa: F841 - a callback may put others in their place
                failed = binding.walk(binding.header)
                if failed != -1:
                    if failed == PAUSED:  # Python handles signals between two walks
                        failed = binding.run()
                    if failed >= 0:
                        raise self.failure(binding, failed, arrays)
                if not self._plain:
                    if self.refused:
                        self._examine(binding, arrays, results)
                    self._replace(results)
                    binding.step[0] = 0  # a call that ends before it walks has not ended well
                    results = results[: self._outputs]
            except BaseException:
                if not self._plain and binding.done:  # a signal came right behind the last step
                    self._replace(results)
                binding.step[0] = 0
                raise
            finally:
                if binding.pooled:
                    binding.give_arena()
                idle = table.setdefault(key, [])
                idle.append(binding)
            if self._plain and binding.brief:
                self._choose_direct(key, idle, binding, arrays)
        finally:
            if access is not None:
                access.release()
                self._accesses.append(access)
        return results[0] if self._form is None else self._form(results)

    def _choose_direct(self, key: SizeKey, idle: list[Binding], binding: Binding, arrays: list[np.ndarray]) -> None:
        """Have calls of these sizes served without Python, once there have been several."""
        found = self._direct_calls.get(key, 0)
        if isinstance(found, int):
            if found < SEVERAL:
                self._direct_calls[key] = found + 1
                return
            shapes = [a.shape for a in arrays]
            found = direct_call(binding, idle, self.source.inputs, shapes, self.variables, self._form)
            self._direct_calls[key] = found
        self._direct = found

    @property
    def variables(self) -> tuple[Sequence[Storage], Sequence[Storage]]:
        """Those that a call uses, and of these those that it writes."""
        return self._storages, tuple(self._updated)

    def run_with_variables(self, run: Callable[[], T]) -> T:
        """What `run` returns, which has the newest values of all variables for itself."""
        with VariableAccess(self._reads, self._writes):
            self._bring_storages()
            return run()

    def new_binding(self, arrays: Sequence[np.ndarray]) -> Binding:
        """A binding for arrays of these shapes, which no other call gets: for functions of which these say all."""
        return self._bound(tuple(a.shape for a in arrays), list(arrays))

    def _bind_arrays(self, arguments: Sequence[np.ndarray], results: Sequence[np.ndarray]) -> BoundFunction:
        if self._plain and object_layout() is not None:
            return CPUBoundFunction(self, arguments, results)
        return super()._bind_arrays(arguments, results)

    def _variables(self, binding: Binding, place: int) -> list[np.ndarray]:
        """Put the arrays of variables that may have others at each call into the tables, from this place on."""
        held = [storage.array for storage in self._moving_storages]
        for number, one in enumerate(held, place):
            binding.objects[number] = id(one)
        return held

    def _more_sizes(self, arrays: list[np.ndarray]) -> SizeKey:
        """What decides on the tables besides the shapes of arguments: sizes that are values, and those of variables."""
        counts = () if self._counts is None else tuple([int(n) for n in self._counts(*arrays)])
        return (*counts, *[sizes.shape for sizes in self._sized])

    def _results(self, binding: Binding) -> list[np.ndarray]:
        """Memory for the results, once all that is idle has been given back.  Raises OutOfMemoryError."""
        try:
            return arenas.allocate(lambda: [empty(s, d) for s, d, _ in binding.results])
        except (MemoryError, ValueError):
            buffers = zip(self.program.results, binding.results, strict=True)
            buffer, (shape, _, size) = max(buffers, key=lambda pair: pair[1][2])
            node = buffer.node
            assert node is not None
            text = f"A result of shape {show(shape)} takes {size} bytes, which cannot be had: {node.op.name}."
            raise blame(OutOfMemoryError(text), node.site) from None

    def _examine(self, binding: Binding, arrays: list[np.ndarray], results: list[np.ndarray]) -> None:
        """Raise NotFiniteError where a result holds what it may not: variables are as before the call."""
        error = self.not_finite(results, arrays)
        if error is not None:
            binding.step[0] = 0  # not done: variables do not get their new values
            raise error

    def run_by(self, run: Callable[[Binding, Walk], int], args: Sequence[Any]) -> None:
        """A call whose rows `run` runs, with the walker in its own way, and says which of them failed (-1: none)."""
        arrays = [adapt_argument(given, x, self.downcast) for given, x in zip(args, self.source.inputs, strict=True)]
        with VariableAccess(self._reads, self._writes):
            key = (*[a.shape for a in arrays], *self._more_sizes(arrays))
            binding = self._bound(key, arrays)
            walk = binding.walk
            binding.walk = lambda header: run(binding, walk)
            other = copy.copy(self)
            other._keywords, other._idle = None, {key: [binding]}
            other._direct, other._direct_calls = None, {}
            CPUFunction.__call__(other, *arrays)

    def _bound(self, key: SizeKey, arrays: list[np.ndarray]) -> Binding:
        """A binding for these sizes, after the guards were checked."""
        sizes = self.sizes(arrays, [n for n in key[self._count :] if isinstance(n, int)])
        with self._lock:
            while len(self._idle) >= REMEMBERED:
                oldest = next(iter(self._idle))
                self._idle.pop(oldest, None)
                self._direct_calls.pop(oldest, None)
            return encode(self.bind_sizes(sizes), self.nests, self._setting)

    def working_memory(self, bound: Bound) -> WorkingMemory:
        return measure(bound, self.nests, self._setting)

    @property
    def _setting(self) -> Setting:
        return Setting(self.threads, self._moving, checked.ENABLED, self._at_end, self._debug)

    @property
    def bindings(self) -> list[Binding]:
        """Those that no call uses at this moment."""
        return [binding for idle in self._idle.values() for binding in idle]

    def forget(self) -> None:
        """After a fork: bindings are made anew, and nobody is making one."""
        self._idle, self._lock = {}, threading.Lock()
        self._direct, self._direct_calls = None, {}

    def __copy__(self) -> CPUFunction:
        other = object.__new__(type(self))  # the same code and the same variables
        other.__dict__.update(self.__dict__)
        _functions.add(other)
        return other

    def failure(self, binding: Binding, row: int, arrays: list[np.ndarray]) -> BaseException:
        """What a kernel's bad status means."""
        failed = binding.rows[row]
        if failed.caller is not None:
            return failed.caller.failure(int(binding.step_table[row, 1]))
        if isinstance(failed.step, NestStep):
            nests = "\n".join(str(placed.nest) for placed in failed.step.nests)
            text = f"A loop nest reads or writes outside of its buffers:\n{nests}"
            return blame(VerifyError(text), failed.step.node.site)
        return self.explain_failure(binding.bound.program.steps[failed.number], arrays)

    def bound_calls(self) -> list[Bound]:
        return [binding.bound for binding in self.bindings]

    def plan_text(self) -> str:
        from .plans import plan_text

        bound = self.bounds()
        return plan_text(bound[-1], self.nests, self._setting) if bound else ""

    def code_text(self, stage: str) -> str:
        return ir_of(self.nests)

    def step_times(self, args: tuple[Any, ...], repeat: int) -> list[StepTime]:
        found: list[StepTime] = []

        def time_rows(binding: Binding, walk: Walk) -> int:
            found.extend(step_times(binding, walk, repeat))
            return -1

        self.run_by(time_rows, args)
        return found
