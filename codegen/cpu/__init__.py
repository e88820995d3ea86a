"""The CPU: nests through LLVM, structured kernels through Numba, and a table of steps that machine code walks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...symbolic.expr import Op
from ..target import Key, Source, Target, key_of
from .kernels import KERNELS, UsersKernel
from .model import FUSION
from .run import checked


class CPUTarget(Target):
    """This machine's processor."""

    name = "cpu"
    fusion = FUSION

    def has_kernel(self, op: Op) -> bool:
        return key_of(op, KERNELS) is not None

    def register(self, key: Key, function: Callable[..., None]) -> None:
        KERNELS[key] = UsersKernel(function)

    def compile(self, source: Source) -> Callable[..., object]:
        if checked.ENABLED:  # functions import LLVM
            from .run.checked_function import CheckedFunction

            return CheckedFunction(source, self)
        from .run.function import CPUFunction

        return CPUFunction(source, self)

    def report(self) -> Iterable[str]:
        from .report import report  # imports LLVM, as what follows does

        return report()

    def report_call(self, function: Any) -> Iterable[str]:
        from .report import report_call

        return report_call(function)


CPU = CPUTarget()
