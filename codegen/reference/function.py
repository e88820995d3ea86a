"""Calls of functions for the reference."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np

from ...symbolic.access import VariableAccess
from ..arguments import adapt_argument, copy_aliases, order_arguments
from ..function import Function
from ..lowering.bind import Bound
from ..lowering.program import Step
from ..lowering.text import summary
from ..profile import StepTime
from ..target import Source, Target
from .interpreter import Interpreter, Seen
from .memory import blank_elements


class ReferenceFunction(Function):
    """A function that is interpreted."""

    def __init__(self, asked: Source, target: Target):
        super().__init__(asked, target)
        self._bound: Bound | None = None  # of the last call
        self.plan_memory()

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        given = order_arguments(self.asked, args, keywords)
        arrays = [adapt_argument(value, x, self.downcast) for value, x in zip(given, self.source.inputs, strict=True)]
        with VariableAccess(self._reads, self._writes):
            self._bring_storages()
            results = self._run(copy_aliases(arrays, self._updated))
            error = self.not_finite(results, arrays) if self.refused else None
            if error is not None:
                raise error
            self._replace(results)
        results = results[: self._outputs]
        return results[0] if self.asked.form is None else self.asked.form(results)

    def _run(self, arrays: list[np.ndarray], seen: Seen | None = None) -> list[np.ndarray]:
        counts = () if self._counts is None else [int(n) for n in self._counts(*arrays)]
        bound = self._bound = self.bind_sizes(self.sizes(arrays, counts))
        results = [blank_elements(r.bytes // r.dtype.itemsize, r.dtype).reshape(r.shape) for r in bound.results]
        Interpreter(bound, arrays, results, seen).run()
        return results

    def bound_calls(self) -> list[Bound]:
        return [] if self._bound is None else [self._bound]

    def plan_text(self) -> str:
        return "\n".join(f"in NumPy: {summary(step)}" for step in self.program.all_steps)

    def step_times(self, args: tuple[Any, ...], repeat: int) -> list[StepTime]:
        arrays = [adapt_argument(value, x, self.downcast) for value, x in zip(args, self.source.inputs, strict=True)]
        runs: list[dict[Step, float]] = []
        with VariableAccess(self._reads, self._writes):
            self._bring_storages()
            for _ in range(repeat):
                times: dict[Step, float] = {}

                def add(step: Step, seconds: float, times: dict[Step, float] = times) -> None:
                    times[step] = times.get(step, 0.0) + seconds

                self._run(arrays, add)
                runs.append(times)
        # updates are made each time, so that a branch may be another one
        steps = dict.fromkeys(step for times in runs for step in times)
        seconds = {step: median(times.get(step, 0.0) for times in runs) for step in steps}
        total = sum(seconds.values()) or 1.0
        return [StepTime(s.label, t, t / total, 0, 1, s.node.site) for s, t in seconds.items()]
