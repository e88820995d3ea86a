"""The calls of a bound program, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from ..lowering.bind import Array, Bound, BranchCall, Call, CopyCall, KernelCall, LoopCall, NestCall, Place
from ..lowering.elements import elements
from ..lowering.program import Step
from .kernels import run_kernel
from .memory import Memory, blank_elements
from .nests import run_nest

Seen = Callable[[Step, float], None]  # a step has run, and how many seconds it took


class Interpreter:
    """Runs a bound program over a call's arguments, and fills the results."""

    def __init__(
        self, bound: Bound, arrays: Sequence[np.ndarray], results: Sequence[np.ndarray], seen: Seen | None = None
    ):
        self.bound, self.seen = bound, seen
        self.memory = Memory(bound, arrays, results)

    def run(self) -> None:
        """All calls; before each, what nobody needs any more goes."""
        for call in self.bound.calls:
            self.memory.let_go(call.step.time)
            self.calls((call,))

    def calls(self, calls: Sequence[Call]) -> None:
        """These calls, in order."""
        for call in calls:
            begun = perf_counter()
            self.call(call)
            if self.seen is not None:
                self.seen(call.step, perf_counter() - begun)

    def call(self, call: Call) -> None:
        """One call."""
        if isinstance(call, NestCall):
            nest, buffers = call.placed
            run_nest(nest, [self.memory[b] for b in buffers], self.bound.sizes)
        elif isinstance(call, KernelCall):
            self.kernel(call)
        elif isinstance(call, LoopCall):
            self.loop(call)
        elif isinstance(call, BranchCall):
            condition = self.memory[call.step.condition][0]
            self.calls(call.bodies[0 if condition else 1])
        else:
            assert isinstance(call, CopyCall)
            self.memory[call.step.target][:] = self.memory[call.step.source]

    def kernel(self, call: KernelCall) -> None:
        """An op by its reference."""
        arrays = [*call.outputs, *call.arguments]
        found = [self.operand(place, array) for place, array in zip(call.places, arrays, strict=True)]
        count = len(call.outputs)
        run_kernel(call.step.node, call.op, found[count:], found[:count], self.bound.sizes)

    def operand(self, place: Place, array: Array) -> np.ndarray:
        """An operand of a kernel as an array."""
        flat = self.memory[place.buffer]
        return elements(flat, array.shape, array.strides, place.offset // flat.itemsize)

    def loop(self, call: LoopCall) -> None:
        """A loop: elements and carries are put where the body looks for them, step after step."""
        step, memory = call.step, self.memory
        limit = call.length
        if step.count is not None:
            limit = min(limit, max(0, int(memory[step.count][0])))
        if step.may_end_early:
            for whole, _ in step.stacked:
                memory[whole][:] = 0
        carried = [memory[c.start] for c in step.carries]
        taken = 0
        while taken < limit:
            place = limit - 1 - taken if step.reverse else taken
            for whole, element in (*step.sequences, *step.stacked):
                size = self.bound.bytes[element] // element.dtype.itemsize
                memory[element] = memory[whole][place * size : (place + 1) * size]
            for carry, before in zip(step.carries, carried, strict=True):
                memory[carry.before] = before
                memory[carry.after] = blank_elements(before.size, before.dtype)
            self.calls(call.body)
            carried = [memory[c.after] for c in step.carries]
            taken += 1
            if step.test is not None and not memory[step.test][0]:
                break
        for carry, last in zip(step.carries, carried, strict=True):
            memory[carry.result][:] = last
        if step.taken is not None:
            memory[step.taken][0] = taken
