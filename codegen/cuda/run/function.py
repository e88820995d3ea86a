"""Calls on a device."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....symbolic.access import VariableAccess
from ....symbolic.errors import IndexRangeError, OutOfMemoryError, blame
from ....symbolic.leaves import storage_of
from ....symbolic.sizes import dims_of
from ...arguments import order_arguments
from ...function import Function
from ...lowering.bind import Bound
from ...lowering.buffers import Buffer
from ...lowering.program import Step
from ...lowering.text import memory_text
from ...lowering.working import WorkingMemory
from ...profile import StepTime
from ...target import Source, Target
from ..driver.allocation import Allocation
from ..driver.device import Device
from ..driver.device_array import DeviceArray, put_on_device
from .arguments import Argument, on_host, take_argument
from .binding import DeviceBinding, measure
from .code import code_of, plan_of
from .host_steps import host_steps, warn_of_host_steps
from .times import step_times
from .variables import copy_on

Sizes = tuple[Any, ...]  # what decides which binding serves a call
REMEMBERED = 16  # sets of sizes whose memory a function keeps
SAMPLE = 64  # the sizes for which code is shown where there was no call


_functions: weakref.WeakSet[CUDAFunction] = weakref.WeakSet()  # those whose idle memory may be given back


class CUDAFunction(Function):
    """A function that runs on a device."""

    code_stages = ("ptx", "ir")

    def __init__(self, asked: Source, target: Target, device: Device):
        self.device = device
        super().__init__(asked, target)
        self.processor = self.device.processor._replace(precision=asked.options.precision)
        self._constants: dict[Buffer, Allocation] = {}
        self._idle: dict[Sizes, list[DeviceBinding]] = {}
        self._lock = threading.Lock()
        warn_of_host_steps(host_steps(self.program))
        known = [*(storage_of(node) for node in self.graph.shared), *self._updated]
        self._sized = tuple(dict.fromkeys([*(s.sizes for s in known if s.resizable), *self.graph.stored_sizes]))
        _functions.add(self)
        self.plan_memory()

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        given = order_arguments(self.asked, args, keywords)
        pairs = zip(given, self.source.inputs, strict=True)
        arguments = [take_argument(value, x, self.downcast, self.device) for value, x in pairs]
        with VariableAccess(self._reads, self._writes):
            results = self._run(arguments)
        results = results[: self._outputs]
        return results[0] if self.asked.form is None else self.asked.form(results)

    def _size_function(self, source: Source) -> Function:
        return CUDAFunction(source, self.target, self.device)

    def _run(self, arguments: list[Argument]) -> list[Any]:
        key, binding = self._take(arguments)
        waits = not self.asked.options.stays or bool(self.refused)
        flags, refusing = binding.encoded.flags, None
        try:
            self._bring_variables(binding)
            binding.give(self.program.inputs, arguments)
            self._note_writes(binding)
            binding.run()
            binding.let_go(arguments)
            results = self._results(binding) if waits else self._results_there(binding)
            if waits:
                refusing = flags.take(self.device)
            elif flags.steps:
                self.device.check_later(binding, lambda: _raise_refusal(binding))
        finally:
            self._idle.setdefault(key, []).append(binding)
        if refusing is not None:
            raise self.explain_failure(refusing, self._hosts(arguments))
        if self.refused:
            error = self.not_finite([np.asarray(r) for r in results], self._hosts(arguments))
            if error is not None:
                raise error
        if self.program.calls_back:  # a callback may have looked at variables, or given them values
            self._note_writes(binding)
        self._replace([*results[: self._outputs], *map(np.asarray, results[self._outputs :])])
        return [put_on_device(self.device, r) for r in results] if waits and self.asked.options.stays else results

    def _hosts(self, arguments: Sequence[Argument]) -> list[np.ndarray]:
        return [on_host(a, self.device) for a in arguments]

    def _take(self, arguments: Sequence[Argument]) -> tuple[Sizes, DeviceBinding]:
        """A binding for these sizes, which is this call's alone, after the guards were checked."""
        counts = () if self._counts is None else tuple(int(n) for n in self._counts(*self._hosts(arguments)))
        key = (*[a.shape for a in arguments], *counts, *[sizes.shape for sizes in self._sized])
        with self._lock:
            idle = self._idle.get(key)
            if idle:
                return key, idle.pop()
            while len(self._idle) >= REMEMBERED:
                _close(self._idle.pop(next(iter(self._idle))))
        bound = self.bind_sizes(self.sizes(arguments, counts))
        try:
            return key, self._make(bound)
        except OutOfMemoryError:
            for function in list(_functions):
                function.give_back()
        try:
            return key, self._make(bound)
        except OutOfMemoryError as error:
            error.add_note(f"The memory plan of {self.name}:\n{memory_text(bound.program, bound)}")
            raise

    def _make(self, bound: Bound) -> DeviceBinding:
        return DeviceBinding(bound, self.device, self.processor, self._constants)

    def give_back(self) -> None:
        """The memory of all bindings that no call uses."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for bindings in idle.values():
            _close(bindings)

    # ---- variables ------------------------------------------------------------------------------------------------

    def _bring_variables(self, binding: DeviceBinding) -> None:
        """The newest values of variables are on the device as long as the call needs them; the graphs know where."""
        shared = self.program.shared
        binding.copies = {buffer.storage: copy_on(self.device, buffer.storage) for buffer in shared}
        binding.move({buffer: binding.copies[buffer.storage].memory.address for buffer in shared})

    def _note_writes(self, binding: DeviceBinding) -> None:
        """The device has the newest values of variables that the steps write.

        It is said before they run: whether they did, or did not come so far, what stands there is right.
        """
        for storage in self._updated - set(self._replaced):
            copy = binding.copies[storage]
            storage.note_write(self.device.name, copy, copy.shape)

    def _results(self, binding: DeviceBinding) -> list[np.ndarray]:
        """The results as arrays of the host; waits."""
        found = []
        for buffer, result in zip(self.program.results, binding.bound.results, strict=True):
            array = np.empty(result.shape, result.dtype)
            if array.size:
                self.device.download(array, binding.span(buffer))
            found.append(array)
        return found

    def _results_there(self, binding: DeviceBinding) -> list[DeviceArray]:
        """The results in memory of their own on the device."""
        found = []
        for buffer, result in zip(self.program.results, binding.bound.results, strict=True):
            memory = Allocation(self.device, result.bytes)
            if result.bytes:
                self.device.copy(memory.span, binding.span(buffer))
            found.append(DeviceArray(memory, result.shape, result.dtype))
        return found

    # ---- what `explain` and `profile` show ------------------------------------------------------------------------

    @property
    def bindings(self) -> list[DeviceBinding]:
        """Those that no call uses at this moment."""
        return [binding for idle in self._idle.values() for binding in idle]

    def bound_calls(self) -> list[Bound]:
        return [binding.bound for binding in self.bindings]

    def working_memory(self, bound: Bound) -> WorkingMemory:
        return measure(bound, self.processor)

    def plan_text(self) -> str:
        bounds = self.bounds()
        return plan_of(bounds[-1], self.processor) or "nothing to do" if bounds else ""

    def code_text(self, stage: str) -> str:
        bounds = self.bounds()
        if bounds:
            return code_of(bounds[-1], self.processor, self.device.architecture, stage)
        names = sorted({name for dim in dims_of(self.graph.nodes) for name in dim.names})
        bound = self.bind_sizes(dict.fromkeys(names, SAMPLE))
        mark = ";" if stage == "ir" else "//"
        head = f"{mark} there was no call yet, so all sizes that only a call knows are {SAMPLE}: {', '.join(names)}\n"
        return head + code_of(bound, self.processor, self.device.architecture, stage)

    def step_times(self, args: tuple[Any, ...], repeat: int) -> list[StepTime]:
        pairs = zip(args, self.source.inputs, strict=True)
        arguments = [take_argument(value, x, self.downcast, self.device) for value, x in pairs]
        with VariableAccess(self._reads, self._writes):
            key, binding = self._take(arguments)
            try:
                self._bring_variables(binding)
                binding.give(self.program.inputs, arguments)
                self._note_writes(binding)
                binding.run()
                found = step_times(binding, repeat)
            finally:
                self._idle.setdefault(key, []).append(binding)
        return found


def _raise_refusal(binding: DeviceBinding) -> None:
    """The error of a call that nobody has waited for, if a step of it has refused its input."""
    step: Step | None = binding.encoded.flags.take(binding.device)
    if step is not None:
        text = f"{step.node.op.name} refused its input: an index, a label or a number of steps is out of range."
        raise blame(IndexRangeError(text), step.node.site, *[a.site for a in step.node.args])


def _close(bindings: Sequence[DeviceBinding]) -> None:
    for binding in bindings:
        binding.close()
