"""Calls on a device."""

from __future__ import annotations

import threading
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from ....symbolic.access import VariableAccess
from ....symbolic.leaves import storage_of
from ...arguments import adapt_argument, copy_aliases, order_arguments
from ...function import Function
from ...lowering.bind import Bound, bind
from ...lowering.buffers import Buffer
from ...lowering.program import Step
from ...lowering.text import summary
from ...profile import StepTime
from ...target import Source, Target
from ..driver.device import Device
from ..launch import Processor
from .binding import DeviceBinding
from .segments import each_graph
from .variables import DeviceMemory, VariableCopy, copy_on

Sizes = tuple[Any, ...]  # what decides which binding serves a call
REMEMBERED = 16  # sets of sizes whose memory a function keeps


class CUDAFunction(Function):
    """A function that runs on a device."""

    def __init__(self, asked: Source, target: Target, device: Device, processor: Processor):
        super().__init__(asked, target)
        self.device, self.processor = device, processor
        self._constants: dict[Buffer, DeviceMemory] = {}
        self._idle: dict[Sizes, list[DeviceBinding]] = {}
        self._lock = threading.Lock()
        known = [*(storage_of(node) for node in self.graph.shared), *self._updated]
        self._sized = tuple(dict.fromkeys([*(s.sizes for s in known if s.resizable), *self.graph.stored_sizes]))

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        given = order_arguments(self.asked, args, keywords)
        arrays = [adapt_argument(value, x, self.downcast) for value, x in zip(given, self.source.inputs, strict=True)]
        with VariableAccess(self._reads, self._writes):
            results = self._run(copy_aliases(arrays, self._updated))
        results = results[: self._outputs]
        return results[0] if self.asked.form is None else self.asked.form(results)

    def _run(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        key, binding = self._take(arrays)
        try:
            self._bring_variables(binding)
            binding.upload(self.program.inputs, arrays)
            binding.run()
            results = self._results(binding)
            refused = binding.refusing_step()
        finally:
            self._idle.setdefault(key, []).append(binding)
        if refused is not None:
            raise self.explain_failure(refused, arrays)
        if self.refused:
            error = self.not_finite(results, arrays)
            if error is not None:
                raise error
        self._note_writes(binding)
        self._replace(results)
        return results

    def _take(self, arrays: list[np.ndarray]) -> tuple[Sizes, DeviceBinding]:
        """A binding for these sizes, which is this call's alone, after the guards were checked."""
        counts = () if self._counts is None else tuple(int(n) for n in self._counts(*arrays))
        key = (*[a.shape for a in arrays], *counts, *[sizes.shape for sizes in self._sized])
        with self._lock:
            idle = self._idle.get(key)
            if idle:
                return key, idle.pop()
            while len(self._idle) >= REMEMBERED:
                for binding in self._idle.pop(next(iter(self._idle))):
                    binding.close()
        bound = bind(self.program, self.sizes(arrays, counts))
        return key, DeviceBinding(bound, self.device, self.processor, self._constants)

    # ---- variables ------------------------------------------------------------------------------------------------

    def _bring_variables(self, binding: DeviceBinding) -> None:
        """The newest values of variables are on the device, and the graphs know where."""
        shared = self.program.shared
        binding.move({buffer: copy_on(self.device, buffer.storage).memory.address for buffer in shared})

    def _note_writes(self, binding: DeviceBinding) -> None:
        """What the steps have written to variables is their newest value."""
        replaced = set(self._replaced)
        for storage in self._updated:
            if storage in replaced:
                continue
            copy = storage.copy_at(self.device.name)
            assert isinstance(copy, VariableCopy)
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

    # ---- what `explain` and `profile` show ------------------------------------------------------------------------

    @property
    def bindings(self) -> list[DeviceBinding]:
        """Those that no call uses at this moment."""
        return [binding for idle in self._idle.values() for binding in idle]

    def bound_calls(self) -> list[Bound]:
        return [binding.bound for binding in self.bindings]

    def arenas(self) -> list[str]:
        return [
            f"bound to {key}: an arena of {binding.arena_bytes} bytes on {self.device.name}"
            for key, idle in self._idle.items()
            for binding in idle
        ]

    def plan_text(self) -> str:
        found = self.bindings
        if not found:
            return ""
        lines = []
        for number, graph in enumerate(each_graph(found[-1].encoded.segments)):
            lines.append(f"graph {number}: {len(graph.nodes)} nodes")
            lines += [f"    {node.step.label}: {node.label}" for node in graph.nodes]
        return "\n".join(lines)

    def step_times(self, args: tuple[Any, ...], repeat: int) -> list[StepTime]:
        arrays = [adapt_argument(value, x, self.downcast) for value, x in zip(args, self.source.inputs, strict=True)]
        times: list[float] = []
        for _ in range(repeat):
            begun = perf_counter()
            with VariableAccess(self._reads, self._writes):
                self._run(arrays)
            times.append(perf_counter() - begun)
        steps: list[Step] = list(self.program.all_steps)
        each = median(times) / max(1, len(steps))
        return [StepTime(summary(s), each, 1 / len(steps), 0, 1, s.node.site) for s in steps]
